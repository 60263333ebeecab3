package ratchettree

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/message"
)

// requireViolation checks that err is a ValidationError of a section, whose rule
// contains some words, at a leaf, or at none if it is negative.
func requireViolation(t *testing.T, err error, section, words string, leaf int64) {
	t.Helper()
	var v *message.ValidationError
	require.ErrorAs(t, err, &v)
	require.ErrorIs(t, err, message.ErrInvalid)
	require.Equal(t, section, v.Section, "%v", err)
	require.Contains(t, v.Fault, words)
	require.Equal(t, leaf, v.Leaf, "%v", err)
}

// TestTreeEditRefuses breaks a rule in each edit of a steady tree of seven.
func TestTreeEditRefuses(t *testing.T) {
	s, l := mlstest.Suite(t, 1), newLeafMaker(1)
	base := l.steady(t, s, 7)
	encoded := encodedTree(t, base)
	path := func(e *TreeEdit, i message.LeafIndex) []NodeIndex {
		nodes := e.FilteredDirectPath(i)
		return nodes
	}
	leafWith := func(change func(*message.LeafNode)) *message.LeafNode {
		leaf := l.leaf(codepoint.LeafNodeUpdate)
		change(leaf)
		return leaf
	}
	for _, c := range []struct {
		name, section, words string
		leaf                 int64
		edit                 func(e *TreeEdit)
	}{
		{"update of a blank leaf", "12.1.2", "member's", 7, func(e *TreeEdit) {
			e.UpdateLeaf(7, l.leaf(codepoint.LeafNodeUpdate))
		}},
		{"update outside the tree", "12.1.2", "member's", 1 << 31, func(e *TreeEdit) {
			e.UpdateLeaf(1<<31, l.leaf(codepoint.LeafNodeUpdate))
		}},
		{"update with the old encryption key", "7.3", "is not new", 2, func(e *TreeEdit) {
			e.UpdateLeaf(2, leafWith(func(n *message.LeafNode) { n.EncryptionKey = base.Leaf(2).EncryptionKey() }))
		}},
		{"removal of a blank leaf", "12.1.3", "member's", 7, func(e *TreeEdit) { e.RemoveLeaf(7) }},
		{"removal outside the tree", "12.1.3", "member's", 8, func(e *TreeEdit) { e.RemoveLeaf(8) }},
		{"removal twice", "12.1.3", "member's", 3, func(e *TreeEdit) {
			e.RemoveLeaf(3)
			e.RemoveLeaf(3)
		}},
		{"signature key of another member", "7.3", "signature_key is not unique", 7, func(e *TreeEdit) {
			e.AddLeaf(leafWith(func(n *message.LeafNode) { n.SignatureKey = base.Leaf(4).SignatureKey() }))
		}},
		{"encryption key of another member", "7.3", "encryption_key is not unique", 7, func(e *TreeEdit) {
			e.AddLeaf(leafWith(func(n *message.LeafNode) { n.EncryptionKey = base.Leaf(4).EncryptionKey() }))
		}},
		{"encryption key of a parent", "7.3", "encryption_key is not unique", 7, func(e *TreeEdit) {
			e.AddLeaf(leafWith(func(n *message.LeafNode) { n.EncryptionKey = base.Parent(3).EncryptionKey }))
		}},
		{"two added leaves alike", "7.3", "signature_key is not unique", 8, func(e *TreeEdit) {
			first := l.leaf(codepoint.LeafNodeKeyPackage)
			e.AddLeaf(first)
			e.AddLeaf(leafWith(func(n *message.LeafNode) { n.SignatureKey = first.SignatureKey }))
		}},
		{"updates that meet at one key", "7.3", "signature_key is not unique", 2, func(e *TreeEdit) {
			first := l.leaf(codepoint.LeafNodeUpdate)
			e.UpdateLeaf(1, first)
			e.UpdateLeaf(2, leafWith(func(n *message.LeafNode) { n.SignatureKey = first.SignatureKey }))
		}},
		{"path outside the tree", "12.4.2", "outside the tree", 8, func(e *TreeEdit) {
			_, _ = e.MergePath(8, nil, nil)
		}},
		{"path with a key too few", "7.6", "filtered direct path", 0, func(e *TreeEdit) {
			_, _ = e.MergePath(0, path(e, 0), l.keys(2))
		}},
		{"path with a node too few", "7.5", "filtered direct path", 0, func(e *TreeEdit) {
			_, _ = e.MergePath(0, path(e, 0)[1:], l.keys(2))
		}},
		{"path with a node too many", "7.5", "filtered direct path", 0, func(e *TreeEdit) {
			_, _ = e.MergePath(0, append([]NodeIndex{0}, path(e, 0)...), l.keys(4))
		}},
		{"path of another leaf", "7.5", "filtered direct path", 0, func(e *TreeEdit) {
			_, _ = e.MergePath(0, path(e, 4), l.keys(3))
		}},
		{"path through a filtered-out node", "7.5", "filtered direct path", 6, func(e *TreeEdit) {
			_, _ = e.MergePath(6, []NodeIndex{13, 11, 7}, l.keys(3))
		}},
		{"path with the key it replaces", "12.4.2", "is already in the tree", 0, func(e *TreeEdit) {
			keys := l.keys(3)
			keys[1] = base.Parent(3).EncryptionKey
			_, _ = e.MergePath(0, path(e, 0), keys)
		}},
		{"path with the key of the committer's leaf", "12.4.2", "is already in the tree", 0, func(e *TreeEdit) {
			keys := l.keys(3)
			keys[0] = base.Leaf(0).EncryptionKey()
			_, _ = e.MergePath(0, path(e, 0), keys)
		}},
		{"path with one key twice", "12.4.2", "is already in the tree", 0, func(e *TreeEdit) {
			keys := l.keys(3)
			keys[2] = keys[0]
			_, _ = e.MergePath(0, path(e, 0), keys)
		}},
		{"path with the key of an added leaf", "12.4.2", "is already in the tree", 0, func(e *TreeEdit) {
			keys, added := l.keys(3), l.leaf(codepoint.LeafNodeKeyPackage)
			e.AddLeaf(added)
			keys[2] = added.EncryptionKey
			_, _ = e.MergePath(0, path(e, 0), keys)
		}},
		{"path leaf with its old encryption key", "12.4.2", "encryption_key of the path's leaf", 0, func(e *TreeEdit) {
			_, _ = e.MergePath(0, path(e, 0), l.keys(3))
			e.SetLeaf(0, leafWith(func(n *message.LeafNode) { n.EncryptionKey = base.Leaf(0).EncryptionKey() }), nil)
		}},
		{"path leaf with the key of a parent it replaces", "12.4.2", "encryption_key of the path's leaf", 0, func(e *TreeEdit) {
			_, _ = e.MergePath(0, path(e, 0), l.keys(3))
			e.SetLeaf(0, leafWith(func(n *message.LeafNode) { n.EncryptionKey = base.Parent(3).EncryptionKey }), nil)
		}},
		{"path leaf with a key of the path", "12.4.2", "encryption_key of the path's leaf", 0, func(e *TreeEdit) {
			keys := l.keys(3)
			_, _ = e.MergePath(0, path(e, 0), keys)
			e.SetLeaf(0, leafWith(func(n *message.LeafNode) { n.EncryptionKey = keys[1] }), nil)
		}},
		{"path leaf with the signature key of another", "7.3", "signature_key is not unique", 0, func(e *TreeEdit) {
			_, _ = e.MergePath(0, path(e, 0), l.keys(3))
			e.SetLeaf(0, leafWith(func(n *message.LeafNode) { n.SignatureKey = base.Leaf(1).SignatureKey() }), nil)
		}},
		{"path leaf outside the tree", "12.4.2", "outside the tree", 8, func(e *TreeEdit) {
			e.SetLeaf(8, l.leaf(codepoint.LeafNodeCommit), nil)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := base.Edit()
			c.edit(e)
			after, err := e.Freeze()
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
	base := l.steady(t, mlstest.Suite(t, 1), 7)
	one, two, four := base.Leaf(1).LeafNode(), base.Leaf(2).LeafNode(), base.Leaf(4).LeafNode()
	swapped := func(keys, signature *message.LeafNode) *message.LeafNode {
		leaf := l.leaf(codepoint.LeafNodeUpdate)
		leaf.EncryptionKey, leaf.SignatureKey = keys.EncryptionKey, signature.SignatureKey
		return leaf
	}
	e := base.Edit()
	e.UpdateLeaf(1, swapped(two, two))
	e.UpdateLeaf(2, swapped(one, one))
	e.RemoveLeaf(4)
	require.Equal(t, message.LeafIndex(4), e.AddLeaf(swapped(l.leaf(codepoint.LeafNodeUpdate), four)))
	after, err := e.Freeze()
	require.NoError(t, err)
	for want, key := range map[message.LeafIndex][]byte{2: one.SignatureKey, 1: two.SignatureKey, 4: four.SignatureKey} {
		owner, ok := after.HasSignatureKey(key)
		require.True(t, ok)
		require.Equal(t, want, owner)
	}
	require.False(t, after.HasEncryptionKey(four.EncryptionKey))
	require.True(t, base.HasEncryptionKey(four.EncryptionKey))
	requireConsistent(t, after)
	requireConsistent(t, base)
}

// TestTreeEditKeepsFirstError does what is allowed after what is not.
func TestTreeEditKeepsFirstError(t *testing.T) {
	l := newLeafMaker(3)
	e := l.steady(t, mlstest.Suite(t, 1), 4).Edit()
	e.RemoveLeaf(9)
	e.RemoveLeaf(1)
	_, err := e.MergePath(0, nil, nil)
	requireViolation(t, err, "12.1.3", "member's", 9)
	_, again := e.Freeze()
	require.True(t, errors.Is(again, err))
	require.Equal(t, NoLeaf, e.AddLeaf(l.leaf(codepoint.LeafNodeKeyPackage)))
}

// TestTreeEditForgedParent truncates a tree in which a parent has members on one
// side alone: its parent hash is valid, and no commit would have set it.
func TestTreeEditForgedParent(t *testing.T) {
	s, l := mlstest.Suite(t, 1), newLeafMaker(4)
	nodes := l.tree(t, s, 5).Nodes()
	nodes[4], nodes[6] = TreeNode{}, TreeNode{} // leaves 2 and 3
	forged := &ParentNode{EncryptionKey: l.key(), ParentHash: []byte{}}
	blank := (&treeModel{suite: s, nodes: make([]TreeNode, 7)}).hash(5)
	nodes[3].Parent = forged
	h := NewTreeHasher(s)
	lower := &ParentNode{EncryptionKey: l.key(), ParentHash: h.parentHash(forged, blank)}
	nodes[1].Parent = lower
	first := *nodes[0].Leaf
	first.Source, first.ParentHash = codepoint.LeafNodeCommit, h.parentHash(lower, h.leaf(1, nodes.Sparse().Filled[2].Leaf))
	nodes[0].Leaf = &first
	tree, err := TreeFromNodes(s, nodes.Sparse())
	require.NoError(t, err)
	require.NoError(t, tree.Validate())
	require.True(t, tree.HasEncryptionKey(forged.EncryptionKey))

	e := tree.Edit()
	e.RemoveLeaf(4)
	after, err := e.Freeze()
	require.NoError(t, err)
	require.EqualValues(t, 2, after.Width)
	require.False(t, after.HasEncryptionKey(forged.EncryptionKey))
	requireConsistent(t, after)
	require.NoError(t, after.Validate())
}
