package ratchettree

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/internal/wiretest"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

func randomProof(g *wiretest.Generator) *MembershipProof {
	depth := g.IntN(4)
	p := &MembershipProof{
		Width: 1 << depth, Leaf: message.LeafIndex(g.IntN(1 << depth)),
		Parents: make([]*ParentNode, depth), Copath: make([][]byte, depth),
	}
	p.Node, _ = packLeaf(new(wire.Writer), g.LeafNode())
	for i := range depth {
		if p.Copath[i] = g.Bytes(); g.Coin() {
			p.Parents[i] = randomParentNode(g)
		}
	}
	return p
}

// parseProof reads a proof and shows that it is written as it was.
func parseProof(t *testing.T, b []byte) *MembershipProof {
	t.Helper()
	p := new(MembershipProof)
	require.NoError(t, wire.Parse(b, "MembershipProof", p.Unmarshal))
	require.Equal(t, b, wiretest.Encoded(t, p.Marshal))
	return p
}

// TestVectorsPartialMembershipProofs shows more than the vectors ask: a proof whose content
// was changed gives another tree hash.
func TestVectorsPartialMembershipProofs(t *testing.T) {
	vectors.Partial(t, "membership-proofs", func(t *testing.T, c *vectors.MembershipProofs) {
		s, err := mlstest.MLSPlusPlus().Suite(c.CipherSuite)
		require.NoError(t, err)
		width := uint32(0)
		for _, b := range c.Proofs {
			p := parseProof(t, b)
			slice, err := p.Slice(s)
			require.NoError(t, err)
			require.Equal(t, []byte(c.TreeHash), slice.Hash())
			require.True(t, width == 0 || width == p.Width)
			width = p.Width
			for _, forge := range forgeries(p) {
				forged := parseProof(t, b)
				forge(forged)
				if slice, err := forged.Slice(s); err == nil {
					require.NotEqual(t, []byte(c.TreeHash), slice.Hash())
				}
			}
		}
	})
}

// forgeries returns changes to a proof after which it is valid for no tree hash for which
// it was.
func forgeries(p *MembershipProof) []func(*MembershipProof) {
	all := []func(*MembershipProof){func(p *MembershipProof) { p.Node = mlstest.Flipped(p.Node, 5) }}
	for i := range p.Parents {
		all = append(all,
			func(p *MembershipProof) { p.Copath[i] = mlstest.Flipped(p.Copath[i], 0) },
			func(p *MembershipProof) { p.Leaf ^= 1 << i },
			func(p *MembershipProof) {
				if p.Parents[i] == nil {
					p.Parents[i] = &ParentNode{EncryptionKey: []byte{1}}
					return
				}
				p.Parents[i] = nil
			})
	}
	return all
}

func TestVectorsPartialTreeOperations(t *testing.T) {
	vectors.Partial(t, "tree-operations", func(t *testing.T, c *vectors.PartialTreeOperations) {
		s, err := mlstest.MLSPlusPlus().Suite(c.CipherSuite)
		require.NoError(t, err)
		sender, receiver := parseProof(t, c.SenderMembershipProofAfter), parseProof(t, c.ReceiverMembershipProofAfter)
		for _, p := range []*MembershipProof{sender, receiver} {
			slice, err := p.Slice(s)
			require.NoError(t, err)
			require.Equal(t, []byte(c.TreeHashAfter), slice.Hash())
		}
		path, err := wire.ParseNew(c.UpdatePath, "UpdatePath", (*UpdatePath).Unmarshal)
		require.NoError(t, err)
		keys := make(map[NodeIndex]suite.PrivateKey)
		for _, n := range c.ReceiverPathState {
			key, err := s.ParsePrivateKey(n.EncryptionPriv.Scalar(s.Info().KEM.Nsk))
			require.NoError(t, err)
			keys[NodeIndex(n.Node)] = key
		}
		open := func(index uint32, context []byte) ([]byte, error) {
			secrets, err := OpenSlice(s, sender, receiver, path, index, context, func(i NodeIndex) suite.PrivateKey { return keys[i] })
			if err != nil {
				return nil, err
			}
			return secrets.CommitSecret, nil
		}
		// Where RFC 9420 has the provisional GroupContext, which the case lacks, it has the
		// tree hash.
		secret, err := open(c.ResolutionIndex, c.TreeHashAfter)
		require.NoError(t, err)
		require.Equal(t, []byte(c.CommitSecret), secret)
		_, err = open(c.ResolutionIndex, nil)
		require.ErrorIs(t, err, label.ErrDecrypt)
		_, err = open(100, c.TreeHashAfter)
		require.ErrorIs(t, err, message.ErrInvalid)
	})
}

// TestProofsOfATree has a proof of each member of trees with blanks and unmerged leaves,
// which is valid for the tree hash and shows the nodes of the tree.
func TestProofsOfATree(t *testing.T) {
	l := newLeafMaker(1)
	first := l.leaf(codepoint.LeafNodeKeyPackage)
	s := mlstest.Suite(t, 1)
	model, tree := &treeModel{suite: s, nodes: []TreeNode{{Leaf: first}}}, NewTree(s, first)
	unmerged, blank := 0, 0
	for range 120 {
		for leaf := range message.LeafIndex(tree.Width + 1) {
			p := tree.Proof(leaf)
			if tree.Leaf(leaf) == nil {
				require.Nil(t, p)
				continue
			}
			read := parseProof(t, wiretest.Encoded(t, p.Marshal))
			slice, err := read.Slice(s)
			require.NoError(t, err)
			require.Equal(t, tree.Hash(), slice.Hash())
			require.Equal(t, tree.Leaf(leaf), slice.Leaf(leaf))
			for step := range slice.Above(leaf) {
				parent := tree.Parent(step.Index)
				if parent == nil {
					blank++
				} else if len(parent.UnmergedLeaves) > 0 {
					unmerged++
				}
				require.Equal(t, encodedNode(t, parent), encodedNode(t, step.Node.Parent))
				require.Equal(t, tree.NodeHash(step.Index), step.Node.Hash(tree.HashSize))
			}
		}
		tree = randomEdit(t, l, tree, model)
	}
	require.NotZero(t, unmerged)
	require.NotZero(t, blank)
}

func encodedNode(t *testing.T, n *ParentNode) []byte {
	return wiretest.Encoded(t, (&TreeNode{Parent: n}).marshal)
}

// populated returns a tree of members whose parents are blank.
func populated(t *testing.T, members int) *Tree {
	l := newLeafMaker(2)
	e := NewTree(mlstest.Suite(t, 1), l.leaf(codepoint.LeafNodeKeyPackage)).Edit()
	for range members - 1 {
		e.AddLeaf(l.leaf(codepoint.LeafNodeKeyPackage))
	}
	tree, err := e.Freeze()
	require.NoError(t, err)
	return tree
}

// TestPathsWithoutTheReceiver has a path without the node above its committer and its receiver,
// as the committer's proof shows.
func TestPathsWithoutTheReceiver(t *testing.T) {
	tree := populated(t, 2)
	sender, receiver := tree.Proof(0), tree.Proof(1)
	_, err := OpenSlice(mlstest.Suite(t, 1), sender, receiver, &UpdatePath{Encoded: sender.Node}, 0, nil, nil)
	require.ErrorIs(t, err, message.ErrInvalid)
	require.ErrorContains(t, err, "path has no node above the receiver")
}

// TestAProofReadsFewNodes counts the nodes of a tree that a proof touches.
func TestAProofReadsFewNodes(t *testing.T) {
	for _, members := range []int{16, 1024} {
		tree := populated(t, members)
		tree.Visits = new(atomic.Int64)
		tree.Proof(message.LeafIndex(members / 2))
		require.LessOrEqual(t, tree.Visits.Load(), int64(2*tree.RootIndex().Level()), "%d members", members)
	}
}

func TestMalformedProofs(t *testing.T) {
	const leaf, parent, hash = "01 01" + wiretest.HexLeaf, "01 02" + hexParent, "01 aa"
	valid := "00000001 00000002" + mlstest.HexVector(leaf, parent) + mlstest.HexVector(hash)
	for _, c := range []struct{ name, malformed, text string }{
		{"no leaves", "00000000 00000000" + mlstest.HexVector(leaf) + "00", "leaf 0 of 0"},
		{"width of no tree", "00000001 00000003" + mlstest.HexVector(leaf, parent) + mlstest.HexVector(hash), "leaf 1 of 3"},
		{"width beyond all trees", "00000001 ffffffff" + mlstest.HexVector(leaf, parent) + mlstest.HexVector(hash), "leaf 1 of 4294967295"},
		{"leaf outside the tree", "00000002 00000002" + mlstest.HexVector(leaf, parent) + mlstest.HexVector(hash), "leaf 2 of 2"},
		{"blank leaf", "00000001 00000002" + mlstest.HexVector("00", parent) + mlstest.HexVector(hash), "does not begin with a leaf"},
		{"parent in place of the leaf", "00000001 00000002" + mlstest.HexVector(parent, parent) + mlstest.HexVector(hash), "does not begin with a leaf"},
		{"leaf above the leaf", "00000001 00000002" + mlstest.HexVector(leaf, leaf) + mlstest.HexVector(hash), "leaf above its leaf"},
		{"one node too many", "00000001 00000002" + mlstest.HexVector(leaf, parent, parent) + mlstest.HexVector(hash), "more than 1 nodes"},
		{"one node too few", "00000001 00000002" + mlstest.HexVector(leaf) + mlstest.HexVector(hash), "truncated"},
		{"one hash too many", "00000001 00000002" + mlstest.HexVector(leaf, parent) + mlstest.HexVector(hash, hash), "more than 1 copath hashes"},
		{"one hash too few", "00000001 00000002" + mlstest.HexVector(leaf, parent) + "00", "truncated"},
	} {
		wiretest.Malformed(t, c.name, wiretest.Reading((*MembershipProof).Unmarshal), valid, c.malformed, c.text)
	}
	wiretest.Unwritable(t, "proof without a leaf", new(MembershipProof).Marshal, "without a leaf")
}

func TestProofsWithFaultsHaveNoSlice(t *testing.T) {
	tree := populated(t, 9)
	for name, fault := range map[string]func(p *MembershipProof){
		"long hash":            func(p *MembershipProof) { p.Copath[1] = append(p.Copath[1], 0) },
		"short hash":           func(p *MembershipProof) { p.Copath[0] = p.Copath[0][1:] },
		"unmerged twice":       func(p *MembershipProof) { p.Parents[3].UnmergedLeaves = []message.LeafIndex{1, 1} },
		"unmerged elsewhere":   func(p *MembershipProof) { p.Parents[0].UnmergedLeaves = []message.LeafIndex{9} },
		"unmerged at no index": func(p *MembershipProof) { p.Parents[3].UnmergedLeaves = []message.LeafIndex{1 << 31} },
	} {
		p := parseProof(t, wiretest.Encoded(t, tree.Proof(3).Marshal))
		for i := range p.Parents {
			if p.Parents[i] == nil {
				p.Parents[i] = &ParentNode{EncryptionKey: []byte{1}}
			}
		}
		_, err := p.Slice(tree.Suite)
		require.NoError(t, err)
		fault(p)
		_, err = p.Slice(tree.Suite)
		require.ErrorIs(t, err, message.ErrInvalid, name)
	}
}

// TestNewPathsHaveTheirParentHashes has proofs of a committer after its commit, in trees with
// and without blank nodes on its path, and nodes that no path leaves so.
func TestNewPathsHaveTheirParentHashes(t *testing.T) {
	for name, gone := range map[string][]message.LeafIndex{"full": nil, "filtered": {2, 4, 5, 6, 7}} {
		t.Run(name, func(t *testing.T) {
			l := newLeafMaker(7)
			e := populated(t, 10).Edit()
			for _, leaf := range gone {
				e.RemoveLeaf(leaf)
			}
			nodes, leaf := e.FilteredDirectPath(3), l.leaf(codepoint.LeafNodeCommit)
			var err error
			leaf.ParentHash, err = e.MergePath(3, nodes, l.keys(len(nodes)))
			require.NoError(t, err)
			e.SetLeaf(3, leaf, nil)
			tree, err := e.Freeze()
			require.NoError(t, err)
			require.Len(t, nodes, map[bool]int{true: 4, false: 2}[gone == nil])
			verdict := func(fault func(*MembershipProof)) error {
				p := parseProof(t, wiretest.Encoded(t, tree.Proof(3).Marshal))
				fault(p)
				return p.checkNewPath(tree.Suite)
			}
			require.NoError(t, verdict(func(*MembershipProof) {}))
			require.ErrorIs(t, verdict(func(p *MembershipProof) { p.Node = tree.Leaf(0) }), message.ErrInvalid, "a leaf without a parent hash")
			for k, parent := range tree.Proof(3).Parents {
				if parent == nil {
					continue
				}
				for name, fault := range map[string]func(p *MembershipProof, n *ParentNode){
					"sibling hash":   func(p *MembershipProof, _ *ParentNode) { p.Copath[k] = mlstest.Flipped(p.Copath[k], 0) },
					"parent hash":    func(_ *MembershipProof, n *ParentNode) { n.ParentHash = append([]byte{1}, n.ParentHash...) },
					"encryption key": func(_ *MembershipProof, n *ParentNode) { n.EncryptionKey = mlstest.Flipped(n.EncryptionKey, 0) },
					"unmerged leaf":  func(_ *MembershipProof, n *ParentNode) { n.UnmergedLeaves = []message.LeafIndex{3} },
				} {
					require.ErrorIs(t, verdict(func(p *MembershipProof) { fault(p, p.Parents[k]) }), message.ErrInvalid, "%s of node %d", name, k)
				}
			}
		})
	}
}
