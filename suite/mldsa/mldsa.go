// Package mldsa provides the signature schemes of ML-DSA (FIPS 204) on
// filippo.io/mldsa, which is the standard library's implementation ahead of its
// release in Go 1.27.
//
// Public keys are those of FIPS 204, private keys 32-byte seeds. Signing is pure
// ML-DSA, hedged, with an empty context unless [suite.ContextScheme] gives another: every
// scheme of this package is one. NewSigner gives a foreign key the context in an
// [*mldsa.Options], and a crypto.Hash of 0 if the context is empty.
package mldsa

import (
	"crypto"
	"errors"
	"fmt"

	"filippo.io/mldsa"

	"github.com/mlsuite/mlsuite/internal/provenance"
	"github.com/mlsuite/mlsuite/suite"
)

// MLDSA44 returns mldsa44, TLS SignatureScheme 0x0904: public keys of 1312 bytes,
// signatures of 2420.
func MLDSA44() suite.SignatureScheme { return newScheme(mldsa.MLDSA44(), 0x0904) }

// MLDSA65 returns mldsa65, TLS SignatureScheme 0x0905: public keys of 1952 bytes,
// signatures of 3309.
func MLDSA65() suite.SignatureScheme { return newScheme(mldsa.MLDSA65(), 0x0905) }

// MLDSA87 returns mldsa87, TLS SignatureScheme 0x0906: public keys of 2592 bytes,
// signatures of 4627.
func MLDSA87() suite.SignatureScheme { return newScheme(mldsa.MLDSA87(), 0x0906) }

func newScheme(params mldsa.Parameters, scheme uint16) suite.SignatureScheme {
	return suite.NewSignatureScheme(algorithm(params, scheme, ""))
}

func algorithm(params mldsa.Parameters, scheme uint16, context string) suite.SignatureAlgorithm[*mldsa.PrivateKey] {
	info := suite.SignatureRow(scheme).Info
	info.Provenance = suite.ProvidedBy(suite.Provided{Primitive: info.PostQuantum, Package: "filippo.io/mldsa"})
	opts := &mldsa.Options{Context: context}
	a := suite.SignatureAlgorithm[*mldsa.PrivateKey]{
		Own:  provenance.This(),
		Info: info,
		WithContext: func(context string) suite.SignatureAlgorithm[*mldsa.PrivateKey] {
			return algorithm(params, scheme, context)
		},
		Generate: func() (*mldsa.PrivateKey, error) { return mldsa.GenerateKey(params) },
		Parse:    func(b []byte) (*mldsa.PrivateKey, error) { return mldsa.NewPrivateKey(params, b) },
		Bytes: func(key *mldsa.PrivateKey) ([]byte, error) {
			if key == nil {
				return nil, errors.New("no key")
			}
			if got := key.PublicKey().Parameters(); got != params {
				return nil, fmt.Errorf("%s, want %s", got, params)
			}
			return key.Bytes(), nil
		},
		EncodePublic: func(key crypto.PublicKey) ([]byte, error) {
			pub, ok := key.(*mldsa.PublicKey)
			if !ok {
				return nil, fmt.Errorf("type %T, want %T", key, pub)
			}
			if pub == nil {
				return nil, errors.New("no key")
			}
			return pub.Bytes(), nil
		},
		Verify: func(pub, message, sig []byte) error {
			key, err := mldsa.NewPublicKey(params, pub)
			if err != nil {
				return &suite.KeyError{Algorithm: info.Name, Rule: "no public key of " + info.PostQuantum}
			}
			if mldsa.Verify(key, message, sig, opts) != nil {
				return suite.ErrVerify
			}
			return nil
		},
	}
	if context != "" { // keys of other libraries may know no options
		a.Options = opts
	}
	return a
}
