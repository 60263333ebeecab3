package page

import (
	"fmt"
	"strconv"

	"github.com/mlsuite/mlsuite/bench/result"
)

// Combiner is what a day costs in a pair of groups under the amortized combiner.
type Combiner struct {
	About             []string // sentences
	Classical, Hybrid CombinerPrice
	Intervals         []CombinerPrice // by the interval
}

// CombinerPrice is what a renewal costs.
type CombinerPrice struct {
	Name    string
	Every   int     // of so many renewals one is FULL; 0 in a group of one suite
	Bytes   float64 // of a commit, in the mean
	Times   float64 // those of the classical group
	Commit  result.Figure
	Process result.Figure
}

// combiners returns the section on pairs of groups, in the days that have one.
func (c *cast) combiners(all []Day) section {
	s := section{
		ID: "combiner", Name: "A pair of groups",
		About: "What renewing a member's keys costs under the amortized combiner, against the interval of FULL commits, and beside it in the classical group alone and in a hybrid one. Both axes are logarithmic.",
	}
	for i, d := range all {
		if d.Combiner == nil {
			continue
		}
		id := fmt.Sprintf("combiner-%d", i)
		s.Answers = append(s.Answers, answer{Head: d.Name, Sentences: d.Combiner.About})
		exact := func(p CombinerPrice) (result.Figure, string) {
			return result.Figure{Value: p.Bytes, Low: p.Bytes, High: p.Bytes}, fmt.Sprintf("%s bytes, %.2f times", grouped(p.Bytes), p.Times)
		}
		s.add(d.Combiner.chart(id+"-bytes", "Bytes of a renewal, "+d.Name, axis{tick: tickBytes, log: true}, exact))
		s.add(d.Combiner.chart(id+"-process", "CPU time of processing a renewal, "+d.Name, axis{tick: tickDuration, log: true}, func(p CombinerPrice) (result.Figure, string) {
			return p.Process, duration(p.Process.Value) + " " + plusMinus(p.Process)
		}))
	}
	if len(s.Charts) > 0 {
		s.Tables = []table{combinerTable("combiner-table", all)}
	}
	return s
}

// chart draws the prices of the pair against the interval, and those of single groups beside
// as level lines.
func (c *Combiner) chart(id, title string, y axis, value func(CombinerPrice) (result.Figure, string)) (chart, bool) {
	left := 0
	var drawn []series
	add := func(m *member, at []CombinerPrice) {
		s := series{member: m}
		for i, p := range at {
			f, says := value(p)
			f, ok := shown(f)
			if !ok {
				left++
				continue
			}
			s.points = append(s.points, point{x: float64(c.Intervals[i].Every), y: f, resolved: true, title: p.Name + ": " + says})
		}
		if len(s.points) > 0 {
			drawn = append(drawn, s)
		}
	}
	level := func(p CombinerPrice) []CombinerPrice {
		all := make([]CombinerPrice, len(c.Intervals))
		for i := range all {
			all[i] = p
		}
		return all
	}
	add(role("pair", "pair", 0), c.Intervals)
	add(role(c.Hybrid.Name, c.Hybrid.Name, 1), level(c.Hybrid))
	add(role(c.Classical.Name, c.Classical.Name, 2), level(c.Classical))
	if len(drawn) == 0 {
		return chart{}, false
	}
	description := fmt.Sprintf("%s, against the interval of FULL commits, and %s beside.", title, count(len(drawn)-1, "level line", "level lines"))
	pictures := lines(id, title, description, drawn, axis{label: "renewals for each FULL one", tick: tickSize}, y)
	return chart{Caption: title, Pictures: pictures, Table: "combiner-table", Left: leftOut(left)}, true
}

// combinerTable is a table of all days, of which it shows one.
func combinerTable(id string, all []Day) table {
	t := table{ID: id, Caption: "A renewal by the interval of FULL commits", First: "Renewals", Filter: "Day", Columns: []column{
		{"Every", "renewals for each FULL one", true}, {"Bytes", "of a commit, in the mean", true}, {"Times", "the bytes in the classical group", true},
		{"Commit", "CPU time of who commits", true}, {"Process", "of each other member, in the mean", true}, {"±", "the 95 % interval, relative to the figure", true},
	}}
	for _, d := range all {
		if d.Combiner == nil {
			continue
		}
		t.Sizes = append(t.Sizes, d.Name)
		prices := append([]CombinerPrice{d.Combiner.Classical}, d.Combiner.Intervals...)
		for _, p := range append(prices, d.Combiner.Hybrid) {
			every := missing()
			if p.Every > 0 {
				every = figure(strconv.Itoa(p.Every), float64(p.Every))
			}
			t.Rows = append(t.Rows, row{Member: role(p.Name, p.Name, 0), Size: d.Name, Cells: []entry{
				every, whole(p.Bytes), figure(fmt.Sprintf("%.2f", p.Times), p.Times), span(p.Commit), span(p.Process), spreadOf(p.Process),
			}})
		}
	}
	if len(t.Sizes) > 0 {
		t.Chosen = t.Sizes[0]
	}
	return t
}
