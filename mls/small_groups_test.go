package mls_test

import (
	"crypto/fips140"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/internal/allocated"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// chat is a group whose tree is populated.
type chat struct {
	testing.TB
	suites  mls.Suites
	suite   suite.ID
	sim     *mls.Simulation
	outside mls.Suites // of those who enter
}

func newChat(t testing.TB, suites mls.Suites, id suite.ID, members int) chat {
	sim, err := mls.NewSimulation(t.Context(), testTime, mls.SimulationConfig{Suites: suites, Suite: id, Members: members, Shape: "steady"})
	require.NoError(t, err)
	return chat{t, suites, id, sim, suites}
}

// smallOperation is what members of a chat do, and those who enter it.
type smallOperation struct {
	name  string
	limit func(g limit.Group, members int) limit.Cost
	start func(c chat) measure.Operation
}

func smallOperations() []smallOperation {
	return []smallOperation{
		{"commit", func(g limit.Group, _ int) limit.Cost { return g.Commit() }, func(c chat) measure.Operation {
			return c.committing()
		}},
		{"process", func(g limit.Group, _ int) limit.Cost { return g.Process(len(g.Tree.Path) - 1) }, func(c chat) measure.Operation {
			return c.processing(c.commit().Message)
		}},
		{"add", func(g limit.Group, _ int) limit.Cost { return g.Add() }, func(c chat) measure.Operation {
			return c.committing(message.Add{KeyPackage: c.newcomer().KeyPackage})
		}},
		{"process-add", func(g limit.Group, _ int) limit.Cost { return g.ProcessAdd() }, func(c chat) measure.Operation {
			return c.processing(c.commit(message.Add{KeyPackage: c.newcomer().KeyPackage}).Message)
		}},
		{"join", func(g limit.Group, _ int) limit.Cost { return g.Join() }, func(c chat) measure.Operation {
			kp := c.newcomer()
			welcome := c.commit(message.Add{KeyPackage: kp.KeyPackage}).Welcome
			return measure.Operation{Do: func(int) error {
				joined, err := kp.Join(c.Context(), testTime, welcome, mls.JoinOptions{})
				if err == nil {
					joined.Discard()
				}
				return err
			}}
		}},
		{"external-join", func(g limit.Group, members int) limit.Cost { return g.Entering(limit.SteadyShape(members)).Enter() }, func(c chat) measure.Operation {
			info, err := c.member(0).GroupInfo(c.Context(), testTime, true)
			require.NoError(c, err)
			cfg := c.newConfig()
			return measure.Operation{Do: func(int) error {
				_, err := mls.ExternalJoin(c.Context(), testTime, cfg, info, mls.ExternalJoinOptions{})
				return err
			}}
		}},
	}
}

func (c chat) member(leaf message.LeafIndex) *mls.Group {
	g, err := c.sim.Member(leaf)
	require.NoError(c, err)
	return g
}

// onViews is what do does to a view of a member, another view each time.
func (c chat) onViews(leaf message.LeafIndex, do func(*mls.Group) error) measure.Operation {
	var views []*mls.Group
	return measure.Operation{
		Prepare: func(n int) error {
			views = views[:0]
			for range n {
				views = append(views, c.member(leaf))
			}
			return nil
		},
		Do: func(i int) error { return do(views[i]) },
	}
}

// committing is how leaf 0 commits.
func (c chat) committing(proposals ...message.Proposal) measure.Operation {
	return c.onViews(0, func(g *mls.Group) error {
		_, err := g.Commit(c.Context(), testTime, mls.CommitOptions{}, proposals...)
		return err
	})
}

// processing is how a member of the half that leaf 0 is not in processes a commit.
func (c chat) processing(commit []byte) measure.Operation {
	leaves := c.sim.Leaves()
	return c.onViews(leaves[len(leaves)-1], func(g *mls.Group) error {
		_, err := g.Process(c.Context(), testTime, commit)
		return err
	})
}

// commit returns a commit of leaf 0.
func (c chat) commit(proposals ...message.Proposal) *mls.Candidate {
	made, err := c.member(0).Commit(c.Context(), testTime, mls.CommitOptions{}, proposals...)
	require.NoError(c, err)
	return made
}

func (c chat) newConfig() mls.Config {
	s, err := c.outside.Suite(c.suite)
	require.NoError(c, err)
	signer, err := s.GenerateSigner()
	require.NoError(c, err)
	return mls.Config{Suites: c.outside, Suite: c.suite, Signer: signer, Credential: message.BasicCredential([]byte("newcomer"))}
}

// contents are the sizes of what the members put into their structures.
func (c chat) contents() *limit.Contents {
	kp := c.newcomer().KeyPackage
	of := kp.LeafNode.Capabilities
	lists := [5]int{len(of.Versions), len(of.CipherSuites), len(of.Extensions), len(of.Proposals), len(of.Credentials)}
	identity, grease := len("member ")+4, limit.Extension(4)
	return &limit.Contents{
		GroupID: len(c.member(0).GroupID()), Leaf: limit.LeafContents(identity, lists, 4), KeyPackage: grease, GroupInfo: grease,
	}
}

func (c chat) newcomer() *mls.OwnKeyPackage {
	kp, err := mls.NewKeyPackage(c.Context(), testTime, c.newConfig(), mls.KeyPackageOptions{})
	require.NoError(c, err)
	return kp
}

// What a group of two or ten does takes few allocations, those of its primitives among
// them: a third of a commit's are. The bounds are a few above what it takes, since some
// reserved values and lists are random.
func TestSmallGroupsAllocateLittle(t *testing.T) {
	if fips140.Enabled() || !allocated.Exact {
		t.Skip("the approved services and the race detector allocate more")
	}
	most := map[string]struct{ two, ten float64 }{
		"commit": {136, 230}, "process": {106, 125}, "add": {118, 122}, "process-add": {91, 93},
		"join": {131, 226}, "external-join": {243, 367},
	}
	for _, op := range smallOperations() {
		for members, most := range map[int]float64{2: most[op.name].two, 10: most[op.name].ten} {
			t.Run(fmt.Sprintf("%s/%d", op.name, members), func(t *testing.T) {
				c := newChat(t, all.Registry(), 0x0001, members)
				require.LessOrEqual(t, allocations(t, op.start(c)), most)
			})
		}
	}
}

// allocations returns how often an operation allocates, in the mean.
func allocations(t *testing.T, op measure.Operation) float64 {
	const runs = 20
	if op.Prepare != nil {
		require.NoError(t, op.Prepare(runs+1))
	}
	i := 0
	return testing.AllocsPerRun(runs, func() {
		if err := op.Do(i); err != nil {
			t.Fatal(err)
		}
		i++
	})
}

// BenchmarkSmallAgainstLimit shows what members of groups of two and of ten do in
// proportion to what the primitives alone take, on the standard library and on the fastest
// providers.
func BenchmarkSmallAgainstLimit(b *testing.B) {
	onEachProvider(b, benchmarkSmall)
}

func benchmarkSmall(b *testing.B, suites func() *registry.Registry) {
	const id, bound = 0x0001, 1.25
	pricer, info := newPricer(b, suites(), id)
	var price priceSamples
	operations := inSmallGroups(b, suites, info)
	for range rounds {
		for _, m := range operations {
			m.cost.take(b, m.op)
		}
		price.take(b, pricer)
	}
	for _, m := range operations {
		report(b, m.name+"/limit", m.cost.inLoops()/m.limit.At(price.middle()), bound)
	}
	once(b)
}

// BenchmarkSmallUndisturbed shows the same of the quickest twentieth of repetitions and of
// prices, which neither the garbage collector nor neighbours disturb.
func BenchmarkSmallUndisturbed(b *testing.B) {
	onEachProvider(b, benchmarkUndisturbed)
}

func benchmarkUndisturbed(b *testing.B, suites func() *registry.Registry) {
	const id, bound = 0x0001, 1.15
	s, err := suites().Suite(id)
	require.NoError(b, err)
	operations := inSmallGroups(b, suites, s.Info())
	var prices priceSamples
	for range 10 * rounds {
		now, err := limit.Price(b.Context(), measure.Plan{Count: 3, Time: 3 * time.Millisecond}, s)
		require.NoError(b, err)
		for p := range now {
			prices[p] = append(prices[p], now[p])
		}
		for _, m := range operations {
			m.quick.take(b, m.op)
		}
	}
	var price limit.Prices
	for p := range price {
		price[p] = quickest(prices[p])
	}
	for _, m := range operations {
		report(b, m.name+"/limit", quickest(m.quick)/m.limit.At(price), bound)
	}
	once(b)
}

// quick holds the times of single repetitions of an operation, in nanoseconds.
type quick []float64

// take adds ten repetitions that follow others of the same operation.
func (q *quick) take(b *testing.B, op measure.Operation) {
	b.Helper()
	const before, counted = 2, 10
	start := time.Now()
	var all quick
	plan := measure.Plan{
		Now:  func() time.Duration { return time.Since(start) }, // quicker to read than the CPU time
		Each: func(took time.Duration) { all = append(all, float64(took)) },
	}
	_, err := plan.Take(op, before+counted)
	require.NoError(b, err)
	*q = append(*q, all[before:]...)
}

// quickest returns what a twentieth of the values are at most.
func quickest(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/20]
}

// measured is an operation in a small group, with what it took.
type measured struct {
	name  string
	op    measure.Operation
	limit limit.Cost
	cost  cost
	quick quick
}

// inSmallGroups returns the operations in groups of two and of ten.
func inSmallGroups(b *testing.B, suites func() *registry.Registry, info suite.Info) []*measured {
	var operations []*measured
	for _, n := range []int{2, 10} {
		c := newChat(b, suites(), info.ID, n)
		// Who enters has never seen the members' keys, which members' suites keep tables of.
		c.outside = suites()
		group := limit.Group{Suite: info, Tree: limit.Steady(n, 0), Contents: c.contents()}
		for _, op := range smallOperations() {
			operations = append(operations, &measured{name: fmt.Sprintf("%s-n=%d", op.name, n), op: op.start(c), limit: op.limit(group, n)})
		}
	}
	return operations
}
