package day

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/bench/stats"
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

	// Rank is 1 plus the number of ranked suites that are certainly cheaper. Two suites share
	// a rank if the intervals of their times overlap, or would if CPU times were higher by
	// [stats.Shift], or if a third suite connects them in this way. Rank is 0 if Time is not
	// resolved to [stats.Precision], or rests on fewer than [stats.LeastRounds] rounds.
	Rank int
}

// Rank ranks suites by CPU time and by their bytes on a link of so many bits a second. The
// costs are estimates from a number of rounds. It returns the suites in the order of time, by
// rank first, and those without a rank behind the others.
func Rank(suites []suite.Info, costs []Cost, bitsPerSecond float64, rounds int) []Ranked {
	ranked := make([]Ranked, len(suites))
	for i, c := range costs {
		wire := (c.Up + c.Down) * 8 / bitsPerSecond * 1e9
		r := Ranked{Suite: suites[i], Cost: c, Wire: wire, Time: result.Figure{Value: c.CPU.Value + wire, Low: c.CPU.Low + wire}}
		if !unbounded(c.CPU) {
			r.Time.High = c.CPU.High + wire
		}
		if rounds >= stats.LeastRounds && r.Time.Width() <= stats.Precision {
			r.Rank = 1
		}
		ranked[i] = r
	}
	rankResolved(ranked)
	slices.SortStableFunc(ranked, func(a, b Ranked) int {
		unranked := func(r Ranked) int { return 1 - min(1, r.Rank) }
		return cmp.Or(cmp.Compare(unranked(a), unranked(b)), cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Time.Value, b.Time.Value))
	})
	return ranked
}

// rankResolved ranks those that have rank 1.
func rankResolved(ranked []Ranked) {
	var resolved []*Ranked
	for i := range ranked {
		if ranked[i].Rank > 0 {
			resolved = append(resolved, &ranked[i])
		}
	}
	slices.SortFunc(resolved, func(a, b *Ranked) int { return cmp.Compare(a.Time.Low, b.Time.Low) })
	for n, r := range resolved {
		if n == 0 {
			continue
		}
		r.Rank = resolved[n-1].Rank
		if !slices.ContainsFunc(resolved[:n], func(cheaper *Ranked) bool { return !cheaper.below(*r) }) {
			r.Rank = n + 1
		}
	}
}

// below reports whether the interval of r lies below that of another, with a CPU time that
// is higher by [stats.Shift].
func (r Ranked) below(other Ranked) bool {
	return !unbounded(r.Time) && r.CPU.High*(1+stats.Shift)+r.Wire < other.Time.Low
}

// Recommend says in words which suite of Rank's is the cheapest for a party, and what makes
// it so, or that none is certain. classic is what the party pays in a group of the classic
// suite, or nil.
func Recommend(ranked []Ranked, party string, classic *Ranked) string {
	best := ranked[0]
	var b strings.Builder
	if best.Rank == 0 {
		fmt.Fprintf(&b, "No suite is certainly the cheapest: no time is resolved to %.0f %% in %d rounds or more. The least figure is that of %s %s. ",
			100*stats.Precision, stats.LeastRounds, best.Suite.ID, best.Suite.Name)
	} else {
		fmt.Fprintf(&b, "Take %s %s: %s. ", best.Suite.ID, best.Suite.Name, reason(ranked))
	}
	fmt.Fprintf(&b, "A %s's day takes %s (%s to %s), of which CPU time is %s and the bytes on the link %s: %s of it.",
		party, Duration(best.Time.Value), Duration(best.Time.Low), high(best.Time), Duration(best.CPU.Value), Duration(best.Wire), driver(best.CPU.Value, best.Wire))
	if classic != nil && classic.Suite.Name != best.Suite.Name {
		fmt.Fprintf(&b, " That is %.2f times what %s takes", best.Time.Value/classic.Time.Value, classic.Suite.ID)
		if cpu, wire := best.CPU.Value-classic.CPU.Value, best.Wire-classic.Wire; cpu+wire > 0 {
			fmt.Fprintf(&b, "; of the difference %s", driver(cpu, wire))
		}
		b.WriteString(".")
	}
	return b.String()
}

// reason says why to take the first of Rank's suites, which has a rank.
func reason(ranked []Ranked) string {
	var equals, open []string
	for _, r := range ranked[1:] {
		switch id := r.Suite.ID.String(); {
		case r.Rank == 1:
			equals = append(equals, id)
		case r.Rank == 0 && !ranked[0].below(r):
			open = append(open, id)
		}
	}
	of, perhaps := "", ""
	if len(open) > 0 {
		of, perhaps = " of those that are resolved", "; not resolved, and perhaps cheaper: "+strings.Join(open, ", ")
	}
	switch {
	case len(ranked) == 1:
		return "it is the only one"
	case len(equals) > 0:
		return "its figure is the least" + of + ", but its interval does not part it from " + strings.Join(equals, ", ") + perhaps
	case len(open) > 0:
		return "it is the cheapest" + of + perhaps
	}
	return "it is the cheapest, and its interval overlaps with no other"
}

// high shows the upper end of an interval, as ? if it has none.
func high(f result.Figure) string {
	if unbounded(f) {
		return "?"
	}
	return Duration(f.High)
}

// driver says whether CPU time or bytes make up more of a sum.
func driver(cpu, wire float64) string {
	if wire > cpu {
		return fmt.Sprintf("bytes make up %.0f %%", min(100, 100*wire/(cpu+wire)))
	}
	return fmt.Sprintf("CPU time makes up %.0f %%", min(100, 100*cpu/(cpu+wire)))
}
