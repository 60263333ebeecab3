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

// writeTable writes a line for each cell. A wider screen shows more of it.
func writeTable(w io.Writer, r *result.Results) error {
	if err := writeHeading(w, r); err != nil {
		return err
	}
	t := table{tight: true, titles: []string{
		"ID", "SUITE", "KEM", "SIGNATURE", "AEAD", " MEMBERS", "TREE", "OPERATION", " RANK", " CPU ms", " ±", " x", " ±",
		" xfast", " LIMIT ms", " RAW", " P90", " INSTR", " ALLOCS", " BYTES",
	}, optional: []string{
		" INSTR", "SUITE", " P90", " RAW", " LIMIT ms", "AEAD", " ALLOCS", "TREE", "SIGNATURE", "KEM", " xfast", " ±", " x",
	}}
	if slices.ContainsFunc(r.Cells, func(c result.Cell) bool { return c.Tree != r.Cells[0].Tree }) {
		t.optional = slices.DeleteFunc(t.optional, func(title string) bool { return title == "TREE" })
	}
	counted := false
	for i := range r.Cells {
		c := &r.Cells[i]
		if c.Samples == nil {
			continue
		}
		p := partsOf(r, c)
		instructions := "-"
		counted = counted || c.Instructions != nil
		if c.Instructions != nil {
			instructions = whole(c.Instructions.Value)
		}
		t.add(c.ID.String(), c.Suite, p.kem, p.signature, p.aead, strconv.Itoa(c.GroupSize), c.Tree, c.Op, rank(c),
			milliseconds(c.CPU.Value), percent(c.CPU, c.Resolved), ratio(c, r.Measurement.Precision), ratioPercent(c, r.Measurement.Precision),
			ratioFastest(c), milliseconds(c.Limit.Value), milliseconds(c.CPU.RawMedian), milliseconds(c.CPU.P90), instructions,
			whole(c.Allocs), strconv.Itoa(c.Bytes))
	}
	if !counted {
		t.shorten()
	}
	if !fastestPriced(r) {
		t.drop(" xfast")
	}
	fit(screenOf(w).width, &t)
	return t.write(w)
}

// writeSummary writes a table for each kind of group, with a line for each suite: what a
// commit costs its maker and its receivers, and the bytes that travel for the commit and
// for a joiner. The cheapest to commit comes first.
func writeSummary(w io.Writer, r *result.Results) error {
	if err := writeHeading(w, r); err != nil {
		return err
	}
	groups := groupsOf(r)
	var all []*table
	for _, g := range groups {
		all = append(all, g.summary(r))
	}
	s := screenOf(w)
	fit(s.width, all...)
	for i, g := range groups {
		if _, err := fmt.Fprintf(w, "\n%d members, %s tree\n", g.size, g.tree); err != nil {
			return err
		}
		if err := all[i].write(w); err != nil {
			return err
		}
	}
	legend := summaryLegend + varying(r)
	if fastestPriced(r) {
		legend += "xfast is x, with each primitive from its fastest provider: see suitebench providers.\n"
	}
	_, err := io.WriteString(w, "\n"+wrap(legend, min(s.width, pageWidth)))
	return err
}

// summary returns the table of a kind of group.
func (g *kindOfGroup) summary(r *result.Results) *table {
	t := &table{tight: true, titles: []string{
		" RANK", "ID", "SUITE", "KEM", "SIGNATURE", "AEAD", " COMMIT", " ±", " x", " xfast", " PROCESS", " ±", " x", " BYTES", " WELCOME", " KEYPKG",
	}, optional: []string{"SUITE", "AEAD", " KEYPKG", " WELCOME", "SIGNATURE", "KEM", " BYTES", " xfast", " x", " x"}}
	for _, commit := range g.cells {
		process, _ := r.Find(commit, "process")
		p := partsOf(r, commit)
		line := []string{
			rank(commit), commit.ID.String(), commit.Suite, p.kem, p.signature, p.aead,
			milliseconds(commit.CPU.Value), percent(commit.CPU, commit.Resolved), ratio(commit, r.Measurement.Precision), ratioFastest(commit),
		}
		if process == nil || process.Samples == nil {
			line = append(line, "-", "-", "-")
		} else {
			line = append(line, milliseconds(process.CPU.Value), percent(process.CPU, process.Resolved), ratio(process, r.Measurement.Precision))
		}
		line = append(line, strconv.Itoa(commit.Bytes))
		for _, op := range defaultSizesOnly() {
			if c, ok := r.Find(commit, op); ok {
				line = append(line, strconv.Itoa(c.Bytes))
			} else {
				line = append(line, "-")
			}
		}
		t.add(line...)
	}
	if !fastestPriced(r) {
		t.drop(" xfast")
	}
	return t
}

const summaryLegend = `COMMIT is what a member takes to renew its keys by a commit, PROCESS what the others take, in the mean, to process it, both in milliseconds. BYTES is its size, WELCOME that of what a new member gets. RANK is by COMMIT: 1 and the number of suites that are certainly cheaper; suites that cannot be told apart share it.
±    is the wider half of the 95 % interval in per cent, with ? where it is not resolved.
x    is the time in proportion to the primitives alone that RFC 9420 needs, with ? where its own
     interval is not resolved.
`

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
		slices.SortStableFunc(g.cells, compareRanks)
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
	_, err := io.WriteString(w, screenOf(w).text(strings.Join(heading(r), "\n")+"\n"))
	return err
}

// heading returns the lines of a heading.
func heading(r *result.Results) []string {
	cpu := "unknown CPU"
	if name, ok := r.Machine.CPU.Get(); ok {
		cpu = name
	}
	lines := []string{fmt.Sprintf("%s, %d cores, %s, %s/%s", cpu, r.Machine.Cores, r.Machine.GoVersion, r.Machine.OS, r.Machine.Arch)}
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
	rounds := fmt.Sprintf("%s, median of %d rounds beside a fixed loop", r.Measurement.Clock, r.Measurement.Rounds)
	if measured > 0 {
		rounds += fmt.Sprintf("; %d of %d figures not resolved to %.3g %%", unresolved, measured, 100*r.Measurement.Precision)
	}
	lines = append(lines, rounds)
	state := fmt.Sprintf("load %s", r.State.LoadBefore)
	add := func(what string, v fmt.Stringer, known bool) {
		if known {
			state += fmt.Sprintf(", %s %s", what, v)
		}
	}
	spread := r.State.Calibration.CPUSpread()
	_, known := r.State.Others.Get()
	add("others", r.State.Share(r.State.Others), known)
	_, known = r.State.Steal.Get()
	add("steal", r.State.Share(r.State.Steal), known)
	_, known = r.State.Governor.Get()
	add("governor", r.State.Governor, known)
	_, known = spread.Get()
	add("spread of a fixed loop", spread, known)
	lines = append(lines, state)
	if why := r.Measurement.Instructions; why != "" {
		lines = append(lines, "instructions: not counted, because "+why)
	}
	for _, warning := range r.Warnings {
		lines = append(lines, "warning: "+warning)
	}
	if len(r.ProviderSets) > 0 && r.ProviderSets[0].About != ownProviders {
		lines = append(lines, "providers: "+r.ProviderSets[0].About)
	}
	if len(r.Policies) > 0 {
		policies := strings.Join(r.Policies, ", ")
		if len(r.With) > 0 {
			policies += " with " + strings.Join(r.With, ", ")
		}
		lines = append(lines, fmt.Sprintf("policies: %s; suites left out: %d", policies, len(r.LeftOut)))
	}
	return lines
}

// parts are the short names of the parts of a suite.
type parts struct{ kem, signature, aead string }

func partsOf(r *result.Results, c *result.Cell) parts {
	for _, s := range r.Suites {
		if s.ID == c.ID {
			return parts{s.KEM, s.Signature, cmp.Or(s.AEAD, "-")}
		}
	}
	return parts{"-", "-", "-"}
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
func ratio(c *result.Cell, precision float64) string {
	text := ratioOf(c.Ratio)
	if c.Ratio.Value != 0 && c.Ratio.Width() > precision {
		text += "?"
	}
	return text
}

// ratioOf returns a ratio, or - where the limit is nothing.
func ratioOf(f result.Figure) string {
	if f.Value == 0 {
		return "-"
	}
	return strconv.FormatFloat(f.Value, 'f', 2, 64)
}

// ratioPercent returns the width of the interval of a ratio in per cent.
func ratioPercent(c *result.Cell, precision float64) string {
	if c.Ratio.Value == 0 {
		return "-"
	}
	return percent(c.Ratio, c.Ratio.Width() <= precision)
}

// ratioFastest returns the cost of c in proportion to its limit on the fastest providers.
func ratioFastest(c *result.Cell) string {
	if c.RatioFastest == nil || c.RatioFastest.Value == 0 {
		return "-"
	}
	return strconv.FormatFloat(c.RatioFastest.Value, 'f', 2, 64)
}

// fastestPriced reports whether there is a limit on other providers than the suites' own.
func fastestPriced(r *result.Results) bool {
	return slices.ContainsFunc(r.Cells, func(c result.Cell) bool { return c.RatioFastest != nil })
}
