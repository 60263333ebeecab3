// Package publiccommit reads from a public commit or proposal what it shows to those who are no
// members.
package publiccommit

import (
	"bytes"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/message"
)

// External reports whether m is a commit of a client that is no member yet (RFC 9420,
// Section 12.4.3.2).
func External(m *message.Message) bool {
	if m.PublicMessage == nil || m.ContentType() != message.ContentCommit {
		return false
	}
	r := wire.NewOwnedReader(m.PublicMessage)
	r.Skip()     // group_id
	r.SkipRaw(8) // epoch
	return message.SenderType(r.Uint8()) == message.SenderNewMemberCommit
}

// SelfRemove reports whether m is a PublicMessage of a member with a SelfRemove, whose number
// is that of numbers (draft-ietf-mls-extensions-10, Section 6.3).
func SelfRemove(m *message.Message, numbers message.CodePoints) bool {
	if m.PublicMessage == nil || m.ContentType() != message.ContentProposal {
		return false
	}
	r := wire.NewOwnedReader(m.PublicMessage)
	r.Skip()     // group_id
	r.SkipRaw(8) // epoch
	if message.SenderType(r.Uint8()) != message.SenderMember {
		return false
	}
	r.SkipRaw(4) // leaf_index
	r.Skip()     // authenticated_data
	r.SkipRaw(1) // content_type
	return message.ProposalType(r.Uint16()) == numbers.SelfRemove && r.Err() == nil
}

// Confirmed reports whether tag stands where a commit in a PublicMessage has its
// confirmation_tag: at the end, but for a membership_tag of the same length if the sender is
// a member (RFC 9420, Section 6.2).
func Confirmed(m *message.Message, tag []byte) bool {
	suffix, err := wire.Marshal(func(w *wire.Writer) { w.Bytes(tag) })
	if err != nil {
		return false
	}
	commit := m.PublicMessage
	if !External(m) {
		commit = commit[:max(len(commit)-len(suffix), 0)]
	}
	return bytes.HasSuffix(commit, suffix)
}
