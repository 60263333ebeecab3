package ratchettree

import (
	"bytes"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// cloneNodes returns a copy of an array of nodes that can be changed.
func cloneNodes(nodes RatchetTree) RatchetTree {
	nodes = slices.Clone(nodes)
	for i, n := range nodes {
		if n.Leaf != nil {
			leaf := *n.Leaf
			nodes[i].Leaf = &leaf
		}
		if n.Parent != nil {
			p := *n.Parent
			p.UnmergedLeaves = slices.Clone(p.UnmergedLeaves)
			nodes[i].Parent = &p
		}
	}
	return nodes
}

// TestTreeValidationRefuses breaks each rule in a tree that is otherwise valid:
// one of sixteen leaves, where every second one but the last is unmerged.
func TestTreeValidationRefuses(t *testing.T) {
	s, l := mlstest.Suite(t, 1), newLeafMaker(1)
	valid := l.unmerged(t, s, 16)
	require.NoError(t, valid.Validate())
	require.Equal(t, []message.LeafIndex{1, 3, 5, 7}, valid.Parent(7).UnmergedLeaves)
	require.Equal(t, []message.LeafIndex{1, 3}, valid.Parent(3).UnmergedLeaves)

	for _, c := range []struct {
		name, section, words string
		leaf                 int64
		change               func(nodes RatchetTree)
	}{
		{"unmerged leaves out of order", "7.1", "increasing order", 1, func(n RatchetTree) {
			slices.Reverse(n[3].Parent.UnmergedLeaves)
		}},
		{"unmerged leaf twice", "7.1", "increasing order", 1, func(n RatchetTree) {
			n[3].Parent.UnmergedLeaves = []message.LeafIndex{1, 1, 3}
		}},
		{"unmerged leaf elsewhere in the tree", "12.4.3.1", "below it", 5, func(n RatchetTree) {
			n[3].Parent.UnmergedLeaves = []message.LeafIndex{1, 3, 5}
		}},
		{"unmerged leaf outside the tree", "12.4.3.1", "below it", 16, func(n RatchetTree) {
			n[15].Parent.UnmergedLeaves = append(n[15].Parent.UnmergedLeaves, 16)
		}},
		{"unmerged leaf whose node index overflows", "12.4.3.1", "below it", 1<<31 + 15, func(n RatchetTree) {
			n[15].Parent.UnmergedLeaves = append(n[15].Parent.UnmergedLeaves, 1<<31+15)
		}},
		{"unmerged leaf that is blank", "12.4.3.1", "unmerged leaf is blank", 3, func(n RatchetTree) {
			n[6].Leaf = nil
		}},
		{"unmerged leaves in a subtree without members", "12.4.3.1", "unmerged leaf is blank", 1, func(n RatchetTree) {
			for i := range 4 {
				n[i*2].Leaf = nil
			}
		}},
		{"unmerged leaf that a node between does not list", "12.4.3.1", "unmerged at a parent node", 3, func(n RatchetTree) {
			n[3].Parent.UnmergedLeaves = []message.LeafIndex{1}
		}},
		{"unmerged leaf that the lowest node does not list", "12.4.3.1", "unmerged at a parent node", 3, func(n RatchetTree) {
			n[5].Parent = &ParentNode{EncryptionKey: l.key(), UnmergedLeaves: []message.LeafIndex{}}
		}},
		{"parent without members below", "7.9.2", "node 1 is not parent-hash valid", -1, func(n RatchetTree) {
			n[0].Leaf, n[2].Leaf, n[1].Parent = nil, nil, &ParentNode{EncryptionKey: l.key()}
			for _, i := range []int{3, 7, 15} {
				n[i].Parent.UnmergedLeaves = slices.DeleteFunc(n[i].Parent.UnmergedLeaves, func(i message.LeafIndex) bool { return i == 1 })
			}
		}},
		{"parent with an invalid public key", "7.1", "node 3 is not a public key", -1, func(n RatchetTree) {
			n[3].Parent.EncryptionKey = make([]byte, 32)
		}},
		{"parent with another public key", "7.9.2", "node 3 is not parent-hash valid", -1, func(n RatchetTree) {
			n[3].Parent.EncryptionKey = mlstest.Flipped(n[3].Parent.EncryptionKey, 5)
		}},
		{"root with another public key", "7.9.2", "node 15 is not parent-hash valid", -1, func(n RatchetTree) {
			n[15].Parent.EncryptionKey = l.key()
		}},
		{"root with a parent hash", "7.9.2", "node 15 is not parent-hash valid", -1, func(n RatchetTree) {
			n[15].Parent.ParentHash = l.key()
		}},
		{"parent with another parent hash", "7.9.2", "is not parent-hash valid", -1, func(n RatchetTree) {
			n[23].Parent.ParentHash = mlstest.Flipped(n[23].Parent.ParentHash, 5)
		}},
		{"leaf with another parent hash", "7.9.2", "is not parent-hash valid", -1, func(n RatchetTree) {
			n[24].Leaf.ParentHash = mlstest.Flipped(n[24].Leaf.ParentHash, 5)
		}},
		{"leaf with the parent hash of a commit it is not from", "7.9.2", "is not parent-hash valid", -1, func(n RatchetTree) {
			n[24].Leaf.Source = codepoint.LeafNodeUpdate
		}},
		{"sibling with another leaf", "7.9.2", "is not parent-hash valid", -1, func(n RatchetTree) {
			n[28].Leaf = l.leaf(codepoint.LeafNodeUpdate)
		}},
		{"leaf more that is unmerged at the sibling", "7.9.2", "is not parent-hash valid", -1, func(n RatchetTree) {
			// Leaf 13 is not unmerged at the root any more, so that it was there when
			// the root was set.
			root := n[15].Parent
			root.UnmergedLeaves = slices.DeleteFunc(root.UnmergedLeaves, func(i message.LeafIndex) bool { return i == 5 })
		}},
		{"parent between that is not blank", "7.9.2", "node 1 is not parent-hash valid", -1, func(n RatchetTree) {
			n[1].Parent = &ParentNode{EncryptionKey: l.key(), UnmergedLeaves: []message.LeafIndex{1}}
		}},
		{"two nodes that may be the updated one", "7.9.2", "is not parent-hash valid", -1, func(n RatchetTree) {
			for _, i := range []int{3, 7, 15} {
				n[i].Parent.UnmergedLeaves = slices.DeleteFunc(n[i].Parent.UnmergedLeaves, func(i message.LeafIndex) bool { return i == 1 })
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			nodes := cloneNodes(valid.Nodes())
			c.change(nodes)
			broken, err := TreeFromNodes(s, nodes.Sparse())
			require.NoError(t, err)
			requireViolation(t, broken.Validate(), c.section, c.words, c.leaf)
		})
	}
	require.NoError(t, valid.Validate())
}

// committed returns the tree after removals and additions of an edit and a commit
// of a member, if any is named.
func (l *leafMaker) committed(t *testing.T, tree *Tree, removed []message.LeafIndex, added int, committer ...message.LeafIndex) *Tree {
	t.Helper()
	e := tree.Edit()
	for _, i := range removed {
		e.RemoveLeaf(i)
	}
	for range added {
		e.AddLeaf(l.leaf(codepoint.LeafNodeKeyPackage))
	}
	for _, i := range committer {
		l.commit(t, e, i)
	}
	next, err := e.Freeze()
	require.NoError(t, err)
	return next
}

// TestTreeValidationOriginals validates a tree in which two nodes, one above the
// other, ask for the original tree hash of node 11 without different leaves.
func TestTreeValidationOriginals(t *testing.T) {
	l := newLeafMaker(1)
	tree := l.tree(t, mlstest.Suite(t, 1), 16)
	tree = l.committed(t, tree, []message.LeafIndex{5, 7}, 0, 4)
	for _, i := range []message.LeafIndex{6, 12, 0} {
		tree = l.committed(t, tree, nil, 0, i)
	}
	tree = l.committed(t, tree, nil, 1)
	tree = l.committed(t, tree, nil, 0, 8)
	tree = l.committed(t, tree, nil, 1)
	require.Equal(t, []message.LeafIndex{5, 7}, tree.Parent(11).UnmergedLeaves)
	require.Equal(t, []message.LeafIndex{5, 7}, tree.Parent(7).UnmergedLeaves)
	require.Equal(t, []message.LeafIndex{7}, tree.Parent(15).UnmergedLeaves)
	require.NoError(t, tree.Validate())
}

// TestTreeValidationNeighbours breaks the rule that a parent and the node updated
// with it were neighbours, where the parent hash itself is right: it covers the
// sibling's unmerged leaves alone.
func TestTreeValidationNeighbours(t *testing.T) {
	s, l := mlstest.Suite(t, 1), newLeafMaker(1)
	tree := l.committed(t, l.tree(t, s, 8), []message.LeafIndex{3}, 0, 0)
	tree = l.committed(t, tree, nil, 1)
	require.Equal(t, []message.LeafIndex{3}, tree.Parent(7).UnmergedLeaves)
	require.NoError(t, tree.Validate())

	nodes := cloneNodes(tree.Nodes())
	nodes[7].Parent.UnmergedLeaves = nil // node 3, set with it, has leaf 3
	broken, err := TreeFromNodes(s, nodes.Sparse())
	require.NoError(t, err)
	requireViolation(t, broken.Validate(), "7.9.2", "node 7 is not parent-hash valid", -1)

	nodes[3].Parent.UnmergedLeaves = nil // its sibling, node 5, had no leaf 3 when it was set
	broken, err = TreeFromNodes(s, nodes.Sparse())
	require.NoError(t, err)
	requireViolation(t, broken.Validate(), "7.9.2", "node 3 is not parent-hash valid", -1)
}

// TestTreeFromNodesRefuses breaks the rules that building a tree checks.
func TestTreeFromNodesRefuses(t *testing.T) {
	s, l := mlstest.Suite(t, 1), newLeafMaker(2)
	valid := l.steady(t, s, 7)
	for _, c := range []struct {
		name, section, words string
		leaf                 int64
		change               func(nodes RatchetTree)
	}{
		{"two members with one signature key", "7.3", "signature_key is not unique", 5, func(n RatchetTree) {
			n[10].Leaf.SignatureKey = n[2].Leaf.SignatureKey
		}},
		{"two members with one encryption key", "7.3", "encryption_key is not unique", 5, func(n RatchetTree) {
			n[10].Leaf.EncryptionKey = n[2].Leaf.EncryptionKey
		}},
		{"member with the encryption key of a parent", "7.3", "encryption_key is not unique", 5, func(n RatchetTree) {
			n[10].Leaf.EncryptionKey = n[3].Parent.EncryptionKey
		}},
		{"parent with the encryption key of a member", "12.4.3.1", "node 3 appears in another", -1, func(n RatchetTree) {
			n[3].Parent.EncryptionKey = n[0].Leaf.EncryptionKey
		}},
		{"two parents with one encryption key", "12.4.3.1", "node 7 appears in another", -1, func(n RatchetTree) {
			n[7].Parent.EncryptionKey = n[3].Parent.EncryptionKey
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			nodes := cloneNodes(valid.Nodes())
			c.change(nodes)
			_, err := TreeFromNodes(s, nodes.Sparse())
			requireViolation(t, err, c.section, c.words, c.leaf)
		})
	}
	for name, nodes := range map[string]RatchetTree{
		"no nodes":                 {},
		"blank node at the end":    append(valid.Nodes(), TreeNode{}),
		"parent in a leaf's place": {{Parent: &ParentNode{}}},
		"leaf in a parent's place": {{Leaf: l.leaf(codepoint.LeafNodeUpdate)}, {Leaf: l.leaf(codepoint.LeafNodeUpdate)}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := TreeFromNodes(s, nodes.Sparse())
			require.ErrorIs(t, err, message.ErrMalformed)
		})
	}
}

// TestTreeValidationAccepts takes trees of every shape, some large enough for
// several cores.
func TestTreeValidationAccepts(t *testing.T) {
	s := mlstest.Suite(t, 1)
	for _, n := range []int{1, 2, 3, 5, 33, 700} {
		l := newLeafMaker(uint64(n))
		for _, tree := range []*Tree{l.tree(t, s, n), l.steady(t, s, n), l.unmerged(t, s, n)} {
			again, err := TreeFromNodes(s, tree.Nodes().Sparse())
			require.NoError(t, err)
			require.NoError(t, again.Validate())
			require.Equal(t, tree.Hash(), again.Hash())
			require.EqualValues(t, n, again.MemberCount())
		}
	}
}

// hashCounter is a suite that counts its hashes.
type hashCounter struct {
	suite.Suite
	hashes *atomic.Int64
}

func (c hashCounter) Hash(data []byte) []byte {
	c.hashes.Add(1)
	return c.Suite.Hash(data)
}

// TestTreeValidationHashes counts the hashes of a joiner: to build a tree, one for
// each node; to validate it, at most two for each parent node and, of a tree whose half
// is unmerged, one for each original tree hash. Without a memory of these they would be
// some n*log2(n)/2.
func TestTreeValidationHashes(t *testing.T) {
	const n = 1024
	l := newLeafMaker(1)
	s := hashCounter{mlstest.Suite(t, 1), new(atomic.Int64)}
	for _, c := range []struct {
		shape string
		tree  *Tree
		limit int64 // of hashes to validate
	}{
		{"blank", l.tree(t, s, n), 0},
		{"steady", l.steady(t, s, n), 2 * n},
		{"unmerged", l.unmerged(t, s, n), 4 * n},
	} {
		nodes := c.tree.Nodes()
		s.hashes.Store(0)
		tree, err := TreeFromNodes(s, nodes.Sparse())
		require.NoError(t, err)
		require.EqualValues(t, 2*n-1, s.hashes.Swap(0), c.shape)
		require.NoError(t, tree.Validate())
		require.LessOrEqual(t, s.hashes.Load(), c.limit, c.shape)
		t.Logf("%s: %d hashes to validate %d members", c.shape, s.hashes.Load(), n)
	}
}

// TestTreeChangedByte changes each byte of an encoded tree: it is refused, or has
// another tree hash.
func TestTreeChangedByte(t *testing.T) {
	s := mlstest.Suite(t, 1)
	valid := newLeafMaker(1).unmerged(t, s, 8)
	encoded := encodedTree(t, valid)
	refused := make(map[bool]int)
	for i := range encoded {
		var nodes RatchetTree
		if err := wire.Parse(mlstest.Flipped(encoded, i), "ratchet tree", nodes.Unmarshal); err != nil {
			refused[true]++
			continue
		}
		tree, err := TreeFromNodes(s, nodes.Sparse())
		if err == nil {
			require.NotEqual(t, valid.Hash(), tree.Hash(), "byte %d", i)
			err = tree.Validate()
		}
		refused[err != nil]++
	}
	require.Positive(t, refused[true])
	t.Logf("%d of %d changes break a rule", refused[true], len(encoded))
}

// TestBlankTreeIsCheap builds a tree of one byte per node, all blank but for the last,
// in a width twice as large: what it allocates is the hashes, and no nodes.
func TestBlankTreeIsCheap(t *testing.T) {
	const hashes = 2 * 2 * 32 // of two nodes for each byte, once as made and once as kept
	s, leaf := mlstest.Suite(t, 0x0001), newLeafMaker(1).leaf(codepoint.LeafNodeKeyPackage)
	for _, size := range []int{1 << 12, 1 << 16} {
		all := make(RatchetTree, size+1)
		all[size].Leaf = leaf
		allocated := mlstest.LeastAllocated(func() {
			tree, err := TreeFromNodes(s, all.Sparse())
			require.NoError(t, err)
			require.Equal(t, uint32(1), tree.MemberCount())
			require.Equal(t, uint32(size), tree.Width)
		})
		require.Less(t, float64(allocated), 1.1*hashes*float64(size), "%d nodes", size)
	}
}

// The parent hashes of one half of a tree are checked though those of the other end at
// a blank root, and a parent hash that is empty is as wrong as another.
func TestEveryParentHashIsChecked(t *testing.T) {
	s, l := mlstest.Suite(t, 1), newLeafMaker(1)
	valid := l.committed(t, l.steady(t, s, 8), []message.LeafIndex{6}, 0)
	require.Nil(t, valid.Parent(7), "the root is blank")
	require.Nil(t, valid.Parent(11))
	require.NoError(t, valid.Validate())
	checked := 0
	for _, tree := range []*Tree{valid, l.steady(t, s, 16), l.unmerged(t, s, 16)} {
		for i, n := range tree.Nodes() {
			if n.Parent == nil {
				continue
			}
			for _, wrong := range [][]byte{nil, bytes.Repeat([]byte{0xff}, 32)} {
				nodes := cloneNodes(tree.Nodes())
				if bytes.Equal(nodes[i].Parent.ParentHash, wrong) {
					continue // that of a root, or of what was one
				}
				nodes[i].Parent.ParentHash = wrong
				broken, err := TreeFromNodes(s, nodes.Sparse())
				require.NoError(t, err)
				err = broken.Validate()
				require.ErrorIs(t, err, message.ErrInvalid, "node %d", i)
				checked++
			}
		}
	}
	require.Greater(t, checked, 30)
}

// Members who come one by one, without a path, into a tree with blank nodes above
// unmerged leaves find its parent hashes valid, by whatever path was set before.
func TestParentHashesBesideBlankNodes(t *testing.T) {
	s := mlstest.Suite(t, 1)
	for committer := range message.LeafIndex(7) {
		l := newLeafMaker(uint64(committer))
		tree := l.tree(t, s, 1)
		grow := func(n int, by message.LeafIndex) {
			for range n {
				e := tree.Edit()
				e.AddLeaf(l.leaf(codepoint.LeafNodeKeyPackage))
				if by != NoLeaf {
					l.commit(t, e, by)
				}
				var err error
				tree, err = e.Freeze()
				require.NoError(t, err)
				again, err := TreeFromNodes(s, tree.Nodes().Sparse())
				require.NoError(t, err)
				require.NoError(t, again.Validate())
			}
		}
		remove := func(i, by message.LeafIndex) {
			tree = l.committed(t, tree, []message.LeafIndex{i}, 0, by)
			require.NoError(t, tree.Validate())
		}
		grow(6, NoLeaf)
		remove(1, (committer+2)%7)
		grow(6, NoLeaf)
		remove(2, (committer+3)%7)
		grow(6, NoLeaf)
		grow(10, (committer+4)%7)
		remove(1, 0)
		grow(7, NoLeaf)
	}
}
