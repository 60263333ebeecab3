package mls

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"

	"github.com/mlsuite/mlsuite/internal/wire"
)

// Record is one entry of a group's saved state. A store keeps Value under Key, with the
// other records of the same group.
//
// Values hold the group's secrets and private keys, so whoever reads the store is as good
// as the member. The caller encrypts and authenticates what it stores.
type Record struct {
	Key, Value []byte
}

// Delta changes a saved state. First, every record goes whose key begins with one of
// Delete. Then each record of Put is stored, and replaces the record with the same key,
// if any. A store applies a Delta as a whole or not at all.
type Delta struct {
	Delete [][]byte
	Put    []Record
}

// EpochDelta is what a saved state of an earlier epoch, or an empty one, lacks of a
// group's state. [Group.EpochDelta] returns it. In a group of n members, it holds O(log
// n) nodes of the ratchet tree for each epoch since, the epoch's secrets, and the new
// private keys.
type EpochDelta struct {
	Epoch uint64
	Delta
}

// MessageDelta is what a saved state of this epoch lacks of a group's state.
// [Group.MessageDelta] returns it. For each opened message, it holds the ratchet that the
// message moved and the keys that it used or skipped, and for the first message of a
// sender O(log n) secrets of the secret tree. For each proposal, it holds the proposal.
// Sent messages cost nothing until the generations that a state reserves for them run
// short.
type MessageDelta struct {
	Epoch uint64
	Delta
}

// Empty reports whether d changes nothing.
func (d *Delta) Empty() bool { return len(d.Delete) == 0 && len(d.Put) == 0 }

// Size returns the length of all keys and values in d, in bytes.
func (d *Delta) Size() int {
	n := 0
	for _, prefix := range d.Delete {
		n += len(prefix)
	}
	for _, r := range d.Put {
		n += len(r.Key) + len(r.Value)
	}
	return n
}

// Destroy overwrites the values in d.
func (d *Delta) Destroy() { Snapshot(d.Put).Destroy() }

// Snapshot is a saved state: its records in increasing order of their keys, each key
// once. A group's Snapshot is the sum of its deltas.
type Snapshot []Record

// Apply returns the state to which d changes s. It leaves both unchanged.
func (s Snapshot) Apply(d *Delta) Snapshot {
	put := slices.Clone(d.Put)
	slices.SortStableFunc(put, compareRecords)
	prefixes := minimalPrefixes(d.Delete)
	gone := func(r Record) bool {
		if _, replaced := slices.BinarySearchFunc(put, r, compareRecords); replaced {
			return true
		}
		i, found := slices.BinarySearchFunc(prefixes, r.Key, bytes.Compare)
		return found || i > 0 && bytes.HasPrefix(r.Key, prefixes[i-1])
	}
	next := append(slices.DeleteFunc(slices.Clone(s), gone), put...)
	slices.SortFunc(next, compareRecords)
	return next
}

// minimalPrefixes returns prefixes in increasing order, without those that begin with
// another one. Only the last prefix that is not after a key can be a prefix of the key.
func minimalPrefixes(prefixes [][]byte) [][]byte {
	sorted := slices.Clone(prefixes)
	slices.SortFunc(sorted, bytes.Compare)
	kept := sorted[:0]
	for _, p := range sorted {
		if len(kept) == 0 || !bytes.HasPrefix(p, kept[len(kept)-1]) {
			kept = append(kept, p)
		}
	}
	return kept
}

func compareRecords(a, b Record) int { return bytes.Compare(a.Key, b.Key) }

// Destroy overwrites the values in s.
func (s Snapshot) Destroy() {
	for _, r := range s {
		clear(r.Value)
	}
}

// The encoding of a state:
//
//	struct {
//	    opaque magic[4] = "MLSs";
//	    uint16 version = 1;
//	    struct {
//	        opaque key<V>;
//	        opaque value<V>;
//	    } records[];            // to the end, in increasing order of keys
//	    opaque digest[32];      // SHA-256 of all before it
//	}
//
// The digest finds damage. It is no authentication: anybody can compute it.
const (
	stateMagic   = "MLSs"
	stateVersion = 1
	stateHeader  = len(stateMagic) + 2
)

// Marshal returns the encoding of s. It holds the secrets of s: see [Record]. The error
// wraps [ErrMalformed] if the records are not in the order of their keys.
func (s Snapshot) Marshal() ([]byte, error) {
	var w wire.Writer
	size := stateHeader + sha256.Size
	for _, r := range s {
		size += 2*4 + len(r.Key) + len(r.Value)
	}
	w.Grow(size) // at once: an outgrown buffer would leave secrets in memory
	w.Raw([]byte(stateMagic))
	w.Uint16(stateVersion)
	for i := range s {
		if i > 0 && compareRecords(s[i-1], s[i]) >= 0 {
			return nil, fmt.Errorf("%w: records are not in the order of their keys", errState)
		}
		w.Bytes(s[i].Key)
		w.Bytes(s[i].Value)
	}
	b, err := w.Finish()
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(b)
	return append(b, digest[:]...), nil
}

// ParseSnapshot reads what Marshal wrote. The error wraps [ErrMalformed] if the bytes are
// damaged or are no Snapshot, and [ErrUnsupported] if they are of another version.
func ParseSnapshot(b []byte) (Snapshot, error) {
	if len(b) < stateHeader+sha256.Size || string(b[:len(stateMagic)]) != stateMagic {
		return nil, fmt.Errorf("%w: it does not begin like one", errState)
	}
	body, digest := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if want := sha256.Sum256(body); subtle.ConstantTimeCompare(want[:], digest) != 1 {
		return nil, fmt.Errorf("%w: its digest is wrong", errState)
	}
	return parseRecords(body[len(stateMagic):])
}

// parseRecords reads a state from its version on, without the digest.
func parseRecords(b []byte) (Snapshot, error) {
	r := wire.NewReader(b)
	if v := r.Uint16(); r.Err() == nil && v != stateVersion {
		return nil, fmt.Errorf("%w: saved state of version %d", ErrUnsupported, v)
	}
	var s Snapshot
	for !r.Empty() {
		next := Record{Key: r.Bytes(), Value: r.Bytes()}
		if len(s) > 0 && compareRecords(s[len(s)-1], next) >= 0 {
			r.Fail(wire.Malformed("records are not in the order of their keys"))
		}
		s = append(s, next)
	}
	if err := r.Finish(); err != nil {
		s.Destroy()
		return nil, fmt.Errorf("%w: %w", errState, err)
	}
	return s, nil
}

// errState is the class of everything that is wrong with a saved state itself.
var errState = fmt.Errorf("mls: saved state is %w", ErrMalformed)

// badState returns an error of class errState.
func badState(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errState}, args...)...)
}

// sortedKeys returns the keys of m in increasing order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
