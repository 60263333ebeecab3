package stats

import (
	"math"
	"math/rand/v2"
	"slices"
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

// machines returns the kinds of machines that make cells and the loop slower alike.
func machines(n noise) map[string]machine {
	return map[string]machine{"quiet": quiet(n), "bursty": bursty(n), "drifting": drifting(n)}
}

func TestIntervalOfTheCostCovers(t *testing.T) {
	for name, noise := range noises() {
		want := 1 + middle(noise)
		for kind, m := range machines(noise) {
			for _, rounds := range []int{LeastRounds, 40} {
				r := rand.New(rand.NewPCG(1, uint64(rounds)))
				covered := share(1000, func() bool {
					samples, loops := m.raw(r, []float64{1}, rounds)
					e := NewCost(Undisturbed(samples[0], loops[0], 1))
					return e.Low <= want*1.002 && want <= e.High*1.002
				})
				t.Logf("%s, %s, %d rounds: %.3f", name, kind, rounds, covered)
				require.GreaterOrEqual(t, covered, 0.93, "%s, %s, %d rounds", name, kind, rounds)
			}
		}
	}
}

// A run that goes on until the cell is resolved stops early where it is resolved by accident.
func TestIntervalCoversWhereResolvingEndsTheRun(t *testing.T) {
	for name, noise := range noises() {
		want := 1 + middle(noise)
		for kind, m := range machines(noise) {
			r := rand.New(rand.NewPCG(2, 1))
			rounds := 0
			covered := share(300, func() bool {
				samples := m.run(r, []float64{1}, 200)[0]
				n := LeastRounds
				for n < len(samples) && !NewCost(samples[:n]).Resolved(0.01) {
					n++
				}
				rounds += n
				e := NewCost(samples[:n])
				return e.Low <= want*1.002 && want <= e.High*1.002
			})
			t.Logf("%s, %s: %.3f, %d rounds", name, kind, covered, rounds/300)
			require.GreaterOrEqual(t, covered, 0.9, "%s, %s", name, kind)
		}
	}
}

// Two runs of one cell agree by what the loop says, not by times.
func TestCostRepeatsWhereTimesDoNot(t *testing.T) {
	m := bursty(noises()["rayleigh"])
	m.unlike = 0.1
	r := rand.New(rand.NewPCG(3, 1))
	costs, medians := make([]float64, 500), make([]float64, 500)
	for i := range costs {
		var cost, plain [2]float64
		for k := range cost {
			samples, loops := m.raw(r, []float64{1}, 30)
			cost[k], plain[k] = NewCost(Undisturbed(samples[0], loops[0], 1)).Center, NewCost(samples[0]).Center
		}
		costs[i], medians[i] = math.Abs(cost[0]/cost[1]-1), math.Abs(plain[0]/plain[1]-1)
	}
	costs, medians = measured(costs), measured(medians)
	t.Logf("cost %.3f and %.3f, median %.3f and %.3f", at(costs, 0.5), at(costs, 0.9), at(medians, 0.5), at(medians, 0.9))
	require.Less(t, at(costs, 0.5), 0.02)
	require.Less(t, at(costs, 0.9), 0.04)
	require.Greater(t, at(medians, 0.9), 0.2)
}

func TestReferenceIsOfUndisturbedLoops(t *testing.T) {
	for kind, m := range map[string]machine{"quiet": quiet(noises()["uniform"]), "bursty": bursty(noises()["uniform"])} {
		r := rand.New(rand.NewPCG(4, 2))
		for range 20 {
			_, loops := m.raw(r, repeated(1, 50), 20)
			require.InDelta(t, 1, Reference(slices.Concat(loops...)), 0.002, kind)
		}
	}
	require.True(t, math.IsNaN(Reference(nil)))
	require.InDelta(t, 7, Reference([]float64{math.NaN(), 7}), 0)
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
			samples, _ := quiet(noise).raw(r, []float64{1}, 40)
			e := NewCost(samples[0])
			if within(e.Interval, 0.5) {
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
	for kind, m := range machines(noises()["log-normal"]) {
		r := rand.New(rand.NewPCG(5, 1))
		covered := share(1000, func() bool {
			s := m.run(r, []float64{3, 2}, 30)
			e := NewRatio(s[0], s[1])
			return e.Low <= 1.5 && 1.5 <= e.High && e.RelativeWidth() < 0.2
		})
		t.Logf("%s: %.3f", kind, covered)
		require.GreaterOrEqual(t, covered, 0.93, kind)
	}
}

func TestRatioIsOfRoundsThatHaveBoth(t *testing.T) {
	none := math.NaN()
	e := NewRatio([]float64{2, none, 6, 8, 100, 5}, []float64{1, 1, none, 2, 0, -1})
	require.Equal(t, 2, e.Rounds)
	require.InDelta(t, 3, e.Center, 1e-9)
	require.InDelta(t, 0, e.Low, 0)
	require.True(t, math.IsInf(e.High, 1))
}

func TestCostIsOfRoundsThatHaveALoop(t *testing.T) {
	e := NewCost(Undisturbed([]float64{10, 20, 30, 40}, []float64{1, 2, math.NaN(), 0}, 3))
	require.Equal(t, 2, e.Rounds)
	require.InDelta(t, 30, e.Center, 1e-9)
}

func TestFewRoundsResolveNothing(t *testing.T) {
	cost := func(samples []float64) Estimate { return NewCost(samples) }
	require.False(t, cost(nil).Resolved(1))
	require.False(t, cost(repeated(7, LeastRounds-1)).Resolved(1))
	require.True(t, cost(repeated(7, LeastRounds)).Resolved(0))
	withGaps := append(repeated(7, LeastRounds-1), math.NaN())
	require.False(t, cost(withGaps).Resolved(1))
	require.Equal(t, LeastRounds-1, cost(withGaps).Rounds)
}

func TestRelativeWidth(t *testing.T) {
	i := Interval{Center: 10, Low: 9, High: 10.5}
	require.InDelta(t, 0.1, i.RelativeWidth(), 1e-9)
	require.True(t, i.Resolved(0.11))
	require.False(t, i.Resolved(0.09))
	for _, nothing := range []Interval{{}, {Center: math.NaN(), Low: math.NaN(), High: math.NaN()}} {
		require.True(t, math.IsInf(nothing.RelativeWidth(), 1))
	}
	require.True(t, math.IsInf(NewCost(repeated(7, 20)).P90.RelativeWidth(), 1))
	require.False(t, math.IsInf(NewCost(repeated(7, 36)).P90.RelativeWidth(), 1))
}

// What slowed a run may have slowed its operations otherwise than the loop.
func TestDoubtGrowsWithTheDisturbance(t *testing.T) {
	require.InDelta(t, 0, Doubt(repeated(5, 20), 5), 0)
	require.InDelta(t, 0.05, Doubt([]float64{1, 1, 1.5, 1.5, 3}, 1), 1e-9)
	require.InDelta(t, 0, Doubt([]float64{1, 1}, 2), 0)
	require.InDelta(t, 0, Doubt(nil, 1), 0)
	require.InDelta(t, 0, Doubt([]float64{1}, math.NaN()), 0)

	e := NewCost(repeated(10, 20)).Within(0.06)
	require.InDelta(t, 10, e.Center, 0)
	require.InDelta(t, 9.4, e.Low, 1e-9)
	require.InDelta(t, 10.6, e.High, 1e-9)
	require.False(t, e.Resolved(0.05))
	require.True(t, e.Resolved(0.07))
}

// No comparison and no rank rests on a doubt.
func TestDoubtIsNoDifference(t *testing.T) {
	old, new := [][]float64{repeated(100, 20), repeated(104, 20)}, [][]float64{repeated(104, 20), repeated(100, 20)}
	require.True(t, Compare(old, new, Options{})[0].Significant)
	require.False(t, Compare(old, new, Options{Doubt: 0.03})[0].Significant)
	require.Equal(t, []int{1, 2}, Rank(old, Options{}).Ranks)
	require.Equal(t, []int{1, 1}, Rank(old, Options{Doubt: 0.03}).Ranks)
	require.Equal(t, []int{0, 0}, Rank(old, Options{Doubt: 0.06}).Ranks, "nothing is resolved")
	require.Zero(t, Agree(old, new, nil, Options{Doubt: 0.01}, Options{Doubt: 0.02}).Significant)
	require.Equal(t, 2, Agree(old, new, nil, Options{}, Options{}).Significant)
}
