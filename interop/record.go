package main

import (
	"bytes"
	"errors"
	"slices"
	"sync"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/suite"
)

// recordingSuites passes the private keys that its suites generate to a keyRecorder. The
// engine, rightly, does not show the private keys of a key package.
type recordingSuites struct {
	mls.Suites
	keys *keyRecorder
}

func (r recordingSuites) Suite(id suite.ID) (suite.Suite, error) {
	s, err := r.Suites.Suite(id)
	if err != nil {
		return nil, err
	}
	return recordingSuite{s, r.keys}, nil
}

type recordingSuite struct {
	suite.Suite
	keys *keyRecorder
}

func (r recordingSuite) GenerateKey() (suite.PrivateKey, error) {
	key, err := r.Suite.GenerateKey()
	if err == nil {
		r.keys.add(key)
	}
	return key, err
}

// keyRecorder keeps private keys until it is stopped.
type keyRecorder struct {
	mu      sync.Mutex
	stopped bool
	keys    []suite.PrivateKey
}

func (r *keyRecorder) add(key suite.PrivateKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.stopped {
		r.keys = append(r.keys, key)
	}
}

// take returns the bytes of the private key of pub.
func (r *keyRecorder) take(pub []byte) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.keys, func(k suite.PrivateKey) bool { return bytes.Equal(k.PublicKey(), pub) })
	if i < 0 {
		return nil, errors.New("private key was not generated here")
	}
	return r.keys[i].Bytes()
}

func (r *keyRecorder) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped, r.keys = true, nil
}
