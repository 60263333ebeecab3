package mls

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/message"
)

// requireSameCandidate checks that a restored candidate says of the next epoch what the saved
// one said.
func requireSameCandidate(t *testing.T, want, got *Candidate) {
	t.Helper()
	require.Equal(t, want.Dictionary(), got.Dictionary())
	require.Equal(t, want.GroupContext(), got.GroupContext())
	require.Empty(t, cmp.Diff(want.Proposals(), got.Proposals(), cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(CommittedProposal{})))
	require.Equal(t, want.Committer(), got.Committer())
	require.Equal(t, want.AuthenticatedData(), got.AuthenticatedData())
}

// A candidate that changes the dictionary outlives a restart, at its author and at a member
// that received it. Restoring asks no component: the commit was judged. So a client that has
// lost its components still gets into the epoch.
func TestCandidatesOfComponentsAreSaved(t *testing.T) {
	asked := 0
	counted := func(cfg *Config) {
		withComponents(cfg)
		cfg.Components = slices.Clone(cfg.Components)
		update := cfg.Components[0].Update
		cfg.Components[0].Update = func(c *ComponentCommit) ([]byte, error) {
			asked++
			return update(c)
		}
	}
	adjust := []func(*Config){publicHandshake, selfRemove, counted}
	g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", adjust...), nil, dictionary(t, listOf(t, 2)))
	require.NoError(t, err)
	groups := gather(t, g, 4, adjust...)
	selfRemoves(t, groups, 3)
	update, err := groups[1].Propose(t.Context(), insiderTime, entry("one "), nil)
	require.NoError(t, err)
	for _, i := range []int{0, 2} {
		_, err := groups[i].Process(t.Context(), insiderTime, update)
		require.NoError(t, err)
	}
	said := items(t, message.ComponentData{ID: journal, Data: []byte("said")})
	made, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{AuthenticatedData: said},
		entry("two"), message.AppEphemeral{Component: journal, Data: []byte("now")})
	require.NoError(t, err)
	require.Len(t, made.Proposals(), 4)
	for i := range 3 {
		candidate := made
		if i != 0 {
			r, err := groups[i].Process(t.Context(), insiderTime, made.Message)
			require.NoError(t, err)
			candidate = r.Commit
		}
		state, err := storeAll(groups[i])
		require.NoError(t, err)
		saved, err := candidate.Save()
		require.NoError(t, err)
		asked = 0
		cfg := *groups[i].cfg
		if i == 2 {
			cfg.Components = []Component{}
		}
		restored, err := RestoreGroup(insiderTime, cfg, state)
		require.NoError(t, err)
		again, err := restored.RestoreCandidate(insiderTime, saved)
		require.NoError(t, err)
		requireSameCandidate(t, candidate, again)
		require.Equal(t, candidate.Changes(), again.Changes())
		require.Equal(t, message.LeafIndex(3), again.Changes()[0].Leaf, "the SelfRemove")
		groups[i], err = again.Adopt()
		require.NoError(t, err)
		require.Zero(t, asked)
	}
	groups = groups[:3]
	requireJournal(t, groups, "one two")
	for _, g := range groups[1:] {
		requireSameEpoch(t, groups[0], g)
	}

	// The next commit of the component is beyond the client that has none.
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, entry(" three"))
	require.NoError(t, err)
	_, err = groups[2].Process(t.Context(), insiderTime, c.Message)
	require.ErrorIs(t, err, message.ErrUnsupported)
	follow(t, groups[:2], 0, c)
	requireJournal(t, groups[:2], "one two three")
}

// An external commit that updates a component outlives a restart of the joiner.
func TestJoinsWithAppDataAreSaved(t *testing.T) {
	adjust := []func(*Config){publicHandshake, withComponents}
	g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", adjust...), nil,
		dictionary(t, listOf(t, 2), message.ComponentData{ID: journal, Data: []byte("zero")}))
	require.NoError(t, err)
	groups := gather(t, g, 2, adjust...)
	info, err := groups[0].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	cfg := client(t, 0x0001, "outside", adjust...)
	c, err := ExternalJoin(t.Context(), insiderTime, cfg, info, ExternalJoinOptions{AppData: []message.Proposal{entry(" one")}})
	require.NoError(t, err)
	state, err := c.Save()
	require.NoError(t, err)
	again, err := RestoreCandidate(insiderTime, cfg, state)
	require.NoError(t, err)
	requireSameCandidate(t, c, again)
	follow(t, groups, -1, c)
	joined, err := again.Adopt()
	require.NoError(t, err)
	groups = append(groups, joined)
	requireJournal(t, groups, "zero one")
	requireSameEpoch(t, groups[0], joined)
	last, err := joined.Commit(t.Context(), insiderTime, CommitOptions{}, entry(" two"))
	require.NoError(t, err)
	follow(t, groups, 2, last)
	requireJournal(t, groups, "zero one two")
}

// A simulation makes groups with components by real commits: all views of an epoch have its
// dictionary and its exporter tree, and follow each other's commits.
func TestSimulationOfComponents(t *testing.T) {
	for _, shape := range []string{treeBlank, treeSteady, treeUnmerged} {
		t.Run(shape, func(t *testing.T) {
			sim, err := NewSimulation(t.Context(), insiderTime, SimulationConfig{
				Suites: mlstest.AllSuites(), Suite: 1, Members: 8, Shape: shape,
				Adjust: func(cfg *Config) { withComponents(cfg); safeExporter(cfg) },
			})
			require.NoError(t, err)
			t.Cleanup(sim.Destroy)
			leaves := sim.Leaves()
			_, err = sim.Commit(t.Context(), insiderTime, leaves[1], CommitOptions{}, entry("one"))
			require.NoError(t, err)
			_, err = sim.Commit(t.Context(), insiderTime, leaves[2], CommitOptions{}, message.AppDataUpdate{Component: sealed})
			require.ErrorIs(t, err, message.ErrInvalid)
			joiners, err := sim.NewMembers(t.Context(), insiderTime, 1)
			require.NoError(t, err)
			c, err := sim.Commit(t.Context(), insiderTime, leaves[3], CommitOptions{}, message.Add{KeyPackage: joiners[0].KeyPackage}, entry(" two"))
			require.NoError(t, err)
			views := []*Group{}
			for _, leaf := range sim.Leaves() {
				views = append(views, member(t, sim, leaf))
			}
			require.Len(t, views, 9)
			requireJournal(t, views, "one two")
			want := mustExport(t, c, 6)
			for _, g := range views {
				requireSameEpoch(t, views[0], g)
				requireExported(t, want, g, 6)
			}

			next, err := views[8].Commit(t.Context(), insiderTime, CommitOptions{}, entry(" three"))
			require.NoError(t, err)
			r, err := views[0].Process(t.Context(), insiderTime, next.Message)
			require.NoError(t, err)
			require.Equal(t, next.Dictionary(), r.Commit.Dictionary())
			requireExported(t, mustExport(t, next, 6), r.Commit, 6)
			_, err = sim.Commit(t.Context(), insiderTime, leaves[0], CommitOptions{}, message.AppDataUpdate{Component: journal, Remove: true})
			require.NoError(t, err)
			require.Empty(t, member(t, sim, leaves[7]).Dictionary())
		})
	}
}
