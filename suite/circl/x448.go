package circl

import (
	"crypto/rand"
	"fmt"

	"github.com/cloudflare/circl/dh/x448"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/internal/provenance"
	"github.com/mlsuite/mlsuite/suite"
)

const dhkemX448 = 0x0021 // HPKE code point

// DHKEMX448 returns DHKEM(X448, HKDF-SHA512), code point 0x0021: public keys,
// private keys and encapsulated keys of 56 bytes, shared secrets of 64.
func DHKEMX448() hpke.DeterministicKEM {
	kem, err := hpke.NewDHKEM(dhkemX448, X448(), hpke.HKDFSHA512())
	if err != nil {
		panic(err) // which NewDHKEM keeps for an absent group and for a one-stage KDF
	}
	return kem
}

// X448 returns the group X448 (RFC 7748, Section 5): keys of 56 bytes. Every string of
// that length is a private key, and is serialized clamped (RFC 9180, Section 7.1.2). As
// RFC 7748 demands, unreduced public keys are accepted. Keys whose shared secret is zero
// are refused.
func X448() hpke.Group { return x448Group{} }

type x448Group struct{}

func (g x448Group) Own() provenance.Proof { return provenance.Of(g) }

func (x448Group) Info() hpke.GroupInfo {
	row := suite.KEMRow(dhkemX448).Info
	return hpke.GroupInfo{
		Name: row.Classical, Level: row.Level, Npk: row.Npk, Nsk: row.Nsk,
		Provenance: suite.ProvidedBy(suite.Provided{Primitive: row.Classical, Package: "github.com/cloudflare/circl/dh/x448"}),
	}
}

func (x448Group) GenerateKey() (hpke.GroupPrivateKey, error) {
	key := new(x448PrivateKey)
	rand.Read(key.secret[:]) // never fails
	x448.KeyGen(&key.public, &key.secret)
	return key, nil
}

func (x448Group) ParsePrivateKey(b []byte) (hpke.GroupPrivateKey, error) {
	if len(b) != x448.Size {
		return nil, x448KeyError(true, fmt.Sprintf("length %d, want %d", len(b), x448.Size))
	}
	key := &x448PrivateKey{secret: x448.Key(b)}
	x448.KeyGen(&key.public, &key.secret)
	return key, nil
}

func (x448Group) CheckPublicKey(pub []byte) error {
	if len(pub) != x448.Size {
		return x448KeyError(false, fmt.Sprintf("length %d, want %d", len(pub), x448.Size))
	}
	if unitOrZero448(pub) {
		return x448KeyError(false, "low order")
	}
	return nil
}

func x448KeyError(private bool, rule string) error {
	return &suite.KeyError{Algorithm: "X448", Private: private, Rule: rule}
}

type x448PrivateKey struct{ secret, public x448.Key }

func (k *x448PrivateKey) PublicKey() []byte {
	public := k.public
	return public[:]
}

func (k *x448PrivateKey) Bytes() ([]byte, error) {
	clamped := k.secret
	clamped[0] &= 252
	clamped[55] |= 128
	return clamped[:], nil
}

func (k *x448PrivateKey) DH(pub []byte) ([]byte, error) {
	if err := (x448Group{}).CheckPublicKey(pub); err != nil {
		return nil, err
	}
	var shared x448.Key
	public := x448.Key(pub)
	if !x448.Shared(&shared, &k.secret, &public) {
		return nil, x448KeyError(false, "low order")
	}
	return shared[:], nil
}

// Destroy implements [suite.Destroyer], under the rule of [hpke.KEMPrivateKey].
func (k *x448PrivateKey) Destroy() { clear(k.secret[:]) }

// unitOrZero448 reports whether b, 56 bytes, is 0, 1 or -1 modulo p, reduced or not:
// the public keys of X448 whose shared secret with any private key is zero.
func unitOrZero448(b []byte) bool {
	const (
		zeros = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
		ones  = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
	)
	switch string(b) { // p is 2^448 - 2^224 - 1
	case "\x00" + zeros + "\x00" + zeros,
		"\x01" + zeros + "\x00" + zeros,
		"\xfe" + ones + "\xfe" + ones,  // p-1
		"\xff" + ones + "\xfe" + ones,  // p
		"\x00" + zeros + "\xff" + ones: // p+1
		return true
	}
	return false
}
