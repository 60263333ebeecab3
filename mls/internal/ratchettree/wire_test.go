package ratchettree

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/internal/wiretest"
	"github.com/mlsuite/mlsuite/mls/message"
)

// wireKinds are the kinds of structure of this package.
func wireKinds() []wiretest.Kind {
	return []wiretest.Kind{
		wiretest.Of("ParentNode", randomParentNode, (*ParentNode).marshal, (*ParentNode).Unmarshal),
		wiretest.Of("ratchet_tree", randomRatchetTree, (*RatchetTree).Marshal, (*RatchetTree).Unmarshal),
		wiretest.Of("UpdatePath", randomUpdatePath, (*UpdatePath).Marshal, (*UpdatePath).Unmarshal),
		wiretest.Of("MembershipProof", randomProof, (*MembershipProof).Marshal, (*MembershipProof).Unmarshal),
	}
}

func randomParentNode(g *wiretest.Generator) *ParentNode {
	return &ParentNode{
		EncryptionKey:  g.Bytes(),
		ParentHash:     g.Bytes(),
		UnmergedLeaves: wiretest.Some(g, g.LeafIndex),
	}
}

func randomRatchetTree(g *wiretest.Generator) *RatchetTree {
	t := make(RatchetTree, 1+g.IntN(9))
	for i := range t {
		last := i == len(t)-1
		switch {
		case !last && g.Coin():
		case NodeIndex(i).IsLeaf():
			t[i].Leaf = g.LeafNode()
		default:
			t[i].Parent = randomParentNode(g)
		}
	}
	return &t
}

func randomCiphertext(g *wiretest.Generator) HPKECiphertext {
	return HPKECiphertext{KEMOutput: g.Bytes(), Ciphertext: g.Bytes()}
}

func randomUpdatePath(g *wiretest.Generator) *UpdatePath {
	leaf := g.LeafNode()
	encoded, _ := packLeaf(new(wire.Writer), leaf)
	return &UpdatePath{LeafNode: leaf, Encoded: encoded, Nodes: wiretest.Some(g, func() updatePathNode {
		return updatePathNode{
			EncryptionKey: g.Bytes(),
			Secrets:       wiretest.Some(g, func() HPKECiphertext { return randomCiphertext(g) }),
		}
	})}
}

// An UpdatePath is written into the room that is made for it, which is hardly larger.
func TestUpdatePathEncodedAtMost(t *testing.T) {
	for seed := range uint64(200) {
		p := randomUpdatePath(wiretest.NewGenerator(seed))
		encoded, err := wire.Marshal(p.Marshal)
		require.NoError(t, err)
		require.LessOrEqual(t, len(encoded), p.EncodedAtMost())
		require.LessOrEqual(t, p.EncodedAtMost(), len(encoded)+3*(1+len(p.Nodes)), "three bytes for each vector of vectors")
	}
}

func TestWireRoundTrip(t *testing.T)       { wiretest.RoundTrip(t, wireKinds()) }
func TestWireTruncated(t *testing.T)       { wiretest.Truncated(t, wireKinds()) }
func TestWireFlipped(t *testing.T)         { wiretest.Flipped(t, wireKinds()) }
func TestWireAnnouncedLength(t *testing.T) { wiretest.AnnouncedLength(t, wireKinds()) }

func FuzzNodes(f *testing.F) { wiretest.Fuzz(f, wireKinds()) }

func TestVectorsMessages(t *testing.T) {
	wiretest.VectorsMessages(t, "ratchettree", map[string]func(t *testing.T, b []byte) []byte{
		"ratchet_tree": wiretest.Again((*RatchetTree).Marshal, (*RatchetTree).Unmarshal),
	})
}

const hexParent = "00 00 00" // in which every vector is empty

func TestMalformedVectors(t *testing.T) {
	wiretest.Malformed(t, "unmerged leaf of one byte", wiretest.Reading((*ParentNode).Unmarshal),
		"00 00 04 00000001", "00 00 05 00000001 00", "truncated")
}

func TestMalformedRatchetTree(t *testing.T) {
	const blank, leaf, parent = "00", "01 01" + wiretest.HexLeaf, "01 02" + hexParent
	for _, c := range []struct {
		name             string
		valid, malformed string
		text             string
	}{
		{"no nodes", mlstest.HexVector(leaf), mlstest.HexVector(), "no nodes"},
		{"one blank node", mlstest.HexVector(leaf), mlstest.HexVector(blank), "blank node"},
		{"blank leaf at the end", mlstest.HexVector(leaf, parent, leaf), mlstest.HexVector(leaf, parent, blank), "blank node"},
		{"blank parent at the end", mlstest.HexVector(leaf, parent), mlstest.HexVector(leaf, blank), "blank node"},
		{"leaf at an odd index", mlstest.HexVector(leaf, blank, leaf), mlstest.HexVector(leaf, leaf, leaf), "index 1"},
		{"parent at an even index", mlstest.HexVector(leaf, blank, leaf), mlstest.HexVector(leaf, blank, parent), "index 2"},
		{"node type 0", mlstest.HexVector(leaf), mlstest.HexVector("01 00", wiretest.HexLeaf), "node type 0"},
		{"node type 3", mlstest.HexVector(leaf), mlstest.HexVector("01 03", wiretest.HexLeaf), "node type 3"},
		{"presence of a node", mlstest.HexVector(leaf), mlstest.HexVector("02 01", wiretest.HexLeaf), "presence"},
	} {
		wiretest.Malformed(t, c.name, wiretest.Reading((*RatchetTree).Unmarshal), c.valid, c.malformed, c.text)
	}
}

// TestMarshalRefuses has values that would not parse: none is ever written.
func TestMarshalRefuses(t *testing.T) {
	leaf := &message.LeafNode{Source: codepoint.LeafNodeUpdate}
	wiretest.Unwritable(t, "update path without a leaf node", new(UpdatePath).Marshal, "without a leaf node")
	wiretest.Unwritable(t, "ratchet tree without nodes", RatchetTree{}.Marshal, "no nodes")
	wiretest.Unwritable(t, "ratchet tree of blank nodes", RatchetTree{{}, {}, {}}.Marshal, "no nodes")
	wiretest.Unwritable(t, "leaf at an odd index", RatchetTree{{Leaf: leaf}, {Leaf: leaf}}.Marshal, "index 1")
	wiretest.Unwritable(t, "parent at an even index", RatchetTree{{Parent: new(ParentNode)}}.Marshal, "index 0")
}

func TestRatchetTreeDropsTrailingBlanks(t *testing.T) {
	leaf := &message.LeafNode{Source: codepoint.LeafNodeUpdate}
	short := wiretest.Encoded(t, RatchetTree{{Leaf: leaf}, {}, {Leaf: leaf}}.Marshal)
	full := wiretest.Encoded(t, RatchetTree{{Leaf: leaf}, {}, {Leaf: leaf}, {}, {}, {}, {}}.Marshal)
	require.Equal(t, short, full)
	tree, err := ParseRatchetTree(full)
	require.NoError(t, err)
	require.Equal(t, 3, tree.length)
	_, err = ParseRatchetTree(full[:len(full)-1])
	require.ErrorIs(t, err, message.ErrMalformed)
}

func TestSkipIsUnmarshal(t *testing.T) {
	for seed := range uint64(200) {
		g := wiretest.NewGenerator(seed)
		c := randomCiphertext(g)
		wiretest.Skipped(t, c.marshal, c.skip)
		n := &updatePathNode{[]byte{1}, []HPKECiphertext{c}}
		wiretest.Skipped(t, n.marshal, n.skip)
		node := &TreeNode{Leaf: g.LeafNode()}
		if g.Coin() {
			node = &TreeNode{Parent: randomParentNode(g)}
		}
		wiretest.Skipped(t, node.marshal, func(r *wire.Reader) { require.False(t, skipNode(r)) })
	}
}

// TestParsingAllocatesLittle has trees as long as they get, of their least nodes, and of
// those that a valid tree may have the least.
func TestParsingAllocatesLittle(t *testing.T) {
	const n = wiretest.Costly
	h := func(s string) []byte { return mlstest.Unhex(t, s) }
	vector := func(element []byte) []byte { return mlstest.FilledWith(t, n, element) }
	long, last := wiretest.Long(), slices.Concat(h("01 01"), wiretest.LongLeaf(t))

	add := func(name string, valid bool, tree []byte) {
		wiretest.AllocatesLittle(t, name, valid, wiretest.Reading((*sparseTree).unmarshal), tree)
	}
	add("ratchet_tree of blank nodes", true, mlstest.Vector(t, make([]byte, n&^1), last))
	add("ratchet_tree of least nodes", false, vector(h("01 01"+wiretest.HexLeaf+"01 02"+hexParent)))
	nodes := slices.Repeat(slices.Concat(last, h("01 02"), long, h("00 00")), n/200)
	add("ratchet_tree of nodes", true, mlstest.Vector(t, nodes, last))
	add("ratchet_tree of unmerged leaves", true,
		mlstest.Vector(t, h("00 01 02"), long, h("00"), vector(h("00000007")), last))
}
