package mls

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// TestSimulationModel lets members of a Simulation commit, and ordinary groups
// follow: they agree with it, and so do the members that it makes of an epoch.
func TestSimulationModel(t *testing.T) {
	checkRuns(t, 8, 6, func(rt *rapid.T, id suite.ID) {
		sim, err := NewSimulation(rt.Context(), insiderTime, SimulationConfig{
			Suites: mlstest.AllSuites(), Suite: id,
			Members: rapid.IntRange(1, 12).Draw(rt, "members"),
			Shape:   rapid.SampledFrom([]string{"blank", "steady", "unmerged", "sparse"}).Draw(rt, "shape"),
		})
		require.NoError(rt, err)
		s := &simulationModel{rt, sim, map[message.LeafIndex]*Group{}}
		for _, leaf := range sim.Leaves() {
			s.groups[leaf], err = sim.Member(leaf)
			require.NoError(rt, err)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"":       func(*rapid.T) { s.check() },
			"commit": func(*rapid.T) { s.commit() },
		})
	})
}

// simulationModel is a simulation beside the groups of its members.
type simulationModel struct {
	*rapid.T
	sim    *Simulation
	groups map[message.LeafIndex]*Group
}

// commit lets a member of the simulation commit, and all groups follow.
func (s *simulationModel) commit() {
	ctx, leaves := s.Context(), s.sim.Leaves()
	by := rapid.SampledFrom(leaves).Draw(s.T, "committer")
	var proposals []message.Proposal
	for _, leaf := range leaves {
		if leaf != by && rapid.IntRange(0, 5).Draw(s.T, "remove") == 5 {
			proposals = append(proposals, message.Remove{Removed: leaf})
		}
	}
	joiners, err := s.sim.NewMembers(ctx, insiderTime, rapid.IntRange(0, 4).Draw(s.T, "joiners"))
	require.NoError(s, err)
	for _, k := range joiners {
		proposals = append(proposals, message.Add{KeyPackage: k.KeyPackage})
	}
	options := CommitOptions{ForcePath: rapid.Bool().Draw(s.T, "force path")}
	c, err := s.sim.Commit(ctx, insiderTime, by, options, proposals...)
	require.NoError(s, err)
	for leaf, g := range s.groups {
		if leaf == by {
			s.groups[by], err = s.sim.Member(by)
			require.NoError(s, err)
			continue
		}
		r, err := g.Process(ctx, insiderTime, c.Message)
		require.NoError(s, err)
		removed := slices.Contains(proposals, message.Proposal(message.Remove{Removed: leaf}))
		if s.groups[leaf], err = r.Commit.Adopt(); removed {
			require.ErrorIs(s, err, ErrRemoved)
			delete(s.groups, leaf)
			continue
		}
		require.NoError(s, err)
	}
	for i, k := range joiners {
		s.groups[c.Added()[i]], err = adopted(k.Join(ctx, insiderTime, c.Welcome, JoinOptions{}))
		require.NoError(s, err)
	}
}

func (s *simulationModel) check() {
	require.Len(s, s.groups, len(s.sim.Leaves()))
	for _, leaf := range s.sim.Leaves() {
		g, err := s.sim.Member(leaf)
		require.NoError(s, err)
		require.Equal(s, leaf, s.groups[leaf].OwnLeaf())
		require.Equal(s, factsOf(s, g), factsOf(s, s.groups[leaf]))
		checkKeys(s, g)
		checkKeys(s, s.groups[leaf])
	}
	require.NoError(s, s.sim.public.tree.CheckIndex())
}
