// Package hpkeset finds HPKE schemes by code point, for the packages that build
// registries.
package hpkeset

import (
	"fmt"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/suite"
)

// Of returns registry.Parts.HPKE for the given KEMs and HKDF.
func Of(kems ...hpke.KEM) func(kem, kdf uint16, aead suite.AEAD) (suite.HPKEScheme, error) {
	kdfs := []hpke.KDF{hpke.HKDFSHA256(), hpke.HKDFSHA384(), hpke.HKDFSHA512()}
	return func(kemID, kdfID uint16, aead suite.AEAD) (suite.HPKEScheme, error) {
		for _, kem := range kems {
			if kem.Info().ID != kemID {
				continue
			}
			for _, kdf := range kdfs {
				if kdf.Info().ID == kdfID {
					return hpke.NewScheme(kem, kdf, aead)
				}
			}
			return nil, fmt.Errorf("the provider has no KDF 0x%04X", kdfID)
		}
		return nil, fmt.Errorf("the provider has no KEM 0x%04X", kemID)
	}
}
