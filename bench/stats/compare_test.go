package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// significant returns the share of comparisons of m and n with a significant cell, of the
// cells given by their old and their new floors, and the share of cells.
func significant(r *rand.Rand, m, n machine, old, new []float64, rounds, trials int) (comparisons, cells float64) {
	for range trials {
		a, b := m.run(r, old, rounds), n.run(r, new, rounds)
		found := 0
		for _, c := range Compare(a, b, Options{}) {
			if c.Significant {
				found++
			}
		}
		if found > 0 {
			comparisons++
		}
		cells += float64(found)
	}
	return comparisons / float64(trials), cells / float64(trials*len(old))
}

func TestRunsThatDifferNowhereAreNotSignificant(t *testing.T) {
	for name, noise := range noises() {
		for kind, machines := range map[string][2]machine{
			"quiet": {quiet(noise), quiet(noise)}, "bursty": {bursty(noise), bursty(noise)},
			"quiet, then bursty": {quiet(noise), bursty(noise)}, "drifting": {drifting(noise), drifting(noise)},
		} {
			r := rand.New(rand.NewPCG(9, 1))
			runs, cells := significant(r, machines[0], machines[1], repeated(1, 6), repeated(1, 6), 20, 200)
			t.Logf("%s, %s: %.3f of the runs, %.4f of the cells", name, kind, runs, cells)
			require.LessOrEqual(t, runs, 0.05, "%s, %s", name, kind)
		}
	}
}

func TestATenthIsFound(t *testing.T) {
	for _, name := range []string{"exponential", "rayleigh", "log-normal", "heavy tail"} {
		for kind, m := range machines(noises()[name]) {
			for _, to := range []float64{1.1, 0.9} {
				r := rand.New(rand.NewPCG(10, 1))
				_, cells := significant(r, m, m, repeated(1, 5), repeated(to, 5), 40, 30)
				t.Logf("%s, %s, to %v: %.3f", name, kind, to, cells)
				require.GreaterOrEqual(t, cells, 0.9, "%s, %s", name, kind)
			}
		}
	}
}

// A machine that is slower throughout the second run is not taken for cells that are.
func TestAShiftBetweenRunsIsTheLoopsToo(t *testing.T) {
	m := quiet(noises()["exponential"])
	r := rand.New(rand.NewPCG(11, 1))
	slower := m
	slower.enter, slower.leave = 1, 0 // one burst from the first sample to the last
	runs, _ := significant(r, m, slower, repeated(1, 6), repeated(1, 6), 20, 100)
	require.LessOrEqual(t, runs, 0.05)

	new := repeated(1, 10)
	new[7] = 1.1
	found := share(50, func() bool {
		a, b := m.run(r, repeated(1, 10), 60), slower.run(r, new, 60)
		c := Compare(a, b, Options{})[7]
		return c.Significant && math.Abs(c.Delta.Center-1.1) < 0.02
	})
	require.GreaterOrEqual(t, found, 0.9)
}

// What slows a cell otherwise than the loop shows, as far as it exceeds Shift.
func TestWhatTheLoopDoesNotFeelShows(t *testing.T) {
	m := quiet(noises()["exponential"])
	slower := m
	slower.enter, slower.leave, slower.unlike = 1, 0, 0.3
	r := rand.New(rand.NewPCG(11, 2))
	runs, _ := significant(r, m, slower, repeated(1, 6), repeated(1, 6), 40, 50)
	require.Greater(t, runs, 0.5)
}

func TestDeltaCovers(t *testing.T) {
	for kind, m := range map[string]machine{"quiet": quiet(noises()["rayleigh"]), "bursty": bursty(noises()["rayleigh"])} {
		r := rand.New(rand.NewPCG(12, 1))
		covered := share(1000, func() bool {
			a, b := m.run(r, []float64{1}, 30), m.run(r, []float64{1.2}, 30)
			d := Compare(a, b, Options{})[0].Delta
			return d.Low <= 1.2 && 1.2 <= d.High
		})
		require.GreaterOrEqual(t, covered, 0.93, kind)
	}
}

// Half of Seen is missed in most comparisons, half as much again is found in most.
func TestSeenIsWhatCanBeFound(t *testing.T) {
	for kind, m := range map[string]machine{"quiet": quiet(noises()["rayleigh"]), "bursty": bursty(noises()["rayleigh"])} {
		r := rand.New(rand.NewPCG(13, 1))
		var effects []float64
		for range 100 {
			effects = append(effects, Compare(m.run(r, []float64{1}, 40), m.run(r, []float64{1}, 40), Options{})[0].Seen)
		}
		typical := at(measured(effects), 0.5)
		rate := func(effect float64) float64 {
			return share(100, func() bool {
				return Compare(m.run(r, []float64{1}, 40), m.run(r, []float64{1 + effect}, 40), Options{})[0].Significant
			})
		}
		t.Logf("%s: typically %.3f; found at 0.5, 1, 1.5 of it: %.2f %.2f %.2f", kind, typical, rate(typical/2), rate(typical), rate(typical*1.5))
		require.Less(t, rate(typical/2), 0.4, kind)
		require.Greater(t, rate(typical*1.5), 0.7, kind)
	}
}

// Seen is exact for its samples: scaled by it they are significant, by less they are not.
func TestSeenIsTheSmallestEffect(t *testing.T) {
	r := rand.New(rand.NewPCG(14, 1))
	for range 50 {
		s := quiet(noises()["heavy tail"]).run(r, []float64{1, 1}, 20)
		least := 1 / Compare(s[:1], s[1:], Options{})[0].Delta.Center // costs that are equal
		seen := Compare(s[:1], s[1:], Options{})[0].Seen
		scaled := func(factor float64) bool {
			b := make([]float64, len(s[1]))
			for i, x := range s[1] {
				b[i] = x * least * factor
			}
			return Compare(s[:1], [][]float64{b}, Options{})[0].Significant
		}
		if math.IsInf(seen, 1) {
			continue
		}
		require.True(t, scaled(1+seen*1.05))
		require.True(t, scaled(1-seen*1.05))
		require.False(t, scaled(1+seen*0.95) && scaled(1-seen*0.95))
	}
}

func TestTooFewRoundsAreNotCompared(t *testing.T) {
	c := Compare([][]float64{repeated(1, 40), nil}, [][]float64{repeated(2, LeastRounds-1), repeated(1, 40)}, Options{})
	for _, c := range c {
		require.False(t, c.Significant)
		require.InDelta(t, 1, c.P, 0)
		require.True(t, math.IsInf(c.Seen, 1))
	}
}

func TestEqualSamplesDoNotDiffer(t *testing.T) {
	c := Compare([][]float64{repeated(5, 40)}, [][]float64{repeated(5, 40)}, Options{})[0]
	require.False(t, c.Significant)
	require.Equal(t, Interval{Center: 1, Low: 1, High: 1}, c.Delta)
	require.InDelta(t, 1, c.P, 0)
}

func TestAdjustedValues(t *testing.T) {
	require.InDeltaSlice(t, []float64{0.04, 0.05, 0.05, 0.9}, adjust([]float64{0.01, 0.03, 0.0375, 0.9}), 1e-9)
	require.Empty(t, adjust(nil))
}
