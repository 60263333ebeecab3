package ratchettree

import (
	"bytes"
	"crypto/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// parseTree returns the tree that a ratchet_tree extension holds.
func parseTree(t testing.TB, s suite.Suite, encoded []byte) *Tree {
	t.Helper()
	var nodes RatchetTree
	require.NoError(t, wire.Parse(encoded, "ratchet tree", nodes.Unmarshal))
	parsed, err := TreeFromNodes(s, nodes.Sparse())
	require.NoError(t, err)
	return parsed
}

// encodedTree is the reverse of parseTree.
func encodedTree(t testing.TB, tree *Tree) []byte {
	t.Helper()
	encoded, err := wire.Marshal(tree.Marshal)
	require.NoError(t, err)
	return encoded
}

func TestVectorsTreeOperations(t *testing.T) {
	vectors.OfficialAndOwn(t, "tree-operations", func(t *testing.T, c *vectors.TreeOperations) {
		before := parseTree(t, mlstest.Suite(t, c.CipherSuite), c.TreeBefore)
		require.EqualValues(t, c.TreeHashBefore, before.Hash())

		r := wire.NewReader(c.Proposal)
		var proposal message.TypedProposal
		message.Read(r, &proposal)
		require.NoError(t, r.Finish())
		e := before.Edit()
		switch p := proposal.Proposal.(type) {
		case message.Add:
			e.AddLeaf(&p.KeyPackage.LeafNode)
		case message.Update:
			e.UpdateLeaf(c.ProposalSender, p.LeafNode)
		case message.Remove:
			e.RemoveLeaf(p.Removed)
		default:
			require.Fail(t, "unexpected proposal", "%T", p)
		}
		after, err := e.Freeze()
		require.NoError(t, err)
		require.EqualValues(t, c.TreeAfter, encodedTree(t, after))
		require.EqualValues(t, c.TreeHashAfter, after.Hash())

		require.EqualValues(t, c.TreeBefore, encodedTree(t, before))
		require.EqualValues(t, c.TreeHashBefore, before.Hash())
	})
}

func TestVectorsTreeValidation(t *testing.T) {
	t.Parallel()
	vectors.OfficialAndOwn(t, "tree-validation", func(t *testing.T, c *vectors.TreeValidation) {
		s := mlstest.Suite(t, c.CipherSuite)
		tree := parseTree(t, s, c.Tree)
		require.Equal(t, int(treemath.NodeCount(tree.Width)), len(c.TreeHashes))
		require.Len(t, c.Resolutions, len(c.TreeHashes))
		for n := range c.TreeHashes {
			require.EqualValues(t, c.TreeHashes[n], tree.NodeHash(NodeIndex(n)), "node %d", n)
			require.True(t, slices.Equal(c.Resolutions[n], tree.Resolution(NodeIndex(n), nil)), "node %d", n)
		}
		require.NoError(t, tree.Validate())
		for leaf, packed := range tree.Members() {
			node := packed.LeafNode()
			tbs, err := check.LeafNodeTBS(node, check.LeafPlace{GroupID: c.GroupID, Leaf: leaf})
			require.NoError(t, err)
			require.NoError(t, label.Verify(s, node.SignatureKey, label.LeafNodeTBS, tbs, node.Signature),
				"leaf %d", leaf)
		}
		require.EqualValues(t, c.Tree, encodedTree(t, tree))
	})
}

// treeKEMMember is what one member of a TreeKEM vector knows.
type treeKEMMember struct {
	signer suite.Signer
	keys   map[NodeIndex]suite.PrivateKey
}

func TestVectorsTreeKEM(t *testing.T) {
	t.Parallel()
	vectors.WithPeersAndExperimental(t, "treekem", func(t *testing.T, c *vectors.TreeKEM) {
		s := mlstest.Suite(t, c.CipherSuite)
		before := parseTree(t, s, c.RatchetTree)
		require.NoError(t, before.Validate())

		members := make(map[message.LeafIndex]treeKEMMember)
		for _, p := range c.LeavesPrivate {
			m := treeKEMMember{keys: make(map[NodeIndex]suite.PrivateKey)}
			var err error
			m.signer, err = s.ParseSigner(p.SignaturePriv.Scalar(s.Info().Signature.PrivateKey))
			require.NoError(t, err)
			leaf := before.Leaf(p.Index)
			require.Equal(t, leaf.SignatureKey(), m.signer.PublicKey())
			m.keys[treemath.NodeOf(p.Index)], err = s.ParsePrivateKey(p.EncryptionPriv.Scalar(s.Info().KEM.Nsk))
			require.NoError(t, err)
			require.Equal(t, leaf.EncryptionKey(), m.keys[treemath.NodeOf(p.Index)].PublicKey())
			for _, secret := range p.PathSecrets {
				derived, err := DerivePathSecrets(s, []NodeIndex{secret.Node}, bytes.Clone(secret.PathSecret))
				require.NoError(t, err)
				require.Equal(t, before.Parent(secret.Node).EncryptionKey, derived.PublicKeys()[0])
				m.keys[secret.Node] = derived.Keys[0]
			}
			members[p.Index] = m
		}

		// process opens a path at every other member and returns their one commit secret.
		process := func(after *Tree, path *UpdatePath, sender message.LeafIndex, secrets []*vectors.Hex) []byte {
			context := message.GroupContext{Version: codepoint.VersionMLS10, CipherSuite: c.CipherSuite, GroupID: c.GroupID, Epoch: c.Epoch,
				TreeHash: after.Hash(), ConfirmedTranscriptHash: c.ConfirmedTranscriptHash}
			groupContext, err := message.Marshal(&context)
			require.NoError(t, err)
			var commitSecret []byte
			for leaf := range before.Members() {
				if leaf == sender {
					continue
				}
				lookup := func(n NodeIndex) suite.PrivateKey { return members[leaf].keys[n] }
				opened, err := OpenPath(after, path, sender, leaf, groupContext, nil, lookup)
				require.NoError(t, err, "path of %d at %d", sender, leaf)
				if secrets != nil {
					require.EqualValues(t, *secrets[leaf], opened.Secrets[0])
				}
				if commitSecret != nil {
					require.Equal(t, commitSecret, opened.CommitSecret)
				}
				commitSecret = opened.CommitSecret
			}
			return commitSecret
		}

		for i, u := range c.UpdatePaths {
			if !vectors.Wide() && i%3 > 0 {
				continue
			}
			var path UpdatePath
			require.NoError(t, wire.Parse(u.UpdatePath, "update path", path.Unmarshal))
			e := before.Edit()
			nodes := e.FilteredDirectPath(u.Sender)
			keys, err := PathKeys(s, &path, len(nodes))
			require.NoError(t, err)
			parentHash, err := e.MergePath(u.Sender, nodes, keys)
			require.NoError(t, err)
			require.Equal(t, path.LeafNode.ParentHash, parentHash)
			e.SetLeaf(u.Sender, path.LeafNode, nil)
			after, err := e.Freeze()
			require.NoError(t, err)
			require.EqualValues(t, u.TreeHashAfter, after.Hash())
			require.NoError(t, after.Validate())
			require.EqualValues(t, u.CommitSecret, process(after, &path, u.Sender, u.PathSecrets))

			// A path of our own.
			secret := make([]byte, s.Info().KDF.Nh)
			rand.Read(secret)
			own, err := DerivePathSecrets(s, nodes, secret)
			require.NoError(t, err)
			e = before.Edit()
			parentHash, err = e.MergePath(u.Sender, nodes, own.PublicKeys())
			require.NoError(t, err)
			leafKey, err := s.GenerateKey()
			require.NoError(t, err)
			leaf := *before.Leaf(u.Sender).LeafNode()
			leaf.EncryptionKey, leaf.Source, leaf.ParentHash = leafKey.PublicKey(), codepoint.LeafNodeCommit, parentHash
			tbs, err := check.LeafNodeTBS(&leaf, check.LeafPlace{GroupID: c.GroupID, Leaf: u.Sender})
			require.NoError(t, err)
			leaf.Signature, err = label.Sign(t.Context(), members[u.Sender].signer, label.LeafNodeTBS, tbs)
			require.NoError(t, err)
			e.SetLeaf(u.Sender, &leaf, nil)
			after, err = e.Freeze()
			require.NoError(t, err)
			require.NoError(t, after.Validate())
			context := message.GroupContext{Version: codepoint.VersionMLS10, CipherSuite: c.CipherSuite, GroupID: c.GroupID, Epoch: c.Epoch,
				TreeHash: after.Hash(), ConfirmedTranscriptHash: c.ConfirmedTranscriptHash}
			groupContext, err := message.Marshal(&context)
			require.NoError(t, err)
			sealed, err := own.Seal(after, u.Sender, groupContext, nil)
			require.NoError(t, err)
			require.Equal(t, own.CommitSecret, process(after, &UpdatePath{LeafNode: &leaf, Nodes: sealed}, u.Sender, nil))
		}
	})
}
