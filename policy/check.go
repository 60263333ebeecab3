package policy

import (
	"slices"
	"strings"
)

// checkOwn reports what is wrong with p by itself, such as a rule that nothing could
// satisfy. It looks at every kind of suite that the vocabulary can describe, whether or
// not anybody has built one.
//
// If the rules are so many that the work is used up first, they count as satisfiable, and
// checkOwn returns what it gave up.
func (v *vocabulary) checkOwn(p *profile, wrong *problems) (unchecked Problems) {
	for i := range p.rules {
		r := &p.rules[i]
		w := newWork(r.size())
		if v.checkRule(r, w, wrong); w.gaveUp() {
			unchecked = append(unchecked, Problem{r.at, "too many values to check whether the rule demands anything"})
		}
	}
	for _, n := range p.notes {
		for _, when := range n.when {
			if about := subjectOf(when); !v.satisfiable(about, when) {
				wrong.add(n.at, "no %s of any kind is as when says", about)
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
			if !slices.Contains(v.names, name) {
				wrong.add(m.at, "unknown suite %q; known: %s", name, strings.Join(v.names, ", "))
			}
		}
	}
	return unchecked
}

// checkTogether reports rules of a profile and of the profiles that it extends that can
// be satisfied one by one, but not all together. It gives up as checkOwn does.
func (v *vocabulary) checkTogether(p *profile, closure []*profile, wrong *problems) (unchecked Problems) {
	size := sizeOf(closure)
	for _, about := range subjects() {
		w := newWork(size)
		switch ok, apart := v.possible(about, closure, w); {
		case w.gaveUp():
			unchecked = append(unchecked, Problem{p.rulesAt, "too many rules to check whether a " + string(about) + " satisfies them all"})
		case ok:
		case apart:
			wrong.add(p.rulesAt, "the rules contradict each other: no %s of any kind satisfies them all on one day under the same parameters", about)
		default:
			wrong.add(p.rulesAt, "the rules contradict each other: no %s of any kind satisfies them all", about)
		}
	}
	return unchecked
}

func (v *vocabulary) checkRule(r *rule, w *work, wrong *problems) {
	if !v.satisfiable(r.about, r.when) {
		wrong.add(r.at, "no %s of any kind is as when says", r.about)
		return
	}
	for i := range r.allow {
		a := &r.allow[i]
		if !v.satisfiable(r.about, slices.Concat(r.when, a.conditions)) {
			wrong.add(a.at, "no %s of any kind satisfies it", r.about)
		}
		if a.unconditional() {
			wrong.add(a.at, "it allows everything, so the rule demands nothing")
			return
		}
	}
	if v.demandsNothing(r, w) {
		wrong.add(r.at, "together its ways allow everything, so the rule demands nothing")
	}
}

func (a *alternative) unconditional() bool {
	return len(a.conditions) == 0 && a.from == bound{} && a.until == bound{} && !a.with.used() && !a.without.used() && len(a.given) == 0
}

// satisfiable reports whether anything meets all conditions together.
func (v *vocabulary) satisfiable(about subject, conditions []condition) bool {
	for w := range v.worlds(about, conditions) {
		if v.has(&w, conditions) {
			return true
		}
	}
	return false
}

// has reports whether something of the family meets the conditions.
func (v *vocabulary) has(w *world, conditions []condition) bool {
	if !holdAll(ofParts(conditions, w.fixed), &w.base, nil) {
		return false
	}
	for _, part := range w.free {
		same := ofParts(conditions, []string{part})
		if len(same) > 0 && !slices.ContainsFunc(v.samples(part, conditions), func(set func(*facts)) bool {
			f := w.base
			set(&f)
			return holdAll(same, &f, nil)
		}) {
			return false
		}
	}
	return true
}

// search looks for something that satisfies all rules of profiles on a subject.
type search struct {
	vocabulary *vocabulary
	work       *work
	rules      []*rule
	sizes      []int
	conditions []condition
	calendar   *calendar
	apart      bool // whether something satisfies each rule on some day
}

// possible reports whether anything satisfies all rules of profiles on a subject, on one
// day and with some values of their parameters. If not, it reports whether something
// satisfies each rule on some day with some values. It ignores who provides a primitive,
// which depends on the program. If the work is used up, it reports that there is
// something.
func (v *vocabulary) possible(about subject, profiles []*profile, w *work) (ok, apart bool) {
	s := &search{vocabulary: v, work: w}
	for _, p := range profiles {
		for i := range p.rules {
			if r := &p.rules[i]; r.about == about && r.Certainty != Unverified {
				s.rules = append(s.rules, r)
				s.sizes = append(s.sizes, r.size())
				s.conditions = append(s.conditions, r.when...)
				for _, a := range r.allow {
					s.conditions = append(s.conditions, a.conditions...)
				}
			}
		}
	}
	s.calendar = newCalendar(profiles, s.rules)
	for family := range v.worlds(about, s.conditions) {
		if s.in(&family) {
			return true, false
		}
	}
	return false, s.apart
}

// in searches one family. It asks a rule as soon as all parts that the rule asks for are
// chosen, so that a choice that fails is not tried with everything else. It finds first
// what rules on one part leave of that part.
func (s *search) in(family *world) bool {
	free := slices.DeleteFunc(slices.Clone(family.free), isProvision)
	// Parts that no rule asks for are as good as any.
	free = slices.DeleteFunc(free, func(part string) bool {
		return !slices.ContainsFunc(s.conditions, func(c condition) bool { return c.fact.part == part })
	})
	left := map[string][]func(*facts){}
	for _, part := range free {
		values, ok := s.alone(&family.base, part)
		if !ok {
			return true
		}
		if len(values) == 0 {
			return false
		}
		left[part] = values
	}
	slices.SortStableFunc(free, func(a, b string) int { return len(left[a]) - len(left[b]) })
	ripe := make([][]int, len(free)+1) // rules, by how many parts have to be chosen
	for i, r := range s.rules {
		last := 0
		for j, part := range free {
			if r.asks(part) {
				last = j + 1
			}
		}
		ripe[last] = append(ripe[last], i)
	}
	var choose func(f *facts, depth int) bool
	choose = func(f *facts, depth int) bool {
		for _, i := range ripe[depth] {
			if !s.work.do(s.sizes[i]) {
				return true
			}
			if !s.rules[i].everAllows(f) {
				return false
			}
		}
		if depth == len(free) {
			s.apart = true
			return s.calendar.meet(f, s.work)
		}
		for _, set := range left[free[depth]] {
			next := *f
			set(&next)
			if choose(&next, depth+1) {
				return true
			}
		}
		return false
	}
	return choose(&family.base, 0)
}

// alone returns the values of a part that all rules on only that part allow. It reports
// whether the work sufficed.
func (s *search) alone(base *facts, part string) (values []func(*facts), ok bool) {
	var rules []int
	for i, r := range s.rules {
		if r.only(part) {
			rules = append(rules, i)
		}
	}
	for _, set := range s.vocabulary.samples(part, s.conditions) {
		f := *base
		set(&f)
		allowed := true
		for _, i := range rules {
			if !s.work.do(s.sizes[i]) {
				return nil, false
			}
			if allowed = s.rules[i].everAllows(&f); !allowed {
				break
			}
		}
		if allowed {
			values = append(values, set)
		}
	}
	return values, true
}

// only reports whether the rule asks for one part and no other.
func (r *rule) only(part string) bool {
	other := func(c condition) bool { return c.fact.part != part }
	return !slices.ContainsFunc(r.when, other) &&
		!slices.ContainsFunc(r.allow, func(a alternative) bool { return slices.ContainsFunc(a.conditions, other) })
}

// asks reports whether a condition of the rule is about a part.
func (r *rule) asks(part string) bool {
	on := func(c condition) bool { return c.fact.part == part }
	return slices.ContainsFunc(r.when, on) ||
		slices.ContainsFunc(r.allow, func(a alternative) bool { return slices.ContainsFunc(a.conditions, on) })
}

// everAllows reports whether the rule allows f on some day with some values of the
// parameters, whoever provides f.
func (r *rule) everAllows(f *facts) bool {
	if !r.appliesWhoever(f) {
		return true
	}
	for i := range r.allow {
		if r.allow[i].holdsWhoever(f) {
			return true
		}
	}
	return false
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

// isProvision reports whether a part says who provides a suite, and not what the suite
// is.
func isProvision(part string) bool {
	return part == "provenance" || part == "module"
}

// appliesWhoever reports whether the rule is about f, whoever provides f.
func (r *rule) appliesWhoever(f *facts) bool {
	for i := range r.when {
		if isProvision(r.when[i].fact.part) {
			return false
		}
	}
	return holdAll(r.when, f, nil)
}

// holdsWhoever reports whether f meets the conditions but those on who provides f.
func (a *alternative) holdsWhoever(f *facts) bool {
	for i := range a.conditions {
		if c := &a.conditions[i]; !isProvision(c.fact.part) && !c.holds(f, nil) {
			return false
		}
	}
	return true
}
