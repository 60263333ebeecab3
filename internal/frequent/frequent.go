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
// A key has one of few slots, by its hash. A key that is used often keeps its slot against
// others until they were used more often than it; they take the slot of the least used one.
// Only speed depends on that: the values are those that build returns for the very key.
type Keys[T any] struct {
	build func(key []byte) *T
	after int
	seed  maphash.Seed
	sets  []set[T]
}

// set is the slots among which a key has one. With one slot a set, two keys that are used in
// turn would often keep each other out: of nine keys, two would share one of 64 slots in two
// cases of five.
type set[T any] struct {
	mu     sync.Mutex
	slots  []slot[T]
	misses int // since uses were halved
}

type slot[T any] struct {
	hash uint64
	uses int    // of the key with the hash, less those of others since, and less with time
	key  []byte // of the value
	of   *T     // nil until the key was used often enough
}

// together is how many slots make a set.
const together = 4

// most is how many uses of others a key in a slot outlasts, and the most uses that count.
const most = 16

// New returns Keys with a number of slots. They keep the value that build returns for a key
// from the given use on, such as 3 for the third. Build returns nil for a key that has no
// value.
func New[T any](slots, after int, build func(key []byte) *T) *Keys[T] {
	k := &Keys[T]{build: build, after: after, seed: maphash.MakeSeed(), sets: make([]set[T], (slots+together-1)/together)}
	all := make([]slot[T], slots)
	for i := range k.sets {
		n := min(together, len(all))
		k.sets[i].slots, all = all[:n], all[n:]
	}
	return k
}

// Use returns the value of a key, or nil if the key has none or is not used often enough.
// The value is shared and must not be changed. Use keeps no argument.
func (k *Keys[T]) Use(key []byte) *T {
	s, hash := k.set(key)
	of, wanted := s.use(hash, key, k.after)
	if !wanted {
		return of
	}
	if of = k.build(key); of != nil {
		s.keep(hash, key, of)
	}
	return of
}

// Peek returns the value of a key if it is kept. It does not count as a use.
func (k *Keys[T]) Peek(key []byte) *T {
	s, hash := k.set(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := s.slot(hash, key); !at.another(hash, key) {
		return at.of
	}
	return nil
}

// set returns the set of a key, and the key's hash.
func (k *Keys[T]) set(key []byte) (s *set[T], hash uint64) {
	hash = maphash.Bytes(k.seed, key)
	return &k.sets[hash%uint64(len(k.sets))], hash
}

// slot returns the slot that a key has or, if it has none, the one of the least used key. The
// caller holds mu.
func (s *set[T]) slot(hash uint64, key []byte) *slot[T] {
	least := &s.slots[0]
	for i := range s.slots {
		at := &s.slots[i]
		if !at.another(hash, key) {
			return at
		}
		if at.uses < least.uses {
			least = at
		}
	}
	return least
}

// another reports whether the slot is not a key's.
func (s *slot[T]) another(hash uint64, key []byte) bool {
	return s.hash != hash || s.of != nil && !bytes.Equal(s.key, key)
}

// use counts a use of a key. It returns the key's value, if a slot has it, or whether it is
// time to build it.
func (s *set[T]) use(hash uint64, key []byte, after int) (of *T, wanted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.slot(hash, key)
	if at.another(hash, key) {
		if at.uses > 0 {
			at.uses--
			s.age()
		}
		if at.uses == 0 {
			*at = slot[T]{hash: hash, uses: 1}
		}
		return nil, at.uses >= after && at.hash == hash
	}
	at.uses = min(at.uses+1, most)
	return at.of, at.of == nil && at.uses >= after
}

// age halves the uses of all keys now and then: else the keys that were used often and are
// not used any more would leave one slot to all others.
func (s *set[T]) age() {
	if s.misses++; s.misses < most {
		return
	}
	s.misses = 0
	for i := range s.slots {
		s.slots[i].uses /= 2
	}
}

// keep puts the value of a key into its slot, unless another key took it meanwhile.
func (s *set[T]) keep(hash uint64, key []byte, of *T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := s.slot(hash, key); at.hash == hash {
		at.key, at.of = bytes.Clone(key), of
	}
}
