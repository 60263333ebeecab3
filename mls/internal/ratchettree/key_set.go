package ratchettree

import "slices"

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

// keyChange is an entry that comes into the table or leaves it.
type keyChange struct {
	entry keyEntry
	leave bool
}

// NewKeyEdit begins the first snapshot of a table with room for the given number of keys.
func NewKeyEdit(keys int) keyEdit {
	return keyEdit{version: &keyVersion{table: newKeyTable(keys)}}
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
func (s KeySet) find(kind keyKind, key []byte) keyHolders {
	if s.version == nil {
		return keyHolders{}
	}
	return s.version.find(kind, key)
}

// find returns the nodes that hold a key at this point of the edit.
func (e keyEdit) find(kind keyKind, key []byte) keyHolders { return e.version.find(kind, key) }

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
func (e keyEdit) Add(kind keyKind, key []byte, index NodeIndex) uint32 {
	t := e.version.table
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hold(e.version)
	name := t.name(kind, key)
	e.change(keyChange{entry: keyEntry{name, index}})
	return t.find(name).count
}

// remove enters that node index no longer holds a key. It does nothing if it does not.
func (e keyEdit) remove(kind keyKind, key []byte, index NodeIndex) {
	t := e.version.table
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hold(e.version)
	e.change(keyChange{keyEntry{t.name(kind, key), index}, true})
}

func (e keyEdit) change(c keyChange) {
	if e.version.table.make(&c) && e.from != nil {
		e.from.undo = append(e.from.undo, c)
	}
}

func (v *keyVersion) find(kind keyKind, key []byte) keyHolders {
	t := v.table
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hold(v)
	return t.find(t.name(kind, key))
}

// rest makes the table hold s, so that nothing remains of snapshots that were made from s
// and given up.
func (s KeySet) rest() {
	if s.version == nil {
		return
	}
	t := s.version.table
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hold(s.version)
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
			t.make(&undo[i])
		}
		slices.Reverse(undo)
		held.next, held.undo = v, undo
		v.next, v.undo = nil, nil
	}
	t.shrink()
}

// make makes a change and turns it into the one that undoes it. It reports false if there
// is no such entry to leave.
func (t *keyTable) make(c *keyChange) bool {
	if !c.leave {
		t.insert(c.entry)
	} else if !t.delete(c.entry) {
		return false
	}
	c.leave = !c.leave
	return true
}

// keyStats is what a key set takes.
type keyStats struct {
	Keys, Room int  // in the table, and those for which it has made room
	Alone      bool // no other set's changes stand between the table and this one
}

// Stats returns what the set takes. Keys and Room are those of the set that the table holds
// now: of this one, if it is Alone.
func (s KeySet) Stats() keyStats {
	v := s.version
	return keyStats{v.table.used, roomIn(len(v.table.slots)), v.next == nil && v.undo == nil}
}
