package mls

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// Encrypt makes an application message for the group: a PrivateMessage in an MLSMessage
// (RFC 9420, Section 15). authenticatedData goes along authenticated and unencrypted.
//
// The error is [ErrPendingProposals], [ErrReInit] after a ReInit, [ErrUnsaved] if a group
// that was saved has to be saved again first, [ErrRetired], a [*PolicyError], or
// [ErrGeneration] once all 2^32 generations of the ratchet are used.
func (g *Group) Encrypt(ctx context.Context, now time.Time, data, authenticatedData []byte) (message []byte, err error) {
	defer func() { g.tellDenied(err) }()
	done, err := g.active()
	if err != nil {
		return nil, err
	}
	defer done()
	if err := g.mayUse(suite.Continue, now); err != nil {
		return nil, err
	}
	if g.awaitsCommit(now) {
		return nil, ErrPendingProposals
	}
	content := g.public.content(g.sender(), ContentApplication, authenticatedData)
	content.applicationData = data
	ac, err := g.sign(ctx, WireFormatPrivateMessage, content)
	if err != nil {
		return nil, err
	}
	return g.protect(ac)
}

// Propose makes a message that proposes a change to the group, and keeps the proposal for
// a commit (RFC 9420, Section 12.1). It asks the application about the credentials that
// the proposal brings. An Update is made by [Group.ProposeUpdate].
//
// The error is [ErrReInit] after a ReInit, [ErrUnsaved], [ErrRetired], [ErrProposalRoom],
// or a [*PolicyError]. It wraps [ErrMalformed] if the proposal lacks its content,
// [ErrUnsupported] if this client does not declare its type, [ErrUnusablePSK] if the
// suite refuses the pre-shared key, and [ErrInvalid] if the proposal breaks a rule or the
// Authenticator refuses its credentials.
func (g *Group) Propose(ctx context.Context, now time.Time, proposal Proposal, authenticatedData []byte) ([]byte, error) {
	if _, ok := proposal.(Update); ok {
		return nil, errors.New("mls: an own Update is made by ProposeUpdate")
	}
	if err := complete(proposal); err != nil {
		return nil, err
	}
	q := g.cfg.ask(suite.Continue, now)
	if leaves(proposal) {
		q = q.as(suite.Leave)
	}
	return g.propose(ctx, q, authenticatedData, func() (Proposal, *ownUpdate, error) {
		return withDefaults(proposal, g.public.suite), nil, nil
	})
}

// withDefaults gives a proposal of this client what the caller may leave out: a fresh nonce
// for the injection of a PSK, and the version of a group that is to follow.
func withDefaults(p Proposal, s suite.Suite) Proposal {
	switch p := p.(type) {
	case PreSharedKey:
		if p.PSK.Nonce == nil {
			p.PSK.Nonce = make([]byte, s.Info().KDF.Nh)
			rand.Read(p.PSK.Nonce)
		}
		return p
	case ReInit:
		if p.Version == 0 {
			p.Version = VersionMLS10
		}
		return p
	}
	return p
}

// ProposeUpdate makes a message that proposes to replace the own leaf with one that has a
// new key, and is changed as leaf says (RFC 9420, Section 12.1.2). The errors are those
// of [Group.Propose].
func (g *Group) ProposeUpdate(ctx context.Context, now time.Time, leaf LeafOptions, authenticatedData []byte) ([]byte, error) {
	q := g.cfg.ask(suite.Continue, now)
	cfg, err := g.cfg.with(leaf)
	if err != nil {
		return nil, err
	}
	return g.propose(ctx, q, authenticatedData, func() (Proposal, *ownUpdate, error) {
		s := g.public.suite
		if cfg != g.cfg {
			change := cfg.ownChange(nil, g.public.tree.leaf(g.leaf), g.leaf)
			if err := g.cfg.authenticate(ctx, now, change); err != nil {
				return nil, nil, err
			}
		}
		leaf, err := cfg.draftLeaf(q, s, LeafNode{Source: LeafNodeUpdate}, g.public, g.leaf)
		if err != nil {
			return nil, nil, err
		}
		own := featuresOf(leaf)
		if err := g.public.admits(leaf, &own, g.public.extensions, g.leaf, nil); err != nil {
			return nil, nil, err
		}
		key, err := generateKey(s, "leaf")
		if err != nil {
			return nil, nil, err
		}
		err = cfg.signLeaf(ctx, leaf, key, g.public, g.leaf)
		return Update{LeafNode: leaf}, &ownUpdate{key, cfg}, err
	})
}

// propose sends the proposal that make returns, together with what is kept of an own
// Update.
func (g *Group) propose(ctx context.Context, q questions, authenticatedData []byte, make func() (Proposal, *ownUpdate, error)) (message []byte, err error) {
	defer func() { g.tellDenied(err) }()
	done, err := g.active()
	if err != nil {
		return nil, err
	}
	defer done()
	if err := q.handshake(g.public, g.handshakeFormat()); err != nil {
		return nil, err
	}
	proposal, own, err := make()
	if own != nil {
		defer own.key.release()
	}
	if err != nil {
		return nil, err
	}
	rules := g.cfg.sending(q.now)
	kept := CommittedProposal{Author: g.author(), Proposal: proposal, Sender: g.sender(), checked: true}
	if err := g.public.checkProposal(&kept, rules); err != nil {
		return nil, err
	}
	if err := q.proposal(g.public, &kept); err != nil {
		return nil, err
	}
	if err := q.knownPSK(ctx, &kept, g, q.begin().psk); err != nil {
		return nil, err
	}
	if err := g.public.checkCustom([]CommittedProposal{kept}, &rules); err != nil {
		return nil, err
	}
	if own == nil { // an own Update was judged when it was made
		if err := g.public.authenticate(ctx, g.cfg, q.now, kept); err != nil {
			return nil, err
		}
	}
	content := g.public.content(g.sender(), ContentProposal, authenticatedData)
	content.proposal = proposal
	ac, err := g.sign(ctx, g.handshakeFormat(), content)
	if err != nil {
		return nil, err
	}
	if err := kept.sentIn(g.public.suite, ac); err != nil {
		return nil, err
	}
	if err := g.inbox.takes(&kept, g.proposalLimits()); err != nil {
		return nil, err // before a generation is used
	}
	message, err = g.protect(ac)
	if err != nil {
		return nil, err
	}
	if err := g.inbox.keep(kept, own, g.proposalLimits()); err != nil {
		return nil, err
	}
	return message, nil
}

func (g *Group) sender() Sender { return Sender{Type: SenderMember, Leaf: g.leaf} }

// author returns this member as an Author of this epoch.
func (g *Group) author() Author { return authorOf(g.public.tree.leaf(g.leaf), g.public.context.Epoch) }

func (g *Group) handshakeFormat() WireFormat { return g.cfg.handshakeFormat() }

func (c *Config) handshakeFormat() WireFormat {
	if c.PublicHandshake {
		return WireFormatPublicMessage
	}
	return WireFormatPrivateMessage
}

func (g *Group) sign(ctx context.Context, format WireFormat, content *framedContent) (*authenticatedContent, error) {
	return signContent(ctx, g.cfg.Signer, format, content, g.public.contextBytes)
}

// protect returns ac as an MLSMessage. A PrivateMessage uses a generation of the member's
// ratchet.
func (g *Group) protect(ac *authenticatedContent) ([]byte, error) {
	f := g.public.framing(g.secrets)
	if ac.wireFormat == WireFormatPublicMessage {
		m, err := f.protectPublic(ac)
		if err != nil {
			return nil, err
		}
		return m.encode()
	}
	m, err := g.protectPrivate(f, ac)
	if err != nil {
		return nil, err
	}
	return m.encode()
}

func (g *Group) protectPrivate(f *framing, ac *authenticatedContent) (*privateMessage, error) {
	g.inbox.mu.Lock()
	defer g.inbox.mu.Unlock()
	if err := g.inbox.maySend(g.leaf, ac.content.contentType); err != nil {
		return nil, err
	}
	m, err := f.protectPrivate(g.inbox.ratchets, ac, padToMultiple(g.cfg.PaddingBlock))
	if err == nil {
		g.inbox.saving.sentOne(ac.content.contentType)
	}
	return m, err
}
