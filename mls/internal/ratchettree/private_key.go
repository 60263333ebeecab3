package ratchettree

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/mlsuite/mlsuite/suite"
)

// PrivateKey is one holder's share of an HPKE private key. A share is held by each key
// package, each member view, each candidate and each own Update that waits for a commit,
// and by each call while it makes or uses a key. The last holder to release its share
// deletes the key. A share that was released opens nothing. So nobody deletes a key that
// another uses.
//
// Code that makes a key holds a share of it until it returns, and hands on further
// shares, so that a call that fails leaves no key behind.
type PrivateKey struct {
	public []byte

	mu  sync.Mutex
	Key *sharedKey // nil once released
}

// sharedKey is a private key with the number of its holders.
type sharedKey struct {
	suite.PrivateKey

	mu      sync.Mutex
	holders int // and calls in progress
	lender  *PrivateKey
	Stored  bool // a saved state refers to the key
	Foreign bool // somebody else owns the key, and deletes it
}

// NewPrivateKey returns the first share of a key that this member has to delete.
func NewPrivateKey(key suite.PrivateKey) *PrivateKey {
	first := &struct { // in one piece of memory
		PrivateKey
		shared sharedKey
	}{shared: sharedKey{PrivateKey: key, holders: 1}}
	first.public, first.Key = key.PublicKey(), &first.shared
	return &first.PrivateKey
}

// GenerateKey returns a new key of s. what names it in an error.
func GenerateKey(s suite.Suite, what string) (*PrivateKey, error) {
	key, err := s.GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("mls: generate %s key: %w", what, err)
	}
	return NewPrivateKey(key), nil
}

// DeriveKey returns the key that s derives from ikm.
func DeriveKey(s suite.Suite, ikm []byte) (*PrivateKey, error) {
	key, err := s.DeriveKey(ikm)
	if err != nil {
		return nil, err
	}
	return NewPrivateKey(key), nil
}

// Share returns a share for another holder. The share of a released share is released
// too.
func (k *PrivateKey) Share() *PrivateKey {
	return &PrivateKey{public: k.public, Key: k.hold()}
}

// Lend is Share for a holder that does not outlive k by right: as long as k is held, the
// holder's saved state marks the key as one that belongs to somebody else.
func (k *PrivateKey) Lend() *PrivateKey {
	share := k.Share()
	if share.Key != nil {
		share.Key.mu.Lock()
		share.Key.lender = k
		share.Key.mu.Unlock()
	}
	return share
}

// hold counts one holder more, or returns nil if k was released.
func (k *PrivateKey) hold() *sharedKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.Key == nil {
		return nil
	}
	k.Key.mu.Lock()
	defer k.Key.mu.Unlock()
	k.Key.holders++
	return k.Key
}

// Held reports whether k was not released.
func (k *PrivateKey) Held() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.Key != nil
}

// take takes the key out of k, which may be nil.
func (k *PrivateKey) take() *sharedKey {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	key := k.Key
	k.Key = nil
	return key
}

// Release gives the share up, once.
func (k *PrivateKey) Release() { k.take().leave(false) }

// Abandon is [PrivateKey.Release] for a holder to whose saved state somebody may return:
// if that refers to the key, the key stays in its provider.
func (k *PrivateKey) Abandon() { k.take().leave(true) }

// leave counts one holder less. The last one deletes the key, unless the key is stored
// and keepStored is set.
func (s *sharedKey) leave(keepStored bool) {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.holders--
	last := s.holders == 0 && !s.Foreign && !(keepStored && s.Stored)
	s.mu.Unlock()
	if last {
		suite.Destroy(s.PrivateKey)
	}
}

// IsStored reports whether a saved state may refer to the key in a provider. It is false
// once k was released.
func (k *PrivateKey) IsStored() bool {
	key := k.hold()
	if key == nil {
		return false
	}
	defer key.leave(true)
	key.mu.Lock()
	defer key.mu.Unlock()
	return key.Stored
}

// Same reports whether two shares are of one key.
func (k *PrivateKey) Same(other *PrivateKey) bool {
	a, b := k.hold(), other.hold()
	defer a.leave(false)
	defer b.leave(false)
	return a != nil && a == b
}

// Use calls f with the key, which stays until f returns. The error is
// [suite.ErrDestroyed] once k was released, or that of f.
func (k *PrivateKey) Use(f func(suite.PrivateKey) ([]byte, error)) ([]byte, error) {
	key := k.hold()
	if key == nil {
		return nil, suite.ErrDestroyed
	}
	defer key.leave(false)
	return f(key.PrivateKey)
}

// PublicKey returns the public key, even after Release.
func (k *PrivateKey) PublicKey() []byte { return k.public }

// Bytes is [suite.PrivateKey].Bytes.
func (k *PrivateKey) Bytes() ([]byte, error) { return k.Use(suite.PrivateKey.Bytes) }

// Open is [suite.PrivateKey].Open.
func (k *PrivateKey) Open(enc, info, aad, ciphertext []byte) ([]byte, error) {
	return k.Use(func(key suite.PrivateKey) ([]byte, error) { return key.Open(enc, info, aad, ciphertext) })
}

// Export is [suite.PrivateKey].Export.
func (k *PrivateKey) Export(enc, info, exporterContext []byte, length int) ([]byte, error) {
	return k.Use(func(key suite.PrivateKey) ([]byte, error) { return key.Export(enc, info, exporterContext, length) })
}

// IsOf reports whether k is the private key of a parent node.
func (k *PrivateKey) IsOf(n *Node) bool {
	return n.Parent != nil && bytes.Equal(n.Parent.EncryptionKey, k.public)
}

// StoredOfAnother notes that a saved state refers to the key, and reports whether the
// saved state of somebody else refers to it by right.
func (k *PrivateKey) StoredOfAnother() bool {
	key := k.hold()
	if key == nil {
		return false
	}
	defer key.leave(false)
	key.mu.Lock()
	key.Stored = true
	foreign, lender := key.Foreign, key.lender
	key.mu.Unlock()
	return foreign || lender != nil && lender != k && lender.Held()
}
