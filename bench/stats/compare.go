package stats

import (
	"cmp"
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
)

// Comparison says how one cell differs between two runs.
type Comparison struct {
	// Delta is the new cost divided by the old one, as the ratio of the floors.
	Delta Interval

	// P is the probability of samples that differ as much if both came from one distribution,
	// by the Mann-Whitney U test. Samples of one run share its disturbances: a busy neighbour
	// during one of two runs makes P small, whatever the cell does. P alone shows nothing.
	P float64

	// Adjusted is the least false discovery rate at which P is significant among the cells
	// compared at once (Benjamini and Hochberg, 1995).
	Adjusted float64

	// Significant says that the cell differs: Adjusted is at most 1-[Confidence], both runs
	// have at least [LeastRounds] rounds, Delta is apart from 1 by more than Options.Shift
	// with its whole interval, and the samples and the floors differ in the same direction.
	Significant bool

	// Seen is the smallest effect that the comparison could have seen: 0.1 is a cell that
	// became 10 % dearer, or 10 % cheaper. It is taken from the samples themselves: those
	// of the new run are divided by the center of Delta, then scaled until the cell would be
	// called significant, were it the only one that differs. Seen is the larger of what
	// that takes upwards and downwards. It is infinite where nothing could have been seen.
	Seen float64

	Old, New Estimate
}

// Compare compares the cells of two runs: old[i] and new[i] are the samples of cell i. The
// cells are corrected for being many, so that a comparison of runs that differ nowhere calls
// any cell significant in at most one case of twenty, as long as both had undisturbed rounds.
func Compare(old, new [][]float64, o Options) []Comparison {
	compared := make([]Comparison, len(old))
	ps := make([]float64, len(old))
	same := make([]bool, len(old)) // direction of samples and floors
	loop, alpha := Interval{Center: 1, Low: 1, High: 1}, (1-Confidence)/2
	looped := len(o.OldLoop) > 0 && len(o.NewLoop) > 0
	if looped {
		alpha /= 2
		loop = floor(measured(o.NewLoop), alpha).over(floor(measured(o.OldLoop), alpha))
	}
	for i := range old {
		c := &compared[i]
		c.Old, c.New = NewCost(old[i]), NewCost(new[i])
		a, b := measured(old[i]), measured(new[i])
		delta := floor(b, alpha).over(floor(a, alpha)).over(loop)
		if looped {
			a, b = measured(ratios(old[i], o.OldLoop)), measured(ratios(new[i], o.NewLoop))
		}
		c.P, ps[i], c.Seen = 1, 1, math.Inf(1)
		if len(a) < LeastRounds || len(b) < LeastRounds {
			continue
		}
		c.Delta = delta
		thresholds := benchmath.DefaultThresholds
		c.P = benchmath.AssumeNothing.Compare(benchmath.NewSample(slices.Clone(a), &thresholds), benchmath.NewSample(slices.Clone(b), &thresholds)).P
		ps[i] = c.P
		same[i] = (smaller(a, b) > 0.5) == (c.Delta.Center > 1)
		c.Seen = seen(a, b, c.Delta, (1-Confidence)/float64(len(old)), o.margin())
	}
	for i, q := range adjust(ps) {
		c := &compared[i]
		c.Adjusted = q
		apart := c.Delta.Low > o.margin() || c.Delta.High > 0 && c.Delta.High < 1/o.margin()
		c.Significant = q <= 1-Confidence && apart && same[i]
	}
	return compared
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

// smaller returns the share of pairs of sorted a and b whose sample of a is the smaller one,
// equal ones counted half.
func smaller(a, b []float64) float64 {
	pairs := 0.0
	for _, y := range b {
		below, _ := slices.BinarySearch(a, y)
		upTo := below
		for upTo < len(a) && a[upTo] == y {
			upTo++
		}
		pairs += float64(below+upTo) / 2
	}
	return pairs / float64(len(a)*len(b))
}

// seen returns the smallest effect, upwards and downwards, that makes Delta and the U test at
// alpha significant.
func seen(a, b []float64, delta Interval, alpha, margin float64) float64 {
	critical := criticalU(len(a), len(b), alpha)
	if critical < 0 {
		return math.Inf(1)
	}
	pairs := make([]float64, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			pairs = append(pairs, x/y*delta.Center)
		}
	}
	slices.Sort(pairs)
	up := max(pairs[len(pairs)-1-critical], margin*delta.Center/delta.Low) - 1
	down := 1 - min(pairs[critical], delta.Center/(margin*delta.High))
	return max(up, down)
}

// criticalU returns the largest U that is significant at alpha in both directions together, by
// the normal approximation with its correction for continuity, or -1.
func criticalU(n1, n2 int, alpha float64) int {
	n := float64(n1 * n2)
	z := math.Sqrt2 * math.Erfinv(1-alpha)
	return int(math.Floor(n/2 - 0.5 - z*math.Sqrt(n*float64(n1+n2+1)/12)))
}
