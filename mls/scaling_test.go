package mls

import (
	"fmt"
	"math/bits"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/mls/message"
)

func steady(tb testing.TB, n int) *Simulation {
	tb.Helper()
	sim, err := NewSimulation(tb.Context(), time.Now(), SimulationConfig{
		Suites: mlstest.AllSuites(), Suite: 0x0001, Members: n, Shape: "steady",
	})
	require.NoError(tb, err)
	return sim
}

// A steady commit, and processing it, touch a number of tree nodes that is
// proportional to the depth of the tree.
func TestCommitTouchesLogarithmicallyManyNodes(t *testing.T) {
	const perLevel = 10
	sizes := []int{16, 64, 256}
	if vectors.Full() {
		sizes = append(sizes, 1024, 4096)
	}
	for _, n := range sizes {
		sim := steady(t, n)
		depth := bits.Len(uint(sim.public.tree.Width)) - 1
		var visits atomic.Int64
		sim.public.tree.Visits = &visits
		for _, pair := range [][2]message.LeafIndex{{0, 1}, {0, message.LeafIndex(n - 1)}, {message.LeafIndex(n / 2), message.LeafIndex(n / 3)}} {
			committer, err := sim.Member(pair[0])
			require.NoError(t, err)
			receiver, err := sim.Member(pair[1])
			require.NoError(t, err)
			visits.Store(0)
			c, err := committer.Commit(t.Context(), time.Now(), CommitOptions{})
			require.NoError(t, err)
			created := visits.Swap(0)
			r, err := receiver.Process(t.Context(), time.Now(), c.Message)
			require.NoError(t, err)
			processed := visits.Swap(0)
			_, err = r.Commit.Adopt()
			require.NoError(t, err)
			t.Logf("n=%d depth=%d: commit touches %d nodes, process %d", n, depth, created, processed)
			require.Positive(t, created)
			require.Positive(t, processed)
			require.LessOrEqual(t, created, int64(perLevel*(depth+1)), "n=%d", n)
			require.LessOrEqual(t, processed, int64(perLevel*(depth+1)), "n=%d", n)
		}
	}
}

// BenchmarkCommitGrowth shows what a steady commit, and processing it, allocate in
// a group of 8,192 in proportion to one of 1,024. The depths are 13 and 10.
func BenchmarkCommitGrowth(b *testing.B) {
	var commit, process [2]float64
	for i, n := range []int{1024, 8192} {
		sim := steady(b, n)
		committer, err := sim.Member(message.LeafIndex(n / 2))
		require.NoError(b, err)
		const rounds = 50
		receivers := make([]*Group, rounds)
		messages := make([][]byte, rounds)
		for r := range rounds {
			receivers[r], err = sim.Member(1)
			require.NoError(b, err)
		}
		commit[i] = mlstest.AllocatedBytes(rounds, func(r int) {
			c, err := committer.Commit(b.Context(), time.Now(), CommitOptions{})
			require.NoError(b, err)
			messages[r] = c.Message
		})
		process[i] = mlstest.AllocatedBytes(rounds, func(r int) {
			_, err := receivers[r].Process(b.Context(), time.Now(), messages[r])
			require.NoError(b, err)
		})
		b.ReportMetric(commit[i], fmt.Sprintf("commit-B/n=%d", n))
		b.ReportMetric(process[i], fmt.Sprintf("process-B/n=%d", n))
	}
	b.ReportMetric(commit[1]/commit[0], "commit-growth")
	b.ReportMetric(process[1]/process[0], "process-growth")
	b.ReportMetric(0, "ns/op")
	if commit[1] >= 1.5*commit[0] || process[1] >= 1.5*process[0] {
		b.Errorf("allocations grow by %.2f (commit) and %.2f (process), want under 1.5",
			commit[1]/commit[0], process[1]/process[0])
	}
	for range b.N { // one measurement is enough
	}
}
