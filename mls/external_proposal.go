package mls

import (
	"context"
	"fmt"

	"github.com/mlsuite/mlsuite/suite"
)

// ExternalProposer makes proposals to a group from outside (RFC 9420, Section 12.1.8): as
// one of the group's external_senders, or as a client that asks to be added. The
// proposals are PublicMessages. It asks no policy: the caller that takes Suite from a
// registry asks its own policy about it, and the group's members judge the proposal.
type ExternalProposer struct {
	Suite   suite.Suite
	GroupID []byte
	Epoch   uint64 // the group's current one
}

// Propose signs a proposal as the external sender at the given index of the group's
// external_senders. The error wraps [ErrMalformed] if the proposal lacks its content, and
// [ErrUnsupported] if external senders may not send it.
func (e ExternalProposer) Propose(ctx context.Context, signer suite.Signer, index uint32, proposal Proposal) ([]byte, error) {
	return e.propose(ctx, signer, Sender{Type: SenderExternal, Index: index}, withDefaults(proposal, e.Suite))
}

// ProposeJoin asks the group to add the client by its own KeyPackage.
func (e ExternalProposer) ProposeJoin(ctx context.Context, own *OwnKeyPackage) ([]byte, error) {
	return e.propose(ctx, own.cfg.Signer, Sender{Type: SenderNewMemberProposal}, Add{KeyPackage: own.KeyPackage})
}

func (e ExternalProposer) propose(ctx context.Context, signer suite.Signer, sender Sender, proposal Proposal) ([]byte, error) {
	if err := complete(proposal); err != nil {
		return nil, err
	}
	content := &framedContent{
		groupID:     e.GroupID,
		epoch:       e.Epoch,
		sender:      sender,
		contentType: ContentProposal,
		proposal:    proposal,
	}
	if !content.senderMay() {
		return nil, fmt.Errorf("%w: a %s of a %s", ErrUnsupported, proposal.Type(), sender.Type)
	}
	ac, err := signContent(ctx, signer, WireFormatPublicMessage, content, nil)
	if err != nil {
		return nil, err
	}
	return (&publicMessage{content: ac.content, auth: ac.auth}).encode()
}
