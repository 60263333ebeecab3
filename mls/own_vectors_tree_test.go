package mls

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// vectorTree is a ratchet tree with everybody's secrets, which changes by commits
// of its members.
type vectorTree struct {
	m           *vectorMaker
	groupID     vectors.Hex
	tree        *ratchettree.Tree
	signers     map[message.LeafIndex]suite.Signer
	leafKeys    map[message.LeafIndex]suite.PrivateKey
	pathSecrets map[ratchettree.NodeIndex][]byte
}

// ratchettree.NewTree is get_tree(n) of the specification of the official vectors: each member
// adds the one on its right.
func (m *vectorMaker) newTree(n int) *vectorTree {
	v := &vectorTree{
		m: m, groupID: m.random(16),
		signers:     map[message.LeafIndex]suite.Signer{},
		leafKeys:    map[message.LeafIndex]suite.PrivateKey{},
		pathSecrets: map[ratchettree.NodeIndex][]byte{},
	}
	leaf, key, signer := m.joiner()
	v.tree, v.leafKeys[0], v.signers[0] = ratchettree.NewTree(m, &leaf.LeafNode), key, signer
	for i := range n - 1 {
		v.commit(message.LeafIndex(i), 1)
	}
	return v
}

// joiner makes a key package of a new member.
func (m *vectorMaker) joiner() (*message.KeyPackage, suite.PrivateKey, suite.Signer) {
	k := must(NewKeyPackage(m.t.Context(), ownTime, m.client(), KeyPackageOptions{}))(m)
	return k.KeyPackage, k.leafKey, k.cfg.Signer
}

// commit lets a member remove others, add new ones and renew its path.
func (v *vectorTree) commit(by message.LeafIndex, adds int, removes ...message.LeafIndex) {
	e := v.tree.Edit()
	for _, leaf := range removes {
		e.RemoveLeaf(leaf)
		delete(v.signers, leaf)
		delete(v.leafKeys, leaf)
	}
	for range adds {
		v.add(e)
	}
	path, key, leaf := v.newPath(e, by)
	v.freeze(e)
	v.leafKeys[by] = key
	require.Equal(v.m.t, leaf, v.tree.Leaf(by).LeafNode())
	for i, n := range path.Nodes {
		v.pathSecrets[n] = bytes.Clone(path.Secrets[i])
	}
}

// add adds a new member.
func (v *vectorTree) add(e *ratchettree.TreeEdit) {
	kp, key, signer := v.m.joiner()
	leaf := e.AddLeaf(&kp.LeafNode)
	v.leafKeys[leaf], v.signers[leaf] = key, signer
}

// newPath renews a member's path.
func (v *vectorTree) newPath(e *ratchettree.TreeEdit, by message.LeafIndex) (*ratchettree.PathSecrets, suite.PrivateKey, *message.LeafNode) {
	m, t := v.m, v.m.t
	nodes := e.FilteredDirectPath(by)
	path, err := ratchettree.DerivePathSecrets(m, nodes, m.secret())
	require.NoError(t, err)
	parentHash, err := e.MergePath(by, nodes, path.PublicKeys())
	require.NoError(t, err)
	key, leaf := m.key(), *e.Leaf(by).LeafNode()
	leaf.EncryptionKey, leaf.Source, leaf.ParentHash = key.PublicKey(), codepoint.LeafNodeCommit, parentHash
	leaf.Lifetime = message.Lifetime{} // a key package's alone has one
	signLeaf(t, &leaf, v.signers[by], check.LeafPlace{GroupID: v.groupID, Leaf: by})
	e.SetLeaf(by, &leaf, nil)
	return path, key, &leaf
}

func (v *vectorTree) freeze(e *ratchettree.TreeEdit) { v.tree = must(e.Freeze())(v.m) }

// vectorTrees are the trees of the tree families: full, with a trailing blank, with
// blanks between a parent and those that its parent hash leads to, and with an
// unmerged leaf. Large signatures get the first and the last of them.
func (m *vectorMaker) vectorTrees() []*vectorTree {
	trees := []*vectorTree{m.newTree(2)}
	if !m.Info().PQAuthentication() {
		blanks := m.newTree(8)
		blanks.commit(0, 0, 1, 2, 3)
		trees = append(trees, m.newTree(5), blanks)
	}
	unmerged := m.newTree(4)
	e := unmerged.tree.Edit()
	e.RemoveLeaf(2)
	delete(unmerged.signers, 2)
	delete(unmerged.leafKeys, 2)
	unmerged.freeze(e)
	unmerged.commit(3, 0)
	e = unmerged.tree.Edit()
	unmerged.add(e)
	unmerged.freeze(e)
	return append(trees, unmerged)
}

func (m *vectorMaker) treeValidation() []vectors.TreeValidation {
	var cases []vectors.TreeValidation
	for _, v := range m.vectorTrees() {
		c := vectors.TreeValidation{CipherSuite: m.id(), Tree: encodedNodes(m.t, v.tree), GroupID: v.groupID}
		for n := range ratchettree.NodeIndex(treemath.NodeCount(v.tree.Width)) {
			resolution := v.tree.Resolution(n, nil)
			if resolution == nil {
				resolution = []ratchettree.NodeIndex{}
			}
			c.Resolutions = append(c.Resolutions, resolution)
			c.TreeHashes = append(c.TreeHashes, v.tree.NodeHash(n))
		}
		cases = append(cases, c)
	}
	return cases
}

func (m *vectorMaker) treeOperations() []vectors.TreeOperations {
	var cases []vectors.TreeOperations
	// operation applies a proposal to a tree that is then left alone.
	operation := func(v *vectorTree, sender message.LeafIndex, p message.Proposal, apply func(e *ratchettree.TreeEdit)) {
		c := vectors.TreeOperations{
			CipherSuite: m.id(), TreeBefore: encodedNodes(m.t, v.tree), TreeHashBefore: v.tree.Hash(),
			Proposal: m.bytes(message.Marshal(&message.TypedProposal{Proposal: p})), ProposalSender: sender,
		}
		e := v.tree.Edit()
		apply(e)
		after := must(e.Freeze())(m)
		c.TreeAfter, c.TreeHashAfter = encodedNodes(m.t, after), after.Hash()
		cases = append(cases, c)
	}
	two, three := m.newTree(2), m.newTree(3)
	kp, _, _ := m.joiner()
	operation(two, 1, message.Add{KeyPackage: kp}, func(e *ratchettree.TreeEdit) { e.AddLeaf(&kp.LeafNode) }) // the tree grows
	operation(three, 0, message.Add{KeyPackage: kp}, func(e *ratchettree.TreeEdit) { e.AddLeaf(&kp.LeafNode) })
	operation(three, 0, message.Remove{Removed: 2}, func(e *ratchettree.TreeEdit) { e.RemoveLeaf(2) }) // the tree shrinks
	operation(two, 1, message.Remove{Removed: 0}, func(e *ratchettree.TreeEdit) { e.RemoveLeaf(0) })
	update := *two.tree.Leaf(1).LeafNode()
	update.EncryptionKey, update.Source, update.ParentHash = m.key().PublicKey(), codepoint.LeafNodeUpdate, nil
	signLeaf(m.t, &update, two.signers[1], check.LeafPlace{GroupID: two.groupID, Leaf: 1})
	operation(two, 1, message.Update{LeafNode: &update}, func(e *ratchettree.TreeEdit) { e.UpdateLeaf(1, &update) })
	return cases
}

func (m *vectorMaker) treeKEM() []vectors.TreeKEM {
	var cases []vectors.TreeKEM
	for _, v := range m.vectorTrees() {
		c := vectors.TreeKEM{
			CipherSuite: m.id(), GroupID: v.groupID, Epoch: 7, ConfirmedTranscriptHash: m.secret(),
			RatchetTree: encodedNodes(m.t, v.tree),
		}
		var leaves []message.LeafIndex
		for leaf := range v.tree.Members() {
			leaves = append(leaves, leaf)
		}
		private := sized(&c.LeavesPrivate, len(leaves))
		for i, leaf := range leaves {
			p := &private[i]
			p.Index = leaf
			p.EncryptionPriv, p.SignaturePriv = m.bytes(v.leafKeys[leaf].Bytes()), m.bytes(v.signers[leaf].Bytes())
			known := v.knownTo(leaf)
			secrets := sized(&p.PathSecrets, len(known))
			for j, n := range known {
				secrets[j].Node, secrets[j].PathSecret = n, v.pathSecrets[n]
			}
		}
		senders := []message.LeafIndex{leaves[0], leaves[len(leaves)-1]}
		paths := sized(&c.UpdatePaths, len(senders))
		for i, sender := range senders {
			u := &paths[i]
			u.Sender = sender
			e := v.tree.Edit()
			path, _, leaf := v.newPath(e, sender)
			after := must(e.Freeze())(m)
			u.TreeHashAfter, u.CommitSecret = after.Hash(), path.CommitSecret
			groupContext := m.bytes(message.Marshal(&message.GroupContext{
				Version: codepoint.VersionMLS10, CipherSuite: m.id(), GroupID: c.GroupID, Epoch: c.Epoch,
				TreeHash: u.TreeHashAfter, ConfirmedTranscriptHash: c.ConfirmedTranscriptHash,
			}))
			nodes, err := path.Seal(after, sender, groupContext, nil)
			require.NoError(m.t, err)
			u.UpdatePath = m.bytes(wire.Marshal((&ratchettree.UpdatePath{LeafNode: leaf, Nodes: nodes}).Marshal))
			u.PathSecrets = make([]*vectors.Hex, v.tree.Width)
			for _, receiver := range leaves {
				k := slices.IndexFunc(path.Nodes, func(n ratchettree.NodeIndex) bool { return treemath.NodeOf(receiver).InSubtree(n) })
				if receiver != sender {
					u.PathSecrets[receiver] = (*vectors.Hex)(&path.Secrets[k])
				}
			}
		}
		cases = append(cases, c)
	}
	return cases
}

// knownTo returns the nodes whose path secrets a member knows.
func (v *vectorTree) knownTo(leaf message.LeafIndex) []ratchettree.NodeIndex {
	var known []ratchettree.NodeIndex
	for _, step := range v.tree.DirectPath(leaf) {
		parent := step.Node.Parent
		if parent != nil && !slices.Contains(parent.UnmergedLeaves, leaf) {
			known = append(known, step.Index)
		}
	}
	return known
}

// encodedNodes returns a tree as the ratchet_tree extension holds it.
func encodedNodes(t testing.TB, tree *ratchettree.Tree) []byte {
	t.Helper()
	encoded, err := wire.Marshal(tree.Marshal)
	require.NoError(t, err)
	return encoded
}
