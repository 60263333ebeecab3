package mls

import (
	"context"
	"crypto/cipher"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// frail is what clients have beside package mls: their suite, signers, policies, PSKs
// and Authenticator. It counts the private keys that are alive, and fails the operation
// of a certain number.
type frail struct {
	mu     sync.Mutex
	fails  int // number of the operation, or 0
	steps  int
	living map[*frailKey]string // with the operation that made each
}

var errFrail = errors.New("frail")

// step counts an operation, and returns the error of it.
func (f *frail) step() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.steps++
	if f.steps == f.fails {
		return errFrail
	}
	return nil
}

// arm has the nth operation from now fail, or none.
func (f *frail) arm(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails, f.steps = n, 0
}

// alive returns what made the keys that are alive.
func (f *frail) alive() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Values(f.living))
}

// walk fails each operation of a call in turn, until it has no further one: whatever
// fails, the same keys are alive as before. Where the call does not fail, undo takes
// back what it did.
func (f *frail) walk(t *testing.T, call func() (undo func(), err error)) {
	t.Helper()
	before := f.alive()
	for n := 1; ; n++ {
		f.arm(n)
		undo, err := call()
		reached := f.steps >= n
		f.arm(0)
		if err == nil {
			undo()
		}
		require.Equal(t, before, f.alive(), "operation %d, %v", n, err)
		if !reached {
			require.NoError(t, err)
			require.Greater(t, n, 1)
			return
		}
	}
}

// config makes a client frail.
func (f *frail) config(cfg *Config) {
	q := &questioner{now: insiderTime, refuse: -1}
	q.also = func(string) error { q.asked = nil; return f.step() }
	cfg.Suites = mlstest.Around(mlstest.AllSuites(), func(s suite.Suite) suite.Suite { return frailSuite{s, f} })
	cfg.Policy = q
	cfg.Signer = frailSigner{cfg.Signer, f}
	cfg.Authenticator, cfg.PSKs = f, f
	cfg.PublicHandshake = true // a message can be processed again
}

func (f *frail) Authenticate(_ context.Context, _ time.Time, _ event.Occasion, changes []event.Change) ([]error, error) {
	return make([]error, len(changes)), f.step()
}

func (f *frail) SameClient(a, b message.Credential) bool { return true }

func (f *frail) ExternalPSK(context.Context, []byte) ([]byte, error) {
	return make([]byte, 32), f.step()
}

func (f *frail) Group([]byte) *Group { return nil }

type frailSigner struct {
	suite.Signer
	f *frail
}

func (s frailSigner) Sign(ctx context.Context, message []byte) ([]byte, error) {
	if err := s.f.step(); err != nil {
		return nil, err
	}
	return s.Signer.Sign(ctx, message)
}

type frailSuite struct {
	suite.Suite
	f *frail
}

func (s frailSuite) key(what string, make func() (suite.PrivateKey, error)) (suite.PrivateKey, error) {
	if err := s.f.step(); err != nil {
		return nil, err
	}
	key, err := make()
	if err != nil {
		return nil, err
	}
	k := &frailKey{key, s.f}
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	if s.f.living == nil {
		s.f.living = map[*frailKey]string{}
	}
	s.f.living[k] = what
	return k, nil
}

func (s frailSuite) GenerateKey() (suite.PrivateKey, error) {
	return s.key("GenerateKey", s.Suite.GenerateKey)
}

func (s frailSuite) DeriveKey(ikm []byte) (suite.PrivateKey, error) {
	return s.key("DeriveKey", func() (suite.PrivateKey, error) { return s.Suite.DeriveKey(ikm) })
}

func (s frailSuite) ParsePrivateKey(b []byte) (suite.PrivateKey, error) {
	return s.key("ParsePrivateKey", func() (suite.PrivateKey, error) { return s.Suite.ParsePrivateKey(b) })
}

func (s frailSuite) Extract(salt, ikm []byte) ([]byte, error) {
	if err := s.f.step(); err != nil {
		return nil, err
	}
	return s.Suite.Extract(salt, ikm)
}

func (s frailSuite) Expand(out, prk, info []byte) error {
	if err := s.f.step(); err != nil {
		return err
	}
	return s.Suite.Expand(out, prk, info)
}

func (s frailSuite) NewAEAD(key []byte) (cipher.AEAD, error) {
	if err := s.f.step(); err != nil {
		return nil, err
	}
	return s.Suite.NewAEAD(key)
}

func (s frailSuite) Verify(pub, message, sig []byte) error {
	if err := s.f.step(); err != nil {
		return err
	}
	return s.Suite.Verify(pub, message, sig)
}

func (s frailSuite) Export(pub, info, exporterContext []byte, length int) (enc, secret []byte, err error) {
	if err := s.f.step(); err != nil {
		return nil, nil, err
	}
	return s.Suite.Export(pub, info, exporterContext, length)
}

func (s frailSuite) PrepareSeal(info []byte) (suite.Sealer, error) {
	if err := s.f.step(); err != nil {
		return nil, err
	}
	sealer, err := s.Suite.PrepareSeal(info)
	return frailSealer{sealer, s.f}, err
}

type frailSealer struct {
	suite.Sealer
	f *frail
}

func (s frailSealer) Seal(pub, aad, plaintext []byte) (enc, ciphertext []byte, err error) {
	if err := s.f.step(); err != nil {
		return nil, nil, err
	}
	return s.Sealer.Seal(pub, aad, plaintext)
}

// frailKey is a key that is to be destroyed once, and not to be used after that.
type frailKey struct {
	suite.PrivateKey
	f *frail
}

func (k *frailKey) Destroy() {
	k.f.mu.Lock()
	defer k.f.mu.Unlock()
	if _, living := k.f.living[k]; !living {
		panic("a private key is destroyed twice")
	}
	delete(k.f.living, k)
	suite.Destroy(k.PrivateKey)
}

func (k *frailKey) use() error {
	k.f.mu.Lock()
	_, living := k.f.living[k]
	k.f.mu.Unlock()
	if !living {
		panic("a private key is used after it was destroyed")
	}
	return k.f.step()
}

func (k *frailKey) Bytes() ([]byte, error) {
	if err := k.use(); err != nil {
		return nil, err
	}
	return k.PrivateKey.Bytes()
}

func (k *frailKey) Open(enc, info, aad, ciphertext []byte) ([]byte, error) {
	if err := k.use(); err != nil {
		return nil, err
	}
	return k.PrivateKey.Open(enc, info, aad, ciphertext)
}

func (k *frailKey) Export(enc, info, exporterContext []byte, length int) ([]byte, error) {
	if err := k.use(); err != nil {
		return nil, err
	}
	return k.PrivateKey.Export(enc, info, exporterContext, length)
}
