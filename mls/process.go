package mls

import (
	"bytes"
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
// On error the Group is as it was, and no key of a PrivateMessage is used up: what is
// refused, and then mended or sent again, is accepted. A commit leaves the Group as it
// was, too, save for the message key of a PrivateMessage, which is deleted.
//
// Errors say what failed, for the caller alone. A stranger who is shown them, or the time
// that a call takes, can change the end of a member's PrivateMessage and learn whether it
// was read before ([ErrConsumed]) or not ([ErrDecrypt]). Nothing depends on what a
// message holds before the tag over it is found right, which takes a key of the group.
//
// Some errors ask for more than to drop the message. A message that comes before what
// it needs can be kept and tried again: [ErrFutureEpoch] waits for commits,
// [*MissingProposalsError] for proposals. [ErrPastEpoch] and [ErrConsumed] say that it
// came too late, or again; [ErrWrongGroup], that it is for another group, and
// [ErrOwnMessage], that it names this member as its sender. [ErrProposalRoom] is of a proposal that can
// be handed over with the commit that refers to it. [*PathSecretError] is of a commit
// that leaves this member behind, and so may a [*MissingProposalsError] be that wraps
// [ErrConsumed]: an insider who sends two PrivateMessages of one generation keeps members
// from having the same proposals. Handshakes as PublicMessages leave no room for that.
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
	ac, err := g.public.framing(g.secrets).unprotectPublic(m)
	if err != nil {
		return nil, err
	}
	if ac.content.sender == g.sender() {
		return nil, ErrOwnMessage
	}
	return g.processContent(ctx, now, ac, plan, nil)
}

// processPrivate opens a PrivateMessage of this epoch, or an application message
// of one in the window. The key that opened it is deleted once all else is well.
func (g *Group) processPrivate(ctx context.Context, now time.Time, m *privateMessage, plan *processPlan) (*Received, error) {
	if m.contentType == ContentApplication { // a handshake message asks when it is known what it does
		if err := g.mayUse(suite.Receive, now); err != nil {
			return nil, err
		}
	}
	ac, key, err := g.unprotectPrivate(m)
	if err != nil {
		return nil, err
	}
	defer key.discard()
	return g.processContent(ctx, now, ac, plan, key)
}

// unprotectPrivate opens a PrivateMessage of this epoch, or an application message of
// one in the window. The mutex of the inbox, for which senders wait too, is held while
// secrets are looked up, not for what the message makes this member compute.
func (g *Group) unprotectPrivate(m *privateMessage) (*authenticatedContent, *pendingKey, error) {
	g.inbox.mu.Lock()
	if g.inbox.retired {
		g.inbox.mu.Unlock()
		return nil, nil, ErrRetired
	}
	f, ratchets := g.receiving(g.public, g.secrets), g.inbox.ratchets
	if past := g.inbox.pastEpoch(m.epoch); past != nil && m.contentType == ContentApplication {
		senderData := bytes.Clone(past.senderData) // which goes with the window
		defer clear(senderData)
		f, ratchets = g.receiving(past.public, &epochSecrets{senderData: senderData}), past.ratchets
	}
	g.inbox.mu.Unlock()
	return f.unprotectPrivate(g.inbox.keys(ratchets, g.cfg.Limits.ratchet()), m)
}

// receiving unprotects the PrivateMessages of others in an epoch. This member cannot
// open its own: their keys are gone.
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

// processContent takes what a message held whose signature was verified, and deletes
// the key that opened it, if one did: both or neither.
func (g *Group) processContent(ctx context.Context, now time.Time, ac *authenticatedContent, plan *processPlan, key *pendingKey) (*Received, error) {
	received, err := g.readContent(ctx, now, ac, plan)
	if err != nil {
		return nil, err
	}
	if err := g.inbox.admit(received, key, g.proposalLimits()); err != nil {
		if received.Commit != nil {
			received.Commit.discard(ErrRetired)
			g.public.tree.forgetRefused(&err)
		}
		return nil, err
	}
	return received, nil
}

// readContent checks what a message held. It leaves the inbox as it was.
func (g *Group) readContent(ctx context.Context, now time.Time, ac *authenticatedContent, plan *processPlan) (*Received, error) {
	if ac.content.contentType != ContentApplication {
		return g.readHandshake(ctx, now, ac, plan)
	}
	return &Received{Application: &ApplicationMessage{
		Author:            ac.author,
		Sender:            ac.content.sender.Leaf,
		Data:              ac.content.applicationData,
		AuthenticatedData: ac.content.authenticatedData,
	}}, nil
}

// readHandshake checks a proposal or a commit.
func (g *Group) readHandshake(ctx context.Context, now time.Time, ac *authenticatedContent, plan *processPlan) (*Received, error) {
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
