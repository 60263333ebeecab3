package mls

import (
	"github.com/mlsuite/mlsuite/internal/wire"
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
