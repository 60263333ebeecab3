package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
)

func TestVectorsDeserialization(t *testing.T) {
	type header struct {
		Header vectors.Hex `json:"vlbytes_header"`
		Length int         `json:"length"`
	}
	vectors.Official(t, "deserialization", func(t *testing.T, c *header) {
		r := wire.NewReader(c.Header)
		require.Equal(t, c.Length, r.Length())
		require.NoError(t, r.Finish())

		if c.Length > 1<<16 {
			return
		}
		encoded, err := wire.Marshal(func(w *wire.Writer) { w.Bytes(make([]byte, c.Length)) })
		require.NoError(t, err)
		require.Equal(t, []byte(c.Header), encoded[:len(encoded)-c.Length])
	})
}

func TestVectorsTreeMath(t *testing.T) {
	type shape struct {
		Leaves  uint32       `json:"n_leaves"`
		Nodes   uint32       `json:"n_nodes"`
		Root    NodeIndex    `json:"root"`
		Left    []*NodeIndex `json:"left"`
		Right   []*NodeIndex `json:"right"`
		Parent  []*NodeIndex `json:"parent"`
		Sibling []*NodeIndex `json:"sibling"`
	}
	optional := func(n NodeIndex, ok bool) *NodeIndex {
		if !ok {
			return nil
		}
		return &n
	}
	vectors.Official(t, "tree-math", func(t *testing.T, c *shape) {
		require.Equal(t, c.Nodes, treemath.NodeCount(c.Leaves))
		require.Equal(t, c.Root, treemath.Root(c.Leaves))
		require.Len(t, c.Left, int(c.Nodes))
		for n := range NodeIndex(c.Nodes) {
			require.Equal(t, c.Left[n], optional(n.Left(), !n.IsLeaf()))
			require.Equal(t, c.Right[n], optional(n.Right(), !n.IsLeaf()))
			require.Equal(t, c.Parent[n], optional(n.Parent(c.Leaves)))
			require.Equal(t, c.Sibling[n], optional(n.Sibling(c.Leaves)))
		}
	})
}
