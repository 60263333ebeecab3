package message

import (
	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wire"
)

// SelfRemove proposes to remove its sender, a member of a group whose members all support
// it (draft-ietf-mls-extensions-10, Section 6.3). It is sent by itself, in a PublicMessage,
// so that a client can cover it that joins by an external commit. It is empty.
type SelfRemove struct {
	ProposalType ProposalType // 0 stands for the suggested number
}

func (p SelfRemove) proposalType() ProposalType {
	return draftType(p.ProposalType, codepoint.Suggested().SelfRemove)
}

func (SelfRemove) marshal(*wire.Writer) {}
