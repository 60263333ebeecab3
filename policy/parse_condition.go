package policy

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// conditions reads entries as conditions; also are the keys that would be known
// beside facts.
func (p *parser) conditions(entries []entry, also ...string) []condition {
	var all []condition
	for _, e := range entries {
		i := slices.IndexFunc(p.facts, func(f fact) bool { return f.name == e.key })
		if i < 0 {
			names := slices.Clone(also)
			for _, f := range p.facts {
				if _, _, ok := legPart(f.part); !ok {
					names = append(names, f.name)
				}
			}
			p.unknown(e, append(names, "t.FACT", "pq.FACT")...)
			continue
		}
		if c, ok := p.condition(p.facts[i], e.value); ok {
			all = append(all, c)
		}
	}
	return all
}

// condition reads the value of a fact.
func (p *parser) condition(f fact, n node) (condition, bool) {
	c := condition{fact: f, at: n.at, max: math.MaxInt64}
	before := len(p.found)
	switch f.kind {
	case word:
		p.wordCondition(&c, n)
	case number, duration:
		p.numberCondition(&c, n)
	case flag:
		if s, ok := p.oneOf(n, "true", "false"); ok {
			c.min = bit(s == "true")
			c.max = c.min
		}
	case version:
		p.versionCondition(&c, n)
	case packages:
		p.packagesCondition(&c, n)
	}
	return c, len(p.found) == before
}

func (p *parser) wordCondition(c *condition, n node) {
	if n.yaml.Kind == yaml.MappingNode {
		entries := p.mapping(n)
		switch {
		case len(entries) == 1 && entries[0].key == "not":
			c.not = true
		case len(entries) == 1 && entries[0].key == "in" && c.fact.free:
			if name, ok := p.scalar(entries[0].value); ok {
				c.in = reference{name: name, at: entries[0].value.at}
			}
			return
		case c.fact.free:
			p.add(n.at, "want a text, a list of texts, {not: ...} or {in: PARAMETER}")
			return
		default:
			p.add(n.at, "want a word, a list of words, or {not: ...}")
			return
		}
		n = entries[0].value
	}
	p.choices(n, func(at Position, s string) {
		s, ok := c.fact.canonical(s)
		switch {
		case !ok:
			p.add(at, "unknown %s %q; known: %s", c.fact.name, s, c.fact.known())
		case slices.Contains(c.words, s):
			p.add(at, "%s stands twice", s)
		default:
			c.words = append(c.words, s)
		}
	})
}

// choices calls f for each of what a condition allows, of which there has to be some.
func (p *parser) choices(n node, f func(at Position, s string)) {
	if p.eachText(n, f) == 0 {
		p.add(n.at, "the list is empty, so nothing satisfies it")
	}
}

// canonical returns a word of the fact as conditions compare it.
func (f *fact) canonical(s string) (string, bool) {
	if f.free || slices.Contains(f.words, s) {
		return s, true
	}
	if digits, ok := strings.CutPrefix(s, "0x"); f.code && ok {
		if n, err := strconv.ParseUint(digits, 16, 16); err == nil {
			return f.named(uint16(n)), true
		}
	}
	return s, false
}

// named returns the word for a code point, which for the first of a vocabulary of
// code points is its name.
func (f *fact) named(n uint16) string {
	if int(n) >= 1 && int(n) <= len(f.words) {
		return f.words[n-1]
	}
	return codePoint(n)
}

// known lists the words of the fact.
func (f *fact) known() string {
	words := slices.Clone(f.words)
	if f.code {
		words = append(words, "a code point such as 0xF001")
	}
	return strings.Join(words, ", ")
}

// limits reads {min: ..., max: ...} or one value that is both.
func (p *parser) limits(n node) (lowest, highest *node) {
	if n.yaml.Kind != yaml.MappingNode {
		return &n, &n
	}
	entries := p.mapping(n)
	for _, e := range entries {
		switch e.key {
		case "min":
			lowest = &e.value
		case "max":
			highest = &e.value
		default:
			p.unknown(e, "min", "max")
		}
	}
	if len(entries) == 0 {
		p.add(n.at, "want a value, or {min: ..., max: ...}")
	}
	return lowest, highest
}

func (p *parser) numberCondition(c *condition, n node) {
	read := func(n *node, into *int64) {
		if n == nil {
			return
		}
		s, ok := p.scalar(*n)
		if !ok {
			return
		}
		var value int64
		var err error
		if c.fact.kind == duration {
			value, err = parseDuration(s)
		} else {
			value, err = strconv.ParseInt(s, 10, 64)
		}
		switch {
		case err != nil && c.fact.kind == duration:
			p.add(n.at, "%v", err)
		case err != nil || value < 0:
			p.add(n.at, "%q is no whole number from 0", s)
		default:
			*into = value
		}
	}
	lowest, highest := p.limits(n)
	read(lowest, &c.min)
	read(highest, &c.max)
	if c.min > c.max {
		p.add(n.at, "min is above max, so nothing satisfies it")
	}
}

func (p *parser) versionCondition(c *condition, n node) {
	read := func(n *node) string {
		if n == nil {
			return ""
		}
		s, ok := p.scalar(*n)
		if _, valid := parseVersion(s); ok && !valid && s != latest {
			p.add(n.at, "%q is no version, such as v1.26.0 or latest", s)
			return ""
		}
		return s
	}
	lowest, highest := p.limits(n)
	c.minVersion, c.maxVersion = read(lowest), read(highest)
	if c.minVersion != "" && c.maxVersion != "" && compareVersions(c.minVersion, c.maxVersion) > 0 {
		p.add(n.at, "min is above max, so nothing satisfies it")
	}
}

func (p *parser) packagesCondition(c *condition, n node) {
	before := len(p.found)
	patterns := func(n node) (all []string) {
		p.choices(n, func(at Position, s string) {
			if err := checkPattern(s); err != nil {
				p.add(at, "%v", err)
				return
			}
			all = append(all, s)
		})
		return all
	}
	entries := p.mapping(n)
	for _, e := range entries {
		switch e.key {
		case "only":
			c.only = patterns(e.value)
		case "some":
			c.some = patterns(e.value)
		case "declared":
			c.declared = patterns(e.value)
		default:
			p.unknown(e, "only", "some", "declared")
		}
	}
	if len(entries) == 0 && n.yaml.Kind == yaml.MappingNode {
		p.add(n.at, "want {only: [...]}, {some: [...]}, {declared: [...]} or several of them")
	}
	if len(p.found) > before {
		return
	}
	for _, s := range c.some {
		if len(c.only) > 0 && !matchesPackage(c.only, strings.TrimSuffix(s, "/...")) {
			p.add(n.at, "some wants %s, which only does not have", s)
		}
	}
}
