package hpke

import (
	"bytes"
	"cmp"
	"crypto/hpke"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/mlsuite/mlsuite/internal/provenance"
	"github.com/mlsuite/mlsuite/suite"
)

// NewStandardScheme returns the HPKE scheme of the standard library's crypto/hpke with
// these code points. From module v1.26.0 on, its encryption with AES-GCM is an approved
// service of the Go Cryptographic Module (FIPS.md). It has the KEMs 0x0010, 0x0011,
// 0x0012, 0x0020, 0x0041, 0x0042, 0x0050, 0x0051 and 0x647a, the KDFs 0x0001 to 0x0003,
// 0x0010 and 0x0011, and the AEADs 0x0001 to 0x0003 and 0xFFFF, and returns an error for
// others.
//
// Its bytes are those of [NewScheme]. It is slower for many recipients: its sealers hold
// a copy of info and hash it for each recipient, because crypto/hpke keeps no prepared
// key schedule. They are not deterministic.
func NewStandardScheme(kemID, kdfID, aeadID uint16) (suite.HPKEScheme, error) {
	s := &standard{}
	var err error
	if s.kem, err = hpke.NewKEM(kemID); err != nil {
		return nil, fmt.Errorf("hpke: the standard library has no KEM %#04x", kemID)
	}
	if s.kdf, err = hpke.NewKDF(kdfID); err != nil {
		return nil, fmt.Errorf("hpke: the standard library has no KDF %#04x", kdfID)
	}
	if s.aead, err = hpke.NewAEAD(aeadID); err != nil {
		return nil, fmt.Errorf("hpke: the standard library has no AEAD %#04x", aeadID)
	}
	s.kemInfo, s.kdfInfo, s.aeadInfo = suite.KEMRow(kemID).Info, suite.KDFRow(kdfID).Info, suite.AEADRow(aeadID).Info
	if aeadID == exportOnlyID {
		s.aeadInfo = ExportOnly().AEADInfo()
	}
	s.oneStage = kdfID >= oneStageIDs
	s.check = standardCheck(s.kemInfo)
	if s.check == nil || s.kdfInfo.ID == 0 || s.aeadInfo.ID == 0 {
		return nil, errors.New("hpke: the standard library has an algorithm that this package does not know")
	}
	s.kemInfo.Provenance = byStandard(s.kemInfo.Name)
	s.kdfInfo.Provenance = byStandard(s.kdfInfo.Name)
	s.aeadInfo.Provenance = byStandard(s.aeadInfo.Name)
	return s, nil
}

func byStandard(primitive string) suite.Providers {
	return suite.ProvidedBy(suite.Provided{Primitive: primitive, Package: "crypto/hpke"})
}

// standardCheck returns what crypto/hpke does not tell of a KEM, its CheckPublicKey; nil
// if it is unknown. The post-quantum part of a key comes first.
func standardCheck(info suite.KEMInfo) func(pub []byte) error {
	var pq KEM
	for _, k := range []KEM{MLKEM768(), MLKEM1024()} {
		if k.Info().PostQuantum == info.PostQuantum {
			pq = k
		}
	}
	var group Group
	for _, g := range []Group{P256(), P384(), P521(), X25519()} {
		if g.Info().Name == info.Classical {
			group = g
		}
	}
	switch {
	case (pq == nil) != (info.PostQuantum == ""), (group == nil) != (info.Classical == ""), pq == nil && group == nil:
		return nil
	case pq == nil:
		return group.CheckPublicKey
	case group == nil:
		return pq.CheckPublicKey
	}
	npk := pq.Info().Npk
	return func(pub []byte) error {
		if len(pub) != info.Npk {
			return lengthError(info.Name, false, len(pub), info.Npk)
		}
		if err := pq.CheckPublicKey(pub[:npk]); err != nil {
			return err
		}
		return group.CheckPublicKey(pub[npk:])
	}
}

type standard struct {
	kem      hpke.KEM
	kdf      hpke.KDF
	aead     hpke.AEAD
	check    func(pub []byte) error
	kemInfo  suite.KEMInfo
	kdfInfo  suite.KDFInfo
	aeadInfo suite.AEADInfo
	oneStage bool
}

func (s *standard) Own() provenance.Proof    { return provenance.Of(s) }
func (s *standard) KEMInfo() suite.KEMInfo   { return s.kemInfo }
func (s *standard) KDFInfo() suite.KDFInfo   { return s.kdfInfo }
func (s *standard) AEADInfo() suite.AEADInfo { return s.aeadInfo }

func (s *standard) GenerateKey() (suite.PrivateKey, error) { return s.private(s.kem.GenerateKey()) }

func (s *standard) DeriveKey(ikm []byte) (suite.PrivateKey, error) {
	return s.private(s.kem.DeriveKeyPair(ikm))
}

func (s *standard) ParsePrivateKey(b []byte) (suite.PrivateKey, error) {
	if len(b) != s.kemInfo.Nsk {
		return nil, lengthError(s.kemInfo.Name, true, len(b), s.kemInfo.Nsk)
	}
	key, err := s.kem.NewPrivateKey(b)
	if err != nil {
		return nil, s.failure(err, &suite.KeyError{Algorithm: s.kemInfo.Name, Private: true, Rule: err.Error()})
	}
	return s.private(key, nil)
}

// failure is what an error of crypto/hpke means: that the scheme may not be used where the
// program runs, or otherwise what it would mean of the argument.
func (s *standard) failure(err, otherwise error) error {
	return suite.Failure(s.kemInfo.Name+" with "+s.aeadInfo.Name, err, otherwise)
}

func (s *standard) private(key hpke.PrivateKey, err error) (suite.PrivateKey, error) {
	if err != nil {
		return nil, s.failure(err, err)
	}
	k := &standardPrivateKey{scheme: s, public: key.PublicKey().Bytes()}
	k.key.Store(&key)
	return k, nil
}

func (s *standard) CheckPublicKey(pub []byte) error { return s.check(pub) }

func (s *standard) Seal(pub, info, aad, plaintext []byte) (enc, ciphertext []byte, err error) {
	if s.aeadInfo.ID == exportOnlyID {
		return nil, nil, ErrExportOnly
	}
	enc, sender, err := s.sender(pub, info)
	if err != nil {
		return nil, nil, err
	}
	ciphertext, err = sender.Seal(aad, plaintext)
	if err != nil {
		return nil, nil, s.failure(err, err)
	}
	return enc, ciphertext, nil
}

func (s *standard) PrepareSeal(info []byte) (suite.Sealer, error) {
	if err := s.checkInfo(info); err != nil {
		return nil, err
	}
	return &standardSealer{s, bytes.Clone(info)}, nil
}

func (s *standard) Export(pub, info, exporterContext []byte, length int) (enc, secret []byte, err error) {
	enc, sender, err := s.sender(pub, info)
	if err != nil {
		return nil, nil, err
	}
	secret, err = sender.Export(string(exporterContext), length)
	if err != nil {
		return nil, nil, err
	}
	return enc, secret, nil
}

func (s *standard) sender(pub, info []byte) ([]byte, *hpke.Sender, error) {
	if err := s.checkInfo(info); err != nil {
		return nil, nil, err
	}
	key, err := s.kem.NewPublicKey(pub)
	if err != nil {
		return nil, nil, s.publicKeyError(pub, err)
	}
	enc, sender, err := hpke.NewSender(key, s.kdf, s.aead, info)
	if err != nil {
		return nil, nil, s.publicKeyError(pub, err)
	}
	return enc, sender, nil
}

func (s *standard) publicKeyError(pub []byte, err error) error {
	return s.failure(err, cmp.Or(s.check(pub), err))
}

// checkInfo refuses what the length prefix of a one-stage KDF cannot hold;
// crypto/hpke shortens the length instead.
func (s *standard) checkInfo(info []byte) error {
	if s.oneStage && len(info) > 0xFFFF {
		return prefixError(len(info))
	}
	return nil
}

type standardSealer struct {
	scheme *standard
	info   []byte
}

func (s *standardSealer) Seal(pub, aad, plaintext []byte) (enc, ciphertext []byte, err error) {
	return s.scheme.Seal(pub, s.info, aad, plaintext)
}

type standardPrivateKey struct {
	scheme *standard
	public []byte
	key    atomic.Pointer[hpke.PrivateKey] // nil when destroyed
}

func (k *standardPrivateKey) PublicKey() []byte { return bytes.Clone(k.public) }

func (k *standardPrivateKey) Bytes() ([]byte, error) {
	key := k.key.Load()
	if key == nil {
		return nil, suite.ErrDestroyed
	}
	b, err := (*key).Bytes()
	return bytes.Clone(b), err
}

func (k *standardPrivateKey) Open(enc, info, aad, ciphertext []byte) ([]byte, error) {
	recipient, err := k.recipient(enc, info)
	if err != nil {
		return nil, err
	}
	if k.scheme.aeadInfo.ID == exportOnlyID {
		return nil, ErrExportOnly
	}
	plaintext, err := recipient.Open(aad, ciphertext)
	if err != nil {
		return nil, k.scheme.failure(err, suite.ErrDecrypt)
	}
	return plaintext, nil
}

func (k *standardPrivateKey) Export(enc, info, exporterContext []byte, length int) ([]byte, error) {
	recipient, err := k.recipient(enc, info)
	if err != nil {
		return nil, err
	}
	return recipient.Export(string(exporterContext), length)
}

func (k *standardPrivateKey) recipient(enc, info []byte) (*hpke.Recipient, error) {
	key := k.key.Load()
	if key == nil {
		return nil, suite.ErrDestroyed
	}
	if err := k.scheme.checkInfo(info); err != nil {
		return nil, err
	}
	recipient, err := hpke.NewRecipient(enc, *key, k.scheme.kdf, k.scheme.aead, info)
	if err != nil {
		return nil, k.scheme.failure(err, suite.ErrDecrypt)
	}
	return recipient, nil
}

// Destroy implements [suite.Destroyer]. The key's memory is left to the garbage
// collector.
func (k *standardPrivateKey) Destroy() { k.key.Store(nil) }
