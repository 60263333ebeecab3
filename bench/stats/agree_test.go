package stats

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestAgreementCounts(t *testing.T) {
	run := func(costs ...float64) [][]float64 {
		var cells [][]float64
		for _, c := range costs {
			cells = append(cells, repeated(c, 20))
		}
		return cells
	}
	old, new := run(100, 110, 120, 50, 7), run(100, 121, 115, 50.5, 7)
	new = append(new[:4], nil)
	got := Agree(old, new, [][]int{{0, 1, 2}, {3, 4}}, Options{}, Options{})
	got.Median, got.P90, got.Worst = 0, 0, 0
	require.Empty(t, cmp.Diff(Agreement{Cells: 4, Pairs: 3, Exchanged: 1, Apart: 3, Reversed: 1, Doubted: 1, Significant: 2}, got))

	got = Agree(run(100, 101), run(100, 105), [][]int{{0, 1}}, Options{}, Options{})
	require.InDelta(t, 0.0198, got.Median, 1e-4)
	require.InDelta(t, 0.0396, got.Worst, 1e-4)
	require.Zero(t, got.Reversed)

	// In the new run, cell 1 seems the cheaper one, and is not resolved.
	new = run(100, 90)
	new[1] = append(repeated(90, 11), repeated(200, 9)...)
	got = Agree(run(100, 110), new, [][]int{{0, 1}}, Options{}, Options{})
	require.Equal(t, 1, got.Doubted)
	require.Zero(t, got.Reversed)
	require.Equal(t, Agreement{}, Agree(nil, nil, nil, Options{}, Options{}))
}

// What two runs of the same cells have to show on machines with and without bursts.
func TestRunsAgree(t *testing.T) {
	for kind, m := range map[string]machine{"quiet": quiet(noises()["rayleigh"]), "bursty": bursty(noises()["rayleigh"])} {
		r := rand.New(rand.NewPCG(15, 1))
		comparison := [][]int{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17}}
		for range 20 {
			a := Agree(m.run(r, suites(), 40), m.run(r, suites(), 40), comparison, Options{}, Options{})
			require.Equal(t, 18, a.Cells)
			require.Equal(t, 153, a.Pairs)
			require.Less(t, a.Median, 0.03, kind)
			require.Less(t, a.P90, 0.1, kind)
			require.Zero(t, a.Significant, kind)
			require.Zero(t, a.Doubted, kind)
		}
	}
}
