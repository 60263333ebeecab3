package mls

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"

	"github.com/mlsuite/mlsuite/internal/wire"
)

// manifest vouches for the records of a saved state together. With it, a missing record,
// an extra record and a record of another state are found, for example where a store
// applied part of a delta or lost a record. Nodes of ratchet trees are not in it: tree
// hashes vouch for them. It authenticates nothing: see [Record].
type manifest struct {
	sum     recordDigest // XOR of the digests of all records
	records map[recordGroup]map[recordName]recordDigest
}

// recordName is the key of a record that a manifest covers, with zeros behind it.
type recordName [1 + 8 + 4 + 1 + 4]byte

// recordGroup is the prefix of the keys that one deletion takes away together, with
// zeros behind it: the records of a kind, or the secrets of an epoch.
type recordGroup [1 + 8]byte

func newManifest() *manifest {
	return &manifest{records: make(map[recordGroup]map[recordName]recordDigest)}
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

// together returns the length of the key prefix that records have in common if one
// deletion takes them away: the records of a kind, or the secrets of an epoch.
func (k recordKind) together() int {
	switch k {
	case recordSecret, recordRatchet, recordMessageKey:
		return 1 + 8
	}
	return 1
}

// put enters a record, which replaces the one with the same key.
func (m *manifest) put(key []byte, d recordDigest) {
	kind := recordKind(key[0])
	if !kind.counted() {
		return
	}
	var group recordGroup
	copy(group[:], key[:kind.together()])
	records := m.records[group]
	if records == nil {
		records = make(map[recordName]recordDigest)
		m.records[group] = records
	}
	var whole recordName
	copy(whole[:], key)
	m.sum.xor(d)
	m.sum.xor(records[whole]) // of zeros if there is none
	records[whole] = d
}

// drop removes the record with a key, all records with a prefix that one deletion takes
// away, or, with an empty prefix, all records.
func (m *manifest) drop(key []byte) {
	if len(key) == 0 {
		*m = *newManifest()
		return
	}
	var group recordGroup
	together := recordKind(key[0]).together()
	copy(group[:], key[:together])
	records := m.records[group]
	if len(key) == together {
		for _, d := range records {
			m.sum.xor(d)
		}
		delete(m.records, group)
		return
	}
	var whole recordName
	copy(whole[:], key)
	if d, ok := records[whole]; ok {
		m.sum.xor(d)
		delete(records, whole)
	}
}

// has reports whether there are records with a prefix that one deletion takes away.
func (m *manifest) has(prefix []byte) bool {
	var group recordGroup
	copy(group[:], prefix)
	return len(m.records[group]) > 0
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
