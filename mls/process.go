package mls

import (
	"context"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// Received is what a message from another member held: exactly one of its fields
// is set.
type Received struct {
	Application *ApplicationMessage
	Proposal    *CommittedProposal // now kept for a commit
	Commit      *Candidate         // to be adopted, or not
}

// ApplicationMessage is what [Group.Encrypt] sent. Sender is the leaf of its author in
// the author's epoch: after it, a late message has to be shown by the credential, since
// the leaf may have passed to another member.
type ApplicationMessage struct {
	Author
	Sender            LeafIndex
	Data              []byte
	AuthenticatedData []byte
}

// Process takes a message of this group: an application message of this epoch or
// of one that the window of past epochs holds, or a proposal or commit of this
// epoch. The message is an MLSMessage.
//
// A proposal from outside the group that the Authenticator refuses is an error.
// Proposals are kept up to the limits of [Limits].
//
// On error the Group is as it was. A commit leaves the Group as it was, too, save
// for the message key of a PrivateMessage, which is deleted.
//
// Some errors ask for more than to drop the message. A message that comes before what
// it needs can be kept and tried again: [ErrFutureEpoch] waits for commits,
// [*MissingProposalsError] for proposals. [ErrPastEpoch] and [ErrConsumed] say that it
// came too late, or again; [ErrWrongGroup], that it is for another group, and
// [ErrOwnMessage], that this member sent it. [ErrProposalRoom] is of a proposal that can
// be handed over with the commit that refers to it. [*PathSecretError] is of a commit
// that leaves this member behind.
func (g *Group) Process(ctx context.Context, now time.Time, message []byte, options ...ProcessOption) (*Received, error) {
	var m Message
	var received *Received
	err := parseOwned(message, "MLSMessage", &m)
	if err == nil {
		received, err = g.process(ctx, now, &m, newProcessPlan(options))
	}
	if err != nil && g.cfg.observed() {
		g.cfg.tellRefused(g.state(), &m, err)
	}
	return received, err
}

func (g *Group) process(ctx context.Context, now time.Time, m *Message, plan *processPlan) (*Received, error) {
	done, err := g.alive()
	if err != nil {
		return nil, err
	}
	defer done()
	switch {
	case m.publicMessage != nil:
		return g.processPublic(ctx, now, m.publicMessage, plan)
	case m.privateMessage != nil:
		return g.processPrivate(ctx, now, m.privateMessage, plan)
	}
	return nil, fmt.Errorf("%w: a group does not process a %s", ErrUnsupported, m.WireFormat())
}

func (g *Group) processPublic(ctx context.Context, now time.Time, m *publicMessage, plan *processPlan) (*Received, error) {
	ac, err := g.receiving(g.public, g.secrets).unprotectPublic(m)
	if err != nil {
		return nil, err
	}
	return g.processHandshake(ctx, now, ac, plan)
}

// processPrivate opens a PrivateMessage of this epoch, or an application message
// of one in the window. The key that opened it is deleted once all else is well.
func (g *Group) processPrivate(ctx context.Context, now time.Time, m *privateMessage, plan *processPlan) (*Received, error) {
	if m.contentType == ContentApplication { // a handshake message asks when it is known what it does
		if err := g.mayUse(suite.Receive, now); err != nil {
			return nil, err
		}
	}
	g.inbox.mu.Lock()
	if g.inbox.retired {
		g.inbox.mu.Unlock()
		return nil, ErrRetired
	}
	f, ratchets := g.receiving(g.public, g.secrets), g.inbox.ratchets
	if past := g.inbox.pastEpoch(m.epoch); past != nil && m.contentType == ContentApplication {
		f, ratchets = g.receiving(past.public, &epochSecrets{senderData: past.senderData}), past.ratchets
	}
	ac, key, err := f.unprotectPrivate(ratchets, m, g.cfg.Limits.ratchet())
	g.inbox.mu.Unlock()
	if err != nil {
		return nil, err
	}
	received, err := g.processContent(ctx, now, ac, plan)
	g.inbox.mu.Lock()
	defer g.inbox.mu.Unlock()
	if err != nil {
		key.discard()
		return nil, err
	}
	if err := key.commit(); err != nil {
		return nil, err
	}
	return received, nil
}

// receiving unprotects the messages of others in an epoch.
func (g *Group) receiving(p *publicState, secrets *epochSecrets) *framing {
	f := p.framing(secrets)
	f.member = func(sender Sender) (Author, error) {
		if sender == g.sender() {
			return Author{}, ErrOwnMessage
		}
		return p.author(sender)
	}
	return f
}

func (g *Group) processContent(ctx context.Context, now time.Time, ac *authenticatedContent, plan *processPlan) (*Received, error) {
	if ac.content.contentType != ContentApplication {
		return g.processHandshake(ctx, now, ac, plan)
	}
	return &Received{Application: &ApplicationMessage{
		Author:            ac.author,
		Sender:            ac.content.sender.Leaf,
		Data:              ac.content.applicationData,
		AuthenticatedData: ac.content.authenticatedData,
	}}, nil
}

// processHandshake takes a proposal or a commit whose signature was verified.
func (g *Group) processHandshake(ctx context.Context, now time.Time, ac *authenticatedContent, plan *processPlan) (*Received, error) {
	if g.public.reInit != nil {
		return nil, ErrReInit
	}
	if err := g.checkStrict(ac); err != nil {
		return nil, err
	}
	if ac.content.contentType == ContentCommit {
		c, err := g.processCommit(ctx, now, ac, plan)
		if err != nil {
			return nil, err
		}
		return &Received{Commit: c}, nil
	}
	proposal, err := g.public.receiveProposal(ctx, g.cfg, now, ac)
	if err != nil {
		return nil, err
	}
	if err := g.cfg.ask(suite.Receive, now).knownPSK(ctx, &proposal, g, nil); err != nil {
		return nil, err // what a policy refuses is left out of the own commits
	}
	if p, ok := proposal.Proposal.(RemoveProposal); ok && proposal.outside() && p.Removed == g.leaf {
		proposal.unfit = true // others commit it
	}
	if err := g.inbox.keep(proposal, nil, g.proposalLimits()); err != nil {
		return nil, err
	}
	return &Received{Proposal: &proposal}, nil
}

// checkStrict refuses what a member sends in the other format than this client, if the
// configuration says so.
func (g *Group) checkStrict(ac *authenticatedContent) error {
	if ac.content.sender.Type != SenderMember || !g.cfg.StrictHandshake || ac.wireFormat == g.handshakeFormat() {
		return nil
	}
	return fmt.Errorf("%w: a %s in a %s, by this client's configuration", ErrUnsupported,
		ac.content.contentType, ac.wireFormat)
}

func (g *Group) proposalLimits() proposalLimits {
	return g.cfg.Limits.proposals(g.public.tree.memberCount())
}
