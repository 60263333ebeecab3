package stats

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// suites returns the floors of eighteen cells: some equal, some a little apart, some far.
func suites() []float64 {
	floors := make([]float64, 18)
	for i := range floors {
		floors[i] = []float64{1, 1, 1.01, 1.02, 1.03, 1.05, 1.08, 1.12, 1.3}[i%9] * float64(1+i/9*2)
	}
	return floors
}

func TestRanksAreNotReversed(t *testing.T) {
	for name, noise := range noises() {
		for kind, m := range map[string]machine{"quiet": quiet(noise), "bursty": bursty(noise), "drifting": drifting(noise)} {
			r := rand.New(rand.NewPCG(6, 1))
			apart, exchanged := 0, 0
			reversed := share(200, func() bool {
				// Each cell of each run is shifted by up to ±1 %, as between processes.
				run := func() [][]float64 {
					floors := suites()
					for i := range floors {
						floors[i] *= 0.99 + 0.02*r.Float64()
					}
					return m.run(r, floors, 40)
				}
				var a Agreement
				a.rank(run(), run(), Options{}, Options{})
				apart += a.Apart
				exchanged += a.Exchanged
				return a.Doubted > 0
			})
			t.Logf("%s, %s: runs with a reversal %.3f, pairs apart %d, exchanged %d of 153", name, kind, reversed, apart/200, exchanged/200)
			require.LessOrEqual(t, reversed, 0.05, "%s, %s", name, kind)
			require.NotZero(t, apart)
		}
	}
}

func TestATenthIsRankedApart(t *testing.T) {
	for _, name := range []string{"exponential", "heavy tail", "rayleigh", "log-normal"} {
		for kind, m := range map[string]machine{"quiet": quiet(noises()[name]), "bursty": bursty(noises()[name])} {
			r := rand.New(rand.NewPCG(7, 1))
			floors := repeated(1, 18)
			floors[4] = 1.10
			n := 0
			for range 50 {
				k := Rank(m.run(r, floors, 80), Options{})
				for i := range floors {
					if i != 4 && k.Apart(i, 4) < 0 {
						n++
					}
				}
			}
			t.Logf("%s, %s: %.3f", name, kind, float64(n)/850)
			require.GreaterOrEqual(t, float64(n)/850, 0.8, "%s, %s", name, kind)
		}
	}
}

func TestCellsThatOverlapShareARank(t *testing.T) {
	spread := func(center, width float64) []float64 {
		s := make([]float64, 20)
		for i := range s {
			s[i] = center + width*(float64(i)-9.5)/9.5
		}
		return s
	}
	// The intervals hold two thirds of the width: the first reaches the second, the second the
	// third, and the first does not reach the third by itself.
	cells := [][]float64{spread(1, 0.001), spread(1.04, 0.05), spread(1.09, 0.06), spread(0.5, 0.2), repeated(3, 5), spread(2, 0.01)}
	k := Rank(cells, Options{})
	require.Empty(t, cmp.Diff([]int{1, 1, 1, 0, 0, 4}, k.Ranks))
	require.Zero(t, k.Apart(0, 2))
	require.Equal(t, -1, k.Apart(2, 5))
	require.Equal(t, +1, k.Apart(5, 0))
	require.Zero(t, k.Apart(0, 4), "a cell without a rank is not told apart")
	require.Empty(t, cmp.Diff([]int{1, 2}, Rank([][]float64{cells[0], cells[2]}, Options{}).Ranks), "without the one between them")
	require.Empty(t, Rank(nil, Options{}).Ranks)
}

func TestNoRankRestsOnTheShift(t *testing.T) {
	cells := [][]float64{repeated(100, 20), repeated(101.9, 20), repeated(102.1, 20)}
	require.Equal(t, []int{1, 1, 1}, Rank(cells, Options{}).Ranks)
	require.Equal(t, []int{1, 2}, Rank([][]float64{cells[0], cells[2]}, Options{}).Ranks)
	require.Equal(t, []int{1, 2, 3}, Rank(cells, Options{Shift: -1}).Ranks)
	require.Equal(t, []int{1, 1, 1}, Rank(cells, Options{Shift: 0.03}).Ranks)
}

func TestRankIsOfAllCellsInAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 1))
	cells := bursty(noises()["rayleigh"]).run(r, suites(), 40)
	want := Rank(cells, Options{}).Ranks
	slices.Reverse(cells)
	got := Rank(cells, Options{}).Ranks
	slices.Reverse(got)
	require.Equal(t, want, got)
}
