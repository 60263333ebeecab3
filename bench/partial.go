package bench

import (
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/bench/result"
)

// partial returns the command that prices partial members.
func (p program) partial() *cobra.Command {
	return p.account(account{
		use:   "partial",
		short: "Say what members without the ratchet tree cost, and those who annotate for them",
		long: `Partial says what it costs to join a group and to follow it without its ratchet tree
(draft-ietf-mls-partial-02), what such a member keeps, and what it costs whoever has the tree
to annotate a commit or a Welcome for one partial member.`,
		ops:    "partial-join,partial-process,annotate-join,annotate",
		bytes:  []string{"join-tree-outside", "commit", "partial-save", "partial-heap"},
		suites: "0x0001,TBD2,TBD11", // classical, hybrid, and post-quantum
		sizes:  "1000", forms: partialFormats(),
	})
}

// partialFormats returns the forms of a report of partial members.
func partialFormats() []format {
	return []format{{"table", writePartial}, {"json", writeJSON[*result.Results]}}
}

// writePartial writes a line for each group, in a table for each kind of cost.
func writePartial(w io.Writer, r *result.Results) error {
	if err := writeHeading(w, r); err != nil {
		return err
	}
	member := &table{tight: true, titles: []string{"ID", "TREE", " MEMBERS", " JOIN ms", " ±", " BYTES", " WELCOME", " COMMIT ms", " ±", " BYTES", " COMMIT", " STATE", " HEAP"}}
	service := &table{tight: true, titles: []string{"ID", "TREE", " MEMBERS", " ANNOTATE WELCOME ms", " ±", " COMMIT ms", " ±"}}
	for i := range r.Cells {
		join := &r.Cells[i]
		if join.Op != "partial-join" {
			continue
		}
		cell := func(op string) *result.Cell {
			if c, ok := r.Find(join, op); ok {
				return c
			}
			return new(result.Cell)
		}
		time := func(c *result.Cell) []string {
			if c.Samples == nil {
				return []string{"-", ""}
			}
			return []string{milliseconds(c.CPU.Value), percent(c.CPU, c.Resolved)}
		}
		process := cell("partial-process")
		group := []string{join.ID.String(), join.Tree, strconv.Itoa(join.GroupSize)}
		line := append(append([]string{}, group...), time(join)...)
		line = append(line, bytesOf(join.Bytes), bytesOf(cell("join-tree-outside").Bytes))
		line = append(line, time(process)...)
		line = append(line, bytesOf(process.Bytes), bytesOf(cell("commit").Bytes), bytesOf(cell("partial-save").Bytes), bytesOf(cell("partial-heap").Bytes))
		member.add(line...)
		service.add(append(append(group, time(cell("annotate-join"))...), time(cell("annotate"))...)...)
	}
	width := screenOf(w).width
	for _, t := range []*table{member, service} {
		fit(width, t)
		if _, err := io.WriteString(w, "\n"); err != nil {
			return err
		}
		if err := t.write(w); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "\n"+wrap(partialLegend, min(width, pageWidth)))
	return err
}

var partialLegend = strings.TrimLeft(`
JOIN and COMMIT are the CPU time of a partial member that joins, and that processes a commit which renews keys. BYTES behind each are those of the AnnotatedWelcome and of the AnnotatedCommit, WELCOME and COMMIT those of the messages in them.
STATE are the bytes of the member's saved state, HEAP those of memory of its live group.
ANNOTATE is the CPU time of annotating for one partial member, by whoever has the tree.
±    is the wider half of the 95 % interval in per cent, with ? where it is not resolved.
`, "\n")
