package check

import (
	"slices"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// AppendSignature returns the encoding of a structure that was signed, which is what was
// signed and then the signature. It writes over the rest of tbs, and leaves room for
// overhead more bytes.
func AppendSignature(tbs, signature []byte, overhead int) ([]byte, error) {
	const header = 4
	w := wire.WriterAfter(slices.Grow(tbs, header+len(signature)+overhead))
	w.Bytes(signature)
	return w.Finish()
}

// Hashes returns a [*message.ValidationError] unless the hashes that cover the past,
// which no joiner can compute, have the right lengths. They are as long as the suite's
// hash, except that the transcript hash is empty before the first commit (RFC 9420,
// Section 8.2).
func Hashes(i *message.GroupInfo, s suite.Suite) error {
	size := s.Info().Hash.Size
	want := size
	if i.GroupContext.Epoch == 0 {
		want = 0
	}
	if len(i.GroupContext.ConfirmedTranscriptHash) != want {
		return fault.Violation("8.2", "confirmed_transcript_hash of epoch %d does not have %d bytes", i.GroupContext.Epoch, want)
	}
	if len(i.ConfirmationTag) != size {
		return fault.Violation("6.1", "confirmation_tag does not have %d bytes", size)
	}
	return nil
}

// ReadExternalPub returns the public key to which joiners send the init_secret (RFC 9420,
// Section 12.4.3.2). The error is a [*message.ValidationError] if there is none or it is
// no key of the suite, and wraps [message.ErrMalformed] if it does not parse.
func ReadExternalPub(i *message.GroupInfo, s suite.Suite) ([]byte, error) {
	data, ok := i.Extensions.Find(codepoint.ExtensionExternalPub)
	if !ok {
		return nil, fault.Violation("12.4.3.2", "GroupInfo has no external_pub")
	}
	var pub ExternalPub
	if err := wire.Parse(data, "external_pub", pub.unmarshal); err != nil {
		return nil, err
	}
	if err := s.CheckPublicKey(pub.Key); err != nil {
		return nil, fault.Violation("12.4.3.2", "external_pub is not a public key of the suite").Because(err)
	}
	return pub.Key, nil
}

// ExternalPub is the content of the external_pub extension of a GroupInfo: the
// group's public key for external commits (RFC 9420, Section 12.4.3.2).
type ExternalPub struct {
	Key []byte
}

// Marshal writes p.
func (p *ExternalPub) Marshal(w *wire.Writer) { w.Bytes(p.Key) }

func (p *ExternalPub) unmarshal(r *wire.Reader) { p.Key = r.Bytes() }
