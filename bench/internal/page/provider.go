package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlsuite/mlsuite/bench/result"
)

// publicKeyPrimitives are the primitives whose providers the charts compare, by their names
// in results, and whether the KEM or the signature scheme has them.
func publicKeyPrimitives() []struct {
	name string
	kem  bool
} {
	return []struct {
		name string
		kem  bool
	}{{"DeriveKey", true}, {"Seal", true}, {"Open", true}, {"Sign", false}, {"Verify", false}}
}

// providers returns the section on other providers of the primitives: a chart for each set,
// and a table of all.
func (p pictures) providers(r *result.Results) section {
	s := section{
		ID: p.prefix + "providers", Name: "Providers side by side",
		About: "What primitives with public keys cost from another set of providers, in proportion to those that the suites use, paired within each round, with the 95 % interval. Left of 1, the dashed line, the other set is faster. A primitive that several suites share is shown once.",
	}
	sets := answer{Head: "The sets"}
	table := p.prefix + "providers-table"
	for i, set := range r.ProviderSets {
		said := fmt.Sprintf("%s: %s.", set.Name, strings.TrimSuffix(set.About, "."))
		if set.Missing != "" {
			said += " Nothing was measured of it: " + set.Missing + "."
		}
		sets.Sentences = append(sets.Sentences, said)
		if all := p.ratiosOf(r, set.Name); len(all) > 0 {
			title := fmt.Sprintf("Prices of %s by those of the suites", set.Name)
			s.add(bars(fmt.Sprintf("%s-%d", s.ID, i), title, title, table, all, axis{tick: plain, log: true, from: 1, label: "x the suite's own"}))
		}
	}
	if len(s.Charts) > 0 {
		s.Answers = []answer{sets}
		s.Tables = append(s.Tables, p.cast.providerTable(table, r))
	}
	return s
}

// ratiosOf returns a series for each primitive of an algorithm that a set provides otherwise.
func (p pictures) ratiosOf(r *result.Results, set string) []series {
	var all []series
	seen := map[string]bool{}
	for i, primitive := range publicKeyPrimitives() {
		for _, s := range r.Suites {
			at := slices.IndexFunc(s.Alternatives, func(a result.Alternative) bool { return a.Set == set })
			if at < 0 {
				continue
			}
			ratio, ok := s.Alternatives[at].Ratios[primitive.name]
			algorithm := s.Signature
			if primitive.kem {
				algorithm = s.KEM
			}
			name := primitive.name + " · " + algorithm
			if !ok || seen[name] {
				continue
			}
			seen[name] = true
			says := fmt.Sprintf("%s: %s times (%s)", name, times(ratio.Value), between(ratio))
			all = append(all, series{member: role(name, name, i), points: []point{{y: ratio, resolved: valid(ratio), title: says}}})
		}
	}
	return all
}

// providerTable is a table of the primitives that other sets provide otherwise.
func (c *cast) providerTable(id string, r *result.Results) table {
	t := table{ID: id, Caption: "Primitives by provider", First: "Suite", Filter: "Set", Codes: true, Columns: []column{
		{"Primitive", "", false}, {"Ratio", "the set's price by the suite's own", true}, {"From", "the lower end of its 95 % interval", true}, {"To", "the upper end", true},
		{"Own", "price of the suite's own", true}, {"Other", "price of the set's", true}, {"Fastest", "the set that is certainly the fastest", false},
	}}
	for _, s := range r.Suites {
		m := c.by[identity{s.Name, s.ID}]
		for _, a := range s.Alternatives {
			if !slices.Contains(t.Sizes, a.Set) {
				t.Sizes = append(t.Sizes, a.Set)
			}
			for _, primitive := range sortedKeys(a.Ratios) {
				ratio := a.Ratios[primitive]
				cells := []entry{{Text: primitive}, figure(times(ratio.Value), ratio.Value), missing(), missing(), span(s.Prices[primitive]), span(a.Prices[primitive]), {Text: s.Fastest[primitive]}}
				if valid(ratio) {
					cells[2], cells[3] = figure(times(ratio.Low), ratio.Low), figure(times(ratio.High), ratio.High)
				}
				t.Rows = append(t.Rows, row{Member: m, Size: a.Set, Cells: cells})
			}
		}
	}
	return t
}

func sortedKeys(m map[string]result.Figure) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
