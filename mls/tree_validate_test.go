package mls

import (
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// cloneNodes returns a copy of an array of nodes that can be changed.
func cloneNodes(nodes ratchetTree) ratchetTree {
	nodes = slices.Clone(nodes)
	for i, n := range nodes {
		if n.leaf != nil {
			leaf := *n.leaf
			nodes[i].leaf = &leaf
		}
		if n.parent != nil {
			p := *n.parent
			p.unmergedLeaves = slices.Clone(p.unmergedLeaves)
			nodes[i].parent = &p
		}
	}
	return nodes
}

// TestTreeValidationRefuses breaks each rule in a tree that is otherwise valid:
// one of sixteen leaves, where every second one but the last is unmerged.
func TestTreeValidationRefuses(t *testing.T) {
	s, l := testSuite(t, 1), newLeafMaker(1)
	valid := l.unmerged(t, s, 16)
	require.NoError(t, valid.validate())
	require.Equal(t, []LeafIndex{1, 3, 5, 7}, valid.parent(7).unmergedLeaves)
	require.Equal(t, []LeafIndex{1, 3}, valid.parent(3).unmergedLeaves)

	for _, c := range []struct {
		name, section, words string
		leaf                 int64
		change               func(nodes ratchetTree)
	}{
		{"unmerged leaves out of order", "7.1", "increasing order", 1, func(n ratchetTree) {
			slices.Reverse(n[3].parent.unmergedLeaves)
		}},
		{"unmerged leaf twice", "7.1", "increasing order", 1, func(n ratchetTree) {
			n[3].parent.unmergedLeaves = []LeafIndex{1, 1, 3}
		}},
		{"unmerged leaf elsewhere in the tree", "12.4.3.1", "below it", 5, func(n ratchetTree) {
			n[3].parent.unmergedLeaves = []LeafIndex{1, 3, 5}
		}},
		{"unmerged leaf outside the tree", "12.4.3.1", "below it", 16, func(n ratchetTree) {
			n[15].parent.unmergedLeaves = append(n[15].parent.unmergedLeaves, 16)
		}},
		{"unmerged leaf whose node index overflows", "12.4.3.1", "below it", 1<<31 + 15, func(n ratchetTree) {
			n[15].parent.unmergedLeaves = append(n[15].parent.unmergedLeaves, 1<<31+15)
		}},
		{"unmerged leaf that is blank", "12.4.3.1", "not blank", 3, func(n ratchetTree) {
			n[6].leaf = nil
		}},
		{"unmerged leaves in a subtree without members", "12.4.3.1", "not blank", 1, func(n ratchetTree) {
			for i := range 4 {
				n[i*2].leaf = nil
			}
		}},
		{"unmerged leaf that a node between does not list", "12.4.3.1", "between them", 3, func(n ratchetTree) {
			n[3].parent.unmergedLeaves = []LeafIndex{1}
		}},
		{"unmerged leaf that the lowest node does not list", "12.4.3.1", "between them", 3, func(n ratchetTree) {
			n[5].parent = &parentNode{encryptionKey: l.key(), unmergedLeaves: []LeafIndex{}}
		}},
		{"parent without members below", "7.9.2", "node 1 is parent-hash valid", -1, func(n ratchetTree) {
			n[0].leaf, n[2].leaf, n[1].parent = nil, nil, &parentNode{encryptionKey: l.key()}
			for _, i := range []int{3, 7, 15} {
				n[i].parent.unmergedLeaves = slices.DeleteFunc(n[i].parent.unmergedLeaves, func(i LeafIndex) bool { return i == 1 })
			}
		}},
		{"parent with an invalid public key", "7.1", "node 3 is a public key", -1, func(n ratchetTree) {
			n[3].parent.encryptionKey = make([]byte, 32)
		}},
		{"parent with another public key", "7.9.2", "node 3 is parent-hash valid", -1, func(n ratchetTree) {
			n[3].parent.encryptionKey = flipped(n[3].parent.encryptionKey, 5)
		}},
		{"root with another public key", "7.9.2", "node 15 is parent-hash valid", -1, func(n ratchetTree) {
			n[15].parent.encryptionKey = l.key()
		}},
		{"root with a parent hash", "7.9.2", "node 15 is parent-hash valid", -1, func(n ratchetTree) {
			n[15].parent.parentHash = l.key()
		}},
		{"parent with another parent hash", "7.9.2", "is parent-hash valid", -1, func(n ratchetTree) {
			n[23].parent.parentHash = flipped(n[23].parent.parentHash, 5)
		}},
		{"leaf with another parent hash", "7.9.2", "is parent-hash valid", -1, func(n ratchetTree) {
			n[24].leaf.ParentHash = flipped(n[24].leaf.ParentHash, 5)
		}},
		{"leaf with the parent hash of a commit it is not from", "7.9.2", "is parent-hash valid", -1, func(n ratchetTree) {
			n[24].leaf.Source = LeafNodeUpdate
		}},
		{"sibling with another leaf", "7.9.2", "is parent-hash valid", -1, func(n ratchetTree) {
			n[28].leaf = l.leaf(LeafNodeUpdate)
		}},
		{"leaf more that is unmerged at the sibling", "7.9.2", "is parent-hash valid", -1, func(n ratchetTree) {
			// Leaf 13 is not unmerged at the root any more, so that it was there when
			// the root was set.
			root := n[15].parent
			root.unmergedLeaves = slices.DeleteFunc(root.unmergedLeaves, func(i LeafIndex) bool { return i == 5 })
		}},
		{"parent between that is not blank", "7.9.2", "node 1 is parent-hash valid", -1, func(n ratchetTree) {
			n[1].parent = &parentNode{encryptionKey: l.key(), unmergedLeaves: []LeafIndex{1}}
		}},
		{"two nodes that may be the updated one", "7.9.2", "is parent-hash valid", -1, func(n ratchetTree) {
			for _, i := range []int{3, 7, 15} {
				n[i].parent.unmergedLeaves = slices.DeleteFunc(n[i].parent.unmergedLeaves, func(i LeafIndex) bool { return i == 1 })
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			nodes := cloneNodes(valid.nodes())
			c.change(nodes)
			broken, err := treeFromNodes(s, nodes.sparse())
			require.NoError(t, err)
			requireViolation(t, broken.validate(), c.section, c.words, c.leaf)
		})
	}
	require.NoError(t, valid.validate())
}

// committed returns the tree after removals and additions of an edit and a commit
// of a member, if any is named.
func (l *leafMaker) committed(t *testing.T, tree *tree, removed []LeafIndex, added int, committer ...LeafIndex) *tree {
	t.Helper()
	e := tree.edit()
	for _, i := range removed {
		e.removeLeaf(i)
	}
	for range added {
		e.addLeaf(l.leaf(LeafNodeKeyPackage))
	}
	for _, i := range committer {
		l.commit(t, e, i)
	}
	next, err := e.freeze()
	require.NoError(t, err)
	return next
}

// TestTreeValidationOriginals validates a tree in which two nodes, one above the
// other, ask for the original tree hash of node 11 without different leaves.
func TestTreeValidationOriginals(t *testing.T) {
	l := newLeafMaker(1)
	tree := l.tree(t, testSuite(t, 1), 16)
	tree = l.committed(t, tree, []LeafIndex{5, 7}, 0, 4)
	for _, i := range []LeafIndex{6, 12, 0} {
		tree = l.committed(t, tree, nil, 0, i)
	}
	tree = l.committed(t, tree, nil, 1)
	tree = l.committed(t, tree, nil, 0, 8)
	tree = l.committed(t, tree, nil, 1)
	require.Equal(t, []LeafIndex{5, 7}, tree.parent(11).unmergedLeaves)
	require.Equal(t, []LeafIndex{5, 7}, tree.parent(7).unmergedLeaves)
	require.Equal(t, []LeafIndex{7}, tree.parent(15).unmergedLeaves)
	require.NoError(t, tree.validate())
}

// TestTreeValidationNeighbours breaks the rule that a parent and the node updated
// with it were neighbours, where the parent hash itself is right: it covers the
// sibling's unmerged leaves alone.
func TestTreeValidationNeighbours(t *testing.T) {
	s, l := testSuite(t, 1), newLeafMaker(1)
	tree := l.committed(t, l.tree(t, s, 8), []LeafIndex{3}, 0, 0)
	tree = l.committed(t, tree, nil, 1)
	require.Equal(t, []LeafIndex{3}, tree.parent(7).unmergedLeaves)
	require.NoError(t, tree.validate())

	nodes := cloneNodes(tree.nodes())
	nodes[7].parent.unmergedLeaves = nil // node 3, set with it, has leaf 3
	broken, err := treeFromNodes(s, nodes.sparse())
	require.NoError(t, err)
	requireViolation(t, broken.validate(), "7.9.2", "node 7 is parent-hash valid", -1)

	nodes[3].parent.unmergedLeaves = nil // its sibling, node 5, had no leaf 3 when it was set
	broken, err = treeFromNodes(s, nodes.sparse())
	require.NoError(t, err)
	requireViolation(t, broken.validate(), "7.9.2", "node 3 is parent-hash valid", -1)
}

// TestTreeFromNodesRefuses breaks the rules that building a tree checks.
func TestTreeFromNodesRefuses(t *testing.T) {
	s, l := testSuite(t, 1), newLeafMaker(2)
	valid := l.steady(t, s, 7)
	for _, c := range []struct {
		name, section, words string
		leaf                 int64
		change               func(nodes ratchetTree)
	}{
		{"two members with one signature key", "7.3", "signature_key is unique", 5, func(n ratchetTree) {
			n[10].leaf.SignatureKey = n[2].leaf.SignatureKey
		}},
		{"two members with one encryption key", "7.3", "encryption_key is unique", 5, func(n ratchetTree) {
			n[10].leaf.EncryptionKey = n[2].leaf.EncryptionKey
		}},
		{"member with the encryption key of a parent", "7.3", "encryption_key is unique", 5, func(n ratchetTree) {
			n[10].leaf.EncryptionKey = n[3].parent.encryptionKey
		}},
		{"parent with the encryption key of a member", "12.4.3.1", "node 3 appears in no other", -1, func(n ratchetTree) {
			n[3].parent.encryptionKey = n[0].leaf.EncryptionKey
		}},
		{"two parents with one encryption key", "12.4.3.1", "node 7 appears in no other", -1, func(n ratchetTree) {
			n[7].parent.encryptionKey = n[3].parent.encryptionKey
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			nodes := cloneNodes(valid.nodes())
			c.change(nodes)
			_, err := treeFromNodes(s, nodes.sparse())
			requireViolation(t, err, c.section, c.words, c.leaf)
		})
	}
	for name, nodes := range map[string]ratchetTree{
		"no nodes":                 {},
		"blank node at the end":    append(valid.nodes(), treeNode{}),
		"parent in a leaf's place": {{parent: &parentNode{}}},
		"leaf in a parent's place": {{leaf: l.leaf(LeafNodeUpdate)}, {leaf: l.leaf(LeafNodeUpdate)}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := treeFromNodes(s, nodes.sparse())
			require.ErrorIs(t, err, ErrMalformed)
		})
	}
}

// TestTreeValidationAccepts takes trees of every shape, some large enough for
// several cores.
func TestTreeValidationAccepts(t *testing.T) {
	s := testSuite(t, 1)
	for _, n := range []int{1, 2, 3, 5, 33, 700} {
		l := newLeafMaker(uint64(n))
		for _, tree := range []*tree{l.tree(t, s, n), l.steady(t, s, n), l.unmerged(t, s, n)} {
			again, err := treeFromNodes(s, tree.nodes().sparse())
			require.NoError(t, err)
			require.NoError(t, again.validate())
			require.Equal(t, tree.hash(), again.hash())
			require.EqualValues(t, n, again.memberCount())
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
// each node and each key; to validate it, at most two for each parent node and, of
// a tree whose half is unmerged, one for each original tree hash. Without a memory
// of these they would be some n*log2(n)/2.
func TestTreeValidationHashes(t *testing.T) {
	const n = 1024
	l := newLeafMaker(1)
	s := hashCounter{testSuite(t, 1), new(atomic.Int64)}
	for _, c := range []struct {
		shape  string
		tree   *tree
		limit  int64 // of hashes to validate
		blanks int64
	}{
		{"blank", l.tree(t, s, n), 0, n - 1},
		{"steady", l.steady(t, s, n), 2 * n, 0},
		{"unmerged", l.unmerged(t, s, n), 4 * n, n / 2},
	} {
		nodes := c.tree.nodes()
		s.hashes.Store(0)
		tree, err := treeFromNodes(s, nodes.sparse())
		require.NoError(t, err)
		const leaves, parents = n, n - 1
		require.Equal(t, 3*leaves+2*parents-c.blanks, s.hashes.Swap(0), c.shape)
		require.NoError(t, tree.validate())
		require.LessOrEqual(t, s.hashes.Load(), c.limit, c.shape)
		t.Logf("%s: %d hashes to validate %d members", c.shape, s.hashes.Load(), n)
	}
}

// TestTreeChangedByte changes each byte of an encoded tree: it is refused, or has
// another tree hash.
func TestTreeChangedByte(t *testing.T) {
	s := testSuite(t, 1)
	valid := newLeafMaker(1).unmerged(t, s, 8)
	encoded := encodedTree(t, valid)
	refused := make(map[bool]int)
	for i := range encoded {
		var nodes ratchetTree
		if err := wire.Parse(flipped(encoded, i), "ratchet tree", nodes.unmarshal); err != nil {
			refused[true]++
			continue
		}
		tree, err := treeFromNodes(s, nodes.sparse())
		if err == nil {
			require.NotEqual(t, valid.hash(), tree.hash(), "byte %d", i)
			err = tree.validate()
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
	k := ownKeyPackage(t, 0x0001, "joiner")
	for _, size := range []int{1 << 12, 1 << 16} {
		all := make(ratchetTree, size+1)
		all[size].leaf = &k.KeyPackage.LeafNode
		allocated := leastAllocated(func() {
			tree, err := treeFromNodes(k.suite, all.sparse())
			require.NoError(t, err)
			require.Equal(t, uint32(1), tree.memberCount())
			require.Equal(t, uint32(size), tree.width)
		})
		require.Less(t, float64(allocated), 1.1*hashes*float64(size), "%d nodes", size)
	}
}
