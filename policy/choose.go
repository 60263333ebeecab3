package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// Member is somebody who is to be in a group, and the suites that would do.
type Member struct {
	Name   string // for the error of [Choose]; the application's choice
	Suites []suite.ID
}

// Capable returns a member by the capabilities of a leaf: what it could take part in
// if it published a key package for it (RFC 9420, Section 7.2).
func Capable(name string, c mls.Capabilities) Member {
	return Member{name, slices.Clone(c.CipherSuites)}
}

// Ready returns a member by the key packages that it has published: what it can be
// added to at once.
func Ready(name string, packages ...*mls.KeyPackage) Member {
	m := Member{Name: name}
	for _, kp := range packages {
		if !slices.Contains(m.Suites, kp.CipherSuite) {
			m.Suites = append(m.Suites, kp.CipherSuite)
		}
	}
	return m
}

// Choose returns the suite for a new group: the registry's most preferred that the
// registry allows, that every member has and that every policy allows at the time.
// The caller's preference is the registry's order ([registry.Registry.Select]). If
// there is none, its error is a [*NoSuite].
func Choose(r *registry.Registry, members []Member, policies []*Policy, now time.Time) (suite.Info, error) {
	failure := &NoSuite{At: now}
	for info := range r.All() {
		if o := obstacle(r, info, members, policies, now); o != nil {
			failure.Obstacles = append(failure.Obstacles, *o)
			continue
		}
		return info, nil
	}
	for _, m := range members {
		for _, id := range m.Suites {
			if !slices.ContainsFunc(failure.Obstacles, func(o Obstacle) bool { return o.Suite == id }) && !slices.Contains(failure.Unknown, id) {
				failure.Unknown = append(failure.Unknown, id)
			}
		}
	}
	return suite.Info{}, failure
}

// NoSuite is the error of [Choose]: for every suite of the registry what stands in
// its way.
type NoSuite struct {
	At        time.Time
	Obstacles []Obstacle // in the registry's order

	// Unknown are suites that members have and the registry does not.
	Unknown []suite.ID
}

// Obstacle is what stands in the way of one suite.
type Obstacle struct {
	Suite    suite.ID
	Name     string
	Missing  []string            // members that do not have it
	Refusals []*registry.Refusal // of the registry and of the policies
}

func obstacle(r *registry.Registry, info suite.Info, members []Member, policies []*Policy, now time.Time) *Obstacle {
	o := &Obstacle{Suite: info.ID, Name: info.Name}
	for _, m := range members {
		if !slices.Contains(m.Suites, info.ID) {
			o.Missing = append(o.Missing, m.Name)
		}
	}
	var refusal *registry.Refusal
	if _, err := r.Suite(info.ID, suite.Start, now); errors.As(err, &refusal) {
		o.Refusals = append(o.Refusals, refusal)
	}
	for _, p := range policies {
		if refusal := p.Refuse(info, suite.Start, now); refusal != nil {
			o.Refusals = append(o.Refusals, refusal)
		}
	}
	if len(o.Missing)+len(o.Refusals) == 0 {
		return nil
	}
	return o
}

// Unwrap returns [registry.ErrRefused] if a policy is among the obstacles.
func (e *NoSuite) Unwrap() error {
	if slices.ContainsFunc(e.Obstacles, func(o Obstacle) bool { return len(o.Refusals) > 0 }) {
		return registry.ErrRefused
	}
	return nil
}

// Error names who stands in the way of how many suites.
func (e *NoSuite) Error() string {
	if len(e.Obstacles) == 0 {
		return "policy: no suite for all: the registry has none"
	}
	var who []string
	counts := map[string]int{}
	count := func(name string) {
		if counts[name]++; counts[name] == 1 {
			who = append(who, name)
		}
	}
	for _, o := range e.Obstacles {
		for _, name := range o.blockers() {
			count(name)
		}
	}
	parts := make([]string, len(who))
	for i, name := range who {
		parts[i] = fmt.Sprintf("%s %d", name, counts[name])
	}
	return fmt.Sprintf("policy: no suite for all: of %d in the registry, excluded by %s", len(e.Obstacles), strings.Join(parts, ", "))
}

// blockers returns the members and the policies that exclude the suite, each once.
func (o *Obstacle) blockers() []string {
	var names []string
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range o.Missing {
		add("member " + name)
	}
	for _, r := range o.Refusals {
		for _, reason := range r.Reasons() {
			add("policy " + reason.Policy)
		}
	}
	return names
}

// Explain returns, for people, what stands in the way of each suite.
func (e *NoSuite) Explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "No suite suits all members and policies at %s.\n", DateOf(e.At))
	for _, o := range e.Obstacles {
		fmt.Fprintf(&b, "\n%s %s\n", o.Suite, o.Name)
		if len(o.Missing) > 0 {
			fmt.Fprintf(&b, "  not of members: %s\n", strings.Join(o.Missing, ", "))
		}
		for _, r := range o.Refusals {
			for _, reason := range r.Reasons() {
				fmt.Fprintf(&b, "  %s/%s: found %s, wanted %s\n", reason.Policy, reason.Rule, reason.Found, reason.Wanted)
			}
			if r.With != "" {
				fmt.Fprintf(&b, "  %s would allow it with %s\n", r.Policy, r.With)
			}
		}
	}
	if len(e.Unknown) > 0 {
		names := make([]string, len(e.Unknown))
		for i, id := range e.Unknown {
			names[i] = id.String()
		}
		fmt.Fprintf(&b, "\nMembers have suites that the registry has not: %s\n", strings.Join(names, ", "))
	}
	return b.String()
}
