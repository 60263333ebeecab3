package stats

import "cmp"

// Ranking orders the cells of one comparison, such as all suites at one size.
type Ranking struct {
	// Ranks has the rank of each cell: 1 plus the number of ranked cells that are certainly
	// cheaper. A cell without a rank, which is 0, is not resolved and counts for no other.
	//
	// A cell is certainly cheaper than another if its interval lies below that of the other
	// by more than Options.Shift. Not to be told apart is not transitive: of three cells, the
	// first may be certainly cheaper than the third alone. Then the ranks are 1, 1 and 2.
	Ranks []int

	// Intervals has the interval of the cost of each cell. With probability [Confidence]
	// all of them hold at once, and therefore all that they say of pairs.
	Intervals []Interval

	margin float64
}

// Rank ranks cells, given by their samples without disturbance: see [Undisturbed].
func Rank(cells [][]float64, o Options) Ranking {
	k := Ranking{Ranks: make([]int, len(cells)), Intervals: make([]Interval, len(cells)), margin: o.margin()}
	for i, samples := range cells {
		sorted := measured(samples)
		k.Intervals[i] = median(sorted, 1-(1-Confidence)/float64(len(cells)))
		if describe(sorted).Within(o.Doubt).Resolved(o.precision()) {
			k.Ranks[i] = 1
		}
	}
	ranks := make([]int, len(cells))
	for i, rank := range k.Ranks {
		ranks[i] = rank
		for j := range cells {
			if k.Apart(j, i) < 0 {
				ranks[i]++
			}
		}
	}
	k.Ranks = ranks
	return k
}

// Apart returns -1 if cell i is certainly cheaper than cell j, +1 if it is certainly dearer,
// and 0 if they cannot be told apart or one of them has no rank.
func (k Ranking) Apart(i, j int) int {
	a, b := k.Intervals[i], k.Intervals[j]
	switch {
	case !k.ranked(i, j):
		return 0
	case a.High*k.margin < b.Low:
		return -1
	case b.High*k.margin < a.Low:
		return +1
	}
	return 0
}

// ranked reports whether both cells have a rank.
func (k Ranking) ranked(i, j int) bool { return k.Ranks[i] != 0 && k.Ranks[j] != 0 }

// order returns -1 if the estimate of cell i is the lower one, +1 if it is the higher one.
func (k Ranking) order(i, j int) int {
	return cmp.Compare(k.Intervals[i].Center, k.Intervals[j].Center)
}
