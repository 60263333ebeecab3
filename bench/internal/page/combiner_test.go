package page

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/result"
)

// madeCombiner is the price of a pair that nobody has.
func madeCombiner() *Combiner {
	price := func(name string, every int, kB float64) CombinerPrice {
		f := result.Figure{Value: kB * 1e5, Low: kB * 0.9e5, High: kB * 1.1e5}
		return CombinerPrice{Name: name, Every: every, Bytes: kB * 1000, Times: kB / 1.5, Commit: f, Process: f}
	}
	return &Combiner{
		About:     []string{"Twice the bytes from 17 on."},
		Classical: price("0x0001 alone", 0, 1.5), Hybrid: price("0xF002 alone", 0, 25.5),
		Intervals: []CombinerPrice{price("FULL every 1", 1, 27), price("FULL every 10", 10, 4), price("FULL every 100", 100, 1.8)},
	}
}

// The section has a curve of bytes and one of CPU time, each with two level lines, and a table
// of everything.
func TestCombinerOfADay(t *testing.T) {
	days := madeDays()
	days[1].Combiner = madeCombiner()
	var page strings.Builder
	require.NoError(t, Write(&page, Input{Days: days}))
	text := page.String()
	for _, want := range []string{
		"A pair of groups", "Twice the bytes from 17 on.", "Bytes of a renewal, agency", "CPU time of processing a renewal, agency",
		"FULL every 10: 4,000 bytes, 2.67 times", "0xF002 alone: 25,500 bytes, 17.00 times", "renewals for each FULL one",
		"A renewal by the interval of FULL commits",
	} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "Bytes of a renewal, team")
	var without strings.Builder
	require.NoError(t, Write(&without, Input{Days: madeDays()}))
	require.NotContains(t, without.String(), "A pair of groups")

	// What cannot be drawn is left out and counted.
	broken := madeCombiner()
	for _, p := range []*CombinerPrice{&broken.Classical, &broken.Hybrid, &broken.Intervals[0], &broken.Intervals[1], &broken.Intervals[2]} {
		p.Bytes = 0
	}
	days[1].Combiner = broken
	page.Reset()
	require.NoError(t, Write(&page, Input{Days: days}))
	require.NotContains(t, page.String(), "Bytes of a renewal, agency")
	require.Contains(t, page.String(), "CPU time of processing a renewal, agency")
}
