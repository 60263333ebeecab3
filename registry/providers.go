package registry

import (
	"fmt"

	"github.com/mlsuite/mlsuite/suite"
)

// ProviderSet is a choice of implementations under a name. The suites that two sets build
// from one definition agree on every byte that travels. They differ in what they cost, and
// in who vouches for them.
type ProviderSet struct {
	Name  string // for flags and tables, such as "fast"
	About string // what comes from where, for help texts

	// Parts returns the parts of suites, new ones each time: what they keep of public keys that
	// are used often, they do not share.
	Parts func() Parts

	// FIPS140 is the mode of the Go Cryptographic Module that the set is for: "on", "off",
	// or "" for either. A process keeps the mode that it starts in.
	FIPS140 string

	// Check returns why the set is of no use in this program, in whatever mode the program
	// runs. It is nil if there is nothing to check.
	Check func() error

	suites *Registry // instead of Parts
}

// ProviderSet returns the suites of r as a set of providers.
func (r *Registry) ProviderSet(name, about string) ProviderSet {
	return ProviderSet{Name: name, About: about, suites: r}
}

// Suite returns the set's own suite of that description, a new one each time unless the set
// consists of suites. The error says which part the set lacks, or is [ErrUnknown] where it
// consists of suites.
func (p ProviderSet) Suite(of suite.Info) (suite.Suite, error) {
	if p.suites != nil {
		s, err := p.suites.Suite(of.ID)
		if err == nil && DefinitionOf(s.Info()) != DefinitionOf(of) {
			return nil, fmt.Errorf("%w: %s is another suite there", ErrUnknown, of.ID)
		}
		return s, err
	}
	var parts Parts
	if p.Parts != nil {
		parts = p.Parts()
	}
	set, err := parts.Build(DefinitionOf(of))
	if err != nil {
		return nil, err
	}
	return set[0], nil
}
