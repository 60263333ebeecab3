package stats

import (
	"cmp"
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
)

// Comparison says how one cell differs between two runs.
type Comparison struct {
	// Delta is the new cost divided by the old one: the median of the ratios of all pairs of a
	// new and an old sample (Hodges and Lehmann, 1963), with the interval that the U test has.
	Delta Interval

	// P is the probability of samples that differ as much if both came from one distribution,
	// by the Mann-Whitney U test.
	P float64

	// Adjusted is the least false discovery rate at which P is significant among the cells
	// compared at once (Benjamini and Hochberg, 1995).
	Adjusted float64

	// Significant says that the cell differs: Adjusted is at most 1-[Confidence], both runs
	// have at least [LeastRounds] rounds, and Delta is apart from 1 by more than Options.Shift
	// with its whole interval.
	Significant bool

	// Seen is the smallest effect that the comparison could have seen: 0.1 is a cell that
	// became 10 % dearer, or 10 % cheaper. It is taken from the samples themselves: those
	// of the new run are divided by the center of Delta, then scaled until the cell would be
	// called significant, were it the only one that differs. Seen is the larger of what
	// that takes upwards and downwards. It is infinite where nothing could have been seen.
	Seen float64

	Old, New Estimate
}

// Compare compares the cells of two runs: old[i] and new[i] are the samples of cell i in units
// of the fixed loop, or as [Undisturbed] returns them with one reference for both. What makes
// the loop and the cell slower alike is then no difference. The cells are corrected for being
// many, so that a comparison of runs that differ nowhere calls any cell significant in at most
// one case of twenty.
func Compare(old, new [][]float64, o Options) []Comparison {
	compared := make([]Comparison, len(old))
	ps := make([]float64, len(old))
	for i := range old {
		c := &compared[i]
		a, b := measured(old[i]), measured(new[i])
		c.Old, c.New = describe(a), describe(b)
		c.P, ps[i], c.Seen = 1, 1, math.Inf(1)
		if len(a) < LeastRounds || len(b) < LeastRounds {
			continue
		}
		thresholds := benchmath.DefaultThresholds
		c.P = benchmath.AssumeNothing.Compare(benchmath.NewSample(slices.Clone(a), &thresholds), benchmath.NewSample(slices.Clone(b), &thresholds)).P
		ps[i] = c.P
		pairs := quotients(b, a)
		c.Delta = shift(pairs, len(a), len(b), 1-Confidence)
		// Were it the only cell that differs, P would have to be so small.
		strict := shift(pairs, len(a), len(b), (1-Confidence)/float64(len(old)))
		c.Seen = max(o.margin()*c.Delta.Center/strict.Low-1, 1-strict.Center/(o.margin()*strict.High))
	}
	for i, q := range adjust(ps) {
		c := &compared[i]
		c.Adjusted = q
		apart := c.Delta.Low > o.margin() || c.Delta.High > 0 && c.Delta.High < 1/o.margin()
		c.Significant = q <= 1-Confidence && apart
	}
	return compared
}

// quotients returns all b/a, in ascending order.
func quotients(b, a []float64) []float64 {
	pairs := make([]float64, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			pairs = append(pairs, y/x)
		}
	}
	slices.Sort(pairs)
	return pairs
}

// shift returns the median of sorted quotients of n1 and n2 samples, with the interval that
// holds every factor which the U test at alpha does not refuse.
func shift(pairs []float64, n1, n2 int, alpha float64) Interval {
	i := Interval{Center: at(pairs, 0.5), High: math.Inf(1)}
	if critical := criticalU(n1, n2, alpha); critical >= 0 {
		i.Low, i.High = pairs[critical], pairs[len(pairs)-1-critical]
	}
	return i
}

// adjust returns the values that Benjamini and Hochberg's procedure compares with the rate.
func adjust(ps []float64) []float64 {
	order := make([]int, len(ps))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(ps[j], ps[i]) })
	adjusted := make([]float64, len(ps))
	least := 1.0
	for above, i := range order {
		least = min(least, ps[i]*float64(len(ps))/float64(len(ps)-above))
		adjusted[i] = least
	}
	return adjusted
}

// criticalU returns the largest U that is significant at alpha in both directions together, by
// the normal approximation with its correction for continuity, or -1.
func criticalU(n1, n2 int, alpha float64) int {
	n := float64(n1 * n2)
	z := math.Sqrt2 * math.Erfinv(1-alpha)
	return int(math.Floor(n/2 - 0.5 - z*math.Sqrt(n*float64(n1+n2+1)/12)))
}
