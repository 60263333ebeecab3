package bench

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// settings say what to measure: every operation in a group of every size, tree and suite.
type settings struct {
	registry *registry.Registry
	policy   suite.Policy // all policies together, or nil
	policies []string     // their names
	with     []string     // their parameters
	suites   []suite.Suite
	leftOut  []omission // by the policies or by the mode in which the program runs
	sizes    []int
	trees    []tree
	ops      []operation
	brief    []operation  // run once, for the bytes of their messages
	plan     measure.Plan // of one operation of ops
}

// steps returns the number of times that run calls step.
func (s settings) steps() int {
	return len(s.suites) * len(s.trees) * len(s.sizes) * (3 + len(s.ops) + len(s.brief))
}

// run measures. It calls step with the name of each next step.
func (s settings) run(ctx context.Context, step func(string)) ([]result, error) {
	var results []result
	for _, cs := range s.suites {
		for _, tree := range s.trees {
			for _, size := range s.sizes {
				found, err := s.runGroup(ctx, cs, tree, size, step)
				if err != nil {
					return nil, fmt.Errorf("%s, %s group of %d: %w", cs.Info().Name, tree, size, err)
				}
				results = append(results, found...)
			}
		}
	}
	return results, nil
}

// runGroup measures the operations in one group. It prices the primitives before and
// after them, so that both sides of a comparison see the machine in the same state.
func (s settings) runGroup(ctx context.Context, cs suite.Suite, t tree, size int, step func(string)) ([]result, error) {
	info := cs.Info()
	says := func(what string) { step(fmt.Sprintf("%s, %s group of %d, %s", info.ID, t, size, what)) }
	says("making it")
	known, err := s.registry.Select(info.Name)
	if err != nil {
		return nil, err
	}
	group, err := newScenario(ctx, known, cs, t, size)
	if err != nil {
		return nil, err
	}
	defer oneCore()()
	price := func(when string) (limit.Prices, error) {
		says("primitives, " + when)
		return limit.Price(ctx, measure.Plan{Count: s.plan.Count, Time: s.plan.Time / 8}, cs)
	}
	before, err := price("before")
	if err != nil {
		return nil, err
	}
	var results []result
	for i, op := range slices.Concat(s.ops, s.brief) {
		says(op.name)
		plan := s.plan
		if i >= len(s.ops) {
			plan = measure.Plan{Count: 1}
		}
		samples, bytes, err := op.run(ctx, group, plan)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
		median := measure.Median(samples)
		results = append(results, result{
			Suite: info.Name, ID: code(info.ID), GroupSize: size, Op: op.name, Tree: t.String(),
			CPU:        round(median.CPU),
			Allocs:     round(median.Allocs),
			AllocBytes: round(median.AllocBytes),
			Bytes:      bytes,
			samples:    samples,
		})
	}
	after, err := price("after")
	if err != nil {
		return nil, err
	}
	prices := before.Least(after)
	for i, op := range slices.Concat(s.ops, s.brief) {
		results[i].Limit = round(op.limit(group.group).At(prices))
	}
	return results, nil
}

// oneCore collects the garbage so far and confines Go to one core until the function that
// it returns is called. CPU time is then steadiest: nothing spins, and no two threads
// share the units of a core.
func oneCore() (restore func()) {
	cores := runtime.GOMAXPROCS(1)
	runtime.GC()
	return func() { runtime.GOMAXPROCS(cores) }
}

func round(x float64) int64 { return int64(math.Round(x)) }
