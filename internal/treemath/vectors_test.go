package treemath_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/vectors"
)

func TestVectorsTreeMath(t *testing.T) {
	type shape struct {
		Leaves  uint32                `json:"n_leaves"`
		Nodes   uint32                `json:"n_nodes"`
		Root    treemath.NodeIndex    `json:"root"`
		Left    []*treemath.NodeIndex `json:"left"`
		Right   []*treemath.NodeIndex `json:"right"`
		Parent  []*treemath.NodeIndex `json:"parent"`
		Sibling []*treemath.NodeIndex `json:"sibling"`
	}
	optional := func(n treemath.NodeIndex, ok bool) *treemath.NodeIndex {
		if !ok {
			return nil
		}
		return &n
	}
	vectors.Official(t, "tree-math", func(t *testing.T, c *shape) {
		require.Equal(t, c.Nodes, treemath.NodeCount(c.Leaves))
		require.Equal(t, c.Root, treemath.Root(c.Leaves))
		require.Len(t, c.Left, int(c.Nodes))
		for n := range treemath.NodeIndex(c.Nodes) {
			require.Equal(t, c.Left[n], optional(n.Left(), !n.IsLeaf()))
			require.Equal(t, c.Right[n], optional(n.Right(), !n.IsLeaf()))
			require.Equal(t, c.Parent[n], optional(n.Parent(c.Leaves)))
			require.Equal(t, c.Sibling[n], optional(n.Sibling(c.Leaves)))
		}
	})
}
