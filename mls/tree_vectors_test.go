package mls

import (
	"bytes"
	"crypto/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/suite"
)

// parseTree returns the tree that a ratchet_tree extension holds.
func parseTree(t testing.TB, s suite.Suite, encoded []byte) *tree {
	t.Helper()
	var nodes ratchetTree
	require.NoError(t, wire.Parse(encoded, "ratchet tree", nodes.unmarshal))
	parsed, err := treeFromNodes(s, nodes.sparse())
	require.NoError(t, err)
	return parsed
}

// encodedTree is the reverse of parseTree.
func encodedTree(t testing.TB, tree *tree) []byte {
	t.Helper()
	encoded, err := wire.Marshal(tree.nodes().marshal)
	require.NoError(t, err)
	return encoded
}

// nodeHash returns the tree hash of any node, inside a blank subtree too.
func (t *tree) nodeHash(index NodeIndex) []byte {
	n, i := t.root, t.rootIndex()
	for i != index && n.left != nil {
		n, i = n.toward(i, index)
	}
	hashes := n.hashes
	for i != index {
		left, right := blankChildren(hashes, t.hashSize)
		if index < i {
			hashes, i = left, i.Left()
		} else {
			hashes, i = right, i.Right()
		}
	}
	return hashes[:t.hashSize]
}

func TestVectorsTreeOperations(t *testing.T) {
	vectors.OfficialAndOwn(t, "tree-operations", func(t *testing.T, c *vectors.TreeOperations) {
		before := parseTree(t, testSuite(t, c.CipherSuite), c.TreeBefore)
		require.EqualValues(t, c.TreeHashBefore, before.hash())

		r := wire.NewReader(c.Proposal)
		var proposal TypedProposal
		Read(r, &proposal)
		require.NoError(t, r.Finish())
		e := before.edit()
		switch p := proposal.Proposal.(type) {
		case Add:
			e.addLeaf(&p.KeyPackage.LeafNode)
		case Update:
			e.updateLeaf(c.ProposalSender, p.LeafNode)
		case Remove:
			e.removeLeaf(p.Removed)
		default:
			require.Fail(t, "unexpected proposal", "%T", p)
		}
		after, err := e.freeze()
		require.NoError(t, err)
		require.EqualValues(t, c.TreeAfter, encodedTree(t, after))
		require.EqualValues(t, c.TreeHashAfter, after.hash())

		require.EqualValues(t, c.TreeBefore, encodedTree(t, before))
		require.EqualValues(t, c.TreeHashBefore, before.hash())
	})
}

func TestVectorsTreeValidation(t *testing.T) {
	t.Parallel()
	vectors.OfficialAndOwn(t, "tree-validation", func(t *testing.T, c *vectors.TreeValidation) {
		s := testSuite(t, c.CipherSuite)
		tree := parseTree(t, s, c.Tree)
		require.Equal(t, int(treemath.NodeCount(tree.width)), len(c.TreeHashes))
		require.Len(t, c.Resolutions, len(c.TreeHashes))
		for n := range c.TreeHashes {
			require.EqualValues(t, c.TreeHashes[n], tree.nodeHash(NodeIndex(n)), "node %d", n)
			require.True(t, slices.Equal(c.Resolutions[n], tree.resolution(NodeIndex(n), nil)), "node %d", n)
		}
		require.NoError(t, tree.validate())
		for leaf, node := range tree.members() {
			tbs, err := leafNodeTBS(node, leafPlace{c.GroupID, leaf})
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
	vectors.WithPeers(t, "treekem", func(t *testing.T, c *vectors.TreeKEM) {
		s := testSuite(t, c.CipherSuite)
		before := parseTree(t, s, c.RatchetTree)
		require.NoError(t, before.validate())

		members := make(map[LeafIndex]treeKEMMember)
		for _, p := range c.LeavesPrivate {
			m := treeKEMMember{keys: make(map[NodeIndex]suite.PrivateKey)}
			var err error
			m.signer, err = s.ParseSigner(p.SignaturePriv.Scalar(s.Info().Signature.PrivateKey))
			require.NoError(t, err)
			leaf := before.leaf(p.Index)
			require.Equal(t, leaf.SignatureKey, m.signer.PublicKey())
			m.keys[p.Index.Node()], err = s.ParsePrivateKey(p.EncryptionPriv.Scalar(s.Info().KEM.Nsk))
			require.NoError(t, err)
			require.Equal(t, leaf.EncryptionKey, m.keys[p.Index.Node()].PublicKey())
			for _, secret := range p.PathSecrets {
				derived, err := derivePathSecrets(s, []NodeIndex{secret.Node}, bytes.Clone(secret.PathSecret))
				require.NoError(t, err)
				require.Equal(t, before.parent(secret.Node).encryptionKey, derived.publicKeys()[0])
				m.keys[secret.Node] = derived.keys[0]
			}
			members[p.Index] = m
		}

		// process opens a path at every other member and returns their one commit secret.
		process := func(after *tree, path *updatePath, sender LeafIndex, secrets []*vectors.Hex) []byte {
			context := GroupContext{Version: VersionMLS10, CipherSuite: c.CipherSuite, GroupID: c.GroupID, Epoch: c.Epoch,
				TreeHash: after.hash(), ConfirmedTranscriptHash: c.ConfirmedTranscriptHash}
			groupContext, err := Marshal(&context)
			require.NoError(t, err)
			var commitSecret []byte
			for leaf := range before.members() {
				if leaf == sender {
					continue
				}
				lookup := func(n NodeIndex) suite.PrivateKey { return members[leaf].keys[n] }
				opened, err := openPath(after, path, sender, leaf, groupContext, nil, lookup)
				require.NoError(t, err, "path of %d at %d", sender, leaf)
				if secrets != nil {
					require.EqualValues(t, *secrets[leaf], opened.secrets[0])
				}
				if commitSecret != nil {
					require.Equal(t, commitSecret, opened.commitSecret)
				}
				commitSecret = opened.commitSecret
			}
			return commitSecret
		}

		for i, u := range c.UpdatePaths {
			if !vectors.Wide() && i%3 > 0 {
				continue
			}
			var path updatePath
			require.NoError(t, wire.Parse(u.UpdatePath, "update path", path.unmarshal))
			e := before.edit()
			nodes, _ := e.filteredDirectPath(u.Sender)
			keys, err := pathKeys(s, &path, len(nodes))
			require.NoError(t, err)
			parentHash, err := e.mergePath(u.Sender, nodes, keys)
			require.NoError(t, err)
			require.Equal(t, path.leafNode.ParentHash, parentHash)
			e.setLeaf(u.Sender, path.leafNode)
			after, err := e.freeze()
			require.NoError(t, err)
			require.EqualValues(t, u.TreeHashAfter, after.hash())
			require.NoError(t, after.validate())
			require.EqualValues(t, u.CommitSecret, process(after, &path, u.Sender, u.PathSecrets))

			// A path of our own.
			secret := make([]byte, s.Info().KDF.Nh)
			rand.Read(secret)
			own, err := derivePathSecrets(s, nodes, secret)
			require.NoError(t, err)
			e = before.edit()
			parentHash, err = e.mergePath(u.Sender, nodes, own.publicKeys())
			require.NoError(t, err)
			leafKey, err := s.GenerateKey()
			require.NoError(t, err)
			leaf := *before.leaf(u.Sender)
			leaf.EncryptionKey, leaf.Source, leaf.ParentHash = leafKey.PublicKey(), LeafNodeCommit, parentHash
			tbs, err := leafNodeTBS(&leaf, leafPlace{c.GroupID, u.Sender})
			require.NoError(t, err)
			leaf.Signature, err = label.Sign(t.Context(), members[u.Sender].signer, label.LeafNodeTBS, tbs)
			require.NoError(t, err)
			e.setLeaf(u.Sender, &leaf)
			after, err = e.freeze()
			require.NoError(t, err)
			require.NoError(t, after.validate())
			context := GroupContext{Version: VersionMLS10, CipherSuite: c.CipherSuite, GroupID: c.GroupID, Epoch: c.Epoch,
				TreeHash: after.hash(), ConfirmedTranscriptHash: c.ConfirmedTranscriptHash}
			groupContext, err := Marshal(&context)
			require.NoError(t, err)
			sealed, err := own.seal(after, u.Sender, groupContext, nil)
			require.NoError(t, err)
			require.Equal(t, own.commitSecret, process(after, &updatePath{&leaf, sealed}, u.Sender, nil))
		}
	})
}
