package bench

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// A suite of one's own is measured like any other, by a program of its own registry.
func TestRunMeasuresAnotherRegistry(t *testing.T) {
	s, err := all.Registry().Suite(0x0002)
	require.NoError(t, err)
	r, err := registry.New(registry.Set{ownSuite{s}})
	require.NoError(t, err)
	results, err := Run(t.Context(), Config{Registry: r, Sizes: []int{3}, Rounds: 2})
	require.NoError(t, err)
	require.Len(t, results.Cells, 2)
	for _, c := range results.Cells {
		require.Equal(t, ownSuite{s}.Info().Name, c.Suite)
		require.Len(t, c.Samples, 2)
		require.Positive(t, c.CPU.Value)
		loop := results.Measurement.LoopNS
		a, b := c.Samples[0], c.Samples[1]
		require.InDelta(t, (a.CPU/a.Loop+b.CPU/b.Loop)/2*loop, c.CPU.Value, 1e-6*c.CPU.Value, "the median beside the loop")
		require.InDelta(t, (a.CPU/a.Limit+b.CPU/b.Limit)/2, c.Ratio.Value, 1e-6*c.Ratio.Value)
		require.LessOrEqual(t, loop, min(a.Loop, b.Loop), "the loop without disturbance")
		for _, sample := range c.Samples {
			require.Positive(t, sample.Limit)
		}
	}
	require.Len(t, results.Suites, 1)
}

// An interrupted run returns the figures of the whole rounds so far, and none of a part.
func TestInterruptedRunKeepsItsRounds(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	results, err := Run(ctx, Config{
		Registry: all.Registry(), Suites: []suite.ID{1, 2}, Sizes: []int{2}, Rounds: 10,
		Progress: func(done float64, what string) {
			require.True(t, 0 <= done && done <= 1, "%v at %s", done, what)
			if strings.HasPrefix(what, "round 4, ") {
				stop()
			}
		},
	})
	require.ErrorIs(t, err, ErrInterrupted)
	require.NotNil(t, results)
	require.Equal(t, 3, results.Measurement.Rounds)
	for _, c := range results.Cells {
		require.Len(t, c.Samples, 3)
	}
}

func TestRunRefuses(t *testing.T) {
	ended, stop := context.WithCancel(t.Context())
	stop()
	_, err := Run(ended, Config{Registry: all.Registry()})
	require.ErrorIs(t, err, ErrInterrupted)
	for want, c := range map[string]Config{
		"bench: Config.Registry is missing":                 {},
		"bench: a group of 1 is out of range: 2 to 100000":  {Registry: all.Registry(), Sizes: []int{1}},
		`operation: unknown "dance": choose from commit, `:  {Registry: all.Registry(), Operations: []string{"dance"}},
		`operation: unknown "sleep": choose from commit, `:  {Registry: all.Registry(), SizesOnly: []string{"sleep"}},
		`tree: unknown "palm": choose from steady, blank, `: {Registry: all.Registry(), Trees: []string{"palm"}},
		"0x1234": {Registry: all.Registry(), Suites: []suite.ID{0x1234}},
	} {
		_, err := Run(t.Context(), c)
		require.ErrorContains(t, err, want)
	}
}

// Without a budget there are the rounds that were asked for; with one, more until every
// cell is resolved, but none after its end except the first and those asked for at least.
func TestRoundsEnd(t *testing.T) {
	for _, test := range []struct {
		rounds, atLeast, done, open int
		budget, took                time.Duration
		another                     bool
	}{
		{rounds: 3, done: 0, open: 4, another: true},
		{rounds: 3, done: 2, open: 0, another: true},
		{rounds: 3, done: 3, open: 4, another: false},
		{rounds: 3, done: 3, open: 4, budget: 10, took: 9, another: true},
		{rounds: 3, done: 3, open: 0, budget: 10, took: 9, another: false},
		{rounds: 3, done: 2, open: 0, budget: 10, took: 9, another: true},
		{rounds: 3, done: 2, open: 4, budget: 10, took: 10, another: false},
		{rounds: 3, done: 0, open: 4, budget: 10, took: 11, another: true},
		{rounds: 3, atLeast: 2, done: 1, open: 4, budget: 10, took: 11, another: true},
		{rounds: 3, atLeast: 2, done: 2, open: 4, budget: 10, took: 11, another: false},
	} {
		r := run{Config: Config{Rounds: test.rounds, AtLeast: test.atLeast, Budget: test.budget}, rounds: test.done}
		require.Equal(t, test.another, r.another(test.open, test.took), "%+v", test)
	}
}
