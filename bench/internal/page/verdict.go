package page

import (
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/policy"
)

// verdictView is the verdicts of policies beside what suites cost.
type verdictView struct {
	At       string
	Cost     string // which figure stands beside them
	Policies []string
	Rows     []verdictRow
}

type verdictRow struct {
	Member *member
	Rank   entry
	CPU    entry
	Cells  []entry
}

// verdicts shows the first answer's figures of the first file beside the verdicts.
func (c *cast) verdicts(in Input) *verdictView {
	v := &verdictView{At: in.Verdicts.At.String(), Policies: in.Verdicts.Policies}
	var beside group
	if len(in.Files) == 0 {
		in.Files = []File{{Results: &result.Results{}}}
	}
	if all := timed(groups(in.Files[0].Results)); len(all) > 0 {
		beside = headline(runs(all)[0])
		v.Cost = deed(beside.op) + ", " + count(beside.size, "member", "members") + ", " + beside.tree + " tree"
		if len(in.Files) > 1 {
			v.Cost += ", " + in.Files[0].Name
		}
	}
	for _, m := range c.members {
		r := verdictRow{Member: m, Rank: missing(), CPU: missing()}
		for _, cell := range beside.cells {
			if c.by[identityOf(cell)] == m {
				r.Rank, r.CPU = place(cell), milliseconds(cell.CPU.Value)
				r.CPU.Text += " " + plusMinus(cell.CPU)
			}
		}
		for _, name := range v.Policies {
			r.Cells = append(r.Cells, verdictEntry(in.Verdicts.Matrix[name], m))
		}
		v.Rows = append(v.Rows, r)
	}
	return v
}

// verdictEntry returns the verdict of one policy. A policy judges the suites of the program
// alone.
func verdictEntry(of map[string]policy.Verdict, m *member) entry {
	verdict, ok := of[m.Name]
	switch {
	case !ok || m.Kind == unknown:
		return entry{Text: "not judged", Key: "2", Class: "open"}
	case verdict.Allow:
		return entry{Text: verdict.String(), Key: "0", Class: "yes"}
	}
	return entry{Text: verdict.String(), Key: "1", Class: "no"}
}
