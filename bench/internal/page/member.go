package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/suite"
)

// kind says what of a suite stays secure before a quantum computer. Each kind has a
// colour.
type kind int

const (
	classic kind = iota
	hybridKEM
	pureKEM
	full
	signatures // post-quantum ones, with a classic KEM
	unknown    // the program does not know the suite
	kinds
)

func (k kind) String() string {
	return [kinds]string{
		"classic", "hybrid post-quantum KEM, classic signatures", "post-quantum KEM alone, classic signatures",
		"post-quantum KEM and signatures", "classic KEM, post-quantum signatures", "not a suite of this program",
	}[k]
}

func (k kind) ink() ink { return ink(fmt.Sprintf("k%d", int(k))) }

// Class returns the class that colours the kind.
func (k kind) Class() string { return string(k.ink()) }

func (k kind) postQuantum() bool { return k == hybridKEM || k == pureKEM || k == full }

// member is a suite of the results, as the page names it.
type member struct {
	Key   string // of its elements in the page
	Name  string // in the registry
	ID    result.Code
	Tag   string // short: its code point
	Short string // KEM and signature, and the AEAD if others have the same
	Kind  kind
	Draft string

	colour ink // of what is no suite
}

// label returns the short name with the code point.
func (m *member) label() string { return m.Short + " (" + m.Tag + ")" }

// Class returns the class that colours the member.
func (m *member) Class() string { return string(m.ink()) }

// Parts returns the parts of the short name, between which a line may break.
func (m *member) Parts() []string {
	parts := strings.SplitAfter(m.Short, " · ")
	for i := range parts {
		parts[i] = strings.TrimSuffix(parts[i], " ")
	}
	return parts
}

func (m *member) ink() ink {
	if m.colour != "" {
		return m.colour
	}
	return m.Kind.ink()
}

// identity is what a suite is known by in several results: a code point alone may stand
// for another suite elsewhere.
type identity struct {
	name string
	id   result.Code
}

// cast is the suites of all files, in the order in which they first appear.
type cast struct {
	members []*member
	by      map[identity]*member
}

func newCast(in Input) *cast {
	c := &cast{by: map[identity]*member{}}
	infos := map[identity]suite.Info{}
	for _, info := range in.Suites {
		infos[identity{info.Name, result.Code(info.ID)}] = info
	}
	parts := map[*member]result.Suite{}
	add := func(s result.Suite) {
		is := identity{s.Name, s.ID}
		if c.by[is] != nil {
			return
		}
		if info, ok := infos[is]; ok && s.AEAD == "" {
			s.AEAD = info.AEAD.Name
		}
		m := &member{Key: fmt.Sprintf("s%d", len(c.members)), Name: s.Name, ID: s.ID, Tag: s.ID.String(), Draft: s.Draft, Kind: unknown}
		if info, ok := infos[is]; ok {
			m.Kind = kindOf(info)
		}
		c.by[is] = m
		c.members = append(c.members, m)
		parts[m] = s
	}
	for _, f := range in.Files {
		for _, s := range f.Results.Suites {
			add(s)
		}
		for _, cell := range f.Results.Cells { // of a suite that the results do not describe
			add(result.Suite{Name: cell.Suite, ID: cell.ID})
		}
	}
	for _, d := range in.Days {
		for _, s := range slices.Concat(d.Suites, d.Beside) {
			add(result.Suite{Name: s.Suite, ID: s.ID, KEM: s.KEM, Signature: s.Signature})
		}
	}
	c.nameShortly(parts)
	return c
}

func kindOf(info suite.Info) kind {
	switch {
	case info.PQConfidentiality() && info.PQAuthentication():
		return full
	case info.PQConfidentiality() && info.KEM.Hybrid():
		return hybridKEM
	case info.PQConfidentiality():
		return pureKEM
	case info.PQAuthentication():
		return signatures
	}
	return classic
}

// nameShortly gives the suites names that are short and differ, whatever they are.
func (c *cast) nameShortly(parts map[*member]result.Suite) {
	forms := []func(result.Suite) string{
		func(s result.Suite) string { return s.KEM + " · " + s.Signature },
		func(s result.Suite) string {
			return s.KEM + " · " + s.Signature + " · " + shortAEAD(s.AEAD)
		},
	}
	for _, m := range c.members {
		m.Short = m.Name
		if s := parts[m]; s.KEM != "" && s.Signature != "" {
			for _, form := range forms {
				m.Short = form(s)
				alike := 0
				for _, other := range c.members {
					if form(parts[other]) == m.Short {
						alike++
					}
				}
				if alike == 1 {
					break
				}
			}
		}
		m.Short = clip(m.Short, 40)
	}
	taken := map[string]int{}
	for _, m := range c.members {
		taken[m.Short]++
	}
	for _, m := range c.members {
		if taken[m.Short] > 1 {
			m.Short = clip(m.Short, 30) + " " + m.Tag
		}
	}
}

// clip shortens text to a number of characters.
func clip(text string, most int) string {
	if letters := []rune(text); len(letters) > most {
		return string(letters[:most-1]) + "…"
	}
	return text
}

func shortAEAD(name string) string {
	if rest, ok := strings.CutPrefix(name, "AES-"); ok {
		return "AES" + strings.TrimSuffix(rest, "-GCM")
	}
	return strings.TrimSuffix(name, "-Poly1305")
}

// legend returns the suites by kind, without the kinds that have none.
func (c *cast) legend() []legendRow {
	var all []legendRow
	for k := range kinds {
		row := legendRow{Kind: k}
		for _, m := range c.members {
			if m.Kind == k {
				row.Members = append(row.Members, m)
			}
		}
		if len(row.Members) > 0 {
			all = append(all, row)
		}
	}
	return all
}

type legendRow struct {
	Kind    kind
	Members []*member
}

// group is the cells of one operation in groups of one size and tree, as a rank list.
type group struct {
	op, tree string
	size     int
	cells    []*result.Cell
}

// groups returns the cells of results by operation and tree as they come, and by size in
// ascending order. Of two cells of the same suite it takes the first.
func groups(r *result.Results) []group {
	var all []group
	for i := range r.Cells {
		cell := &r.Cells[i]
		at := slices.IndexFunc(all, func(g group) bool {
			return g.op == cell.Op && g.tree == cell.Tree && g.size == cell.GroupSize
		})
		if at < 0 {
			at = len(all)
			all = append(all, group{op: cell.Op, tree: cell.Tree, size: cell.GroupSize})
		}
		if !slices.ContainsFunc(all[at].cells, func(other *result.Cell) bool { return identityOf(other) == identityOf(cell) }) {
			all[at].cells = append(all[at].cells, cell)
		}
	}
	first := func(g group) (op, tree int) {
		op = slices.IndexFunc(all, func(o group) bool { return o.op == g.op })
		tree = slices.IndexFunc(all, func(o group) bool { return o.tree == g.tree })
		return op, tree
	}
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(g, h group) int {
		gOp, gTree := first(g)
		hOp, hTree := first(h)
		if gTree != hTree {
			return gTree - hTree
		}
		if gOp != hOp {
			return gOp - hOp
		}
		return g.size - h.size
	})
	return sorted
}

func identityOf(c *result.Cell) identity { return identity{c.Suite, c.ID} }

// measured reports whether the cell has a time. Of some operations a run counts the bytes
// alone.
func measured(c *result.Cell) bool { return c.CPU.Value > 0 }

// timed returns the groups without what has no time.
func timed(all []group) []group {
	var out []group
	for _, g := range all {
		g.cells = slices.DeleteFunc(slices.Clone(g.cells), func(c *result.Cell) bool { return !measured(c) })
		if len(g.cells) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// ranked returns the cells that are resolved and have a rank, the cheapest first.
func (g group) ranked() []*result.Cell {
	var all []*result.Cell
	for _, c := range g.cells {
		if rank(c) > 0 {
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b *result.Cell) int {
		if a.Rank != b.Rank {
			return a.Rank - b.Rank
		}
		return compare(a.CPU.Value, b.CPU.Value)
	})
	return all
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// rank returns the rank of a cell, or 0 if it is not resolved, whatever the results say.
func rank(c *result.Cell) int {
	if !c.Resolved || !valid(c.CPU) {
		return 0
	}
	return c.Rank
}
