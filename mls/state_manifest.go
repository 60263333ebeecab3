package mls

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"

	"github.com/mlsuite/mlsuite/internal/wire"
)

// manifest vouches for the records of a saved state together. With it, a missing record,
// an extra record and a record of another state are found, for example where a store
// applied part of a delta or lost a record. Nodes of ratchet trees are not in it: tree
// hashes vouch for them. It authenticates nothing: see [Record].
type manifest struct {
	sum    recordDigest             // XOR of the digests of all records
	others recordDigests            // of those that are not of secret trees
	trees  map[uint64]recordDigests // of those of secret trees, by epoch
}

type recordDigests map[recordName]recordDigest

// recordName is the key of a record that a manifest covers, with zeros behind it.
type recordName [1 + 8 + 4 + 1 + 4]byte

func newManifest() *manifest {
	return &manifest{others: make(recordDigests), trees: make(map[uint64]recordDigests)}
}

// recordDigest is SHA-256 of
//
//	struct {
//	    uint32 key_length;
//	    opaque key[key_length];
//	    opaque value[];         // to the end
//	}
type recordDigest [sha256.Size]byte

func (d *recordDigest) xor(e recordDigest) { subtle.XORBytes(d[:], d[:], e[:]) }

// digestHead is what comes before the value.
func digestHead(w *wire.Writer, key []byte) {
	w.Uint32(uint32(len(key)))
	w.Raw(key)
}

// digest returns the digest of a record.
func (r *Record) digest() recordDigest {
	var w wire.Writer
	w.Grow(4 + len(r.Key) + len(r.Value))
	defer w.Erase()
	digestHead(&w, r.Key)
	w.Raw(r.Value)
	input, _ := w.Finish() // which cannot fail
	return sha256.Sum256(input)
}

// counted reports whether a manifest covers the records of a kind.
func (k recordKind) counted() bool { return k != recordTreeNode && k != recordManifest }

// treeOf returns the epoch in the key, or the prefix of keys, of secrets of a secret tree.
func treeOf(key []byte) (epoch uint64, ok bool) {
	switch recordKind(key[0]) {
	case recordSecret, recordRatchet, recordMessageKey:
		return binary.BigEndian.Uint64(key[1:]), true
	}
	return 0, false
}

// group returns the digests among which that of a record is, or those of all records with
// a prefix. They are nil if there are none of the epoch.
func (m *manifest) group(key []byte) recordDigests {
	if epoch, ok := treeOf(key); ok {
		return m.trees[epoch]
	}
	return m.others
}

// put enters a record, which replaces the one with the same key.
func (m *manifest) put(key []byte, d recordDigest) {
	if !recordKind(key[0]).counted() {
		return
	}
	records := m.group(key)
	if records == nil {
		records = make(recordDigests)
		epoch, _ := treeOf(key)
		m.trees[epoch] = records
	}
	var name recordName
	copy(name[:], key)
	m.sum.xor(d)
	m.sum.xor(records[name]) // of zeros if there is none
	records[name] = d
}

// wholeKey reports whether a key is that of a record, and not a prefix.
func wholeKey(key []byte) bool {
	n, _ := recordKind(key[0]).length()
	return len(key) == n
}

// drop removes the record with a key, all records with a prefix, which is that of a kind
// or of a kind and an epoch, or, with an empty prefix, all records.
func (m *manifest) drop(key []byte) {
	if len(key) == 0 {
		*m = *newManifest()
		return
	}
	if !recordKind(key[0]).counted() {
		return
	}
	records := m.group(key)
	remove := func(name recordName) {
		m.sum.xor(records[name])
		delete(records, name)
	}
	if wholeKey(key) {
		var name recordName
		copy(name[:], key)
		remove(name)
	} else {
		for name := range records {
			if bytes.HasPrefix(name[:], key) {
				remove(name)
			}
		}
	}
	if epoch, ok := treeOf(key); ok && len(records) == 0 {
		delete(m.trees, epoch)
	}
}

// has reports whether there are records with a prefix as in drop.
func (m *manifest) has(prefix []byte) bool {
	for name := range m.group(prefix) {
		if bytes.HasPrefix(name[:], prefix) {
			return true
		}
	}
	return false
}

// checkManifest checks that the state is whole, and keeps its manifest.
func (l *stateLoader) checkManifest() error {
	want, err := l.one(recordManifest)
	if err != nil {
		return err
	}
	l.manifest = newManifest()
	for kind, records := range l.records {
		for i := 0; i < len(records) && kind.counted(); i++ {
			l.manifest.put(records[i].Key, records[i].digest())
		}
	}
	if !bytes.Equal(want, l.manifest.sum[:]) {
		return badState("records are missing, or of different states")
	}
	return nil
}
