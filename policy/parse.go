package policy

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// parser makes a profile of a document.
type parser struct {
	document
	facts []fact
	*profile
}

// parseProfile reads a file. It returns nil if the file is too broken to go on.
func parseProfile(file File, v *vocabulary, p *problems) *profile {
	read := parser{document: document{problems: &problems{}, file: file.Name}, facts: v.facts, profile: &profile{}}
	defer func() { p.found = append(p.found, read.found...) }()
	root, ok := read.root(file.Data)
	if !ok {
		return nil
	}
	read.at = root.at
	read.data = bytes.Clone(file.Data)
	read.digest = fmt.Sprintf("sha256:%x", sha256.Sum256(read.data))
	read.rulesAt = root.at
	read.top(root)
	if read.profile.name == "" {
		return nil
	}
	return read.profile
}

var (
	topKeys         = []string{"format", "profile", "title", "text", "version", "date", "audience", "classification", "zone", "ends", "extends", "existing", "sources", "parameters", "set", "rules", "notes", "moves"}
	sourceKeys      = []string{"document", "version", "section", "date", "checked", "certainty"}
	parameterKeys   = []string{"kind", "default", "latest", "text"}
	ruleKeys        = []string{"id", "source", "section", "force", "certainty", "wanted", "otherwise", "legs", "when", "allow"}
	noteKeys        = []string{"text", "certainty", "when"}
	moveKeys        = []string{"from", "to", "reason"}
	alternativeKeys = []string{"from", "until", "with", "without", "given"}
	extendsKeys     = []string{"profile", "since"}
)

func (p *parser) top(root node) {
	var rules *node // read last: they name sources, which may stand below them
	entries := p.mapping(root)
	if !p.readable(entries) {
		return
	}
	for _, e := range entries {
		switch e.key {
		case "format": // read already
		case "audience":
			p.audience, _ = p.scalar(e.value)
		case "classification":
			p.classification, _ = p.scalar(e.value)
		case "zone":
			p.timeZone(e.value)
		case "ends":
			p.ends, p.endsAt = p.day(e.value), e.value.at
		case "profile":
			if name, ok := p.document.name(e.value); ok {
				p.profile.name, p.profile.at = name, e.value.at
			}
		case "title":
			p.title, _ = p.scalar(e.value)
		case "text":
			p.text, _ = p.scalar(e.value)
		case "version":
			p.version, _ = p.scalar(e.value)
		case "date":
			p.date = p.roughDate(e.value)
		case "extends":
			p.rulesAt = e.value.at
			for _, n := range p.texts(e.value) {
				p.extend(n)
			}
		case "existing":
			p.says, p.saysAt = true, e.value.at
			if s, ok := p.oneOf(e.value, existingNames[:]...); ok {
				p.existing = Existing(slices.Index(existingNames[:], s))
			}
		case "sources":
			for _, s := range p.mapping(e.value) {
				p.source(s)
			}
		case "parameters":
			for _, d := range p.mapping(e.value) {
				p.parameter(d)
			}
		case "set":
			for _, s := range p.mapping(e.value) {
				if text, ok := p.parameterText(s.value); ok {
					listing := s.value.yaml.Kind == yaml.SequenceNode
					p.set = append(p.set, setting{reference: reference{name: s.key, at: s.value.at}, text: text, listing: listing})
				}
			}
		case "rules":
			p.rulesAt, rules = e.value.at, &e.value
		case "notes":
			for _, n := range p.list(e.value) {
				p.note(n)
			}
		case "moves":
			for _, n := range p.list(e.value) {
				p.move(n)
			}
		default:
			p.unread = p.unread || oneSlip(e.key, "rules")
			p.unknown(e, topKeys...)
		}
	}
	if rules != nil {
		before := len(p.found)
		for _, n := range p.list(*rules) {
			p.rule(n)
		}
		p.unread = p.unread || len(p.found) > before
	}
	if !p.ends.IsZero() {
		p.rules = append(p.rules, p.end())
	}
	if !says(entries, "profile") {
		p.add(root.at, "a profile needs the key profile, its name")
	}
	if !says(entries, "title") {
		p.add(root.at, "a profile needs a title")
	}
}

func (p *parser) source(e entry) {
	s := namedSource{name: e.key, at: e.value.at, certainty: Secondary}
	if !isName(e.key) {
		p.add(e.value.at, "%q is no name", e.key)
	}
	entries := p.mapping(e.value)
	for _, f := range entries {
		switch f.key {
		case "document":
			s.Document, _ = p.scalar(f.value)
		case "version":
			s.Version, _ = p.scalar(f.value)
		case "section":
			s.Section, _ = p.scalar(f.value)
		case "date":
			s.Date = p.roughDate(f.value)
		case "checked":
			s.Checked = p.roughDate(f.value)
		case "certainty":
			s.certainty = p.certainty(f.value)
		default:
			p.unknown(f, sourceKeys...)
		}
	}
	if !says(entries, "document") || !says(entries, "date") || !says(entries, "checked") {
		p.add(e.value.at, "a source needs document, date and checked")
	}
	p.sources = append(p.sources, s)
}

func (p *parser) certainty(n node) Certainty {
	s, _ := p.oneOf(n, string(Primary), string(Secondary), string(Unverified))
	return Certainty(s)
}

// roughDate returns a date that is exact to a year, a month or a day.
func (p *parser) roughDate(n node) string {
	s, ok := p.scalar(n)
	if !ok {
		return ""
	}
	for _, layout := range []string{time.DateOnly, "2006-01", "2006"} {
		if _, err := time.Parse(layout, s); err == nil {
			return s
		}
	}
	p.add(n.at, "%q is no date, such as 2024, 2024-12 or 2024-12-31", s)
	return ""
}

func (p *parser) parameter(e entry) {
	d := parameter{name: e.key, at: e.value.at}
	if !isName(e.key) {
		p.add(e.value.at, "%q is no name", e.key)
	}
	var text string
	var initial *node // the default
	entries := p.mapping(e.value)
	for i, f := range entries {
		switch f.key {
		case "kind":
			kind, _ := p.oneOf(f.value, string(SwitchParameter), string(DateParameter), string(ListParameter))
			d.kind = ParameterKind(kind)
		case "default":
			var ok bool
			if text, ok = p.parameterText(f.value); ok {
				initial = &entries[i].value
			}
		case "latest":
			d.latest = p.day(f.value)
		case "text":
			d.text, _ = p.scalar(f.value)
		default:
			p.unknown(f, parameterKeys...)
		}
	}
	switch {
	case !says(entries, "kind"):
		p.add(e.value.at, "a parameter needs a kind: switch, date or list")
	case !says(entries, "default"):
		p.add(e.value.at, "a parameter needs a default")
	case d.kind == "" || initial == nil: // reported
	case initial.yaml.Kind == yaml.SequenceNode && d.kind != ListParameter:
		p.add(initial.at, "parameter %s is a %s, not a list", d.name, d.kind)
	default:
		var reason string
		if d.value, reason = d.parse(text); reason != "" {
			p.add(initial.at, "%s", reason)
		}
	}
	if !says(entries, "text") {
		p.add(e.value.at, "a parameter needs a text that says what it means")
	}
	if d.kind != "" && d.kind != DateParameter && !d.latest.IsZero() {
		p.add(e.value.at, "latest is for dates")
	}
	p.parameters = append(p.parameters, d)
}

// parameterText returns the value of a parameter as text: the items of a list with commas
// between them.
func (p *parser) parameterText(n node) (string, bool) {
	if n.yaml.Kind != yaml.SequenceNode {
		return p.scalar(n)
	}
	var items []string
	all := p.eachText(n, func(at Position, s string) {
		if !isListable(s) {
			p.add(at, "%q can be no item of a list", s)
			return
		}
		items = append(items, s)
	})
	return strings.Join(items, ","), len(items) == all
}

func (p *parser) day(n node) Date {
	s, ok := p.scalar(n)
	if !ok {
		return Date{}
	}
	d, err := ParseDate(s)
	if err != nil {
		p.add(n.at, "%q is no date, such as 2030-12-31", s)
	}
	return d
}

func (p *parser) note(n node) {
	remark := note{at: n.at, certainty: Secondary}
	entries := p.mapping(n)
	for _, f := range entries {
		switch f.key {
		case "text":
			remark.text, _ = p.scalar(f.value)
		case "certainty":
			remark.certainty = p.certainty(f.value)
		case "when":
			whens := []node{f.value}
			if f.value.yaml.Kind == yaml.SequenceNode {
				whens = p.list(f.value)
			}
			for _, when := range whens {
				remark.when = append(remark.when, p.conditions(p.mapping(when)))
			}
		default:
			p.unknown(f, noteKeys...)
		}
	}
	if n.yaml.Kind == yaml.MappingNode && !says(entries, "text") {
		p.add(n.at, "a note needs a text")
	}
	for _, when := range remark.when {
		about := subjectOf(when)
		for _, c := range when {
			switch {
			case c.fact.about != aboutSuite && c.fact.about != aboutPair:
				p.add(c.at, "a note is on suites or pairs of groups, and cannot ask for %s", c.fact.name)
			case c.fact.about != about:
				p.add(c.at, "conditions on a %s cannot ask for %s", about, c.fact.name)
			}
		}
	}
	p.notes = append(p.notes, remark)
}

// move reads one item of moves: a step for every from and every to.
func (p *parser) move(n node) {
	var from, to []string
	var reason string
	names := func(n node) (all []string) {
		p.eachText(n, func(_ Position, name string) { all = append(all, name) })
		return all
	}
	entries := p.mapping(n)
	for _, f := range entries {
		switch f.key {
		case "from":
			from = names(f.value)
		case "to":
			to = names(f.value)
		case "reason":
			reason, _ = p.scalar(f.value)
		default:
			p.unknown(f, moveKeys...)
		}
	}
	if n.yaml.Kind == yaml.MappingNode && !(says(entries, "from") && says(entries, "to") && says(entries, "reason")) {
		p.add(n.at, "a move needs from, to and reason")
	}
	if len(p.moves)+len(from)*len(to) > maxItems {
		p.add(n.at, "a profile has at most %d moves: each of from to each of to", maxItems)
		return
	}
	for _, a := range from {
		for _, b := range to {
			p.moves = append(p.moves, move{Move: Move{a, b, reason}, at: n.at})
		}
	}
}
