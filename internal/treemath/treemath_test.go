package treemath

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPaths compares paths and ancestors with what they are by definition.
func TestPaths(t *testing.T) {
	for width := uint32(1); width <= 64; width *= 2 {
		for n := range NodeIndex(NodeCount(width)) {
			var direct, copath []NodeIndex
			for m := n; ; {
				parent, ok := m.Parent(width)
				sibling, hasSibling := m.Sibling(width)
				require.Equal(t, ok, hasSibling)
				if !ok {
					require.Equal(t, Root(width), m)
					break
				}
				direct, copath = append(direct, parent), append(copath, sibling)
				require.Equal(t, m.Level()+1, parent.Level())
				require.ElementsMatch(t, []NodeIndex{m, sibling}, []NodeIndex{parent.Left(), parent.Right()})
				m = parent
			}
			require.Equal(t, direct, n.DirectPath(width))
			require.Equal(t, copath, n.Copath(width))

			for m := range NodeIndex(NodeCount(width)) {
				above := slices.Contains(direct, m)
				require.Equal(t, above, m.IsAncestorOf(n))
				require.Equal(t, above || m == n, n.InSubtree(m))
				if above || m == n {
					require.Equal(t, m, CommonAncestor(n, m))
					require.Equal(t, m, CommonAncestor(m, n))
				} else if !n.IsAncestorOf(m) {
					lowest := slices.IndexFunc(direct, func(a NodeIndex) bool { return a.IsAncestorOf(m) })
					require.Equal(t, direct[lowest], CommonAncestor(n, m))
				}
			}
		}
	}
}

func TestLeaves(t *testing.T) {
	require.Equal(t, NodeIndex(14), NodeOf(LeafIndex(7)))
	require.True(t, NodeIndex(14).IsLeaf())
	require.Equal(t, LeafIndex(7), NodeIndex(14).Leaf())
	require.Equal(t, NodeIndex(14), NodeIndex(14).Left())
	require.Equal(t, NodeIndex(14), NodeIndex(14).Right())
	require.Zero(t, NodeCount(0))
}

// TestWidestTree reaches the limits of the integers.
func TestWidestTree(t *testing.T) {
	const width = MaxLeaves
	root := Root(width)
	require.Equal(t, 31, root.Level())
	last := NodeOf(LeafIndex(width - 1))
	require.Equal(t, NodeIndex(NodeCount(width)-1), last)
	for _, n := range []NodeIndex{0, last} {
		require.Len(t, n.DirectPath(width), 31)
		require.Equal(t, root, n.DirectPath(width)[30])
		require.True(t, n.InSubtree(root))
	}
	require.Equal(t, root, CommonAncestor(0, last))
	_, ok := root.Parent(width)
	require.False(t, ok)
}

func TestOutsideTheTree(t *testing.T) {
	_, ok := NodeIndex(7).Parent(4)
	require.False(t, ok)
	_, ok = NodeIndex(8).Sibling(4)
	require.False(t, ok)
	require.Nil(t, NodeIndex(8).DirectPath(4))
	require.Nil(t, NodeIndex(8).Copath(4))
}
