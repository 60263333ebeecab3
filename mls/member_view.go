package mls

import (
	"iter"
	"slices"

	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// memberView is what one member knows beyond the epoch's common secrets: its place, and
// shares of the private keys on its direct path. It is immutable until it is released.
type memberView struct {
	leaf     message.LeafIndex
	leafKey  *ratchettree.PrivateKey
	pathKeys map[ratchettree.NodeIndex]*ratchettree.PrivateKey
}

// privateKey returns the private key of a node, or nil if the member has none.
func (m *memberView) privateKey(n ratchettree.NodeIndex) suite.PrivateKey {
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
func (m *memberView) next(t *ratchettree.Tree, leafKey *ratchettree.PrivateKey, fresh *ratchettree.PathSecrets) *memberView {
	v := &memberView{leaf: m.leaf, leafKey: leafKey.Share(), pathKeys: make(map[ratchettree.NodeIndex]*ratchettree.PrivateKey, len(m.pathKeys))}
	for step := range t.Above(m.leaf) {
		if key := m.pathKeys[step.Index]; key != nil && key.IsOf(step.Node) {
			v.pathKeys[step.Index] = key.Share()
		}
	}
	v.learn(fresh)
	return v
}

// learn takes shares of the private keys of a path, which may be nil.
func (m *memberView) learn(path *ratchettree.PathSecrets) {
	if path == nil {
		return
	}
	for i, n := range path.Nodes {
		m.pathKeys[n].Release()
		m.pathKeys[n] = path.Keys[i].Share()
	}
}

// complete returns an error unless the member holds exactly the private keys that it has
// by the tree: those of the parent nodes above its leaf that are not blank and in which
// the leaf is not unmerged (RFC 9420, Sections 4.1.2 and 12.4.3.1). Others encrypt to
// those nodes, so a member that lacks a key cannot follow them.
func (m *memberView) complete(t *ratchettree.Tree) error {
	for step := range t.Above(m.leaf) {
		parent, held := step.Node.Parent, m.pathKeys[step.Index] != nil
		merged := false
		if parent != nil {
			_, unmerged := slices.BinarySearch(parent.UnmergedLeaves, m.leaf)
			merged = !unmerged
		}
		switch {
		case merged && !held:
			return fault.Violation("12.4.3.1", "member lacks the private key of node %d, in which its leaf is not unmerged", step.Index).AtLeaf(m.leaf)
		case held && !merged:
			return fault.Violation("12.4.3.1", "member holds a private key of node %d, which is blank or has its leaf unmerged", step.Index).AtLeaf(m.leaf)
		}
	}
	return nil
}

// keys returns the private keys.
func (m *memberView) keys() iter.Seq[*ratchettree.PrivateKey] {
	return func(yield func(*ratchettree.PrivateKey) bool) {
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
		key.Release()
	}
}

// abandon gives up the private keys, except those to which a saved state refers.
func (m *memberView) abandon() {
	for key := range m.keys() {
		key.Abandon()
	}
}
