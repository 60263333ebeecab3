package mls

import (
	"hash/crc32"

	"github.com/mlsuite/mlsuite/internal/wire"
)

// manifest vouches for the records of a saved state together. With it, a missing record,
// an extra record and a record of another state are found, for example where a store
// applied part of a delta or lost a record. Nodes of ratchet trees are not in it: tree
// hashes vouch for them. It authenticates nothing: see [Record].
type manifest struct {
	sum    recordDigest    // XOR of the digests of all records
	others recordDigests   // of those that are not of an epoch
	epochs []epochManifest // a few
	spare  recordDigests   // empty, for the next epoch
}

// epochManifest has the records of an epoch.
type epochManifest struct {
	epoch uint64
	sum   recordDigest // XOR of their digests
	of    recordDigests
}

type recordDigests map[recordID]recordDigest

func newManifest() *manifest { return &manifest{others: make(recordDigests)} }

// savedManifest is
//
//	struct {
//	    uint16 version = 2;     // of all records
//	    uint64 sum;
//	} SavedManifest;
type savedManifest recordDigest

const manifestSize = 2 + 8

func (m savedManifest) marshal(w *wire.Writer) {
	w.Uint16(stateVersion)
	w.Uint64(uint64(m))
}

// recordDigest tells records apart that are not made to be alike: two checksums of key and
// value, mixed, because sums of checksums alone would not see what changed by the same bits
// in two records.
type recordDigest uint64

// digest returns the digest of a record, whose key says where it ends, by its kind.
func (r *Record) digest() recordDigest {
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	return mixed(
		crc32.Update(crc32.Checksum(r.Key, castagnoli), castagnoli, r.Value),
		crc32.Update(crc32.ChecksumIEEE(r.Key), crc32.IEEETable, r.Value))
}

// mixed is a permutation of 64 bits, of which each depends on all.
func mixed(a, b uint32) recordDigest {
	x := uint64(a)<<32 | uint64(b)
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return recordDigest(x ^ x>>31)
}

// counted reports whether a manifest covers the records of a kind.
func (k recordKind) counted() bool { return k != recordTreeNode && k != recordManifest }

// ofAnEpoch reports whether records of a kind belong to an epoch and may outlive it.
func (k recordKind) ofAnEpoch() bool {
	switch k {
	case recordPast, recordSecret, recordRatchet, recordMessageKey:
		return true
	}
	return false
}

// at returns where an epoch is, or -1.
func (m *manifest) at(epoch uint64) int {
	for i := range m.epochs {
		if m.epochs[i].epoch == epoch {
			return i
		}
	}
	return -1
}

// put enters a record, which replaces the one with the same ID.
func (m *manifest) put(id *recordID, d recordDigest) {
	if !id.kind().ofAnEpoch() {
		m.sum ^= m.others.put(id, d)
		return
	}
	i := m.at(id.epoch)
	if i < 0 {
		of := m.spare
		if m.spare = nil; of == nil {
			of = make(recordDigests)
		}
		i, m.epochs = len(m.epochs), append(m.epochs, epochManifest{epoch: id.epoch, of: of})
	}
	change := m.epochs[i].of.put(id, d)
	m.epochs[i].sum ^= change
	m.sum ^= change
}

// put enters a record, and returns by what the sum changes.
func (r recordDigests) put(id *recordID, d recordDigest) (change recordDigest) {
	change = d ^ r[*id] // 0 if there is none
	r[*id] = d
	return change
}

// remove removes a record, if it is there.
func (m *manifest) remove(id *recordID) {
	if !id.kind().ofAnEpoch() {
		m.sum ^= m.others[*id]
		delete(m.others, *id)
		return
	}
	i := m.at(id.epoch)
	if i < 0 {
		return
	}
	e := &m.epochs[i]
	change := e.of[*id]
	delete(e.of, *id)
	e.sum ^= change
	m.sum ^= change
	if len(e.of) == 0 {
		m.cut(i)
	}
}

// reusable is the most records of an epoch whose map serves another one.
const reusable = 64

// cut removes an epoch.
func (m *manifest) cut(i int) {
	e := m.epochs[i]
	m.sum ^= e.sum
	if len(e.of) <= reusable {
		clear(e.of)
		m.spare = e.of
	}
	last := len(m.epochs) - 1
	m.epochs[i] = m.epochs[last]
	m.epochs[last] = epochManifest{}
	m.epochs = m.epochs[:last]
}

// drop removes what a drop takes away.
func (m *manifest) drop(d *drop) {
	if d.kind() == recordPast {
		if i := m.at(d.epoch); i >= 0 {
			m.cut(i)
		}
		return
	}
	for id := range m.others {
		if d.covers(&id) {
			m.remove(&id)
		}
	}
}

// has reports whether there are records that a drop takes away.
func (m *manifest) has(d *drop) bool {
	if d.kind() == recordPast {
		return m.at(d.epoch) >= 0
	}
	for id := range m.others {
		if d.covers(&id) {
			return true
		}
	}
	return false
}

// checkManifest checks that the state is whole, and keeps its manifest.
func (l *stateLoader) checkManifest() error {
	value, err := l.one(recordManifest)
	if err != nil {
		return err
	}
	r := wire.NewReader(value)
	if v := r.Uint16(); r.Err() == nil && v != stateVersion {
		return otherVersion(v)
	}
	want := recordDigest(r.Uint64())
	if err := r.Parsed("manifest"); err != nil {
		return err
	}
	l.manifest = newManifest()
	for kind, records := range l.records {
		for i := 0; i < len(records) && kind.counted(); i++ {
			id := idOf(records[i].Key)
			l.manifest.put(&id, records[i].digest())
		}
	}
	if want != l.manifest.sum {
		return badState("records are missing, or of different states")
	}
	return nil
}
