package mls

import (
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// GroupInfo describes a group in one epoch to a client that joins it (RFC 9420, Section
// 12.4.3).
//
//	struct {
//	    GroupContext group_context;
//	    Extension extensions<V>;
//	    MAC confirmation_tag;
//	    uint32 signer;
//	    opaque signature<V>;
//	} GroupInfo;
type GroupInfo struct {
	GroupContext    GroupContext
	Extensions      Extensions
	ConfirmationTag []byte
	Signer          LeafIndex
	Signature       []byte
}

func (i *GroupInfo) marshal(w *wire.Writer) {
	i.marshalTBS(w)
	w.Bytes(i.Signature)
}

// marshalTBS writes GroupInfoTBS, what Signature signs.
func (i *GroupInfo) marshalTBS(w *wire.Writer) {
	for _, x := range i.Extensions {
		w.Grow(len(x.Data) + 1024) // the tree is most of it
	}
	i.GroupContext.marshal(w)
	i.Extensions.marshal(w)
	w.Bytes(i.ConfirmationTag)
	w.Uint32(uint32(i.Signer))
}

func (i *GroupInfo) unmarshal(r *wire.Reader) {
	i.GroupContext.unmarshal(r)
	i.Extensions.unmarshal(r)
	i.ConfirmationTag = r.Bytes()
	i.Signer = LeafIndex(r.Uint32())
	i.Signature = r.Bytes()
}

// tbs returns GroupInfoTBS.
func (i *GroupInfo) tbs() ([]byte, error) {
	var w wire.Writer
	i.marshalTBS(&w)
	return w.Finish()
}

// checkHashes checks the lengths of the hashes that cover the past, which no joiner can
// compute. They are as long as the suite's hash, except that the transcript hash is empty
// before the first commit (RFC 9420, Section 8.2).
func (i *GroupInfo) checkHashes(s suite.Suite) error {
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

// externalPub returns the public key to which joiners send the init_secret.
func (i *GroupInfo) externalPub(s suite.Suite) ([]byte, error) {
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
