package policy

import (
	"slices"

	"github.com/mlsuite/mlsuite/suite"
)

// calendar finds days on which several rules allow the same thing.
type calendar struct {
	rules []*rule
	// first and last are the values of parameters with which times are the longest: as
	// first day, and as last day.
	first, last settings
	switches    []parameterKey // that are not set for good
}

// maxSwitches is the largest number of switches that are tried in all positions. With
// more switches, rules count as compatible.
const maxSwitches = 8

func newCalendar(profiles []*profile, rules []*rule) *calendar {
	c := &calendar{rules: rules}
	var fixed map[parameterKey]bool
	c.first, fixed = initialSettings(profiles)
	c.last, _ = initialSettings(profiles)
	for _, p := range profiles {
		for _, declared := range p.parameters {
			if key := (parameterKey{p.name, declared.name}); declared.kind == DateParameter && !fixed[key] {
				c.first[key], c.last[key] = value{}, value{date: declared.latest}
			}
		}
	}
	for _, r := range rules {
		for _, a := range r.allow {
			for _, s := range []reference{a.with, a.without} {
				if s.used() && !fixed[s.key] && !slices.Contains(c.switches, s.key) {
					c.switches = append(c.switches, s.key)
				}
			}
		}
	}
	return c
}

// positions returns the number of positions of the switches that are tried.
func (c *calendar) positions() int { return 1 << min(len(c.switches), maxSwitches) }

// meet reports whether all rules allow f on some day in some position of the switches, or
// the work is used up.
func (c *calendar) meet(f *facts, w *work) bool {
	if len(c.switches) > maxSwitches {
		w.giveUp()
		return true
	}
	for position := range c.positions() {
		for i, key := range c.switches {
			c.first[key] = value{on: position>>i&1 == 1}
		}
		if c.meetNow(f, w) {
			return true
		}
	}
	return false
}

// meetNow is meet with the switches in the positions of first. If there is such a day, a
// time of a rule begins with one, or the first of all days is one.
func (c *calendar) meetNow(f *facts, w *work) bool {
	days := []Date{{1}}
	var all [][]span
	times := 0
	for _, r := range c.rules {
		if !w.do(r.size()) {
			return true
		}
		if !r.appliesWhoever(f) {
			continue
		}
		var spans []span
		for i := range r.allow {
			a := &r.allow[i]
			if !a.switchedOn(c.first) || !a.holdsWhoever(f) {
				continue
			}
			s := span{a.from.day(c.first), a.until.day(c.last)}
			spans = append(spans, s)
			if !s.from.IsZero() {
				days = append(days, s.from)
			}
		}
		all = append(all, spans)
		times += len(spans)
	}
	slices.SortFunc(days, Date.Compare)
	days = slices.Compact(days)
	if !w.do(len(days) * times) {
		return true
	}
	return slices.ContainsFunc(days, func(d Date) bool {
		return !slices.ContainsFunc(all, func(spans []span) bool {
			return !slices.ContainsFunc(spans, func(s span) bool { return s.contains(d) })
		})
	})
}

// demandsNothing reports whether the rule allows everything that it is about on every
// day, whatever its parameters are. If the work is used up, it reports false.
func (v *vocabulary) demandsNothing(r *rule, work *work) bool {
	conditions := slices.Clone(r.when)
	for _, a := range r.allow {
		conditions = append(conditions, a.conditions...)
	}
	asked := func(part string) bool { return len(ofParts(conditions, []string{part})) > 0 }
	size := r.size()
	for w := range v.worlds(r.about, conditions) {
		free := slices.DeleteFunc(slices.Clone(w.free), func(part string) bool { return !asked(part) })
		values := make([][]func(*facts), len(free))
		for i, part := range free {
			values[i] = append(v.samples(part, conditions), unknowns(part)...)
		}
		var refused func(f facts, depth int) bool // something of the family
		refused = func(f facts, depth int) bool {
			if !work.do(size) {
				return true // as far as anybody knows
			}
			// If the chosen parts allow it, the other parts do not matter.
			chosen := slices.Concat(w.fixed, free[:depth])
			if r.alwaysAllows(&f, chosen) {
				return false
			}
			if depth == len(free) {
				return holdAll(r.when, &f, nil)
			}
			for _, set := range values[depth] {
				next := f
				set(&next)
				if refused(next, depth+1) {
					return true
				}
			}
			return false
		}
		if refused(w.base, 0) {
			return false
		}
	}
	return true
}

// alwaysAllows reports whether the rule allows f on every day, whatever its parameters
// are. It looks only at alternatives that ask for no parameter, and for no other parts of
// f than parts.
func (r *rule) alwaysAllows(f *facts, parts []string) bool {
	other := func(c condition) bool { return c.in.used() || !slices.Contains(parts, c.fact.part) }
	var spans []span
	for i := range r.allow {
		a := &r.allow[i]
		if a.with.used() || a.without.used() || a.from.parameter.used() || a.until.parameter.used() || len(a.given) > 0 ||
			slices.ContainsFunc(a.conditions, other) || !holdAll(a.conditions, f, settings{}) {
			continue
		}
		spans = append(spans, span{a.from.date, a.until.date})
	}
	last, ok := reach(spans, Date{1})
	return ok && last.IsZero()
}

// unknowns returns values of a part that no vocabulary has: a list of all known
// algorithms still demands something.
func unknowns(part string) []func(*facts) {
	const other = "another"
	if leg, part, ok := legPart(part); ok {
		return inLeg(leg, unknowns(part))
	}
	switch part {
	case "kem":
		return []func(*facts){
			func(f *facts) { f.setKEM(suite.KEMInfo{Classical: other}) },
			func(f *facts) { f.setKEM(suite.KEMInfo{PostQuantum: other}) },
			func(f *facts) { f.setKEM(suite.KEMInfo{Classical: other, PostQuantum: other}) },
		}
	case "kem-kdf":
		return []func(*facts){func(f *facts) { f.suite.KEM.KDF = other }}
	case "kem-combiner":
		return []func(*facts){func(f *facts) { f.suite.KEM.Combiner = other }}
	case "signature":
		return []func(*facts){
			func(f *facts) { f.setSignature(suite.SignatureInfo{Classical: other}) },
			func(f *facts) { f.setSignature(suite.SignatureInfo{PostQuantum: other}) },
			func(f *facts) { f.setSignature(suite.SignatureInfo{Classical: other, PostQuantum: other}) },
		}
	case "signature-hash":
		return []func(*facts){func(f *facts) { f.suite.Signature.Hash = other }}
	case "aead":
		return []func(*facts){func(f *facts) { f.suite.AEAD = suite.AEADInfo{Name: other} }}
	case "hash":
		return []func(*facts){func(f *facts) {
			f.suite.Hash, f.suite.KDF = suite.HashInfo{Name: other}, suite.KDFInfo{Name: other}
		}}
	case "cert-key":
		return []func(*facts){func(f *facts) { f.cert.Key, f.cert.KeyBits = other, 0 }}
	case "cert-signature":
		return []func(*facts){func(f *facts) { f.cert.Signature = other }}
	case "cert-hash":
		return []func(*facts){func(f *facts) { f.cert.Hash = other }}
	case "mode":
		return []func(*facts){func(f *facts) { f.mode = uint8(len(modes)) }}
	case "view":
		return []func(*facts){func(f *facts) { f.member.View = other }}
	case "token-name":
		return []func(*facts){func(f *facts) { f.token.Name = other }}
	case "token-certificate":
		return []func(*facts){func(f *facts) { f.token.Certificate = other }}
	}
	return nil
}
