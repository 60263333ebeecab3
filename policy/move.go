package policy

import (
	"slices"
	"strings"
	"sync"

	"github.com/mlsuite/mlsuite/suite"
)

// Downgrade is the error of a move to a weaker suite that no profile allows by name.
type Downgrade struct {
	*Refusal
	Weaker []Weakness
}

// Unwrap returns the refusal.
func (d *Downgrade) Unwrap() error { return d.Refusal }

// judgeMove judges a group that takes the place of another.
func (p *Policy) judgeMove(m suite.Move, q suite.Question) error {
	at := momentOf(q.Time)
	target := q
	target.Subject = m.To
	if refusal := p.refuse(aboutSuite, p.of(m.To), target); refusal != nil {
		return refusal
	}
	if q.Use != suite.Start {
		at = p.announced(m.To, at)
	}
	weaker := Weaker(m.From, m.To)
	documented := sync.OnceValue(func() []suite.Info { return p.documented(at) })
	if p.mayWeaken(m.From, m.To, weaker, at, documented) {
		return nil
	}
	found := make([]string, len(weaker))
	for i, w := range weaker {
		found[i] = w.String()
	}
	return &Downgrade{
		Refusal: &Refusal{
			Policy: p.Name(), Rule: "downgrade", Force: string(Mapping),
			Source: "mlsuite, policy/FORMAT.md, Moves",
			Found:  strings.Join(found, ", "), Wanted: "a suite as strong as " + m.From.Name + " in all, or a move that the profile allows by name",
			Suite: m.To.ID, Name: m.To.Name, Use: q.Use, At: q.Time, Instead: p.ways(m.From, at, documented),
		},
		Weaker: weaker,
	}
}

// announced returns the last day, until the given time, on which a group of the suite
// could begin, or the given time if there is none. A group that follows a ReInit is judged
// as the ReInit was.
func (p *Policy) announced(info suite.Info, at moment) moment {
	f := p.of(info)
	if _, ok := p.allows(aboutSuite, f, at); ok {
		return at
	}
	if last := p.lastAllowed(aboutSuite, f, at); !last.IsZero() {
		return moment{day: last}
	}
	return at
}

// mayWeaken reports whether a move to an allowed suite may lose what weaker says, given
// what [Policy.documented] returns.
func (p *Policy) mayWeaken(from, to suite.Info, weaker []Weakness, at moment, documented func() []suite.Info) bool {
	if len(weaker) == 0 || p.movesByName(from.Name, to.Name) {
		return true
	}
	if _, ok := p.allows(aboutSuite, p.of(from), at); ok {
		return false
	}
	return !slices.ContainsFunc(documented(), func(other suite.Info) bool {
		return lessWeak(Weaker(from, other), weaker)
	})
}

// lessWeak reports whether b has all properties of a, and more.
func lessWeak(a, b []Weakness) bool {
	return len(a) < len(b) && !slices.ContainsFunc(a, func(w Weakness) bool {
		return !slices.ContainsFunc(b, func(o Weakness) bool { return o.Property == w.Property })
	})
}

// movesByName reports whether a profile allows a move by name. Profiles that say nothing
// of the move do not object: the suite itself has to satisfy all of them.
func (p *Policy) movesByName(from, to string) bool {
	return slices.ContainsFunc(p.parts, func(one part) bool {
		return slices.ContainsFunc(one.moves, func(m Move) bool { return m.From == from && m.To == to })
	})
}

// documented returns the suites of RFC 9420 and of the draft that the policy allows on a
// day, whoever provides them. It returns none if the provider matters to the policy.
func (p *Policy) documented(at moment) []suite.Info {
	var all []suite.Info
	for _, k := range knownSuites() {
		if _, ok := p.allows(aboutSuite, p.of(k.info), at); ok {
			all = append(all, k.info)
		}
	}
	return all
}

// ways returns the suites to which a group may move, its own suite included, or nil if
// that is not known. Suites of the draft have no code point here.
func (p *Policy) ways(from suite.Info, at moment, documented func() []suite.Info) []Choice {
	var all []Choice
	for _, to := range documented() {
		if p.mayWeaken(from, to, Weaker(from, to), at, documented) {
			all = append(all, Choice{to.ID, to.Name})
		}
	}
	return all
}
