package limit

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The closed forms of trees say what the rules of RFC 9420 make of them node by node.
func TestShapesHaveTheirTrees(t *testing.T) {
	for members := 2; members <= 70; members++ {
		blank, steady, unmerged := BlankShape(members), SteadyShape(members), UnmergedShape(members)
		for leaf := range members {
			require.Equal(t, Blank(members, uint32(leaf)), blank.tree(leaf), "%d, leaf %d", members, leaf)
			require.Equal(t, Steady(members, uint32(leaf)), steady.tree(leaf), "%d, leaf %d", members, leaf)
			require.Equal(t, Unmerged(members, uint32(leaf)), unmerged.tree(leaf), "%d, leaf %d", members, leaf)
		}
		require.Equal(t, Sparse(members), SparseShape(members).tree(0), "%d", members)
		for leaf := 1; leaf < members-1; leaf++ {
			s := SteadyShape(members)
			s.remove(leaf)
			s.truncate()
			s.renew(0)
			require.Equal(t, Removed(members, uint32(leaf)), s.tree(0), "%d without %d", members, leaf)
		}
	}
}

// In a group of four, a fifth member makes the tree twice as wide: eight nodes are new, and
// it goes again with them.
func TestShapeGrowsAndShrinks(t *testing.T) {
	s := SteadyShape(4)
	require.Equal(t, 4, s.add())
	require.Equal(t, 3, s.depth())
	leaves, parents := s.changed(-1)
	require.Equal(t, []int{4, 4}, []int{leaves, parents}, "the new half and the root")
	leaves, parents = s.changed(4)
	require.Equal(t, []int{3, 1}, []int{leaves, parents}, "those that are not above the new leaf")
	require.Equal(t, Tree{Members: 5, Depth: 3, Parents: 3, Path: []Level{{Receivers: 4, Resolution: 1}}}, s.tree(4))

	s.settle()
	s.remove(4)
	s.truncate()
	require.Equal(t, Steady(4, 0), s.tree(0))
	leaves, parents = s.changed(-1)
	require.Zero(t, leaves+parents)

	s.remove(1)
	require.Equal(t, 1, s.add(), "the leftmost blank leaf")
	require.Equal(t, []Level{{1, 1, 1}, {2, 1, 2}}, s.tree(0).Path)
	require.Equal(t, []Level{{1, 1, 3}, {2, 2, 0}}, s.tree(2).Path, "leaves 0 and 1 have a blank parent")
}

// A leaf that is added below a populated parent is unmerged there until one below commits.
func TestShapeKnowsUnmergedLeaves(t *testing.T) {
	s := SteadyShape(6)
	s.add()
	s.add()
	require.Equal(t, 3, s.tree(0).Path[2].Resolution, "the parent of 4 to 7, and 6 and 7")
	s.renew(6)
	require.Equal(t, 1, s.tree(0).Path[2].Resolution)
}
