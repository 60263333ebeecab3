package mls_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// The benchmarks below measure ratios within one run, which is all that is steady
// on a machine that others share. CPU time is that of the process. They measure
// once, whatever b.N is: what a ratio is of in turns, and of each the least, since
// what disturbs a measurement makes it dearer.

const rounds = 3

var speedPlan = measure.Plan{Count: 5, Time: 500 * time.Millisecond}

func simulate(b *testing.B, n int, shape string) *mls.Simulation {
	b.Helper()
	sim, err := mls.NewSimulation(b.Context(), time.Now(), mls.SimulationConfig{
		Suites: all.Registry(), Suite: 0x0001, Members: n, Shape: shape,
	})
	require.NoError(b, err)
	return sim
}

func onOneCore(b *testing.B) {
	cores := runtime.GOMAXPROCS(1)
	b.Cleanup(func() { runtime.GOMAXPROCS(cores) })
}

// least replaces cost by that of an operation where it is less.
func least(b *testing.B, cost *measure.Sample, op measure.Operation) {
	b.Helper()
	samples, err := measure.Run(b.Context(), speedPlan, op)
	require.NoError(b, err)
	if *cost != (measure.Sample{}) {
		samples = append(samples, *cost)
	}
	*cost = measure.Least(samples)
}

func commitCost(b *testing.B, cost *measure.Sample, sim *mls.Simulation, leaf message.LeafIndex) {
	b.Helper()
	g, err := sim.Member(leaf)
	require.NoError(b, err)
	least(b, cost, measure.Operation{Do: func(int) error {
		_, err := g.Commit(b.Context(), time.Now(), mls.CommitOptions{})
		return err
	}})
}

// processCost is what a commit of one leaf costs another. Every repetition is of a
// fresh view, with a message whose key is the first of its ratchet.
func processCost(b *testing.B, cost *measure.Sample, sim *mls.Simulation, committer, receiver message.LeafIndex) {
	b.Helper()
	sender, err := sim.Member(committer)
	require.NoError(b, err)
	c, err := sender.Commit(b.Context(), time.Now(), mls.CommitOptions{})
	require.NoError(b, err)
	var views []*mls.Group
	least(b, cost, measure.Operation{
		Prepare: func(n int) error {
			views = views[:0]
			for range n {
				g, err := sim.Member(receiver)
				if err != nil {
					return err
				}
				views = append(views, g)
			}
			return nil
		},
		Do: func(i int) error {
			_, err := views[i].Process(b.Context(), time.Now(), c.Message)
			return err
		},
	})
}

func prices(b *testing.B) (suite.Info, limit.Prices) {
	b.Helper()
	s, err := all.Registry().Suite(0x0001)
	require.NoError(b, err)
	p, err := limit.Price(b.Context(), measure.Plan{Count: 9, Time: 100 * time.Millisecond}, s)
	require.NoError(b, err)
	return s.Info(), p
}

// report reports a ratio and fails the benchmark if it is above its bound.
func report(b *testing.B, name string, ratio, bound float64) {
	b.Helper()
	b.ReportMetric(ratio, name)
	if ratio > bound {
		b.Errorf("%s is %.2f, want at most %.2f", name, ratio, bound)
	}
}

func once(b *testing.B) {
	b.ReportMetric(0, "ns/op")
	for range b.N { // measured once, above
	}
}

// BenchmarkGrowth shows how a steady commit, and processing it, grow from 1,000
// members to 100,000: in time and in bytes allocated. The depths are 10 and 17.
func BenchmarkGrowth(b *testing.B) {
	type figures struct{ commit, fixedK, fullK measure.Sample }
	var of [2]figures
	var sims [2]*mls.Simulation
	sizes := [2]int{1000, 100_000}
	for i, n := range sizes {
		sims[i] = simulate(b, n, "steady")
	}
	onOneCore(b)
	for range rounds {
		for i, sim := range sims {
			last := sim.Leaves()[sizes[i]-1]
			commitCost(b, &of[i].commit, sim, 0)
			processCost(b, &of[i].fixedK, sim, 0, last) // under the root: k is 1
			processCost(b, &of[i].fullK, sim, 0, 1)     // the sibling: k is d
		}
	}
	for _, row := range []struct {
		name  string
		bound float64
		of    func(f figures) measure.Sample
	}{
		{"commit", 1.9, func(f figures) measure.Sample { return f.commit }},
		{"process-k=1", 1.3, func(f figures) measure.Sample { return f.fixedK }},
		{"process-k=d", 1.7, func(f figures) measure.Sample { return f.fullK }},
	} {
		small, large := row.of(of[0]), row.of(of[1])
		report(b, row.name+"-growth", large.CPU/small.CPU, row.bound)
		report(b, row.name+"-bytes-growth", large.AllocBytes/small.AllocBytes, row.bound)
	}
	once(b)
}

// BenchmarkSteadyAgainstLimit shows a steady commit and its processing at 1,000
// members in proportion to what the primitives alone take: for receivers under the
// root, where k is 1, for the sibling, where k is d, and in the mean of all.
func BenchmarkSteadyAgainstLimit(b *testing.B) {
	const n, bound = 1000, 1.25
	sim := simulate(b, n, "steady")
	onOneCore(b)
	info, price := prices(b)
	group := limit.Group{Suite: info, Tree: limit.Steady(n, 0)}
	path := group.Tree.Path
	var commit measure.Sample
	process := make([]measure.Sample, len(path))
	for range rounds {
		commitCost(b, &commit, sim, 0)
		for i, level := range path {
			processCost(b, &process[i], sim, 0, message.LeafIndex(level.First))
		}
		_, again := prices(b)
		price = price.Least(again)
	}
	mean := 0.0
	for i, level := range path {
		mean += process[i].CPU * float64(level.Receivers) / (n - 1)
	}
	top := len(path) - 1
	report(b, "commit/limit", commit.CPU/group.Commit().At(price), bound)
	report(b, "process-k=1/limit", process[top].CPU/group.Process(top).At(price), bound)
	report(b, "process-mean/limit", mean/group.MeanProcess().At(price), bound)
	report(b, "process-k=d/limit", process[0].CPU/group.Process(0).At(price), bound)
	once(b)
}

// BenchmarkAdd shows the creator of a group adding 10,000 members, with their
// Welcome, in proportion to the limit, and what it allocates.
func BenchmarkAdd(b *testing.B) {
	const n = 10_000
	sim := simulate(b, 1, "blank")
	joiners, err := sim.NewMembers(b.Context(), time.Now(), n)
	require.NoError(b, err)
	var adds []message.Proposal
	for _, k := range joiners {
		adds = append(adds, message.Add{KeyPackage: k.KeyPackage})
	}
	_, price := prices(b)
	onOneCore(b)
	g, err := sim.Member(0)
	require.NoError(b, err)
	samples, err := measure.Run(b.Context(), measure.Plan{Count: 1}, measure.Operation{Do: func(int) error {
		_, err := g.Commit(b.Context(), time.Now(), mls.CommitOptions{}, adds...)
		return err
	}})
	require.NoError(b, err)
	perJoiner := limit.Cost{}
	perJoiner[limit.Verify], perJoiner[limit.Seal] = 2, 1
	report(b, "add/limit", samples[0].CPU/perJoiner.Times(n).At(price), 1.4)
	report(b, "add-MB", samples[0].AllocBytes/1e6, 300)
	once(b)
}

// BenchmarkJoin shows a member joining a group of 10,000 in proportion to the limit
// divided by the cores, in wall time.
func BenchmarkJoin(b *testing.B) {
	const n = 10_000
	info, price := prices(b)
	for _, row := range []struct {
		shape string
		tree  limit.Tree
		bound float64
	}{
		{"blank", limit.Blank(n, 0), 1.3},
		{"steady", limit.Steady(n, 0), 1.3},
		{"unmerged", limit.Unmerged(n, 0), 1.6},
	} {
		sim := simulate(b, n-1, row.shape)
		var best time.Duration
		for range 5 {
			joiner, err := sim.NewMembers(b.Context(), time.Now(), 1)
			require.NoError(b, err)
			g, err := sim.Member(0)
			require.NoError(b, err)
			c, err := g.Commit(b.Context(), time.Now(), mls.CommitOptions{}, message.Add{KeyPackage: joiner[0].KeyPackage})
			require.NoError(b, err)
			start := time.Now()
			_, err = joiner[0].Join(b.Context(), time.Now(), c.Welcome, mls.JoinOptions{})
			took := time.Since(start)
			require.NoError(b, err)
			if best == 0 || took < best {
				best = took
			}
		}
		least := limit.Group{Suite: info, Tree: row.tree}.Join().At(price) / float64(runtime.GOMAXPROCS(0))
		report(b, fmt.Sprintf("join-%s/limit", row.shape), float64(best.Nanoseconds())/least, row.bound)
	}
	once(b)
}
