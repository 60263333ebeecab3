package page

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"

	"github.com/mlsuite/mlsuite/bench/result"
)

// section is charts of one subject, with sentences before and tables after them.
type section struct {
	ID, Name, About string
	Answers         []answer
	Charts          []chart
	Tables          []table
}

// chart is a chart in its layouts, with a link to the table that has its figures.
type chart struct {
	Caption  string
	Pictures []template.HTML
	Table    string // its id
	Left     string // what is not drawn, and why
}

// pictures makes the charts of one results file.
type pictures struct {
	cast   *cast
	prefix string // of ids
	tables map[string]string
}

func (p pictures) table(run []group) string { return p.tables[run[0].op+"\x00"+run[0].tree] }

// sections returns the charts by subject, without the subjects for which there are no
// figures.
func (p pictures) sections(all []group) []section {
	return shownSections(
		section{ID: p.prefix + "cost", Name: "Cost against group size", About: "CPU time of an operation. Both axes are logarithmic. A bar is the 95 % interval; a point hides a bar that is smaller than itself. An end without a cap lies beyond the chart. An open point is not resolved; if it has no bar, it has no interval.", Charts: p.costs(all)},
		section{ID: p.prefix + "ranks", Name: "Cost and rank", About: "CPU time with its 95 % interval, the lowest on top, and the rank before the name. Suites that the run does not tell apart share a rank.", Charts: p.ranks(all)},
		section{ID: p.prefix + "limit", Name: "CPU time against the limit", About: "x is CPU time by the time of the primitives alone, paired within each round, with its 95 % interval. At 1, the dashed line, nothing but the primitives costs time.", Charts: p.limits(all)},
		section{ID: p.prefix + "bytes", Name: "Bytes against group size", About: "The size of the message. Both axes are logarithmic. Sizes are counted, not measured, and have no interval.", Charts: p.bytes(all)},
	)
}

// shownSections leaves out the sections that have nothing to show.
func shownSections(all ...section) []section {
	return slices.DeleteFunc(all, func(s section) bool { return len(s.Charts) == 0 && len(s.Tables) == 0 })
}

// against makes a chart of a run: lines over its sizes or, if it has one, rows.
func (p pictures) against(id, what string, run []group, y axis, value func(*result.Cell) point) (chart, bool) {
	caption := fmt.Sprintf("%s, %s tree", deed(run[0].op), run[0].tree)
	var all []series
	left := 0
	at := map[*member]int{}
	for _, g := range run {
		for _, cell := range g.cells {
			q := value(cell)
			if q.y == (result.Figure{}) {
				continue // not measured
			}
			q.x = float64(cell.GroupSize)
			var ok bool
			if q.y, ok = shown(q.y); !ok || q.x < 1 {
				left++
				continue
			}
			m := p.cast.by[identityOf(cell)]
			i, known := at[m]
			if !known {
				i = len(all)
				at[m] = i
				all = append(all, series{member: m, rank: q.rank})
			}
			all[i].points = append(all[i].points, q)
		}
	}
	if len(all) == 0 {
		return chart{}, false
	}
	c := chart{Caption: caption, Table: p.table(run), Left: leftOut(left)}
	title := what + ": " + caption
	if len(run) == 1 {
		description := fmt.Sprintf("%s of %s in groups of %s.", what, count(len(all), "suite", "suites"), count(run[0].size, "member", "members"))
		slices.SortStableFunc(all, func(a, b series) int { return compare(a.points[0].y.Value, b.points[0].y.Value) })
		c.Caption += fmt.Sprintf(", %s", count(run[0].size, "member", "members"))
		c.Pictures = rows(id, title, description, all, y)
		return c, true
	}
	description := fmt.Sprintf("%s of %s in groups of %s to %s.", what, count(len(all), "suite", "suites"),
		grouped(float64(run[0].size)), count(run[len(run)-1].size, "member", "members"))
	c.Pictures = lines(id, title, description, all, axis{label: "members", tick: tickSize}, y)
	return c, true
}

func leftOut(n int) string {
	if n == 0 {
		return ""
	}
	return count(n, "figure is", "figures are") + " not drawn, for lying outside of what a chart can show."
}

func (p pictures) hint(cell *result.Cell, says string) string {
	hint := fmt.Sprintf("%s, %s: %s", p.cast.name(cell), count(cell.GroupSize, "member", "members"), says)
	if !cell.Resolved {
		hint += ", not resolved"
	}
	return hint
}

func (p pictures) costs(all []group) (charts []chart) {
	for i, run := range runs(all) {
		if len(run) == 1 {
			continue // the ranks show it
		}
		c, ok := p.against(fmt.Sprintf("%scost-%d", p.prefix, i), "CPU time", run, axis{tick: tickDuration, log: true},
			func(cell *result.Cell) point {
				return point{y: cell.CPU, resolved: cell.Resolved, title: p.hint(cell, cost(cell))}
			})
		if ok {
			charts = append(charts, c)
		}
	}
	return charts
}

func (p pictures) ranks(all []group) (charts []chart) {
	for i, run := range runs(all) {
		c, ok := p.against(fmt.Sprintf("%sranks-%d", p.prefix, i), "CPU time", []group{headline(run)}, axis{tick: tickDuration, log: true},
			func(cell *result.Cell) point {
				q := point{y: cell.CPU, resolved: cell.Resolved, rank: "–", title: p.hint(cell, cost(cell))}
				if n := rank(cell); n > 0 {
					q.rank = strconv.Itoa(n)
					q.title += ", rank " + q.rank
				}
				return q
			})
		if ok {
			charts = append(charts, c)
		}
	}
	return charts
}

func (p pictures) limits(all []group) (charts []chart) {
	for i, run := range runs(all) {
		c, ok := p.against(fmt.Sprintf("%slimit-%d", p.prefix, i), "CPU time against the limit", []group{headline(run)},
			axis{tick: plain, from: 1, label: "x"},
			func(cell *result.Cell) point {
				says := fmt.Sprintf("%s times the limit %s", times(cell.Ratio.Value), plusMinus(cell.Ratio))
				return point{y: cell.Ratio, resolved: cell.Resolved, title: p.hint(cell, says)}
			})
		if ok {
			charts = append(charts, c)
		}
	}
	return charts
}

// bytes draws the sizes of messages, once for operations that have the same message.
func (p pictures) bytes(all []group) (charts []chart) {
	var before [][]group
	for i, run := range runs(all) {
		if slices.ContainsFunc(before, func(other []group) bool { return sameBytes(run, other) }) {
			continue
		}
		before = append(before, run)
		c, ok := p.against(fmt.Sprintf("%sbytes-%d", p.prefix, i), "Bytes", run, axis{tick: tickBytes, log: true},
			func(cell *result.Cell) point {
				n := float64(cell.Bytes)
				says := grouped(n) + " bytes"
				hint := fmt.Sprintf("%s, %s: %s", p.cast.name(cell), count(cell.GroupSize, "member", "members"), says)
				return point{y: result.Figure{Value: n, Low: n, High: n}, resolved: true, title: hint}
			})
		if ok {
			charts = append(charts, c)
		}
	}
	return charts
}

// sameBytes reports whether two runs have the same messages: process reads what commit
// makes.
func sameBytes(a, b []group) bool {
	if a[0].tree != b[0].tree || len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].size != b[i].size || len(a[i].cells) != len(b[i].cells) {
			return false
		}
		for _, cell := range a[i].cells {
			if !slices.ContainsFunc(b[i].cells, func(other *result.Cell) bool {
				// Signatures of one scheme differ in a few bytes.
				return identityOf(cell) == identityOf(other) && math.Abs(float64(cell.Bytes-other.Bytes)) <= 16
			}) {
				return false
			}
		}
	}
	return true
}
