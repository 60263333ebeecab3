package mls

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireViolation checks that err is a ValidationError of a section, whose rule
// contains some words, at a leaf, or at none if it is negative.
func requireViolation(t *testing.T, err error, section, words string, leaf int64) {
	t.Helper()
	var v *ValidationError
	require.ErrorAs(t, err, &v)
	require.ErrorIs(t, err, ErrInvalid)
	require.Equal(t, section, v.Section, "%v", err)
	require.Contains(t, v.Rule, words)
	require.Equal(t, leaf, v.Leaf, "%v", err)
}

// TestTreeEditRefuses breaks a rule in each edit of a steady tree of seven.
func TestTreeEditRefuses(t *testing.T) {
	s, l := testSuite(t, 1), newLeafMaker(1)
	base := l.steady(t, s, 7)
	encoded := encodedTree(t, base)
	path := func(e *treeEdit, i LeafIndex) []NodeIndex {
		nodes, _ := e.filteredDirectPath(i)
		return nodes
	}
	leafWith := func(change func(*LeafNode)) *LeafNode {
		leaf := l.leaf(LeafNodeUpdate)
		change(leaf)
		return leaf
	}
	for _, c := range []struct {
		name, section, words string
		leaf                 int64
		edit                 func(e *treeEdit)
	}{
		{"update of a blank leaf", "12.1.2", "member's", 7, func(e *treeEdit) {
			e.updateLeaf(7, l.leaf(LeafNodeUpdate))
		}},
		{"update outside the tree", "12.1.2", "member's", 1 << 31, func(e *treeEdit) {
			e.updateLeaf(1<<31, l.leaf(LeafNodeUpdate))
		}},
		{"update with the old encryption key", "7.3", "is new", 2, func(e *treeEdit) {
			e.updateLeaf(2, leafWith(func(n *LeafNode) { n.EncryptionKey = base.leaf(2).EncryptionKey }))
		}},
		{"removal of a blank leaf", "12.1.3", "member's", 7, func(e *treeEdit) { e.removeLeaf(7) }},
		{"removal outside the tree", "12.1.3", "member's", 8, func(e *treeEdit) { e.removeLeaf(8) }},
		{"removal twice", "12.1.3", "member's", 3, func(e *treeEdit) {
			e.removeLeaf(3)
			e.removeLeaf(3)
		}},
		{"signature key of another member", "7.3", "signature_key is unique", 7, func(e *treeEdit) {
			e.addLeaf(leafWith(func(n *LeafNode) { n.SignatureKey = base.leaf(4).SignatureKey }))
		}},
		{"encryption key of another member", "7.3", "encryption_key is unique", 7, func(e *treeEdit) {
			e.addLeaf(leafWith(func(n *LeafNode) { n.EncryptionKey = base.leaf(4).EncryptionKey }))
		}},
		{"encryption key of a parent", "7.3", "encryption_key is unique", 7, func(e *treeEdit) {
			e.addLeaf(leafWith(func(n *LeafNode) { n.EncryptionKey = base.parent(3).encryptionKey }))
		}},
		{"two added leaves alike", "7.3", "signature_key is unique", 8, func(e *treeEdit) {
			first := l.leaf(LeafNodeKeyPackage)
			e.addLeaf(first)
			e.addLeaf(leafWith(func(n *LeafNode) { n.SignatureKey = first.SignatureKey }))
		}},
		{"updates that meet at one key", "7.3", "signature_key is unique", 2, func(e *treeEdit) {
			first := l.leaf(LeafNodeUpdate)
			e.updateLeaf(1, first)
			e.updateLeaf(2, leafWith(func(n *LeafNode) { n.SignatureKey = first.SignatureKey }))
		}},
		{"path outside the tree", "12.4.2", "leaf of the tree", 8, func(e *treeEdit) {
			_, _ = e.mergePath(8, nil, nil)
		}},
		{"path with a key too few", "7.6", "one node for each", 0, func(e *treeEdit) {
			_, _ = e.mergePath(0, path(e, 0), l.keys(2))
		}},
		{"path with a node too few", "7.5", "filtered direct path", 0, func(e *treeEdit) {
			_, _ = e.mergePath(0, path(e, 0)[1:], l.keys(2))
		}},
		{"path with a node too many", "7.5", "filtered direct path", 0, func(e *treeEdit) {
			_, _ = e.mergePath(0, append([]NodeIndex{0}, path(e, 0)...), l.keys(4))
		}},
		{"path of another leaf", "7.5", "filtered direct path", 0, func(e *treeEdit) {
			_, _ = e.mergePath(0, path(e, 4), l.keys(3))
		}},
		{"path through a filtered-out node", "7.5", "filtered direct path", 6, func(e *treeEdit) {
			_, _ = e.mergePath(6, []NodeIndex{13, 11, 7}, l.keys(3))
		}},
		{"path with the key it replaces", "12.4.2", "is in no node", 0, func(e *treeEdit) {
			keys := l.keys(3)
			keys[1] = base.parent(3).encryptionKey
			_, _ = e.mergePath(0, path(e, 0), keys)
		}},
		{"path with the key of the committer's leaf", "12.4.2", "is in no node", 0, func(e *treeEdit) {
			keys := l.keys(3)
			keys[0] = base.leaf(0).EncryptionKey
			_, _ = e.mergePath(0, path(e, 0), keys)
		}},
		{"path with one key twice", "12.4.2", "is in no node", 0, func(e *treeEdit) {
			keys := l.keys(3)
			keys[2] = keys[0]
			_, _ = e.mergePath(0, path(e, 0), keys)
		}},
		{"path with the key of an added leaf", "12.4.2", "is in no node", 0, func(e *treeEdit) {
			keys, added := l.keys(3), l.leaf(LeafNodeKeyPackage)
			e.addLeaf(added)
			keys[2] = added.EncryptionKey
			_, _ = e.mergePath(0, path(e, 0), keys)
		}},
		{"path leaf with its old encryption key", "12.4.2", "encryption_key of the path's leaf", 0, func(e *treeEdit) {
			_, _ = e.mergePath(0, path(e, 0), l.keys(3))
			e.setLeaf(0, leafWith(func(n *LeafNode) { n.EncryptionKey = base.leaf(0).EncryptionKey }))
		}},
		{"path leaf with the key of a parent it replaces", "12.4.2", "encryption_key of the path's leaf", 0, func(e *treeEdit) {
			_, _ = e.mergePath(0, path(e, 0), l.keys(3))
			e.setLeaf(0, leafWith(func(n *LeafNode) { n.EncryptionKey = base.parent(3).encryptionKey }))
		}},
		{"path leaf with a key of the path", "12.4.2", "encryption_key of the path's leaf", 0, func(e *treeEdit) {
			keys := l.keys(3)
			_, _ = e.mergePath(0, path(e, 0), keys)
			e.setLeaf(0, leafWith(func(n *LeafNode) { n.EncryptionKey = keys[1] }))
		}},
		{"path leaf with the signature key of another", "7.3", "signature_key is unique", 0, func(e *treeEdit) {
			_, _ = e.mergePath(0, path(e, 0), l.keys(3))
			e.setLeaf(0, leafWith(func(n *LeafNode) { n.SignatureKey = base.leaf(1).SignatureKey }))
		}},
		{"path leaf outside the tree", "12.4.2", "leaf of the tree", 8, func(e *treeEdit) {
			e.setLeaf(8, l.leaf(LeafNodeCommit))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := base.edit()
			c.edit(e)
			after, err := e.freeze()
			require.Nil(t, after)
			requireViolation(t, err, c.section, c.words, c.leaf)
			require.Equal(t, encoded, encodedTree(t, base))
			requireConsistent(t, base)
		})
	}
}

// TestTreeEditKeysMove lets keys of a batch pass from one member to another: what
// counts is the tree that the batch makes.
func TestTreeEditKeysMove(t *testing.T) {
	l := newLeafMaker(2)
	base := l.steady(t, testSuite(t, 1), 7)
	one, two, four := base.leaf(1), base.leaf(2), base.leaf(4)
	swapped := func(keys, signature *LeafNode) *LeafNode {
		leaf := l.leaf(LeafNodeUpdate)
		leaf.EncryptionKey, leaf.SignatureKey = keys.EncryptionKey, signature.SignatureKey
		return leaf
	}
	e := base.edit()
	e.updateLeaf(1, swapped(two, two))
	e.updateLeaf(2, swapped(one, one))
	e.removeLeaf(4)
	require.Equal(t, LeafIndex(4), e.addLeaf(swapped(l.leaf(LeafNodeUpdate), four)))
	after, err := e.freeze()
	require.NoError(t, err)
	for want, key := range map[LeafIndex][]byte{2: one.SignatureKey, 1: two.SignatureKey, 4: four.SignatureKey} {
		owner, ok := after.hasSignatureKey(key)
		require.True(t, ok)
		require.Equal(t, want, owner)
	}
	require.False(t, after.hasEncryptionKey(four.EncryptionKey))
	require.True(t, base.hasEncryptionKey(four.EncryptionKey))
	requireConsistent(t, after)
	requireConsistent(t, base)
}

// TestTreeEditKeepsFirstError does what is allowed after what is not.
func TestTreeEditKeepsFirstError(t *testing.T) {
	l := newLeafMaker(3)
	e := l.steady(t, testSuite(t, 1), 4).edit()
	e.removeLeaf(9)
	e.removeLeaf(1)
	_, err := e.mergePath(0, nil, nil)
	requireViolation(t, err, "12.1.3", "member's", 9)
	_, again := e.freeze()
	require.True(t, errors.Is(again, err))
	require.Equal(t, noLeaf, e.addLeaf(l.leaf(LeafNodeKeyPackage)))
}

// TestTreeEditForgedParent truncates a tree in which a parent has members on one
// side alone: its parent hash is valid, and no commit would have set it.
func TestTreeEditForgedParent(t *testing.T) {
	s, l := testSuite(t, 1), newLeafMaker(4)
	nodes := l.tree(t, s, 5).nodes()
	nodes[4], nodes[6] = treeNode{}, treeNode{} // leaves 2 and 3
	forged := &parentNode{encryptionKey: l.key(), parentHash: []byte{}}
	blank := (&treeModel{suite: s, nodes: make([]treeNode, 7)}).hash(5)
	nodes[3].parent = forged
	h := newTreeHasher(s)
	lower := &parentNode{encryptionKey: l.key(), parentHash: h.parentHash(forged, blank)}
	nodes[1].parent = lower
	first := *nodes[0].leaf
	first.Source, first.ParentHash = LeafNodeCommit, h.parentHash(lower, h.leaf(1, nodes[2].leaf))
	nodes[0].leaf = &first
	tree, err := treeFromNodes(s, nodes.sparse())
	require.NoError(t, err)
	require.NoError(t, tree.validate())
	require.True(t, tree.hasEncryptionKey(forged.encryptionKey))

	e := tree.edit()
	e.removeLeaf(4)
	after, err := e.freeze()
	require.NoError(t, err)
	require.EqualValues(t, 2, after.width)
	require.False(t, after.hasEncryptionKey(forged.encryptionKey))
	requireConsistent(t, after)
	require.NoError(t, after.validate())
}
