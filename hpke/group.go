package hpke

import (
	"crypto/ecdh"
	"crypto/rand"

	"github.com/mlsuite/mlsuite/internal/provenance"
	"github.com/mlsuite/mlsuite/suite"
)

// Group is a Diffie-Hellman group with the encodings of RFC 9180, Section 7.1.1, for
// [NewDHKEM] and for the hybrid KEMs. Anybody can implement it, under the rules of [KEM].
type Group interface {
	Info() GroupInfo

	// GenerateKey returns a new private key.
	GenerateKey() (GroupPrivateKey, error)

	// ParsePrivateKey parses a private key of Info().Nsk bytes. It returns a
	// [*suite.KeyError] for anything else. When a key is derived, only a KeyError leads
	// to the next candidate.
	ParsePrivateKey(b []byte) (GroupPrivateKey, error)

	// CheckPublicKey returns a [*suite.KeyError] for every key with which DH would fail.
	CheckPublicKey(pub []byte) error
}

// GroupPrivateKey is a private key of a [Group].
type GroupPrivateKey interface {
	// PublicKey returns the public key, Info().Npk bytes.
	PublicKey() []byte

	// Bytes returns the private key, Info().Nsk bytes, or [suite.ErrNotExportable].
	Bytes() ([]byte, error)

	// DH returns the shared secret with pub. It returns a [*suite.KeyError] if pub is no
	// public key or the secret would be that of the neutral element.
	DH(pub []byte) ([]byte, error)
}

// GroupInfo describes a group. Sizes are in bytes.
type GroupInfo struct {
	Name  string // such as "P-256"
	Level int    // in bits
	Npk   int    // public key
	Nsk   int    // private key

	// Bitmask is applied to the first byte of a candidate for a private key (RFC
	// 9180, Section 7.1.3). It is 0 for X25519 and X448, where every string of Nsk
	// bytes is a private key.
	Bitmask byte

	Provenance suite.Providers
}

// P256 returns the group P-256 of crypto/ecdh.
func P256() Group {
	return &ecdhGroup{ecdh.P256(), ecdhInfo(0x0010, 0xFF)}
}

// P384 returns the group P-384 of crypto/ecdh.
func P384() Group {
	return &ecdhGroup{ecdh.P384(), ecdhInfo(0x0011, 0xFF)}
}

// P521 returns the group P-521 of crypto/ecdh.
func P521() Group {
	return &ecdhGroup{ecdh.P521(), ecdhInfo(0x0012, 0x01)}
}

// X25519 returns the group X25519 from crypto/ecdh. It serializes private keys clamped
// (RFC 9180, Section 7.1.2).
func X25519() Group {
	return &ecdhGroup{ecdh.X25519(), ecdhInfo(0x0020, 0)}
}

// ecdhInfo describes the group of a DHKEM, by the row of that KEM.
func ecdhInfo(kem uint16, bitmask byte) GroupInfo {
	row := suite.KEMRow(kem).Info
	return GroupInfo{
		Name: row.Classical, Level: row.Level, Npk: row.Npk, Nsk: row.Nsk, Bitmask: bitmask,
		Provenance: suite.ProvidedBy(suite.Provided{Primitive: row.Classical, Package: "crypto/ecdh"}),
	}
}

const lowOrder = "low order"

type ecdhGroup struct {
	curve ecdh.Curve
	info  GroupInfo
}

func (g *ecdhGroup) Own() provenance.Proof { return provenance.Of(g) }

func (g *ecdhGroup) Info() GroupInfo { return g.info }

func (g *ecdhGroup) GenerateKey() (GroupPrivateKey, error) {
	key, err := g.curve.GenerateKey(rand.Reader)
	if err != nil {
		return nil, g.failure(err, err)
	}
	return &ecdhPrivateKey{g, key}, nil
}

func (g *ecdhGroup) ParsePrivateKey(b []byte) (GroupPrivateKey, error) {
	if len(b) != g.info.Nsk {
		return nil, lengthError(g.info.Name, true, len(b), g.info.Nsk)
	}
	key, err := g.curve.NewPrivateKey(b)
	if err != nil {
		return nil, g.failure(err, g.keyError(true, "not between 1 and the order"))
	}
	return &ecdhPrivateKey{g, key}, nil
}

func (g *ecdhGroup) CheckPublicKey(pub []byte) error {
	if g.curve == ecdh.X25519() && len(pub) == g.info.Npk {
		if lowOrder25519(pub) {
			return g.keyError(false, lowOrder)
		}
		return nil
	}
	_, err := g.parsePublicKey(pub)
	return err
}

func (g *ecdhGroup) parsePublicKey(pub []byte) (*ecdh.PublicKey, error) {
	if len(pub) != g.info.Npk {
		return nil, lengthError(g.info.Name, false, len(pub), g.info.Npk)
	}
	key, err := g.curve.NewPublicKey(pub)
	if err != nil {
		return nil, g.failure(err, g.keyError(false, "not an uncompressed point of the curve"))
	}
	return key, nil
}

// failure is what an error of crypto/ecdh means: that the curve may not be used where the
// program runs, or otherwise what it would mean of the argument.
func (g *ecdhGroup) failure(err, otherwise error) error {
	return suite.Failure(g.info.Name, err, otherwise)
}

func (g *ecdhGroup) keyError(private bool, rule string) error {
	return &suite.KeyError{Algorithm: g.info.Name, Private: private, Rule: rule}
}

type ecdhPrivateKey struct {
	group *ecdhGroup
	key   *ecdh.PrivateKey
}

func (k *ecdhPrivateKey) PublicKey() []byte { return k.key.PublicKey().Bytes() }

func (k *ecdhPrivateKey) Bytes() ([]byte, error) {
	b := k.key.Bytes()
	if k.group.curve == ecdh.X25519() {
		b[0] &= 248
		b[31] &= 127
		b[31] |= 64
	}
	return b, nil
}

func (k *ecdhPrivateKey) DH(pub []byte) ([]byte, error) {
	key, err := k.group.parsePublicKey(pub)
	if err != nil {
		return nil, err
	}
	secret, err := k.key.ECDH(key)
	if err != nil {
		return nil, k.group.failure(err, k.group.keyError(false, lowOrder))
	}
	return secret, nil
}

// lowOrder25519 reports whether the shared secret of pub, 32 bytes, is zero with every
// private key. That is so if pub is 0, 1, -1 or one of the two points of order 8, or
// encodes one of them unreduced. X25519 ignores the top bit (RFC 7748, Section 5).
func lowOrder25519(pub []byte) bool {
	const (
		zeros = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
		ones  = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
	)
	u := [32]byte(pub)
	u[31] &= 0x7F
	switch string(u[:]) {
	case "\x00" + zeros,
		"\x01" + zeros,
		"\xe0\xeb\x7a\x7c\x3b\x41\xb8\xae\x16\x56\xe3\xfa\xf1\x9f\xc4\x6a\xda\x09\x8d\xeb\x9c\x32\xb1\xfd\x86\x62\x05\x16\x5f\x49\xb8\x00",
		"\x5f\x9c\x95\xbc\xa3\x50\x8c\x24\xb1\xd0\xb1\x55\x9c\x83\xef\x5b\x04\x44\x5c\xc4\x58\x1c\x8e\x86\xd8\x22\x4e\xdd\xd0\x9f\x11\x57",
		"\xec" + ones, // p-1
		"\xed" + ones, // p
		"\xee" + ones: // p+1
		return true
	}
	return false
}
