package hpke

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/internal/provenance"
	"github.com/mlsuite/mlsuite/suite"
)

// DHKEMP256 returns DHKEM(P-256, HKDF-SHA256), code point 0x0010.
func DHKEMP256() DeterministicKEM { return newDHKEM(0x0010, P256(), HKDFSHA256().(*twoStage)) }

// DHKEMP384 returns DHKEM(P-384, HKDF-SHA384), code point 0x0011.
func DHKEMP384() DeterministicKEM { return newDHKEM(0x0011, P384(), HKDFSHA384().(*twoStage)) }

// DHKEMP521 returns DHKEM(P-521, HKDF-SHA512), code point 0x0012.
func DHKEMP521() DeterministicKEM { return newDHKEM(0x0012, P521(), HKDFSHA512().(*twoStage)) }

// DHKEMX25519 returns DHKEM(X25519, HKDF-SHA256), code point 0x0020.
func DHKEMX25519() DeterministicKEM { return newDHKEM(0x0020, X25519(), HKDFSHA256().(*twoStage)) }

// NewDHKEM returns the DHKEM of a group and a two-stage KDF (RFC 9180, Section 4.1). Its
// randomness is the ikmE of that RFC's vectors, from which DeriveKeyPair derives the
// ephemeral key. It returns an error if the group is missing or the KDF has one stage.
func NewDHKEM(id uint16, group Group, kdf KDF) (DeterministicKEM, error) {
	h, ok := kdf.(*twoStage)
	if group == nil || !ok {
		return nil, errors.New("hpke: DHKEM has no group or no two-stage KDF")
	}
	return newDHKEM(id, group, h), nil
}

type dhkem struct {
	info    suite.KEMInfo
	suiteID [5]byte
	group   Group
	ginfo   GroupInfo
	kdf     *twoStage
}

func newDHKEM(id uint16, group Group, kdf *twoStage) *dhkem {
	g := group.Info()
	return &dhkem{
		info: suite.KEMInfo{
			ID:         id,
			Name:       fmt.Sprintf("DHKEM(%s, %s)", g.Name, kdf.info.Name),
			Level:      g.Level,
			Classical:  g.Name,
			Nsecret:    kdf.info.Nh,
			Nenc:       g.Npk,
			Npk:        g.Npk,
			Nsk:        g.Nsk,
			KDF:        kdf.info.Name,
			Provenance: g.Provenance.SaidBy(group, g.Name).With(kdf.info.Provenance),
		},
		suiteID: kemSuiteID(id),
		group:   group,
		ginfo:   g,
		kdf:     kdf,
	}
}

func (k *dhkem) Own() provenance.Proof { return provenance.Of(k) }

func (k *dhkem) Info() suite.KEMInfo { return k.info }

func (k *dhkem) GenerateKey() (KEMPrivateKey, error) { return k.private(k.group.GenerateKey()) }

// DeriveKeyPair is RFC 9180, Section 7.1.3.
func (k *dhkem) DeriveKeyPair(ikm []byte) (KEMPrivateKey, error) {
	return k.private(k.deriveGroupKey(ikm))
}

func (k *dhkem) deriveGroupKey(ikm []byte) (GroupPrivateKey, error) {
	var room [maxHash]byte
	defer clear(room[:])
	prk, err := k.kdf.labeledExtract(room[:0], k.suiteID[:], nil, "dkp_prk", ikm)
	if err != nil {
		return nil, err
	}
	sk := make([]byte, k.ginfo.Nsk)
	defer clear(sk)
	if k.ginfo.Bitmask == 0 {
		if err := k.kdf.labeledExpand(sk, k.suiteID[:], prk, "sk", nil); err != nil {
			return nil, err
		}
		return k.group.ParsePrivateKey(sk)
	}
	for counter := range 256 {
		if err := k.kdf.labeledExpand(sk, k.suiteID[:], prk, "candidate", []byte{byte(counter)}); err != nil {
			return nil, err
		}
		sk[0] &= k.ginfo.Bitmask
		key, err := k.group.ParsePrivateKey(sk)
		if !errors.Is(err, suite.ErrInvalidKey) {
			return key, err // the next candidate would fail alike
		}
	}
	return nil, fmt.Errorf("hpke: %s: no candidate is a private key", k.info.Name)
}

func (k *dhkem) ParsePrivateKey(b []byte) (KEMPrivateKey, error) {
	return k.private(k.group.ParsePrivateKey(b))
}

func (k *dhkem) CheckPublicKey(pub []byte) error { return k.group.CheckPublicKey(pub) }

func (k *dhkem) Encap(pub []byte) (sharedSecret, enc []byte, err error) {
	return k.encap(pub, k.group.GenerateKey)
}

// RandomnessSize returns Nsk, the shortest ikm that DeriveKeyPair should get.
func (k *dhkem) RandomnessSize() int { return k.info.Nsk }

func (k *dhkem) EncapDeterministic(pub, randomness []byte) (sharedSecret, enc []byte, err error) {
	if len(randomness) != k.info.Nsk {
		return nil, nil, randomnessError(k.info.Name, len(randomness), k.info.Nsk)
	}
	return k.encap(pub, func() (GroupPrivateKey, error) { return k.deriveGroupKey(randomness) })
}

func (k *dhkem) encap(pub []byte, ephemeral func() (GroupPrivateKey, error)) (sharedSecret, enc []byte, err error) {
	if len(pub) != k.info.Npk {
		return nil, nil, lengthError(k.ginfo.Name, false, len(pub), k.info.Npk)
	}
	key, err := ephemeral()
	if err != nil {
		return nil, nil, err
	}
	defer suite.Destroy(key)
	dh, err := key.DH(pub)
	if err != nil {
		return nil, nil, err
	}
	enc = key.PublicKey()
	sharedSecret, err = k.extractAndExpand(dh, enc, pub)
	return sharedSecret, enc, err
}

// extractAndExpand erases dh.
func (k *dhkem) extractAndExpand(dh, enc, pub []byte) ([]byte, error) {
	var room [maxHash]byte
	defer clear(room[:])
	prk, err := k.kdf.labeledExtract(room[:0], k.suiteID[:], nil, "eae_prk", dh)
	clear(dh)
	if err != nil {
		return nil, err
	}
	var keys [2 * 133]byte // as long as points of P-521
	context := append(append(keys[:0], enc...), pub...)
	sharedSecret := make([]byte, k.info.Nsecret)
	err = k.kdf.labeledExpand(sharedSecret, k.suiteID[:], prk, "shared_secret", context)
	return sharedSecret, err
}

func (k *dhkem) private(key GroupPrivateKey, err error) (KEMPrivateKey, error) {
	if err != nil {
		return nil, err
	}
	return &dhkemPrivateKey{kem: k, key: key, public: key.PublicKey()}, nil
}

type dhkemPrivateKey struct {
	kem    *dhkem
	key    GroupPrivateKey // nil when destroyed
	public []byte
}

func (k *dhkemPrivateKey) PublicKey() []byte { return bytes.Clone(k.public) }

func (k *dhkemPrivateKey) Bytes() ([]byte, error) {
	if k.key == nil {
		return nil, suite.ErrDestroyed
	}
	return k.key.Bytes()
}

func (k *dhkemPrivateKey) Decap(enc []byte) ([]byte, error) {
	if k.key == nil {
		return nil, suite.ErrDestroyed
	}
	dh, err := k.key.DH(enc)
	if err != nil {
		return nil, decapError(err)
	}
	return k.kem.extractAndExpand(dh, enc, k.public)
}

// Destroy implements [suite.Destroyer]. It destroys the group's key, if that can be.
func (k *dhkemPrivateKey) Destroy() {
	suite.Destroy(k.key)
	k.key = nil
}

// decapError hides which rule an encapsulated key breaks.
func decapError(err error) error {
	if errors.Is(err, suite.ErrInvalidKey) {
		return suite.ErrDecrypt
	}
	return err
}
