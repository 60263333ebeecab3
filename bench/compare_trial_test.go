package bench

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/result"
)

// Trials of the same groups stand beside each other, to the letter, though the runs have no
// cell in common.
func TestCompareTrials(t *testing.T) {
	of := func(p50, up float64, lost int) *result.Results {
		return &result.Results{Trials: []result.Trial{
			{ID: 1, Workload: "team", Groups: 5, GroupSize: 10, Latency: result.Times{P50: p50}, Up: up, Check: result.Checked{Lost: lost}, Move: &result.Moves{Seconds: 2}, CatchUp: &result.CatchUp{Seconds: 1}},
			{ID: 2, Workload: "team", Groups: int(up), GroupSize: 10},
		}}
	}
	var b strings.Builder
	require.NoError(t, compareRuns(&b, of(80e6, 1000, 0), of(60e6, 2000, 1)))
	_, text, found := strings.Cut(b.String(), "\n\n")
	require.True(t, found, b.String())
	require.Equal(t, `ID      TRIAL          FIGURE               OLD      NEW   CHANGE
0x0001  team, 5 of 10  message, p50     80.0 ms  60.0 ms    -25 %
0x0001  team, 5 of 10  bytes up         1.00 kB  2.00 kB   +100 %
0x0001  team, 5 of 10  catch-up          1.00 s   1.00 s     +0 %
0x0001  team, 5 of 10  move of all       2.00 s   2.00 s     +0 %
0x0001  team, 5 of 10  lost or doubled        0        1        ?

A trial is measured once: a change has no interval, and small ones mean nothing.
`, text)
	require.ErrorContains(t, compareRuns(&b, of(1, 1, 0), &result.Results{}), "no cell in common")
}
