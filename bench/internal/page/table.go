package page

import (
	"slices"
	"strconv"

	"github.com/mlsuite/mlsuite/bench/result"
)

// table is a table that the page's script sorts, and of which it shows the rows of one
// group size. Without the script all rows are shown.
type table struct {
	ID      string
	Caption string
	Sizes   []string
	Chosen  string // of Sizes
	Columns []column
	Rows    []row
}

// column is a column with the text that explains it.
type column struct {
	Name, About string
	Number      bool
}

// row is a suite in groups of one size. Its cells follow the suite, the code point and the
// size.
type row struct {
	Member *member
	Size   string
	Cells  []entry
}

// entry is what stands in a cell, and what it is sorted by if that is not its text.
type entry struct {
	Text, Key, Class string
}

// figure writes a number and sorts by all its digits. What is not there sorts last.
func figure(s string, key float64) entry {
	return entry{Text: s, Key: strconv.FormatFloat(key, 'g', -1, 64), Class: "n"}
}

func missing() entry { return entry{Text: "–", Class: "n"} }

func costColumns() []column {
	return []column{
		{Name: "Suite"}, {Name: "Code point"}, {Name: "Members", Number: true},
		{"Rank", "by CPU time; suites that the run does not tell apart share one", true},
		{"CPU ms", "the least of the rounds", true}, {"±", "the 95 % interval, relative to the figure", true},
		{"Median ms", "of the rounds", true}, {"p90 ms", "the ninetieth percentile of the rounds", true},
		{"Limit ms", "the primitives alone, in the same rounds", true},
		{"x", "the median of the rounds' ratios of CPU time to limit", true}, {"± of x", "its 95 % interval, relative", true},
		{"Bytes", "of the message", true}, {"Allocations", "heap objects", true}, {"Allocated bytes", "of them", true},
	}
}

// costs is a table of an operation in one tree, for all sizes.
func (c *cast) costs(id string, run []group) table {
	columns := costColumns()
	instructions := false
	for _, g := range run {
		for _, cell := range g.cells {
			instructions = instructions || cell.Instructions != nil
		}
	}
	if instructions {
		columns = append(columns, column{"Instructions", "retired in user space", true}, column{"± of instructions", "their 95 % interval, relative", true})
	}
	t := table{
		ID: id, Caption: deed(run[0].op) + ", " + run[0].tree + " tree", Columns: columns,
		Chosen: grouped(float64(headline(run).size)),
	}
	for _, g := range run {
		size := grouped(float64(g.size))
		t.Sizes = append(t.Sizes, size)
		order := g.ranked()
		for _, cell := range g.cells {
			if rank(cell) == 0 {
				order = append(order, cell)
			}
		}
		for _, cell := range order {
			r := row{Member: c.by[identityOf(cell)], Size: size, Cells: costEntries(cell)}
			if instructions {
				r.Cells = append(r.Cells, instructionEntries(cell.Instructions)...)
			}
			t.Rows = append(t.Rows, r)
		}
	}
	return t
}

// costEntries returns what follows the names of the suite.
func costEntries(c *result.Cell) []entry {
	place := entry{Text: "not resolved", Class: "n open"}
	switch n := rank(c); {
	case n > 0:
		place = figure(strconv.Itoa(n), float64(n))
	case !measured(c):
		place.Text = "not measured"
	case c.Resolved:
		place.Text = "not ranked"
	}
	entries := []entry{
		place, milliseconds(c.CPU.Value), spreadOf(c.CPU), milliseconds(c.CPU.Median), milliseconds(c.CPU.P90), milliseconds(c.Limit.Value),
	}
	if c.Ratio.Value > 0 {
		entries = append(entries, figure(times(c.Ratio.Value), c.Ratio.Value), spreadOf(c.Ratio))
	} else {
		entries = append(entries, missing(), missing())
	}
	size := missing()
	if c.Bytes > 0 {
		size = figure(grouped(float64(c.Bytes)), float64(c.Bytes))
	}
	if !measured(c) {
		return append(entries, size, missing(), missing())
	}
	return append(entries, size, figure(grouped(c.Allocs), c.Allocs), figure(grouped(c.AllocBytes), c.AllocBytes))
}

func instructionEntries(f *result.Figure) []entry {
	if f == nil || !(f.Value > 0) {
		return []entry{missing(), missing()}
	}
	return []entry{figure(grouped(f.Value), f.Value), spreadOf(*f)}
}

func milliseconds(ns float64) entry {
	if !(ns > 0) {
		return missing()
	}
	return figure(digits(ns/1e6), ns)
}

func spreadOf(f result.Figure) entry {
	if !valid(f) {
		return missing()
	}
	return figure(plusMinus(f), halfWidth(f))
}

// winners is a table of the suites that have rank 1, by operation and size.
func (c *cast) winners(all []group) *winners {
	w := &winners{}
	column := map[int]int{}
	var sizes []int
	all = timed(all)
	for _, g := range all {
		if _, ok := column[g.size]; !ok {
			column[g.size] = 0
			sizes = append(sizes, g.size)
		}
	}
	slices.Sort(sizes)
	for i, size := range sizes {
		column[size] = i
		w.Sizes = append(w.Sizes, grouped(float64(size)))
	}
	for _, run := range runs(all) {
		r := winnerRow{Name: deed(run[0].op), Tree: run[0].tree, Cells: make([]winner, len(sizes))}
		for _, g := range run {
			r.Cells[column[g.size]] = c.winner(g)
		}
		w.Rows = append(w.Rows, r)
	}
	return w
}

type winners struct {
	Sizes []string
	Rows  []winnerRow
}

type winnerRow struct {
	Name, Tree string
	Cells      []winner
}

// winner is a suite of rank 1 with the lowest figure.
type winner struct {
	Member *member
	Cost   string
	Others string // that share the rank
	Open   string // how many are not ranked
}

func (c *cast) winner(g group) winner {
	ranked := g.ranked()
	var w winner
	if n := len(g.cells) - len(ranked); n > 0 {
		w.Open = grouped(float64(n)) + " not ranked"
	}
	if len(ranked) == 0 {
		return w
	}
	w.Member, w.Cost = c.by[identityOf(ranked[0])], cost(ranked[0])
	sharing := 0
	for _, cell := range ranked[1:] {
		if cell.Rank == ranked[0].Rank {
			sharing++
		}
	}
	if sharing > 0 {
		w.Others = count(sharing, "other shares", "others share") + " the rank"
	}
	return w
}
