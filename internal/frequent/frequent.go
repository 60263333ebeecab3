// Package frequent keeps what is computed from public keys that are used again and again.
package frequent

import (
	"bytes"
	"hash/maphash"
	"sync"
)

// Keys keeps a value for each of the keys that are used most, and counts the uses of others.
// It never holds more values than it has slots, and a key that is used once or twice costs it
// no memory. It is safe for concurrent use.
//
// A key has one slot, by its hash. A key that is used often keeps the slot against others
// until they were used more often than it. Only speed depends on that: the values are those
// that build returns for the very key.
type Keys[T any] struct {
	build func(key []byte) *T
	after int
	seed  maphash.Seed
	slots []slot[T]
}

type slot[T any] struct {
	mu   sync.Mutex
	hash uint64
	uses int    // of the key with the hash, less those of others since
	key  []byte // of the value
	of   *T     // nil until the key was used often enough
}

// most is how many uses of others a key in a slot outlasts.
const most = 16

// New returns Keys with a number of slots. They keep the value that build returns for a key
// from the given use on, such as 3 for the third. Build returns nil for a key that has no
// value.
func New[T any](slots, after int, build func(key []byte) *T) *Keys[T] {
	return &Keys[T]{build: build, after: after, seed: maphash.MakeSeed(), slots: make([]slot[T], slots)}
}

// Use returns the value of a key, or nil if the key has none or is not used often enough.
// The value is shared and must not be changed. Use keeps no argument.
func (k *Keys[T]) Use(key []byte) *T {
	hash := maphash.Bytes(k.seed, key)
	s := &k.slots[hash%uint64(len(k.slots))]
	if of, wanted := s.use(hash, key, k.after); !wanted {
		return of
	}
	of := k.build(key)
	if of != nil {
		s.keep(hash, key, of)
	}
	return of
}

// Peek returns the value of a key if it is kept. It does not count as a use.
func (k *Keys[T]) Peek(key []byte) *T {
	hash := maphash.Bytes(k.seed, key)
	s := &k.slots[hash%uint64(len(k.slots))]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hash != hash || s.of == nil || !bytes.Equal(s.key, key) {
		return nil
	}
	return s.of
}

// use counts a use of a key. It returns the key's value, if the slot has it, or whether it is
// time to build it.
func (s *slot[T]) use(hash uint64, key []byte, after int) (of *T, wanted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hash != hash || s.of != nil && !bytes.Equal(s.key, key) {
		if s.uses--; s.uses <= 0 {
			s.hash, s.uses, s.key, s.of = hash, 1, nil, nil
		}
		return nil, s.uses >= after && s.hash == hash
	}
	s.uses = min(s.uses+1, most)
	return s.of, s.of == nil && s.uses >= after
}

// keep puts the value of a key into the slot, unless another key took it meanwhile.
func (s *slot[T]) keep(hash uint64, key []byte, of *T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hash == hash {
		s.key, s.of = bytes.Clone(key), of
	}
}
