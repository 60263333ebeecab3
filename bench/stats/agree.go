package stats

import (
	"slices"
)

// Agreement says how far two runs of one benchmark on one machine agree.
type Agreement struct {
	Cells              int     // measured in both runs
	Median, P90, Worst float64 // of the difference of a cell's cost: the dearer divided by the cheaper, less 1

	Pairs     int // of cells within a comparison, measured in both runs
	Exchanged int // pairs whose costs have another order in the other run
	Apart     int // pairs that a run ranks apart
	Reversed  int // pairs that a run ranks apart and whose costs have the other order in the other
	Opposed   int // pairs that both runs rank apart, in opposite orders

	Significant int // cells that Compare calls significant
}

// Agree compares two whole runs: old[i] and new[i] are the samples of cell i. Each of
// comparisons lists the cells that are ranked together.
func Agree(old, new [][]float64, comparisons [][]int, o Options) Agreement {
	var a Agreement
	var differences []float64
	compared := Compare(old, new, o)
	both := func(i int) bool { return compared[i].Old.Rounds > 0 && compared[i].New.Rounds > 0 }
	for i, c := range compared {
		if c.Significant {
			a.Significant++
		}
		if both(i) {
			x, y := c.Old.Center, c.New.Center
			differences = append(differences, max(x, y)/min(x, y)-1)
		}
	}
	a.Cells = len(differences)
	if a.Cells > 0 {
		slices.Sort(differences)
		a.Median, a.P90, a.Worst = at(differences, 0.5), at(differences, 0.9), differences[a.Cells-1]
	}
	for _, cells := range comparisons {
		measured := slices.DeleteFunc(slices.Clone(cells), func(i int) bool { return !both(i) })
		a.rank(pick(old, measured), pick(new, measured), o)
	}
	return a
}

// rank counts the pairs of one comparison, whose cells are measured in both runs.
func (a *Agreement) rank(old, new [][]float64, o Options) {
	first, second := Rank(old, o), Rank(new, o)
	for i := range old {
		for j := range i {
			a.pair(first.Apart(i, j), second.Apart(i, j), first.order(i, j), second.order(i, j))
		}
	}
}

// pair counts a pair of cells: the order in either run, as ranked and by their costs.
func (a *Agreement) pair(ranked1, ranked2, costs1, costs2 int) {
	a.Pairs++
	if costs1*costs2 < 0 {
		a.Exchanged++
	}
	if ranked1 != 0 || ranked2 != 0 {
		a.Apart++
	}
	if ranked1*costs2 < 0 || ranked2*costs1 < 0 {
		a.Reversed++
	}
	if ranked1*ranked2 < 0 {
		a.Opposed++
	}
}

func pick(samples [][]float64, cells []int) [][]float64 {
	picked := make([][]float64, len(cells))
	for i, c := range cells {
		picked[i] = samples[c]
	}
	return picked
}
