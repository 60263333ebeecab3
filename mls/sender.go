package mls

import (
	"github.com/mlsuite/mlsuite/internal/wire"
)

// Sender says who sent a message, and in which role (RFC 9420, Section 6).
//
//	struct {
//	    SenderType sender_type;
//	    select (Sender.sender_type) {
//	        case member:   uint32 leaf_index;
//	        case external: uint32 sender_index;
//	        case new_member_commit:
//	        case new_member_proposal:
//	            struct{};
//	    };
//	} Sender;
type Sender struct {
	Type  SenderType
	Leaf  LeafIndex // of SenderMember
	Index uint32    // of SenderExternal: into the group's [ExternalSenders]
}

func (s *Sender) marshal(w *wire.Writer) {
	wire.WriteEnum(w, "sender type", s.Type, SenderNewMemberCommit)
	switch s.Type {
	case SenderMember:
		w.Uint32(uint32(s.Leaf))
	case SenderExternal:
		w.Uint32(s.Index)
	}
}

func (s *Sender) unmarshal(r *wire.Reader) {
	s.Type = wire.ReadEnum(r, "sender type", SenderNewMemberCommit)
	switch s.Type {
	case SenderMember:
		s.Leaf = LeafIndex(r.Uint32())
	case SenderExternal:
		s.Index = r.Uint32()
	}
}

// Author is the signer of a message, as of the message's epoch. In another epoch, the
// leaf or the index among the external senders may belong to somebody else. A new
// member's credential and key are those of the leaf that it brings.
//
// The caller must not change what it refers to.
type Author struct {
	Epoch        uint64 // of the message
	Credential   Credential
	SignatureKey []byte // the key that verified the signature
}
