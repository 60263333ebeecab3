package page

import (
	"fmt"

	"github.com/mlsuite/mlsuite/bench/result"
)

// comparison sets the figures of several results beside each other.
type comparison struct {
	Sentences []string
	Sections  []section
	Tables    []table
}

// pair is a cell of the first results and the same one of others.
type pair struct{ old, new *result.Cell }

func (p pair) ratio() result.Figure { return quotient(p.new.CPU, p.old.CPU) }

func (p pair) resolved() bool { return p.old.Resolved && p.new.Resolved }

// verdict says which costs more, as far as the intervals part.
func (p pair) verdict() string {
	switch ratio := p.ratio(); {
	case !valid(p.old.CPU) || !valid(p.new.CPU):
		return "no figure"
	case !p.resolved():
		return "not resolved"
	case ratio.Low > 1:
		return "dearer"
	case ratio.High < 1:
		return "cheaper"
	}
	return "not told apart"
}

// compare compares each file with the first.
func (c *cast) compare(files []File) *comparison {
	base := files[0]
	out := &comparison{}
	ratios := section{
		ID: "compared-ratio", Name: "CPU time against " + base.Name,
		About: "The CPU time in a file by that in " + base.Name + ". Below 1 it is cheaper. The ends of a bar are those that both intervals allow; where it crosses 1, the dashed line, the files do not part.",
	}
	for k, f := range files[1:] {
		verdicts := map[string]int{}
		pairs := 0
		for i, run := range runs(timed(groups(f.Results))) {
			var shared []group
			by := map[*result.Cell]pair{}
			for _, g := range run {
				h := group{op: g.op, tree: g.tree, size: g.size}
				for _, cell := range g.cells {
					if old, ok := find(base.Results, cell); ok {
						by[cell] = pair{old, cell}
						verdicts[by[cell].verdict()]++
						pairs++
						h.cells = append(h.cells, cell)
					}
				}
				if len(h.cells) > 0 {
					shared = append(shared, h)
				}
			}
			if len(shared) == 0 {
				continue
			}
			id := fmt.Sprintf("compared-%d-%d", k+1, i)
			t := c.comparing(id, base.Name, f.Name, shared, by)
			out.Tables = append(out.Tables, t)
			p := pictures{cast: c, tables: map[string]string{run[0].op + "\x00" + run[0].tree: id}}
			chart, ok := p.against(id+"-ratio", "CPU time of "+f.Name+" by that of "+base.Name, []group{headline(shared)},
				axis{tick: plain, from: 1, label: "x " + clip(base.Name, 24), log: true},
				func(cell *result.Cell) point {
					both := by[cell]
					says := fmt.Sprintf("%s times (%s), %s", times(both.ratio().Value), between(both.ratio()), both.verdict())
					return point{y: both.ratio(), resolved: both.resolved(), title: p.hint(cell, says)}
				})
			if ok {
				chart.Caption = f.Name + ": " + chart.Caption
				ratios.Charts = append(ratios.Charts, chart)
			}
		}
		out.Sentences = append(out.Sentences, summed(base.Name, f.Name, pairs, verdicts))
	}
	if len(ratios.Charts) > 0 {
		out.Sections = append(out.Sections, ratios)
	}
	return out
}

func find(r *result.Results, like *result.Cell) (*result.Cell, bool) {
	for i := range r.Cells {
		c := &r.Cells[i]
		if identityOf(c) == identityOf(like) && c.GroupSize == like.GroupSize && c.Tree == like.Tree && c.Op == like.Op {
			return c, true
		}
	}
	return nil, false
}

func summed(base, name string, pairs int, verdicts map[string]int) string {
	if pairs == 0 {
		return fmt.Sprintf("%s and %s have no figure in common.", name, base)
	}
	var parts []string
	for _, v := range []string{"cheaper", "dearer", "not told apart", "not resolved", "no figure"} {
		if n := verdicts[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	return fmt.Sprintf("Of %s that %s has in common with %s: %s. Each is judged by its own intervals, at 95 %%, so that some part by chance.",
		count(pairs, "figure", "figures"), name, base, enumerate(parts))
}

func (c *cast) comparing(id, base, name string, shared []group, by map[*result.Cell]pair) table {
	t := table{
		ID: id, Caption: fmt.Sprintf("%s and %s: %s, %s tree", base, name, deed(shared[0].op), shared[0].tree),
		First: "Suite", Filter: "Members", Codes: true,
		Chosen: grouped(float64(headline(shared).size)),
		Columns: []column{
			{base + ", ms", "CPU time", true}, {"±", "the 95 % interval, relative to the figure", true},
			{name + ", ms", "CPU time", true}, {"± ", "the 95 % interval, relative to the figure", true},
			{"Ratio", "of the second to the first", true}, {"From", "the least that both intervals allow", true}, {"To", "the most that both intervals allow", true},
			{Name: "Verdict"}, {"Bytes, first", "of the message", true}, {"Bytes, second", "of the message", true},
		},
	}
	for _, g := range shared {
		size := grouped(float64(g.size))
		t.Sizes = append(t.Sizes, size)
		for _, cell := range g.cells {
			both := by[cell]
			r := row{Member: c.by[identityOf(cell)], Size: size}
			r.Cells = append(r.Cells, milliseconds(both.old.CPU.Value), spreadOf(both.old.CPU), milliseconds(cell.CPU.Value), spreadOf(cell.CPU))
			if ratio := both.ratio(); valid(ratio) {
				for _, x := range []float64{ratio.Value, ratio.Low, ratio.High} {
					r.Cells = append(r.Cells, figure(times(x), x))
				}
			} else {
				r.Cells = append(r.Cells, missing(), missing(), missing())
			}
			r.Cells = append(r.Cells, entry{Text: both.verdict()},
				whole(float64(both.old.Bytes)), whole(float64(cell.Bytes)))
			t.Rows = append(t.Rows, r)
		}
	}
	return t
}
