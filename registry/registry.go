// Package registry holds the cipher suites that exist for an MLS engine.
//
// A [Registry] is an immutable value, built from sets of suites and made smaller
// by policies. It imports no implementation: the packages below it, registry/all
// and registry/fips, build the suites of RFC 9420 and of
// draft-ietf-mls-pq-ciphersuites-06 from theirs.
package registry

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// Registry is an immutable set of suites in order of preference, and the policies
// that they are under. It is safe for concurrent use. The only way to a suite is
// past the policies.
type Registry struct {
	entries  []entry
	policies []Policy
}

type entry struct {
	suite suite.Suite
	info  suite.Info // of suite.Describe
}

// New returns a registry of the suites of all sets, the most preferred first. It
// refuses two suites of one code point or one name, and code points that RFC 9420
// reserves (Section 17.1) or uses as GREASE (Section 13.5).
func New(sets ...Set) (*Registry, error) {
	return new(Registry).With(slices.Concat(sets...)...)
}

// With returns a registry that has suites too, least preferred, under the same
// rules as New and under the policies of r.
func (r *Registry) With(suites ...suite.Suite) (*Registry, error) {
	more := &Registry{entries: slices.Clone(r.entries), policies: r.policies}
	for _, s := range suites {
		if s == nil {
			return nil, errors.New("registry: a suite is nil")
		}
		info := suite.Describe(s) // as policies see it
		if reserved(info.ID) {
			return nil, fmt.Errorf("registry: %s: code point %s is reserved", info.Name, info.ID)
		}
		if info.Name == "" {
			return nil, fmt.Errorf("registry: suite %s has no name", info.ID)
		}
		for _, e := range more.entries {
			if e.info.ID == info.ID {
				return nil, fmt.Errorf("registry: %s and %s have the same code point %s%s",
					e.info.Name, info.Name, info.ID, partedBy(e.info.KEM.Derivation, info.KEM.Derivation))
			}
			if e.info.Name == info.Name {
				return nil, fmt.Errorf("registry: %s and %s have the same name %s", e.info.ID, info.ID, info.Name)
			}
		}
		more.entries = append(more.entries, entry{s, info})
	}
	return more, nil
}

// partedBy says that the members of a group whose suites derive key pairs in these ways
// would part.
func partedBy(one, another string) string {
	if one == another {
		return ""
	}
	return fmt.Sprintf(", and derive key pairs in different ways: %q and %q", one, another)
}

// Restrict returns a registry whose suites the policies allow too.
func (r *Registry) Restrict(policies ...Policy) *Registry {
	return &Registry{entries: r.entries, policies: slices.Concat(r.policies, policies)}
}

// Select returns a registry of the named suites alone, in this order of
// preference, under the policies of r.
func (r *Registry) Select(names ...string) (*Registry, error) {
	chosen := &Registry{policies: r.policies}
	for _, name := range names {
		e, ok := r.find(func(i suite.Info) bool { return i.Name == name })
		if !ok {
			return nil, fmt.Errorf("%w: %q", ErrUnknown, name)
		}
		if slices.ContainsFunc(chosen.entries, func(c entry) bool { return c.info.Name == name }) {
			return nil, fmt.Errorf("registry: %s is selected twice", name)
		}
		chosen.entries = append(chosen.entries, e)
	}
	return chosen, nil
}

// Suite returns the suite of a code point for a use. It returns an error that
// wraps [ErrUnknown], or the [*Refusal] of the first policy that refuses, with the
// suites that could be used so.
func (r *Registry) Suite(id suite.ID, use suite.Use, now time.Time) (suite.Suite, error) {
	e, ok := r.find(func(i suite.Info) bool { return i.ID == id })
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrUnknown, id)
	}
	return r.judged(e, use, now)
}

// Named is Suite by name.
func (r *Registry) Named(name string, use suite.Use, now time.Time) (suite.Suite, error) {
	e, ok := r.find(func(i suite.Info) bool { return i.Name == name })
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	return r.judged(e, use, now)
}

// Suites returns the suites that the policies allow, the most preferred first.
func (r *Registry) Suites(use suite.Use, now time.Time) []suite.Suite {
	var allowed []suite.Suite
	for _, e := range r.entries {
		if r.refuse(e, use, now) == nil {
			allowed = append(allowed, e.suite)
		}
	}
	return allowed
}

// IDs returns the code points of [Registry.Suites].
func (r *Registry) IDs(use suite.Use, now time.Time) []suite.ID {
	var ids []suite.ID
	for _, e := range r.entries {
		if r.refuse(e, use, now) == nil {
			ids = append(ids, e.info.ID)
		}
	}
	return ids
}

// All yields the description of every suite, the most preferred first, whatever
// the policies say of it.
func (r *Registry) All() iter.Seq[suite.Info] {
	return func(yield func(suite.Info) bool) {
		for _, e := range r.entries {
			if !yield(e.info) {
				return
			}
		}
	}
}

func (r *Registry) find(match func(suite.Info) bool) (entry, bool) {
	for _, e := range r.entries {
		if match(e.info) {
			return e, true
		}
	}
	return entry{}, false
}

func (r *Registry) judged(e entry, use suite.Use, now time.Time) (suite.Suite, error) {
	refusal := r.refuse(e, use, now)
	if refusal == nil {
		return e.suite, nil
	}
	answer := *refusal
	answer.Suite, answer.Name, answer.Use, answer.At = e.info.ID, e.info.Name, use, now
	answer.Instead = []Choice{}
	for _, other := range r.entries {
		if r.refuse(other, use, now) == nil {
			answer.Instead = append(answer.Instead, Choice{other.info.ID, other.info.Name})
		}
	}
	return nil, &answer
}

// refuse returns the first policy's no to an entry, or nil.
func (r *Registry) refuse(e entry, use suite.Use, now time.Time) *Refusal {
	for _, policy := range r.policies {
		if refusal := policy(e.info, use, now); refusal != nil {
			return refusal
		}
	}
	return nil
}

// reserved reports whether id is 0 or a GREASE value: 0x0A0A, 0x1A1A to 0xEAEA.
func reserved(id suite.ID) bool {
	high, low := id>>8, id&0xff
	return id == 0 || high == low && low&0x0f == 0x0a && low != 0xfa
}
