package day

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/suite"
)

// Ranked is a suite with what a member pays in it.
type Ranked struct {
	Suite suite.Info
	Cost

	// Time is CPU time and the time of the bytes on the link together, in nanoseconds. Wire
	// is the part of the bytes.
	Time result.Figure
	Wire float64

	// Rank is 1 plus the number of suites that are certainly cheaper: the intervals of
	// their times lie below that of this one.
	Rank int
}

// Rank ranks suites by CPU time and by their bytes on a link of so many bits a second, and
// returns them in the order of time, by rank first.
func Rank(suites []suite.Info, costs []Cost, bitsPerSecond float64) []Ranked {
	ranked := make([]Ranked, len(suites))
	for i, c := range costs {
		wire := (c.Up + c.Down) * 8 / bitsPerSecond * 1e9
		ranked[i] = Ranked{
			Suite: suites[i], Cost: c, Wire: wire, Rank: 1,
			Time: result.Figure{Value: c.CPU.Value + wire, Low: c.CPU.Low + wire, High: c.CPU.High + wire},
		}
	}
	for i := range ranked {
		for j := range ranked {
			if ranked[j].Time.High < ranked[i].Time.Low {
				ranked[i].Rank++
			}
		}
	}
	slices.SortStableFunc(ranked, func(a, b Ranked) int {
		return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Time.Value, b.Time.Value))
	})
	return ranked
}

// Recommend says in words which suite of Rank's is the cheapest for a party, and what makes
// it so. classic is what the party pays in a group of the classic suite, or nil.
func Recommend(ranked []Ranked, party string, classic *Ranked) string {
	best := ranked[0]
	var b strings.Builder
	fmt.Fprintf(&b, "Take %s %s: ", best.Suite.ID, best.Suite.Name)
	var equals []string
	for _, r := range ranked[1:] {
		if r.Rank == 1 {
			equals = append(equals, r.Suite.ID.String())
		}
	}
	switch {
	case len(ranked) == 1:
		b.WriteString("it is the only one. ")
	case len(equals) > 0:
		fmt.Fprintf(&b, "its figure is the least, but its interval does not part it from %s. ", strings.Join(equals, ", "))
	default:
		b.WriteString("it is the cheapest, and its interval overlaps with no other. ")
	}
	fmt.Fprintf(&b, "A %s's day takes %s (%s to %s), of which CPU time is %s and the bytes on the link %s: %s of it.",
		party, Duration(best.Time.Value), Duration(best.Time.Low), Duration(best.Time.High), Duration(best.CPU.Value), Duration(best.Wire), driver(best.CPU.Value, best.Wire))
	if classic != nil && classic.Suite.Name != best.Suite.Name {
		fmt.Fprintf(&b, " That is %.2f times what %s takes", best.Time.Value/classic.Time.Value, classic.Suite.ID)
		if cpu, wire := best.CPU.Value-classic.CPU.Value, best.Wire-classic.Wire; cpu+wire > 0 {
			fmt.Fprintf(&b, "; of the difference %s", driver(cpu, wire))
		}
		b.WriteString(".")
	}
	return b.String()
}

// driver says whether CPU time or bytes make up more of a sum.
func driver(cpu, wire float64) string {
	if wire > cpu {
		return fmt.Sprintf("bytes make up %.0f %%", min(100, 100*wire/(cpu+wire)))
	}
	return fmt.Sprintf("CPU time makes up %.0f %%", min(100, 100*cpu/(cpu+wire)))
}
