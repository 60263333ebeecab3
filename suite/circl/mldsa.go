package circl

import (
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"

	"github.com/mlsuite/mlsuite/internal/avx"
	"github.com/mlsuite/mlsuite/internal/frequent"
	"github.com/mlsuite/mlsuite/internal/provenance"
	"github.com/mlsuite/mlsuite/suite"
)

// MLDSA44 returns mldsa44, TLS SignatureScheme 0x0904: public keys of 1312 bytes,
// signatures of 2420.
//
// The three ML-DSA schemes (FIPS 204) are vectorised alternatives to those of package
// suite/mldsa. They have the same encodings: private keys are 32-byte seeds. Signing is
// pure ML-DSA, hedged, with an empty context unless [suite.ContextScheme] gives another: the
// three are such schemes. NewSigner treats circl's own private keys, which sign
// deterministically, as foreign; they take no context, so under one their Sign fails. A
// scheme keeps up to 64 public keys that it verifies with often in their expanded form: 20
// to 63 kB each, and once for all contexts.
func MLDSA44() suite.SignatureScheme {
	return newMLDSA(0x0904, mldsaLibrary[mldsa44.PublicKey, mldsa44.PrivateKey]{
		fromSeed: mldsa44.NewKeyFromSeed, sign: mldsa44.SignTo, verify: mldsa44.Verify,
		unpack: (*mldsa44.PublicKey).UnmarshalBinary, pack: (*mldsa44.PublicKey).Bytes,
	})
}

// MLDSA65 returns mldsa65, TLS SignatureScheme 0x0905: public keys of 1952 bytes,
// signatures of 3309. See [MLDSA44].
func MLDSA65() suite.SignatureScheme {
	return newMLDSA(0x0905, mldsaLibrary[mldsa65.PublicKey, mldsa65.PrivateKey]{
		fromSeed: mldsa65.NewKeyFromSeed, sign: mldsa65.SignTo, verify: mldsa65.Verify,
		unpack: (*mldsa65.PublicKey).UnmarshalBinary, pack: (*mldsa65.PublicKey).Bytes,
	})
}

// MLDSA87 returns mldsa87, TLS SignatureScheme 0x0906: public keys of 2592 bytes,
// signatures of 4627. See [MLDSA44].
func MLDSA87() suite.SignatureScheme {
	return newMLDSA(0x0906, mldsaLibrary[mldsa87.PublicKey, mldsa87.PrivateKey]{
		fromSeed: mldsa87.NewKeyFromSeed, sign: mldsa87.SignTo, verify: mldsa87.Verify,
		unpack: (*mldsa87.PublicKey).UnmarshalBinary, pack: (*mldsa87.PublicKey).Bytes,
	})
}

const mldsaSeedSize = 32

// mldsaLibrary is one of circl's three packages of ML-DSA, which differ in their
// types alone.
type mldsaLibrary[Public, Private any] struct {
	fromSeed func(seed *[mldsaSeedSize]byte) (*Public, *Private)
	sign     func(key *Private, message, context []byte, randomized bool, sig []byte) error
	verify   func(key *Public, message, context, sig []byte) bool
	unpack   func(key *Public, b []byte) error
	pack     func(key *Public) []byte
}

// mldsaKey is a [crypto.Signer] that keeps the seed and hedges.
type mldsaKey[Public, Private any] struct {
	library       *mldsaLibrary[Public, Private]
	signatureSize int
	context       string
	seed          [mldsaSeedSize]byte
	public        *Public
	private       *Private
}

func (k *mldsaKey[Public, Private]) Public() crypto.PublicKey { return k.public }

func (k *mldsaKey[Public, Private]) Sign(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() != 0 {
		return nil, errors.New("circl: ML-DSA signs messages, not digests")
	}
	defer avx.Clear()
	sig := make([]byte, k.signatureSize)
	if err := k.library.sign(k.private, message, []byte(k.context), true, sig); err != nil {
		return nil, err
	}
	return sig, nil
}

func newMLDSA[Public, Private any](scheme uint16, l mldsaLibrary[Public, Private]) suite.SignatureScheme {
	info := suite.SignatureRow(scheme).Info
	info.Provenance = suite.ProvidedBy(suite.Provided{
		Primitive: info.PostQuantum, Package: "github.com/cloudflare/circl/sign/mldsa/" + info.Name,
	})
	const slots, after = 64, 2 // to unpack a key takes longer than the rest of a check
	keys := frequent.New(slots, after, func(b []byte) *Public {
		key := new(Public)
		if l.unpack(key, b) != nil {
			return nil
		}
		return key
	})
	return suite.NewSignatureScheme(mldsaAlgorithm(info, &l, keys, ""))
}

// mldsaAlgorithm returns the algorithm under a context string, with the expanded public keys
// of all contexts.
func mldsaAlgorithm[Public, Private any](
	info suite.SignatureInfo, l *mldsaLibrary[Public, Private], keys *frequent.Keys[Public], context string,
) suite.SignatureAlgorithm[*mldsaKey[Public, Private]] {
	// known is the key of pub, or nil if it is not at hand.
	verify := func(known *Public, pub, message, sig []byte) error {
		defer avx.Clear()
		if known == nil {
			known = new(Public)
			if l.unpack(known, pub) != nil {
				return &suite.KeyError{Algorithm: info.Name, Rule: "no public key of " + info.PostQuantum}
			}
		}
		if !l.verify(known, message, []byte(context), sig) {
			return suite.ErrVerify
		}
		return nil
	}
	type key = mldsaKey[Public, Private]
	fromSeed := func(seed [mldsaSeedSize]byte) *key {
		defer avx.Clear()
		public, private := l.fromSeed(&seed)
		return &key{library: l, signatureSize: info.Signature, context: context, seed: seed, public: public, private: private}
	}
	return suite.SignatureAlgorithm[*key]{
		Own:  provenance.This(),
		Info: info,
		WithContext: func(context string) suite.SignatureAlgorithm[*key] {
			return mldsaAlgorithm(info, l, keys, context)
		},
		Generate: func() (*key, error) {
			var seed [mldsaSeedSize]byte
			rand.Read(seed[:]) // never fails
			return fromSeed(seed), nil
		},
		Parse: func(b []byte) (*key, error) { return fromSeed([mldsaSeedSize]byte(b)), nil },
		Bytes: func(k *key) ([]byte, error) {
			seed := k.seed
			return seed[:], nil
		},
		EncodePublic: func(k crypto.PublicKey) ([]byte, error) {
			pub, ok := k.(*Public)
			if !ok {
				return nil, fmt.Errorf("type %T, want %T", k, pub)
			}
			if pub == nil {
				return nil, errors.New("no key")
			}
			return l.pack(pub), nil
		},
		Verify:      func(pub, message, sig []byte) error { return verify(keys.Peek(pub), pub, message, sig) },
		VerifyAgain: func(pub, message, sig []byte) error { return verify(keys.Use(pub), pub, message, sig) },
	}
}
