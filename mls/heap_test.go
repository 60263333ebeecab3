package mls_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/allocated"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
)

// live returns what f returns and the bytes of heap that stay with it.
func live[T any](f func() T) (made T, bytes int64) {
	inUse := func() int64 {
		runtime.GC()
		runtime.GC() // what the first one finalizes
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := inUse()
	made = f()
	return made, inUse() - before
}

// A member, a public group and a simulation of 1,000 take at most so many bytes of heap
// for each member: an eighth more than when the test was written, and two thirds of what
// they took while the tree kept structures.
func TestHeapForEachMember(t *testing.T) {
	if !allocated.Exact {
		t.Skip("the race detector keeps memory of its own")
	}
	const n = 1000
	suites := all.Registry()
	for _, row := range []struct {
		shape                      string
		member, public, simulation int64
	}{
		{"blank", 627, 627, 840},
		{"steady", 818, 818, 1170},
	} {
		t.Run(row.shape, func(t *testing.T) {
			atMost := func(what string, got, want int64) {
				t.Helper()
				t.Logf("%s: %d bytes for each member", what, got/n)
				require.LessOrEqual(t, got/n, want, what)
				require.Positive(t, got, what)
			}
			sim, bytes := live(func() *mls.Simulation {
				sim, err := mls.NewSimulation(t.Context(), testTime, mls.SimulationConfig{
					Suites: suites, Suite: 0x0001, Members: n - 1, Shape: row.shape,
				})
				require.NoError(t, err)
				return sim
			})
			atMost("simulation", bytes, row.simulation)
			joiners, err := sim.NewMembers(t.Context(), testTime, 1)
			require.NoError(t, err)
			c, err := sim.Commit(t.Context(), testTime, 0, mls.CommitOptions{}, message.Add{KeyPackage: joiners[0].KeyPackage})
			require.NoError(t, err)
			member, bytes := live(func() *mls.Group {
				joined, err := joiners[0].Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{})
				require.NoError(t, err)
				g, err := joined.Adopt()
				require.NoError(t, err)
				return g
			})
			atMost("member", bytes, row.member)
			info, err := member.GroupInfo(t.Context(), testTime, true)
			require.NoError(t, err)
			public, bytes := live(func() *mls.PublicGroup {
				g, err := mls.NewPublicGroup(t.Context(), testTime, mls.Config{Suites: suites}, info, nil)
				require.NoError(t, err)
				return g
			})
			atMost("public group", bytes, row.public)
			require.Equal(t, info, public.GroupInfo(), "which holds the tree")
			runtime.KeepAlive(sim)
			runtime.KeepAlive(c)
		})
	}
}
