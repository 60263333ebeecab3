package bench

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/mlsuite/mlsuite/bench/result"
)

// writeTable writes a line for each cell.
func writeTable(w io.Writer, r *result.Results) error {
	if err := writeHeading(w, r); err != nil {
		return err
	}
	t := table{tight: true, titles: []string{
		"ID", "KEM", "SIGNATURE", " MEMBERS", "TREE", "OPERATION", " RANK", " CPU ms", " ±", " x", " ±", " ALLOCS", " BYTES",
	}, optional: []string{" ALLOCS", "TREE", "SIGNATURE", "KEM"}}
	for i := range r.Cells {
		c := &r.Cells[i]
		if c.Samples == nil {
			continue
		}
		t.add(append(append([]string{c.ID.String()}, parts(r, c)...), strconv.Itoa(c.GroupSize), c.Tree, c.Op, rank(c),
			milliseconds(c.CPU.Value), percent(c.CPU, c.Resolved), ratio(c), percent(c.Ratio, true),
			strconv.FormatInt(int64(math.Round(c.Allocs)), 10), strconv.Itoa(c.Bytes))...)
	}
	return t.fit(screenWidth(w)).write(w)
}

// writeSummary writes a table for each kind of group, with a line for each suite: what a
// commit costs its maker and its receivers, and the bytes that travel for the commit and
// for a joiner. The cheapest to commit comes first.
func writeSummary(w io.Writer, r *result.Results) error {
	if err := writeHeading(w, r); err != nil {
		return err
	}
	for _, g := range groupsOf(r) {
		if _, err := fmt.Fprintf(w, "\n%d members, %s tree\n", g.size, g.tree); err != nil {
			return err
		}
		t := table{tight: true, titles: []string{
			" RANK", "ID", "KEM", "SIGNATURE", " COMMIT", " ±", " x", " PROCESS", " ±", " x", " COMMIT B", " WELCOME", " KEYPKG",
		}, optional: []string{" KEYPKG", " WELCOME", "SIGNATURE", "KEM"}}
		for _, commit := range g.cells {
			process, _ := r.Find(commit, "process")
			line := append([]string{rank(commit), commit.ID.String()}, parts(r, commit)...)
			for _, c := range []*result.Cell{commit, process} {
				if c == nil || c.Samples == nil {
					line = append(line, "-", "-", "-")
					continue
				}
				line = append(line, milliseconds(c.CPU.Value), percent(c.CPU, c.Resolved), ratio(c))
			}
			line = append(line, strconv.Itoa(commit.Bytes))
			for _, op := range []string{"join", "keypackage"} {
				if c, ok := r.Find(commit, op); ok {
					line = append(line, strconv.Itoa(c.Bytes))
				} else {
					line = append(line, "-")
				}
			}
			t.add(line...)
		}
		if err := t.fit(screenWidth(w)).write(w); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, `
COMMIT is what a member takes to renew its keys by a commit, PROCESS what the others take, in
the mean, to process it, both in milliseconds. COMMIT B is its size in bytes, WELCOME what a
new member gets. RANK is by COMMIT: 1 and the number of suites that are certainly cheaper.
±    is the wider half of the 95 % interval in per cent, with ? where it is not resolved.
x    is the time in proportion to the primitives alone that RFC 9420 needs.
`)
	return err
}

// kindOfGroup is a size and a tree, with the commits in such groups.
type kindOfGroup struct {
	size  int
	tree  string
	cells []*result.Cell
}

// groupsOf returns the kinds of groups in which commits were measured, in order, and the
// commits of each by rank and then by cost.
func groupsOf(r *result.Results) []*kindOfGroup {
	var groups []*kindOfGroup
	for i := range r.Cells {
		c := &r.Cells[i]
		if c.Op != "commit" || c.Samples == nil {
			continue
		}
		k := slices.IndexFunc(groups, func(g *kindOfGroup) bool { return g.size == c.GroupSize && g.tree == c.Tree })
		if k < 0 {
			k = len(groups)
			groups = append(groups, &kindOfGroup{size: c.GroupSize, tree: c.Tree})
		}
		groups[k].cells = append(groups[k].cells, c)
	}
	for _, g := range groups {
		slices.SortStableFunc(g.cells, func(a, b *result.Cell) int {
			return cmp.Or(cmp.Compare(unranked(a), unranked(b)), cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.CPU.Value, b.CPU.Value))
		})
	}
	return groups
}

func unranked(c *result.Cell) int {
	if c.Rank == 0 {
		return 1
	}
	return 0
}

// writeHeading says where and how the figures were measured, and what makes them doubtful.
func writeHeading(w io.Writer, r *result.Results) error {
	cpu := "unknown CPU"
	if name, ok := r.Machine.CPU.Get(); ok {
		cpu = name
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d cores, %s, %s/%s\n", cpu, r.Machine.Cores, r.Machine.GoVersion, r.Machine.OS, r.Machine.Arch)
	unresolved := 0
	measured := 0
	for _, c := range r.Cells {
		if c.Samples != nil {
			measured++
			if !c.Resolved {
				unresolved++
			}
		}
	}
	fmt.Fprintf(&b, "%s, least of %d rounds; %d of %d figures are not resolved to %.3g %%\n",
		r.Measurement.Clock, r.Measurement.Rounds, unresolved, measured, 100*r.Measurement.Precision)
	state := func(what string, v fmt.Stringer, known bool) {
		if known {
			fmt.Fprintf(&b, ", %s %s", what, v)
		}
	}
	spread := r.State.Calibration.CPUSpread()
	fmt.Fprintf(&b, "load %s", r.State.LoadBefore)
	_, known := r.State.Others.Get()
	state("others", r.State.Share(r.State.Others), known)
	_, known = r.State.Steal.Get()
	state("steal", r.State.Share(r.State.Steal), known)
	_, known = r.State.Governor.Get()
	state("governor", r.State.Governor, known)
	_, known = spread.Get()
	state("spread of a fixed loop", spread, known)
	b.WriteString("\n")
	if why := r.Measurement.Instructions; why != "" {
		fmt.Fprintf(&b, "instructions: not counted, because %s\n", why)
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", warning)
	}
	if len(r.Policies) > 0 {
		policies := strings.Join(r.Policies, ", ")
		if len(r.With) > 0 {
			policies += " with " + strings.Join(r.With, ", ")
		}
		fmt.Fprintf(&b, "policies: %s; suites left out: %d\n", policies, len(r.LeftOut))
	}
	_, err := io.WriteString(w, wrap(b.String(), screenWidth(w)))
	return err
}

// parts returns the short names of the KEM and the signature of a cell's suite.
func parts(r *result.Results, c *result.Cell) []string {
	for _, s := range r.Suites {
		if s.ID == c.ID {
			return []string{s.KEM, s.Signature}
		}
	}
	return []string{"-", "-"}
}

func rank(c *result.Cell) string {
	if c.Rank == 0 {
		return "-"
	}
	return strconv.Itoa(c.Rank)
}

func milliseconds(ns float64) string { return strconv.FormatFloat(ns/1e6, 'f', 3, 64) }

// percent returns the width of a figure's interval in per cent.
func percent(f result.Figure, resolved bool) string {
	width := f.Width()
	text := "?"
	if !math.IsInf(width, 0) {
		text = strconv.FormatFloat(100*width, 'f', 0, 64)
		if 100*width < 0.95 {
			text = strconv.FormatFloat(100*width, 'f', 1, 64)
		}
		if !resolved {
			text += "?"
		}
	}
	return text
}

// ratio returns the cost of c in proportion to its limit.
func ratio(c *result.Cell) string {
	if c.Ratio.Value == 0 {
		return "-"
	}
	return strconv.FormatFloat(c.Ratio.Value, 'f', 2, 64)
}
