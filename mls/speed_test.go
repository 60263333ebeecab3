package mls_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/fast"
	"github.com/mlsuite/mlsuite/suite"
)

// The benchmarks below measure ratios within one run, which is all that is steady on a
// machine that others share. They measure once, whatever b.N is: what a ratio is of in
// turns, each in proportion to a fixed loop beside it.

const rounds = 5

// speedPlan makes a sample short, so that the loop beside it meets the same neighbours.
var speedPlan = measure.Plan{Count: 10, Time: 100 * time.Millisecond}

// cost holds samples of an operation.
type cost []measure.Sample

// inLoops returns the median of the CPU times in proportion to the loop.
func (c cost) inLoops() float64 {
	ratios := make([]float64, len(c))
	for i, s := range c {
		ratios[i] = s.CPU / s.Loop
	}
	return middle(ratios)
}

// bytes returns the median of the bytes allocated.
func (c cost) bytes() float64 { return measure.Median(c).AllocBytes }

func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

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

// take adds samples of an operation.
func (c *cost) take(b *testing.B, op measure.Operation) {
	b.Helper()
	samples, err := measure.Run(b.Context(), speedPlan, op)
	require.NoError(b, err)
	*c = append(*c, samples...)
}

func (c *cost) commit(b *testing.B, sim *mls.Simulation, leaf message.LeafIndex) {
	b.Helper()
	g, err := sim.Member(leaf)
	require.NoError(b, err)
	c.take(b, measure.Operation{Do: func(int) error {
		_, err := g.Commit(b.Context(), time.Now(), mls.CommitOptions{})
		return err
	}})
}

// process takes what a commit of one leaf costs another. Every repetition is of a fresh
// view, with a message whose key is the first of its ratchet.
func (c *cost) process(b *testing.B, sim *mls.Simulation, committer, receiver message.LeafIndex) {
	b.Helper()
	sender, err := sim.Member(committer)
	require.NoError(b, err)
	sent, err := sender.Commit(b.Context(), time.Now(), mls.CommitOptions{})
	require.NoError(b, err)
	var views []*mls.Group
	c.take(b, measure.Operation{
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
			_, err := views[i].Process(b.Context(), time.Now(), sent.Message)
			return err
		},
	})
}

// prices returns the prices of the primitives in nanoseconds.
func prices(b *testing.B) (suite.Info, limit.Prices) {
	b.Helper()
	s, err := all.Registry().Suite(0x0001)
	require.NoError(b, err)
	p, err := limit.Price(b.Context(), measure.Plan{Count: 9, Time: 100 * time.Millisecond}, s)
	require.NoError(b, err)
	return s.Info(), p
}

// onEachProvider runs a benchmark on the standard library and on the fastest providers, on one
// core: package testing gives each benchmark in another one all cores again.
func onEachProvider(b *testing.B, run func(b *testing.B, suites func() *registry.Registry)) {
	for _, of := range []struct {
		name   string
		suites func() *registry.Registry
	}{{"all", all.Registry}, {"fast", fast.Registry}} {
		b.Run(of.name, func(b *testing.B) {
			onOneCore(b)
			run(b, of.suites)
		})
	}
}

// newPricer returns a pricer of a suite and what the suite is. Its samples are short, to be
// taken between those of operations.
func newPricer(b *testing.B, suites mls.Suites, id suite.ID) (*limit.Pricer, suite.Info) {
	b.Helper()
	s, err := suites.Suite(id)
	require.NoError(b, err)
	pricer, err := limit.NewPricer(b.Context(), measure.Plan{Count: 1, Time: 10 * time.Millisecond}, s)
	require.NoError(b, err)
	return pricer, s.Info()
}

// priceSamples are samples of the prices of primitives, in loops.
type priceSamples [len(limit.Prices{})][]float64

func (s *priceSamples) take(b *testing.B, pricer *limit.Pricer) {
	b.Helper()
	prices, _, err := pricer.Sample()
	require.NoError(b, err)
	for p := range prices {
		s[p] = append(s[p], prices[p])
	}
}

func (s *priceSamples) middle() (price limit.Prices) {
	for p := range price {
		price[p] = middle(s[p])
	}
	return price
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
// members to 100,000: in time and in bytes allocated. The depths are 10 and 17. Bytes
// for a receiver under the root grow from 27 kB by 8.
func BenchmarkGrowth(b *testing.B) {
	type figures struct{ commit, fixedK, fullK cost }
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
			of[i].commit.commit(b, sim, 0)
			of[i].fixedK.process(b, sim, 0, last) // under the root: k is 1
			of[i].fullK.process(b, sim, 0, 1)     // the sibling: k is d
		}
	}
	for _, row := range []struct {
		name        string
		time, bytes float64 // bounds
		of          func(f figures) cost
	}{
		{"commit", 1.9, 1.6, func(f figures) cost { return f.commit }},
		{"process-k=1", 1.3, 1.35, func(f figures) cost { return f.fixedK }},
		{"process-k=d", 1.7, 1.5, func(f figures) cost { return f.fullK }},
	} {
		small, large := row.of(of[0]), row.of(of[1])
		report(b, row.name+"-growth", large.inLoops()/small.inLoops(), row.time)
		report(b, row.name+"-bytes-growth", large.bytes()/small.bytes(), row.bytes)
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
	pricer, info := newPricer(b, all.Registry(), 0x0001)
	group := limit.Group{Suite: info, Tree: limit.Steady(n, 0)}
	path := group.Tree.Path
	var commit cost
	process := make([]cost, len(path))
	var samples priceSamples
	for range rounds {
		commit.commit(b, sim, 0)
		for i, level := range path {
			process[i].process(b, sim, 0, message.LeafIndex(level.First))
			samples.take(b, pricer)
		}
	}
	price := samples.middle()
	mean := 0.0
	for i, level := range path {
		mean += process[i].inLoops() * float64(level.Receivers) / (n - 1)
	}
	top := len(path) - 1
	report(b, "commit/limit", commit.inLoops()/group.Commit().At(price), bound)
	report(b, "process-k=1/limit", process[top].inLoops()/group.Process(top).At(price), bound)
	report(b, "process-mean/limit", mean/group.MeanProcess().At(price), bound)
	report(b, "process-k=d/limit", process[0].inLoops()/group.Process(0).At(price), bound)
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
	perJoiner[limit.VerifyFirst], perJoiner[limit.Seal] = 2, 1
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
