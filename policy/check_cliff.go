package policy

import "slices"

// checkCliff warns of a day after which the profile and those that it extends allow no
// suite that the vocabulary has, under the values that their parameters have in the files.
// It leaves out who provides a suite, which depends on the program.
func (v *vocabulary) checkCliff(p *profile, closure []*profile, warnings *problems) {
	c := cliff{suites: v.everySuite()}
	c.values, _ = initialSettings(closure)
	for _, q := range closure {
		for i := range q.rules {
			if r := &q.rules[i]; r.about == aboutSuite && r.Certainty != Unverified {
				c.rules = append(c.rules, r)
			}
		}
	}
	ends := c.ends()
	if len(ends) == 0 || c.someAllowed(Date{ends[0].n + 1}) {
		return
	}
	for _, last := range ends {
		if !c.someAllowed(last) {
			continue
		}
		if p.existing == Refuse {
			warnings.add(p.rulesAt, "after %s no suite is left, and under existing: %s a group can then only be left", last, p.existing)
		} else {
			warnings.add(p.rulesAt, "after %s no suite is left", last)
		}
		return
	}
}

// everySuite returns the facts about the suites of the documents, and about those from
// elsewhere.
func (v *vocabulary) everySuite() []*facts {
	var all []*facts
	for _, k := range v.suites {
		all = append(all, &facts{suite: k.Info(), set: k.set})
	}
	for _, i := range v.elsewhere {
		documented := func(k known) bool { return k.Name == i.Name }
		if f := (&facts{suite: i, set: sets[2]}); !f.undeclared() && !slices.ContainsFunc(v.suites, documented) {
			all = append(all, f)
		}
	}
	return all
}

// cliff is what decides on which days suites are left.
type cliff struct {
	suites []*facts
	rules  []*rule
	values settings
}

// ends returns the last days of all times, the latest first, and the days before those on
// which a time begins: between two of these days nothing changes.
func (c *cliff) ends() []Date {
	var all []Date
	for _, r := range c.rules {
		for i := range r.allow {
			a := &r.allow[i]
			if until := a.until.day(c.values); !until.IsZero() {
				all = append(all, until)
			}
			if from := a.from.day(c.values); from.n > 1 {
				all = append(all, Date{from.n - 1})
			}
		}
	}
	slices.SortFunc(all, func(a, b Date) int { return b.Compare(a) })
	return slices.Compact(all)
}

func (c *cliff) someAllowed(day Date) bool {
	return slices.ContainsFunc(c.suites, func(f *facts) bool {
		return !slices.ContainsFunc(c.rules, func(r *rule) bool { return !r.allowsWhoever(f, c.values, day) })
	})
}

// allowsWhoever reports whether the rule allows f on a day, whoever provides f.
func (r *rule) allowsWhoever(f *facts, s settings, day Date) bool {
	when := withoutProvision(r.when)
	if len(when) < len(r.when) || !holdAll(when, f) {
		return true
	}
	return slices.ContainsFunc(r.allow, func(a alternative) bool {
		return a.enabled(s) && (span{a.from.day(s), a.until.day(s)}).contains(day) && holdAll(withoutProvision(a.conditions), f)
	})
}
