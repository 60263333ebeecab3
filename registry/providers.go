package registry

import "github.com/mlsuite/mlsuite/suite"

// ProviderSet is a choice of implementations under a name. The suites that two sets build
// from one definition agree on every byte that travels. They differ in what they cost, and
// in who vouches for them.
type ProviderSet struct {
	Name  string // for flags and tables, such as "circl"
	About string // what comes from where, for help texts
	Parts Parts

	// FIPS140 is the mode of the Go Cryptographic Module that the set is for: "on", "off",
	// or "" for either. A process keeps the mode that it starts in.
	FIPS140 string

	// Check returns why the set is of no use in this program, in whatever mode the program
	// runs. It is nil if there is nothing to check.
	Check func() error
}

// Suite returns the set's own suite of that description. The error says which part the set
// lacks.
func (p ProviderSet) Suite(of suite.Info) (suite.Suite, error) {
	set, err := p.Parts.Build(DefinitionOf(of))
	if err != nil {
		return nil, err
	}
	return set[0], nil
}
