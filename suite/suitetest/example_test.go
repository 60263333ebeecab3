package suitetest_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"

	"filippo.io/mlkem768"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// outsideKEM is ML-KEM-768 of a library that this module does not know, at a code
// point of its own.
type outsideKEM struct{}

func (outsideKEM) Info() suite.KEMInfo {
	return suite.KEMInfo{
		ID:          0xF768, // of nobody else in the deployment
		Name:        "outside ML-KEM-768",
		Level:       192,
		PostQuantum: "ML-KEM-768",
		Nsecret:     mlkem768.SharedKeySize,
		Nenc:        mlkem768.CiphertextSize,
		Npk:         mlkem768.EncapsulationKeySize,
		Nsk:         mlkem768.SeedSize,
		Provenance:  suite.ProvidedBy(suite.Provided{Primitive: "ML-KEM-768", Package: "filippo.io/mlkem768"}),
	}
}

func (k outsideKEM) GenerateKey() (hpke.KEMPrivateKey, error) {
	seed := make([]byte, mlkem768.SeedSize)
	rand.Read(seed)
	return k.ParsePrivateKey(seed)
}

func (k outsideKEM) DeriveKeyPair(ikm []byte) (hpke.KEMPrivateKey, error) {
	return k.ParsePrivateKey(hpke.DeriveSeed(k.Info().ID, ikm, mlkem768.SeedSize))
}

func (k outsideKEM) ParsePrivateKey(b []byte) (hpke.KEMPrivateKey, error) {
	key, err := mlkem768.NewKeyFromSeed(b)
	if err != nil {
		return nil, &suite.KeyError{Algorithm: k.Info().Name, Private: true, Rule: "wrong length"}
	}
	return outsideKey{key}, nil
}

func (k outsideKEM) CheckPublicKey(pub []byte) error { return hpke.CheckMLKEMKey(3, pub) }

func (k outsideKEM) Encap(pub []byte) (sharedSecret, enc []byte, err error) {
	if err := k.CheckPublicKey(pub); err != nil {
		return nil, nil, err
	}
	enc, fresh, err := mlkem768.Encapsulate(pub)
	if err != nil {
		return nil, nil, err
	}
	defer clear(fresh[:cap(fresh)]) // behind the secret, the library leaves its randomness
	return bytes.Clone(fresh), enc, nil
}

type outsideKey struct{ key *mlkem768.DecapsulationKey }

func (k outsideKey) PublicKey() []byte { return k.key.EncapsulationKey() }

func (k outsideKey) Bytes() ([]byte, error) { return k.key.Bytes(), nil }

func (k outsideKey) Decap(enc []byte) ([]byte, error) {
	sharedSecret, err := mlkem768.Decapsulate(k.key, enc)
	if err != nil {
		return nil, suite.ErrDecrypt
	}
	return sharedSecret, nil
}

// A KEM from outside becomes a cipher suite of MLS: HPKE over it, the other parts
// from here, a code point, and a place in a registry. Its own tests call
// [suitetest.TestKEM] and [suitetest.TestSuite].
func Example() {
	scheme, err := hpke.NewScheme(outsideKEM{}, hpke.HKDFSHA384(), suite.AES256GCM())
	if err != nil {
		panic(err)
	}
	own, err := suite.New(suite.Parts{
		ID:        0xF0F0,
		Name:      "MLS_192_OUTSIDE_AES256GCM_SHA384_P384",
		Level:     192,
		HPKE:      scheme,
		AEAD:      suite.AES256GCM(),
		Hash:      crypto.SHA384,
		Signature: suite.ECDSAP384(),
	})
	if err != nil {
		panic(err)
	}
	r, err := all.Registry().With(own)
	if err != nil {
		panic(err)
	}

	s, err := r.Suite(0xF0F0)
	if err != nil {
		panic(err)
	}
	key, err := s.GenerateKey()
	if err != nil {
		panic(err)
	}
	enc, ciphertext, err := s.Seal(key.PublicKey(), nil, nil, []byte("hello"))
	if err != nil {
		panic(err)
	}
	plaintext, err := key.Open(enc, nil, nil, ciphertext)
	fmt.Printf("%s: %s, %v\n", s.Info().KEM.Name, plaintext, err)

	_, _, err = s.Seal(make([]byte, 31), nil, nil, nil)
	fmt.Println(errors.Is(err, suite.ErrInvalidKey))
	// Output:
	// outside ML-KEM-768: hello, <nil>
	// true
}
