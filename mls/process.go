package mls

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// Received is what a message from another member held. Exactly one of its first three
// fields is set.
type Received struct {
	Application *ApplicationMessage
	Proposal    *CommittedProposal // kept from now on, for a commit
	Commit      *Candidate         // to be adopted or dropped

	// Lapsed, unless nil, says why the sender's credential holds no more. The policy lets
	// such a message be read, if there is a policy. Only an Authenticator that is an
	// [event.SenderJudge] finds this out.
	Lapsed *event.SenderLapsed
}

// ApplicationMessage is a message that [Group.Encrypt] made. Sender is the author's leaf
// in the author's epoch. Show a late message under its Credential and not under its leaf,
// which may belong to another member by then. Generation is the number of the message among
// the application messages that its sender has made in the epoch: a gap shows that one was
// lost or is late ([message.AppAck]).
type ApplicationMessage struct {
	message.Author
	Sender            message.LeafIndex
	Generation        uint32
	Data              []byte
	AuthenticatedData []byte

	// Items are what components say in AuthenticatedData, where the message's epoch has
	// safe_aad in its GroupContext (draft-ietf-mls-extensions-10, Section 4.9).
	Items message.SafeAAD
}

// Process takes a message of this group, an MLSMessage: a proposal or a commit of this
// epoch, or an application message of this epoch or of one in the window of past epochs.
//
// Process keeps a proposal for a commit, up to the limits of [Limits]. It refuses a
// proposal from outside the group if the Authenticator does.
//
// On error the Group is unchanged, and no key of a PrivateMessage is used up: a message
// that is refused, and then mended or sent again, is accepted. A commit leaves the Group
// unchanged too, except that the message key of a PrivateMessage is deleted.
//
// proposals are handed over with a commit of the same epoch, each as an MLSMessage, for
// references to proposals that this client does not hold (see [MissingProposalsError]);
// beside another message they are not read. They are read in order until none is missing.
// A missing proposal is checked like one that arrives by itself, and is used for this
// commit alone: nothing of it is kept, and a PrivateMessage uses up no key. A proposal
// that is refused does no harm. One to which the commit does not refer costs no signature
// check: a PublicMessage is hashed, a PrivateMessage decrypted. This member's own
// proposals may be handed over if they are PublicMessages.
//
// All that the delivery service holds of an epoch can be handed over, so limits on
// proposals keep no member from following a commit. A PrivateMessage whose key is used up
// cannot be read here either.
//
// Errors say what failed, for the caller alone. A stranger who sees them, or the time
// that a call takes, can change the end of a member's PrivateMessage and learn whether it
// was read before ([ErrConsumed]) or not ([ErrDecrypt]). Nothing depends on the content
// of a message before its authentication tag is found right, and making such a tag takes
// a key of the group.
//
// Errors:
//
//   - [ErrRetired]: the group is retired, or the one that [Config].PSKs returns for a
//     resumption PSK.
//   - [ErrReInit]: a proposal or a commit comes after a ReInit.
//   - [ErrWrongGroup]: the message is for another group.
//   - [ErrFutureEpoch]: the message is for a later epoch. Keep it, and process it again
//     after the commits before it.
//   - [ErrPastEpoch]: the message came too late.
//   - [ErrConsumed]: the message came too late, or again.
//   - [ErrGeneration]: the message is further ahead than the limits allow.
//   - [ErrOwnMessage]: the message names this member as its sender.
//   - [ErrDecrypt]: the PrivateMessage is not authentic.
//   - [ErrProposalRoom]: the limits have no room for the proposal. It can be handed over
//     with the commit that refers to it.
//   - [*MissingProposalsError]: the commit refers to proposals that are not here. Process
//     them and then the commit again, or hand them over with it.
//   - [*PathSecretError]: the commit leaves this member behind. A
//     [*MissingProposalsError] that wraps [ErrConsumed] may do so too: an insider who
//     sends two PrivateMessages of one generation keeps members from having the same
//     proposals. That is impossible where handshakes are PublicMessages.
//   - [ErrUnknownPSK], [ErrUnusablePSK]: a commit injects a pre-shared key that is
//     missing, or that the suite refuses. The latter also for a proposal of such a key,
//     or of a ReInit to a suite that refuses the resumption PSK.
//   - [*suite.PolicyError]: the policy refuses the group or what the message brings; or
//     the sender, whose credential has lapsed, and then it wraps an [*event.SenderLapsed].
//   - [message.ErrMalformed]: the message does not parse.
//   - [message.ErrUnsupported]: this member does not take such a message, handle the
//     proposal's type, or have the suite or version of a ReInit.
//   - [message.ErrInvalid]: the message breaks a rule, or the Authenticator refuses what
//     it brings.
func (g *Group) Process(ctx context.Context, now time.Time, msg []byte, proposals ...[]byte) (*Received, error) {
	return g.processWith(ctx, now, msg, handedOver{proposals: proposals})
}

// ProcessWithPSKs is [Group.Process] of a commit that may inject one of psks.
//
// Errors:
//
//   - those of [Group.Process].
func (g *Group) ProcessWithPSKs(ctx context.Context, now time.Time, psks []ApplicationPSK, msg []byte, proposals ...[]byte) (*Received, error) {
	return g.processWith(ctx, now, msg, handedOver{proposals, psks})
}

func (g *Group) processWith(ctx context.Context, now time.Time, msg []byte, beside handedOver) (*Received, error) {
	received, err := g.process(ctx, now, msg, beside)
	switch {
	case !g.cfg.observed():
	case err != nil:
		m, _ := parseMessage(msg)
		g.cfg.tellRefused(g.state(), m, err)
	case received.Lapsed != nil:
		g.cfg.Observer.Observe(*received.Lapsed)
	}
	return received, err
}

// parseMessage reads an MLSMessage, as far as it can.
func parseMessage(msg []byte) (*message.Message, error) {
	m := new(message.Message)
	return m, wire.ParseOwned(msg, "MLSMessage", func(r *wire.Reader) { message.Read(r, m) })
}

func (g *Group) process(ctx context.Context, now time.Time, msg []byte, beside handedOver) (*Received, error) {
	if private, ok := framing.PrivateIn(msg); ok { // the usual message, read without another structure
		return g.processPrivate(ctx, now, private, beside)
	}
	m, err := parseMessage(msg)
	if err != nil {
		return nil, err
	}
	done, err := g.alive()
	if err != nil {
		return nil, err
	}
	defer done()
	if m.PublicMessage != nil {
		return g.processPublic(ctx, now, m.PublicMessage, beside)
	}
	return nil, fmt.Errorf("%w: a group does not process a %s", message.ErrUnsupported, m.WireFormat())
}

func (g *Group) processPublic(ctx context.Context, now time.Time, public []byte, beside handedOver) (*Received, error) {
	m, err := framing.ParsePublic(public, g.public.numbers)
	if err != nil {
		return nil, err
	}
	ac, err := g.public.framing(g.secrets).UnprotectPublic(m)
	if err != nil {
		return nil, err
	}
	if ac.Content.Sender == g.sender() {
		return nil, ErrOwnMessage
	}
	return g.processContent(ctx, now, ac, beside, nil)
}

// processPrivate opens a PrivateMessage of this epoch, or an application message of an
// epoch in the window. It deletes the key only when everything else has succeeded.
func (g *Group) processPrivate(ctx context.Context, now time.Time, private []byte, beside handedOver) (*Received, error) {
	var m framing.PrivateMessage
	if err := m.Parse(private); err != nil {
		return nil, err
	}
	if err := g.begin(); err != nil {
		return nil, err
	}
	defer g.life.done()
	if m.ContentType == message.ContentApplication { // a handshake message asks when it is known what it does
		if err := g.cfg.ask(suite.Receive, now).group(g.public); err != nil {
			return nil, err
		}
	}
	ac, key, err := g.unprotectPrivate(&m)
	if err != nil {
		return nil, err
	}
	defer key.Discard()
	return g.processContent(ctx, now, ac, beside, key)
}

// unprotectPrivate opens a PrivateMessage of this epoch, or an application message of an
// epoch in the window. It holds the mutex of the inbox, for which senders wait too, while
// it looks secrets up, and not during the computations that the message causes.
func (g *Group) unprotectPrivate(m *framing.PrivateMessage) (*framing.AuthenticatedContent, *secrettree.UnusedKey, error) {
	return g.unprotectFrom(m, nil)
}

// unprotectFrom is unprotectPrivate. proven, unless nil, returns those whose messages the
// member takes in an epoch.
func (g *Group) unprotectFrom(m *framing.PrivateMessage, proven func(*publicState) (framing.Members, error)) (*framing.AuthenticatedContent, *secrettree.UnusedKey, error) {
	of, err := g.epochOf(m)
	if err != nil {
		return nil, nil, err
	}
	defer of.done()
	if proven != nil {
		err := framing.IsFor(of.framing.Group, m.GroupID, m.Epoch)
		if err == nil {
			of.framing.Members, err = proven(of.public)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	ac, key, err := of.framing.UnprotectPrivate(of.ratchets.Finder(g.inbox.mu, g.cfg.Limits.ratchet()), m)
	if err != nil {
		g.inbox.mu.Lock()
		defer g.inbox.mu.Unlock()
		return nil, nil, g.inbox.late(err)
	}
	return ac, key, nil
}

// receivedIn is what opens PrivateMessages of one epoch.
type receivedIn struct {
	public     *publicState
	framing    framing.Epoch
	ratchets   *secrettree.Tree
	senderData []byte // of a past epoch, which goes with the window
}

// done is called when nothing is opened any more.
func (of *receivedIn) done() { clear(of.senderData) }

// epochOf returns what opens a PrivateMessage: that of a past epoch for an application message
// of one in the window, and otherwise that of this epoch.
func (g *Group) epochOf(m *framing.PrivateMessage) (of receivedIn, err error) {
	g.inbox.mu.Lock()
	defer g.inbox.mu.Unlock()
	if g.inbox.retired {
		return of, ErrRetired
	}
	past := g.inbox.pastEpoch(m.Epoch)
	if past == nil || m.ContentType != message.ContentApplication {
		return receivedIn{public: g.public, framing: *g.receiving(g.public, g.secrets), ratchets: g.inbox.ratchets}, nil
	}
	senderData := bytes.Clone(past.senderData)
	f := g.receiving(past.public, &schedule.EpochSecrets{SenderData: senderData})
	return receivedIn{past.public, *f, past.ratchets, senderData}, nil
}

// receiving returns the framing for others' PrivateMessages of an epoch. This member
// cannot open its own, whose keys are gone.
func (g *Group) receiving(p *publicState, secrets *schedule.EpochSecrets) *framing.Epoch {
	f := p.framing(secrets)
	f.Own = g.sender()
	return f
}

// processContent keeps the content of a message whose signature was verified, and deletes
// the key that opened it, if there is one. It does both or neither.
func (g *Group) processContent(ctx context.Context, now time.Time, ac *framing.AuthenticatedContent, beside handedOver, key *secrettree.UnusedKey) (*Received, error) {
	received, err := g.readContent(ctx, now, ac, beside)
	if err != nil {
		return nil, err
	}
	if received.Application != nil {
		received.Application.Generation = key.Generation
	}
	if err := g.inbox.admit(received, key, g.proposalLimits()); err != nil {
		if received.Commit != nil {
			received.Commit.discard(ErrRetired)
			g.public.tree.ForgetRefused(&err)
		}
		return nil, err
	}
	return received, nil
}

// readContent checks the content of a message. It leaves the inbox unchanged.
func (g *Group) readContent(ctx context.Context, now time.Time, ac *framing.AuthenticatedContent, beside handedOver) (*Received, error) {
	lapsed, err := g.cfg.ask(suite.Receive, now).sender(ctx, g.public, int64(g.leaf), ac)
	if err != nil {
		return nil, err
	}
	if ac.Content.ContentType != message.ContentApplication {
		r, err := g.readHandshake(ctx, now, ac, beside)
		if err == nil {
			r.Lapsed = lapsed
		}
		return r, err
	}
	var r struct { // in one piece of memory
		Received
		message ApplicationMessage
	}
	r.message = ApplicationMessage{
		Author:            ac.Author,
		Sender:            ac.Content.Sender.Leaf,
		Data:              ac.Content.ApplicationData,
		AuthenticatedData: ac.Content.AuthenticatedData,
		Items:             ac.Items,
	}
	r.Application, r.Lapsed = &r.message, lapsed
	return &r.Received, nil
}

// readHandshake checks a proposal or a commit.
func (g *Group) readHandshake(ctx context.Context, now time.Time, ac *framing.AuthenticatedContent, beside handedOver) (*Received, error) {
	if g.public.reInit != nil {
		return nil, ErrReInit
	}
	if err := g.checkStrict(ac); err != nil {
		return nil, err
	}
	if ac.Content.ContentType == message.ContentCommit {
		c, err := g.processCommit(ctx, now, ac, beside)
		if err != nil {
			return nil, err
		}
		return &Received{Commit: c}, nil
	}
	proposal, err := g.public.receiveProposal(ctx, g.cfg, now, int64(g.leaf), ac)
	if err != nil {
		return nil, err
	}
	if err := g.cfg.ask(suite.Receive, now).knownPSK(ctx, &proposal, g, nil); err != nil {
		return nil, err // what a policy refuses is left out of the own commits
	}
	if p, ok := proposal.Proposal.(message.Remove); ok && proposal.outside() && p.Removed == g.leaf {
		proposal.unfit = true // others commit it
	}
	return &Received{Proposal: &proposal}, nil
}

// checkStrict refuses a member's message in another format than this client's, if the
// configuration says so.
func (g *Group) checkStrict(ac *framing.AuthenticatedContent) error {
	if ac.Content.Sender.Type != message.SenderMember || !g.cfg.StrictHandshake || ac.WireFormat == g.handshakeFormat() {
		return nil
	}
	if _, ok := ac.Content.Proposal.(message.SelfRemove); ok { // which always is a PublicMessage
		return nil
	}
	return fmt.Errorf("%w: Config.StrictHandshake does not allow a %s in a %s", message.ErrUnsupported,
		ac.Content.ContentType, ac.WireFormat)
}

func (g *Group) proposalLimits() proposalLimits {
	members := g.public.tree.MemberCount()
	if g.public.partial {
		members = g.public.tree.Width // as far as it knows
	}
	return g.cfg.Limits.proposals(members)
}
