package policy

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

func (p *parser) rule(n node) {
	r := rule{at: n.at}
	var source, section string
	var sourceAt, legsAt Position
	var allow []node
	entries := p.mapping(n)
	for _, f := range entries {
		switch f.key {
		case "id":
			r.ID, _ = p.document.name(f.value)
			if slices.ContainsFunc(p.rules, func(o rule) bool { return o.ID == r.ID && r.ID != "" }) {
				p.add(f.value.at, "two rules have the id %s", r.ID)
			}
			if r.ID == endRule {
				p.add(f.value.at, "the id %s is that of the key %s", endRule, endRule)
			}
		case "source":
			source, _ = p.scalar(f.value)
			sourceAt = f.value.at
		case "section":
			section, _ = p.scalar(f.value)
		case "force":
			s, _ := p.oneOf(f.value, string(Law), string(Guidance), string(Mapping))
			r.Force = Force(s)
		case "certainty":
			r.Certainty = p.certainty(f.value)
		case "wanted":
			r.Wanted, _ = p.scalar(f.value)
		case "otherwise":
			s, _ := p.oneOf(f.value, "prohibited", "not-recommended", "not-listed")
			r.Otherwise = strings.ReplaceAll(s, "-", " ")
		case "legs":
			s, ok := p.oneOf(f.value, legsWords()...)
			if r.Legs = Legs(s); s == bothLegs {
				r.Legs = BothLegs
			}
			if ok {
				legsAt = f.value.at
			}
		case "when":
			conditions := p.mapping(f.value)
			r.when = p.conditions(conditions)
			for _, c := range r.when {
				if c.in.used() {
					p.add(c.in.at, "a list of the user's says what is allowed, and not what a rule is about")
				}
			}
			if len(conditions) == 0 && f.value.yaml.Kind == yaml.MappingNode {
				p.add(f.value.at, "when has no condition")
			}
		case "allow":
			allow = p.list(f.value)
		default:
			p.unknown(f, ruleKeys...)
		}
	}
	for _, key := range []string{"id", "source", "force", "wanted", "allow"} {
		if n.yaml.Kind == yaml.MappingNode && !says(entries, key) {
			p.add(n.at, "a rule needs %s", key)
		}
	}
	p.cite(&r, source, section, sourceAt)
	for _, a := range allow {
		r.allow = append(r.allow, p.alternative(a))
	}
	if i := slices.IndexFunc(entries, func(e entry) bool { return e.key == "allow" }); i >= 0 &&
		entries[i].value.yaml.Kind == yaml.SequenceNode && len(entries[i].value.yaml.Content) == 0 {
		p.add(n.at, "the rule allows nothing, so no suite of any kind satisfies it")
	}
	p.subject(&r)
	if r.about != aboutSuite && legsAt != (Position{}) {
		p.add(legsAt, "legs is for a rule about a cipher suite, and not about a %s", r.about)
	}
	p.rules = append(p.rules, p.described(r))
}

// described returns the rule with what it says of itself.
func (p *parser) described(r rule) rule {
	r.Profile = p.profile.name
	r.About = string(r.about)
	r.When = conditionsText(r.when)
	for i := range r.allow {
		r.Allow = append(r.Allow, r.allow[i].String())
	}
	return r
}

// endRule is the id of the rule that [parser.end] makes.
const endRule = "ends"

// end returns the rule that no suite begins after the end of the file.
func (p *parser) end() rule {
	r := rule{at: p.endsAt, about: aboutSuite, allow: []alternative{{at: p.endsAt, until: bound{date: p.ends}}}}
	r.ID, r.Force, r.Certainty, r.Otherwise = endRule, Mapping, Primary, "prohibited"
	r.Wanted = "a later version of the profile, which ends on " + p.ends.String()
	r.Source = Source{Document: "profile " + p.profile.name, Version: p.version, Date: p.date, Checked: p.date}
	return p.described(r)
}

// cite fills in the source of a rule from the profile's sources.
func (p *parser) cite(r *rule, source, section string, at Position) {
	if source == "" {
		return
	}
	i := slices.IndexFunc(p.sources, func(s namedSource) bool { return s.name == source })
	if i < 0 {
		p.add(at, "the profile has no source %q", source)
		return
	}
	p.sources[i].cited = true
	r.Source = p.sources[i].Source
	if section != "" {
		r.Source.Section = section
	}
	if r.Certainty == "" {
		r.Certainty = p.sources[i].certainty
	}
}

func (p *parser) alternative(n node) alternative {
	a := alternative{at: n.at}
	var conditions []entry
	for _, e := range p.mapping(n) {
		switch e.key {
		case "from":
			a.from = p.bound(e.value)
		case "until":
			a.until = p.bound(e.value)
		case "given":
			for _, g := range p.mapping(e.value) {
				a.given = append(a.given, p.given(g))
			}
		case "with", "without":
			if name, ok := p.scalar(e.value); ok {
				ref := reference{name: name, at: e.value.at}
				if e.key == "with" {
					a.with = ref
				} else {
					a.without = ref
				}
			}
		default:
			conditions = append(conditions, e)
		}
	}
	a.conditions = p.conditions(conditions, alternativeKeys...)
	return a
}

// given reads the name of a parameter and the dates between which it has to be.
func (p *parser) given(e entry) given {
	g := given{parameter: reference{name: e.key, at: e.value.at}}
	lowest, highest := p.limits(e.value)
	if lowest != nil {
		g.from = p.day(*lowest)
	}
	if highest != nil {
		g.until = p.day(*highest)
	}
	if !g.until.IsZero() && g.until.Compare(g.from) < 0 {
		p.add(e.value.at, "min is after max, so nothing satisfies it")
	}
	return g
}

// bound is a date or the name of a parameter.
func (p *parser) bound(n node) bound {
	s, ok := p.scalar(n)
	if !ok {
		return bound{}
	}
	if d, err := ParseDate(s); err == nil {
		return bound{date: d}
	}
	if !isName(strings.Replace(s, ":", "", 1)) || s[0] >= '0' && s[0] <= '9' {
		p.add(n.at, "%q is neither a date, such as 2030-12-31, nor a parameter", s)
		return bound{}
	}
	return bound{parameter: reference{name: s, at: n.at}}
}

// subject finds out what a rule is about from the facts that it asks for.
func (p *parser) subject(r *rule) {
	r.about = ""
	check := func(conditions []condition) {
		for _, c := range conditions {
			switch r.about {
			case "":
				r.about = c.fact.about
			case c.fact.about:
			default:
				p.add(c.at, "a rule about a %s cannot ask for %s", r.about, c.fact.name)
			}
		}
	}
	check(r.when)
	for _, a := range r.allow {
		check(a.conditions)
	}
	if r.about == "" {
		r.about = aboutSuite
	}
}
