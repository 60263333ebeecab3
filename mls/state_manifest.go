package mls

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
)

// manifest vouches for the records of a saved state together. With it, a missing record,
// an extra record and a record of another state are found, for example where a store
// applied part of a delta or lost a record. Nodes of ratchet trees are not in it: tree
// hashes vouch for them. It authenticates nothing: see [Record].
type manifest struct {
	sum     recordDigest                       // XOR of the digests of all records
	records map[string]map[string]recordDigest // by the prefix that one deletion takes away, then by key
}

type recordDigest [sha256.Size]byte

func newManifest() *manifest { return &manifest{records: make(map[string]map[string]recordDigest)} }

func (d *recordDigest) xor(e recordDigest) { subtle.XORBytes(d[:], d[:], e[:]) }

// digest returns the digest of a record.
func (r *Record) digest() (d recordDigest) {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(r.Key))))
	h.Write(r.Key)
	h.Write(r.Value)
	h.Sum(d[:0])
	return d
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
func (m *manifest) put(r *Record) {
	kind := recordKind(r.Key[0])
	if !kind.counted() {
		return
	}
	prefix := string(r.Key[:kind.together()])
	if m.records[prefix] == nil {
		m.records[prefix] = make(map[string]recordDigest)
	}
	d, key := r.digest(), string(r.Key)
	m.sum.xor(d)
	m.sum.xor(m.records[prefix][key]) // of zeros if there is none
	m.records[prefix][key] = d
}

// drop removes the record with a key, all records with a prefix that one deletion takes
// away, or, with an empty prefix, all records.
func (m *manifest) drop(key []byte) {
	if len(key) == 0 {
		*m = *newManifest()
		return
	}
	prefix := string(key[:recordKind(key[0]).together()])
	records := m.records[prefix]
	if d, ok := records[string(key)]; ok {
		m.sum.xor(d)
		delete(records, string(key))
	}
	if len(key) == len(prefix) {
		for _, d := range records {
			m.sum.xor(d)
		}
		delete(m.records, prefix)
	}
}

// seal updates m to the state to which d leads, and puts it into d unless d changes
// nothing.
func (m *manifest) seal(d *Delta) {
	if len(d.Delete) == 0 && len(d.Put) == 0 {
		return
	}
	for _, prefix := range d.Delete {
		m.drop(prefix)
	}
	for i := range d.Put {
		m.put(&d.Put[i])
	}
	d.Put = append(d.Put, Record{recordManifest.key(), bytes.Clone(m.sum[:])})
}

// checkManifest checks that the state is whole, and keeps its manifest.
func (l *stateLoader) checkManifest() error {
	want, err := l.one(recordManifest)
	if err != nil {
		return err
	}
	l.manifest = newManifest()
	for _, records := range l.records {
		for i := range records {
			l.manifest.put(&records[i])
		}
	}
	if !bytes.Equal(want, l.manifest.sum[:]) {
		return badState("records are missing, or of different states")
	}
	return nil
}
