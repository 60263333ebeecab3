package policy

import (
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// Verdict is what a policy says of a suite at a date: allow or deny.
type Verdict struct {
	Allow bool

	// Until is the last day on which the suite is allowed, or zero if there is no end. In
	// a denial, it is the last day on which With would allow the suite, or, without With,
	// the last day on which the suite was allowed.
	Until Date

	// With is the switch that would allow a denied suite, or "" if none would. Switches
	// that allow it only together are joined by "+".
	With string

	Notes    []string
	Findings []Finding
}

// Finding is what one rule says of a suite.
type Finding struct {
	Passed    bool
	Until     Date   // the last day on which the suite passes, or zero if there is no end
	Policy    string // the profile that has the rule
	Rule      string
	Found     string
	By        string // the way in which the rule is satisfied, or "" if it is not
	Wanted    string
	Otherwise string // what the source says of the rest, as in [Rule]
	Source    Source
	Force     Force
	Certainty Certainty // an unverified rule does not affect the verdict
}

// MarshalJSON returns a verdict as {"verdict": "allow" or "deny", "until": "2031-12-31",
// "with": "hybrid", "notes": [...]}, without empty members.
func (v Verdict) MarshalJSON() ([]byte, error) {
	out := struct {
		Verdict string   `json:"verdict"`
		Until   string   `json:"until,omitempty"`
		With    string   `json:"with,omitempty"`
		Notes   []string `json:"notes,omitempty"`
	}{verdictWord(v.Allow), v.Until.String(), v.With, v.Notes}
	return json.Marshal(out)
}

// String returns the verdict in a few words, such as "deny, allowed with hybrid
// until 2031-12-31".
func (v Verdict) String() string {
	until := untilText(v.Until)
	switch {
	case v.Allow:
		return "allow" + until
	case v.With != "":
		return "deny, allowed with " + v.With + until
	case until != "":
		return "deny, was allowed" + until
	}
	return "deny"
}

// Verdict returns the verdict on starting something new with a suite on the day of now.
func (p *Policy) Verdict(info suite.Info, now time.Time) Verdict {
	return p.verdict(aboutSuite, p.of(info), momentOf(now))
}

// verdict is Verdict for any subject.
func (p *Policy) verdict(about subject, f *facts, at moment) Verdict {
	v := Verdict{Findings: p.findings(about, f, at)}
	v.Until, v.Allow = p.allows(about, f, at)
	if !v.Allow {
		if v.With, v.Until = p.remedy(about, f, at); v.With == "" {
			v.Until = p.lastAllowed(about, f, at)
		}
	}
	v.Notes = p.notesOn(about, f)
	for _, found := range v.Findings {
		if found.Certainty == Unverified && !found.Passed {
			if note := "[U] " + found.Policy + "/" + found.Rule + " would want " + found.Wanted; !slices.Contains(v.Notes, note) {
				v.Notes = append(v.Notes, note)
			}
		}
	}
	return v
}

// notesOn returns the notes of the profiles on a suite or on a pair, each once.
func (p *Policy) notesOn(about subject, f *facts) []string {
	var all []string
	for _, q := range p.profiles() {
		for i := range q.notes {
			if n := &q.notes[i]; n.on(about, f) && !slices.Contains(all, n.String()) {
				all = append(all, n.String())
			}
		}
	}
	return all
}

// allows reports whether all rules on a subject allow f at a time, and returns the last
// day of the unbroken time in which they do.
func (p *Policy) allows(about subject, f *facts, at moment) (last Date, ok bool) {
	for i := range p.parts {
		until, ok := p.parts[i].allows(about, f, at)
		if !ok {
			return Date{}, false
		}
		last = earlier(last, until)
	}
	return last, true
}

// allows reports whether the part's rules on a subject allow f at a time.
func (one *part) allows(about subject, f *facts, at moment) (last Date, ok bool) {
	for _, q := range one.profiles {
		day := at.in(q.zone)
		for i := range q.rules {
			r := &q.rules[i]
			if r.Certainty == Unverified {
				continue
			}
			for _, g := range r.asked(about, f) {
				if g == nil {
					continue
				}
				until, ok := r.allows(g, one.values, day)
				if !ok {
					return Date{}, false
				}
				last = earlier(last, until)
			}
		}
	}
	return last, true
}

// earlier returns the earlier of two ends. Zero is no end.
func earlier(a, b Date) Date {
	if a.IsZero() || !b.IsZero() && b.Compare(a) < 0 {
		return b
	}
	return a
}

// findings returns what each rule on a subject that applies to f says of f.
func (p *Policy) findings(about subject, f *facts, at moment) []Finding {
	var found []Finding
	for i := range p.parts {
		found = p.parts[i].findings(found, about, f, at)
	}
	return found
}

func (one *part) findings(dst []Finding, about subject, f *facts, at moment) []Finding {
	for _, q := range one.profiles {
		day := at.in(q.zone)
		for i := range q.rules {
			r := &q.rules[i]
			for leg, g := range r.asked(about, f) {
				if g == nil || !r.applies(g) {
					continue
				}
				finding := r.finding(g, one.values, day)
				finding.Found = r.of(about, leg) + finding.Found
				if !slices.Contains(dst, finding) {
					dst = append(dst, finding)
				}
			}
		}
	}
	return dst
}

// finding returns what the rule says of f on a day.
func (r *rule) finding(f *facts, s settings, day Date) Finding {
	finding := Finding{
		Policy: r.Profile, Rule: r.ID, Wanted: r.Wanted, Otherwise: r.Otherwise,
		Source: r.Source, Force: r.Force, Certainty: r.Certainty,
	}
	finding.Until, finding.Passed = r.allows(f, s, day)
	if way := r.way(f, s, day); way != nil {
		finding.Found, finding.By = r.foundBy(way, f), way.text(s)
		return finding
	}
	finding.Found = r.found(f) + r.notGiven(f, s)
	if day.IsZero() {
		finding.Found += ", at a time that is no day of the years 1 to 9999"
	}
	if last := r.lastBefore(f, s, day); !last.IsZero() {
		finding.Found += ", allowed until " + last.String()
	}
	return finding
}

// lastBefore returns the last day before day on which the rule allowed f, or zero.
func (r *rule) lastBefore(f *facts, s settings, day Date) Date {
	var last Date
	for _, span := range r.spans(nil, f, s) {
		if !span.until.IsZero() && span.until.Compare(day) < 0 && span.until.Compare(last) > 0 {
			last = span.until
		}
	}
	return last
}

// maxTogether is how many switches a remedy turns on at most, and maxTried how many it
// tries together: the first that rules ask for.
const (
	maxTogether = 3
	maxTried    = 12
)

// remedy returns the fewest switches that would allow f at a time, and until when. It
// returns "" if none would.
func (p *Policy) remedy(about subject, f *facts, at moment) (with string, until Date) {
	var off []parameterKey
	for i := range p.parts {
		one := &p.parts[i]
		for _, q := range one.profiles {
			for j := range q.rules {
				r := &q.rules[j]
				for _, g := range r.asked(about, f) {
					if g != nil && r.Certainty != Unverified && r.applies(g) {
						off = r.switches(off, g, one.values)
					}
				}
			}
		}
	}
	off = slices.DeleteFunc(off, func(k parameterKey) bool { return !p.settable(k) })
	for n := 1; n <= min(maxTogether, len(off)); n++ {
		if n > 1 {
			off = off[:min(len(off), maxTried)]
		}
		for chosen := range choices(off, n) {
			changed := p
			names := make([]string, n)
			for i, key := range chosen {
				changed = changed.set(key, value{on: true})
				names[i] = p.short(key)
			}
			if last, ok := changed.allows(about, f, at); ok {
				return strings.Join(names, "+"), last
			}
		}
	}
	return "", Date{}
}

// settable reports whether some profile leaves the parameter open.
func (p *Policy) settable(key parameterKey) bool {
	return slices.ContainsFunc(p.parts, func(one part) bool {
		_, ok := one.values[key]
		return ok && !one.fixed[key]
	})
}

// lastAllowed returns the last day before a time on which f was allowed, or zero. It is the
// end of one of the times of a rule.
func (p *Policy) lastAllowed(about subject, f *facts, at moment) (last Date) {
	for i := range p.parts {
		one := &p.parts[i]
		for _, q := range one.profiles {
			day := at.in(q.zone)
			for j := range q.rules {
				r := &q.rules[j]
				for _, g := range r.asked(about, f) {
					if g == nil {
						continue
					}
					for _, s := range r.spans(nil, g, one.values) {
						if s.until.IsZero() || s.until.Compare(day) >= 0 || s.until.Compare(last) <= 0 {
							continue
						}
						if _, ok := p.allows(about, f, moment{day: s.until}); ok {
							last = s.until
						}
					}
				}
			}
		}
	}
	return last
}

// choices yields the ways to choose n of keys, in order.
func choices(keys []parameterKey, n int) iter.Seq[[]parameterKey] {
	return func(yield func([]parameterKey) bool) {
		var choose func(chosen, rest []parameterKey) bool
		choose = func(chosen, rest []parameterKey) bool {
			if len(chosen) == n {
				return yield(chosen)
			}
			for i, key := range rest {
				if !choose(append(slices.Clip(chosen), key), rest[i+1:]) {
					return false
				}
			}
			return true
		}
		choose(nil, keys)
	}
}

// Matrix has verdicts by the names of policies and of suites.
type Matrix map[string]map[string]Verdict

// NewMatrix returns the verdicts of policies on suites on the day of now.
func NewMatrix(policies []*Policy, suites iter.Seq[suite.Info], now time.Time) Matrix {
	m := Matrix{}
	for _, p := range policies {
		row := map[string]Verdict{}
		for info := range suites {
			row[info.Name] = p.Verdict(info, now)
		}
		m[p.Name()] = row
	}
	return m
}
