package mls

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// PublicGroup is what a non-member can see of one epoch of a group whose proposals and
// commits are PublicMessages: the view of a delivery service. It starts from a GroupInfo
// and follows the commits, without any secret.
//
// It checks what members check, with the same code: signatures, proposals and lists of
// them, leaves and key packages, the tree with its parent hashes, the path and the number
// of its ciphertexts. It cannot check what takes secrets: membership tags, confirmation
// tags, the content of ciphertexts, whether a kem_output is for the group's external key,
// and whether members have the pre-shared keys. So a member or a joiner can sign a commit
// that a PublicGroup follows and no member does. What the first GroupInfo says of the
// past, its confirmed_transcript_hash and its confirmation_tag, is its signer's word. The
// GroupInfo does not say whether a ReInit has ended the group.
//
// A received commit is a candidate and leaves the PublicGroup unchanged;
// [PublicCandidate.Adopt] returns the PublicGroup of the next epoch. Any number of
// candidates may be adopted.
//
// A PublicGroup is safe for concurrent use. It must not be copied.
type PublicGroup struct {
	publicView
	cfg *Config

	mu        sync.Mutex
	cache     proposalCache
	groupInfo *servedInfo // for joiners, or nil
	saving    *saving
}

// PublicReceived is what a handshake message held. Exactly one of its first two fields is
// set.
type PublicReceived struct {
	Proposal *CommittedProposal // kept from now on, for a commit
	Commit   *PublicCandidate   // to be adopted or dropped

	Lapsed *event.SenderLapsed // as in [Received]
}

// PublicCandidate is a valid commit that a [PublicGroup] received.
type PublicCandidate struct {
	transition
	next *PublicGroup
	tell sync.Once
}

// Adopt returns the PublicGroup of the epoch that the commit begins. The PublicGroup that
// the candidate comes from stays as it is.
func (c *PublicCandidate) Adopt() *PublicGroup {
	c.tell.Do(func() { c.next.cfg.tellAdopted(&c.transition, notMember) })
	return c.next
}

// NewPublicGroup starts to follow a group from a member's GroupInfo, an MLSMessage, and
// the group's tree, as [Group.RatchetTree] returns it; tree may be nil if the GroupInfo
// holds the tree. It checks the group's whole state as a joiner does, which is O(n).
//
// Of cfg, only Suites is required. It also uses Policy, Observer, Authenticator,
// Proposals, Components, CodePoints, Lifetimes and the Limits of proposals. It asks the policy whether the group
// may be read, not whether it may be started.
//
// Errors:
//
//   - [*suite.PolicyError]: the policy refuses the group.
//   - [message.ErrMalformed]: the GroupInfo or the tree does not parse.
//   - [message.ErrUnsupported]: the message is no GroupInfo, there is no tree, or the
//     client does not have the suite.
//   - [message.ErrInvalid]: the group breaks a rule, or the Authenticator refuses a
//     member.
func NewPublicGroup(ctx context.Context, now time.Time, cfg Config, groupInfo, tree []byte) (*PublicGroup, error) {
	info, err := parseGroupInfoMessage(groupInfo)
	if err != nil {
		return nil, err
	}
	if cfg.Suites == nil {
		return nil, errNoSuites
	}
	if err := cfg.checkTypes(); err != nil {
		return nil, err
	}
	q := cfg.ask(suite.Receive, now)
	s, err := q.suite(info.GroupContext.CipherSuite)
	if err != nil {
		return nil, err
	}
	p, err := publicStateOf(ctx, q, s, info, tree, nil)
	if err != nil {
		return nil, err
	}
	g := &PublicGroup{publicView: viewOf(p), cfg: &cfg, saving: newSaving(p.context.Epoch)}
	if _, err := check.ReadExternalPub(info.GroupInfo, s); err == nil {
		g.groupInfo = serve(groupInfo, info.GroupInfo)
	}
	cfg.tellEntered(p, notMember, event.EntryFollowed, nil)
	return g, nil
}

// Process takes a proposal or a commit of this epoch: a PublicMessage, in an MLSMessage,
// from a member, an external sender or a new member. It keeps a proposal for the commit
// that refers to it. proposals are handed over with a commit, as in [Group.Process]. On
// error the PublicGroup is unchanged.
//
// Errors:
//
//   - [ErrReInit], [ErrWrongGroup], [ErrFutureEpoch], [ErrProposalRoom],
//     [*MissingProposalsError], [*suite.PolicyError], [message.ErrMalformed],
//     [message.ErrInvalid]: as of [Group.Process].
//   - [ErrPastEpoch]: the message is for a past epoch.
//   - [message.ErrUnsupported]: as of [Group.Process], and for every PrivateMessage.
//   - [ErrUnusablePSK]: a ReInit is to a suite that refuses the resumption PSK.
func (g *PublicGroup) Process(ctx context.Context, now time.Time, msg []byte, proposals ...[]byte) (*PublicReceived, error) {
	m, err := message.Parse[message.Message](msg)
	var received *PublicReceived
	if err == nil {
		received, err = g.process(ctx, now, m, handedOver{proposals: proposals})
	}
	switch {
	case !g.cfg.observed():
	case err != nil:
		g.cfg.tellRefused(g.public.state(notMember), m, err)
	case received.Lapsed != nil:
		g.cfg.Observer.Observe(*received.Lapsed)
	}
	return received, err
}

func (g *PublicGroup) process(ctx context.Context, now time.Time, m *message.Message, beside handedOver) (*PublicReceived, error) {
	p := g.public
	ac, err := g.verify(m, nil)
	if err != nil {
		return nil, err
	}
	if p.reInit != nil {
		return nil, ErrReInit
	}
	lapsed, err := g.cfg.ask(suite.Receive, now).sender(ctx, p, notMember, ac)
	if err != nil {
		return nil, err
	}
	if ac.Content.ContentType == message.ContentCommit {
		c, err := g.processCommit(ctx, now, ac, beside)
		if err != nil {
			return nil, err
		}
		return &PublicReceived{Commit: c, Lapsed: lapsed}, nil
	}
	proposal, err := p.receiveProposal(ctx, g.cfg, now, notMember, ac)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.cache.keep(proposal, g.cfg.Limits.proposals(p.tree.MemberCount())); err != nil {
		return nil, err
	}
	return &PublicReceived{Proposal: &proposal, Lapsed: lapsed}, nil
}

// verify returns the content of a message after it has verified the signature. It refuses
// a proposal that is not wanted.
func (g *PublicGroup) verify(m *message.Message, wanted func(ref []byte) bool) (*framing.AuthenticatedContent, error) {
	if m.PublicMessage == nil {
		return nil, fmt.Errorf("%w: a public group does not follow a %s", message.ErrUnsupported, m.WireFormat())
	}
	public, err := framing.ParsePublic(m.PublicMessage, g.public.numbers)
	if err != nil {
		return nil, err
	}
	f := g.public.framing(nil)
	f.Wanted = wanted
	return f.VerifyPublic(public)
}

// processCommit is [Group.processCommit] without secrets.
func (g *PublicGroup) processCommit(ctx context.Context, now time.Time, ac *framing.AuthenticatedContent, beside handedOver) (_ *PublicCandidate, err error) {
	defer g.public.tree.ForgetRefused(&err)
	list, err := beside.resolve(ac, g.public.numbers, g.proposal, func(m *message.Message, wanted func([]byte) bool) (CommittedProposal, error) {
		proposal, err := g.verify(m, wanted)
		if err != nil {
			return CommittedProposal{}, err
		}
		return g.public.receiveProposal(ctx, g.cfg, now, notMember, proposal)
	})
	if err != nil {
		return nil, err
	}
	a, next, err := g.public.receiveCommit(ctx, g.cfg, now, ac, ratchettree.NoLeaf, list)
	if err != nil {
		return nil, err
	}
	if path := ac.Content.Commit.Path; path != nil {
		steps := next.tree.FilteredPath(a.committer)
		if fault := next.tree.EachRecipient(path, steps, a.added, func(int, int, ratchettree.NodeIndex) {}); fault != nil {
			return nil, fault.AtLeaf(a.committer)
		}
	}
	public, err := g.public.observe(next, ac)
	if err != nil {
		return nil, err
	}
	return &PublicCandidate{
		transition: newTransition(g.public, public, a, ac.Content.AuthenticatedData),
		next:       &PublicGroup{publicView: viewOf(public), cfg: g.cfg, saving: g.saving},
	}, nil
}

// proposal returns a proposal by its ProposalRef.
func (g *PublicGroup) proposal(ref []byte) (CommittedProposal, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.cache.find(ref)
}

// Proposals returns the proposals that arrived in this epoch, in order. The caller must
// not change what they refer to.
func (g *PublicGroup) Proposals() []CommittedProposal {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.cache.proposals)
}

// SetGroupInfo takes a member's GroupInfo of this epoch, an MLSMessage as
// [Group.GroupInfo] returns it, for [PublicGroup.GroupInfo] to serve to joiners. A member
// has to have signed it, each part of it has to be of this epoch, and it has to hold an
// external_pub. Only members can tell whether the external_pub is the group's. If the
// GroupInfo holds a tree, that has to be the epoch's tree.
//
// Errors:
//
//   - [ErrWrongGroup], [ErrFutureEpoch], [ErrPastEpoch]: the GroupInfo is of another
//     group or epoch.
//   - [message.ErrMalformed]: the message, or the external_pub in it, does not parse.
//   - [message.ErrUnsupported]: the message is no GroupInfo.
//   - [message.ErrInvalid]: the GroupInfo breaks a rule, or is not of this epoch's state.
func (g *PublicGroup) SetGroupInfo(groupInfo []byte) error {
	info, err := parseGroupInfoMessage(groupInfo)
	if err != nil {
		return err
	}
	p := g.public
	if err := framing.IsFor(&p.context, info.GroupContext.GroupID, info.GroupContext.Epoch); err != nil {
		return err
	}
	if err := p.verifyGroupInfo(info); err != nil {
		return err
	}
	context, err := message.Marshal(&info.GroupContext)
	if err != nil {
		return err
	}
	if !bytes.Equal(context, p.contextBytes) {
		return fault.Violation("12.4.3", "group_context of the GroupInfo is not the epoch's").AtLeaf(info.Signer)
	}
	if !bytes.Equal(info.ConfirmationTag, p.confirmationTag) {
		return fault.Violation("12.4.3", "confirmation_tag of the GroupInfo is not the epoch's").AtLeaf(info.Signer)
	}
	if _, err := check.ReadExternalPub(info.GroupInfo, p.suite); err != nil {
		return atLeaf(err, info.Signer)
	}
	if inside, ok := info.Extensions.Find(codepoint.ExtensionRatchetTree); ok {
		tree, err := g.RatchetTree()
		if err != nil {
			return err
		}
		if !bytes.Equal(inside, tree) {
			return fault.Violation("12.4.3.3", "ratchet_tree of the GroupInfo is not the epoch's").AtLeaf(info.Signer)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.groupInfo = serve(groupInfo, info.GroupInfo)
	return nil
}

// servedInfo is a GroupInfo, an MLSMessage, without the tree that it holds: that is the
// epoch's, and most of its bytes.
type servedInfo struct {
	head, tail []byte // in front of the tree and behind it
	withTree   bool
}

// serve returns what to keep of an encoded GroupInfo.
func serve(encoded []byte, info *message.GroupInfo) *servedInfo {
	tree, ok := info.Extensions.Find(codepoint.ExtensionRatchetTree)
	if !ok {
		return &servedInfo{head: bytes.Clone(encoded)}
	}
	head, tail, _ := bytes.Cut(encoded, tree)
	return &servedInfo{bytes.Clone(head), bytes.Clone(tail), true}
}

// equal reports whether two GroupInfos of an epoch, each of which may be nil, are the same.
func (i *servedInfo) equal(j *servedInfo) bool {
	if i == nil || j == nil {
		return i == j
	}
	return i.withTree == j.withTree && bytes.Equal(i.head, j.head) && bytes.Equal(i.tail, j.tail)
}

// marshal writes the GroupInfo, with the tree of the epoch if it holds one.
func (i *servedInfo) marshal(w *wire.Writer, t *ratchettree.Tree) {
	w.Raw(i.head)
	if i.withTree {
		w.Grow(t.EncodedAtMost() + len(i.tail))
		t.MarshalInRoom(w)
		w.Raw(i.tail)
	}
}

// encoded returns the GroupInfo, or nil if there is none.
func (i *servedInfo) encoded(t *ratchettree.Tree) []byte {
	if i == nil {
		return nil
	}
	var w wire.Writer
	i.marshal(&w, t)
	encoded, _ := w.Finish() // a tree that came in a GroupInfo fits into one
	return encoded
}

// GroupInfo returns the GroupInfo by which clients can join in this epoch with
// [ExternalJoin], as an MLSMessage, or nil if no member has sent one. If it does not hold
// the tree, clients get the tree from RatchetTree.
func (g *PublicGroup) GroupInfo() []byte {
	g.mu.Lock()
	info := g.groupInfo
	g.mu.Unlock()
	return info.encoded(g.public.tree) // O(n), and nobody waits for it
}
