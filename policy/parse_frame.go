package policy

import (
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"
)

// formatVersion is the version of the format that this package reads. Version 1 had no key
// format, version 2 no rules on pairs and members, and version 3 none on components.
const formatVersion = 4

// readable reports whether the file is of a version of the format that can be read. The
// keys of a later one would be reported as mistakes.
func (p *parser) readable(entries []entry) bool {
	for _, e := range entries {
		if e.key != "format" {
			continue
		}
		s, ok := p.scalar(e.value)
		if !ok {
			return true
		}
		n, err := strconv.Atoi(s)
		switch {
		case err != nil || n < 1:
			p.add(e.value.at, "%q is no version of the format, which is a whole number from 1", s)
		case n > formatVersion:
			p.add(e.value.at, "the file needs version %d of the format, and this program reads %d", n, formatVersion)
			return false
		}
	}
	return true
}

// timeZone reads the zone of the file's dates: UTC, or a name of the IANA database.
func (p *parser) timeZone(n node) {
	s, ok := p.scalar(n)
	if !ok || s == "UTC" {
		return
	}
	zone, err := time.LoadLocation(s)
	if err != nil || s == "Local" {
		p.add(n.at, "%q is no time zone that this machine knows, such as UTC or Europe/Berlin", s)
		return
	}
	p.zone = zone
}

// extend reads the name of an extended profile, or {profile: NAME, since: DATE}.
func (p *parser) extend(n node) {
	r := reference{at: n.at}
	var since string
	if n.yaml.Kind != yaml.MappingNode {
		r.name, _ = p.document.name(n)
	} else {
		entries := p.mapping(n)
		for _, e := range entries {
			switch e.key {
			case "profile":
				r.name, _ = p.document.name(e.value)
			case "since":
				since = p.roughDate(e.value)
			default:
				p.unknown(e, extendsKeys...)
			}
		}
		if !says(entries, "profile") {
			p.add(n.at, "what is extended needs the key profile, its name")
		}
	}
	if r.used() {
		p.extends = append(p.extends, extended{r, since})
	}
}
