package policy

import (
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// Legs says of which groups of a pair a rule about cipher suites is asked.
type Legs string

// The groups of a pair.
const (
	BothLegs Legs = ""
	LegT     Legs = "t"
	LegPQ    Legs = "pq"
	NoLeg    Legs = "none"
)

// bothLegs is the word of a file for BothLegs.
const bothLegs = "both"

func legsWords() []string { return []string{bothLegs, string(LegT), string(LegPQ), string(NoLeg)} }

// legNames are the names of the groups of a pair, in the order of facts.legs, and how texts name
// them.
var legNames = [2]struct {
	leg  Legs
	text string
}{{LegT, "T"}, {LegPQ, "PQ"}}

// modes are the words for the modes of a pair.
var modes = []string{"confidentiality", "authenticity"}

// ofPair returns the facts about a pair.
func (p *Policy) ofPair(pair suite.PairInfo) *facts {
	return &facts{legs: &[2]facts{*p.of(pair.T), *p.of(pair.PQ)}, mode: pair.Mode, module: p.module}
}

// VerdictOfPair returns the verdict on starting a pair of groups on the day of now. All rules
// about pairs have to allow it, and all rules about cipher suites the suite of each group of
// which they are asked.
func (p *Policy) VerdictOfPair(pair suite.PairInfo, now time.Time) Verdict {
	return p.verdict(aboutPair, p.ofPair(pair), momentOf(now))
}

// asked returns what the rule is asked of something: f itself, or the groups of a pair, by the
// order of legNames. nil is nothing.
func (r *rule) asked(about subject, f *facts) (all [2]*facts) {
	switch {
	case r.about == about:
		all[0] = f
	case about == aboutPair && r.about == aboutSuite:
		for i := range all {
			if r.Legs == BothLegs || r.Legs == legNames[i].leg {
				all[i] = &f.legs[i]
			}
		}
	}
	return all
}

// of says which group of a pair the rule looked at, if it is about a suite and was asked of a
// pair.
func (r *rule) of(about subject, leg int) string {
	if r.about == about {
		return ""
	}
	return "in " + legNames[leg].text + ", "
}

// legFacts returns the facts about suites as facts about a group of a pair. Who provides a suite
// is no such fact.
func legFacts(ofSuites []fact) []fact {
	var all []fact
	for i, leg := range legNames {
		for _, f := range ofSuites {
			if f.about != aboutSuite || isProvision(f.part) {
				continue
			}
			one := f
			one.name, one.part, one.about = string(leg.leg)+"."+f.name, string(leg.leg)+"."+f.part, aboutPair
			if f.word != nil {
				one.word = func(p *facts) string { return f.word(&p.legs[i]) }
			}
			if f.number != nil {
				one.number = func(p *facts) int64 { return f.number(&p.legs[i]) }
			}
			one.found = func(p *facts) string { return leg.text + " with " + f.found(&p.legs[i]) }
			all = append(all, one)
		}
	}
	return all
}

// legPart returns the group of a pair and the part of its suite that a part of a pair is.
func legPart(part string) (leg int, ofSuite string, ok bool) {
	for i, l := range legNames {
		if ofSuite, ok = strings.CutPrefix(part, string(l.leg)+"."); ok {
			return i, ofSuite, true
		}
	}
	return 0, "", false
}

// ofLeg returns the conditions on a group of a pair as conditions on its suite, by their names.
func ofLeg(conditions []condition, leg int) []condition {
	var all []condition
	for _, c := range conditions {
		if i, part, ok := legPart(c.fact.part); ok && i == leg {
			c.fact.part = part
			c.fact.name = strings.TrimPrefix(c.fact.name, string(legNames[leg].leg)+".")
			all = append(all, c)
		}
	}
	return all
}

// inLeg returns changes of a suite as changes of a group of a pair.
func inLeg(leg int, sets []func(*facts)) []func(*facts) {
	var all []func(*facts)
	for _, set := range sets {
		all = append(all, func(f *facts) {
			legs := *f.legs
			set(&legs[leg])
			f.legs = &legs
		})
	}
	return all
}

// pairWorlds yields the families of pairs: each family of suites of one group with each of the
// other.
func (v *vocabulary) pairWorlds(conditions []condition, yield func(world) bool) {
	for t := range v.legWorlds(conditions, 0) {
		for pq := range v.legWorlds(conditions, 1) {
			if !yield(world{
				base:  facts{legs: &[2]facts{t.base, pq.base}},
				fixed: slices.Concat(t.fixed, pq.fixed),
				free:  slices.Concat([]string{"mode"}, t.free, pq.free),
			}) {
				return
			}
		}
	}
}

// legWorlds yields the families of suites of one group, and only the first if no condition is
// on it.
func (v *vocabulary) legWorlds(conditions []condition, leg int) iter.Seq[world] {
	on := ofLeg(conditions, leg)
	prefixed := func(parts []string) []string {
		var all []string
		for _, part := range parts {
			all = append(all, string(legNames[leg].leg)+"."+part)
		}
		return all
	}
	return func(yield func(world) bool) {
		v.suiteWorlds(on, func(w world) bool {
			w.fixed, w.free = prefixed(w.fixed), prefixed(w.free)
			return yield(w) && len(on) > 0
		})
	}
}
