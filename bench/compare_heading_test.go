package bench

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/host"
	"github.com/mlsuite/mlsuite/bench/result"
)

// compared returns what a comparison prints of a made-up run with rounds of other costs, as
// another one changes it.
func compared(t *testing.T, rounds int, change func(*result.Results)) string {
	t.Helper()
	made := func() *result.Results {
		r := measuredResults(2)
		for i := range r.Cells {
			if r.Cells[i].Op == "join" {
				r.Cells[i].Op = "join-tree-outside"
			}
		}
		r.Measurement = result.Measurement{Clock: "CPU time", Rounds: rounds, LoopNS: 1, Doubt: 0.012}
		for i := range r.Cells {
			c := &r.Cells[i]
			c.Samples = nil
			for k := range rounds {
				c.Samples = append(c.Samples, result.Sample{CPU: c.CPU.Value * (1 + float64(k%5)/1000), Loop: 1})
			}
		}
		return r
	}
	old, new := made(), made()
	change(new)
	var b strings.Builder
	require.NoError(t, compareRuns(&b, old, new))
	for line := range strings.Lines(b.String()) {
		require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), pageWidth, line)
	}
	return b.String()
}

// A comparison does not call a cell unchanged if it has too few rounds to see a change.
func TestTooFewRoundsSayNothing(t *testing.T) {
	text := compared(t, 14, func(*result.Results) {})
	require.NotContains(t, text, "no change")
	require.NotContains(t, text, "0.000")
	require.Contains(t, text, "0 of 0 cells differ\ncells with fewer than 15 rounds in a run, too few to compare: 72\n")

	text = compared(t, 15, func(*result.Results) {})
	require.Equal(t, 72, strings.Count(text, "  no change seen\n"))
	require.Contains(t, text, "0 of 72 cells differ\n")
	require.NotContains(t, text, "too few")

	// Those with too few rounds come last.
	text = compared(t, 15, func(r *result.Results) { r.Cells[0].Samples = r.Cells[0].Samples[:14] })
	require.Contains(t, text, "too few rounds\n\n0 of 71 cells differ\ncells with fewer than 15 rounds in a run, too few to compare: 1\n")
}

// A comparison says what makes it doubtful: the doubt and the warnings of both runs, and what
// is unlike in them.
func TestComparisonsSayWhatIsUnlike(t *testing.T) {
	alike := compared(t, 15, func(*result.Results) {})
	require.NotContains(t, alike, "not alike")
	require.Regexp(t, `(?s)^old  .*15 rounds,\s+doubt ±1\.2%\nnew  .*15 rounds,\s+doubt ±1\.2%\n`, alike)
	require.Contains(t, alike, "warning, old run: other processes took 12.5 % of the machine's CPU time\nwarning, new run: other processes")
	for want, change := range map[string]func(*result.Results){
		"the system was":                      func(r *result.Results) { r.Machine.OS = "plan9" },
		"the CPU was":                         func(r *result.Results) { r.Machine.CPU = host.Available("Z80") },
		"the clock was CPU time, and is sun":  func(r *result.Results) { r.Measurement.Clock = "sundial" },
		"the size of messages was 0, and is":  func(r *result.Results) { r.Measurement.MessageBytes = 7 },
		"the list of reachable suites was []": func(r *result.Results) { r.Measurement.Reachable = []result.Code{7} },
		"the set of providers of MLS_":        func(r *result.Results) { r.Suites[0].Providers = []string{"kem: mine"} },
	} {
		words := strings.Join(strings.Fields(compared(t, 15, change)), " ")
		require.Contains(t, words, "warning: the runs are not alike: "+want)
	}
}
