package ratchettree

import (
	"bytes"
	"fmt"
	"math/bits"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/sortedset"
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/mls/message"
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
	s := mlstest.Suite(t, 1)
	for seed := range seeds {
		l := newLeafMaker(seed)
		first := l.leaf(codepoint.LeafNodeKeyPackage)
		model, now := &treeModel{suite: s, nodes: []TreeNode{{Leaf: first}}}, NewTree(s, first)
		requireModel(t, model, now)
		type snapshot struct {
			tree          *Tree
			encoded, hash []byte
		}
		var old []snapshot
		for step := range steps {
			old = append(old, snapshot{now, encodedTree(t, now), bytes.Clone(now.Hash())})
			name := fmt.Sprintf("seed %d, step %d", seed, step)
			now = randomEdit(t, l, now, model)
			requireModel(t, model, now)
			require.NoError(t, now.Validate(), name)
			require.Equal(t, old[step].encoded, encodedTree(t, old[step].tree), name)
		}
		for i, o := range old {
			require.Equal(t, o.encoded, encodedTree(t, o.tree))
			require.Equal(t, o.hash, o.tree.Hash())
			if i%10 == 0 {
				requireConsistent(t, o.tree)
			}
		}
	}
}

// randomEdit does the same to a tree and to its model: some updates, removals and
// additions, and a path of a member or of one that joins by it.
func randomEdit(t *testing.T, l *leafMaker, tree *Tree, model *treeModel) *Tree {
	t.Helper()
	var members []message.LeafIndex
	for i := range tree.Members() {
		members = append(members, i)
	}
	l.rand.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	committer, rest := members[0], members[1:]
	take := func(most int) []message.LeafIndex {
		n := l.rand.IntN(min(most, len(rest)) + 1)
		taken := rest[:n]
		rest = rest[n:]
		return taken
	}
	edit, adds := tree.Edit(), 4
	if l.rand.IntN(15) == 0 {
		adds = 20
	}
	for _, i := range take(2) {
		leaf := l.leaf(codepoint.LeafNodeUpdate)
		edit.UpdateLeaf(i, leaf)
		model.updateLeaf(i, leaf)
	}
	removals := 3
	if len(members) > 24 {
		removals = len(members)
	}
	for _, i := range take(removals) {
		edit.RemoveLeaf(i)
		model.removeLeaf(i)
	}
	for range l.rand.IntN(adds) {
		leaf := l.leaf(codepoint.LeafNodeKeyPackage)
		require.Equal(t, model.addLeaf(leaf), edit.AddLeaf(leaf))
	}
	external := l.rand.IntN(10) == 0
	if external {
		committer = edit.ClaimLeaf()
		require.Equal(t, model.claimLeaf(), committer)
	}
	if external || l.rand.IntN(10) < 7 {
		nodes := edit.FilteredDirectPath(committer)
		modelNodes, _ := model.filteredDirectPath(committer)
		require.True(t, slices.Equal(modelNodes, nodes))
		keys := l.keys(len(nodes))
		hash, err := edit.MergePath(committer, nodes, keys)
		require.NoError(t, err)
		require.Equal(t, model.mergePath(committer, keys), hash)
		leaf := l.leaf(codepoint.LeafNodeCommit)
		if old := tree.Leaf(committer); old != nil && !external {
			leaf.SignatureKey = old.SignatureKey()
		}
		leaf.ParentHash = hash
		edit.SetLeaf(committer, leaf, nil)
		model.nodes[treemath.NodeOf(committer)].Leaf = leaf
	}
	next, err := edit.Freeze()
	require.NoError(t, err)
	return next
}

// What somebody does with an edit whose tree was frozen leaves the tree as it is.
func TestTreeEditIsOverOnceFrozen(t *testing.T) {
	l := newLeafMaker(1)
	e := l.steady(t, mlstest.Suite(t, 1), 9).Edit()
	e.RemoveLeaf(3)
	frozen, err := e.Freeze()
	require.NoError(t, err)
	encoded := encodedTree(t, frozen)
	require.Panics(t, func() { e.RemoveLeaf(4) })
	require.Panics(t, func() { e.UpdateLeaf(5, l.leaf(codepoint.LeafNodeUpdate)) })
	require.Panics(t, func() { e.SetLeaf(6, l.leaf(codepoint.LeafNodeCommit), nil) })
	require.Equal(t, NoLeaf, e.AddLeaf(l.leaf(codepoint.LeafNodeKeyPackage)))
	_, err = e.MergePath(0, e.FilteredDirectPath(0), nil)
	require.ErrorIs(t, err, errFrozen)
	_, err = e.Freeze()
	require.ErrorIs(t, err, errFrozen)
	require.Equal(t, encoded, encodedTree(t, frozen))
	requireConsistent(t, frozen)
}

// TestTreeForks edits one tree in several ways that touch the same nodes, whose
// lists of unmerged leaves have room for one more.
func TestTreeForks(t *testing.T) {
	l := newLeafMaker(2)
	base := l.unmerged(t, mlstest.Suite(t, 1), 15)
	encoded := encodedTree(t, base)
	unmerged := base.Root.Parent.UnmergedLeaves
	require.Equal(t, []message.LeafIndex{1, 3, 5, 7, 9, 11, 13}, unmerged)
	unmerged = append(unmerged, 0)[:len(unmerged)]
	base.Root.Parent.UnmergedLeaves = unmerged
	var forks []*Tree
	for range 3 {
		e := base.Edit()
		require.Equal(t, message.LeafIndex(15), e.AddLeaf(l.leaf(codepoint.LeafNodeKeyPackage)))
		fork, err := e.Freeze()
		require.NoError(t, err)
		forks = append(forks, fork)
	}
	for _, fork := range forks {
		require.True(t, sortedset.Has(fork.Root.Parent.UnmergedLeaves, 15))
		requireConsistent(t, fork)
		require.NoError(t, fork.Validate())
	}
	require.Equal(t, encoded, encodedTree(t, base))
	require.Zero(t, unmerged[:len(unmerged)+1][len(unmerged)])
}

// TestTreeGrowsAndShrinks extends a tree over several widths in one edit, and
// truncates it again.
func TestTreeGrowsAndShrinks(t *testing.T) {
	s, l := mlstest.Suite(t, 1), newLeafMaker(3)
	first := l.leaf(codepoint.LeafNodeKeyPackage)
	tree := NewTree(s, first)
	require.EqualValues(t, 1, tree.Width)
	alone := tree.Hash()
	e := tree.Edit()
	for i := range message.LeafIndex(1500) {
		require.Equal(t, i+1, e.AddLeaf(l.leaf(codepoint.LeafNodeKeyPackage)))
	}
	wide, err := e.Freeze()
	require.NoError(t, err)
	require.EqualValues(t, 2048, wide.Width)
	model := &treeModel{suite: s, nodes: append(wide.Nodes(), make([]TreeNode, 2*2048-1-len(wide.Nodes()))...)}
	require.Equal(t, model.hash(wide.RootIndex()), wide.Hash())
	requireConsistent(t, wide)

	e = wide.Edit()
	for i := range message.LeafIndex(1500) {
		e.RemoveLeaf(i + 1)
	}
	narrow, err := e.Freeze()
	require.NoError(t, err)
	require.EqualValues(t, 1, narrow.Width)
	require.Equal(t, alone, narrow.Hash())
	requireConsistent(t, wide)
	requireConsistent(t, narrow)

	e = narrow.Edit()
	e.RemoveLeaf(0)
	empty, err := e.Freeze()
	require.NoError(t, err)
	require.Zero(t, empty.MemberCount())
	require.Empty(t, empty.Nodes())
	require.Nil(t, empty.CredentialTypesInUse())
}

// A tree whose only member goes has one leaf, wherever the member was, and however the
// tree came about (RFC 9420, Section 7.7).
func TestTreeWithoutMembersHasOneLeaf(t *testing.T) {
	s := mlstest.Suite(t, 1)
	for width := uint32(1); width <= 8; width *= 2 {
		for at := message.LeafIndex(width / 2); at < message.LeafIndex(width); at++ {
			l := newLeafMaker(5)
			e := NewTree(s, l.leaf(codepoint.LeafNodeKeyPackage)).Edit()
			for range at {
				e.AddLeaf(l.leaf(codepoint.LeafNodeKeyPackage))
			}
			for i := range at {
				e.RemoveLeaf(i)
			}
			edited, err := e.Freeze()
			require.NoError(t, err)
			read, err := TreeFromNodes(s, edited.Nodes().Sparse())
			require.NoError(t, err)
			next := l.leaf(codepoint.LeafNodeKeyPackage)
			for name, tree := range map[string]*Tree{"edited": edited, "read": read} {
				require.Equal(t, width, tree.Width, name)
				e := tree.Edit()
				e.RemoveLeaf(at)
				require.EqualValues(t, 1, e.Width, "%s: leaf %d", name, at)
				require.EqualValues(t, 0, e.AddLeaf(next), "%s: leaf %d", name, at)
				after, err := e.Freeze()
				require.NoError(t, err)
				require.Equal(t, NewTree(s, next).Hash(), after.Hash(), "%s: leaf %d", name, at)
				requireConsistent(t, after)
			}
		}
	}
}

// TestTreeOutside asks for what is outside the tree.
func TestTreeOutside(t *testing.T) {
	tree := newLeafMaker(4).tree(t, mlstest.Suite(t, 1), 5)
	for _, i := range []message.LeafIndex{5, 8, 1 << 31, NoLeaf} {
		require.Nil(t, tree.Leaf(i))
	}
	for _, n := range []NodeIndex{0, 1, 15, 1 << 31, ^NodeIndex(0)} {
		require.Nil(t, tree.Parent(n))
	}
	require.Empty(t, tree.Resolution(15, nil))
	require.Empty(t, tree.FilteredDirectPath(8))
	require.Equal(t, []NodeIndex{0, 4, 8}, tree.Resolution(7, []message.LeafIndex{1, 3}))
	_, ok := tree.HasSignatureKey(tree.Leaf(0).EncryptionKey())
	require.False(t, ok)
	require.False(t, tree.HasEncryptionKey(tree.Leaf(0).SignatureKey()))
}

// TestTreeVisits counts the nodes that an edit of one path touches, sender's or
// receiver's: at most 4*(1+log2(n)), which is once each for the filtered direct
// path, the parents, the leaf and the hashes. All other nodes are the old ones.
func TestTreeVisits(t *testing.T) {
	s, l := mlstest.Suite(t, 1), newLeafMaker(5)
	for _, n := range []int{2, 16, 1 << 10, 1 << 13} {
		tree := l.steady(t, s, n)
		var visits atomic.Int64
		tree.Visits = &visits
		for _, i := range []message.LeafIndex{0, message.LeafIndex(n / 2), message.LeafIndex(n - 1)} {
			visits.Store(0)
			e := tree.Edit()
			l.commit(t, e, i)
			next, err := e.Freeze()
			require.NoError(t, err)
			require.Same(t, &visits, next.Visits)
			limit := int64(4 * (1 + bits.Len(uint(n-1))))
			require.LessOrEqual(t, visits.Load(), limit, "%d members, leaf %d", n, i)
			require.Equal(t, bits.Len(uint(n-1))+1, unshared(tree, next))
			t.Logf("%d members, leaf %d: %d nodes", n, i, visits.Load())
		}
	}
}

// unshared returns the number of nodes of b that a does not have.
func unshared(a, b *Tree) int {
	nodes := make(map[*Node]bool)
	a.Root.Each(a.RootIndex(), func(_ NodeIndex, n *Node) { nodes[n] = true })
	count := 0
	b.Root.Each(b.RootIndex(), func(_ NodeIndex, n *Node) {
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
	leaf := func() *message.LeafNode {
		leaf := l.leaf(codepoint.LeafNodeKeyPackage)
		leaf.Credential.Type = message.CredentialBasic
		leaf.Capabilities.Extensions = []message.ExtensionType{0xf0, 0xf1}
		leaf.Capabilities.Proposals = nil
		leaf.Capabilities.Credentials = []message.CredentialType{message.CredentialBasic}
		return leaf
	}
	e := NewTree(mlstest.Suite(t, 1), leaf()).Edit()
	for range 99 {
		e.AddLeaf(leaf())
	}
	tree, err := e.Freeze()
	require.NoError(t, err)
	all := make(map[*Features]bool)
	tree.Root.Each(tree.RootIndex(), func(_ NodeIndex, n *Node) {
		if n.Features != nil {
			all[n.Features] = true
		}
	})
	require.LessOrEqual(t, len(all), 2) // NewTree's leaf has its own
	require.True(t, tree.Root.Features.supportsExtension(0xf1))

	// One member that differs shows at the root, until it leaves.
	e = tree.Edit()
	other := leaf()
	other.Capabilities.Extensions = []message.ExtensionType{0xf1, 0xf0, 0xf1}[1:2]
	i := e.AddLeaf(other)
	tree, err = e.Freeze()
	require.NoError(t, err)
	require.True(t, tree.Root.Features.supportsExtension(0xf0))
	require.False(t, tree.Root.Features.supportsExtension(0xf1))
	e = tree.Edit()
	e.RemoveLeaf(i)
	tree, err = e.Freeze()
	require.NoError(t, err)
	require.True(t, tree.Root.Features.supportsExtension(0xf1))
}
