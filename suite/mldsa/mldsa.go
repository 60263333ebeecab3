// Package mldsa provides the signature schemes of ML-DSA (FIPS 204).
//
// From Go 1.27 on, ML-DSA is the standard library's crypto/mldsa, which is part of the Go
// Cryptographic Module from v1.26.0 on. With Go 1.26, and in a build with module v1.0.0
// (GOFIPS140=v1.0.0), it is filippo.io/mldsa, the same implementation outside the standard
// library and the module. The keys of [suite.SignatureScheme.NewSigner] are of that package;
// filippo.io/mldsa has crypto/mldsa's types wherever this package takes that.
//
// Public keys are those of FIPS 204, private keys 32-byte seeds. Signing is pure
// ML-DSA, hedged, with an empty context unless [suite.ContextScheme] gives another: every
// scheme of this package is one. NewSigner gives a foreign key the context in an
// *Options of that package, and a crypto.Hash of 0 if the context is empty.
package mldsa

import (
	"crypto"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/internal/provenance"
	"github.com/mlsuite/mlsuite/suite"
)

// MLDSA44 returns mldsa44, TLS SignatureScheme 0x0904: public keys of 1312 bytes,
// signatures of 2420.
func MLDSA44() suite.SignatureScheme { return newScheme(library().mldsa44(), 0x0904) }

// MLDSA65 returns mldsa65, TLS SignatureScheme 0x0905: public keys of 1952 bytes,
// signatures of 3309.
func MLDSA65() suite.SignatureScheme { return newScheme(library().mldsa65(), 0x0905) }

// MLDSA87 returns mldsa87, TLS SignatureScheme 0x0906: public keys of 2592 bytes,
// signatures of 4627.
func MLDSA87() suite.SignatureScheme { return newScheme(library().mldsa87(), 0x0906) }

// functions are those of the library that a scheme needs.
type functions struct {
	mldsa44, mldsa65, mldsa87 func() parameters

	generateKey   func(parameters) (*privateKey, error)
	newPrivateKey func(params parameters, seed []byte) (*privateKey, error)
	newPublicKey  func(params parameters, encoding []byte) (*publicKey, error)
	verify        func(key *publicKey, message, sig []byte, opts *options) error
}

func newScheme(params parameters, scheme uint16) suite.SignatureScheme {
	return suite.NewSignatureScheme(algorithm(params, scheme, ""))
}

func algorithm(params parameters, scheme uint16, context string) suite.SignatureAlgorithm[*privateKey] {
	lib := library()
	info := suite.SignatureRow(scheme).Info
	info.Provenance = suite.ProvidedBy(suite.Provided{Primitive: info.PostQuantum, Package: Library})
	opts := &options{Context: context}
	a := suite.SignatureAlgorithm[*privateKey]{
		Own:  provenance.This(),
		Info: info,
		WithContext: func(context string) suite.SignatureAlgorithm[*privateKey] {
			return algorithm(params, scheme, context)
		},
		Generate: func() (*privateKey, error) { return lib.generateKey(params) },
		Parse:    func(b []byte) (*privateKey, error) { return lib.newPrivateKey(params, b) },
		Bytes: func(key *privateKey) ([]byte, error) {
			if key == nil {
				return nil, errors.New("no key")
			}
			if got := key.PublicKey().Parameters(); got != params {
				return nil, fmt.Errorf("%s, want %s", got, params)
			}
			return key.Bytes(), nil
		},
		EncodePublic: func(key crypto.PublicKey) ([]byte, error) {
			pub, ok := key.(*publicKey)
			if !ok {
				return nil, fmt.Errorf("type %T, want %T", key, pub)
			}
			if pub == nil {
				return nil, errors.New("no key")
			}
			return pub.Bytes(), nil
		},
		Verify: func(pub, message, sig []byte) error {
			key, err := lib.newPublicKey(params, pub)
			if err != nil {
				return &suite.KeyError{Algorithm: info.Name, Rule: "no public key of " + info.PostQuantum}
			}
			if lib.verify(key, message, sig, opts) != nil {
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
