package ratchettree

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/internal/wiretest"
	"github.com/mlsuite/mlsuite/mls/message"
)

// An encoded leaf says what the structure says, and a room that had another leaf before
// gives the same structure as a new one.
func TestLeafSaysWhatItsStructureSays(t *testing.T) {
	var room LeafRoom
	for seed := range uint64(300) {
		want := wiretest.NewGenerator(seed).LeafNode()
		encoded, err := message.Marshal(want)
		require.NoError(t, err)
		leaf, err := packLeaf(new(wire.Writer), want)
		require.NoError(t, err)
		require.EqualValues(t, encoded, leaf)
		require.Equal(t, want, leaf.LeafNode())
		require.Equal(t, want, room.Read(leaf))
		require.Equal(t, want.EncryptionKey, leaf.EncryptionKey())
		require.Equal(t, want.SignatureKey, leaf.SignatureKey())
		require.Equal(t, want.Credential, leaf.Credential())
		require.Equal(t, message.Author{Epoch: 7, Credential: want.Credential, SignatureKey: want.SignatureKey}, leaf.Author(7))
		lifetime, ok := leaf.Lifetime()
		require.Equal(t, want.Source == codepoint.LeafNodeKeyPackage, ok)
		require.Equal(t, want.Lifetime, lifetime)
		require.Equal(t, want.ParentHash, leaf.parentHash())
	}
	require.Nil(t, Leaf(nil).LeafNode())
}

// What is read of a tree shares nothing with what it was read from, and a leaf shares what
// it returns with its callers, who can append to it.
func TestReadTreeSharesNothing(t *testing.T) {
	encoded := wiretest.Encoded(t, randomRatchetTree(wiretest.NewGenerator(5)).Marshal)
	before := append([]byte{}, encoded...)
	nodes, err := ParseRatchetTree(encoded)
	require.NoError(t, err)
	clear(encoded)
	require.Equal(t, before, wiretest.Encoded(t, nodes.Expanded().Marshal))
	leaf := nodes.Filled[len(nodes.Filled)-1].Leaf
	if leaf == nil {
		leaf = nodes.Filled[0].Leaf
	}
	_ = append(leaf.EncryptionKey(), 1)
	_ = append(leaf.Credential().Content, 1)
	_ = append(leaf.LeafNode().Signature, 1)
	require.Equal(t, before, wiretest.Encoded(t, nodes.Expanded().Marshal))
}
