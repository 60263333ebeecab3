package hpke

import (
	"crypto"
	"crypto/mlkem"
	"fmt"

	"github.com/mlsuite/mlsuite/internal/erase"
	"github.com/mlsuite/mlsuite/internal/provenance"
	"github.com/mlsuite/mlsuite/suite"
)

// MLKEM768 returns ML-KEM-768 of crypto/mlkem, code point 0x0041.
func MLKEM768() KEM {
	return &mlkemKEM{
		info: mlkemInfo(0x0041),
		rank: 3,
		public: func(b []byte) (crypto.Encapsulator, error) {
			return mlkem.NewEncapsulationKey768(b)
		},
		private:  func(seed []byte) (mlkemDecapsulator, error) { return mlkem.NewDecapsulationKey768(seed) },
		generate: func() (mlkemDecapsulator, error) { return mlkem.GenerateKey768() },
	}
}

// MLKEM1024 returns ML-KEM-1024 of crypto/mlkem, code point 0x0042.
func MLKEM1024() KEM {
	return &mlkemKEM{
		info: mlkemInfo(0x0042),
		rank: 4,
		public: func(b []byte) (crypto.Encapsulator, error) {
			return mlkem.NewEncapsulationKey1024(b)
		},
		private:  func(seed []byte) (mlkemDecapsulator, error) { return mlkem.NewDecapsulationKey1024(seed) },
		generate: func() (mlkemDecapsulator, error) { return mlkem.GenerateKey1024() },
	}
}

func mlkemInfo(id uint16) suite.KEMInfo {
	info := suite.KEMRow(id).Info
	info.Provenance = suite.ProvidedBy(
		suite.Provided{Primitive: info.PostQuantum, Package: "crypto/mlkem"},
		suite.Provided{Primitive: "SHAKE256", Package: "crypto/sha3"}) // of DeriveSeed
	return info
}

func mlkemName(rank int) string { return fmt.Sprintf("ML-KEM-%d", 256*rank) }

func mlkemKeySize(rank int) int { return 384*rank + 32 }

// CheckMLKEMKey returns a [*suite.KeyError] if pub is not an encapsulation key of ML-KEM
// with rank 2, 3 or 4 (ML-KEM-512, 768, 1024): 384 * rank + 32 bytes whose coefficients
// are below the modulus (FIPS 203, Section 7.2). It does not expand the key.
func CheckMLKEMKey(rank int, pub []byte) error {
	if want := mlkemKeySize(rank); len(pub) != want {
		return lengthError(mlkemName(rank), false, len(pub), want)
	}
	const q = 3329
	unreduced := false
	for b := pub[:384*rank]; len(b) >= 3; b = b[3:] { // two coefficients of 12 bits
		unreduced = unreduced ||
			uint16(b[0])|uint16(b[1]&0x0F)<<8 >= q ||
			uint16(b[1]>>4)|uint16(b[2])<<4 >= q
	}
	if unreduced {
		return &suite.KeyError{Algorithm: mlkemName(rank), Rule: "coefficient not reduced"}
	}
	return nil
}

type mlkemDecapsulator interface {
	crypto.Decapsulator
	Bytes() []byte
}

// mlkemKEM is ML-KEM as an HPKE KEM (draft-ietf-hpke-pq, Section 3).
type mlkemKEM struct {
	info     suite.KEMInfo
	rank     int
	public   func(b []byte) (crypto.Encapsulator, error)
	private  func(seed []byte) (mlkemDecapsulator, error)
	generate func() (mlkemDecapsulator, error)
}

func (k *mlkemKEM) Own() provenance.Proof { return provenance.Of(k) }

func (k *mlkemKEM) Info() suite.KEMInfo { return k.info }

func (k *mlkemKEM) GenerateKey() (KEMPrivateKey, error) {
	key, err := k.generate()
	if err != nil {
		return nil, err
	}
	return &mlkemPrivateKey{key}, nil
}

func (k *mlkemKEM) DeriveKeyPair(ikm []byte) (KEMPrivateKey, error) {
	seed := DeriveSeed(k.info.ID, ikm, k.info.Nsk)
	defer clear(seed)
	return k.ParsePrivateKey(seed)
}

func (k *mlkemKEM) ParsePrivateKey(b []byte) (KEMPrivateKey, error) {
	if len(b) != k.info.Nsk {
		return nil, lengthError(k.info.Name, true, len(b), k.info.Nsk)
	}
	key, err := k.private(b)
	if err != nil {
		return nil, &suite.KeyError{Algorithm: k.info.Name, Private: true, Rule: "not a seed"}
	}
	return &mlkemPrivateKey{key}, nil
}

func (k *mlkemKEM) CheckPublicKey(pub []byte) error { return CheckMLKEMKey(k.rank, pub) }

func (k *mlkemKEM) Encap(pub []byte) (sharedSecret, enc []byte, err error) {
	if len(pub) != k.info.Npk {
		return nil, nil, lengthError(k.info.Name, false, len(pub), k.info.Npk)
	}
	key, err := k.public(pub)
	if err != nil {
		return nil, nil, &suite.KeyError{Algorithm: k.info.Name, Rule: "coefficient not reduced"}
	}
	secret, enc := key.Encapsulate() // crypto/mlkem cuts the secret off a buffer with the randomness
	return erase.Moved(secret), enc, nil
}

type mlkemPrivateKey struct{ key mlkemDecapsulator }

func (k *mlkemPrivateKey) PublicKey() []byte { return k.key.Encapsulator().Bytes() }

func (k *mlkemPrivateKey) Bytes() ([]byte, error) { return k.key.Bytes(), nil }

func (k *mlkemPrivateKey) Decap(enc []byte) ([]byte, error) {
	secret, err := k.key.Decapsulate(enc)
	if err != nil { // a wrong length alone
		return nil, suite.ErrDecrypt
	}
	return erase.Moved(secret), nil
}
