package secrettree

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/message"
)

// consume consumes the key of an application message.
func consume(t testing.TB, tree *Tree, leaf message.LeafIndex, generation uint32) {
	t.Helper()
	key, err := find(tree, leaf, message.ContentApplication, generation, RatchetLimits{MaxForward: 10, MaxKept: 10})
	require.NoError(t, err)
	require.NoError(t, key.Commit())
}

// Each node is on the page of the node that is at most four levels above it, at a depth that
// four divides, and no page holds more than sixteen secrets.
func TestPagesOfATree(t *testing.T) {
	for levels := range 10 {
		tree, root := &Tree{Leaves: 1 << levels}, treemath.Root(1<<levels)
		for n := range treemath.NodeCount(tree.Leaves) {
			top := tree.page(treemath.NodeIndex(n))
			depth := root.Level() - top.Level()
			require.Zero(t, depth%pageLevels)
			require.True(t, treemath.NodeIndex(n).InSubtree(top))
			below := top.Level() - treemath.NodeIndex(n).Level()
			require.LessOrEqual(t, below, pageLevels)
			require.True(t, below > 0 || top == root)
		}
	}
}

// A tree of which every record is written reads as it was, however much of it was used.
func TestRecordsOfATree(t *testing.T) {
	for _, used := range [][]message.LeafIndex{nil, {0}, {5, 63}, {0, 1, 2, 3, 17, 40}} {
		tree := newTestSecretTree(t, 64)
		for _, leaf := range used {
			consume(t, tree, leaf, 2)
		}
		again := &Tree{Suite: tree.Suite, Leaves: 64, Nodes: map[treemath.NodeIndex][]byte{}, Ratchets: map[message.LeafIndex]*LeafRatchets{}}
		for _, kind := range []Kind{SecretOfNode, SecretOfRatchet, SecretOfMessage} {
			records := map[SecretName][]byte{}
			for name := range tree.Names(^message.LeafIndex(0)) {
				if name.Kind == kind {
					var w wire.Writer
					tree.Write(name, func(size int) *wire.Writer {
						w.Grow(size)
						return &w
					})
					b, err := w.Finish()
					require.NoError(t, err)
					records[name] = b
				}
			}
			for _, name := range slices.SortedFunc(maps.Keys(records), func(a, b SecretName) int { return bytes.Compare(a.AppendKey(nil, 1), b.AppendKey(nil, 1)) }) {
				epoch, parsed := SecretNameOf(name.AppendKey(nil, 1))
				require.EqualValues(t, 1, epoch)
				require.Equal(t, name, parsed)
				require.NoError(t, again.Restore(name, records[name]))
			}
		}
		require.Equal(t, tree.Nodes, again.Nodes)
		require.Equal(t, tree.Ratchets, again.Ratchets)
		require.NoError(t, again.Check(^message.LeafIndex(0)))
	}
}

// What only the own ratchets follow from goes with them.
func TestForgottenLeafLeavesNoSecret(t *testing.T) {
	tree := newTestSecretTree(t, 4)
	tree.Saved()
	consume(t, tree, 0, 0)
	own, other := tree.Nodes[treemath.NodeOf(1)], tree.Nodes[5]
	require.NotNil(t, own)
	tree.Forget(1)
	require.Equal(t, make([]byte, len(own)), own)
	require.Nil(t, tree.Nodes[treemath.NodeOf(1)])
	require.NoError(t, tree.Check(1))
	tree.Forget(3) // others follow from the secret above it
	require.Equal(t, other, tree.Nodes[5])
	require.NotEqual(t, make([]byte, len(other)), other)
}
