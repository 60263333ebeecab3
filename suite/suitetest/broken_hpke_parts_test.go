package suitetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// brokenHPKE is a sound HPKE with some methods replaced.
type brokenHPKE struct {
	suite.HPKE
	generate func() (suite.PrivateKey, error)
	derive   func(ikm []byte) (suite.PrivateKey, error)
	parse    func(b []byte) (suite.PrivateKey, error)
	check    func(pub []byte) error
	seal     func(pub, info, aad, plaintext []byte) ([]byte, []byte, error)
	prepare  func(info []byte) (suite.Sealer, error)
	export   func(pub, info, exporterContext []byte, length int) ([]byte, []byte, error)
	key      func(suite.PrivateKey) suite.PrivateKey // wraps all keys
}

func (b *brokenHPKE) wrap(key suite.PrivateKey, err error) (suite.PrivateKey, error) {
	if err != nil || b.key == nil {
		return key, err
	}
	return b.key(key), nil
}

func (b *brokenHPKE) GenerateKey() (suite.PrivateKey, error) {
	if b.generate != nil {
		return b.wrap(b.generate())
	}
	return b.wrap(b.HPKE.GenerateKey())
}

func (b *brokenHPKE) DeriveKey(ikm []byte) (suite.PrivateKey, error) {
	if b.derive != nil {
		return b.wrap(b.derive(ikm))
	}
	return b.wrap(b.HPKE.DeriveKey(ikm))
}

func (b *brokenHPKE) ParsePrivateKey(k []byte) (suite.PrivateKey, error) {
	if b.parse != nil {
		return b.wrap(b.parse(k))
	}
	return b.wrap(b.HPKE.ParsePrivateKey(k))
}

func (b *brokenHPKE) CheckPublicKey(pub []byte) error {
	if b.check != nil {
		return b.check(pub)
	}
	return b.HPKE.CheckPublicKey(pub)
}

func (b *brokenHPKE) Seal(pub, info, aad, plaintext []byte) ([]byte, []byte, error) {
	if b.seal != nil {
		return b.seal(pub, info, aad, plaintext)
	}
	return b.HPKE.Seal(pub, info, aad, plaintext)
}

func (b *brokenHPKE) PrepareSeal(info []byte) (suite.Sealer, error) {
	if b.prepare != nil {
		return b.prepare(info)
	}
	return b.HPKE.PrepareSeal(info)
}

func (b *brokenHPKE) Export(pub, info, exporterContext []byte, length int) ([]byte, []byte, error) {
	if b.export != nil {
		return b.export(pub, info, exporterContext, length)
	}
	return b.HPKE.Export(pub, info, exporterContext, length)
}

// referencing is an HPKE whose keys have references: places in a list, or whatever
// a method that replaces a sound one gives.
type referencing struct {
	*brokenHPKE
	mu        sync.Mutex
	keys      []suite.PrivateKey
	reference func(place byte) ([]byte, error)
	found     func(suite.PrivateKey) (suite.PrivateKey, error)
	missing   func() (suite.PrivateKey, error)
}

func newReferencing(h suite.HPKE, change func(*referencing)) *referencing {
	r := &referencing{
		brokenHPKE: &brokenHPKE{HPKE: h},
		reference:  func(place byte) ([]byte, error) { return []byte{place}, nil },
		found:      func(key suite.PrivateKey) (suite.PrivateKey, error) { return key, nil },
		missing: func() (suite.PrivateKey, error) {
			return nil, &suite.KeyError{Algorithm: "list", Private: true, Rule: "no such place"}
		},
	}
	change(r)
	r.key = func(key suite.PrivateKey) suite.PrivateKey {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.keys = append(r.keys, key)
		place := byte(len(r.keys) - 1)
		return referencedKey{key, func() ([]byte, error) { return r.reference(place) }}
	}
	return r
}

func (r *referencing) OpenReference(reference []byte) (suite.PrivateKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(reference) == 1 && int(reference[0]) < len(r.keys) {
		return r.found(r.keys[reference[0]])
	}
	return r.missing()
}

type referencedKey struct {
	suite.PrivateKey
	reference func() ([]byte, error)
}

func (k referencedKey) Reference() ([]byte, error) { return k.reference() }

// sealerFunc is a Sealer that takes no randomness.
type sealerFunc func(pub, aad, plaintext []byte) ([]byte, []byte, error)

func (f sealerFunc) Seal(pub, aad, plaintext []byte) ([]byte, []byte, error) {
	return f(pub, aad, plaintext)
}

// brokenKey is a sound private key with some methods replaced. It is no Destroyer.
type brokenKey struct {
	suite.PrivateKey
	public func() []byte
	bytes  func() ([]byte, error)
	open   func(enc, info, aad, ciphertext []byte) ([]byte, error)
	export func(enc, info, exporterContext []byte, length int) ([]byte, error)
}

func (b *brokenKey) PublicKey() []byte {
	if b.public != nil {
		return b.public()
	}
	return b.PrivateKey.PublicKey()
}

func (b *brokenKey) Bytes() ([]byte, error) {
	if b.bytes != nil {
		return b.bytes()
	}
	return b.PrivateKey.Bytes()
}

func (b *brokenKey) Open(enc, info, aad, ciphertext []byte) ([]byte, error) {
	if b.open != nil {
		return b.open(enc, info, aad, ciphertext)
	}
	return b.PrivateKey.Open(enc, info, aad, ciphertext)
}

func (b *brokenKey) Export(enc, info, exporterContext []byte, length int) ([]byte, error) {
	if b.export != nil {
		return b.export(enc, info, exporterContext, length)
	}
	return b.PrivateKey.Export(enc, info, exporterContext, length)
}

type undestroyed struct{ suite.PrivateKey }

func (undestroyed) Destroy() {}

// lenient accepts every public key of the right length, and encrypts to another
// key where it is malformed.
func lenient(t *testing.T, e encryption) *brokenHPKE {
	substitute := e.generate(t).PublicKey()
	mend := func(pub []byte) []byte {
		if len(pub) == e.kem.Npk && e.CheckPublicKey(pub) != nil {
			return substitute
		}
		return pub
	}
	return &brokenHPKE{
		HPKE:  e.HPKE,
		check: func(pub []byte) error { return e.CheckPublicKey(mend(pub)) },
		seal: func(pub, info, aad, plaintext []byte) ([]byte, []byte, error) {
			return e.Seal(mend(pub), info, aad, plaintext)
		},
		prepare: func(info []byte) (suite.Sealer, error) {
			s, err := e.PrepareSeal(info)
			return sealerFunc(func(pub, aad, plaintext []byte) ([]byte, []byte, error) {
				return s.Seal(mend(pub), aad, plaintext)
			}), err
		},
		export: func(pub, info, exporterContext []byte, length int) ([]byte, []byte, error) {
			return e.Export(mend(pub), info, exporterContext, length)
		},
	}
}

// exclusive shows whether two calls were in it at once: in a synctest bubble, where
// a sleeping call lets all others go on first.
type exclusive struct{ mu sync.Mutex }

func (x *exclusive) enter() error {
	if !x.mu.TryLock() {
		return errors.New("in use")
	}
	defer x.mu.Unlock()
	time.Sleep(time.Second)
	return nil
}

// randomised is a DeterministicSealer that is not.
type randomised struct{ suite.DeterministicSealer }

func (r randomised) SealDeterministic(randomness, pub, aad, plaintext []byte) ([]byte, []byte, error) {
	if len(randomness) != r.RandomnessSize() {
		return nil, nil, errors.New("wrong length")
	}
	return r.Seal(pub, aad, plaintext)
}
