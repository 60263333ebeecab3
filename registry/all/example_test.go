package all_test

import (
	"crypto"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/chacha"
)

// A suite of one's own, from parts that this module has.
func Example_ownSuite() {
	own, err := all.Parts().Build(registry.Definition{
		ID: 0xF0A1, Name: "MLS_128_DHKEMP256_AES256GCM_SHA384_Ed25519", Level: 128,
		KEM: 0x0010, KDF: 0x0002, AEAD: 0x0002, Hash: crypto.SHA384, Signature: 0x0807,
	})
	if err != nil {
		panic(err)
	}
	r, err := all.Registry().With(own...)
	if err != nil {
		panic(err)
	}
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	s, err := r.Suite(0xF0A1, suite.Start, now)
	if err != nil {
		panic(err)
	}
	fmt.Println(s.Info().Name)
	// Output: MLS_128_DHKEMP256_AES256GCM_SHA384_Ed25519
}

// A suite of one's own on a part of one's own: any [hpke.KEM], [suite.AEAD] or
// [suite.SignatureScheme] takes the place of those here.
func Example_ownPart() {
	scheme, err := hpke.NewScheme(hpke.MLKEM768(), hpke.HKDFSHA512(), chacha.ChaCha20Poly1305())
	if err != nil {
		panic(err)
	}
	own, err := suite.New(suite.Parts{
		ID: 0xF0A2, Name: "MLS_128_MLKEM768_CHACHA20POLY1305_SHA512_P256", Level: 128,
		HPKE: scheme, AEAD: chacha.ChaCha20Poly1305(), Hash: crypto.SHA512, Signature: suite.ECDSAP256(),
	})
	if err != nil {
		panic(err)
	}
	r, err := registry.New(registry.Set{own})
	if err != nil {
		panic(err)
	}
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	fmt.Println(r.IDs(suite.Start, now))
	// Output: [0xF0A2]
}

// A policy is a function.
func ExampleRegistry() {
	postQuantum := func(info suite.Info, use suite.Use, _ time.Time) *registry.Refusal {
		if use == suite.Leave || info.PQConfidentiality() {
			return nil
		}
		return &registry.Refusal{
			Policy: "post-quantum", Rule: "key encapsulation", Source: "our rules, Section 1",
			Found: info.KEM.Name, Wanted: "ML-KEM",
		}
	}
	r := all.Registry().Restrict(postQuantum)
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	_, err := r.Suite(0x0001, suite.Start, now)
	fmt.Println(err)
	fmt.Println(r.IDs(suite.Start, now)[:2])
	// Output:
	// registry: 0x0001 MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519 refused for start by policy post-quantum: key encapsulation: found DHKEM(X25519, HKDF-SHA256), wanted ML-KEM; see our rules, Section 1
	// [0xF001 0xF002]
}
