// Package registry holds the cipher suites that an MLS engine has.
//
// A [Registry] is an immutable value, built from sets of suites. It says what is
// implemented. A policy says what is allowed, and [Registry.Allowed] lists what is both.
// The package imports no implementation: the packages below it, registry/all, registry/fast
// and registry/fips, build the suites of RFC 9420 and of draft-ietf-mls-pq-ciphersuites-06
// from implementations.
package registry

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/suite"
)

// ErrUnknown says that no suite has the code point or name.
var ErrUnknown = errors.New("registry: unknown cipher suite")

// Registry is an immutable set of suites in order of preference. It is safe for
// concurrent use.
type Registry struct {
	entries []entry
}

type entry struct {
	suite suite.Suite
	info  suite.Info // of suite.Describe
}

// New returns a registry of the suites of all sets, the most preferred first. It returns
// an error for two suites with one code point or one name, and for a code point that RFC
// 9420 reserves (Section 17.1) or uses as GREASE (Section 13.5).
func New(sets ...Set) (*Registry, error) {
	return new(Registry).With(slices.Concat(sets...)...)
}

// With returns a registry that also has suites, as the least preferred. The rules are
// those of New.
func (r *Registry) With(suites ...suite.Suite) (*Registry, error) {
	more := &Registry{entries: slices.Clone(r.entries)}
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

// Select returns a registry of only the named suites, in this order of preference. The
// error for a name that no suite has wraps [ErrUnknown].
func (r *Registry) Select(names ...string) (*Registry, error) {
	chosen := new(Registry)
	for _, name := range names {
		e, ok := r.find(func(i *suite.Info) bool { return i.Name == name })
		if !ok {
			return nil, fmt.Errorf("%w: %q", ErrUnknown, name)
		}
		if slices.ContainsFunc(chosen.entries, func(c entry) bool { return c.info.Name == name }) {
			return nil, fmt.Errorf("registry: %s is selected twice", name)
		}
		chosen.entries = append(chosen.entries, *e)
	}
	return chosen, nil
}

// Suite returns the suite of a code point, or an error that wraps [ErrUnknown].
func (r *Registry) Suite(id suite.ID) (suite.Suite, error) {
	e, ok := r.find(func(i *suite.Info) bool { return i.ID == id })
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrUnknown, id)
	}
	return e.suite, nil
}

// Named returns the suite of a name, or an error that wraps [ErrUnknown].
func (r *Registry) Named(name string) (suite.Suite, error) {
	e, ok := r.find(func(i *suite.Info) bool { return i.Name == name })
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	return e.suite, nil
}

// Suites returns all suites, the most preferred first.
func (r *Registry) Suites() []suite.Suite {
	all := make([]suite.Suite, len(r.entries))
	for i, e := range r.entries {
		all[i] = e.suite
	}
	return all
}

// IDs returns the code points of all suites, the most preferred first.
func (r *Registry) IDs() []suite.ID {
	all := make([]suite.ID, len(r.entries))
	for i, e := range r.entries {
		all[i] = e.info.ID
	}
	return all
}

// All yields the description of every suite, the most preferred first, as
// [suite.Describe] returns it and policies judge it.
func (r *Registry) All() iter.Seq[suite.Info] { return r.Allowed(nil, 0, time.Time{}) }

// Allowed yields the description of every suite that p allows for a use at a time, the
// most preferred first. A nil policy allows every suite.
func (r *Registry) Allowed(p suite.Policy, use suite.Use, now time.Time) iter.Seq[suite.Info] {
	return func(yield func(suite.Info) bool) {
		for _, e := range r.entries {
			q := suite.Question{Use: use, Time: now, Subject: e.info, Listing: true}
			if q.Ask(p) == nil && !yield(e.info) {
				return
			}
		}
	}
}

// find returns the first entry that matches. It copies none on the way: a commit looks up
// every suite.
func (r *Registry) find(match func(*suite.Info) bool) (*entry, bool) {
	for i := range r.entries {
		if match(&r.entries[i].info) {
			return &r.entries[i], true
		}
	}
	return nil, false
}

// reserved reports whether id is 0 or a GREASE value.
func reserved(id suite.ID) bool { return id == 0 || codepoint.IsGrease(id) }
