package page

import (
	"fmt"
	"slices"

	"github.com/mlsuite/mlsuite/bench/result"
)

// payers returns the section on who pays for a group: charts of the cheapest suite of each
// kind in groups of the size to speak of, and a table of all.
func (p pictures) payers(r *result.Results) section {
	s := section{
		ID: p.prefix + "payers", Name: "Who pays",
		About: "What a commit that renews keys costs its maker, the other members and the delivery service, and what it costs to come in. Of the members the one that is farthest from the maker has the least to do, its neighbour the most. A delivery service sends to all members together. The charts show the cheapest suite of each kind.",
	}
	all := result.PartiesOf(r)
	if !slices.ContainsFunc(all, func(x result.Party) bool { return x.Party != result.Committer }) {
		return s
	}
	var chosen []group
	for _, run := range runs(timed(groups(r))) {
		if run[0].op == "commit" && run[0].tree == all[0].Tree {
			chosen = append(chosen, headline(run))
		}
	}
	if len(chosen) == 0 {
		return s
	}
	tableID := p.prefix + "payers-table"
	for i, cell := range p.cast.cheapestOfKinds(chosen[0]) {
		var cpu, bytes []series
		for _, x := range all {
			if x.ID != cell.ID || x.Suite != cell.Suite || x.GroupSize != cell.GroupSize || x.Tree != cell.Tree {
				continue
			}
			m := role(x.Party, shortParty(x.Party), partyColour(x.Party))
			says := fmt.Sprintf("%s: %s %s", x.Party, duration(x.CPU.Value), plusMinus(x.CPU))
			cpu = append(cpu, series{member: m, points: []point{{y: x.CPU, resolved: x.Resolved, title: says}}})
			n := float64(x.Sent + x.Received)
			says = fmt.Sprintf("%s: %s bytes sent, %s received", x.Party, grouped(float64(x.Sent)), grouped(float64(x.Received)))
			bytes = append(bytes, series{member: m, points: []point{{y: result.Figure{Value: n, Low: n, High: n}, resolved: true, title: says}}})
		}
		where := fmt.Sprintf("%s, %s", p.cast.name(cell), count(cell.GroupSize, "member", "members"))
		id := fmt.Sprintf("%s-%d", s.ID, i)
		s.add(bars(id+"-cpu", "CPU time by party: "+where, "CPU time: "+where, tableID, cpu, axis{tick: tickDuration, log: true}))
		s.add(bars(id+"-bytes", "Bytes sent and received by party: "+where, "Bytes sent and received: "+where, tableID, bytes, axis{tick: tickBytes, log: true}))
	}
	if len(s.Charts) > 0 {
		s.Tables = []table{p.cast.partyTable(tableID, all)}
	}
	return s
}

// cheapestOfKinds returns the cell with the lowest figure of each kind of suites.
func (c *cast) cheapestOfKinds(g group) []*result.Cell {
	var found []*result.Cell
	for k := range kinds {
		var least *result.Cell
		for _, cell := range g.cells {
			if c.by[identityOf(cell)].Kind == k && (least == nil || cell.CPU.Value < least.CPU.Value) {
				least = cell
			}
		}
		if least != nil {
			found = append(found, least)
		}
	}
	return found
}

func shortParty(party string) string {
	return map[string]string{
		result.WorstMember: "worst leaf", result.Member: "mean member", result.BestMember: "best leaf", result.Service: "service",
	}[party]
}

// partyColour returns the colour of a party: members have one.
func partyColour(party string) int {
	switch party {
	case result.Committer:
		return 0
	case result.WorstMember, result.Member, result.BestMember:
		return 1
	case result.Added, result.Joiner:
		return 2
	}
	return 3
}

// partyTable is a table of all parties, of which it shows one.
func (c *cast) partyTable(id string, all []result.Party) table {
	t := table{ID: id, Caption: "Parties", First: "Suite", Filter: "Party", Chosen: all[0].Party, Codes: true, Columns: []column{
		{"Members", "in the group", true}, {"Tree", "its shape", false}, {"CPU ms", "of what the party does", true}, {"±", "the 95 % interval, relative to the figure", true},
		{"x", "CPU time in proportion to the primitives alone", true}, {"Sent", "bytes", true}, {"Received", "bytes", true},
		{"Stores", "bytes of the whole state", true}, {"Commit", "bytes that a commit changes in it", true}, {"Message", "bytes that a message changes in it", true},
		{"Heap", "bytes of memory of a live group", true},
	}}
	for _, x := range all {
		if !slices.Contains(t.Sizes, x.Party) {
			t.Sizes = append(t.Sizes, x.Party)
		}
		keeps := x.Keeps
		if keeps == nil {
			keeps = &result.Keeps{}
		}
		t.Rows = append(t.Rows, row{Member: c.by[identity{x.Suite, x.ID}], Size: x.Party, Cells: []entry{
			whole(float64(x.GroupSize)), {Text: x.Tree}, milliseconds(x.CPU.Value), spreadOf(x.CPU), ratio(x.Ratio),
			whole(float64(x.Sent)), whole(float64(x.Received)),
			whole(float64(keeps.Stored)), whole(float64(keeps.Commit)), whole(float64(keeps.Message)), whole(float64(keeps.Heap)),
		}})
	}
	return t
}
