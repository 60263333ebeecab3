// Package all builds the eighteen cipher suites: the seven of RFC 9420 and the
// eleven of draft-ietf-mls-pq-ciphersuites-06.
//
// Primitives come from the standard library where it has them. ChaCha20-Poly1305 comes
// from golang.org/x/crypto, X448 and Ed448 from circl, ML-DSA with Go 1.26 from
// filippo.io/mldsa.
// Package registry/fast has the same suites on faster primitives.
package all

import (
	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/internal/hpkeset"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/chacha"
	"github.com/mlsuite/mlsuite/suite/circl"
	"github.com/mlsuite/mlsuite/suite/mldsa"
)

// Registry returns New without options.
func Registry() *registry.Registry { return registry.Must(New()) }

// New returns the registry of all suites, RFC 9420's first, in the order of their
// documents. It returns an error if the code points collide or name unknown
// suites.
func New(opts ...registry.Option) (*registry.Registry, error) { return Parts().Registry(opts...) }

// Parts returns the parts from which the suites are built, to build further ones. It also
// has ML-KEM-512, which no suite uses.
func Parts() registry.Parts {
	return registry.Parts{
		HPKE: hpkeset.Of(
			hpke.DHKEMP256(), hpke.DHKEMP384(), hpke.DHKEMP521(), hpke.DHKEMX25519(), circl.DHKEMX448(),
			circl.MLKEM512(), hpke.MLKEM768(), hpke.MLKEM1024(),
			hybrid.MLKEM768X25519(), hybrid.MLKEM768P256(), hybrid.MLKEM1024P384(),
		),
		AEADs: []suite.AEAD{suite.AES128GCM(), suite.AES256GCM(), chacha.ChaCha20Poly1305()},
		Signatures: []suite.SignatureScheme{
			suite.Ed25519(), circl.Ed448(),
			suite.ECDSAP256(), suite.ECDSAP384(), suite.ECDSAP521(),
			mldsa.MLDSA44(), mldsa.MLDSA65(), mldsa.MLDSA87(),
		},
	}
}

// StandardHPKE returns Parts with HPKE from crypto/hpke, where it has the KEM, in place of
// package hpke. Sealing to many recipients then hashes the info for each of them: see
// [hpke.NewStandardScheme].
func StandardHPKE() registry.Parts {
	parts := Parts()
	others := parts.HPKE
	parts.HPKE = func(d registry.Definition, aead suite.AEAD) (suite.HPKEScheme, error) {
		s, err := hpke.NewStandardScheme(d.KEM, d.KDF, aead.AEADInfo().ID)
		if err != nil || d.Derivation != "" && s.KEMInfo().Derivation != d.Derivation {
			return others(d, aead)
		}
		return s, nil
	}
	return parts
}

// ProviderSets returns the other set of providers that the standard library offers:
// "crypto-hpke", which is [StandardHPKE].
func ProviderSets() []registry.ProviderSet {
	return []registry.ProviderSet{{
		Name:  "crypto-hpke",
		About: "HPKE of the standard library, which hashes its info for each recipient",
		Parts: StandardHPKE,
	}}
}
