package hpke

import (
	"bytes"
	"crypto/cipher"
	"sync"

	"github.com/mlsuite/mlsuite/internal/provenance"
	"github.com/mlsuite/mlsuite/suite"
)

// NewScheme returns the HPKE scheme of a KEM, a KDF and an AEAD, for a cipher suite of
// MLS. It returns an error if one of them is missing.
//
// The sealers of PrepareSeal are [suite.DeterministicSealer]s if the KEM is a
// [DeterministicKEM]. With a two-stage KDF, they hold a hash of info. With a one-stage
// KDF, they hold a copy of info and hash it for each recipient, because the key schedule
// reads the shared secret first; info then has at most 65,535 bytes.
func NewScheme(kem KEM, kdf KDF, aead suite.AEAD) (suite.HPKEScheme, error) {
	p, err := newSchedule(Suite{KEM: kem, KDF: kdf, AEAD: aead})
	if err != nil {
		return nil, err
	}
	return &scheme{p}, nil
}

type scheme struct{ schedule *schedule }

func (s *scheme) kem() KEM { return s.schedule.suite.KEM }

// Own implements what package provenance asks: what the parts of others say of
// themselves is marked.
func (s *scheme) Own() provenance.Proof { return provenance.Of(s) }

func (s *scheme) KEMInfo() suite.KEMInfo {
	info := s.kem().Info()
	info.Provenance = info.Provenance.SaidBy(s.kem(), info.Name)
	return info
}

func (s *scheme) KDFInfo() suite.KDFInfo {
	info := s.schedule.suite.KDF.Info()
	info.Provenance = info.Provenance.SaidBy(s.schedule.suite.KDF, info.Name)
	return info
}

func (s *scheme) AEADInfo() suite.AEADInfo {
	info := s.schedule.aead
	info.Provenance = info.Provenance.SaidBy(s.schedule.suite.AEAD, info.Name)
	return info
}

func (s *scheme) GenerateKey() (suite.PrivateKey, error) { return s.private(s.kem().GenerateKey()) }

func (s *scheme) DeriveKey(ikm []byte) (suite.PrivateKey, error) {
	return s.private(s.kem().DeriveKeyPair(ikm))
}

func (s *scheme) ParsePrivateKey(b []byte) (suite.PrivateKey, error) {
	return s.private(s.kem().ParsePrivateKey(b))
}

func (s *scheme) CheckPublicKey(pub []byte) error { return s.kem().CheckPublicKey(pub) }

func (s *scheme) Seal(pub, info, aad, plaintext []byte) (enc, ciphertext []byte, err error) {
	p, err := s.schedule.prepare(modeBase, info, nil, nil)
	if err != nil {
		return nil, nil, err
	}
	return (&sealer{p}).Seal(pub, aad, plaintext)
}

func (s *scheme) PrepareSeal(info []byte) (suite.Sealer, error) {
	p, err := s.schedule.prepare(modeBase, info, nil, nil)
	if err != nil {
		return nil, err
	}
	if kem, ok := s.kem().(DeterministicKEM); ok {
		return &deterministicSealer{sealer{p}, kem}, nil
	}
	return &sealer{p}, nil
}

func (s *scheme) Export(pub, info, exporterContext []byte, length int) (enc, secret []byte, err error) {
	p, err := s.schedule.prepare(modeBase, info, nil, nil)
	if err != nil {
		return nil, nil, err
	}
	sharedSecret, enc, err := s.kem().Encap(pub)
	if err != nil {
		return nil, nil, err
	}
	secret, err = p.exportOnce(sharedSecret, exporterContext, length)
	if err != nil {
		return nil, nil, err
	}
	return enc, secret, nil
}

// exportOnce erases sharedSecret.
func (p *prepared) exportOnce(sharedSecret, exporterContext []byte, length int) ([]byte, error) {
	out, err := p.derive(sharedSecret, toExport)
	if err != nil {
		return nil, err
	}
	defer clear(out.all)
	return p.export(out.exporter, exporterContext, length)
}

// cipher returns the AEAD of the first message, and its nonce. It erases
// sharedSecret.
func (p *prepared) cipher(sharedSecret []byte) (cipher.AEAD, []byte, error) {
	out, err := p.derive(sharedSecret, toSeal)
	if err != nil {
		return nil, nil, err
	}
	aead, err := p.suite.AEAD.NewAEAD(out.key)
	clear(out.key)
	clear(out.exporter)
	return aead, out.baseNonce, err
}

type sealer struct{ *prepared }

func (s *sealer) Seal(pub, aad, plaintext []byte) (enc, ciphertext []byte, err error) {
	sharedSecret, enc, err := s.suite.KEM.Encap(pub)
	if err != nil {
		return nil, nil, err
	}
	return s.finish(sharedSecret, enc, aad, plaintext)
}

func (s *sealer) finish(sharedSecret, enc, aad, plaintext []byte) ([]byte, []byte, error) {
	aead, nonce, err := s.cipher(sharedSecret)
	if err != nil {
		return nil, nil, err
	}
	return enc, aead.Seal(nil, nonce, plaintext, aad), nil
}

type deterministicSealer struct {
	sealer
	kem DeterministicKEM
}

func (s *deterministicSealer) RandomnessSize() int { return s.kem.RandomnessSize() }

func (s *deterministicSealer) SealDeterministic(randomness, pub, aad, plaintext []byte) (enc, ciphertext []byte, err error) {
	sharedSecret, enc, err := s.kem.EncapDeterministic(pub, randomness)
	if err != nil {
		return nil, nil, err
	}
	return s.finish(sharedSecret, enc, aad, plaintext)
}

func (s *scheme) private(key KEMPrivateKey, err error) (suite.PrivateKey, error) {
	if err != nil {
		return nil, err
	}
	var public []byte
	if own, ok := key.(*dhkemPrivateKey); ok {
		public = own.public // neither handle changes it, and neither returns it
	} else {
		public = key.PublicKey()
	}
	return &privateKey{schedule: s.schedule, public: public, key: key}, nil
}

type privateKey struct {
	schedule *schedule
	public   []byte

	mu  sync.RWMutex // held for writing by Destroy alone
	key KEMPrivateKey
}

// PublicKey returns the public key, even of a destroyed private key.
func (k *privateKey) PublicKey() []byte { return bytes.Clone(k.public) }

func (k *privateKey) Bytes() ([]byte, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.key == nil {
		return nil, suite.ErrDestroyed
	}
	return k.key.Bytes()
}

func (k *privateKey) Open(enc, info, aad, ciphertext []byte) ([]byte, error) {
	p, sharedSecret, err := k.receive(enc, info)
	if err != nil {
		return nil, err
	}
	aead, nonce, err := p.cipher(sharedSecret)
	if err != nil {
		return nil, err
	}
	plaintext, err := aead.Open(nil, nonce, ciphertext, aad)
	if err != nil {
		return nil, suite.ErrDecrypt
	}
	return plaintext, nil
}

func (k *privateKey) Export(enc, info, exporterContext []byte, length int) ([]byte, error) {
	p, sharedSecret, err := k.receive(enc, info)
	if err != nil {
		return nil, err
	}
	return p.exportOnce(sharedSecret, exporterContext, length)
}

func (k *privateKey) receive(enc, info []byte) (*prepared, []byte, error) {
	sharedSecret, err := k.decap(enc)
	if err != nil {
		return nil, nil, err
	}
	p, err := k.schedule.prepare(modeBase, info, nil, nil)
	if err != nil {
		clear(sharedSecret)
	}
	return p, sharedSecret, err
}

func (k *privateKey) decap(enc []byte) ([]byte, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.key == nil {
		return nil, suite.ErrDestroyed
	}
	return k.key.Decap(enc)
}

// Destroy implements [suite.Destroyer].
func (k *privateKey) Destroy() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.key != nil {
		suite.Destroy(k.key)
		k.key = nil
	}
}
