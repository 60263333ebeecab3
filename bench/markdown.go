package bench

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/mlsuite/mlsuite/bench/result"
)

// writeMarkdown writes a table for each operation in each kind of group, in the form that
// GitHub renders. The lowest rank comes first.
func writeMarkdown(w io.Writer, r *result.Results) error {
	var b strings.Builder
	for _, line := range heading(r) {
		if warning, ok := strings.CutPrefix(line, "warning: "); ok {
			line = "**Warning:** " + markdown(warning)
		} else {
			line = markdown(line)
		}
		breakLine(&b, "- "+line, 2, pageWidth)
		b.WriteByte('\n')
	}
	for _, cells := range comparisons(r) {
		fmt.Fprintf(&b, "\n### %s, %d members, %s tree\n\n", markdown(cells[0].Op), cells[0].GroupSize, markdown(cells[0].Tree))
		b.WriteString("| Rank | ID | Suite | KEM | Signature | CPU ms | ± % | x | ± % | Bytes | Allocations |\n")
		b.WriteString("| ---: | --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n")
		for _, c := range cells {
			p := partsOf(r, c)
			row := []string{
				rank(c), c.ID.String(), code(c.Suite), markdown(p.kem), markdown(p.signature),
				milliseconds(c.CPU.Value), percent(c.CPU, c.Resolved), ratio(c, r.Measurement.Precision), ratioPercent(c, r.Measurement.Precision),
				strconv.Itoa(c.Bytes), whole(c.Allocs),
			}
			fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		}
	}
	b.WriteString("\n" + markdownLegend)
	_, err := io.WriteString(w, b.String())
	return err
}

const markdownLegend = `CPU ms is the CPU time of one operation, the median of the rounds without disturbance, x its
proportion to the primitives alone that RFC 9420 needs. ± is the wider half of the 95 % interval,
with ? where it is not resolved: such a figure has no rank. A rank is 1 and the number of suites
that are certainly cheaper.
`

// comparisons returns the measured cells by operation, size and tree, as they come, and in
// each the ranked ones first.
func comparisons(r *result.Results) [][]*result.Cell {
	var all [][]*result.Cell
	at := map[comparison]int{}
	for i := range r.Cells {
		c := &r.Cells[i]
		if c.Samples == nil {
			continue
		}
		k, ok := at[comparisonOf(c)]
		if !ok {
			k = len(all)
			at[comparisonOf(c)] = k
			all = append(all, nil)
		}
		all[k] = append(all[k], c)
	}
	for _, cells := range all {
		slices.SortStableFunc(cells, compareRanks)
	}
	return all
}

// compareRanks orders by rank and then by cost; cells without a rank come last.
func compareRanks(a, b *result.Cell) int {
	return cmp.Or(cmp.Compare(unranked(a), unranked(b)), cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.CPU.Value, b.CPU.Value))
}

// markdown returns text that Markdown shows as it is, in a table too.
func markdown(text string) string {
	var b strings.Builder
	for _, r := range oneLine(text) {
		if strings.ContainsRune("\\`*_[]<>|~&$#", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// code returns text that a table of Markdown shows as code.
func code(text string) string {
	return "`" + strings.NewReplacer("`", "'", "|", `\|`).Replace(oneLine(text)) + "`"
}

// oneLine returns text without line breaks.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
