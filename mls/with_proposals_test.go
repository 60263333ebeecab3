package mls

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// withoutRoom is a group whose members keep one proposal of each, and what its member 1
// proposed: more than there is room for.
func withoutRoom(t *testing.T, adjust func(*Config)) (groups []*Group, messages [][]byte, list []CommittedProposal) {
	groups = clique(t, 0x0001, 5, adjust, func(cfg *Config) { cfg.Limits.MaxProposals = 1 })
	m := insider{t, groups[1]}
	for _, p := range []message.Proposal{message.Remove{Removed: 4}, externalPSK("unused"), message.GroupContextExtensions{}} {
		message, proposal := m.propose(p)
		messages, list = append(messages, message), append(list, proposal)
	}
	return groups, messages, list
}

// A commit that refers to proposals without room, or that did not arrive, is followed
// with the proposals beside it, of which nothing is kept.
func TestProposalsAreHandedOver(t *testing.T) {
	for name, adjust := range map[string]func(*Config){"public": publicHandshake, "private": privateHandshake} {
		t.Run(name, func(t *testing.T) {
			groups, messages, list := withoutRoom(t, adjust)
			list = []CommittedProposal{list[0], list[2]}
			c := insider{t, groups[3]}.commit(forgery{proposals: list, withPath: true})
			for leaf, arrived := range map[message.LeafIndex][][]byte{0: messages, 2: nil} {
				g := groups[leaf]
				for i, message := range arrived {
					_, err := g.Process(t.Context(), insiderTime, message)
					require.Equal(t, i > 0, err != nil, "%v", err)
				}
				before := fingerprint(g)
				for _, handed := range [][][]byte{nil, messages[:2], {messages[1], c.message}} {
					_, err := g.Process(t.Context(), insiderTime, c.message, handed...)
					require.ErrorIs(t, err, fault.ErrMissingProposals)
					require.Equal(t, before, fingerprint(g))
				}
				garbage := mlstest.Flipped(messages[2], len(messages[2])-1)
				r, err := g.Process(t.Context(), insiderTime, c.message, append([][]byte{nil, garbage, c.message}, messages...)...)
				require.NoError(t, err)
				require.Len(t, r.Commit.Proposals(), len(list))
				for i, p := range r.Commit.Proposals() {
					require.Equal(t, list[i].Ref, p.Ref)
				}
				require.Equal(t, c.next.secrets.Authenticator, r.Commit.next.secrets.Authenticator)
				r.Commit.Discard()
				if name == "public" {
					require.Equal(t, before, fingerprint(g), "nothing is kept")
				}
				require.Len(t, g.inbox.pending(), min(1, len(arrived)))
			}
		})
	}
	t.Run("to who follows in public", func(t *testing.T) {
		groups, messages, list := withoutRoom(t, publicHandshake)
		c := insider{t, groups[3]}.commit(forgery{proposals: list[:1], withPath: true})
		public := inPublic(t, groups[0])
		before := publicFingerprint(public)
		_, err := public.Process(t.Context(), insiderTime, c.message, messages[1:]...)
		require.ErrorIs(t, err, fault.ErrMissingProposals)
		r, err := public.Process(t.Context(), insiderTime, c.message, messages...)
		require.NoError(t, err)
		require.Equal(t, before, publicFingerprint(public))
		require.Equal(t, c.next.public.tree.Hash(), r.Commit.Adopt().public.tree.Hash())
	})
}

// What is handed over is checked as what arrives, and the error of a commit says why
// it was not used.
func TestHandedOverProposalsAreChecked(t *testing.T) {
	a := newAttack(t)
	for name, c := range map[string]struct {
		proposal message.Proposal
		spoil    func([]byte) []byte
		want     error
	}{
		"invalid":        {message.Remove{Removed: 7}, slices.Clone[[]byte], fault.Violation("12.1.3", "removed leaf is not a member").AtLeaf(7)},
		"changed":        {message.Remove{Removed: 3}, func(b []byte) []byte { return mlstest.Flipped(b, len(b)-1) }, message.ErrInvalid},
		"malformed":      {message.Remove{Removed: 3}, func(b []byte) []byte { return b[:len(b)-1] }, message.ErrMalformed},
		"of other group": {message.Remove{Removed: 3}, func(b []byte) []byte { return otherGroup(t, b) }, ErrWrongGroup},
	} {
		t.Run(name, func(t *testing.T) {
			message, proposal := a.propose(c.proposal)
			commit := a.commit(forgery{withPath: true, committed: func([]framing.ProposalOrRef) []framing.ProposalOrRef {
				return []framing.ProposalOrRef{{Ref: proposal.Ref}}
			}})
			_, err := a.victim.Process(t.Context(), insiderTime, commit.message, c.spoil(message))
			var missing *MissingProposalsError
			require.ErrorAs(t, err, &missing)
			require.Equal(t, [][]byte{proposal.Ref}, missing.Refs)
			requireRefused(t, c.want, missing.Err)
		})
	}
	t.Run("in the other format", func(t *testing.T) {
		a := newAttack(t, publicHandshake)
		msg, proposal := a.propose(message.Remove{Removed: 3})
		commit := a.commit(forgery{withPath: true, proposals: []CommittedProposal{proposal}})
		a.victim.cfg.StrictHandshake, a.victim.cfg.PublicHandshake = true, false
		m, err := message.Parse[message.Message](msg)
		require.NoError(t, err)
		_, err = a.victim.openProposal(t.Context(), insiderTime, m, nil)
		require.ErrorIs(t, err, message.ErrUnsupported)
		a.victim.cfg.StrictHandshake = false
		_, err = a.victim.Process(t.Context(), insiderTime, commit.message, msg)
		require.NoError(t, err)
	})
}

// otherGroup returns a PublicMessage as if it were of another group.
func otherGroup(t *testing.T, b []byte) []byte {
	t.Helper()
	m := publicIn(t, b)
	m.Content.GroupID = []byte("another")
	b, err := m.Encode()
	require.NoError(t, err)
	return b
}

// A member that lost what it proposed since it saved its state follows a commit of it.
func TestOwnProposalIsHandedOver(t *testing.T) {
	groups := clique(t, 0x0001, 4, publicHandshake)
	state, err := storeAll(groups[1])
	require.NoError(t, err)
	message, err := groups[1].Propose(t.Context(), insiderTime, message.Remove{Removed: 3}, nil)
	require.NoError(t, err)
	_, err = groups[0].Process(t.Context(), insiderTime, message)
	require.NoError(t, err)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	restored, err := RestoreGroup(insiderTime, *groups[1].cfg, state)
	require.NoError(t, err)
	_, err = restored.Process(t.Context(), insiderTime, c.Message)
	require.ErrorIs(t, err, fault.ErrMissingProposals)
	r, err := restored.Process(t.Context(), insiderTime, c.Message, message)
	require.NoError(t, err)
	require.Equal(t, c.next.secrets.Authenticator, r.Commit.next.secrets.Authenticator)
}

// verifications counts the signatures that a suite verifies.
type verifications struct {
	suite.Suite
	n int
}

func (v *verifications) Verify(pub, message, sig []byte) error {
	v.n++
	return v.Suite.Verify(pub, message, sig)
}

// What a commit does not refer to is not verified: of 64 proposals that are handed over
// with it, none, whether another is missing or not.
func TestUnwantedProposalsAreNotVerified(t *testing.T) {
	for name, adjust := range map[string]func(*Config){"public": publicHandshake, "private": privateHandshake} {
		t.Run(name, func(t *testing.T) {
			a := newAttack(t, adjust)
			var unrelated [][]byte
			for i := range 64 {
				message, _ := a.propose(message.GroupContextExtensions{Extensions: message.Extensions{{Type: 0xF0AA, Data: []byte{byte(i)}}}})
				unrelated = append(unrelated, message)
			}
			wanted, proposal := a.propose(message.Remove{Removed: 3})
			commit := a.commit(forgery{withPath: true, proposals: []CommittedProposal{proposal}})
			public := inPublic(t, a.victim)
			counting := &verifications{Suite: a.victim.public.suite}
			a.victim.public.suite = counting // and so that of public

			verified := func(process func(handed ...[]byte) error, refused bool, handed ...[]byte) int {
				counting.n = 0
				err := process(handed...)
				if !refused {
					require.NoError(t, err)
				} else {
					var missing *MissingProposalsError
					require.ErrorAs(t, err, &missing)
					require.NoError(t, missing.Err)
				}
				return counting.n
			}
			inside := func(handed ...[]byte) error {
				_, err := a.victim.Process(t.Context(), insiderTime, commit.message, handed...)
				return err
			}
			follows := func(handed ...[]byte) error {
				_, err := public.Process(t.Context(), insiderTime, commit.message, handed...)
				return err
			}
			require.Equal(t, 1, verified(inside, true), "the commit")
			require.Equal(t, 1, verified(inside, true, unrelated...))
			if name == "public" {
				require.Equal(t, 1, verified(follows, true, unrelated...))
				require.Equal(t, 3, verified(follows, false, append(unrelated, wanted)...))
			}
			require.Equal(t, 3, verified(inside, false, append(unrelated, wanted)...), "the commit, its leaf and the proposal")
		})
	}
}

// Of two private proposals of one generation, a member opens the first that it gets. It
// does not follow a commit of the other, and comes back by an external commit.
func TestPrivateProposalsOfOneGeneration(t *testing.T) {
	groups := clique(t, 0x0001, 4, privateHandshake)
	state, err := storeAll(groups[1])
	require.NoError(t, err)
	var messages [2][]byte
	for i, p := range []message.Proposal{message.Remove{Removed: 3}, message.GroupContextExtensions{}} {
		clone, err := RestoreGroup(insiderTime, *groups[1].cfg, state)
		require.NoError(t, err)
		_, err = clone.Propose(t.Context(), insiderTime, p, nil)
		require.ErrorIs(t, err, ErrUnsaved)
		_, err = storeDelta(clone)
		require.NoError(t, err)
		messages[i], err = clone.Propose(t.Context(), insiderTime, p, nil)
		require.NoError(t, err)
	}
	kept := func(g *Group, first, second []byte) CommittedProposal {
		r, err := g.Process(t.Context(), insiderTime, first)
		require.NoError(t, err)
		_, err = g.Process(t.Context(), insiderTime, second)
		require.ErrorIs(t, err, ErrConsumed)
		return *r.Proposal
	}
	committer, victim := groups[0], groups[2]
	committed := kept(committer, messages[0], messages[1])
	require.NotEqual(t, committed.Ref, kept(victim, messages[1], messages[0]).Ref)
	c, err := committer.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)

	before := fingerprint(victim)
	_, err = victim.Process(t.Context(), insiderTime, c.Message, messages[0])
	var missing *MissingProposalsError
	require.ErrorAs(t, err, &missing)
	require.Equal(t, [][]byte{committed.Ref}, missing.Refs)
	require.ErrorIs(t, missing, ErrConsumed)
	require.Equal(t, before, fingerprint(victim))

	committer, err = c.Adopt()
	require.NoError(t, err)
	info, err := committer.GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	back, err := ExternalJoin(t.Context(), insiderTime, *victim.cfg, info, ExternalJoinOptions{Remove: new(victim.OwnLeaf())})
	require.NoError(t, err)
	r, err := committer.Process(t.Context(), insiderTime, back.Message)
	require.NoError(t, err)
	committer, err = r.Commit.Adopt()
	require.NoError(t, err)
	joined, err := back.Adopt()
	require.NoError(t, err)
	want, err := committer.EpochAuthenticator()
	require.NoError(t, err)
	got, err := joined.EpochAuthenticator()
	require.NoError(t, err)
	require.Equal(t, want, got)
}
