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

// NewStandardScheme returns the HPKE scheme of the standard library's crypto/hpke
// with these code points: the one whose encryption with AES-GCM is an approved
// service of the Go Cryptographic Module from v1.26.0 on (FIPS.md). It has the KEMs
// 0x0010, 0x0011, 0x0012, 0x0020, 0x0041, 0x0042, 0x0050, 0x0051 and 0x647a, the KDFs
// 0x0001 to 0x0003, 0x0010 and 0x0011, and the AEADs 0x0001 to 0x0003 and 0xFFFF.
//
// Its bytes are those of [NewScheme]. It is slower for many recipients: its
// sealers hold a copy of info and hash it for each, as crypto/hpke keeps no prepared
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
	for _, row := range standardKEMs() {
		if row.info.ID == kemID {
			s.row = row
		}
	}
	for _, k := range []KDF{HKDFSHA256(), HKDFSHA384(), HKDFSHA512(), SHAKE128(), SHAKE256()} {
		if k.Info().ID == kdfID {
			_, s.oneStage = k.(*oneStage)
			s.kdfInfo = k.Info()
		}
	}
	for _, info := range []suite.AEADInfo{
		suite.AES128GCM().AEADInfo(), suite.AES256GCM().AEADInfo(),
		{ID: 0x0003, Name: "ChaCha20-Poly1305", Nk: 32, Nn: 12, Nt: 16},
		ExportOnly().AEADInfo(),
	} {
		if info.ID == aeadID {
			s.aeadInfo = info
		}
	}
	if s.row.check == nil || s.kdfInfo.ID == 0 || s.aeadInfo.ID == 0 {
		return nil, errors.New("hpke: the standard library has an algorithm that this package does not know")
	}
	s.row.info.Provenance = byStandard(s.row.info.Name)
	s.kdfInfo.Provenance = byStandard(s.kdfInfo.Name)
	s.aeadInfo.Provenance = byStandard(s.aeadInfo.Name)
	return s, nil
}

func byStandard(primitive string) suite.Providers {
	return suite.ProvidedBy(suite.Provided{Primitive: primitive, Package: "crypto/hpke"})
}

// standardKEM is what crypto/hpke does not tell of a KEM.
type standardKEM struct {
	info  suite.KEMInfo
	check func(pub []byte) error
}

func standardKEMs() []standardKEM {
	var rows []standardKEM
	for _, k := range []DeterministicKEM{DHKEMP256(), DHKEMP384(), DHKEMP521(), DHKEMX25519()} {
		rows = append(rows, standardKEM{k.Info(), k.CheckPublicKey})
	}
	for _, k := range []KEM{MLKEM768(), MLKEM1024()} {
		rows = append(rows, standardKEM{k.Info(), k.CheckPublicKey})
	}
	for _, hybrid := range []struct {
		id    uint16
		name  string
		pq    KEM
		group Group
	}{
		{0x647a, "MLKEM768-X25519", MLKEM768(), X25519()},
		{0x0050, "MLKEM768-P256", MLKEM768(), P256()},
		{0x0051, "MLKEM1024-P384", MLKEM1024(), P384()},
	} {
		pq, group := hybrid.pq.Info(), hybrid.group.Info()
		row := standardKEM{info: suite.KEMInfo{
			ID: hybrid.id, Name: hybrid.name, Level: max(pq.Level, group.Level),
			Classical: group.Name, PostQuantum: pq.PostQuantum,
			Nsecret: 32, Nenc: pq.Nenc + group.Npk, Npk: pq.Npk + group.Npk, Nsk: 32,
			Derivation: suite.DerivationLabelled,
		}}
		row.check = func(pub []byte) error {
			if len(pub) != row.info.Npk {
				return lengthError(hybrid.name, false, len(pub), row.info.Npk)
			}
			if err := hybrid.pq.CheckPublicKey(pub[:pq.Npk]); err != nil {
				return err
			}
			return hybrid.group.CheckPublicKey(pub[pq.Npk:])
		}
		rows = append(rows, row)
	}
	return rows
}

type standard struct {
	kem      hpke.KEM
	kdf      hpke.KDF
	aead     hpke.AEAD
	row      standardKEM
	kdfInfo  suite.KDFInfo
	aeadInfo suite.AEADInfo
	oneStage bool
}

func (s *standard) Own() provenance.Proof    { return provenance.Of(s) }
func (s *standard) KEMInfo() suite.KEMInfo   { return s.row.info }
func (s *standard) KDFInfo() suite.KDFInfo   { return s.kdfInfo }
func (s *standard) AEADInfo() suite.AEADInfo { return s.aeadInfo }

func (s *standard) GenerateKey() (suite.PrivateKey, error) { return s.private(s.kem.GenerateKey()) }

func (s *standard) DeriveKey(ikm []byte) (suite.PrivateKey, error) {
	return s.private(s.kem.DeriveKeyPair(ikm))
}

func (s *standard) ParsePrivateKey(b []byte) (suite.PrivateKey, error) {
	if len(b) != s.row.info.Nsk {
		return nil, lengthError(s.row.info.Name, true, len(b), s.row.info.Nsk)
	}
	key, err := s.kem.NewPrivateKey(b)
	if err != nil {
		return nil, s.failure(err, &suite.KeyError{Algorithm: s.row.info.Name, Private: true, Rule: err.Error()})
	}
	return s.private(key, nil)
}

// failure is what an error of crypto/hpke means: that the scheme may not be used where the
// program runs, or otherwise what it would mean of the argument.
func (s *standard) failure(err, otherwise error) error {
	return suite.Failure(s.row.info.Name+" with "+s.aeadInfo.Name, err, otherwise)
}

func (s *standard) private(key hpke.PrivateKey, err error) (suite.PrivateKey, error) {
	if err != nil {
		return nil, s.failure(err, err)
	}
	k := &standardPrivateKey{scheme: s, public: key.PublicKey().Bytes()}
	k.key.Store(&key)
	return k, nil
}

func (s *standard) CheckPublicKey(pub []byte) error { return s.row.check(pub) }

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
	return s.failure(err, cmp.Or(s.row.check(pub), err))
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
