package mls

import (
	"bytes"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// vectorTree is a ratchet tree with everybody's secrets, which changes by commits
// of its members.
type vectorTree struct {
	m           *vectorMaker
	groupID     vectors.Hex
	tree        *tree
	signers     map[LeafIndex]suite.Signer
	leafKeys    map[LeafIndex]suite.PrivateKey
	pathSecrets map[NodeIndex][]byte
}

// newTree is get_tree(n) of the specification of the official vectors: each member
// adds the one on its right.
func (m *vectorMaker) newTree(n int) *vectorTree {
	v := &vectorTree{
		m: m, groupID: m.random(16),
		signers:     map[LeafIndex]suite.Signer{},
		leafKeys:    map[LeafIndex]suite.PrivateKey{},
		pathSecrets: map[NodeIndex][]byte{},
	}
	leaf, key, signer := m.joiner()
	v.tree, v.leafKeys[0], v.signers[0] = newTree(m, &leaf.LeafNode), key, signer
	for i := range n - 1 {
		v.commit(LeafIndex(i), 1)
	}
	return v
}

// joiner makes a key package of a new member.
func (m *vectorMaker) joiner() (*KeyPackage, suite.PrivateKey, suite.Signer) {
	k := must(NewKeyPackage(m.t.Context(), ownTime, m.client(), KeyPackageOptions{}))(m)
	return k.KeyPackage, k.leafKey, k.cfg.Signer
}

// commit lets a member remove others, add new ones and renew its path.
func (v *vectorTree) commit(by LeafIndex, adds int, removes ...LeafIndex) {
	e := v.tree.edit()
	for _, leaf := range removes {
		e.removeLeaf(leaf)
		delete(v.signers, leaf)
		delete(v.leafKeys, leaf)
	}
	for range adds {
		v.add(e)
	}
	path, key, leaf := v.newPath(e, by)
	v.freeze(e)
	v.leafKeys[by] = key
	require.Equal(v.m.t, leaf, v.tree.leaf(by))
	for i, n := range path.nodes {
		v.pathSecrets[n] = bytes.Clone(path.secrets[i])
	}
}

// add adds a new member.
func (v *vectorTree) add(e *treeEdit) {
	kp, key, signer := v.m.joiner()
	leaf := e.addLeaf(&kp.LeafNode)
	v.leafKeys[leaf], v.signers[leaf] = key, signer
}

// newPath renews a member's path.
func (v *vectorTree) newPath(e *treeEdit, by LeafIndex) (*pathSecrets, suite.PrivateKey, *LeafNode) {
	m, t := v.m, v.m.t
	nodes, _ := e.filteredDirectPath(by)
	path, err := derivePathSecrets(m, nodes, m.secret())
	require.NoError(t, err)
	parentHash, err := e.mergePath(by, nodes, path.publicKeys())
	require.NoError(t, err)
	key, leaf := m.key(), *e.leaf(by)
	leaf.EncryptionKey, leaf.Source, leaf.ParentHash = key.PublicKey(), LeafNodeCommit, parentHash
	signLeaf(t, &leaf, v.signers[by], leafPlace{v.groupID, by})
	e.setLeaf(by, &leaf)
	return path, key, &leaf
}

func (v *vectorTree) freeze(e *treeEdit) { v.tree = must(e.freeze())(v.m) }

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
	e := unmerged.tree.edit()
	e.removeLeaf(2)
	delete(unmerged.signers, 2)
	delete(unmerged.leafKeys, 2)
	unmerged.freeze(e)
	unmerged.commit(3, 0)
	e = unmerged.tree.edit()
	unmerged.add(e)
	unmerged.freeze(e)
	return append(trees, unmerged)
}

func (m *vectorMaker) treeValidation() []vectors.TreeValidation {
	var cases []vectors.TreeValidation
	for _, v := range m.vectorTrees() {
		c := vectors.TreeValidation{CipherSuite: m.id(), Tree: encodedTree(m.t, v.tree), GroupID: v.groupID}
		for n := range NodeIndex(treemath.NodeCount(v.tree.width)) {
			resolution := v.tree.resolution(n, nil)
			if resolution == nil {
				resolution = []NodeIndex{}
			}
			c.Resolutions = append(c.Resolutions, resolution)
			c.TreeHashes = append(c.TreeHashes, v.tree.nodeHash(n))
		}
		cases = append(cases, c)
	}
	return cases
}

func (m *vectorMaker) treeOperations() []vectors.TreeOperations {
	var cases []vectors.TreeOperations
	// operation applies a proposal to a tree that is then left alone.
	operation := func(v *vectorTree, sender LeafIndex, p Proposal, apply func(e *treeEdit)) {
		c := vectors.TreeOperations{
			CipherSuite: m.id(), TreeBefore: encodedTree(m.t, v.tree), TreeHashBefore: v.tree.hash(),
			Proposal: m.bytes(Marshal(&TypedProposal{p})), ProposalSender: sender,
		}
		e := v.tree.edit()
		apply(e)
		after := must(e.freeze())(m)
		c.TreeAfter, c.TreeHashAfter = encodedTree(m.t, after), after.hash()
		cases = append(cases, c)
	}
	two, three := m.newTree(2), m.newTree(3)
	kp, _, _ := m.joiner()
	operation(two, 1, Add{KeyPackage: kp}, func(e *treeEdit) { e.addLeaf(&kp.LeafNode) }) // the tree grows
	operation(three, 0, Add{KeyPackage: kp}, func(e *treeEdit) { e.addLeaf(&kp.LeafNode) })
	operation(three, 0, Remove{Removed: 2}, func(e *treeEdit) { e.removeLeaf(2) }) // the tree shrinks
	operation(two, 1, Remove{Removed: 0}, func(e *treeEdit) { e.removeLeaf(0) })
	update := *two.tree.leaf(1)
	update.EncryptionKey, update.Source, update.ParentHash = m.key().PublicKey(), LeafNodeUpdate, nil
	signLeaf(m.t, &update, two.signers[1], leafPlace{two.groupID, 1})
	operation(two, 1, Update{LeafNode: &update}, func(e *treeEdit) { e.updateLeaf(1, &update) })
	return cases
}

func (m *vectorMaker) treeKEM() []vectors.TreeKEM {
	var cases []vectors.TreeKEM
	for _, v := range m.vectorTrees() {
		c := vectors.TreeKEM{
			CipherSuite: m.id(), GroupID: v.groupID, Epoch: 7, ConfirmedTranscriptHash: m.secret(),
			RatchetTree: encodedTree(m.t, v.tree),
		}
		var leaves []LeafIndex
		for leaf := range v.tree.members() {
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
		senders := []LeafIndex{leaves[0], leaves[len(leaves)-1]}
		paths := sized(&c.UpdatePaths, len(senders))
		for i, sender := range senders {
			u := &paths[i]
			u.Sender = sender
			e := v.tree.edit()
			path, _, leaf := v.newPath(e, sender)
			after := must(e.freeze())(m)
			u.TreeHashAfter, u.CommitSecret = after.hash(), path.commitSecret
			groupContext := m.bytes(Marshal(&GroupContext{
				Version: VersionMLS10, CipherSuite: m.id(), GroupID: c.GroupID, Epoch: c.Epoch,
				TreeHash: u.TreeHashAfter, ConfirmedTranscriptHash: c.ConfirmedTranscriptHash,
			}))
			nodes, err := path.seal(after, sender, groupContext, nil)
			require.NoError(m.t, err)
			u.UpdatePath = m.bytes(wire.Marshal((&updatePath{leafNode: leaf, nodes: nodes}).marshal))
			u.PathSecrets = make([]*vectors.Hex, v.tree.width)
			for _, receiver := range leaves {
				k := slices.IndexFunc(path.nodes, func(n NodeIndex) bool { return receiver.Node().InSubtree(n) })
				if receiver != sender {
					u.PathSecrets[receiver] = (*vectors.Hex)(&path.secrets[k])
				}
			}
		}
		cases = append(cases, c)
	}
	return cases
}

// knownTo returns the nodes whose path secrets a member knows.
func (v *vectorTree) knownTo(leaf LeafIndex) []NodeIndex {
	var known []NodeIndex
	for _, step := range v.tree.directPath(leaf) {
		parent := step.node.parent
		if parent != nil && !slices.Contains(parent.unmergedLeaves, leaf) {
			known = append(known, step.index)
		}
	}
	return known
}
