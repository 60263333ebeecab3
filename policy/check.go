package policy

import (
	"slices"
	"strings"
)

// check refuses rules that nothing could satisfy. It looks at every kind of suite
// that the vocabulary can describe, whether or not anybody has built it.
func check(l *Library, p *profile, wrong *problems) {
	before := len(wrong.found)
	for i := range p.rules {
		checkRule(&p.rules[i], wrong)
	}
	for _, n := range p.notes {
		for _, when := range n.when {
			if !satisfiable(aboutSuite, when) {
				wrong.add(n.at, "no cipher suite of any kind is as when says")
			}
		}
	}
	for _, s := range p.sources {
		if !s.cited {
			wrong.add(s.at, "no rule comes from this source")
		}
	}
	for _, m := range p.moves {
		for _, name := range []string{m.From, m.To} {
			if !slices.Contains(suiteNames(), name) {
				wrong.add(m.at, "unknown suite %q; known: %s", name, strings.Join(suiteNames(), ", "))
			}
		}
	}
	if len(wrong.found) > before {
		return
	}
	closure := l.closure(p)
	for _, about := range []subject{aboutSuite, aboutCredential, aboutLifetime, aboutPSK, aboutWireFormat} {
		switch ok, apart := possible(about, closure); {
		case ok:
		case apart:
			wrong.add(p.rulesAt, "the rules contradict each other: no %s of any kind satisfies them all on one day under the same parameters", about)
		default:
			wrong.add(p.rulesAt, "the rules contradict each other: no %s of any kind satisfies them all", about)
		}
	}
}

func checkRule(r *rule, wrong *problems) {
	if !satisfiable(r.about, r.when) {
		wrong.add(r.at, "no %s of any kind is as when says", r.about)
		return
	}
	for i := range r.allow {
		a := &r.allow[i]
		if !satisfiable(r.about, slices.Concat(r.when, a.conditions)) {
			wrong.add(a.at, "no %s of any kind satisfies it", r.about)
		}
		if a.unconditional() {
			wrong.add(a.at, "it allows everything, so the rule demands nothing")
			return
		}
	}
	if r.demandsNothing() {
		wrong.add(r.at, "together its ways allow everything, so the rule demands nothing")
	}
}

func (a *alternative) unconditional() bool {
	return len(a.conditions) == 0 && a.from == bound{} && a.until == bound{} && !a.with.used() && !a.without.used()
}

// satisfiable reports whether anything is as conditions say, all together.
func satisfiable(about subject, conditions []condition) bool {
	for w := range worlds(about, conditions) {
		if w.has(conditions) {
			return true
		}
	}
	return false
}

// has reports whether something of the family is as conditions say.
func (w *world) has(conditions []condition) bool {
	if !holdAll(ofParts(conditions, w.fixed), &w.base) {
		return false
	}
	for _, part := range w.free {
		same := ofParts(conditions, []string{part})
		if len(same) > 0 && !slices.ContainsFunc(samples(part, conditions), func(set func(*facts)) bool {
			f := w.base
			set(&f)
			return holdAll(same, &f)
		}) {
			return false
		}
	}
	return true
}

// maxTries bounds the search of possible. Beyond it a policy counts as possible.
const maxTries = 200_000

// possible reports whether anything satisfies all rules of profiles on a subject, on one
// day and with some values of their parameters; and if not, whether something does that
// satisfies each on some day with some values. Who provides a primitive is left out: that
// depends on the program.
func possible(about subject, profiles []*profile) (ok, apart bool) {
	var rules []*rule
	var conditions []condition
	for _, p := range profiles {
		for i := range p.rules {
			if r := &p.rules[i]; r.about == about && r.Certainty != Unverified {
				rules = append(rules, r)
				conditions = append(conditions, r.when...)
				for _, a := range r.allow {
					conditions = append(conditions, a.conditions...)
				}
			}
		}
	}
	calendar := newCalendar(profiles, rules)
	tries := 0
	for w := range worlds(about, conditions) {
		w.free = slices.DeleteFunc(slices.Clone(w.free), isProvision)
		var choose func(f facts, free []string) bool
		choose = func(f facts, free []string) bool {
			if len(free) == 0 {
				tries++
				if tries > maxTries {
					return true
				}
				if slices.ContainsFunc(rules, func(r *rule) bool { return !r.everAllows(&f) }) {
					return false
				}
				apart = true
				tries += calendar.cost()
				return calendar.meet(&f)
			}
			for _, set := range samples(free[0], conditions) {
				next := f
				set(&next)
				// A rule on this part alone that fails here fails whatever the others are.
				if slices.ContainsFunc(rules, func(r *rule) bool { return r.only(free[0]) && !r.everAllows(&next) }) {
					continue
				}
				if choose(next, free[1:]) {
					return true
				}
			}
			return false
		}
		if choose(w.base, w.free) {
			return true, false
		}
	}
	return false, apart
}

// everAllows reports whether the rule allows f on some day with some values of the
// parameters, whoever provides it.
func (r *rule) everAllows(f *facts) bool {
	when := withoutProvision(r.when)
	if len(when) < len(r.when) || !holdAll(when, f) {
		return true
	}
	return slices.ContainsFunc(r.allow, func(a alternative) bool { return holdAll(withoutProvision(a.conditions), f) })
}

// only reports whether the rule asks for one part and no other.
func (r *rule) only(part string) bool {
	other := func(c condition) bool { return c.fact.part != part }
	return !slices.ContainsFunc(r.when, other) &&
		!slices.ContainsFunc(r.allow, func(a alternative) bool { return slices.ContainsFunc(a.conditions, other) })
}

func ofParts(conditions []condition, parts []string) []condition {
	var same []condition
	for _, c := range conditions {
		if slices.Contains(parts, c.fact.part) {
			same = append(same, c)
		}
	}
	return same
}

// isProvision reports whether a part says who provides a suite, not what it is.
func isProvision(part string) bool {
	return part == "provenance" || part == "module"
}

func withoutProvision(conditions []condition) []condition {
	return slices.DeleteFunc(slices.Clone(conditions), func(c condition) bool { return isProvision(c.fact.part) })
}
