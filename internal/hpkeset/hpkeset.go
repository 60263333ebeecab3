// Package hpkeset finds HPKE schemes by code point, for the packages that build
// registries.
package hpkeset

import (
	"fmt"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// Of returns registry.Parts.HPKE for the given KEMs, with all derivations of those
// that have seeds, and HKDF.
func Of(kems ...hpke.KEM) func(d registry.Definition, aead suite.AEAD) (suite.HPKEScheme, error) {
	kdfs := []hpke.KDF{hpke.HKDFSHA256(), hpke.HKDFSHA384(), hpke.HKDFSHA512()}
	return func(d registry.Definition, aead suite.AEAD) (suite.HPKEScheme, error) {
		for _, kem := range kems {
			if kem.Info().ID != d.KEM {
				continue
			}
			if d.Derivation != "" {
				var err error
				if kem, err = hpke.WithDerivation(kem, d.Derivation); err != nil {
					return nil, err
				}
			}
			for _, kdf := range kdfs {
				if kdf.Info().ID == d.KDF {
					return hpke.NewScheme(kem, kdf, aead)
				}
			}
			return nil, fmt.Errorf("the provider has no KDF 0x%04X", d.KDF)
		}
		return nil, fmt.Errorf("the provider has no KEM 0x%04X", d.KEM)
	}
}
