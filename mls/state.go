package mls

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Record is one entry of a group's saved state. A store keeps Value under Key, with the
// other records of the same group.
//
// Values hold the group's secrets and private keys, so whoever reads the store is as good
// as the member. The caller encrypts and authenticates what it stores.
type Record struct {
	Key, Value []byte
}

// Delta is what the stored state of a group lacks: see "Saving" above. First, every
// record goes whose key begins with one of Delete; an empty prefix stands for all records
// of the group. Then each record of Put is stored, and replaces the record with the same
// key, if any. A store applies a Delta as a whole or not at all. One without Put changes
// nothing.
type Delta struct {
	Delete [][]byte
	Put    []Record

	saving   *saving // nil if the caller made the Delta
	number   uint64
	epoch    uint64
	reserved [2]uint64
}

// Stored tells the group that d is durable. The group counts as saved up to d from then
// on, and its next Delta holds only what came after d. Stored may be called at any time,
// even in a later epoch or after Destroy, and again: a Delta that is not newer than
// another one for which Stored was called changes nothing. It is safe for concurrent use.
func (d *Delta) Stored() {
	if d.saving != nil {
		d.saving.acknowledge(d)
	}
}

// Destroy overwrites the values in d. Stored works after it, too.
func (d *Delta) Destroy() { Snapshot(d.Put).Destroy() }

// Snapshot is a saved state: its records in increasing order of their keys, each key
// once. A group's Snapshot is the sum of the Deltas that were stored.
type Snapshot []Record

// Apply returns the state to which d changes s. It leaves both unchanged, and shares their
// values.
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
//	    uint16 version = 2;
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
	stateVersion = 2
	stateHeader  = len(stateMagic) + 2
)

// Marshal returns the encoding of s. It holds the secrets of s: see [Record].
//
// Errors:
//
//   - [message.ErrMalformed]: the records are not in the order of their keys.
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

// ParseSnapshot reads what [Snapshot.Marshal] wrote.
//
// Errors:
//
//   - [message.ErrMalformed]: the bytes are damaged, or are no Snapshot.
//   - [message.ErrUnsupported]: the Snapshot is of another version.
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
		return nil, otherVersion(v)
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

// otherVersion says that a state was saved in another format.
func otherVersion(v uint16) error {
	return fmt.Errorf("%w: saved state of version %d", message.ErrUnsupported, v)
}

// errState is the class of everything that is wrong with a saved state itself.
var errState = fmt.Errorf("mls: saved state is %w", message.ErrMalformed)

// badState returns an error of class errState.
func badState(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errState}, args...)...)
}
