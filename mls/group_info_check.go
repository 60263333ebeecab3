package mls

import (
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// groupInfoTBS returns GroupInfoTBS.
func groupInfoTBS(i *GroupInfo) ([]byte, error) {
	var w wire.Writer
	WriteTBS(&w, i)
	return w.Finish()
}

// checkHashes checks the lengths of the hashes that cover the past, which no joiner can
// compute. They are as long as the suite's hash, except that the transcript hash is empty
// before the first commit (RFC 9420, Section 8.2).
func checkHashes(i *GroupInfo, s suite.Suite) error {
	size := s.Info().Hash.Size
	want := size
	if i.GroupContext.Epoch == 0 {
		want = 0
	}
	if len(i.GroupContext.ConfirmedTranscriptHash) != want {
		return violation("8.2", "confirmed_transcript_hash of epoch %d is of %d bytes", i.GroupContext.Epoch, want)
	}
	if len(i.ConfirmationTag) != size {
		return violation("6.1", "confirmation_tag is of %d bytes", size)
	}
	return nil
}

// readExternalPub returns the public key to which joiners send the init_secret.
func readExternalPub(i *GroupInfo, s suite.Suite) ([]byte, error) {
	data, ok := i.Extensions.Find(ExtensionExternalPub)
	if !ok {
		return nil, violation("12.4.3.2", "GroupInfo has an external_pub")
	}
	var pub externalPub
	if err := wire.Parse(data, "external_pub", pub.unmarshal); err != nil {
		return nil, err
	}
	if err := s.CheckPublicKey(pub.key); err != nil {
		return nil, violation("12.4.3.2", "external_pub is a public key of the suite").because(err)
	}
	return pub.key, nil
}

// externalPub is the content of the external_pub extension of a GroupInfo: the
// group's public key for external commits (RFC 9420, Section 12.4.3.2).
type externalPub struct {
	key []byte
}

func (p *externalPub) marshal(w *wire.Writer) { w.Bytes(p.key) }

func (p *externalPub) unmarshal(r *wire.Reader) { p.key = r.Bytes() }
