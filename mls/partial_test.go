package mls

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// mixedGroup is a group of full and of partial members. The members who commit annotate
// for the partial ones or, if handshakes are public, somebody without secrets does.
type mixedGroup struct {
	t        testing.TB
	full     []*Group // by leaf; nil for one who is gone, or partial
	partial  map[message.LeafIndex]*PartialGroup
	states   map[message.LeafIndex]Snapshot // that are stored of them
	public   *PublicGroup                   // nil if handshakes are private
	unsent   [][]byte                       // proposals of the epoch
	proofs   [][]byte                       // the same with the proofs of their senders
	handOver bool                           // partial members get the proposals with the commit
}

func newMixedGroup(t testing.TB, id suite.ID, members int, adjust ...func(*Config)) *mixedGroup {
	m := &mixedGroup{t: t, full: clique(t, id, members, adjust...), partial: make(map[message.LeafIndex]*PartialGroup), states: make(map[message.LeafIndex]Snapshot)}
	if m.full[0].cfg.PublicHandshake {
		m.public = inPublic(t, m.full[0])
	}
	return m
}

// joinPartially lets the member at by add a client as a partial member.
func (m *mixedGroup) joinPartially(by message.LeafIndex, adjust ...func(*Config)) *PartialGroup {
	m.t.Helper()
	if m.full[by].cfg.PublicHandshake {
		adjust = append(adjust, publicHandshake)
	}
	k := ownKeyPackage(m.t, m.full[by].cfg.Suite, fmt.Sprintf("partial %d", m.full[by].Epoch()), adjust...)
	c := m.commit(by, CommitOptions{WithoutTree: true}, message.Add{KeyPackage: k.KeyPackage})
	annotated, err := m.full[by].AnnotateWelcome(c.Welcome, by, c.Added()[0])
	require.NoError(m.t, err)
	joined, err := k.JoinPartial(m.t.Context(), insiderTime, annotated, JoinOptions{})
	require.NoError(m.t, err)
	g, err := joined.Adopt()
	require.NoError(m.t, err)
	require.Equal(m.t, c.Added()[0], g.OwnLeaf())
	m.partial[g.OwnLeaf()] = g
	delete(m.states, g.OwnLeaf())
	m.requireAgreement()
	return g
}

// commit lets the member at by commit, and everybody follow.
func (m *mixedGroup) commit(by message.LeafIndex, options CommitOptions, proposals ...message.Proposal) *Candidate {
	m.t.Helper()
	c, err := m.full[by].Commit(m.t.Context(), insiderTime, options, proposals...)
	require.NoError(m.t, err)
	m.follow(int(by), c)
	return c
}

// follow lets everybody adopt a commit, and the partial members by annotations.
func (m *mixedGroup) follow(by int, c *Candidate) {
	m.t.Helper()
	annotate := c.AnnotateCommit
	if m.public != nil {
		r, err := m.public.Process(m.t.Context(), insiderTime, c.Message, m.unsent...)
		require.NoError(m.t, err)
		annotate = r.Commit.AnnotateCommit
		m.public = r.Commit.Adopt()
	}
	for leaf, p := range m.partial {
		annotated, err := annotate(c.Message, leaf)
		require.NoError(m.t, err)
		var beside [][]byte
		if m.handOver {
			beside = m.unsent
		}
		next, err := p.ProcessCommit(m.t.Context(), insiderTime, annotated, beside...)
		require.NoError(m.t, err)
		adopted, err := next.Adopt()
		if next.Removed() {
			require.ErrorIs(m.t, err, ErrRemoved)
			delete(m.partial, leaf)
			continue
		}
		require.NoError(m.t, err)
		m.partial[leaf] = adopted
	}
	follow(m.t, m.full, by, c)
	for leaf, g := range m.full {
		if g != nil && g.life.ended {
			m.full[leaf] = nil
		}
	}
	m.unsent, m.proofs = nil, nil
	m.requireAgreement()
}

// propose hands a proposal of the member at by out. Partial members get it now, or with the
// commit.
func (m *mixedGroup) propose(by message.LeafIndex, make func() ([]byte, error)) {
	m.t.Helper()
	msg, err := make()
	require.NoError(m.t, err)
	m.unsent = append(m.unsent, msg)
	for leaf, g := range m.full {
		if g != nil && leaf != int(by) {
			_, err := g.Process(m.t.Context(), insiderTime, msg)
			require.NoError(m.t, err)
		}
	}
	if m.handOver {
		return
	}
	annotated, err := m.anyFull().AnnotateMessage(msg, by)
	require.NoError(m.t, err)
	for leaf, p := range m.partial {
		if leaf != by {
			_, err := p.Process(m.t.Context(), insiderTime, annotated)
			require.NoError(m.t, err)
		}
	}
}

func (m *mixedGroup) anyFull() *Group {
	for _, g := range m.full {
		if g != nil {
			return g
		}
	}
	return nil
}

// requireAgreement checks that all members are in one epoch.
func (m *mixedGroup) requireAgreement() {
	m.t.Helper()
	want, err := m.anyFull().EpochAuthenticator()
	require.NoError(m.t, err)
	for _, p := range m.partial {
		got, err := p.EpochAuthenticator()
		require.NoError(m.t, err)
		require.Equal(m.t, want, got)
		require.Equal(m.t, m.anyFull().public.contextBytes, p.member.public.contextBytes)
	}
}

// talk lets partial and full members send, and everybody read.
func (m *mixedGroup) talk() {
	m.t.Helper()
	full := m.anyFull()
	sent, err := full.Encrypt(m.t.Context(), insiderTime, []byte("hello"), nil)
	require.NoError(m.t, err)
	annotated, err := full.AnnotateMessage(sent, full.leaf)
	require.NoError(m.t, err)
	for leaf, p := range m.partial {
		r, err := p.Process(m.t.Context(), insiderTime, annotated)
		require.NoError(m.t, err)
		require.Equal(m.t, []byte("hello"), r.Application.Data)
		require.Equal(m.t, full.Leaf(full.leaf).Credential, r.Application.Credential)
		reply, err := p.Encrypt(m.t.Context(), insiderTime, []byte("reply"), []byte("aad"))
		require.NoError(m.t, err)
		read, err := full.Process(m.t.Context(), insiderTime, reply)
		require.NoError(m.t, err)
		require.Equal(m.t, leaf, read.Application.Sender)
		annotated, err := full.AnnotateMessage(reply, leaf)
		require.NoError(m.t, err)
		for other, q := range m.partial {
			r, err := q.Process(m.t.Context(), insiderTime, annotated)
			if other == leaf {
				require.ErrorIs(m.t, err, ErrOwnMessage)
				continue
			}
			require.NoError(m.t, err)
			require.Equal(m.t, []byte("reply"), r.Application.Data)
		}
	}
}

// TestPartialMembersFollow lets partial members follow a group through random commits, of
// all kinds that change what a partial member has to know.
func TestPartialMembersFollow(t *testing.T) {
	for _, adjust := range []func(*Config){publicHandshake, privateHandshake} {
		for seed := range uint64(3) {
			r := rand.New(rand.NewPCG(seed, 5))
			psks := externalPSKs{"psk": []byte("a secret that all members have, of 44 bytes.")}
			withPSKs := func(cfg *Config) { cfg.PSKs = psks }
			m := newMixedGroup(t, 1, 6, adjust, withPSKs)
			m.joinPartially(0, withPSKs)
			m.joinPartially(5, withPSKs)
			for range 30 {
				m.handOver = r.IntN(2) == 0
				m.step(r, withPSKs)
				if r.IntN(3) == 0 {
					m.talk()
				}
			}
			require.NotEmpty(t, m.partial)
		}
	}
}

// step makes one random commit.
func (m *mixedGroup) step(r *rand.Rand, adjust func(*Config)) {
	m.t.Helper()
	var leaves []message.LeafIndex
	for leaf, g := range m.full {
		if g != nil {
			leaves = append(leaves, message.LeafIndex(leaf))
		}
	}
	by := leaves[r.IntN(len(leaves))]
	var partial []message.LeafIndex
	for leaf := range m.full[by].Members() {
		if m.partial[leaf] != nil {
			partial = append(partial, leaf)
		}
	}
	ctx := m.t.Context()
	switch r.IntN(9) {
	case 0, 1:
		m.commit(by, CommitOptions{})
	case 2: // a full member joins, with a path or without
		k := ownKeyPackage(m.t, m.full[by].cfg.Suite, fmt.Sprint("full ", m.full[by].Epoch()), adjust, func(cfg *Config) { cfg.PublicHandshake = m.public != nil })
		c := m.commit(by, CommitOptions{ForcePath: r.IntN(2) == 0}, message.Add{KeyPackage: k.KeyPackage})
		g, err := adopted(k.Join(ctx, insiderTime, c.Welcome, JoinOptions{}))
		require.NoError(m.t, err)
		for len(m.full) <= int(g.leaf) {
			m.full = append(m.full, nil)
		}
		m.full[g.leaf] = g
	case 3:
		if len(leaves) > 3 {
			gone := leaves[r.IntN(len(leaves))]
			if gone != by {
				m.commit(by, CommitOptions{}, message.Remove{Removed: gone})
			}
		}
	case 4:
		m.joinPartially(by, adjust)
	case 5: // a partial member updates its leaf, and a full one too
		if len(partial) > 0 {
			at := partial[r.IntN(len(partial))]
			m.propose(at, func() ([]byte, error) { return m.partial[at].ProposeUpdate(ctx, insiderTime, LeafOptions{}, nil) })
		}
		other := leaves[r.IntN(len(leaves))]
		if other != by {
			m.propose(other, func() ([]byte, error) { return m.full[other].ProposeUpdate(ctx, insiderTime, LeafOptions{}, nil) })
		}
		m.commit(by, CommitOptions{})
	case 6: // by a partial member
		proposal := message.Proposal(message.GroupContextExtensions{Extensions: message.Extensions{}})
		if r.IntN(2) == 0 {
			proposal = externalPSK("psk")
		}
		if len(partial) > 0 {
			at := partial[r.IntN(len(partial))]
			m.propose(at, func() ([]byte, error) { return m.partial[at].Propose(ctx, insiderTime, proposal, nil) })
			m.commit(by, CommitOptions{})
		}
	case 7:
		if len(partial) > 1 {
			m.commit(by, CommitOptions{}, message.Remove{Removed: partial[r.IntN(len(partial))]}, externalPSK("psk"))
		}
	case 8:
		m.joinFromOutside(by, adjust)
	}
}

// joinFromOutside lets a client join by an external commit.
func (m *mixedGroup) joinFromOutside(by message.LeafIndex, adjust func(*Config)) {
	m.t.Helper()
	info, err := m.full[by].GroupInfo(m.t.Context(), insiderTime, true)
	require.NoError(m.t, err)
	cfg := client(m.t, m.full[by].cfg.Suite, fmt.Sprint("outside ", m.full[by].Epoch()), adjust, func(cfg *Config) { cfg.PublicHandshake = m.public != nil })
	c, err := ExternalJoin(m.t.Context(), insiderTime, cfg, info, ExternalJoinOptions{})
	require.NoError(m.t, err)
	leaf := int(c.leaf)
	for len(m.full) <= leaf {
		m.full = append(m.full, nil)
	}
	m.follow(-1, c)
	m.full[leaf], err = c.Adopt()
	require.NoError(m.t, err)
	m.requireAgreement()
}

// annotatedFor returns the annotations of a commit by the member at by, for a receiver.
func (m *mixedGroup) annotatedFor(by, receiver message.LeafIndex, options CommitOptions, proposals ...message.Proposal) *framing.AnnotatedCommit {
	m.t.Helper()
	c, err := m.full[by].Commit(m.t.Context(), insiderTime, options, proposals...)
	require.NoError(m.t, err)
	b, err := c.AnnotateCommit(c.Message, receiver)
	require.NoError(m.t, err)
	a, err := framing.ParseAnnotatedCommit(b, message.CodePoints{}.Complete())
	require.NoError(m.t, err)
	return a
}

// TestPartialMembersAskForProposals has commits of proposals that a partial member does not
// have, which may be handed over without proofs.
func TestPartialMembersAskForProposals(t *testing.T) {
	for _, format := range []func(*Config){publicHandshake, privateHandshake} {
		m, p := populatedMixedGroup(t, format)
		m.handOver = true
		m.propose(2, func() ([]byte, error) {
			return m.full[2].Propose(t.Context(), insiderTime, message.GroupContextExtensions{}, nil)
		})
		c, err := m.full[1].Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		annotated, err := c.AnnotateCommit(c.Message, 6)
		require.NoError(t, err)
		var missing *MissingProposalsError
		requireUnmoved(t, p.member, fault.ErrMissingProposals, func() error {
			_, err := p.ProcessCommit(t.Context(), insiderTime, annotated)
			require.ErrorAs(t, err, &missing)
			return err
		})
		require.Len(t, missing.Refs, 1)
		for _, i := range []int{len(m.unsent[0]) - 1, len(m.unsent[0]) - 40} { // tag, or ciphertext
			_, err = p.ProcessCommit(t.Context(), insiderTime, annotated, mlstest.Flipped(m.unsent[0], i))
			require.ErrorIs(t, err, fault.ErrMissingProposals)
		}
		next, err := p.ProcessCommit(t.Context(), insiderTime, annotated, m.unsent...)
		require.NoError(t, err)
		require.Equal(t, message.Sender{Type: message.SenderMember, Leaf: 1}, next.Committer())
		require.Equal(t, m.full[1].Leaf(1).Credential, next.Author().Credential)
		require.Len(t, next.Proposals(), 1)
		want, err := c.Export("label", nil, 16)
		require.NoError(t, err)
		got, err := next.Export("label", nil, 16)
		require.NoError(t, err)
		require.Equal(t, want, got)
		authenticator, err := next.EpochAuthenticator()
		require.NoError(t, err)
		p, err = next.Adopt()
		require.NoError(t, err)
		requireAuthenticator(t, authenticator, p)
		_, err = next.Adopt()
		require.ErrorIs(t, err, ErrRetired)
	}
}

// TestPartialMembersReadLateMessages has a message of the epoch before, with a proof in its
// tree.
func TestPartialMembersReadLateMessages(t *testing.T) {
	m, _ := populatedMixedGroup(t)
	late, err := m.full[3].Encrypt(t.Context(), insiderTime, []byte("late"), nil)
	require.NoError(t, err)
	annotated, err := m.full[3].AnnotateMessage(late, 3)
	require.NoError(t, err)
	wrong := m.full[1].public.tree
	m.commit(1, CommitOptions{})
	_, err = m.full[3].AnnotateMessage(late, 3)
	require.ErrorIs(t, err, ErrPastEpoch)
	p := m.partial[6]
	require.NotEqual(t, wrong.Hash(), p.member.public.tree.Hash())
	r, err := p.Process(t.Context(), insiderTime, annotated)
	require.NoError(t, err)
	require.Equal(t, []byte("late"), r.Application.Data)
	_, err = p.Process(t.Context(), insiderTime, annotated)
	require.ErrorIs(t, err, ErrConsumed)
	p.Destroy()
	_, err = p.Process(t.Context(), insiderTime, annotated)
	require.ErrorIs(t, err, ErrRetired)
}

// TestPartialMembersAskWhoSent learns the sender of each kind of message, of this epoch and of
// one before, without opening the message.
func TestPartialMembersAskWhoSent(t *testing.T) {
	m, p := populatedMixedGroup(t)
	require.Equal(t, 8, p.Leaves())
	sent, err := m.full[3].Encrypt(t.Context(), insiderTime, []byte("hello"), nil)
	require.NoError(t, err)
	public := newMixedGroup(t, 1, 6, publicHandshake)
	q := public.joinPartially(0)
	proposal, err := public.full[4].Propose(t.Context(), insiderTime, message.Remove{Removed: 1}, nil)
	require.NoError(t, err)
	for range 2 {
		leaf, err := p.Sender(sent)
		require.NoError(t, err)
		require.Equal(t, message.LeafIndex(3), leaf)
		m.commit(1, CommitOptions{})
		p = m.partial[6]
	}
	leaf, err := q.Sender(proposal)
	require.NoError(t, err)
	require.Equal(t, message.LeafIndex(4), leaf)
	_, err = q.Sender(sent)
	require.ErrorIs(t, err, ErrWrongGroup)
	info, err := public.full[0].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	outside, err := ExternalJoin(t.Context(), insiderTime, client(t, 1, "outside", publicHandshake), info, ExternalJoinOptions{})
	require.NoError(t, err)
	_, err = q.Sender(outside.Message)
	require.ErrorIs(t, err, message.ErrUnsupported, "a new member has no leaf before its commit")
	_, err = q.Sender(proposal[:9])
	require.ErrorIs(t, err, message.ErrMalformed)
	broken := slices.Clone(sent)
	for i := range broken { // whatever is changed, no sender comes out but the right one
		broken[i] ^= 1
		if leaf, err := p.Sender(broken); err == nil {
			require.Equal(t, message.LeafIndex(3), leaf)
		}
		broken[i] ^= 1
	}
	for range m.full[1].cfg.Limits.pastEpochs() {
		m.commit(1, CommitOptions{})
	}
	_, err = m.partial[6].Sender(sent)
	require.ErrorIs(t, err, ErrPastEpoch)
	p = m.partial[6]
	p.Destroy()
	_, err = p.Sender(sent)
	require.ErrorIs(t, err, ErrRetired)
}

func TestPartialMembersMeetMembers(t *testing.T) {
	m, p := populatedMixedGroup(t)
	proof, err := m.full[1].MembershipProof(4)
	require.NoError(t, err)
	leaf, node, err := p.Member(t.Context(), insiderTime, proof)
	require.NoError(t, err)
	require.Equal(t, message.LeafIndex(4), leaf)
	require.Equal(t, m.full[1].Leaf(4), node)
	_, _, err = p.Member(t.Context(), insiderTime, proof[1:])
	require.ErrorIs(t, err, message.ErrMalformed)
	m.commit(0, CommitOptions{})
	_, _, err = m.partial[6].Member(t.Context(), insiderTime, proof)
	requireRefused(t, fault.Violation(partialMessages, "is not valid for the tree hash of epoch").AtLeaf(4), err)
}

// TestPoliciesForbidPartialMembers has a policy that refuses partial members for each use.
func TestPoliciesForbidPartialMembers(t *testing.T) {
	forbidden := errors.New("no partial members")
	var use suite.Use
	policy := func(cfg *Config) {
		cfg.Policy = suite.PolicyFunc(func(q suite.Question) error {
			if m, ok := q.Subject.(suite.MemberInfo); ok && q.Use == use {
				require.Equal(t, suite.MemberInfo{View: suite.ViewPartial, Leaves: 8}, m)
				return forbidden
			}
			return nil
		})
	}
	m := newMixedGroup(t, 1, 6)
	k := ownKeyPackage(t, 1, "partial", policy)
	c := m.commit(0, CommitOptions{}, message.Add{KeyPackage: k.KeyPackage})
	annotated, err := m.full[0].AnnotateWelcome(c.Welcome, 0, 6)
	require.NoError(t, err)
	requireDenied := func(use suite.Use, err error) {
		t.Helper()
		var denied *suite.PolicyError
		require.ErrorAs(t, err, &denied)
		require.ErrorIs(t, err, forbidden)
		require.Equal(t, use, denied.Use)
	}
	use = suite.Start
	_, err = k.JoinPartial(t.Context(), insiderTime, annotated, JoinOptions{})
	requireDenied(suite.Start, err)
	_, err = adopted(k.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{})) // as a full member
	require.NoError(t, err)

	k = ownKeyPackage(t, 1, "another", policy)
	use = 0
	c = m.commit(0, CommitOptions{}, message.Add{KeyPackage: k.KeyPackage})
	annotated, err = m.full[0].AnnotateWelcome(c.Welcome, 0, 7)
	require.NoError(t, err)
	joined, err := k.JoinPartial(t.Context(), insiderTime, annotated, JoinOptions{})
	require.NoError(t, err)
	p, err := joined.Adopt()
	require.NoError(t, err)
	use = suite.Continue
	_, err = p.Encrypt(t.Context(), insiderTime, nil, nil)
	requireDenied(suite.Continue, err)
	_, err = p.Propose(t.Context(), insiderTime, message.PreSharedKey{}, nil)
	requireDenied(suite.Continue, err)
	use = suite.Receive
	sent, err := m.full[0].Encrypt(t.Context(), insiderTime, nil, nil)
	require.NoError(t, err)
	sent, err = m.full[0].AnnotateMessage(sent, 0)
	require.NoError(t, err)
	_, err = p.Process(t.Context(), insiderTime, sent)
	requireDenied(suite.Receive, err)
	c, err = m.full[0].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	commit, err := c.AnnotateCommit(c.Message, 7)
	require.NoError(t, err)
	_, err = p.ProcessCommit(t.Context(), insiderTime, commit)
	requireDenied(suite.Receive, err)
	proof, err := m.full[0].MembershipProof(0)
	require.NoError(t, err)
	_, _, err = p.Member(t.Context(), insiderTime, proof)
	requireDenied(suite.Receive, err)
}

// heard is an Observer and an Authenticator that notes what it is told and asked.
type heard struct {
	events  []event.Event
	asked   []event.Change
	refuses string // the content of a credential
}

func (h *heard) Observe(e event.Event) { h.events = append(h.events, e) }

func (h *heard) Authenticate(_ context.Context, _ time.Time, _ event.Occasion, changes []event.Change) ([]error, error) {
	h.asked = append(h.asked, changes...)
	verdicts := make([]error, len(changes))
	for i, ch := range changes {
		if h.refuses != "" && string(ch.Credential.Content) == h.refuses {
			verdicts[i] = errors.New("refused")
		}
	}
	return verdicts, nil
}

func (*heard) SameClient(_, _ message.Credential) bool { return true }

// names returns the credentials about which it was asked, and forgets them.
func (h *heard) names() (names []string) {
	for _, ch := range h.asked {
		names = append(names, string(ch.Credential.Content))
	}
	h.asked = nil
	return names
}

// TestPartialMembersSayWhatTheyDoNotCheck has what the application of a partial member hears
// and is asked.
func TestPartialMembersSayWhatTheyDoNotCheck(t *testing.T) {
	h := new(heard)
	m := newMixedGroup(t, 1, 4, publicHandshake)
	p := m.joinPartially(1, func(cfg *Config) { cfg.Observer, cfg.Authenticator = h, h })
	require.Equal(t, []string{"member 1", string(p.member.cfg.Credential.Content)}, h.names())
	entered, ok := h.events[0].(event.GroupEntered)
	require.True(t, ok)
	require.Equal(t, event.UncheckedByPartial(), entered.Unchecked)
	require.Equal(t, event.EntryWelcome, entered.How)
	require.Zero(t, entered.Size)
	require.Len(t, entered.Members, 1)

	k := ownKeyPackage(t, 1, "added", publicHandshake)
	m.commit(2, CommitOptions{ForcePath: true}, message.Add{KeyPackage: k.KeyPackage})
	require.Equal(t, []string{"added", "member 2"}, h.names())
	adopted, ok := h.events[1].(event.EpochAdopted)
	require.True(t, ok)
	require.Equal(t, "member 2", string(adopted.Author.Credential.Content))
	require.Nil(t, adopted.Changes)

	sent, err := m.full[3].Encrypt(t.Context(), insiderTime, nil, nil)
	require.NoError(t, err)
	sent, err = m.full[3].AnnotateMessage(sent, 3)
	require.NoError(t, err)
	h.refuses = "member 3"
	p = m.partial[4]
	requireUnmoved(t, p.member, fault.Violation("5.3.1", "authentication service refuses the credential").AtLeaf(3), func() error {
		_, err := p.Process(t.Context(), insiderTime, sent)
		return err
	})
	require.IsType(t, event.MessageRefused{}, h.events[2])
	c, err := m.full[3].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	annotated, err := c.AnnotateCommit(c.Message, 4)
	require.NoError(t, err)
	_, err = p.ProcessCommit(t.Context(), insiderTime, annotated)
	require.ErrorContains(t, err, "authentication service refuses")
	h.refuses = ""
	_, err = p.Process(t.Context(), insiderTime, sent)
	require.NoError(t, err)

	m.commit(2, CommitOptions{}, message.Remove{Removed: 4})
	require.Empty(t, m.partial)
	left, ok := h.events[len(h.events)-1].(event.GroupLeft)
	require.True(t, ok)
	require.Equal(t, "member 2", string(left.Author.Credential.Content))
	_, err = p.EpochAuthenticator()
	require.ErrorIs(t, err, ErrRetired)
}

// restart replaces a partial member by one that is restored from its saved state.
func (m *mixedGroup) restart(leaf message.LeafIndex) {
	m.t.Helper()
	p := m.partial[leaf]
	require.NoError(m.t, m.saved(p))
	b, err := m.states[leaf].Marshal()
	require.NoError(m.t, err)
	state, err := ParseSnapshot(b)
	require.NoError(m.t, err)
	m.partial[leaf], err = RestorePartialGroup(insiderTime, *p.member.cfg, state)
	require.NoError(m.t, err)
	_, err = RestoreGroup(insiderTime, *p.member.cfg, state)
	require.ErrorIs(m.t, err, message.ErrMalformed)
}

// TestPartialMembersAreRestored lets partial members restart at random, while they follow a
// group, send, and wait for the commits of their own proposals.
func TestPartialMembersAreRestored(t *testing.T) {
	for _, adjust := range []func(*Config){publicHandshake, privateHandshake} {
		r := rand.New(rand.NewPCG(1, 6))
		psks := externalPSKs{"psk": []byte("a secret that all members have, of 44 bytes.")}
		withPSKs := func(cfg *Config) { cfg.PSKs = psks }
		m := newMixedGroup(t, 1, 6, adjust, withPSKs)
		m.handOver = true // proposals of others are not saved
		m.joinPartially(0, withPSKs)
		for range 25 {
			for leaf, p := range m.partial {
				if r.IntN(2) == 0 {
					continue
				}
				if r.IntN(2) == 0 { // with an own Update that waits
					require.Empty(t, m.unsent)
					require.NoError(t, m.saved(p))
					m.propose(leaf, func() ([]byte, error) { return p.ProposeUpdate(t.Context(), insiderTime, LeafOptions{}, nil) })
					m.restart(leaf)
					m.commit(m.anyFull().leaf, CommitOptions{})
				} else {
					m.restart(leaf)
				}
			}
			for _, p := range m.partial {
				require.NoError(t, m.saved(p))
			}
			m.talk()
			m.step(r, withPSKs)
		}
	}
}

// saved stores the state of a partial member, which can then send.
func (m *mixedGroup) saved(p *PartialGroup) error {
	delta, err := p.Delta()
	if err == nil {
		m.states[p.OwnLeaf()] = m.states[p.OwnLeaf()].Apply(delta)
		delta.Stored()
	}
	return err
}

// TestPartialMembersSaveWhatChanged has a group in which many have sent: a message changes some
// records, and a commit those of the epoch, not those of all senders.
func TestPartialMembersSaveWhatChanged(t *testing.T) {
	m := newMixedGroup(t, 1, 24)
	m.joinPartially(0)
	m.commit(2, CommitOptions{})
	leaf := message.LeafIndex(24)
	receive := func(from message.LeafIndex) {
		sent, err := m.full[from].Encrypt(t.Context(), insiderTime, []byte("hello"), nil)
		require.NoError(t, err)
		annotated, err := m.full[from].AnnotateMessage(sent, from)
		require.NoError(t, err)
		_, err = m.partial[leaf].Process(t.Context(), insiderTime, annotated)
		require.NoError(t, err)
	}
	for from := range message.LeafIndex(24) {
		receive(from)
	}
	records := func() (delta, whole int) {
		d, err := m.partial[leaf].Delta()
		require.NoError(t, err)
		m.states[leaf] = m.states[leaf].Apply(d)
		d.Stored()
		return len(d.Put), len(m.states[leaf])
	}
	_, whole := records()
	require.Greater(t, whole, 24)
	receive(3)
	delta, _ := records()
	require.Less(t, delta, 5)
	m.commit(5, CommitOptions{})
	delta, _ = records()
	require.Less(t, delta, 10)
	m.restart(leaf)
	receive(7)
}

func TestRestoredPartialMembersRepeatNoKey(t *testing.T) {
	m, p := populatedMixedGroup(t)
	first, err := p.Encrypt(t.Context(), insiderTime, nil, nil) // nothing is stored of it
	require.NoError(t, err)
	require.NoError(t, m.saved(p))
	delta, err := p.Save()
	require.NoError(t, err)
	_, err = p.Encrypt(t.Context(), insiderTime, nil, nil)
	require.NoError(t, err)
	delta.Stored()
	m.states = map[message.LeafIndex]Snapshot{}
	restored, err := RestorePartialGroup(insiderTime, *p.member.cfg, Snapshot(nil).Apply(delta))
	require.NoError(t, err)
	_, err = restored.Encrypt(t.Context(), insiderTime, nil, nil)
	require.ErrorIs(t, err, ErrUnsaved)
	require.NoError(t, m.saved(restored))
	third, err := restored.Encrypt(t.Context(), insiderTime, nil, nil)
	require.NoError(t, err)
	for _, msg := range [][]byte{first, third} {
		_, err = m.full[0].Process(t.Context(), insiderTime, msg)
		require.NoError(t, err)
	}
}

func TestDamagedStatesOfPartialMembersAreRefused(t *testing.T) {
	m, _ := populatedMixedGroup(t)
	m.commit(1, CommitOptions{})
	p := m.partial[6]
	delta, err := p.Delta()
	require.NoError(t, err)
	state := Snapshot(nil).Apply(delta)
	_, err = RestorePartialGroup(insiderTime, *p.member.cfg, state)
	require.NoError(t, err)
	for i, r := range state {
		_, err := RestorePartialGroup(insiderTime, *p.member.cfg, append(slices.Clone(state[:i]), state[i+1:]...))
		require.Error(t, err, "without record %q", r.Key)
		for at := range r.Value {
			damaged := slices.Clone(state)
			damaged[i].Value = mlstest.Flipped(r.Value, at)
			_, err := RestorePartialGroup(insiderTime, *p.member.cfg, damaged)
			require.Error(t, err, "record %q, byte %d", r.Key, at)
		}
	}
	full, err := m.full[0].Save()
	require.NoError(t, err)
	_, err = RestorePartialGroup(insiderTime, *m.full[0].cfg, Snapshot(nil).Apply(full))
	require.ErrorIs(t, err, message.ErrMalformed)
	other, err := m.partial[6].Save()
	require.NoError(t, err)
	forged := Snapshot(nil).Apply(other) // the slice of another leaf, with a manifest that says so
	for i := range forged {
		if forged[i].Key[0] == byte(recordSlice) {
			proof, err := m.full[0].MembershipProof(2)
			require.NoError(t, err)
			forged[i].Value = proof
		}
	}
	_, err = RestorePartialGroup(insiderTime, *p.member.cfg, forged.sealed())
	require.ErrorIs(t, err, message.ErrMalformed)
	require.ErrorContains(t, err, "not of the member's leaf")
}

// TestPartialMembersUpgrade makes partial members full ones in the middle of an epoch.
func TestPartialMembersUpgrade(t *testing.T) {
	h := new(heard)
	m := newMixedGroup(t, 1, 6, privateHandshake)
	p := m.joinPartially(0, func(cfg *Config) { cfg.Observer, cfg.Authenticator = h, h })
	m.commit(2, CommitOptions{})
	p = m.partial[6]
	late, err := m.full[3].Encrypt(t.Context(), insiderTime, []byte("before"), nil)
	require.NoError(t, err)
	m.propose(3, func() ([]byte, error) { return m.full[3].ProposeUpdate(t.Context(), insiderTime, LeafOptions{}, nil) })
	m.propose(6, func() ([]byte, error) { return p.ProposeUpdate(t.Context(), insiderTime, LeafOptions{}, nil) })
	tree, err := m.full[0].RatchetTree()
	require.NoError(t, err)

	earlier := clique(t, 1, 7)
	wrong, err := earlier[0].RatchetTree()
	require.NoError(t, err)
	requireUnmoved(t, p.member, fault.Violation("12.4.3.1", "tree hash is not the GroupContext's"), func() error {
		_, err := p.Upgrade(t.Context(), insiderTime, wrong)
		return err
	})
	_, err = p.Upgrade(t.Context(), insiderTime, tree[1:])
	require.ErrorIs(t, err, message.ErrMalformed)
	h.refuses = "member 4"
	requireUnmoved(t, p.member, fault.Violation("5.3.1", "authentication service refuses the credential").AtLeaf(4), func() error {
		_, err := p.Upgrade(t.Context(), insiderTime, tree)
		return err
	})
	h.refuses, h.asked, h.events = "", nil, nil
	c, err := m.full[0].Commit(t.Context(), insiderTime, CommitOptions{WithoutPending: true})
	require.NoError(t, err)
	annotated, err := c.AnnotateCommit(c.Message, 6)
	require.NoError(t, err)
	candidate, err := p.ProcessCommit(t.Context(), insiderTime, annotated)
	require.NoError(t, err)
	h.asked = nil
	g, err := p.Upgrade(t.Context(), insiderTime, tree)
	require.NoError(t, err)
	require.Len(t, h.asked, 7)
	entered := h.events[len(h.events)-1].(event.GroupEntered)
	require.Equal(t, event.EntryUpgraded, entered.How)
	require.Nil(t, entered.Unchecked)
	require.Equal(t, 7, entered.Size)
	_, err = candidate.Adopt()
	require.ErrorIs(t, err, ErrRetired)
	_, err = p.Upgrade(t.Context(), insiderTime, tree)
	require.ErrorIs(t, err, ErrRetired)
	require.Len(t, g.Proposals(), 2)
	r, err := g.Process(t.Context(), insiderTime, late)
	require.NoError(t, err)
	require.Equal(t, []byte("before"), r.Application.Data)

	delete(m.partial, 6)
	m.full = append(m.full, g)
	m.commit(0, CommitOptions{}) // of both Updates
	c = m.commit(6, CommitOptions{})
	require.NoError(t, err)
	require.Equal(t, message.LeafIndex(6), c.Committer().Leaf)
	saved, err := m.full[6].Save()
	require.NoError(t, err)
	_, err = RestoreGroup(insiderTime, *m.full[6].cfg, Snapshot(nil).Apply(saved))
	require.NoError(t, err)
}

// TestUpgradesOfADestroyedMember has an application that destroys the partial member while it is
// asked of the members.
func TestUpgradesOfADestroyedMember(t *testing.T) {
	var do func()
	m := newMixedGroup(t, 1, 4)
	p := m.joinPartially(0, func(cfg *Config) { cfg.Authenticator = interrupt{do: &do} })
	tree, err := m.full[0].RatchetTree()
	require.NoError(t, err)
	do = p.Destroy
	_, err = p.Upgrade(t.Context(), insiderTime, tree)
	require.Equal(t, ErrRetired, err)
}

// TestUpgradesKeepWhatWasReserved upgrades a partial member whose stored state may be restored.
func TestUpgradesKeepWhatWasReserved(t *testing.T) {
	m, p := populatedMixedGroup(t)
	require.NoError(t, m.saved(p))
	tree, err := m.full[0].RatchetTree()
	require.NoError(t, err)
	g, err := p.Upgrade(t.Context(), insiderTime, tree)
	require.NoError(t, err)
	_, err = g.Encrypt(t.Context(), insiderTime, nil, nil)
	require.ErrorIs(t, err, ErrUnsaved)
	delta, err := g.Delta()
	require.NoError(t, err)
	delta.Stored()
	_, err = g.Encrypt(t.Context(), insiderTime, nil, nil)
	require.NoError(t, err)
}

// TestAnnotationsReadFewNodes counts the nodes of the trees that annotations touch. The first
// annotation of a commit also touches the nodes for which the commit has path secrets.
func TestAnnotationsReadFewNodes(t *testing.T) {
	for _, members := range []int{16, 256} {
		sim, err := NewSimulation(t.Context(), insiderTime, SimulationConfig{Suites: mlstest.AllSuites(), Suite: 1, Members: members, Shape: treeSteady})
		require.NoError(t, err)
		defer sim.Destroy()
		g, err := sim.Member(1)
		require.NoError(t, err)
		c, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		visits := new(atomic.Int64)
		c.old.tree.Visits, c.public.tree.Visits = visits, visits
		levels := int64(g.public.tree.RootIndex().Level())
		for first := range 2 {
			visits.Store(0)
			_, err = c.AnnotateCommit(c.Message, message.LeafIndex(members-1))
			require.NoError(t, err)
			require.LessOrEqual(t, visits.Load(), (12-2*int64(first))*levels, "%d members", members)
		}
		visits.Store(0)
		_, err = c.MembershipProof(3)
		require.NoError(t, err)
		require.LessOrEqual(t, visits.Load(), 2*levels)
	}
}
