package mls

import (
	"bytes"
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

func selfRemove(cfg *Config) { cfg.SelfRemove = true }

// selfRemoves lets the member at a leaf propose to remove itself, and all others take the
// proposal.
func selfRemoves(t testing.TB, groups []*Group, leaf int) []byte {
	t.Helper()
	m, err := groups[leaf].Propose(t.Context(), insiderTime, message.SelfRemove{}, nil)
	require.NoError(t, err)
	for i, g := range groups {
		if i != leaf && g != nil {
			r, err := g.Process(t.Context(), insiderTime, m)
			require.NoError(t, err)
			require.Equal(t, message.SelfRemove{}, r.Proposal.Proposal)
		}
	}
	return m
}

// A member that proposes to remove itself is out with another's commit, for members and for
// those who follow the group without secrets, whatever the format of the handshakes.
func TestSelfRemove(t *testing.T) {
	for name, adjust := range map[string]func(*Config){
		"public handshakes": publicHandshake, "private handshakes": privateHandshake,
		"strict handshakes": func(cfg *Config) { cfg.StrictHandshake = true },
	} {
		t.Run(name, func(t *testing.T) {
			groups := clique(t, 0x0001, 4, selfRemove, adjust)
			m := selfRemoves(t, groups, 3)
			require.True(t, bytes.Contains(m, []byte{0, byte(message.ContentProposal), 0, 0x0A, 0x40, 0x40}), "it is empty: the signature follows")
			public := inPublic(t, groups[0])

			c, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{})
			require.NoError(t, err)
			require.Len(t, c.Proposals(), 1)
			require.Equal(t, message.LeafIndex(3), c.Proposals()[0].Sender.Leaf)
			change := c.Changes()[0]
			require.Equal(t, event.Removed, change.Reason)
			require.Equal(t, message.LeafIndex(3), change.Leaf)
			if name == "public handshakes" {
				require.NotNil(t, publicIn(t, c.Message).Content.Commit.Path)
				r, err := public.Process(t.Context(), insiderTime, c.Message)
				require.NoError(t, err)
				require.Equal(t, 3, len(slices.Collect(leavesOf(r.Commit.Adopt()))))
			}
			follow(t, groups, 1, c)
			require.Nil(t, groups[3], "the group has nothing for it")
			for _, g := range groups[:3] {
				require.Equal(t, []message.LeafIndex{0, 1, 2}, slices.Collect(leavesOf(g)))
			}
		})
	}
}

// leavesOf yields the leaves of the members.
func leavesOf(g interface {
	Members() iter.Seq2[message.LeafIndex, *message.LeafNode]
}) iter.Seq[message.LeafIndex] {
	return func(yield func(message.LeafIndex) bool) {
		for leaf := range g.Members() {
			if !yield(leaf) {
				return
			}
		}
	}
}

// Where one member does not list it, nobody can send a SelfRemove, and nobody takes one.
func TestSelfRemoveIsOfGroupsThatListIt(t *testing.T) {
	want := fault.Extensions("6.3", "not every member lists self_remove").AtLeaf(1)
	groups := clique(t, 0x0001, 4, selfRemove, publicHandshake)
	groups = admit(t, groups, ownKeyPackage(t, 0x0001, "old", publicHandshake))
	requireUnmoved(t, groups[1], want, func() error {
		_, err := groups[1].Propose(t.Context(), insiderTime, message.SelfRemove{}, nil)
		return err
	})
	msg, _ := insider{t, groups[1]}.propose(message.SelfRemove{})
	requireUnprocessed(t, groups[2], want, msg)
	requireUnprocessed(t, groups[4], want, msg)
	info, err := groups[0].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	c, err := ExternalJoin(t.Context(), insiderTime, client(t, 0x0001, "outside"), info, ExternalJoinOptions{Proposals: [][]byte{msg}})
	require.NoError(t, err)
	require.Len(t, c.Proposals(), 1)
}

// A SelfRemove is a member's own PublicMessage: no PrivateMessage, of nobody who is gone,
// and of nobody outside. A member sends one in an epoch.
func TestSelfRemoveIsAPublicMessageOfAMember(t *testing.T) {
	groups := clique(t, 0x0001, 4, selfRemove, privateHandshake)
	private, _ := insider{t, groups[1]}.propose(message.SelfRemove{})
	requireUnprocessed(t, groups[2], fault.Extensions("6.3", "SelfRemove is a mls_private_message").AtLeaf(1), private)
	selfRemoves(t, groups, 1)
	requireUnmoved(t, groups[1], fault.Extensions("6.3", "member has sent a SelfRemove in this epoch").AtLeaf(1), func() error {
		_, err := groups[1].Propose(t.Context(), insiderTime, message.SelfRemove{}, nil)
		return err
	})
	_, err := ExternalProposer{Suite: groups[0].public.suite, GroupID: groups[0].GroupID(), Epoch: groups[0].Epoch()}.
		Propose(t.Context(), groups[0].cfg.Signer, 0, message.SelfRemove{})
	require.ErrorIs(t, err, message.ErrUnsupported)
	for sender, text := range map[message.Sender]string{
		{Type: message.SenderExternal}: "not from a member", {Type: message.SenderMember, Leaf: 9}: "is not a member",
	} {
		require.ErrorContains(t, groups[0].public.checkSelfRemove(sender), text)
	}
}

// In a commit, a SelfRemove stands by reference and alone for its leaf, not for the
// committer's, and brings a path.
func TestSelfRemovesInCommits(t *testing.T) {
	t.Parallel()
	blame := func(leaf message.LeafIndex, violation func(section, format string, args ...any) *fault.Violated, section, text string, at int) error {
		return violation(section, "%s", text).AtLeaf(leaf).AtProposal(at)
	}
	const another = "another proposal updates or removes the same leaf"
	for name, c := range map[string]struct {
		list func(a *attack) []CommittedProposal
		want error
	}{
		"by value": {func(a *attack) []CommittedProposal { return a.byValue(message.SelfRemove{}) },
			blame(1, fault.Violation, "12.2", "committer removes itself", 0)},
		"another's by value": {func(a *attack) []CommittedProposal {
			p := a.received(3, message.SelfRemove{})
			p.Ref = nil
			return []CommittedProposal{p}
		}, blame(1, fault.Violation, "12.2", "committer removes itself", 0)}, // whose it is then
		"committer's own": {func(a *attack) []CommittedProposal { return []CommittedProposal{a.received(1, message.SelfRemove{})} },
			blame(1, fault.Violation, "12.2", "committer removes itself", 0)},
		"behind a Remove": {func(a *attack) []CommittedProposal {
			return []CommittedProposal{a.received(0, message.Remove{Removed: 3}), a.received(3, message.SelfRemove{})}
		}, blame(3, fault.Extensions, "6.3", another, 1)},
		"before a Remove": {func(a *attack) []CommittedProposal {
			return append([]CommittedProposal{a.received(3, message.SelfRemove{})}, a.byValue(message.Remove{Removed: 3})...)
		}, blame(3, fault.Violation, "12.2", another, 1)},
		"beside an Update": {func(a *attack) []CommittedProposal {
			return []CommittedProposal{a.received(3, a.updateOf(3, nil)), a.received(3, message.SelfRemove{})}
		}, blame(3, fault.Extensions, "6.3", another, 1)},
		"twice of one member": {func(a *attack) []CommittedProposal {
			again := insider{a.t, a.groups[3]}
			content := a.public.content(again.sender(), message.ContentProposal, []byte("again"))
			content.Proposal = message.SelfRemove{}
			ac := again.signed(content)
			_, err := a.victim.Process(a.t.Context(), insiderTime, again.seal(ac))
			require.NoError(a.t, err)
			second := CommittedProposal{Proposal: message.SelfRemove{}, Sender: again.sender()}
			second.Ref, err = framing.ProposalRef(a.public.suite, ac)
			require.NoError(a.t, err)
			return []CommittedProposal{a.received(3, message.SelfRemove{}), second}
		}, blame(3, fault.Extensions, "6.3", another, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAttack(t, selfRemove)
			requireUnprocessed(t, a.victim, c.want, a.commit(forgery{proposals: c.list(a), withPath: true}).message)
		})
	}
	a := newAttack(t, selfRemove)
	list := []CommittedProposal{a.received(3, message.SelfRemove{})}
	requireUnprocessed(t, a.victim, fault.Violation("12.4", "commit lacks the required path").AtLeaf(1), a.commit(forgery{proposals: list}).message)
	_, err := a.victim.Process(t.Context(), insiderTime, a.commit(forgery{proposals: list, withPath: true}).message)
	require.NoError(t, err)
}

// A member's own commit covers the SelfRemoves of others and leaves out Removes and Updates
// of the same leaves, and its own SelfRemove.
func TestCommitsCoverSelfRemoves(t *testing.T) {
	groups := clique(t, 0x0001, 4, selfRemove, publicHandshake)
	propose := func(by int, p message.Proposal) {
		t.Helper()
		m, err := groups[by].Propose(t.Context(), insiderTime, p, nil)
		require.NoError(t, err)
		for i, g := range groups {
			if i != by {
				_, err := g.Process(t.Context(), insiderTime, m)
				require.NoError(t, err)
			}
		}
	}
	propose(1, message.Remove{Removed: 3})
	update, err := groups[3].ProposeUpdate(t.Context(), insiderTime, LeafOptions{}, nil)
	require.NoError(t, err)
	for _, g := range groups[:3] {
		_, err := g.Process(t.Context(), insiderTime, update)
		require.NoError(t, err)
	}
	selfRemoves(t, groups, 3)
	for _, proposals := range [][]message.Proposal{nil, {message.Remove{Removed: 3}}} {
		c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, proposals...)
		require.NoError(t, err)
		require.Len(t, c.Proposals(), 1)
		require.Equal(t, message.SelfRemove{}, c.Proposals()[0].Proposal)
		_, err = groups[2].Process(t.Context(), insiderTime, c.Message)
		require.NoError(t, err)
	}
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{WithoutPending: true}, message.Remove{Removed: 3})
	require.NoError(t, err)
	require.Len(t, c.Proposals(), 1)
	require.Equal(t, message.Remove{Removed: 3}, c.Proposals()[0].Proposal)

	selfRemoves(t, groups, 2)
	c, err = groups[2].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Len(t, c.Proposals(), 1, "without its own")
	require.Equal(t, message.LeafIndex(3), c.Proposals()[0].Sender.Leaf)
	_, err = groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.SelfRemove{})
	require.ErrorIs(t, err, message.ErrInvalid)
}

// A client that joins from outside covers the SelfRemoves that the delivery service hands
// it, and nothing else of it, and goes on without the Remove of its own old leaf that takes
// itself out. All members follow.
func TestExternalJoinCoversSelfRemoves(t *testing.T) {
	groups := clique(t, 0x0001, 6, selfRemove, privateHandshake)
	info, err := groups[0].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	third, fifth := selfRemoves(t, groups, 3), selfRemoves(t, groups, 5)
	stranger := clique(t, 0x0001, 2, selfRemove)
	elsewhere, err := stranger[1].Propose(t.Context(), insiderTime, message.SelfRemove{}, nil)
	require.NoError(t, err)
	bad := bytes.Clone(third)
	bad[len(bad)-40] ^= 1 // in the signature
	unsigned := publicIn(t, third)
	unsigned.Content.Sender.Leaf = 2
	another, err := unsigned.Encode()
	require.NoError(t, err)
	untagged := publicIn(t, fifth)
	untagged.MembershipTag = bytes.Repeat([]byte{1}, 32) // which the joiner cannot check
	fifth, err = untagged.Encode()
	require.NoError(t, err)
	add, _ := insider{t, groups[1]}.propose(message.Remove{Removed: 0})
	cfg := client(t, 0x0001, "outside", selfRemove)
	handed := [][]byte{nil, []byte("junk"), info, elsewhere, bad, another, add, third, third, fifth}
	c, err := ExternalJoin(t.Context(), insiderTime, cfg, info, ExternalJoinOptions{Proposals: handed})
	require.NoError(t, err)
	require.Len(t, c.Proposals(), 3)
	require.Equal(t, []event.Reason{event.Removed, event.Removed, event.Added}, reasons(c.Changes()))
	require.Equal(t, groups[0].public.tree.Leaf(3).Author(groups[0].Epoch()), c.Proposals()[1].Author)
	require.Equal(t, cfg.Credential, c.Proposals()[0].Author.Credential)

	state, err := c.Save()
	require.NoError(t, err)
	restored, err := RestoreCandidate(insiderTime, cfg, state)
	require.NoError(t, err)
	require.Len(t, restored.Proposals(), 3)
	follow(t, groups, -1, c)
	require.Nil(t, groups[3])
	require.Nil(t, groups[5])
	joined, err := restored.Adopt()
	require.NoError(t, err)
	requireSameEpoch(t, groups[0], joined)

	// One who comes back in place of a leaf that takes itself out.
	info, err = groups[0].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	old := *groups[4].cfg
	m := selfRemoves(t, groups, 4)
	_, err = joined.Process(t.Context(), insiderTime, m)
	require.NoError(t, err)
	c, err = ExternalJoin(t.Context(), insiderTime, old, info, ExternalJoinOptions{Remove: new(message.LeafIndex(4)), Proposals: [][]byte{m}})
	require.NoError(t, err)
	require.Len(t, c.Proposals(), 2)
	require.Equal(t, []event.Reason{event.Removed, event.Added}, reasons(c.Changes()))
	groups[3] = nil
	follow(t, append(groups, joined), -1, c)
}

func reasons(changes []event.Change) []event.Reason {
	var list []event.Reason
	for _, c := range changes {
		list = append(list, c.Reason)
	}
	return list
}

// An external commit refers to SelfRemoves and to nothing else, each alone for its leaf.
func TestSelfRemovesInExternalCommits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(a *attack, c *framing.Commit)
		want   error
	}{
		"by value": {func(a *attack, c *framing.Commit) {
			c.Proposals = append(c.Proposals, framing.ProposalOrRef{Proposal: message.SelfRemove{}})
		}, fault.Extensions("6.3", "SelfRemove is not from a member").AtProposal(1)},
		"reference to a Remove": {func(a *attack, c *framing.Commit) {
			c.Proposals = append(c.Proposals, framing.ProposalOrRef{Ref: a.received(3, message.Remove{Removed: 0}).Ref})
		}, fault.Violation("12.4.3.2", "external commit has a proposal by reference").AtProposal(1)},
		"one SelfRemove twice": {func(a *attack, c *framing.Commit) {
			ref := framing.ProposalOrRef{Ref: a.received(3, message.SelfRemove{}).Ref}
			c.Proposals = append(c.Proposals, ref, ref)
		}, fault.Extensions("6.3", "another proposal updates or removes the same leaf").AtLeaf(3).AtProposal(2)},
		"beside a Remove": {func(a *attack, c *framing.Commit) {
			ref := framing.ProposalOrRef{Ref: a.received(3, message.SelfRemove{}).Ref}
			c.Proposals = append(c.Proposals, ref, framing.ProposalOrRef{Proposal: message.Remove{Removed: 3}})
		}, fault.Extensions("6.3", "another proposal removes the same leaf").AtLeaf(3).AtProposal(2)},
		"short reference": {func(a *attack, c *framing.Commit) {
			c.Proposals = append(c.Proposals, framing.ProposalOrRef{Ref: make([]byte, 31)})
		}, fault.Violation("5.2", "ProposalRef does not have 32 bytes").AtProposal(1)},
		"reference to nothing": {func(a *attack, c *framing.Commit) {
			c.Proposals = append(c.Proposals, framing.ProposalOrRef{Ref: make([]byte, 32)})
		}, fault.ErrMissingProposals},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAttack(t, selfRemove)
			m := a.externalCommit(client(t, 0x0001, "outsider", selfRemove), ExternalJoinOptions{}, func(e *framing.Commit) { c.change(a, e) })
			requireUnprocessed(t, a.victim, c.want, m)
		})
	}
}

// A SelfRemove leads out: the policy is asked whether one may leave, and in a group that may
// not go on, others commit it.
func TestSelfRemoveIsJudgedAsLeaving(t *testing.T) {
	sunset := errors.New("sunset")
	over := false
	policy := suite.PolicyFunc(func(q suite.Question) error {
		if over && q.Use != suite.Leave {
			return sunset
		}
		return nil
	})
	groups := clique(t, 0x0001, 3, selfRemove, func(cfg *Config) { cfg.Policy = policy })
	over = true
	_, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
	require.ErrorIs(t, err, sunset)
	selfRemoves(t, groups, 2)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	_, err = groups[1].Process(t.Context(), insiderTime, c.Message)
	require.NoError(t, err)
	_, err = groups[2].Process(t.Context(), insiderTime, c.Message)
	require.NoError(t, err)

	noPublic := errors.New("no PublicMessage")
	over = false
	groups = clique(t, 0x0001, 2, selfRemove, func(cfg *Config) {
		cfg.Policy = suite.PolicyFunc(func(q suite.Question) error {
			if q.Subject == message.WireFormatPublicMessage {
				require.Equal(t, suite.Leave, q.Use)
				return noPublic
			}
			return nil
		})
	})
	_, err = groups[1].Propose(t.Context(), insiderTime, message.SelfRemove{}, nil)
	require.ErrorIs(t, err, noPublic)
}

// What waits for a commit outlives a restart, this member's own SelfRemove too.
func TestSelfRemovesAreSaved(t *testing.T) {
	groups := clique(t, 0x0001, 3, selfRemove)
	selfRemoves(t, groups, 2)
	for i := range groups {
		state, err := storeAll(groups[i])
		require.NoError(t, err)
		groups[i], err = RestoreGroup(insiderTime, *groups[i].cfg, state)
		require.NoError(t, err)
		_, err = storeDelta(groups[i])
		require.NoError(t, err)
	}
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	state, err := c.Save()
	require.NoError(t, err)
	c, err = groups[0].RestoreCandidate(insiderTime, state)
	require.NoError(t, err)
	require.Equal(t, event.Removed, c.Changes()[0].Reason)
	follow(t, groups, 0, c)
	require.Nil(t, groups[2])
}

// Clients with another number for the proposal send and list that number.
func TestSelfRemoveUnderAnotherNumber(t *testing.T) {
	groups := clique(t, 0x0001, 3, selfRemove, publicHandshake, func(cfg *Config) { cfg.CodePoints.SelfRemove = 0xF00A })
	require.Equal(t, []message.ProposalType{0xF00A}, groups[0].public.tree.Leaf(1).LeafNode().Capabilities.Proposals)
	m, err := groups[2].Propose(t.Context(), insiderTime, message.SelfRemove{}, nil)
	require.NoError(t, err)
	require.True(t, bytes.Contains(m, []byte{0xF0, 0x0A}))
	for _, g := range groups[:2] {
		_, err = g.Process(t.Context(), insiderTime, m)
		require.NoError(t, err)
	}
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	follow(t, groups, 0, c)
	require.Nil(t, groups[2])
	require.Equal(t, message.ProposalType(0xF00A), message.TypeOf(c.Proposals()[0].Proposal))
}

// A simulation follows a member that takes itself out.
func TestSimulationFollowsSelfRemoves(t *testing.T) {
	sim, err := NewSimulation(t.Context(), insiderTime, SimulationConfig{Suites: mlstest.AllSuites(), Suite: 1, Members: 4, Adjust: selfRemove})
	require.NoError(t, err)
	leaving := member(t, sim, 2)
	m, err := leaving.Propose(t.Context(), insiderTime, message.SelfRemove{}, nil)
	require.NoError(t, err)
	g := member(t, sim, 0)
	_, err = g.Process(t.Context(), insiderTime, m)
	require.NoError(t, err)
	c, err := sim.commit(t.Context(), insiderTime, g, new(commitPlan))
	require.NoError(t, err)
	require.NotNil(t, c)
	require.Equal(t, []message.LeafIndex{0, 1, 3}, sim.Leaves())
	require.Equal(t, ratchettree.Leaf(nil), sim.public.tree.Leaf(2))
}
