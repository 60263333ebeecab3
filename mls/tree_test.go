package mls

import (
	"bytes"
	"fmt"
	"math/bits"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/sortedset"
	"github.com/mlsuite/mlsuite/internal/vectors"
)

// TestTreeAgainstModel makes random edits, batches like those of commits, and
// compares each tree with a model that follows RFC 9420 to the letter. Every tree
// has to be one that a joiner accepts, and to stay what it is.
func TestTreeAgainstModel(t *testing.T) {
	t.Parallel()
	seeds, steps := uint64(10), 150
	if vectors.Full() {
		seeds, steps = 200, 500
	} else if vectors.Wide() {
		seeds = 24
	}
	s := testSuite(t, 1)
	for seed := range seeds {
		l := newLeafMaker(seed)
		first := l.leaf(LeafNodeKeyPackage)
		model, now := &treeModel{suite: s, nodes: []treeNode{{leaf: first}}}, newTree(s, first)
		requireModel(t, model, now)
		type snapshot struct {
			tree          *tree
			encoded, hash []byte
		}
		var old []snapshot
		for step := range steps {
			old = append(old, snapshot{now, encodedTree(t, now), bytes.Clone(now.hash())})
			name := fmt.Sprintf("seed %d, step %d", seed, step)
			now = randomEdit(t, l, now, model)
			requireModel(t, model, now)
			require.NoError(t, now.validate(), name)
			require.Equal(t, old[step].encoded, encodedTree(t, old[step].tree), name)
		}
		for i, o := range old {
			require.Equal(t, o.encoded, encodedTree(t, o.tree))
			require.Equal(t, o.hash, o.tree.hash())
			if i%10 == 0 {
				requireConsistent(t, o.tree)
			}
		}
	}
}

// randomEdit does the same to a tree and to its model: some updates, removals and
// additions, and a path of a member or of one that joins by it.
func randomEdit(t *testing.T, l *leafMaker, tree *tree, model *treeModel) *tree {
	t.Helper()
	var members []LeafIndex
	for i := range tree.members() {
		members = append(members, i)
	}
	l.rand.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	committer, rest := members[0], members[1:]
	take := func(most int) []LeafIndex {
		n := l.rand.IntN(min(most, len(rest)) + 1)
		taken := rest[:n]
		rest = rest[n:]
		return taken
	}
	edit, adds := tree.edit(), 4
	if l.rand.IntN(15) == 0 {
		adds = 20
	}
	for _, i := range take(2) {
		leaf := l.leaf(LeafNodeUpdate)
		edit.updateLeaf(i, leaf)
		model.updateLeaf(i, leaf)
	}
	removals := 3
	if len(members) > 24 {
		removals = len(members)
	}
	for _, i := range take(removals) {
		edit.removeLeaf(i)
		model.removeLeaf(i)
	}
	for range l.rand.IntN(adds) {
		leaf := l.leaf(LeafNodeKeyPackage)
		require.Equal(t, model.addLeaf(leaf), edit.addLeaf(leaf))
	}
	external := l.rand.IntN(10) == 0
	if external {
		committer = edit.claimLeaf()
		require.Equal(t, model.claimLeaf(), committer)
	}
	if external || l.rand.IntN(10) < 7 {
		nodes, _ := edit.filteredDirectPath(committer)
		modelNodes, _ := model.filteredDirectPath(committer)
		require.True(t, slices.Equal(modelNodes, nodes))
		keys := l.keys(len(nodes))
		hash, err := edit.mergePath(committer, nodes, keys)
		require.NoError(t, err)
		require.Equal(t, model.mergePath(committer, keys), hash)
		leaf := l.leaf(LeafNodeCommit)
		if old := tree.leaf(committer); old != nil && !external {
			leaf.SignatureKey = old.SignatureKey
		}
		leaf.ParentHash = hash
		edit.setLeaf(committer, leaf)
		model.nodes[committer.Node()].leaf = leaf
	}
	next, err := edit.freeze()
	require.NoError(t, err)
	return next
}

// TestTreeEditGoesOn edits a tree further after it was frozen.
func TestTreeEditGoesOn(t *testing.T) {
	l := newLeafMaker(1)
	e := l.steady(t, testSuite(t, 1), 9).edit()
	e.removeLeaf(3)
	first, err := e.freeze()
	require.NoError(t, err)
	encoded := encodedTree(t, first)
	e.updateLeaf(5, l.leaf(LeafNodeUpdate))
	e.addLeaf(l.leaf(LeafNodeKeyPackage))
	l.commit(t, e, 0)
	second, err := e.freeze()
	require.NoError(t, err)
	require.Equal(t, encoded, encodedTree(t, first))
	requireConsistent(t, first)
	requireConsistent(t, second)
}

// TestTreeForks edits one tree in several ways that touch the same nodes, whose
// lists of unmerged leaves have room for one more.
func TestTreeForks(t *testing.T) {
	l := newLeafMaker(2)
	base := l.unmerged(t, testSuite(t, 1), 15)
	encoded := encodedTree(t, base)
	unmerged := base.root.parent.unmergedLeaves
	require.Equal(t, []LeafIndex{1, 3, 5, 7, 9, 11, 13}, unmerged)
	unmerged = append(unmerged, 0)[:len(unmerged)]
	base.root.parent.unmergedLeaves = unmerged
	var forks []*tree
	for range 3 {
		e := base.edit()
		require.Equal(t, LeafIndex(15), e.addLeaf(l.leaf(LeafNodeKeyPackage)))
		fork, err := e.freeze()
		require.NoError(t, err)
		forks = append(forks, fork)
	}
	for _, fork := range forks {
		require.True(t, sortedset.Has(fork.root.parent.unmergedLeaves, 15))
		requireConsistent(t, fork)
		require.NoError(t, fork.validate())
	}
	require.Equal(t, encoded, encodedTree(t, base))
	require.Zero(t, unmerged[:len(unmerged)+1][len(unmerged)])
}

// TestTreeGrowsAndShrinks extends a tree over several widths in one edit, and
// truncates it again.
func TestTreeGrowsAndShrinks(t *testing.T) {
	s, l := testSuite(t, 1), newLeafMaker(3)
	first := l.leaf(LeafNodeKeyPackage)
	tree := newTree(s, first)
	require.EqualValues(t, 1, tree.width)
	alone := tree.hash()
	e := tree.edit()
	for i := range LeafIndex(1500) {
		require.Equal(t, i+1, e.addLeaf(l.leaf(LeafNodeKeyPackage)))
	}
	wide, err := e.freeze()
	require.NoError(t, err)
	require.EqualValues(t, 2048, wide.width)
	model := &treeModel{suite: s, nodes: append(wide.nodes(), make([]treeNode, 2*2048-1-len(wide.nodes()))...)}
	require.Equal(t, model.hash(wide.rootIndex()), wide.hash())
	requireConsistent(t, wide)

	e = wide.edit()
	for i := range LeafIndex(1500) {
		e.removeLeaf(i + 1)
	}
	narrow, err := e.freeze()
	require.NoError(t, err)
	require.EqualValues(t, 1, narrow.width)
	require.Equal(t, alone, narrow.hash())
	requireConsistent(t, wide)
	requireConsistent(t, narrow)

	e = narrow.edit()
	e.removeLeaf(0)
	empty, err := e.freeze()
	require.NoError(t, err)
	require.Zero(t, empty.memberCount())
	require.Empty(t, empty.nodes())
	require.Nil(t, empty.credentialTypesInUse())
}

// A tree whose only member goes has one leaf, wherever the member was, and however the
// tree came about (RFC 9420, Section 7.7).
func TestTreeWithoutMembersHasOneLeaf(t *testing.T) {
	s := testSuite(t, 1)
	for width := uint32(1); width <= 8; width *= 2 {
		for at := LeafIndex(width / 2); at < LeafIndex(width); at++ {
			l := newLeafMaker(5)
			e := newTree(s, l.leaf(LeafNodeKeyPackage)).edit()
			for range at {
				e.addLeaf(l.leaf(LeafNodeKeyPackage))
			}
			for i := range at {
				e.removeLeaf(i)
			}
			edited, err := e.freeze()
			require.NoError(t, err)
			read, err := treeFromNodes(s, edited.nodes().sparse())
			require.NoError(t, err)
			next := l.leaf(LeafNodeKeyPackage)
			for name, tree := range map[string]*tree{"edited": edited, "read": read} {
				require.Equal(t, width, tree.width, name)
				e := tree.edit()
				e.removeLeaf(at)
				require.EqualValues(t, 1, e.width, "%s: leaf %d", name, at)
				require.EqualValues(t, 0, e.addLeaf(next), "%s: leaf %d", name, at)
				after, err := e.freeze()
				require.NoError(t, err)
				require.Equal(t, newTree(s, next).hash(), after.hash(), "%s: leaf %d", name, at)
				requireConsistent(t, after)
			}
		}
	}
}

// TestTreeOutside asks for what is outside the tree.
func TestTreeOutside(t *testing.T) {
	tree := newLeafMaker(4).tree(t, testSuite(t, 1), 5)
	for _, i := range []LeafIndex{5, 8, 1 << 31, noLeaf} {
		require.Nil(t, tree.leaf(i))
	}
	for _, n := range []NodeIndex{0, 1, 15, 1 << 31, ^NodeIndex(0)} {
		require.Nil(t, tree.parent(n))
	}
	require.Empty(t, tree.resolution(15, nil))
	path, copath := tree.filteredDirectPath(8)
	require.Empty(t, path)
	require.Empty(t, copath)
	require.Equal(t, []NodeIndex{0, 4, 8}, tree.resolution(7, []LeafIndex{1, 3}))
	_, ok := tree.hasSignatureKey(tree.leaf(0).EncryptionKey)
	require.False(t, ok)
	require.False(t, tree.hasEncryptionKey(tree.leaf(0).SignatureKey))
}

// TestTreeVisits counts the nodes that an edit of one path touches, sender's or
// receiver's: at most 4*(1+log2(n)), which is once each for the filtered direct
// path, the parents, the leaf and the hashes. All other nodes are the old ones.
func TestTreeVisits(t *testing.T) {
	s, l := testSuite(t, 1), newLeafMaker(5)
	for _, n := range []int{2, 16, 1 << 10, 1 << 13} {
		tree := l.steady(t, s, n)
		var visits atomic.Int64
		tree.visits = &visits
		for _, i := range []LeafIndex{0, LeafIndex(n / 2), LeafIndex(n - 1)} {
			visits.Store(0)
			e := tree.edit()
			l.commit(t, e, i)
			next, err := e.freeze()
			require.NoError(t, err)
			require.Same(t, &visits, next.visits)
			limit := int64(4 * (1 + bits.Len(uint(n-1))))
			require.LessOrEqual(t, visits.Load(), limit, "%d members, leaf %d", n, i)
			require.Equal(t, bits.Len(uint(n-1))+1, unshared(tree, next))
			t.Logf("%d members, leaf %d: %d nodes", n, i, visits.Load())
		}
	}
}

// unshared returns the number of nodes of b that a does not have.
func unshared(a, b *tree) int {
	nodes := make(map[*node]bool)
	a.root.each(a.rootIndex(), func(_ NodeIndex, n *node) { nodes[n] = true })
	count := 0
	b.root.each(b.rootIndex(), func(_ NodeIndex, n *node) {
		if !nodes[n] {
			count++
		}
	})
	return count
}

// TestTreeSharesFeatures holds a group whose members are alike to one list of what
// they support.
func TestTreeSharesFeatures(t *testing.T) {
	l := newLeafMaker(6)
	leaf := func() *LeafNode {
		leaf := l.leaf(LeafNodeKeyPackage)
		leaf.Credential.Type = CredentialBasic
		leaf.Capabilities.Extensions = []ExtensionType{0xf0, 0xf1}
		leaf.Capabilities.Proposals = nil
		leaf.Capabilities.Credentials = []CredentialType{CredentialBasic}
		return leaf
	}
	e := newTree(testSuite(t, 1), leaf()).edit()
	for range 99 {
		e.addLeaf(leaf())
	}
	tree, err := e.freeze()
	require.NoError(t, err)
	all := make(map[*features]bool)
	tree.root.each(tree.rootIndex(), func(_ NodeIndex, n *node) {
		if n.features != nil {
			all[n.features] = true
		}
	})
	require.LessOrEqual(t, len(all), 2) // newTree's leaf has its own
	require.True(t, tree.root.features.supportsExtension(0xf1))

	// One member that differs shows at the root, until it leaves.
	e = tree.edit()
	other := leaf()
	other.Capabilities.Extensions = []ExtensionType{0xf1, 0xf0, 0xf1}[1:2]
	i := e.addLeaf(other)
	tree, err = e.freeze()
	require.NoError(t, err)
	require.True(t, tree.root.features.supportsExtension(0xf0))
	require.False(t, tree.root.features.supportsExtension(0xf1))
	e = tree.edit()
	e.removeLeaf(i)
	tree, err = e.freeze()
	require.NoError(t, err)
	require.True(t, tree.root.features.supportsExtension(0xf1))
}
