package mls

import (
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

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
	Version                 ProtocolVersion
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

func (c *GroupContext) unmarshal(r *wire.Reader) {
	c.Version = unmarshalVersion(r)
	c.CipherSuite = suite.ID(r.Uint16())
	c.GroupID = r.Bytes()
	c.Epoch = r.Uint64()
	c.TreeHash = r.Bytes()
	c.ConfirmedTranscriptHash = r.Bytes()
	c.Extensions.unmarshal(r)
}
