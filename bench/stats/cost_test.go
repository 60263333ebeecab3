package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// share returns the share of trials that hold.
func share(trials int, holds func() bool) float64 {
	n := 0
	for range trials {
		if holds() {
			n++
		}
	}
	return float64(n) / float64(trials)
}

func TestIntervalOfTheFloorCovers(t *testing.T) {
	for name, noise := range noises() {
		for kind, m := range map[string]machine{"quiet": quiet(noise), "bursty": bursty(noise), "drifting": drifting(noise)} {
			if name == "rayleigh" && kind == "drifting" {
				continue // of the next test
			}
			for _, rounds := range []int{20, 40} {
				r := rand.New(rand.NewPCG(1, uint64(rounds)))
				covered := share(1000, func() bool {
					e := NewCost(m.run(r, []float64{1}, rounds)[0])
					return e.Low <= 1 && 1 <= e.High
				})
				t.Logf("%s, %s, %d rounds: %.3f", name, kind, rounds, covered)
				require.GreaterOrEqual(t, covered, 0.93, "%s, %s, %d rounds", name, kind, rounds)
			}
		}
	}
}

// Where few samples are close to the floor and the floor moves, the interval is a little too
// narrow: by less than what counts as a difference.
func TestIntervalOfAMovingFloorCoversWithinTheShift(t *testing.T) {
	m := drifting(noises()["rayleigh"])
	r := rand.New(rand.NewPCG(1, 1))
	covers := func(within float64) float64 {
		return share(1000, func() bool { return NewCost(m.run(r, []float64{1}, 40)[0]).Low <= within })
	}
	require.InDelta(t, 0.87, covers(1), 0.03)
	require.GreaterOrEqual(t, covers(1+Shift), 0.99)
}

// A run that goes on until the cell is resolved stops early where it is resolved by accident.
func TestIntervalCoversWhereResolvingEndsTheRun(t *testing.T) {
	for name, noise := range noises() {
		for kind, m := range map[string]machine{"quiet": quiet(noise), "bursty": bursty(noise)} {
			r := rand.New(rand.NewPCG(2, 1))
			rounds := 0
			covered := share(1000, func() bool {
				samples := m.run(r, []float64{1}, 200)[0]
				n := LeastRounds
				for n < len(samples) && !NewCost(samples[:n]).Resolved(Precision) {
					n++
				}
				rounds += n
				return NewCost(samples[:n]).Low <= 1
			})
			t.Logf("%s, %s: %.3f, %d rounds", name, kind, covered, rounds/1000)
			require.GreaterOrEqual(t, covered, 0.93, "%s, %s", name, kind)
		}
	}
}

// Two runs of one cell agree by the floor, not by the median.
func TestFloorRepeatsWhereTheMedianDoesNot(t *testing.T) {
	m := bursty(noises()["rayleigh"])
	r := rand.New(rand.NewPCG(3, 1))
	floors, medians := make([]float64, 500), make([]float64, 500)
	for i := range floors {
		a, b := NewCost(m.run(r, []float64{1}, 30)[0]), NewCost(m.run(r, []float64{1}, 30)[0])
		floors[i], medians[i] = math.Abs(a.Center/b.Center-1), math.Abs(a.Median.Center/b.Median.Center-1)
	}
	floors, medians = measured(floors), measured(medians)
	t.Logf("floor %.3f and %.3f, median %.3f and %.3f", at(floors, 0.5), at(floors, 0.9), at(medians, 0.5), at(medians, 0.9))
	require.Less(t, at(floors, 0.5), 0.01)
	require.Less(t, at(floors, 0.9), 0.03)
	require.Greater(t, at(medians, 0.9), 0.2)
}

func TestIntervalsByOrderStatisticsCover(t *testing.T) {
	for name, noise := range noises() {
		r := rand.New(rand.NewPCG(4, 1))
		population := make([]float64, 100_000)
		for i := range population {
			population[i] = 1 + noise(r)
		}
		population = measured(population)
		within := func(i Interval, q float64) bool { return i.Low <= at(population, q) && at(population, q) <= i.High }
		var median, p90 int
		for range 1000 {
			e := NewCost(quiet(noise).run(r, []float64{1}, 40)[0])
			if within(e.Median, 0.5) {
				median++
			}
			if within(e.P90, 0.9) {
				p90++
			}
		}
		require.GreaterOrEqual(t, median, 930, name)
		require.GreaterOrEqual(t, p90, 930, name)
	}
}

// The ratio of two cells that are disturbed together is found in the rounds.
func TestIntervalOfPairedRatiosCovers(t *testing.T) {
	for kind, m := range map[string]machine{"quiet": quiet(noises()["log-normal"]), "bursty": bursty(noises()["log-normal"])} {
		r := rand.New(rand.NewPCG(5, 1))
		covered := share(1000, func() bool {
			s := m.run(r, []float64{3, 0, 0, 2}, 30) // cells 0 and 3 are equally sensitive
			e := NewRatio(s[0], s[3])
			return e.Low <= 1.5 && 1.5 <= e.High && e.RelativeWidth() < 0.2
		})
		t.Logf("%s: %.3f", kind, covered)
		require.GreaterOrEqual(t, covered, 0.93, kind)
	}
}

func TestRatioIsOfRoundsThatHaveBoth(t *testing.T) {
	none := math.NaN()
	e := NewRatio([]float64{2, none, 6, 8, 100}, []float64{1, 1, none, 2})
	require.Equal(t, 2, e.Rounds)
	require.InDelta(t, 3, e.Center, 1e-9)
	require.InDelta(t, 0, e.Low, 0)
	require.True(t, math.IsInf(e.High, 1))
}

func TestFewRoundsResolveNothing(t *testing.T) {
	require.False(t, NewCost(nil).Resolved(1))
	require.False(t, NewCost(repeated(7, LeastRounds-1)).Resolved(1))
	require.True(t, NewCost(repeated(7, LeastRounds)).Resolved(0))
	require.Equal(t, Interval{Center: 7, High: 7}, NewCost(repeated(7, 2)).Interval)
	withGaps := append(repeated(7, LeastRounds-1), math.NaN())
	require.False(t, NewCost(withGaps).Resolved(1))
	require.Equal(t, LeastRounds-1, NewCost(withGaps).Rounds)
}

func TestWidthAndOverlap(t *testing.T) {
	i := Interval{Center: 10, Low: 9, High: 10.5}
	require.InDelta(t, 0.1, i.RelativeWidth(), 1e-9)
	require.True(t, i.Resolved(0.11))
	require.False(t, i.Resolved(0.09))
	require.True(t, i.Overlaps(Interval{Center: 11, Low: 10.5, High: 11}))
	require.False(t, i.Overlaps(Interval{Center: 11, Low: 10.6, High: 11}))
	require.False(t, Interval{Center: 11, Low: 10.6, High: 11}.Overlaps(i))
	for _, nothing := range []Interval{{}, {Center: math.NaN(), Low: math.NaN(), High: math.NaN()}} {
		require.True(t, math.IsInf(nothing.RelativeWidth(), 1))
		require.True(t, i.Overlaps(nothing))
		require.True(t, nothing.Overlaps(i))
	}
	require.True(t, math.IsInf(NewCost(repeated(7, 20)).P90.RelativeWidth(), 1))
	require.False(t, math.IsInf(NewCost(repeated(7, 36)).P90.RelativeWidth(), 1))
}
