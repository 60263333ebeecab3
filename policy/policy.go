package policy

import (
	"bytes"
	"crypto/fips140"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlsuite/mlsuite/suite"
)

// Policy is a set of profiles with values for their parameters. It is immutable and safe
// for concurrent use.
//
// It is the [suite.Policy] of an engine, and of everything else that asks for one.
type Policy struct {
	parts  []part
	module string // version of the Go Cryptographic Module
	known  map[string]known
}

// part is a profile and what it extends. A suite has to satisfy every part.
type part struct {
	name     string
	existing Existing
	profiles []*profile // what is extended first
	values   settings
	fixed    map[parameterKey]bool
	moves    []Move
}

func newPolicy(l *Library, p *profile) *Policy {
	all := l.closure(p)
	one := part{name: p.name, existing: p.existing, profiles: all}
	one.values, one.fixed = initialSettings(all)
	for _, q := range all {
		for _, m := range q.moves {
			one.moves = append(one.moves, m.Move)
		}
	}
	return &Policy{parts: []part{one}, module: fips140.Version(), known: l.known}
}

// All returns the policy that allows what every policy of policies allows, each under its
// own parameters and with its own rule for existing groups. It takes the version of the
// module from the first. Without policies, it allows everything.
func All(policies ...*Policy) *Policy {
	together := &Policy{module: fips140.Version(), known: map[string]known{}}
	for i, p := range policies {
		if i == 0 {
			together.module = p.module
		}
		together.parts = append(together.parts, p.parts...)
		maps.Copy(together.known, p.known)
	}
	return together
}

// Name returns the name of the profile. The names of several profiles are joined by " +
// ".
func (p *Policy) Name() string {
	names := make([]string, len(p.parts))
	for i := range p.parts {
		names[i] = p.parts[i].name
	}
	if len(names) == 0 {
		return "any"
	}
	return strings.Join(names, " + ")
}

// With returns the policy with parameters set: "name" turns a switch on, and "name=value"
// sets a switch to true or false, or a date. If several profiles have a parameter of that
// name, write "profile:name". The error says that no profile has the parameter, that a
// file has set it for good, or that it cannot have the value.
func (p *Policy) With(assignments ...string) (*Policy, error) {
	for _, assignment := range assignments {
		name, text, given := strings.Cut(assignment, "=")
		if !given {
			text = "true"
		}
		declared, key, reason := findParameter(p.profiles(), name)
		if reason != "" {
			return nil, fmt.Errorf("policy: %s: %s", p.Name(), reason)
		}
		v, reason := declared.parse(text)
		if reason != "" {
			return nil, fmt.Errorf("policy: %s: %s", p.Name(), reason)
		}
		for i := range p.parts {
			if p.parts[i].fixed[key] && p.parts[i].values[key] != v {
				return nil, fmt.Errorf("policy: %s: parameter %s is set to %s for good", p.Name(), key, declared.write(p.parts[i].values[key]))
			}
		}
		p = p.set(key, v)
	}
	return p, nil
}

// set returns the policy with a value for a parameter, wherever the parameter is not
// fixed.
func (p *Policy) set(key parameterKey, v value) *Policy {
	changed := *p
	changed.parts = slices.Clone(p.parts)
	for i := range changed.parts {
		one := &changed.parts[i]
		if _, ok := one.values[key]; ok && !one.fixed[key] {
			one.values = maps.Clone(one.values)
			one.values[key] = v
		}
	}
	return &changed
}

// OnModule returns the policy for another version of the Go Cryptographic Module than the
// linked one, such as "v1.26.0".
func (p *Policy) OnModule(version string) *Policy {
	changed := *p
	changed.module = version
	return &changed
}

// Existing returns what the policy says of existing groups: the strictest rule of its
// profiles.
func (p *Policy) Existing() Existing {
	strictest := Report
	for i := range p.parts {
		strictest = max(strictest, p.parts[i].existing)
	}
	return strictest
}

// Profile is what a profile says of itself.
type Profile struct {
	Name     string
	Title    string
	Text     string
	Version  string
	Date     string
	Extends  []string
	Existing Existing

	Audience       string // whom the source addresses
	Classification string // of what it is for
	Zone           string // the time zone of its dates
	Digest         string // of its file: "sha256:" and the hash in hexadecimal
	Ends           Date   // the last day on which anything begins under it, or zero

	Notes []string
	Moves []Move
}

// Profiles returns the profiles of the policy. A profile comes after those that it
// extends.
func (p *Policy) Profiles() []Profile {
	var all []Profile
	for _, q := range p.profiles() {
		one := Profile{
			Name: q.name, Title: q.title, Text: q.text, Version: q.version, Date: q.date,
			Existing: q.existing, Audience: q.audience, Classification: q.classification, Zone: "UTC", Ends: q.ends,
			Digest: q.digest,
		}
		if q.zone != nil {
			one.Zone = q.zone.String()
		}
		for _, r := range q.extends {
			one.Extends = append(one.Extends, r.name)
		}
		for _, n := range q.notes {
			one.Notes = append(one.Notes, n.String())
		}
		for _, m := range q.moves {
			one.Moves = append(one.Moves, m.Move)
		}
		all = append(all, one)
	}
	return all
}

// Files returns the file of each profile, byte for byte, in the order of [Policy.Profiles].
// Each is what the profile's Digest is the SHA-256 of.
func (p *Policy) Files() []File {
	var all []File
	for _, q := range p.profiles() {
		all = append(all, File{q.at.File, bytes.Clone(q.data)})
	}
	return all
}

// Rules returns the rules of the policy, in the order of [Policy.Profiles].
func (p *Policy) Rules() []Rule {
	var all []Rule
	for _, q := range p.profiles() {
		for _, r := range q.rules {
			one := r.Rule
			one.Allow = slices.Clone(one.Allow)
			all = append(all, one)
		}
	}
	return all
}

// Parameters returns the parameters of the policy, with their values.
func (p *Policy) Parameters() []Parameter {
	var all []Parameter
	seen := map[parameterKey]bool{}
	for i := range p.parts {
		one := &p.parts[i]
		for _, q := range one.profiles {
			for _, d := range q.parameters {
				key := parameterKey{q.name, d.name}
				if seen[key] {
					continue
				}
				seen[key] = true
				all = append(all, Parameter{
					Profile: q.name, Name: d.name, Kind: d.kind, Text: d.text,
					Value: d.write(one.values[key]), Fixed: one.fixed[key],
				})
			}
		}
	}
	return all
}

// profiles returns the profiles of all parts, each once.
func (p *Policy) profiles() []*profile {
	var all []*profile
	for i := range p.parts {
		for _, q := range p.parts[i].profiles {
			if !slices.Contains(all, q) {
				all = append(all, q)
			}
		}
	}
	return all
}

// short returns the name of a parameter, with its profile's name if that is needed.
func (p *Policy) short(key parameterKey) string {
	if _, found, reason := findParameter(p.profiles(), key.name); reason == "" && found == key {
		return key.name
	}
	return key.String()
}

// of returns the facts about a suite.
func (p *Policy) of(info suite.Info) *facts {
	return &facts{suite: info, set: setOf(p.known, &info), module: p.module}
}

// on reports whether the note is on the suite of f, or on the pair or the suite of one of its
// groups.
func (n *note) on(about subject, f *facts) bool {
	if about != aboutSuite && about != aboutPair {
		return false
	}
	return len(n.when) == 0 || slices.ContainsFunc(n.when, func(when []condition) bool {
		switch {
		case subjectOf(when) == about:
			return holdAll(when, f, nil)
		case about == aboutPair:
			return holdAll(when, &f.legs[0], nil) || holdAll(when, &f.legs[1], nil)
		}
		return false
	})
}

// subjectOf returns what conditions are about. Without any, it is a suite.
func subjectOf(conditions []condition) subject {
	if len(conditions) == 0 {
		return aboutSuite
	}
	return conditions[0].fact.about
}

func (n *note) String() string {
	if n.certainty == Unverified {
		return "[U] " + n.text
	}
	return n.text
}
