package circl

import (
	"bytes"
	"crypto/rand"
	"fmt"

	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"
	"github.com/cloudflare/circl/kem/mlkem/mlkem512"
	"github.com/cloudflare/circl/kem/mlkem/mlkem768"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/internal/avx"
	"github.com/mlsuite/mlsuite/internal/provenance"
	"github.com/mlsuite/mlsuite/suite"
)

// MLKEM512 returns ML-KEM-512, code point 0x0040: public keys of 800 bytes, encapsulated
// keys of 768. As in all ML-KEMs of this package, private keys are 64-byte seeds, d and
// z; shared secrets and the randomness of an encapsulation have 32 bytes.
func MLKEM512() hpke.DeterministicKEM {
	return &mlkemKEM[mlkem512.PublicKey, mlkem512.PrivateKey]{
		info: mlkemInfo(0x0040), rank: 2,
		fromSeed: mlkem512.NewKeyFromSeed,
		unpack:   (*mlkem512.PublicKey).Unpack, pack: (*mlkem512.PublicKey).Pack,
		encapsulate: (*mlkem512.PublicKey).EncapsulateTo, decapsulate: (*mlkem512.PrivateKey).DecapsulateTo,
	}
}

// MLKEM768 returns ML-KEM-768, code point 0x0041: public keys of 1184 bytes,
// encapsulated keys of 1088. It is a vectorised alternative to [hpke.MLKEM768].
func MLKEM768() hpke.DeterministicKEM {
	return &mlkemKEM[mlkem768.PublicKey, mlkem768.PrivateKey]{
		info: mlkemInfo(0x0041), rank: 3,
		fromSeed: mlkem768.NewKeyFromSeed,
		unpack:   (*mlkem768.PublicKey).Unpack, pack: (*mlkem768.PublicKey).Pack,
		encapsulate: (*mlkem768.PublicKey).EncapsulateTo, decapsulate: (*mlkem768.PrivateKey).DecapsulateTo,
	}
}

// MLKEM1024 returns ML-KEM-1024, code point 0x0042: public keys and encapsulated
// keys of 1568 bytes. It is a vectorised alternative to [hpke.MLKEM1024].
func MLKEM1024() hpke.DeterministicKEM {
	return &mlkemKEM[mlkem1024.PublicKey, mlkem1024.PrivateKey]{
		info: mlkemInfo(0x0042), rank: 4,
		fromSeed: mlkem1024.NewKeyFromSeed,
		unpack:   (*mlkem1024.PublicKey).Unpack, pack: (*mlkem1024.PublicKey).Pack,
		encapsulate: (*mlkem1024.PublicKey).EncapsulateTo, decapsulate: (*mlkem1024.PrivateKey).DecapsulateTo,
	}
}

const mlkemRandomness = 32

func mlkemInfo(id uint16) suite.KEMInfo {
	info := suite.KEMRow(id).Info
	info.Provenance = suite.ProvidedBy(
		suite.Provided{Primitive: info.PostQuantum, Package: "github.com/cloudflare/circl/kem/mlkem"},
		suite.Provided{Primitive: "SHAKE256", Package: "crypto/sha3"}) // of hpke.DeriveSeed
	return info
}

// mlkemKEM is one of circl's three packages of ML-KEM, which differ in their types
// alone, as an HPKE KEM (draft-ietf-hpke-pq, Section 3). Their functions panic on
// wrong lengths.
type mlkemKEM[Public, Private any] struct {
	info suite.KEMInfo
	rank int

	fromSeed    func(seed []byte) (*Public, *Private)
	unpack      func(key *Public, b []byte) error
	pack        func(key *Public, b []byte)
	encapsulate func(key *Public, ciphertext, secret, randomness []byte)
	decapsulate func(key *Private, secret, ciphertext []byte)
}

func (k *mlkemKEM[Public, Private]) Own() provenance.Proof { return provenance.Of(k) }

func (k *mlkemKEM[Public, Private]) Info() suite.KEMInfo { return k.info }

func (k *mlkemKEM[Public, Private]) GenerateKey() (hpke.KEMPrivateKey, error) {
	seed := make([]byte, k.info.Nsk)
	rand.Read(seed) // never fails
	return k.expand(seed), nil
}

func (k *mlkemKEM[Public, Private]) DeriveKeyPair(ikm []byte) (hpke.KEMPrivateKey, error) {
	return k.expand(hpke.DeriveSeed(k.info.ID, ikm, k.info.Nsk)), nil
}

func (k *mlkemKEM[Public, Private]) ParsePrivateKey(b []byte) (hpke.KEMPrivateKey, error) {
	if len(b) != k.info.Nsk {
		return nil, k.keyError(true, fmt.Sprintf("length %d, want %d", len(b), k.info.Nsk))
	}
	return k.expand(bytes.Clone(b)), nil
}

// expand takes ownership of seed.
func (k *mlkemKEM[Public, Private]) expand(seed []byte) *mlkemPrivateKey[Public, Private] {
	defer avx.Clear()
	public, private := k.fromSeed(seed)
	packed := make([]byte, k.info.Npk)
	k.pack(public, packed)
	return &mlkemPrivateKey[Public, Private]{kem: k, seed: seed, public: packed, private: private}
}

func (k *mlkemKEM[Public, Private]) CheckPublicKey(pub []byte) error {
	return hpke.CheckMLKEMKey(k.rank, pub)
}

func (k *mlkemKEM[Public, Private]) Encap(pub []byte) (sharedSecret, enc []byte, err error) {
	randomness := make([]byte, mlkemRandomness)
	defer clear(randomness)
	rand.Read(randomness) // never fails
	return k.EncapDeterministic(pub, randomness)
}

func (k *mlkemKEM[Public, Private]) RandomnessSize() int { return mlkemRandomness }

func (k *mlkemKEM[Public, Private]) EncapDeterministic(pub, randomness []byte) (sharedSecret, enc []byte, err error) {
	if len(randomness) != mlkemRandomness {
		return nil, nil, fmt.Errorf("circl: %s takes %d bytes of randomness, not %d", k.info.Name, mlkemRandomness, len(randomness))
	}
	if len(pub) != k.info.Npk {
		return nil, nil, k.keyError(false, fmt.Sprintf("length %d, want %d", len(pub), k.info.Npk))
	}
	defer avx.Clear()
	key := new(Public)
	if k.unpack(key, pub) != nil {
		return nil, nil, k.keyError(false, "coefficient not reduced")
	}
	sharedSecret, enc = make([]byte, k.info.Nsecret), make([]byte, k.info.Nenc)
	k.encapsulate(key, enc, sharedSecret, randomness)
	return sharedSecret, enc, nil
}

func (k *mlkemKEM[Public, Private]) keyError(private bool, rule string) error {
	return &suite.KeyError{Algorithm: k.info.Name, Private: private, Rule: rule}
}

type mlkemPrivateKey[Public, Private any] struct {
	kem     *mlkemKEM[Public, Private]
	seed    []byte
	public  []byte
	private *Private // nil once destroyed
}

func (k *mlkemPrivateKey[Public, Private]) PublicKey() []byte { return bytes.Clone(k.public) }

func (k *mlkemPrivateKey[Public, Private]) Bytes() ([]byte, error) {
	if k.private == nil {
		return nil, suite.ErrDestroyed
	}
	return bytes.Clone(k.seed), nil
}

func (k *mlkemPrivateKey[Public, Private]) Decap(enc []byte) ([]byte, error) {
	if k.private == nil {
		return nil, suite.ErrDestroyed
	}
	if len(enc) != k.kem.info.Nenc {
		return nil, suite.ErrDecrypt
	}
	defer avx.Clear()
	secret := make([]byte, k.kem.info.Nsecret)
	k.kem.decapsulate(k.private, secret, enc)
	return secret, nil
}

// Destroy implements [suite.Destroyer], under the rule of [hpke.KEMPrivateKey].
func (k *mlkemPrivateKey[Public, Private]) Destroy() {
	clear(k.seed)
	k.private = nil
}
