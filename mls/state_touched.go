package mls

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
)

// touches are the records that changed. Each is in the Delta with its number, and in all
// after that, until one of them is stored.
type touches struct {
	records []touchedRecord
	nodes   []touchedNode
	drops   []drop

	unsettled bool // a record or a node may be there twice
}

// touchedRecord is a record that was put, replaced or deleted, and is no tree node.
type touchedRecord struct {
	recordID
	number uint64 // of the Delta
	fresh  bool   // no state that may be stored has it
}

// touchedNode is a node of a ratchet tree that came into the state or has left it.
type touchedNode struct {
	*ratchettree.Node
	index  ratchettree.NodeIndex
	gone   bool
	number uint64
}

// drop says that all records are gone of an epoch or of a kind, which one deletion takes
// away together.
type drop struct {
	recordID
	number uint64
}

func (t *touches) len() int { return len(t.records) + len(t.nodes) + len(t.drops) }

// covers reports whether a drop takes a record away.
func (d *drop) covers(id *recordID) bool {
	if d.kind() == recordPast {
		return id.kind().ofAnEpoch() && id.epoch == d.epoch
	}
	return id.kind() == d.kind()
}

// settle keeps the last of the changes of each record and node.
func (t *touches) settle(hashSize int) {
	if !t.unsettled {
		return
	}
	t.unsettled = false
	t.records = lastOfEach(t.records, func(a, b *touchedRecord) int { return a.compare(&b.recordID) })
	t.nodes = lastOfEach(t.nodes, func(a, b *touchedNode) int { return bytes.Compare(a.Hash(hashSize), b.Hash(hashSize)) })
	t.drops = lastOfEach(t.drops, func(a, b *drop) int { return a.compare(&b.recordID) })
}

func (id *recordID) compare(other *recordID) int {
	return cmp.Or(cmp.Compare(id.Kind, other.Kind), cmp.Compare(id.epoch, other.epoch), cmp.Compare(id.Index, other.Index),
		cmp.Compare(id.Ratchet, other.Ratchet), cmp.Compare(id.Generation, other.Generation))
}

// lastOfEach sorts all, and keeps the last of those that are equal.
func lastOfEach[T any](all []T, compare func(a, b *T) int) []T {
	slices.SortStableFunc(all, func(a, b T) int { return compare(&a, &b) })
	kept := all[:0]
	for i := range all {
		if i+1 == len(all) || compare(&all[i], &all[i+1]) != 0 {
			kept = append(kept, all[i])
		}
	}
	clear(all[len(kept):])
	return kept
}

// expect makes room for what an epoch changes.
func (t *touches) expect(now *savedState) {
	if t.records == nil {
		t.records = make([]touchedRecord, 0, 8)
		t.nodes = make([]touchedNode, 0, 2*int(now.public.tree.RootIndex().Level())+2)
	}
}

// keptRoom is the most changes for which room is kept when nothing is left to be stored.
const keptRoom = 32

// forget drops the changes up to a Delta.
func (t *touches) forget(number uint64) {
	t.records = slices.DeleteFunc(t.records, func(r touchedRecord) bool { return r.number <= number })
	t.nodes = slices.DeleteFunc(t.nodes, func(n touchedNode) bool { return n.number <= number })
	t.drops = slices.DeleteFunc(t.drops, func(d drop) bool { return d.number <= number })
	if t.len() == 0 && cap(t.records)+cap(t.nodes)+cap(t.drops) > keptRoom {
		*t = touches{}
	}
}

// noter takes down what changed for a Delta.
type noter struct {
	*touches
	manifest *manifest // of the state before; nil if the Delta is the whole state, of which nothing is dropped
	number   uint64    // of the Delta
}

// touch notes a record that may have changed.
func (n *noter) touch(id recordID) {
	n.records = append(n.records, touchedRecord{recordID: id, number: n.number})
}

// touchSecret notes a record of a secret tree.
func (n *noter) touchSecret(name secrettree.SecretName, epoch uint64) {
	n.touch(recordID{epoch, name})
}

// touchNode notes a node of a ratchet tree that is in the state or is gone.
func (n *noter) touchNode(node *ratchettree.Node, index ratchettree.NodeIndex, gone bool) {
	n.nodes = append(n.nodes, touchedNode{node, index, gone, n.number})
}

// drop notes that all records are gone of an epoch or of a kind.
func (n *noter) drop(id recordID) {
	if n.manifest == nil {
		return
	}
	d := drop{id, n.number}
	before := len(n.records)
	n.records = slices.DeleteFunc(n.records, func(r touchedRecord) bool { return d.covers(&r.recordID) })
	if len(n.records) < before || n.manifest.has(&d) { // else no state that may be stored has one
		n.drops = append(n.drops, d)
	}
}
