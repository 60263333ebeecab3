package message

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
	r.Share(func() { i.Extensions.unmarshal(r) }) // the tree among them, which is most of it
	i.ConfirmationTag = r.Bytes()
	i.Signer = LeafIndex(r.Uint32())
	i.Signature = r.Bytes()
}

// GroupContext summarizes the state of a group in one epoch (RFC 9420, Section 8.1).
//
//	struct {
//	    ProtocolVersion version = mls10;
//	    CipherSuite cipher_suite;
//	    opaque group_id<V>;
//	    uint64 epoch;
//	    opaque tree_hash<V>;
//	    opaque confirmed_transcript_hash<V>;
//	    Extension extensions<V>;
//	} GroupContext;
type GroupContext struct {
	Version                 uint16
	CipherSuite             suite.ID
	GroupID                 []byte
	Epoch                   uint64
	TreeHash                []byte
	ConfirmedTranscriptHash []byte
	Extensions              Extensions
}

func (c *GroupContext) marshal(w *wire.Writer) {
	marshalVersion(w, c.Version)
	w.Uint16(uint16(c.CipherSuite))
	w.Bytes(c.GroupID)
	w.Uint64(c.Epoch)
	w.Bytes(c.TreeHash)
	w.Bytes(c.ConfirmedTranscriptHash)
	c.Extensions.marshal(w)
}

// maxSize returns what the encoding is not longer than, in bytes.
func (c *GroupContext) maxSize() int {
	const fixed = 2 + 2 + 8 + 3*4
	return fixed + len(c.GroupID) + len(c.TreeHash) + len(c.ConfirmedTranscriptHash) + c.Extensions.maxSize()
}

func (c *GroupContext) unmarshal(r *wire.Reader) {
	c.Version = unmarshalVersion(r)
	c.CipherSuite = suite.ID(r.Uint16())
	c.GroupID = r.Bytes()
	c.Epoch = r.Uint64()
	c.TreeHash = r.Bytes()
	c.ConfirmedTranscriptHash = r.Bytes()
	c.Extensions.unmarshal(r)
}
