package mls

import (
	"bytes"
	"iter"

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
	lent   bool // it belongs to somebody else, who deletes it
}

func newNodeKey(key suite.PrivateKey, lent bool) *nodeKey {
	return &nodeKey{PrivateKey: key, public: key.PublicKey(), lent: lent}
}

// isOf reports whether k is the private key of a parent node.
func (k *nodeKey) isOf(n *node) bool {
	return n.parent != nil && bytes.Equal(n.parent.encryptionKey, k.public)
}

func (k *nodeKey) destroy() {
	if !k.lent {
		suite.Destroy(k.PrivateKey)
	}
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
