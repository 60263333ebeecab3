package page

import (
	"slices"
	"strconv"

	"github.com/mlsuite/mlsuite/bench/result"
)

// table is a table that the page's script sorts, and of which it shows the rows of one
// group size, or what else Filter names. Without the script all rows are shown.
type table struct {
	ID      string
	Caption string
	First   string // the title of the first column, of the rows' members
	Filter  string
	Sizes   []string
	Chosen  string // of Sizes
	Codes   bool   // there is a column of code points
	Columns []column
	Rows    []row
}

// column is a column with the text that explains it.
type column struct {
	Name, About string
	Number      bool
}

// row is a suite, or what else the table is of, in groups of one size. Its cells stand between the suite and the size.
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

// measure is a column of figures.
type measure struct {
	column
	of func(*result.Cell) entry
}

// measures returns the columns of figures that any of the groups has.
func measures(run []group) []measure {
	all := []measure{
		{column{"Rank", "by CPU time; suites that the run does not tell apart share one", true}, place},
		{column{"CPU ms", "the median of the rounds without disturbance", true}, func(c *result.Cell) entry { return milliseconds(c.CPU.Value) }},
		{column{"±", "the 95 % interval, relative to the figure", true}, func(c *result.Cell) entry { return spreadOf(c.CPU) }},
		{column{"x", "the median of the rounds' ratios of CPU time to limit", true}, func(c *result.Cell) entry { return ratio(c.Ratio) }},
		{column{"± of x", "its 95 % interval, relative", true}, func(c *result.Cell) entry { return spreadOf(c.Ratio) }},
		{column{"x of the fastest", "the same ratio with each primitive at the fastest provider that was measured", true}, func(c *result.Cell) entry { return ratioOf(c.RatioFastest) }},
		{column{"Bytes", "of the message", true}, func(c *result.Cell) entry { return whole(float64(c.Bytes)) }},
		{column{"Limit ms", "the primitives alone, in the same rounds", true}, func(c *result.Cell) entry { return milliseconds(c.Limit.Value) }},
		{column{"Raw ms", "the median of the rounds as the clock had them, with what disturbed them", true}, func(c *result.Cell) entry { return milliseconds(c.CPU.RawMedian) }},
		{column{"p90 ms", "the ninetieth percentile without disturbance: of single operations, or of samples where these are too short", true}, func(c *result.Cell) entry { return milliseconds(c.CPU.P90) }},
		{column{"Instructions", "retired in user space", true}, func(c *result.Cell) entry { return whole(instructions(c).Value) }},
		{column{"± of instructions", "their 95 % interval, relative", true}, func(c *result.Cell) entry { return spreadOf(instructions(c)) }},
		{column{"Allocations", "heap objects", true}, func(c *result.Cell) entry { return whole(c.Allocs) }},
		{column{"Allocated bytes", "of them", true}, func(c *result.Cell) entry { return whole(c.AllocBytes) }},
	}
	return slices.DeleteFunc(all, func(m measure) bool {
		for _, g := range run {
			for _, cell := range g.cells {
				if m.of(cell) != missing() {
					return false
				}
			}
		}
		return true
	})
}

// costs is a table of an operation in one tree, for all sizes.
func (c *cast) costs(id string, run []group) table {
	shown := measures(run)
	t := table{
		ID: id, Caption: deed(run[0].op) + ", " + run[0].tree + " tree", First: "Suite", Filter: "Members", Codes: true,
		Chosen: grouped(float64(headline(run).size)),
	}
	for _, m := range shown {
		t.Columns = append(t.Columns, m.column)
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
			r := row{Member: c.by[identityOf(cell)], Size: size}
			for _, m := range shown {
				r.Cells = append(r.Cells, m.of(cell))
			}
			t.Rows = append(t.Rows, r)
		}
	}
	return t
}

// place returns the rank, or why there is none.
func place(c *result.Cell) entry {
	switch n := rank(c); {
	case n > 0:
		return figure(strconv.Itoa(n), float64(n))
	case !measured(c):
		return entry{Text: "not measured", Class: "n open"}
	case c.Resolved:
		return entry{Text: "not ranked", Class: "n open"}
	}
	return entry{Text: "not resolved", Class: "n open"}
}

func instructions(c *result.Cell) result.Figure {
	if c.Instructions == nil {
		return result.Figure{}
	}
	return *c.Instructions
}

func ratio(f result.Figure) entry {
	if !(f.Value > 0) {
		return missing()
	}
	return figure(times(f.Value), f.Value)
}

func ratioOf(f *result.Figure) entry {
	if f == nil {
		return missing()
	}
	return ratio(*f)
}

func whole(n float64) entry {
	if !(n > 0) {
		return missing()
	}
	return figure(grouped(n), n)
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

// winner is a suite of rank 1 with the lowest figure. There is none if a suite without a rank
// has a lower one.
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
	for _, cell := range g.cells {
		if rank(cell) == 0 && cell.CPU.Value < ranked[0].CPU.Value {
			w.Open += ", among them the lowest figure" // the ranked ones are not the cheapest
			return w
		}
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
