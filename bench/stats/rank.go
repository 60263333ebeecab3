package stats

import (
	"cmp"
	"slices"
)

// Ranking orders the cells of one comparison, such as all suites at one size.
type Ranking struct {
	// Ranks has the rank of each cell: 1 plus the number of ranked cells that are certainly
	// cheaper. A cell without a rank, which is 0, is not resolved and counts for no other.
	//
	// Two cells share a rank if their intervals overlap, or lie apart by no more than
	// Options.Shift and Options.Doubt, or if a third cell connects them in this way.
	Ranks []int

	// Intervals has the interval of the cost of each cell. With probability [Confidence] all
	// intervals of the run hold at once, and therefore all ranks.
	Intervals []Interval
}

// Rank ranks cells, given by their samples without disturbance: see [Undisturbed].
func Rank(cells [][]float64, o Options) Ranking {
	k := Ranking{Ranks: make([]int, len(cells)), Intervals: make([]Interval, len(cells))}
	var order []int
	for i, samples := range cells {
		sorted := measured(samples)
		k.Intervals[i] = median(sorted, 1-(1-Confidence)/float64(max(o.Together, len(cells))))
		if describe(sorted).Within(o.Doubt).Resolved(o.precision()) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(k.Intervals[i].Low, k.Intervals[j].Low) })
	rank, highest := 1, 0.0
	for n, i := range order {
		if n > 0 && k.Intervals[i].Low > highest*o.margin() {
			rank = n + 1
		}
		k.Ranks[i] = rank
		highest = max(highest, k.Intervals[i].High)
	}
	return k
}

// Apart returns -1 if cell i is certainly cheaper than cell j, +1 if it is certainly dearer,
// and 0 if they share a rank or one of them has none.
func (k Ranking) Apart(i, j int) int {
	if !k.ranked(i, j) {
		return 0
	}
	return cmp.Compare(k.Ranks[i], k.Ranks[j])
}

// ranked reports whether both cells have a rank.
func (k Ranking) ranked(i, j int) bool { return k.Ranks[i] != 0 && k.Ranks[j] != 0 }

// order returns -1 if the estimate of cell i is the lower one, +1 if it is the higher one.
func (k Ranking) order(i, j int) int {
	return cmp.Compare(k.Intervals[i].Center, k.Intervals[j].Center)
}
