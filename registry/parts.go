package registry

import (
	"fmt"

	"github.com/mlsuite/mlsuite/suite"
)

// Set is a list of suites in order of preference.
type Set []suite.Suite

// Parts are the implementations from which suites are built. Each is found by the code
// point in its Info.
type Parts struct {
	// HPKE returns the scheme of a definition's KEM, KDF and derivation, with an AEAD
	// from AEADs.
	HPKE func(d Definition, aead suite.AEAD) (suite.HPKEScheme, error)

	AEADs      []suite.AEAD
	Signatures []suite.SignatureScheme

	MinIKM int // of every suite: see [suite.Parts]
}

// Build returns the suite of each definition, in their order. The error names the first
// suite for which a part is missing.
func (p Parts) Build(definitions ...Definition) (Set, error) {
	set := make(Set, 0, len(definitions))
	for _, d := range definitions {
		s, err := p.build(d)
		if err != nil {
			return nil, fmt.Errorf("registry: %s: %w", d.Name, err)
		}
		set = append(set, s)
	}
	return set, nil
}

func (p Parts) build(d Definition) (suite.Suite, error) {
	aead, err := find(p.AEADs, "AEAD", d.AEAD, func(a suite.AEAD) uint16 { return a.AEADInfo().ID })
	if err != nil {
		return nil, err
	}
	signature, err := find(p.Signatures, "signature scheme", d.Signature,
		func(s suite.SignatureScheme) uint16 { return s.SignatureInfo().Scheme })
	if err != nil {
		return nil, err
	}
	hpke, err := p.HPKE(d, aead)
	if err != nil {
		return nil, err
	}
	if got := hpke.KEMInfo().ID; got != d.KEM {
		return nil, fmt.Errorf("the provider returned KEM 0x%04X for 0x%04X", got, d.KEM)
	}
	if got := hpke.KEMInfo().Derivation; d.Derivation != "" && got != d.Derivation {
		return nil, fmt.Errorf("the provider derives key pairs %q, not %q", got, d.Derivation)
	}
	if got := hpke.KDFInfo().ID; got != d.KDF {
		return nil, fmt.Errorf("the provider returned KDF 0x%04X for 0x%04X", got, d.KDF)
	}
	return suite.New(suite.Parts{
		ID: d.ID, Name: d.Name, Level: d.Level,
		HPKE: hpke, AEAD: aead, Hash: d.Hash, Signature: signature,
		MinIKM: p.MinIKM,
	})
}

func find[T any](parts []T, kind string, want uint16, code func(T) uint16) (part T, err error) {
	for _, p := range parts {
		if code(p) == want {
			return p, nil
		}
	}
	return part, fmt.Errorf("the provider has no %s 0x%04X", kind, want)
}
