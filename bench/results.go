package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/mlsuite/mlsuite/bench/device"
	"github.com/mlsuite/mlsuite/bench/host"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/bench/stats"
	"github.com/mlsuite/mlsuite/suite"
)

// results returns what the rounds so far say.
func (r *run) results() *result.Results {
	if !r.added() {
		same := *r.Earlier
		return &same
	}
	state, loop := r.watch.State(), stats.Reference(r.loops)
	doubt := stats.Doubt(r.loops, loop)
	r.countChildren(&state)
	out := &result.Results{
		Schema:   result.Schema,
		Machine:  host.ThisMachine(),
		State:    state,
		Warnings: r.warnings(state),
		Parts:    r.parts(),
		Modules:  result.Modules(),
		Unmade:   r.unmade(),
		Cells:    []result.Cell{},
		Measurement: result.Measurement{
			Clock: measure.Clock, Rounds: r.rounds, SampleNS: r.Sample.Nanoseconds(), LoopNS: loop, Loops: r.loops, Doubt: doubt,
			MessageBytes: r.Message, Reachable: codes(r.Reachable), Precision: r.Precision,
		},
	}
	if n := len(out.Unmade); n > 0 {
		first := out.Unmade[0]
		out.Warnings = append(out.Warnings, fmt.Sprintf("%d groups were left out for want of time to make them, such as that of %d members in %s", n, first.GroupSize, first.ID))
	}
	out.ProviderSets = r.sets
	if r.why != nil {
		out.Measurement.Instructions = strings.TrimPrefix(r.why.Error(), "host: instructions cannot be counted: ")
	}
	drafts, _ := draftNumbers() // without them the suites have none
	for _, s := range r.suites {
		f := s.fastest()
		out.Suites = append(out.Suites, s.described(drafts[s.info.Name], f, loop))
		for _, c := range s.cells {
			out.Cells = append(out.Cells, c.result(s, f, loop, doubt, r.Precision))
		}
		for _, c := range s.sizes {
			out.Cells = append(out.Cells, c.identity(s))
		}
	}
	r.rank(out.Cells, loop, doubt)
	return out
}

// added reports whether there are rounds beside those of earlier results.
func (r *run) added() bool { return r.Earlier == nil || r.rounds > r.Earlier.Measurement.Rounds }

// parts returns what the run went on from.
func (r *run) parts() []result.Part {
	if r.Earlier == nil {
		return nil
	}
	return append(slices.Clone(r.Earlier.Parts), result.Part{Rounds: r.Earlier.Measurement.Rounds, State: r.Earlier.State})
}

// warnings returns those of a state, and those of the parts that the run went on from.
func (r *run) warnings(state host.State) []string {
	all, first := []string{}, 1
	for _, p := range r.parts() {
		for _, w := range p.State.Warnings() {
			all = append(all, fmt.Sprintf("rounds %d to %d: %s", first, p.Rounds, w))
		}
		first = p.Rounds + 1
	}
	return append(all, state.Warnings()...)
}

// described returns the suite with the prices of its primitives.
func (s *suiteRun) described(draft string, f fastest, loop float64) result.Suite {
	priced := device.NewSuite(s.suite, s.prices, loop)
	kem, signature := result.ShortNames(s.info)
	x := result.Suite{
		Name: priced.Name, ID: priced.ID, Draft: draft, KEM: kem, AEAD: s.info.AEAD.Name, Signature: signature,
		Providers: priced.Providers, Prices: priced.Prices, PriceSamples: priceSamples(s.prices),
	}
	s.addAlternatives(&x, f, loop)
	return x
}

func (c *cell) identity(s *suiteRun) result.Cell {
	return result.Cell{
		Suite: s.info.Name, ID: result.Code(s.info.ID), GroupSize: c.size, Tree: c.tree, Op: c.op.name, Bytes: c.bytes,
	}
}

// result returns the cell with its estimates.
func (c *cell) result(s *suiteRun, f fastest, loop, doubt, precision float64) result.Cell {
	x := c.identity(s)
	limits := make([]float64, len(c.samples))
	for i, of := range c.samples {
		inLoops := c.limit.At(s.prices[i])
		limits[i] = inLoops * loop
		sample := result.Sample{CPU: of.CPU, Loop: of.Loop, Limit: inLoops * of.Loop, Allocs: of.Allocs, AllocBytes: of.AllocBytes}
		if len(c.counted) == len(c.samples) {
			sample.Instructions = c.counted[i]
		}
		x.Samples = append(x.Samples, sample)
	}
	cpu := c.undisturbed(loop)
	median, cost := measure.Median(c.samples), stats.NewCost(cpu).Within(doubt)
	x.CPU, x.Limit, x.Ratio = figure(cost), figure(stats.NewCost(limits)), figure(stats.NewRatio(cpu, limits))
	x.CPU.RawMedian = median.CPU
	if c.singles != nil {
		single := figure(stats.NewCost(c.singles))
		x.CPU.P90 = single.P90 * loop
	}
	if s.told() {
		c.addFastest(&x, s.prices, f, cpu, loop)
	}
	if len(c.counted) == len(c.samples) {
		counted := figure(stats.NewCost(c.counted))
		x.Instructions = &counted
	}
	x.Allocs, x.AllocBytes = median.Allocs, median.AllocBytes
	x.Resolved = cost.Resolved(precision)
	return x
}

// undisturbed returns the CPU times of the rounds of a result without disturbance, given that of
// the fixed loop.
func undisturbed(c *result.Cell, loop float64) []float64 {
	cpu, loops := make([]float64, len(c.Samples)), make([]float64, len(c.Samples))
	for i, s := range c.Samples {
		cpu[i], loops[i] = s.CPU, s.Loop
	}
	return stats.Undisturbed(cpu, loops, loop)
}

// figure returns an estimate as JSON can have it.
func figure(e stats.Estimate) result.Figure {
	finite := func(x float64) float64 {
		if math.IsInf(x, 0) || math.IsNaN(x) {
			return 0
		}
		return x
	}
	f := result.Figure{
		Value: finite(e.Center), Low: max(0, finite(e.Low)), High: finite(e.High),
		RawMedian: finite(e.Center), P90: finite(e.P90.Center),
	}
	if e.Rounds < 2 {
		f.Low, f.High = 0, 0
	}
	return f
}

// rank ranks the suites of each size, tree and operation.
func (r *run) rank(cells []result.Cell, loop, doubt float64) {
	groups, together := map[comparison][]int{}, 0
	for i, c := range cells {
		if c.Samples != nil {
			together++
			k := comparisonOf(&cells[i])
			groups[k] = append(groups[k], i)
		}
	}
	for _, group := range groups {
		samples := make([][]float64, len(group))
		for k, i := range group {
			samples[k] = undisturbed(&cells[i], loop)
		}
		for k, rank := range stats.Rank(samples, stats.Options{Precision: r.Precision, Doubt: doubt, Together: together}).Ranks {
			cells[group[k]].Rank = rank
		}
	}
}

// codes returns code points as results have them.
func codes(ids []suite.ID) []result.Code {
	var codes []result.Code
	for _, id := range ids {
		codes = append(codes, result.Code(id))
	}
	return codes
}
