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

	// About is what the rule judges: "cipher suite", "credential", "key package
	// lifetime", "pre-shared key" or "wire format".
	About string

	// When says what the rule applies to, in the words of the profile. "" means
	// everything that it is about.
	When string

	// Allow lists the ways to satisfy the rule, in the words of the profile. One of them
	// is enough.
	Allow []string
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
// and until which they satisfy it, and the switches on which that depends.
type alternative struct {
	at          Position
	conditions  []condition
	from, until bound
	with        reference // a switch that has to be on
	without     reference // a switch that has to be off
}

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

// value is what a parameter holds: whether a switch is on, or a date.
type value struct {
	on   bool
	date Date
}

func (b bound) day(s settings) Date {
	if b.parameter.used() {
		return s[b.parameter.key].date
	}
	return b.date
}

func (a *alternative) enabled(s settings) bool {
	return (!a.with.used() || s[a.with.key].on) && (!a.without.used() || !s[a.without.key].on)
}

// applies reports whether the rule is about f. Every rule on suites is about a suite that
// does not say what it is made of, and no rule allows it.
func (r *rule) applies(f *facts) bool { return r.undeclared(f) || holdAll(r.when, f) }

func (r *rule) undeclared(f *facts) bool { return r.about == aboutSuite && f.undeclared() }

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
		if a := &r.allow[i]; a.enabled(s) && holdAll(a.conditions, f) {
			dst = append(dst, span{a.from.day(s), a.until.day(s)})
		}
	}
	return dst
}

// switches appends the switches that are off and whose alternative f satisfies otherwise.
func (r *rule) switches(dst []parameterKey, f *facts, s settings) []parameterKey {
	if r.undeclared(f) {
		return dst
	}
	for i := range r.allow {
		a := &r.allow[i]
		if a.with.used() && !s[a.with.key].on && !slices.Contains(dst, a.with.key) && holdAll(a.conditions, f) {
			dst = append(dst, a.with.key)
		}
	}
	return dst
}

// found says what the rule looked at, part by part.
func (r *rule) found(f *facts) string {
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
	for i := range r.allow {
		add(r.allow[i].conditions)
	}
	if len(parts) == 0 {
		add(r.when)
	}
	return strings.Join(parts, ", ")
}

func conditionsText(conditions []condition) string {
	parts := make([]string, len(conditions))
	for i := range conditions {
		parts[i] = conditions[i].String()
	}
	return strings.Join(parts, ", ")
}

// String returns the alternative as it reads in a profile.
func (a *alternative) String() string {
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
			parts = append(parts, b.key+": "+b.parameter.name)
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
	return strings.Join(parts, "; ")
}
