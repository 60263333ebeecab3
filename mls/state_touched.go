package mls

import (
	"bytes"
	"slices"

	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
)

// touch says that a record changed, which was put, replaced or deleted; or, of a prefix,
// that all records are gone whose keys begin with it.
type touch struct {
	key    []byte
	number uint64            // of the Delta
	node   *ratchettree.Node // of the ratchet tree, with its index
	index  ratchettree.NodeIndex
}

// touches are in the order in which they came, until they are settled.
type touches struct {
	all  []touch
	keys []byte // those of the latest changes, one after another
}

// add adds a change, with a copy of the key.
func (t *touches) add(key []byte, by touch) {
	if cap(t.keys)-len(t.keys) < len(key) {
		t.expect(4)
	}
	by.key = appended(&t.keys, key)
	t.all = append(t.all, by)
}

// expect makes room for about n changes more.
func (t *touches) expect(n int) {
	const length = 18 // of a key
	t.all = slices.Grow(t.all, n)
	t.keys = make([]byte, 0, n*length+80)
}

// settle brings the changes in the order of their keys, and keeps the last of each.
func (t *touches) settle() {
	slices.SortStableFunc(t.all, func(a, b touch) int { return bytes.Compare(a.key, b.key) })
	kept := t.all[:0]
	for i := range t.all {
		if i+1 == len(t.all) || !bytes.Equal(t.all[i].key, t.all[i+1].key) {
			kept = append(kept, t.all[i])
		}
	}
	clear(t.all[len(kept):])
	t.all = kept
}

// forget drops the changes up to a Delta.
func (t *touches) forget(number uint64) {
	t.all = slices.DeleteFunc(t.all, func(by touch) bool { return by.number <= number })
	if len(t.all) == 0 {
		*t = touches{}
	}
}

// noter takes down what changed for a Delta.
type noter struct {
	touched  *touches
	dropped  *touches  // nil if the Delta is the whole state, of which nothing is dropped
	manifest *manifest // of the state before
	number   uint64    // of the Delta
	buf      [80]byte  // for a key
}

// touch notes a record that may have changed.
func (n *noter) touch(key []byte) { n.touched.add(key, touch{number: n.number}) }

// touchSecret notes a secret of a secret tree.
func (n *noter) touchSecret(name secrettree.SecretName, epoch uint64) {
	n.touch(name.AppendKey(n.buf[:0], epoch))
}

// touchNode notes a node of a ratchet tree that is in the state or, if it is nil, is gone.
func (n *noter) touchNode(hash []byte, node *ratchettree.Node, index ratchettree.NodeIndex) {
	key := append(append(n.buf[:0], byte(recordTreeNode)), hash...)
	n.touched.add(key, touch{number: n.number, node: node, index: index})
}

// drop notes that all records are gone whose keys begin with prefix, which one deletion
// takes away together.
func (n *noter) drop(prefix []byte) {
	if n.dropped == nil {
		return
	}
	before := len(n.touched.all)
	n.touched.all = slices.DeleteFunc(n.touched.all, func(c touch) bool { return bytes.HasPrefix(c.key, prefix) })
	if len(n.touched.all) < before || n.manifest.has(prefix) { // else no state that may be stored has one
		n.dropped.add(prefix, touch{number: n.number})
	}
}
