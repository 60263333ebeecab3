package ratchettree

import (
	"maps"
	"slices"
	"sync"
)

// keyHash names a public key in a KeySet. It is the first 16 bytes of the suite's hash of
// the key, behind a byte that tells encryption keys from signature keys. Finding a key
// with the name of one of the 2^k keys in a tree takes about 2^(128-k) attempts.
type keyHash [16]byte

type keyKind uint8

// The kinds of keys.
const (
	EncryptionKey keyKind = 1 // of leaves and parents
	SignatureKey  keyKind = 2 // of leaves
)

// KeySet is a snapshot of a map from public keys to the nodes of a ratchet tree that hold
// them. It does not change when edits make others from it. The zero KeySet is empty.
//
// Snapshots that were made from one another share a table, which holds one of them. Each
// other snapshot knows the changes that lead to it from the next one, and so, step by
// step, from the table. Asking a snapshot makes the table hold it (Baker, "Shallow
// Binding Makes Functional Arrays Fast", 1991). A commit replaces some 2*log2(n) keys at
// random. It costs as many changes here and copies no other key; a persistent search tree
// would copy a path of nodes for each key, log n times as much. The price is that a
// snapshot keeps the changes that were made since it was current, and that the snapshots
// of one table are asked one at a time.
type KeySet struct{ version *keyVersion }

// keyEdit is a snapshot in the making.
type keyEdit struct {
	version *keyVersion
	from    *keyVersion // the version that version was made from; nil for a first edit
}

// keyHolders says which nodes hold a key.
type keyHolders struct {
	count   uint32 // the number of nodes: 1, except during an edit
	indices uint32 // the sum of their indices: the index, if there is one holder
}

type keyVersion struct {
	table *keyTable
	next  *keyVersion // towards the version that the table holds; nil in that version
	undo  []keyChange // the changes, last one first, that lead from next to this version
}

// keyChange is a key and its new holders: none if the key is to be absent.
type keyChange struct {
	key     keyHash
	holders keyHolders
}

type keyTable struct {
	mu   sync.Mutex
	keys map[keyHash]keyHolders
	room int // the number of keys for which the map has grown
}

// NewKeyEdit begins the first snapshot of a table with room for the given number of keys.
func NewKeyEdit(keys int) keyEdit {
	return keyEdit{version: &keyVersion{table: &keyTable{keys: make(map[keyHash]keyHolders, keys)}}}
}

// edit begins a snapshot made from s.
func (s KeySet) edit() keyEdit {
	if s.version == nil {
		return NewKeyEdit(0)
	}
	return keyEdit{version: &keyVersion{table: s.version.table, next: s.version}, from: s.version}
}

// Freeze returns the snapshot. The edit must not change it any more.
func (e keyEdit) Freeze() KeySet { return KeySet{e.version} }

// find returns the nodes that hold a key.
func (s KeySet) find(key keyHash) keyHolders {
	if s.version == nil {
		return keyHolders{}
	}
	return s.version.find(key)
}

// find returns the nodes that hold a key at this point of the edit.
func (e keyEdit) find(key keyHash) keyHolders { return e.version.find(key) }

// reserve makes room for a number of changes.
func (e keyEdit) reserve(changes int) {
	t := e.version.table
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.hold(e.version); e.from != nil {
		e.from.undo = slices.Grow(e.from.undo, changes)
	}
}

// Add enters that node index holds a key, and returns the number of nodes that now hold
// it.
func (e keyEdit) Add(key keyHash, index NodeIndex) uint32 {
	return e.change(key, func(h keyHolders) keyHolders {
		return keyHolders{h.count + 1, h.indices + uint32(index)}
	})
}

// remove enters that node index no longer holds a key. It does nothing if no node does.
func (e keyEdit) remove(key keyHash, index NodeIndex) {
	e.change(key, func(h keyHolders) keyHolders {
		if h.count <= 1 {
			return keyHolders{}
		}
		return keyHolders{h.count - 1, h.indices - uint32(index)}
	})
}

func (e keyEdit) change(key keyHash, f func(keyHolders) keyHolders) uint32 {
	t := e.version.table
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hold(e.version)
	now := f(t.keys[key])
	before := t.swap(keyChange{key, now})
	if e.from != nil {
		e.from.undo = append(e.from.undo, before)
	}
	return now.count
}

func (v *keyVersion) find(key keyHash) keyHolders {
	v.table.mu.Lock()
	defer v.table.mu.Unlock()
	v.table.hold(v)
	return v.table.keys[key]
}

// rest makes the table hold s, so that nothing remains of snapshots that were made from s
// and given up.
func (s KeySet) rest() {
	if s.version != nil {
		s.find(keyHash{})
	}
}

// hold makes the table hold v, by reversing the chain of versions that leads from v to
// the held one.
func (t *keyTable) hold(v *keyVersion) {
	var short [8]*keyVersion
	way := short[:0]
	for ; v.next != nil; v = v.next {
		way = append(way, v)
	}
	for _, v := range slices.Backward(way) {
		held, undo := v.next, v.undo
		for i := range slices.Backward(undo) {
			undo[i] = t.swap(undo[i])
		}
		slices.Reverse(undo)
		held.next, held.undo = v, undo
		v.next, v.undo = nil, nil
	}
	t.shrink()
}

// shrink makes a new map if the map has grown for more than twice the keys that it holds,
// because a map keeps its memory. As many changes have been undone by then.
func (t *keyTable) shrink() {
	if t.room <= 2*len(t.keys)+LeastRoom {
		return
	}
	keys := make(map[keyHash]keyHolders, len(t.keys))
	maps.Copy(keys, t.keys)
	t.keys, t.room = keys, len(keys)
}

// LeastRoom is the number of keys for which a map may grow whatever it holds.
const LeastRoom = 1 << 8

// swap makes a change and returns the one that undoes it.
func (t *keyTable) swap(c keyChange) keyChange {
	before := keyChange{c.key, t.keys[c.key]}
	if c.holders.count == 0 {
		delete(t.keys, c.key)
	} else {
		t.keys[c.key] = c.holders
		t.room = max(t.room, len(t.keys))
	}
	return before
}

// keyStats is what a key set takes.
type keyStats struct {
	Keys, Room int  // in the table, and what it has room for
	Alone      bool // no other set's changes stand between the table and this one
}

// Stats returns what the set takes. Keys and Room are those of the set that the table holds
// now: of this one, if it is Alone.
func (s KeySet) Stats() keyStats {
	v := s.version
	return keyStats{len(v.table.keys), v.table.room, v.next == nil && v.undo == nil}
}
