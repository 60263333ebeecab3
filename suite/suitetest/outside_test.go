package suitetest_test

import (
	"crypto"
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/cloudflare/circl/sign/slhdsa"

	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/suitetest"
)

// The KEM of the example.
func TestOutsideKEM(t *testing.T) { suitetest.TestKEM(t, outsideKEM{}) }

// The signature scheme of the example.
func TestOutsideSignature(t *testing.T) { suitetest.TestSignatureScheme(t, outsideSignature()) }

// outsideSigner is a private key with the seed that it was made of.
type outsideSigner struct {
	slhdsa.PrivateKey
	seed []byte
}

// outsideSignature is SLH-DSA (FIPS 205), which this module does not have, at a code point
// of its own. Private keys are seeds.
func outsideSignature() suite.SignatureScheme {
	const id = slhdsa.SHA2_128f
	scheme := id.Scheme()
	info := suite.SignatureInfo{
		Scheme:      0xFE05, // of nobody else in the deployment
		Name:        "outside SLH-DSA",
		Level:       128,
		PostQuantum: "SLH-DSA-SHA2-128f",
		PublicKey:   scheme.PublicKeySize(),
		PrivateKey:  scheme.SeedSize(),
		Signature:   scheme.SignatureSize(),
		Provenance:  suite.ProvidedBy(suite.Provided{Primitive: "SLH-DSA-SHA2-128f", Package: "github.com/cloudflare/circl/sign/slhdsa"}),
	}
	parse := func(seed []byte) (outsideSigner, error) {
		_, key := scheme.DeriveKey(seed)
		return outsideSigner{key.(slhdsa.PrivateKey), append([]byte(nil), seed...)}, nil
	}
	return suite.NewSignatureScheme(suite.SignatureAlgorithm[outsideSigner]{
		Info: info,
		Generate: func() (outsideSigner, error) {
			seed := make([]byte, info.PrivateKey)
			rand.Read(seed)
			return parse(seed)
		},
		Parse: parse,
		Bytes: func(key outsideSigner) ([]byte, error) {
			if len(key.seed) != info.PrivateKey {
				return nil, fmt.Errorf("no key")
			}
			return append([]byte(nil), key.seed...), nil
		},
		EncodePublic: func(key crypto.PublicKey) ([]byte, error) {
			pub, ok := key.(slhdsa.PublicKey)
			if !ok || pub.ID != id {
				return nil, fmt.Errorf("no public key of %s", info.PostQuantum)
			}
			return pub.MarshalBinary()
		},
		Verify: func(pub, message, sig []byte) error {
			key := slhdsa.PublicKey{ID: id}
			if err := key.UnmarshalBinary(pub); err != nil {
				return &suite.KeyError{Algorithm: info.Name, Rule: "no public key of " + info.PostQuantum}
			}
			if !slhdsa.Verify(&key, slhdsa.NewMessage(message), sig, nil) {
				return suite.ErrVerify
			}
			return nil
		},
	})
}
