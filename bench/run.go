package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/mlsuite/mlsuite/bench/host"
	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/bench/stats"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// Config says what [Run] measures: each of Operations in a group of each of Sizes, Trees
// and Suites.
type Config struct {
	Registry   *registry.Registry
	Suites     []suite.ID // of Registry; nil is all
	Sizes      []int      // 2 to 100,000 members; nil is 2, 32 and 100
	Trees      []string   // nil is steady
	Operations []string   // nil is commit and process; add-K and remove-K are of K members at once
	SizesOnly  []string   // operations that run once, for the bytes of their messages
	Message    int        // bytes of an application message; 0 is 1,024
	Reachable  []suite.ID // of Registry, which leaves list beside the suite of their group

	// Outside has the same suites for the clients who enter groups; nil is Registry. Suites may
	// keep what they compute from public keys that are used often, as those of registry/fast do,
	// and who enters has never seen the members' keys.
	Outside *registry.Registry

	// Rounds is the number of rounds over all cells; 0 is [stats.LeastRounds]. If Budget is
	// not 0, rounds go on after them until every cell is resolved to Precision; and none
	// begins, but for the first AtLeast, once Budget has passed since the first began. AtLeast
	// is 1 if it is less. Precision is relative; 0 is [stats.Precision].
	Rounds    int
	AtLeast   int
	Precision float64
	Budget    time.Duration

	// Making is the time for making the groups, which comes before the rounds; 0 sets no
	// bound. Groups are made in order of their size. One that is not made in time is left
	// out, and so is one that would not be, by the prices of its primitives: see
	// [result.Results].Unmade. If there is no time for any, Run returns an error.
	Making time.Duration

	// Sample is the CPU time of a cell in a round, at least. An operation runs at least once.
	Sample time.Duration

	// Providers are other sets of providers of the suites. Each round prices the primitives
	// of a suite on one of them, in turn, for [result.Cell.RatioFastest]. A set for another
	// FIPS 140-3 mode than that of the process is left out.
	Providers []registry.ProviderSet

	ownProviders  string // what the suites of Registry use, if that is not its own
	everyProvider bool   // in every round, not one in turn
	elsewhere     func(ctx context.Context, set registry.ProviderSet, args ...string) (*child, error)

	// Earlier, if not nil, are the results of rounds to go on from: of this machine, this
	// program and the same suites, sizes, trees, operations and Sample. Rounds counts theirs.
	Earlier *result.Results

	// Progress, if not nil, is told what comes next, and which part of the run is done.
	Progress func(done float64, what string)

	// Notice, if not nil, is told at once, in a sentence, that making the groups will take
	// longer than Budget, that a group is left out, and that an operation is measured on fewer
	// members than its name says.
	Notice func(text string)
}

// The defaults of the command line.
const (
	defaultBudget = 35 * time.Second
	defaultMaking = 10 * time.Minute
	defaultSample = 2 * time.Millisecond
)

// ErrInterrupted is wrapped by the error of a run that ended early.
var ErrInterrupted = errors.New("bench: interrupted")

// Run measures on this machine, on one core. It makes the groups, then measures all cells
// in rounds: in each round every cell once, the suites in random order, and those of a
// suite in random order with the prices of its primitives among them. So a neighbour's
// burst meets all cells alike, and a cell is compared with primitives that were measured
// within the same moment.
//
// Errors:
//
//   - [ErrInterrupted] if ctx ends. The results of the rounds so far are returned beside
//     it, or nil if there was none.
//   - an error without a sentinel: a name or a size is unknown, a suite fails, a group
//     cannot be made, or Earlier differs from the run; it says in what.
func Run(ctx context.Context, c Config) (*result.Results, error) {
	r, err := newRun(ctx, c)
	if err != nil {
		return nil, err
	}
	defer r.endChildren()
	if err := r.provide(ctx); err != nil {
		return nil, interrupted(ctx, err)
	}
	if err := r.resume(); err != nil {
		return nil, err
	}
	return r.run(ctx)
}

// run is a run that has its groups.
type run struct {
	Config
	suites []*suiteRun // in the order of the registry
	watch  *host.Watch
	count  *host.Counter // nil if instructions cannot be counted
	why    error         // why not
	rounds int
	open   int // cells that are not resolved

	made    time.Duration // that making the groups took
	started time.Time     // the first round

	loops []float64 // the quicker times of the fixed loop beside each measurement

	sets     []result.ProviderSet
	children []*child
}

// suiteRun is what is measured of one suite.
type suiteRun struct {
	info   suite.Info
	suite  suite.Suite
	groups []*plannedGroup // in the order of the Config
	pricer *limit.Pricer
	prices []limit.Prices // by round, in proportion to the fixed loop
	others []*alternative
	cells  []*cell
	sizes  []*cell // of SizesOnly, in which nothing is measured
}

// cell is one operation in one group of one suite.
type cell struct {
	*task
	op      operation
	tree    string
	size    int
	limit   limit.Cost
	batches []int     // repetitions of a sample, by part
	singles []float64 // single repetitions in proportion to the loop, if they are long enough to be told
	samples []measure.Sample
	counted []float64 // instructions, by round
	bytes   int
}

func newRun(ctx context.Context, c Config) (*run, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	r := &run{Config: c}
	trees, err := choices("tree", c.Trees, trees())
	if err != nil {
		return nil, err
	}
	ops, err := choices("operation", c.Operations, withBatches(c.Operations))
	if err != nil {
		return nil, err
	}
	once, err := choices("operation", c.SizesOnly, append(withBatches(c.SizesOnly), sizesOnly()...))
	if err != nil {
		return nil, err
	}
	for _, id := range c.Suites {
		s, err := c.Registry.Suite(id)
		if err != nil {
			return nil, err
		}
		r.suites = append(r.suites, &suiteRun{info: s.Info(), suite: s})
	}
	if err := r.resumable(trees, ops); err != nil {
		return nil, err
	}
	for _, text := range fewer(c.Sizes, ops) {
		r.notice(text)
	}
	m := newMaking(&r.Config, r.suites, trees, ops, once)
	if err := m.price(ctx, r.suites); err != nil {
		return nil, interrupted(ctx, err)
	}
	if err := m.make(ctx); err != nil {
		return nil, err
	}
	r.made = m.now().Sub(m.begun)
	for _, s := range r.suites {
		for _, g := range s.groups {
			s.cells, s.sizes = append(s.cells, g.cells...), append(s.sizes, g.sizes...)
		}
	}
	return r, nil
}

// complete fills in the defaults, and checks the rest.
func (c *Config) complete() error {
	if c.Registry == nil {
		return errors.New("bench: Config.Registry is missing")
	}
	if c.Outside == nil {
		c.Outside = c.Registry
	}
	if c.Suites == nil {
		for info := range c.Registry.All() {
			c.Suites = append(c.Suites, info.ID)
		}
	}
	if c.Sizes == nil {
		c.Sizes = []int{2, 32, 100}
	}
	for _, n := range c.Sizes {
		if n < minSize || n > maxSize {
			return fmt.Errorf("bench: a group of %d is out of range: %d to %d", n, minSize, maxSize)
		}
	}
	if c.Trees == nil {
		c.Trees = []string{defaultTree}
	}
	if c.Operations == nil {
		c.Operations = []string{"commit", "process"}
	}
	if c.Message <= 0 {
		c.Message = defaultMessage
	}
	if c.Rounds <= 0 {
		c.Rounds = stats.LeastRounds
	}
	if c.Precision <= 0 {
		c.Precision = stats.Precision
	}
	return nil
}

func (c *Config) notice(text string) {
	if c.Notice != nil {
		c.Notice(text)
	}
}

func (c *Config) progress(done float64, what string) {
	if c.Progress != nil {
		c.Progress(done, what)
	}
}

// run measures the rounds.
func (r *run) run(ctx context.Context) (*result.Results, error) {
	defer oneCore()()
	if r.count, r.why = host.OpenCounter(); r.why == nil {
		defer r.count.Close()
	}
	r.watch = host.Start()
	r.started, r.open = time.Now(), r.cells()
	for r.another(r.open, time.Since(r.started)) {
		if err := r.round(ctx); err != nil {
			err = interrupted(ctx, err)
			if r.rounds == 0 || !errors.Is(err, ErrInterrupted) {
				return nil, err
			}
			return r.results(), err
		}
		r.open = r.unresolved()
	}
	return r.results(), nil
}

// another reports whether to measure another round, while a number of cells are open.
func (r *run) another(open int, took time.Duration) bool {
	switch {
	case r.rounds < max(1, r.AtLeast):
		return true
	case r.Budget == 0:
		return r.rounds < r.Rounds
	}
	return took < r.Budget && (r.rounds < r.Rounds || open > 0)
}

// interrupted returns the error to report if ctx has ended.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ErrInterrupted
	}
	return err
}

// cells returns the number of cells that are measured.
func (r *run) cells() (n int) {
	for _, s := range r.suites {
		n += len(s.cells)
	}
	return n
}

// unresolved returns the number of cells that need more rounds.
func (r *run) unresolved() (n int) {
	loop := stats.Reference(r.loops)
	doubt := stats.Doubt(r.loops, loop)
	for _, s := range r.suites {
		for _, c := range s.cells {
			if !stats.NewCost(c.undisturbed(loop)).Within(doubt).Resolved(r.Precision) {
				n++
			}
		}
	}
	return n
}

// round measures every cell once. A round that fails leaves no sample and no price.
func (r *run) round(ctx context.Context) (err error) {
	defer func() {
		if err == nil {
			r.rounds++
			return
		}
		for _, s := range r.suites {
			s.keep(r.rounds)
			for _, c := range s.cells {
				c.samples = c.samples[:r.rounds]
				c.counted = c.counted[:min(len(c.counted), r.rounds)]
			}
		}
	}()
	for _, i := range rand.Perm(len(r.suites)) {
		s := r.suites[i]
		r.tell(s)
		r.watch.Round()
		for _, k := range rand.Perm(len(s.cells) + 1) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if k == len(s.cells) {
				loops, err := s.price(r.rounds, r.everyProvider)
				if err != nil {
					return err
				}
				r.loops = append(r.loops, loops...)
				continue
			}
			if err := r.sample(s.cells[k]); err != nil {
				return fmt.Errorf("%s, %s of %d: %w", s.info.Name, s.cells[k].op, s.cells[k].size, err)
			}
		}
	}
	return nil
}

// sample measures a cell once.
func (r *run) sample(c *cell) error {
	var sum measure.Sample
	var inLoops, instructions float64
	for i, p := range c.parts {
		plan := measure.Plan{Count: 1}
		var singles []time.Duration
		if c.tells(r.Sample) {
			plan.Each = func(cpu time.Duration) { singles = append(singles, cpu) }
		}
		s, err := plan.Take(p.Operation, c.batches[i])
		if err != nil {
			return err
		}
		for _, cpu := range singles {
			c.singles = append(c.singles, float64(cpu)/s.Loop)
		}
		sum.CPU += p.weight * s.CPU
		inLoops += p.weight * s.CPU / s.Loop
		r.loops = append(r.loops, s.QuickLoop)
		sum.Allocs += p.weight * s.Allocs
		sum.AllocBytes += p.weight * s.AllocBytes
		if r.count != nil {
			n, err := r.instructions(p.Operation)
			if err != nil {
				return err
			}
			instructions += p.weight * n
		}
	}
	sum.Loop = sum.CPU / inLoops
	c.samples = append(c.samples, sum)
	if r.count != nil {
		c.counted = append(c.counted, instructions)
	}
	return nil
}

const (
	leastSingle = 100 * time.Microsecond // from which on reading the clock does not count
	maxSingles  = 4096                   // of a cell
)

// tells reports whether the single repetitions of c are to be kept: it has one part, and
// a repetition takes long enough.
func (c *cell) tells(sample time.Duration) bool {
	return len(c.parts) == 1 && len(c.singles) < maxSingles && time.Duration(c.batches[0])*leastSingle <= sample
}

// instructions counts one repetition of op, which it readies. It is another than those of
// the sample, so that counting costs no CPU time of theirs. If the counter fails, nothing
// more is counted.
func (r *run) instructions(op measure.Operation) (float64, error) {
	if op.Prepare != nil {
		if err := op.Prepare(1); err != nil {
			return 0, err
		}
	}
	var failed error
	n, err := r.count.Count(func() { failed = op.Do(0) })
	if err != nil {
		r.count, r.why = nil, err
	}
	return float64(n), failed
}

// undisturbed returns the CPU times of the rounds of c without disturbance, given that of the
// fixed loop.
func (c *cell) undisturbed(loop float64) []float64 {
	cpu, loops := make([]float64, len(c.samples)), make([]float64, len(c.samples))
	for i, s := range c.samples {
		cpu[i], loops[i] = s.CPU, s.Loop
	}
	return stats.Undisturbed(cpu, loops, loop)
}

// oneCore collects the garbage so far and confines Go to one core until the function that
// it returns is called. CPU time is then steadiest: nothing spins, and no two threads
// share the units of a core.
func oneCore() (restore func()) {
	cores := runtime.GOMAXPROCS(1)
	runtime.GC()
	return func() { runtime.GOMAXPROCS(cores) }
}
