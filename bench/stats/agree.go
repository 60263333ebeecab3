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

	// Reversed counts the pairs that one run ranks apart and the other, in which both cells
	// have a rank, has in the opposite order. Doubted counts them whether the cells have a
	// rank in the other run or not: an estimate that is not resolved reverses much.
	Reversed, Doubted int

	Significant int // cells that Compare calls significant
}

// Agree compares two whole runs: old[i] and new[i] are the samples of cell i. Each of
// comparisons lists the cells that are ranked together. The options are those of each run.
func Agree(old, new [][]float64, comparisons [][]int, oldOptions, newOptions Options) Agreement {
	both := oldOptions
	both.Doubt += newOptions.Doubt

	var a Agreement
	var differences []float64
	compared := Compare(old, new, both)
	measuredTwice := func(i int) bool { return compared[i].Old.Rounds > 0 && compared[i].New.Rounds > 0 }
	for i, c := range compared {
		if c.Significant {
			a.Significant++
		}
		if measuredTwice(i) {
			x, y := c.Old.Center, c.New.Center
			differences = append(differences, max(x, y)/min(x, y)-1)
		}
	}
	a.Cells = len(differences)
	if a.Cells > 0 {
		slices.Sort(differences)
		a.Median, a.P90, a.Worst = at(differences, 0.5), at(differences, 0.9), differences[a.Cells-1]
	}
	oldOptions.Together, newOptions.Together = len(old), len(new)
	for _, cells := range comparisons {
		measured := slices.DeleteFunc(slices.Clone(cells), func(i int) bool { return !measuredTwice(i) })
		a.rank(pick(old, measured), pick(new, measured), oldOptions, newOptions)
	}
	return a
}

// rank counts the pairs of one comparison, whose cells are measured in both runs.
func (a *Agreement) rank(old, new [][]float64, oldOptions, newOptions Options) {
	first, second := Rank(old, oldOptions), Rank(new, newOptions)
	for i := range old {
		for j := range i {
			a.pair(first, second, i, j)
		}
	}
}

// pair counts cells i and j.
func (a *Agreement) pair(first, second Ranking, i, j int) {
	ranked1, ranked2 := first.Apart(i, j), second.Apart(i, j)
	order1, order2 := first.order(i, j), second.order(i, j)
	a.Pairs++
	if order1*order2 < 0 {
		a.Exchanged++
	}
	if ranked1 != 0 || ranked2 != 0 {
		a.Apart++
	}
	against1, against2 := ranked1*order2 < 0, ranked2*order1 < 0
	if against1 || against2 {
		a.Doubted++
	}
	if against1 && second.ranked(i, j) || against2 && first.ranked(i, j) {
		a.Reversed++
	}
}

func pick(samples [][]float64, cells []int) [][]float64 {
	picked := make([][]float64, len(cells))
	for i, c := range cells {
		picked[i] = samples[c]
	}
	return picked
}
