package mls

import (
	"sync/atomic"

	"github.com/mlsuite/mlsuite/suite"
)

// keyCounter is a suite that counts the private keys that it makes, and those of them
// that are destroyed.
type keyCounter struct {
	suite.Suite
	made, destroyed atomic.Int64
}

func (c *keyCounter) count(key suite.PrivateKey, err error) (suite.PrivateKey, error) {
	if err != nil {
		return nil, err
	}
	c.made.Add(1)
	return &countedKey{PrivateKey: key, counter: c}, nil
}

func (c *keyCounter) GenerateKey() (suite.PrivateKey, error) { return c.count(c.Suite.GenerateKey()) }

func (c *keyCounter) DeriveKey(ikm []byte) (suite.PrivateKey, error) {
	return c.count(c.Suite.DeriveKey(ikm))
}

type countedKey struct {
	suite.PrivateKey
	counter *keyCounter
	gone    atomic.Bool
}

func (k *countedKey) Destroy() {
	if k.gone.CompareAndSwap(false, true) {
		k.counter.destroyed.Add(1)
	}
	suite.Destroy(k.PrivateKey)
}
