package policy

import "slices"

// checkCliff warns of a day after which the profile and those that it extends allow no
// suite that the vocabulary has, under the values that their parameters have in the files.
// It leaves out who provides a suite, which depends on the program. It gives up as checkOwn
// does.
func (v *vocabulary) checkCliff(p *profile, closure []*profile, warnings *problems) Problems {
	c := cliff{suites: v.everySuite(), work: newWork(sizeOf(closure))}
	c.values, _ = initialSettings(closure)
	for _, q := range closure {
		for i := range q.rules {
			if r := &q.rules[i]; r.about == aboutSuite && r.Certainty != Unverified {
				c.rules = append(c.rules, r)
			}
		}
	}
	last := c.last()
	if c.work.gaveUp() {
		return Problems{{p.rulesAt, "too many days to check whether a suite is left after each"}}
	}
	if last.IsZero() {
		return nil
	}
	if p.existing == Refuse {
		warnings.add(p.rulesAt, "after %s no suite is left, and under existing: %s a group can then only be left", last, p.existing)
	} else {
		warnings.add(p.rulesAt, "after %s no suite is left", last)
	}
	return nil
}

// everySuite returns the facts about the suites of the documents, and about those from
// elsewhere.
func (v *vocabulary) everySuite() []*facts {
	var all []*facts
	for _, k := range v.suites {
		all = append(all, &facts{suite: k.info, set: k.set})
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
	work   *work
}

// last returns the last day on which a suite is left, or zero if there is none such. If the work
// is used up, it returns any day.
func (c *cliff) last() Date {
	ends := c.ends()
	if len(ends) == 0 || c.someAllowed(Date{ends[0].n + 1}) {
		return Date{}
	}
	for _, day := range ends {
		if c.someAllowed(day) {
			return day
		}
	}
	return Date{}
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

// someAllowed reports whether a suite is left on a day, or the work is used up.
func (c *cliff) someAllowed(day Date) bool {
	return slices.ContainsFunc(c.suites, func(f *facts) bool {
		return !slices.ContainsFunc(c.rules, func(r *rule) bool {
			return c.work.do(r.size()) && !r.allowsWhoever(f, c.values, day)
		})
	})
}

// allowsWhoever reports whether the rule allows f on a day, whoever provides f.
func (r *rule) allowsWhoever(f *facts, s settings, day Date) bool {
	if !r.appliesWhoever(f) {
		return true
	}
	for i := range r.allow {
		a := &r.allow[i]
		if a.enabled(s) && (span{a.from.day(s), a.until.day(s)}).contains(day) && a.holdsWhoever(f) {
			return true
		}
	}
	return false
}
