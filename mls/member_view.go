package mls

import (
	"bytes"
	"iter"
	"slices"
	"sync"

	"github.com/mlsuite/mlsuite/suite"
)

// memberView is what one member knows beyond the epoch's common secrets: where it
// stands, and the private keys on its direct path. It is immutable until it is
// destroyed.
type memberView struct {
	leaf     LeafIndex
	leafKey  *nodeKey
	pathKeys map[NodeIndex]*nodeKey
}

// nodeKey is the private key of a node, by reference: the views of consecutive
// epochs share it.
type nodeKey struct {
	suite.PrivateKey
	public []byte
	loan   *loan // nil if the key is the member's own
}

func newNodeKey(key suite.PrivateKey) *nodeKey {
	return &nodeKey{PrivateKey: key, public: key.PublicKey()}
}

// loan is what a last-resort KeyPackage and the groups that were joined by it share:
// the private key of the leaf, which the last of them deletes.
type loan struct {
	key       suite.PrivateKey
	mu        sync.Mutex
	ended     bool // by the KeyPackage
	borrowers map[*nodeKey]struct{}
}

// borrow returns the key for one more group.
func (l *loan) borrow() *nodeKey {
	k := newNodeKey(l.key)
	k.loan = l
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.borrowers == nil {
		l.borrowers = make(map[*nodeKey]struct{})
	}
	l.borrowers[k] = struct{}{}
	return k
}

// giveBack is for a group to call that has no use for the key any more.
func (l *loan) giveBack(k *nodeKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.borrowers, k)
	l.settle()
}

// end is for the KeyPackage to call, which is deleted.
func (l *loan) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.settle()
}

func (l *loan) settle() {
	if l.ended && len(l.borrowers) == 0 {
		suite.Destroy(l.key)
	}
}

// open reports whether the KeyPackage still has the key.
func (l *loan) open() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.ended
}

// isOf reports whether k is the private key of a parent node.
func (k *nodeKey) isOf(n *node) bool {
	return n.parent != nil && bytes.Equal(n.parent.encryptionKey, k.public)
}

func (k *nodeKey) destroy() {
	if k.loan != nil {
		k.loan.giveBack(k)
		return
	}
	suite.Destroy(k.PrivateKey)
}

// privateKey returns the private key of a node, or nil if the member has none.
func (m *memberView) privateKey(n NodeIndex) suite.PrivateKey {
	key := m.pathKeys[n]
	if n == m.leaf.Node() {
		key = m.leafKey
	}
	if key == nil {
		return nil
	}
	return key.PrivateKey
}

// next returns the member's view of tree, where fresh holds the path keys that
// the new epoch's commit brought. Of its own, the member keeps those whose nodes
// still have their public key (RFC 9420, Section 7.5).
func (m *memberView) next(t *tree, leafKey *nodeKey, fresh map[NodeIndex]*nodeKey) *memberView {
	v := &memberView{leaf: m.leaf, leafKey: leafKey, pathKeys: make(map[NodeIndex]*nodeKey, len(m.pathKeys))}
	for step := range t.above(m.leaf) {
		if key := m.pathKeys[step.index]; key != nil && key.isOf(step.node) {
			v.pathKeys[step.index] = key
		}
	}
	for n, key := range fresh {
		v.pathKeys[n] = key
	}
	return v
}

// complete returns an error unless the member holds the private keys that the tree
// says it does: those of the parent nodes above its leaf that are not blank and in
// which the leaf is not unmerged (RFC 9420, Sections 4.1.2 and 12.4.3.1). Others
// encrypt to those nodes, so without one of the keys the member cannot follow them.
func (m *memberView) complete(t *tree) error {
	for step := range t.above(m.leaf) {
		parent, held := step.node.parent, m.pathKeys[step.index] != nil
		merged := false
		if parent != nil {
			_, unmerged := slices.BinarySearch(parent.unmergedLeaves, m.leaf)
			merged = !unmerged
		}
		switch {
		case merged && !held:
			return violation("12.4.3.1", "member has the private key of node %d, in which its leaf is not unmerged", step.index).atLeaf(m.leaf)
		case held && !merged:
			return violation("12.4.3.1", "member has no private key of node %d, in which its leaf is unmerged", step.index).atLeaf(m.leaf)
		}
	}
	return nil
}

// keys returns the private keys.
func (m *memberView) keys() iter.Seq[*nodeKey] {
	return func(yield func(*nodeKey) bool) {
		if !yield(m.leafKey) {
			return
		}
		for _, key := range m.pathKeys {
			if !yield(key) {
				return
			}
		}
	}
}

// destroyExcept deletes the keys that next does not share.
func (m *memberView) destroyExcept(next *memberView) {
	if m.leafKey != next.leafKey {
		m.leafKey.destroy()
	}
	for n, key := range m.pathKeys {
		if key != next.pathKeys[n] {
			key.destroy()
		}
	}
}
