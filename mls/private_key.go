package mls

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/mlsuite/mlsuite/suite"
)

// privateKey is one holder's share of an HPKE private key. A share is held by each key
// package, each member view, each candidate and each own Update that waits for a commit,
// and by each call while it makes or uses a key. The last holder to release its share
// deletes the key. A share that was released opens nothing. So nobody deletes a key that
// another uses.
//
// Code that makes a key holds a share of it until it returns, and hands on further
// shares, so that a call that fails leaves no key behind.
type privateKey struct {
	public []byte

	mu  sync.Mutex
	key *sharedKey // nil once released
}

// sharedKey is a private key with the number of its holders.
type sharedKey struct {
	suite.PrivateKey

	mu      sync.Mutex
	holders int // and calls in progress
	lender  *privateKey
	stored  bool // a saved state refers to the key
	foreign bool // somebody else owns the key, and deletes it
}

// newPrivateKey returns the first share of a key that this member has to delete.
func newPrivateKey(key suite.PrivateKey) *privateKey {
	return &privateKey{public: key.PublicKey(), key: &sharedKey{PrivateKey: key, holders: 1}}
}

// generateKey returns a new key of s.
func generateKey(s suite.Suite, what string) (*privateKey, error) {
	key, err := s.GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("mls: generate %s key: %w", what, err)
	}
	return newPrivateKey(key), nil
}

// deriveKey returns the key that s derives from ikm.
func deriveKey(s suite.Suite, ikm []byte) (*privateKey, error) {
	key, err := s.DeriveKey(ikm)
	if err != nil {
		return nil, err
	}
	return newPrivateKey(key), nil
}

// share returns a share for another holder. The share of a released share is released
// too.
func (k *privateKey) share() *privateKey {
	return &privateKey{public: k.public, key: k.hold()}
}

// lend is share for a holder that does not outlive k by right: as long as k is held, the
// holder's saved state marks the key as one that belongs to somebody else.
func (k *privateKey) lend() *privateKey {
	share := k.share()
	if share.key != nil {
		share.key.mu.Lock()
		share.key.lender = k
		share.key.mu.Unlock()
	}
	return share
}

// hold counts one holder more, or returns nil if k was released.
func (k *privateKey) hold() *sharedKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.key == nil {
		return nil
	}
	k.key.mu.Lock()
	defer k.key.mu.Unlock()
	k.key.holders++
	return k.key
}

// held reports whether k was not released.
func (k *privateKey) held() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.key != nil
}

// take takes the key out of k, which may be nil.
func (k *privateKey) take() *sharedKey {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	key := k.key
	k.key = nil
	return key
}

// release gives the share up, once.
func (k *privateKey) release() { k.take().leave(false) }

// abandon is release for a holder to whose saved state somebody may return: if that
// refers to the key, the key stays in its provider.
func (k *privateKey) abandon() { k.take().leave(true) }

// leave counts one holder less. The last one deletes the key, unless the key is stored
// and keepStored is set.
func (s *sharedKey) leave(keepStored bool) {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.holders--
	last := s.holders == 0 && !s.foreign && !(keepStored && s.stored)
	s.mu.Unlock()
	if last {
		suite.Destroy(s.PrivateKey)
	}
}

// same reports whether two shares are of one key.
func (k *privateKey) same(other *privateKey) bool {
	a, b := k.hold(), other.hold()
	defer a.leave(false)
	defer b.leave(false)
	return a != nil && a == b
}

// use calls f with the key, which stays until f returns.
func (k *privateKey) use(f func(suite.PrivateKey) ([]byte, error)) ([]byte, error) {
	key := k.hold()
	if key == nil {
		return nil, suite.ErrDestroyed
	}
	defer key.leave(false)
	return f(key.PrivateKey)
}

// PublicKey returns the public key, also after release.
func (k *privateKey) PublicKey() []byte { return k.public }

// Bytes is [suite.PrivateKey].Bytes.
func (k *privateKey) Bytes() ([]byte, error) { return k.use(suite.PrivateKey.Bytes) }

// Open is [suite.PrivateKey].Open.
func (k *privateKey) Open(enc, info, aad, ciphertext []byte) ([]byte, error) {
	return k.use(func(key suite.PrivateKey) ([]byte, error) { return key.Open(enc, info, aad, ciphertext) })
}

// Export is [suite.PrivateKey].Export.
func (k *privateKey) Export(enc, info, exporterContext []byte, length int) ([]byte, error) {
	return k.use(func(key suite.PrivateKey) ([]byte, error) { return key.Export(enc, info, exporterContext, length) })
}

// isOf reports whether k is the private key of a parent node.
func (k *privateKey) isOf(n *node) bool {
	return n.parent != nil && bytes.Equal(n.parent.encryptionKey, k.public)
}

// storedOfAnother notes that a saved state refers to the key, and reports whether the
// saved state of somebody else refers to it by right.
func (k *privateKey) storedOfAnother() bool {
	key := k.hold()
	if key == nil {
		return false
	}
	defer key.leave(false)
	key.mu.Lock()
	key.stored = true
	foreign, lender := key.foreign, key.lender
	key.mu.Unlock()
	return foreign || lender != nil && lender != k && lender.held()
}
