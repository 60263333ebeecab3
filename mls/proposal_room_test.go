package mls

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/message"
)

// received hands a message to a group and to who follows it in public, who agree on it.
func received(t testing.TB, g *Group, public *PublicGroup, message []byte) error {
	t.Helper()
	before, beforeInPublic := fingerprint(g), publicFingerprint(public)
	_, errPublic := public.Process(t.Context(), insiderTime, message)
	_, err := g.Process(t.Context(), insiderTime, message)
	require.Equal(t, err == nil, errPublic == nil, "%v; in public: %v", err, errPublic)
	if err != nil {
		require.Equal(t, before, fingerprint(g), "%v", err)
		require.Equal(t, beforeInPublic, publicFingerprint(public), "%v", err)
	}
	return err
}

// What refused commits refer to is not remembered, and takes no room from anybody.
func TestRefusedCommitsLeaveNothing(t *testing.T) {
	for name, adjust := range map[string]func(*Config){"public": publicHandshake, "private": privateHandshake} {
		t.Run(name, func(t *testing.T) {
			a := newAttack(t, adjust)
			random := rand.New(rand.NewPCG(1, 2))
			var refs []framing.ProposalOrRef
			for range 1 << 14 {
				ref := make([]byte, 32)
				for i := range ref {
					ref[i] = byte(random.Uint32())
				}
				refs = append(refs, framing.ProposalOrRef{Ref: ref})
			}
			bogus := a.commit(forgery{withPath: true, committed: func([]framing.ProposalOrRef) []framing.ProposalOrRef { return refs }})
			requireUnprocessed(t, a.victim, fault.ErrMissingProposals, bogus.message)
			for _, p := range refs[:100] {
				requireUnprocessed(t, a.victim, fault.ErrMissingProposals,
					a.commit(forgery{withPath: true, committed: func([]framing.ProposalOrRef) []framing.ProposalOrRef { return []framing.ProposalOrRef{p} }}).message)
			}
		})
	}
}

// The error of a commit whose proposals are not here says which they are, and who
// wants them.
func TestMissingProposalsAreNamed(t *testing.T) {
	a := newAttack(t)
	here := a.received(3, message.Remove{Removed: 0})
	_, first := a.propose(message.Remove{Removed: 3})
	_, second := a.propose(message.GroupContextExtensions{})
	c := a.commit(forgery{proposals: []CommittedProposal{first, here, second}, withPath: true,
		committed: func(list []framing.ProposalOrRef) []framing.ProposalOrRef { return append(list, list[2]) }})
	requireUnprocessed(t, a.victim, fault.ErrMissingProposals, c.message)
	for _, process := range []func() error{
		func() error { _, err := a.victim.Process(t.Context(), insiderTime, c.message); return err },
		func() error { _, err := inPublic(t, a.victim).Process(t.Context(), insiderTime, c.message); return err },
	} {
		var missing *MissingProposalsError
		require.ErrorAs(t, process(), &missing)
		require.Equal(t, &MissingProposalsError{Committer: a.sender(), Refs: [][]byte{first.Ref, second.Ref}}, missing)
		require.NotErrorIs(t, missing, message.ErrInvalid)
	}
}

// However many proposals a member makes, those of the others have their room, and
// members who get the messages in another order keep the same of each sender.
func TestProposalsTakeNoRoomOfOthers(t *testing.T) {
	few := func(cfg *Config) { cfg.Limits.MaxProposals = 40 }
	groups := clique(t, 0x0001, 8, publicHandshake, few)
	var flood, honest [][]byte
	m := insider{t, groups[1]}
	for i := range 60 {
		message, _ := m.propose(message.GroupContextExtensions{Extensions: message.Extensions{{Type: 0xF0AA, Data: []byte{byte(i)}}}})
		flood = append(flood, message)
	}
	for _, leaf := range []message.LeafIndex{2, 3, 4, 5, 6} {
		for i := range leastShare.count {
			message, err := groups[leaf].Propose(t.Context(), insiderTime, message.Remove{Removed: 1}, []byte{byte(i)})
			require.NoError(t, err)
			honest = append(honest, message)
		}
	}
	kept := func(g *Group, flood, honest [][]byte) (list []string) {
		public, refused := inPublic(t, g), 0
		for _, msg := range append(flood, honest...) {
			if err := received(t, g, public, msg); err != nil {
				require.ErrorIs(t, err, ErrProposalRoom)
				require.ErrorIs(t, err, message.ErrUnsupported)
				refused++
			}
		}
		require.Equal(t, 60-leastShare.count, refused)
		require.Equal(t, g.inbox.pending(), public.Proposals())
		for _, p := range g.inbox.pending() {
			list = append(list, string(p.Ref))
		}
		return list
	}
	first := kept(groups[0], flood, honest)
	require.ElementsMatch(t, first, kept(groups[7], honest, flood))

	// And so a commit of what one of them has can be followed by the other.
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	_, err = groups[7].Process(t.Context(), insiderTime, c.Message)
	require.NoError(t, err)
}

// A member has more than its share where the others leave it, up to a quarter; bytes
// are shared out as numbers are.
func TestRoomThatOthersLeave(t *testing.T) {
	for _, c := range []struct {
		name                string
		limits              Limits
		members, size, want int
	}{
		{"alone", Limits{MaxProposals: 100}, 1, 1, 100},
		{"half", Limits{MaxProposals: 100}, 2, 1, 50},
		{"quarter", Limits{MaxProposals: 100}, 5, 1, 25},
		{"least share", Limits{MaxProposals: 60}, 1000, 1, 16},
		{"all that there is", Limits{MaxProposals: 3}, 1000, 1, 3},
		{"bytes alone", Limits{MaxProposalBytes: 1000}, 1, 100, 10},
		{"bytes, quarter", Limits{MaxProposalBytes: 1 << 20}, 100, 1 << 15, 8},
		{"bytes, least share", Limits{MaxProposalBytes: 1 << 17}, 100, 1 << 15, 2},
		{"none", Limits{MaxProposals: -1}, 2, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var cache proposalCache
			keep := func(leaf message.LeafIndex) (kept int) {
				for i := range 2 * (c.want + 1) {
					p := CommittedProposal{Sender: message.Sender{Type: message.SenderMember, Leaf: leaf}, Ref: fmt.Append(nil, leaf, i), size: c.size}
					err := cache.keep(p, c.limits.proposals(uint32(c.members)))
					require.Equal(t, err == nil, cache.takes(&p, c.limits.proposals(uint32(c.members))) == nil)
					if err == nil {
						kept++
					}
				}
				return kept
			}
			require.Equal(t, c.want, keep(0))
			total := c.want
			for leaf := 1; leaf < c.members; leaf++ {
				total += keep(message.LeafIndex(leaf))
			}
			limits := c.limits.proposals(uint32(c.members)).members
			require.LessOrEqual(t, total, max(0, limits.all.count+c.members*limits.share.count))
			require.LessOrEqual(t, total*c.size, limits.all.bytes+c.members*limits.share.bytes)
		})
	}
}

// Strangers who ask to be added take no room of members, and none of the share of an
// external sender.
func TestStrangersTakeNoRoom(t *testing.T) {
	authority := client(t, 0x0001, "authority")
	senders, err := message.Marshal(&message.ExternalSenders{{SignatureKey: authority.Signer.PublicKey(), Credential: authority.Credential}})
	require.NoError(t, err)
	few := func(cfg *Config) { cfg.Limits.MaxProposals, cfg.Limits.MaxExternalProposals = 1, 3 }
	g0, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", publicHandshake, few), nil,
		message.Extension{Type: message.ExtensionExternalSenders, Data: senders})
	require.NoError(t, err)
	groups := gather(t, g0, 3, publicHandshake, few)
	g, public := groups[2], inPublic(t, groups[2])
	for range 3 {
		require.NoError(t, received(t, g, public, asksToJoin(t, g, "client")))
	}
	require.ErrorIs(t, received(t, g, public, asksToJoin(t, g, "client")), ErrProposalRoom)
	outside := outsideOf(g)
	for i := range 4 {
		message, err := outside.Propose(t.Context(), authority.Signer, 0, externalPSK(string([]byte{byte(i)})))
		require.NoError(t, err)
		if err := received(t, g, public, message); i < 3 {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, ErrProposalRoom)
		}
	}
	message, _ := insider{t, groups[1]}.propose(message.Remove{Removed: 0})
	require.NoError(t, received(t, g, public, message))
	require.NoError(t, received(t, g, public, message), "it is there")
}

// Own proposals count as others' do.
func TestOwnProposalsTakeRoom(t *testing.T) {
	groups := clique(t, 0x0001, 3, func(cfg *Config) { cfg.Limits.MaxProposalBytes = 400 })
	g := groups[2]
	_, err := g.Propose(t.Context(), insiderTime, message.Remove{Removed: 0}, nil)
	require.NoError(t, err)
	sent, err := g.Propose(t.Context(), insiderTime, message.Remove{Removed: 1}, make([]byte, 400))
	require.ErrorIs(t, err, ErrProposalRoom)
	require.Nil(t, sent)
	_, err = g.Process(t.Context(), insiderTime, asksToJoin(t, g, string(make([]byte, 400))))
	require.ErrorIs(t, err, ErrProposalRoom)
	_, err = g.Propose(t.Context(), insiderTime, message.Remove{Removed: 1}, nil)
	require.NoError(t, err)
}

// A restored group has the room that the group had when it was saved, for each sender.
func TestRestoredProposalsTakeTheSameRoom(t *testing.T) {
	for name, adjust := range map[string]func(*Config){"public": publicHandshake, "private": privateHandshake} {
		t.Run(name, func(t *testing.T) {
			groups := clique(t, 0x0001, 4, adjust)
			g, public := groups[0], inPublic(t, groups[0])
			messages := [][]byte{asksToJoin(t, g, "client")}
			for leaf, p := range map[message.LeafIndex]message.Proposal{1: message.Remove{Removed: 3}, 2: message.GroupContextExtensions{}} {
				message, err := groups[leaf].Propose(t.Context(), insiderTime, p, make([]byte, 100*int(leaf)))
				require.NoError(t, err)
				messages = append(messages, message)
			}
			for i, message := range messages {
				_, err := g.Process(t.Context(), insiderTime, message)
				require.NoError(t, err)
				_, err = public.Process(t.Context(), insiderTime, message)
				require.Equal(t, name == "public" || i == 0, err == nil, "%v", err)
			}
			require.NotZero(t, public.cache.taken.outside)
			_, err := g.ProposeUpdate(t.Context(), insiderTime, LeafOptions{}, []byte("own"))
			require.NoError(t, err)
			require.Len(t, g.inbox.cache.taken.bySender, 3)

			state, err := storeAll(g)
			require.NoError(t, err)
			restored, err := RestoreGroup(insiderTime, *g.cfg, state)
			require.NoError(t, err)
			require.Equal(t, g.inbox.cache.taken, restored.inbox.cache.taken)

			state, err = storeAll(public)
			require.NoError(t, err)
			follower, err := RestorePublicGroup(insiderTime, *public.cfg, state)
			require.NoError(t, err)
			require.Equal(t, public.cache.taken, follower.cache.taken)
		})
	}
}
