package ratchettree

import (
	"hash/maphash"
	"math"
	"sync"
)

// keyName names a public key in a table: 96 bits of hashes under random seeds. Keys with
// one name count as one key. Two of a million keys that were chosen without regard to the
// seeds have one name with a probability of 2^-57. Package hash/maphash promises a uniform
// distribution, but not that it is cryptographically secure: whoever chooses keys learns
// neither seeds nor names, only that a key is refused as one that is there.
type keyName [3]uint32

// keyEntry is a key and a node that holds it.
type keyEntry struct {
	name  keyName
	index NodeIndex // noNode in a slot without an entry
}

const noNode = NodeIndex(math.MaxUint32)

// keyTable is a hash table with open addressing: an entry is in the first free slot from
// the one on that its name demands. A quarter more slots than entries suffice, of 16 bytes
// each; a map has twice as many, of 24.
type keyTable struct {
	mu    sync.Mutex
	seeds [3]maphash.Seed
	slots []keyEntry
	used  int
	most  int // the most entries since the table was made or last got smaller
}

func newKeyTable(keys int) *keyTable {
	t := &keyTable{seeds: [3]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed(), maphash.MakeSeed()}}
	t.resize(keys)
	return t
}

// slotsFor returns the number of slots for a number of keys.
func slotsFor(keys int) int { return keys + keys/4 + 2 }

// roomIn returns the number of keys for which a number of slots suffice.
func roomIn(slots int) int { return slots * 4 / 5 }

// name returns the name of a key.
func (t *keyTable) name(kind keyKind, key []byte) keyName {
	a, b := maphash.Bytes(t.seeds[kind-1], key), maphash.Bytes(t.seeds[2], key)
	return keyName{uint32(a >> 32), uint32(a), uint32(b)}
}

// home returns the slot that a name demands.
func (t *keyTable) home(name keyName) int { return int(uint64(name[0]) * uint64(len(t.slots)) >> 32) }

// after returns the slot after slot i.
func (t *keyTable) after(i int) int {
	if i++; i < len(t.slots) {
		return i
	}
	return 0
}

// find returns the nodes that hold a key.
func (t *keyTable) find(name keyName) (h keyHolders) {
	for i := t.home(name); t.slots[i].index != noNode; i = t.after(i) {
		if t.slots[i].name == name {
			h.count++
			h.indices += uint32(t.slots[i].index)
		}
	}
	return h
}

func (t *keyTable) insert(e keyEntry) {
	if t.used >= roomIn(len(t.slots)) {
		t.resize(t.used + t.used/4 + 4)
	}
	i := t.home(e.name)
	for t.slots[i].index != noNode {
		i = t.after(i)
	}
	t.slots[i] = e
	t.used++
	t.most = max(t.most, t.used)
}

// delete removes an entry, or reports false if there is none. The entries after it that
// it kept from their places move up.
func (t *keyTable) delete(e keyEntry) bool {
	gap := t.home(e.name)
	for ; t.slots[gap] != e; gap = t.after(gap) {
		if t.slots[gap].index == noNode {
			return false
		}
	}
	for i := t.after(gap); t.slots[i].index != noNode; i = t.after(i) {
		if home := t.home(t.slots[i].name); t.distance(home, i) >= t.distance(gap, i) {
			t.slots[gap] = t.slots[i]
			gap = i
		}
	}
	t.slots[gap].index = noNode
	t.used--
	return true
}

// distance returns the number of slots from one to another, around the end of the table.
func (t *keyTable) distance(from, to int) int {
	if to < from {
		to += len(t.slots)
	}
	return to - from
}

// resize gives the table room for a number of keys.
func (t *keyTable) resize(keys int) {
	old := t.slots
	t.slots, t.used = make([]keyEntry, slotsFor(keys)), 0
	for i := range t.slots {
		t.slots[i].index = noNode
	}
	for _, e := range old {
		if e.index != noNode {
			t.insert(e)
		}
	}
}

// shrink makes the table smaller if it has held more than LeastRoom keys beside twice those
// that it holds. By then more keys have left it than it moves.
func (t *keyTable) shrink() {
	if t.most > 2*t.used+LeastRoom {
		t.resize(t.used)
		t.most = t.used
	}
}

// LeastRoom is the number of keys for which a table keeps room beside twice those that it
// holds.
const LeastRoom = 1 << 8
