package all_test

import (
	"crypto"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/mls/message"
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
	s, err := r.Suite(0xF0A1)
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
	fmt.Println(r.IDs())
	// Output: [0xF0A2]
}

// A policy of one's own, which judges suites and lets all else pass that it knows. A client
// puts it into its mls.Config.
func ExampleRegistry_Allowed() {
	postQuantum := suite.PolicyFunc(func(q suite.Question) error {
		switch s := q.Subject.(type) {
		case suite.Info:
			if q.Use != suite.Leave && !s.PQConfidentiality() {
				return fmt.Errorf("our rules, Section 1: %s is not post-quantum", s.KEM.Name)
			}
			return nil
		case suite.Move, message.CredentialType, message.Lifetime, suite.PSKInfo, message.WireFormat:
			return nil
		}
		return &suite.UnknownSubjectError{Subject: q.Subject}
	})
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	for info := range all.Registry().Allowed(postQuantum, suite.Start, now) {
		fmt.Println(info.ID, info.KEM.Name)
		if info.ID == 0xF003 {
			break
		}
	}
	s, err := all.Registry().Suite(0x0001)
	if err != nil {
		panic(err)
	}
	fmt.Println(suite.Question{Use: suite.Start, Time: now, Subject: suite.Describe(s)}.Ask(postQuantum))
	// Output:
	// 0xF001 MLKEM768-X25519
	// 0xF002 MLKEM768-X25519
	// 0xF003 MLKEM768-P256
	// our rules, Section 1: DHKEM(X25519, HKDF-SHA256) is not post-quantum
}
