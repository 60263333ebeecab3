package mls

import (
	"iter"
	"slices"

	"github.com/mlsuite/mlsuite/suite"
)

// memberView is what one member knows beyond the epoch's common secrets: its place, and
// shares of the private keys on its direct path. It is immutable until it is released.
type memberView struct {
	leaf     LeafIndex
	leafKey  *privateKey
	pathKeys map[NodeIndex]*privateKey
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
	return key
}

// next returns the member's view of tree. fresh holds the path keys that the new epoch's
// commit brought. The member keeps those of its own keys whose nodes still have the same
// public key (RFC 9420, Section 7.5). The view has its own shares.
func (m *memberView) next(t *tree, leafKey *privateKey, fresh *pathSecrets) *memberView {
	v := &memberView{leaf: m.leaf, leafKey: leafKey.share(), pathKeys: make(map[NodeIndex]*privateKey, len(m.pathKeys))}
	for step := range t.above(m.leaf) {
		if key := m.pathKeys[step.index]; key != nil && key.isOf(step.node) {
			v.pathKeys[step.index] = key.share()
		}
	}
	v.learn(fresh)
	return v
}

// learn takes shares of the private keys of a path, which may be nil.
func (m *memberView) learn(path *pathSecrets) {
	if path == nil {
		return
	}
	for i, n := range path.nodes {
		m.pathKeys[n].release()
		m.pathKeys[n] = path.keys[i].share()
	}
}

// complete returns an error unless the member holds exactly the private keys that it has
// by the tree: those of the parent nodes above its leaf that are not blank and in which
// the leaf is not unmerged (RFC 9420, Sections 4.1.2 and 12.4.3.1). Others encrypt to
// those nodes, so a member that lacks a key cannot follow them.
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
func (m *memberView) keys() iter.Seq[*privateKey] {
	return func(yield func(*privateKey) bool) {
		if m.leafKey != nil && !yield(m.leafKey) {
			return
		}
		for _, key := range m.pathKeys {
			if !yield(key) {
				return
			}
		}
	}
}

// release gives up the private keys.
func (m *memberView) release() {
	for key := range m.keys() {
		key.release()
	}
}

// abandon gives up the private keys, except those to which a saved state refers.
func (m *memberView) abandon() {
	for key := range m.keys() {
		key.abandon()
	}
}
