package bench

import (
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/bench/result"
)

// parties returns the command that says who pays.
func (p program) parties() *cobra.Command {
	return p.account(account{
		use:   "parties",
		short: "Say who pays for a group: members, joiners, the delivery service",
		long: `Parties says what a commit costs its maker, the members who follow it and the delivery
service, what it costs to come in, and what members and the delivery service keep.`,
		ops:    "commit,process-worst,process,process-best,keypackage,join,follow",
		bytes:  []string{"save", "save-epoch", "save-message", "follow-save", "follow-save-epoch", "heap"},
		suites: "all", sizes: "100", forms: partyFormats(),
	})
}

// partyFormats returns the forms of a report of who pays.
func partyFormats() []format {
	return []format{{"table", writeParties}, {"json", func(w io.Writer, r *result.Results) error {
		r.Parties = result.PartiesOf(r)
		return writeJSON(w, r)
	}}}
}

// writeParties writes a table for each group, with a line for each party.
func writeParties(w io.Writer, r *result.Results) error {
	if err := writeHeading(w, r); err != nil {
		return err
	}
	var titles []string
	var tables []*table
	for _, p := range result.PartiesOf(r) {
		short := partsOf(r, &result.Cell{ID: p.ID})
		title := fmt.Sprintf("\n%s  %s, %s: %d members, %s tree\n", p.ID, short.kem, short.signature, p.GroupSize, p.Tree)
		if len(titles) == 0 || titles[len(titles)-1] != title {
			titles = append(titles, title)
			tables = append(tables, &table{tight: true, titles: []string{
				"PARTY", "DOES", " CPU ms", " ±", " x", " SENT", " RECEIVED", " STORES", " COMMIT", " MESSAGE", " HEAP",
			}, optional: []string{"DOES", " x", " ±", " MESSAGE", " HEAP"}})
		}
		tables[len(tables)-1].add(partyLine(&p)...)
	}
	width := screenOf(w).width
	fit(width, tables...)
	for i, t := range tables {
		if _, err := io.WriteString(w, titles[i]); err != nil {
			return err
		}
		if err := t.write(w); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "\n"+wrap(partiesLegend, min(width, pageWidth)))
	return err
}

const partiesLegend = `SENT and RECEIVED are bytes: of a commit that renews keys; of a KeyPackage; of the Welcome, which carries the tree. A delivery service receives a commit once and sends it to all other members.
STORES are the bytes of the whole state, COMMIT and MESSAGE those that a commit and a message change in it: of a member, and of a group as a delivery service follows it, with a GroupInfo for joiners.
HEAP are the bytes of memory of a member's live group: of several that are restored from a saved state and share nothing, what the heap holds of them after garbage collection, in the mean.
±    is the wider half of the 95 % interval in per cent, with ? where it is not resolved.
x    is the time in proportion to the primitives alone that RFC 9420 needs.
`

// partyLine returns the line of a party.
func partyLine(p *result.Party) []string {
	line := []string{
		p.Party, p.Op, milliseconds(p.CPU.Value), percent(p.CPU, p.Resolved), ratioOf(p.Ratio),
		bytesOf(p.Sent), bytesOf(p.Received),
	}
	if p.Keeps == nil {
		return append(line, "-", "-", "-", "-")
	}
	return append(line, bytesOf(p.Keeps.Stored), bytesOf(p.Keeps.Commit), bytesOf(p.Keeps.Message), bytesOf(p.Keeps.Heap))
}

// bytesOf returns a number of bytes, or - for none.
func bytesOf(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}
