package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// Downgrade is the error of a move to a weaker suite that no profile allows by name.
type Downgrade struct {
	*registry.Refusal
	Weaker []Weakness
}

// Unwrap returns the refusal.
func (d *Downgrade) Unwrap() error { return d.Refusal }

// Move judges the step of a group from one suite to another, by ReInit, follow-up
// group or branch. The target has to be allowed for the use, and may not be weaker
// than the suite that the group comes from, with two exceptions:
//
//   - a profile of the policy allows the move by name;
//   - the policy denies the suite that the group comes from, and no suite that it
//     allows, of RFC 9420 and the draft, is weaker in less. So nobody is kept in a
//     suite that is denied, and nobody leaves it for less than there has to be lost.
//
// A use of what has begun already is judged as of the last day on which it could begin.
// It returns a [*registry.Refusal] or a [*Downgrade].
func (p *Policy) Move(from, to suite.Info, use suite.Use, now time.Time) error {
	if refusal := p.Refuse(to, use, now); refusal != nil {
		return refusal
	}
	day := DateOf(now)
	if use != suite.Start {
		day = p.announced(to, day)
	}
	weaker := Weaker(from, to)
	if p.mayWeaken(from, to, weaker, day) {
		return nil
	}
	found := make([]string, len(weaker))
	for i, w := range weaker {
		found[i] = w.String()
	}
	return &Downgrade{
		Refusal: &registry.Refusal{
			Policy: p.Name(), Rule: "downgrade", Force: string(Mapping),
			Source: "mlsuite, policy/FORMAT.md, Moves",
			Found:  strings.Join(found, ", "), Wanted: "a suite as strong as " + from.Name + " in all, or a move that the profile allows by name",
			Suite: to.ID, Name: to.Name, Use: use, At: now, Instead: p.ways(from, day),
		},
		Weaker: weaker,
	}
}

// announced returns the last day, until a given one, on which a group of the suite could
// begin: what follows a ReInit is judged as the ReInit was. It is the given one if there
// is none.
func (p *Policy) announced(info suite.Info, day Date) Date {
	f := p.of(info)
	if _, ok := p.allows(aboutSuite, f, day); ok {
		return day
	}
	if last := p.lastAllowed(f, day); !last.IsZero() {
		return last
	}
	return day
}

// mayWeaken reports whether a move to a suite that is allowed may lose what weaker says.
func (p *Policy) mayWeaken(from, to suite.Info, weaker []Weakness, day Date) bool {
	if len(weaker) == 0 || p.movesByName(from.Name, to.Name) {
		return true
	}
	if _, ok := p.allows(aboutSuite, p.of(from), day); ok {
		return false
	}
	return !slices.ContainsFunc(p.documented(day), func(other suite.Info) bool {
		return lessWeak(Weaker(from, other), weaker)
	})
}

// lessWeak reports whether all properties of a, and not only these, are in b.
func lessWeak(a, b []Weakness) bool {
	return len(a) < len(b) && !slices.ContainsFunc(a, func(w Weakness) bool {
		return !slices.ContainsFunc(b, func(o Weakness) bool { return o.Property == w.Property })
	})
}

// movesByName reports whether a profile allows a move by name. Those that say nothing
// of it do not mind: the suite itself has to satisfy them all.
func (p *Policy) movesByName(from, to string) bool {
	return slices.ContainsFunc(p.parts, func(one part) bool {
		return slices.ContainsFunc(one.moves, func(m Move) bool { return m.From == from && m.To == to })
	})
}

// documented returns the suites of RFC 9420 and of the draft that the policy allows on
// a day, whoever provides them; none if that matters to the policy.
func (p *Policy) documented(day Date) []suite.Info {
	var all []suite.Info
	for _, k := range knownSuites() {
		info := describe(k.Definition)
		if _, ok := p.allows(aboutSuite, p.of(info), day); ok {
			all = append(all, info)
		}
	}
	return all
}

// ways returns where a group may move, its own suite included; nil if that is not known.
// Suites of the draft have no code point here.
func (p *Policy) ways(from suite.Info, day Date) []registry.Choice {
	var all []registry.Choice
	for _, to := range p.documented(day) {
		if p.mayWeaken(from, to, Weaker(from, to), day) {
			all = append(all, registry.Choice{ID: to.ID, Name: to.Name})
		}
	}
	return all
}
