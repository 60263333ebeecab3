package curve25519

import (
	"crypto/ecdh"
	"crypto/fips140"
	"crypto/rand"
	"fmt"

	"filippo.io/edwards25519"
	"github.com/cloudflare/circl/dh/x25519"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/internal/provenance"
	"github.com/mlsuite/mlsuite/suite"
)

const size = 32 // of keys and shared secrets of X25519, in bytes

// DHKEMX25519 returns DHKEM(X25519, HKDF-SHA256), code point 0x0020, on [X25519].
func DHKEMX25519() hpke.DeterministicKEM {
	kem, err := hpke.NewDHKEM(0x0020, X25519(), hpke.HKDFSHA256())
	if err != nil {
		panic(err) // which NewDHKEM keeps for an absent group and for a one-stage KDF
	}
	return kem
}

// X25519 returns the group X25519 (RFC 7748, Section 5): keys of 32 bytes. It gives and
// refuses the same as [hpke.X25519]. Its private keys are [suite.Destroyer]s.
func X25519() hpke.Group {
	standard := hpke.X25519()
	info := standard.Info()
	info.Provenance = suite.ProvidedBy(
		suite.Provided{Primitive: info.Name, Package: "filippo.io/edwards25519"},
		suite.Provided{Primitive: info.Name, Package: "github.com/cloudflare/circl/dh/x25519"})
	return &group{standard, info}
}

type group struct {
	standard hpke.Group // which checks public keys
	info     hpke.GroupInfo
}

func (g *group) Own() provenance.Proof { return provenance.Of(g) }

func (g *group) Info() hpke.GroupInfo { return g.info }

func (*group) GenerateKey() (hpke.GroupPrivateKey, error) {
	var secret [size]byte
	defer clear(secret[:])
	rand.Read(secret[:]) // never fails
	return newPrivateKey(secret[:])
}

func (*group) ParsePrivateKey(b []byte) (hpke.GroupPrivateKey, error) {
	if len(b) != size {
		return nil, lengthError(true, len(b))
	}
	return newPrivateKey(b)
}

func (g *group) CheckPublicKey(pub []byte) error { return g.standard.CheckPublicKey(pub) }

type privateKey struct {
	secret, public [size]byte // secret is clamped
	destroyed      bool
}

// newPrivateKey clamps a copy of the secret and computes the public key: the u-coordinate of
// its multiple of the fixed point, computed on the birationally equivalent edwards25519 (RFC
// 7748, Section 4.1).
func newPrivateKey(secret []byte) (hpke.GroupPrivateKey, error) {
	if err := refused(); err != nil {
		return nil, err
	}
	k := &privateKey{secret: [size]byte(secret)}
	k.secret[0] &= 248
	k.secret[31] &= 127
	k.secret[31] |= 64
	var scalar edwards25519.Scalar
	if _, err := scalar.SetBytesWithClamping(k.secret[:]); err != nil {
		panic(err) // which is for another length
	}
	k.public = [size]byte(new(edwards25519.Point).ScalarBaseMult(&scalar).BytesMontgomery())
	scalar.Set(edwards25519.NewScalar())
	return k, nil
}

// refused returns the error of crypto/ecdh, where the mode in which the program runs does not
// allow X25519: the mode is for all of the program, whoever provides X25519.
func refused() error {
	if !fips140.Enforced() {
		return nil
	}
	_, err := ecdh.X25519().NewPrivateKey(make([]byte, size))
	return suite.Failure("X25519", err, err)
}

func (k *privateKey) PublicKey() []byte {
	public := k.public
	return public[:]
}

func (k *privateKey) Bytes() ([]byte, error) {
	if k.destroyed {
		return nil, suite.ErrDestroyed
	}
	secret := k.secret
	return secret[:], nil
}

func (k *privateKey) DH(pub []byte) ([]byte, error) {
	if k.destroyed {
		return nil, suite.ErrDestroyed
	}
	if len(pub) != size {
		return nil, lengthError(false, len(pub))
	}
	if err := refused(); err != nil {
		return nil, err
	}
	secret := make([]byte, size)
	if !x25519.Shared((*x25519.Key)(secret), (*x25519.Key)(&k.secret), (*x25519.Key)(pub)) {
		return nil, keyError(false, "low order")
	}
	return secret, nil
}

// Destroy implements [suite.Destroyer].
func (k *privateKey) Destroy() {
	clear(k.secret[:])
	k.destroyed = true
}

func lengthError(private bool, length int) error {
	return keyError(private, fmt.Sprintf("length %d, want %d", length, size))
}

func keyError(private bool, rule string) error {
	return &suite.KeyError{Algorithm: "X25519", Private: private, Rule: rule}
}
