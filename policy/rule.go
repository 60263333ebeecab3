package policy

import (
	"slices"
	"strings"
)

// Rule is one rule of a profile.
type Rule struct {
	Profile   string // the profile that has the rule
	ID        string
	Source    Source
	Force     Force
	Certainty Certainty
	Wanted    string // what satisfies it, in words

	// Otherwise is what the source says of the rest: "prohibited", "not recommended" or
	// "not listed", or "" if the profile does not say.
	Otherwise string

	// About is what the rule judges: "cipher suite", "credential", "key package
	// lifetime", "pre-shared key", "wire format", "certificate", "sender", "token", "pair of
	// groups" or "member".
	About string

	// When says what the rule applies to, in the words of the profile. "" means
	// everything that it is about.
	When string

	// Allow lists the ways to satisfy the rule, in the words of the profile. One of them
	// is enough.
	Allow []string

	// Legs says of which groups of a pair a rule about cipher suites is asked.
	Legs Legs
}

// rule is a Rule in the form in which it is judged.
type rule struct {
	Rule
	at    Position
	about subject
	when  []condition
	allow []alternative
}

// alternative is one of the ways to satisfy a rule: its conditions, the days from which
// and until which they satisfy it, and the parameters on which that depends.
type alternative struct {
	at          Position
	conditions  []condition
	from, until bound
	with        reference // a switch that has to be on
	without     reference // a switch that has to be off
	given       []given
}

// given is a condition on a parameter that holds a date: its first and its last value,
// both included. Zero is no bound.
type given struct {
	parameter reference
	span
}

func (g *given) holds(s settings) bool { return g.contains(s[g.parameter.key].date) }

// bound is an end of a time: a date, or a parameter that holds one.
type bound struct {
	date      Date
	parameter reference
}

// reference is the use of a parameter by name. The library resolves the name to the
// profile that declares it.
type reference struct {
	name string
	at   Position
	key  parameterKey
}

func (r reference) used() bool { return r.name != "" }

// parameterKey is a parameter and the profile that declares it.
type parameterKey struct{ profile, name string }

func (k parameterKey) String() string { return k.profile + ":" + k.name }

// settings are the values of parameters.
type settings map[parameterKey]value

func (b bound) day(s settings) Date {
	if b.parameter.used() {
		return s[b.parameter.key].date
	}
	return b.date
}

func (a *alternative) enabled(s settings) bool { return a.switchedOn(s) && a.isGiven(s) }

func (a *alternative) switchedOn(s settings) bool {
	return (!a.with.used() || s[a.with.key].on) && (!a.without.used() || !s[a.without.key].on)
}

func (a *alternative) isGiven(s settings) bool {
	for i := range a.given {
		if !a.given[i].holds(s) {
			return false
		}
	}
	return true
}

// applies reports whether the rule is about f. Every rule on suites is about a suite that
// does not say what it is made of, and no rule allows it; so is every rule on pairs about a pair
// with such a suite.
func (r *rule) applies(f *facts) bool { return r.undeclared(f) || holdAll(r.when, f, nil) }

func (r *rule) undeclared(f *facts) bool {
	switch r.about {
	case aboutSuite:
		return f.undeclared()
	case aboutPair:
		return f.legs[0].undeclared() || f.legs[1].undeclared()
	}
	return false
}

// allows reports whether the rule allows f on a day, and returns the last day of the
// unbroken time in which it does, or zero if that has no end.
func (r *rule) allows(f *facts, s settings, day Date) (last Date, ok bool) {
	if !r.applies(f) {
		return Date{}, true
	}
	var room [8]span
	return reach(r.spans(room[:0], f, s), day)
}

// spans appends the times at which the rule allows f.
func (r *rule) spans(dst []span, f *facts, s settings) []span {
	if r.undeclared(f) {
		return dst
	}
	for i := range r.allow {
		if a := &r.allow[i]; a.enabled(s) && holdAll(a.conditions, f, s) {
			dst = append(dst, span{a.from.day(s), a.until.day(s)})
		}
	}
	return dst
}

// way returns the alternative by which the rule allows f on a day: of several the one that
// lasts the longest, and the first of these. It returns nil if there is none.
func (r *rule) way(f *facts, s settings, day Date) *alternative {
	var best *alternative
	if r.undeclared(f) {
		return nil
	}
	for i := range r.allow {
		a := &r.allow[i]
		times := span{a.from.day(s), a.until.day(s)}
		if !a.enabled(s) || !times.contains(day) || !holdAll(a.conditions, f, s) {
			continue
		}
		if best == nil || times.endsAfter(best.until.day(s)) {
			best = a
		}
	}
	return best
}

// switches appends the switches that are off and whose alternative f satisfies otherwise.
func (r *rule) switches(dst []parameterKey, f *facts, s settings) []parameterKey {
	if r.undeclared(f) {
		return dst
	}
	for i := range r.allow {
		a := &r.allow[i]
		if a.with.used() && !s[a.with.key].on && !slices.Contains(dst, a.with.key) && a.isGiven(s) && holdAll(a.conditions, f, s) {
			dst = append(dst, a.with.key)
		}
	}
	return dst
}

// found says what the rule looked at, part by part.
func (r *rule) found(f *facts) string {
	return r.foundIn(r.allow, f)
}

// foundBy says what the alternative looked at by which the rule allows f.
func (r *rule) foundBy(a *alternative, f *facts) string {
	if len(a.conditions) == 0 {
		return r.found(f)
	}
	return r.foundIn([]alternative{*a}, f)
}

func (r *rule) foundIn(allow []alternative, f *facts) string {
	var parts []string
	if r.undeclared(f) {
		parts = append(parts, "a KEM or a signature scheme that declares no part")
	}
	add := func(conditions []condition) {
		for i := range conditions {
			if text := conditions[i].found(f); !slices.Contains(parts, text) {
				parts = append(parts, text)
			}
		}
	}
	for i := range allow {
		add(allow[i].conditions)
	}
	if len(parts) == 0 {
		add(r.when)
	}
	if len(parts) == 0 {
		return "any " + string(r.about)
	}
	return strings.Join(parts, ", ")
}

// notGiven says which parameters keep an alternative from allowing f, such as ", acquired
// 2027-01-01".
func (r *rule) notGiven(f *facts, s settings) string {
	text := ""
	for i := range r.allow {
		a := &r.allow[i]
		if !a.switchedOn(s) || !holdAll(a.conditions, f, s) {
			continue
		}
		for j := range a.given {
			if g := &a.given[j]; !g.holds(s) {
				text += ", " + g.parameter.name + " " + s[g.parameter.key].date.String()
			}
		}
	}
	return text
}

func conditionsText(conditions []condition) string {
	parts := make([]string, len(conditions))
	for i := range conditions {
		parts[i] = conditions[i].String()
	}
	return strings.Join(parts, ", ")
}

// String returns the alternative as it reads in a profile.
func (a *alternative) String() string { return a.text(nil) }

// text is String with the values of the dates that are parameters, if s is not nil.
func (a *alternative) text(s settings) string {
	value := func(r reference) string {
		if s == nil {
			return r.name
		}
		return r.name + " (" + s[r.key].date.String() + ")"
	}
	var parts []string
	if len(a.conditions) > 0 {
		parts = append(parts, conditionsText(a.conditions))
	} else {
		parts = append(parts, "everything")
	}
	for _, b := range []struct {
		key string
		bound
	}{{"from", a.from}, {"until", a.until}} {
		switch {
		case b.parameter.used():
			parts = append(parts, b.key+": "+value(b.parameter))
		case !b.date.IsZero():
			parts = append(parts, b.key+": "+b.date.String())
		}
	}
	if a.with.used() {
		parts = append(parts, "with: "+a.with.name)
	}
	if a.without.used() {
		parts = append(parts, "without: "+a.without.name)
	}
	for i := range a.given {
		g := &a.given[i]
		parts = append(parts, "given: {"+value(g.parameter)+": "+rangeOf(g.from.String(), g.until.String())+"}")
	}
	return strings.Join(parts, "; ")
}
