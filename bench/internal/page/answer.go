package page

import (
	"fmt"
	"slices"

	"github.com/mlsuite/mlsuite/bench/result"
)

// headlineSize is the group size that the page speaks of first, if it was measured.
const headlineSize = 100

// headline returns of the groups of an operation and a tree the one to speak of.
func headline(of []group) group {
	if i := slices.IndexFunc(of, func(g group) bool { return g.size == headlineSize }); i >= 0 {
		return of[i]
	}
	return of[len(of)-1]
}

// runs returns the groups by operation and tree, each run in the order of size.
func runs(all []group) [][]group {
	var out [][]group
	for _, g := range all {
		if n := len(out); n > 0 && out[n-1][0].op == g.op && out[n-1][0].tree == g.tree {
			out[n-1] = append(out[n-1], g)
			continue
		}
		out = append(out, []group{g})
	}
	return out
}

// answers says in words what the results found: of commit and process in the first
// tree, or of the first operation if there are neither.
func (c *cast) answers(r *result.Results, all []group) []answer {
	all = timed(all)
	var chosen []group
	for _, run := range runs(all) {
		if (run[0].op == "commit" || run[0].op == "process") && run[0].tree == all[0].tree {
			chosen = append(chosen, headline(run))
		}
	}
	if len(chosen) == 0 && len(all) > 0 {
		chosen = append(chosen, headline(runs(all)[0]))
	}
	var answers []answer
	for _, g := range chosen {
		answers = append(answers, answer{
			Head:      fmt.Sprintf("%s, %s, %s tree", deed(g.op), count(g.size, "member", "members"), g.tree),
			Sentences: c.sentences(g, r.Measurement.Precision),
		})
	}
	return answers
}

// answer is what the page says of an operation.
type answer struct {
	Head      string
	Sentences []string
}

// deed names an operation in words.
func deed(op string) string {
	for _, known := range [][2]string{
		{"commit", "Making a commit"}, {"process", "Processing a commit"}, {"add", "Adding a member"}, {"join", "Joining"},
		{"keypackage", "Making a KeyPackage"}, {"encrypt", "Sending a message"}, {"decrypt", "Receiving a message"},
		{"process-best", "Processing a commit, farthest leaf"}, {"process-worst", "Processing a commit, nearest leaf"},
		{"process-add", "Processing an added member"}, {"remove", "Removing a member"}, {"process-remove", "Processing a removal"},
		{"join-tree-outside", "Joining, the tree outside"}, {"external-join", "Joining by a commit of one's own"},
		{"process-external", "Processing such a commit"}, {"update", "Proposing an update"}, {"process-update", "Processing that proposal"},
		{"commit-update", "Committing it"}, {"external-proposal", "Proposing from outside"}, {"propose-join", "Asking to be added"},
		{"decrypt-late", "Receiving a late message"}, {"reinit", "Ending the group by a ReInit"}, {"move", "Making the group that follows"},
		{"join-move", "Joining that group"}, {"save", "Saving a group"}, {"save-epoch", "Saving a commit"}, {"save-message", "Saving a message"},
		{"restore", "Restoring a group"}, {"groupinfo", "Making a GroupInfo"}, {"follow-from", "Beginning to follow a group"}, {"follow", "Following a commit"},
	} {
		if op == known[0] {
			return known[1]
		}
	}
	return op
}

func (c *cast) name(cell *result.Cell) string { return c.by[identityOf(cell)].label() }

// names lists suites, a few by name.
func (c *cast) names(cells []*result.Cell) string {
	const most = 5
	var names []string
	for i, cell := range cells {
		if i == most-1 && len(cells) > most {
			names = append(names, fmt.Sprintf("%d others", len(cells)-i))
			break
		}
		names = append(names, c.name(cell))
	}
	return enumerate(names)
}

func cost(cell *result.Cell) string { return duration(cell.CPU.Value) + " " + plusMinus(cell.CPU) }

func (c *cast) sentences(g group, precision float64) []string {
	ranked := g.ranked()
	if len(ranked) == 0 {
		said := []string{fmt.Sprintf("None of %s is resolved to ±%s %% and ranked, so this run names no cheapest one.",
			count(len(g.cells), "suite", "suites"), plain(100*precision))}
		if lowest := slices.MinFunc(g.cells, func(a, b *result.Cell) int { return compare(a.CPU.Value, b.CPU.Value) }); valid(lowest.CPU) {
			said = append(said, fmt.Sprintf("The lowest figure is that of %s, %s: a hint, no more.", c.name(lowest), cost(lowest)))
		}
		if smallest := c.smallest(g); smallest != "" {
			said = append(said, smallest)
		}
		return said
	}
	best := ranked[0]
	said := []string{c.cheapest(g, ranked)}
	if open := c.open(g, best, precision); open != "" {
		said = append(said, open)
	}
	said = append(said, c.postQuantum(ranked)...)
	if smallest := c.smallest(g); smallest != "" {
		said = append(said, smallest)
	}
	return said
}

func (c *cast) cheapest(g group, ranked []*result.Cell) string {
	best, sharing := ranked[0], ranked[1:]
	for i, cell := range sharing {
		if cell.Rank != best.Rank {
			sharing = sharing[:i]
			break
		}
	}
	switch {
	case len(g.cells) == 1:
		return fmt.Sprintf("%s costs %s of CPU time. No other suite was measured.", c.name(best), cost(best))
	case len(ranked) == 1:
		return fmt.Sprintf("%s costs %s of CPU time. It is the only suite that is resolved.", c.name(best), cost(best))
	case len(sharing) == 0:
		return fmt.Sprintf("%s is the cheapest: %s of CPU time. No other suite shares its rank.", c.name(best), cost(best))
	case len(sharing) == 1:
		return fmt.Sprintf("%s has the lowest figure: %s of CPU time. %s shares its rank: this run does not tell them apart.",
			c.name(best), cost(best), c.names(sharing))
	}
	return fmt.Sprintf("%s has the lowest figure: %s of CPU time. %s share its rank: this run does not tell them apart.",
		c.name(best), cost(best), c.names(sharing))
}

// open speaks of the suites without a rank.
func (c *cast) open(g group, best *result.Cell, precision float64) string {
	var open, rivals []*result.Cell
	for _, cell := range g.cells {
		if rank(cell) > 0 {
			continue
		}
		open = append(open, cell)
		if !valid(cell.CPU) || cell.CPU.Low <= best.CPU.Value {
			rivals = append(rivals, cell)
		}
	}
	if len(open) == 0 {
		return ""
	}
	said := fmt.Sprintf("Not ranked, for not being resolved to ±%s %%: %s.", plain(100*precision), c.names(open))
	if len(rivals) > 0 {
		said += fmt.Sprintf(" Of these may be cheaper than all that are ranked: %s.", c.names(rivals))
	}
	return said
}

// postQuantum compares the cheapest post-quantum suites with the cheapest classic one.
func (c *cast) postQuantum(ranked []*result.Cell) []string {
	cheapest := func(of func(kind) bool) *result.Cell {
		i := slices.IndexFunc(ranked, func(cell *result.Cell) bool { return of(c.by[identityOf(cell)].Kind) })
		if i < 0 {
			return nil
		}
		return ranked[i]
	}
	base := cheapest(func(k kind) bool { return k == classic })
	pq := cheapest(kind.postQuantum)
	signed := cheapest(func(k kind) bool { return k == full })
	if base == nil || pq == nil {
		return nil
	}
	said := []string{c.beside("Of the post-quantum suites", pq, base)}
	if signed != nil && signed != pq {
		said = append(said, c.beside("Of those with post-quantum signatures too", signed, base))
	}
	return said
}

func (c *cast) beside(which string, cell, base *result.Cell) string {
	ratio := quotient(cell.CPU, base.CPU)
	said := fmt.Sprintf("%s, %s has the lowest figure: %s. ", which, c.name(cell), cost(cell))
	classic := fmt.Sprintf("the cheapest classic one, %s at %s", c.name(base), cost(base))
	switch {
	case ratio.Low <= 1 && ratio.High >= 1:
		said += fmt.Sprintf("Its interval overlaps that of %s: %s times (%s).", classic, times(ratio.Value), between(ratio))
	default:
		said += fmt.Sprintf("That is %s times (%s) %s.", times(ratio.Value), between(ratio), classic)
	}
	if cell.Bytes > 0 && base.Bytes > 0 {
		said += fmt.Sprintf(" Its message has %s bytes, %s times the %s.",
			grouped(float64(cell.Bytes)), times(float64(cell.Bytes)/float64(base.Bytes)), grouped(float64(base.Bytes)))
	}
	return said
}

// smallest says which suites send the fewest bytes.
func (c *cast) smallest(g group) string {
	var least []*result.Cell
	for _, cell := range g.cells {
		switch {
		case cell.Bytes <= 0:
		case len(least) == 0 || cell.Bytes < least[0].Bytes:
			least = []*result.Cell{cell}
		case cell.Bytes == least[0].Bytes:
			least = append(least, cell)
		}
	}
	if len(least) == 0 || len(g.cells) == 1 {
		return ""
	}
	return fmt.Sprintf("The message is smallest with %s: %s bytes.", c.names(least), grouped(float64(least[0].Bytes)))
}
