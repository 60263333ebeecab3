package mls

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// Encrypt makes an application message for the group: a PrivateMessage in an MLSMessage
// (RFC 9420, Section 15). authenticatedData goes along authenticated and unencrypted. Where
// components share it, it is a message.SafeAAD, and where the group has media types, data is
// a message.ApplicationFraming: see "Components" in the package documentation.
//
// Errors:
//
//   - [ErrRetired].
//   - [ErrReInit]: a ReInit has ended the group.
//   - [ErrPendingProposals]: proposals have to be committed first.
//   - [ErrUnsaved]: the group has to be saved before it sends.
//   - [ErrGeneration]: all 2^32 generations of the application ratchet are used.
//   - [*suite.PolicyError]: the policy refuses the group.
//   - [message.ErrInvalid]: data or authenticatedData is not what the group has agreed on.
func (g *Group) Encrypt(ctx context.Context, now time.Time, data, authenticatedData []byte) (msg []byte, err error) {
	defer func() { g.tellDenied(err) }()
	if err := g.beginActive(); err != nil {
		return nil, err
	}
	defer g.life.done()
	if err := g.cfg.ask(suite.Continue, now).send(g.public); err != nil {
		return nil, err
	}
	if g.awaitsCommit(now) {
		return nil, ErrPendingProposals
	}
	ac := framing.AuthenticatedContent{
		WireFormat: message.WireFormatPrivateMessage,
		Content:    *g.public.content(g.sender(), message.ContentApplication, nil),
	}
	ac.Content.ApplicationData, ac.Content.AuthenticatedData = data, g.public.authenticated(authenticatedData) // written before Encrypt returns
	if err := ac.Sign(ctx, g.cfg.Signer, g.public.contextBytes); err != nil {
		return nil, err
	}
	return g.protect(&ac)
}

// Propose makes a message that proposes a change to the group, and keeps the proposal for
// a commit (RFC 9420, Section 12.1). It asks the application about the credentials that
// the proposal brings. An Update is made by [Group.ProposeUpdate].
//
// A [message.SelfRemove] proposes to remove this member. It always is a PublicMessage, and
// a member sends only one in an epoch. Where not all members list it, Propose refuses it as
// invalid, and a [message.Remove] of the own leaf does instead.
//
// Errors:
//
//   - [ErrRetired].
//   - [ErrReInit]: a ReInit has ended the group.
//   - [ErrUnsaved]: the group has to be saved before it sends a PrivateMessage.
//   - [ErrGeneration]: all 2^32 generations of the handshake ratchet are used.
//   - [ErrProposalRoom]: the limits have no room for the proposal.
//   - [*suite.PolicyError]: the policy refuses the group or what the proposal brings.
//   - [message.ErrMalformed]: the proposal is not complete, or its extensions do not
//     parse.
//   - [message.ErrUnsupported]: this client does not declare the type, or it is a ReInit
//     to a suite or version that this client does not have.
//   - [ErrUnusablePSK]: the suite refuses the pre-shared key, or the ReInit's suite the
//     resumption PSK.
//   - [message.ErrInvalid]: the proposal breaks a rule, or no commit could cover it in
//     this epoch: a new member lacks what the group requires, a member lacks what the new
//     extensions require, or a new key or credential does not go with the members'. The
//     Removes that wait count as committed. Or the Authenticator refuses its credentials.
//   - an error without a sentinel: the proposal is an Update.
func (g *Group) Propose(ctx context.Context, now time.Time, proposal message.Proposal, authenticatedData []byte) ([]byte, error) {
	if _, ok := proposal.(message.Update); ok {
		return nil, errors.New("mls: Propose does not make an own Update; use ProposeUpdate")
	}
	if err := check.Complete(proposal); err != nil {
		return nil, err
	}
	q := g.cfg.ask(suite.Continue, now)
	if leaves(proposal) {
		q = q.as(suite.Leave)
	}
	return g.propose(ctx, q, authenticatedData, func() (message.Proposal, *ownUpdate, error) {
		return withDefaults(proposal, g.public.suite, g.public.numbers), nil, nil
	})
}

// withDefaults gives a proposal of this client what the caller may leave out: a fresh nonce
// for the injection of a PSK, the number of its type if it is a component's, and the version
// of a group that is to follow.
func withDefaults(p message.Proposal, s suite.Suite, numbers message.CodePoints) message.Proposal {
	switch p := p.(type) {
	case message.PreSharedKey:
		if p.PSK.Nonce == nil {
			p.PSK.Nonce = make([]byte, s.Info().KDF.Nh)
			rand.Read(p.PSK.Nonce)
		}
		if p.PSK.Component != 0 && p.PSK.PSKType == 0 && numbers.ApplicationPSK != codepoint.Suggested().ApplicationPSK {
			p.PSK.PSKType = numbers.ApplicationPSK
		}
		return p
	case message.AppDataUpdate:
		if p.ProposalType == 0 && message.TypeOf(p) != numbers.AppDataUpdate {
			p.ProposalType = numbers.AppDataUpdate
		}
		return p
	case message.AppEphemeral:
		if p.ProposalType == 0 && message.TypeOf(p) != numbers.AppEphemeral {
			p.ProposalType = numbers.AppEphemeral
		}
		return p
	case message.ReInit:
		if p.Version == 0 {
			p.Version = codepoint.VersionMLS10
		}
		return p
	case message.SelfRemove:
		if p.ProposalType == 0 && uint16(numbers.SelfRemove) != codepoint.Suggested().SelfRemove {
			p.ProposalType = numbers.SelfRemove
		}
		return p
	}
	return p
}

// ProposeUpdate makes a message that proposes to replace the own leaf with one that has a
// new key, and is changed as leaf says (RFC 9420, Section 12.1.2).
//
// Errors:
//
//   - [ErrRetired], [ErrReInit], [ErrUnsaved], [ErrGeneration], [ErrProposalRoom]: as of
//     [Group.Propose].
//   - [*suite.PolicyError]: the policy refuses the group or the new credential.
//   - [message.ErrUnsupported]: leaf.Signer has no key of the suite.
//   - [message.ErrInvalid]: the new leaf breaks a rule, or the Authenticator refuses it.
func (g *Group) ProposeUpdate(ctx context.Context, now time.Time, leaf LeafOptions, authenticatedData []byte) ([]byte, error) {
	q := g.cfg.ask(suite.Continue, now)
	cfg, err := g.cfg.with(leaf)
	if err != nil {
		return nil, err
	}
	return g.propose(ctx, q, authenticatedData, func() (message.Proposal, *ownUpdate, error) {
		s := g.public.suite
		if cfg != g.cfg {
			change := cfg.ownChange(nil, g.public.tree.Leaf(g.leaf), g.leaf)
			if err := q.begin().authenticate(ctx, g.public, int64(g.leaf), change); err != nil {
				return nil, nil, err
			}
		}
		if err := q.begin().token(leaf.Signer); err != nil { // of nil it asks nothing
			return nil, nil, err
		}
		leaf, err := cfg.draftLeaf(q, s, message.LeafNode{Source: codepoint.LeafNodeUpdate}, g.public, g.leaf)
		if err != nil {
			return nil, nil, err
		}
		key, err := ratchettree.GenerateKey(s, "leaf")
		if err != nil {
			return nil, nil, err
		}
		_, err = cfg.signLeaf(ctx, leaf, key, g.public.place(g.leaf))
		return message.Update{LeafNode: leaf}, &ownUpdate{key, cfg}, err
	})
}

// propose sends the proposal that make returns, together with what is kept of an own
// Update.
func (g *Group) propose(ctx context.Context, q questions, authenticatedData []byte, make func() (message.Proposal, *ownUpdate, error)) (msg []byte, err error) {
	defer func() { g.tellDenied(err) }()
	done, err := g.active()
	if err != nil {
		return nil, err
	}
	defer done()
	if err := q.sendHandshake(g.public); err != nil {
		return nil, err
	}
	proposal, own, err := make()
	if own != nil {
		defer own.key.Release()
	}
	if err != nil {
		return nil, err
	}
	format := g.handshakeFormat()
	if _, ok := proposal.(message.SelfRemove); ok {
		if format, err = g.selfRemoveFormat(q); err != nil {
			return nil, err
		}
	}
	rules := g.cfg.sending(q.now)
	kept := CommittedProposal{Author: g.author(), Proposal: proposal, Sender: g.sender(), checked: true}
	if err := g.public.checkProposal(&kept, rules); err != nil {
		return nil, err
	}
	if err := g.public.takes(&kept, leavingBy(g.inbox.pending())); err != nil {
		return nil, err
	}
	if err := q.proposal(g.public, &kept); err != nil {
		return nil, err
	}
	if err := q.knownPSK(ctx, &kept, g, q.begin().psk); err != nil {
		return nil, err
	}
	if own == nil { // an own Update was judged when it was made
		if err := q.begin().proposed(ctx, g.public, int64(g.leaf), kept); err != nil {
			return nil, err
		}
	}
	content := g.public.content(g.sender(), message.ContentProposal, authenticatedData)
	content.Proposal = proposal
	ac, err := g.sign(ctx, format, content)
	if err != nil {
		return nil, err
	}
	if err := kept.sentIn(g.public.suite, ac); err != nil {
		return nil, err
	}
	if err := g.inbox.takes(&kept, g.proposalLimits()); err != nil {
		return nil, err // before a generation is used
	}
	msg, err = g.protect(ac)
	if err != nil {
		return nil, err
	}
	if err := g.inbox.keep(kept, own, g.proposalLimits()); err != nil {
		return nil, err
	}
	return msg, nil
}

func (g *Group) sender() message.Sender {
	return message.Sender{Type: message.SenderMember, Leaf: g.leaf}
}

// author returns this member as an Author of this epoch.
func (g *Group) author() message.Author {
	return g.public.tree.Leaf(g.leaf).Author(g.public.context.Epoch)
}

func (g *Group) handshakeFormat() message.WireFormat { return g.cfg.handshakeFormat() }

func (c *Config) handshakeFormat() message.WireFormat {
	if c.PublicHandshake {
		return message.WireFormatPublicMessage
	}
	return message.WireFormatPrivateMessage
}

func (g *Group) sign(ctx context.Context, format message.WireFormat, content *framing.FramedContent) (*framing.AuthenticatedContent, error) {
	return framing.SignContent(ctx, g.cfg.Signer, format, content, g.public.contextBytes)
}

// protect returns ac as an MLSMessage. A PrivateMessage uses a generation of the member's
// ratchet.
func (g *Group) protect(ac *framing.AuthenticatedContent) ([]byte, error) {
	f := g.public.framing(g.secrets)
	if ac.WireFormat == message.WireFormatPublicMessage {
		m, err := f.ProtectPublic(ac)
		if err != nil {
			return nil, err
		}
		return m.Encode()
	}
	g.inbox.mu.Lock()
	defer g.inbox.mu.Unlock()
	if err := g.inbox.maySend(g.leaf, ac.Content.ContentType); err != nil {
		return nil, err
	}
	msg, err := f.SendPrivate(g.inbox.ratchets, ac, framing.PadToMultiple(g.cfg.PaddingBlock))
	if err == nil {
		g.inbox.saving.sentOne(ac.Content.ContentType)
	}
	return msg, err
}
