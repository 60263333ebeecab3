package mls

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// treeModel is a ratchet tree as RFC 9420 describes it: an array of all nodes,
// with everything computed anew from the definitions.
type treeModel struct {
	suite suite.Suite
	nodes []treeNode
}

func (m *treeModel) width() uint32 { return uint32(len(m.nodes)+1) / 2 }

func (m *treeModel) resolution(n NodeIndex) []NodeIndex {
	switch node := m.nodes[n]; {
	case node.leaf != nil:
		return []NodeIndex{n}
	case node.parent != nil:
		all := []NodeIndex{n}
		for _, leaf := range node.parent.unmergedLeaves {
			all = append(all, leaf.Node())
		}
		return all
	case n.IsLeaf():
		return nil
	}
	return append(m.resolution(n.Left()), m.resolution(n.Right())...)
}

func (m *treeModel) filteredDirectPath(leaf LeafIndex) (path, copath []NodeIndex) {
	siblings := leaf.Node().Copath(m.width())
	for k, n := range leaf.Node().DirectPath(m.width()) {
		if len(m.resolution(siblings[k])) > 0 {
			path, copath = append(path, n), append(copath, siblings[k])
		}
	}
	return path, copath
}

func (m *treeModel) hash(n NodeIndex) []byte {
	input, _ := wire.Marshal(func(w *wire.Writer) {
		if n.IsLeaf() {
			w.Uint8(1)
			w.Uint32(uint32(n.Leaf()))
			if w.Optional(m.nodes[n].leaf != nil) {
				Write(w, m.nodes[n].leaf)
			}
			return
		}
		w.Uint8(2)
		if w.Optional(m.nodes[n].parent != nil) {
			m.nodes[n].parent.marshal(w)
		}
		w.Bytes(m.hash(n.Left()))
		w.Bytes(m.hash(n.Right()))
	})
	return m.suite.Hash(input)
}

func (m *treeModel) blankPath(leaf LeafIndex) {
	for _, n := range leaf.Node().DirectPath(m.width()) {
		m.nodes[n] = treeNode{}
	}
}

func (m *treeModel) updateLeaf(i LeafIndex, leaf *LeafNode) {
	m.blankPath(i)
	m.nodes[i.Node()].leaf = leaf
}

func (m *treeModel) removeLeaf(i LeafIndex) {
	m.updateLeaf(i, nil)
	for m.width() > 1 {
		right := m.nodes[len(m.nodes)/2+1:]
		if slices.ContainsFunc(right, func(n treeNode) bool { return !n.blank() }) {
			return
		}
		m.nodes = m.nodes[:len(m.nodes)/2]
	}
}

func (m *treeModel) claimLeaf() LeafIndex {
	for i := range m.nodes {
		if n := NodeIndex(i); n.IsLeaf() && m.nodes[n].leaf == nil {
			return n.Leaf()
		}
	}
	width := m.width()
	m.nodes = append(m.nodes, make([]treeNode, len(m.nodes)+1)...)
	return LeafIndex(width)
}

func (m *treeModel) addLeaf(leaf *LeafNode) LeafIndex {
	i := m.claimLeaf()
	for _, n := range i.Node().DirectPath(m.width()) {
		if old := m.nodes[n].parent; old != nil {
			p := *old
			p.unmergedLeaves = append(slices.Clone(old.unmergedLeaves), i)
			slices.Sort(p.unmergedLeaves)
			m.nodes[n].parent = &p
		}
	}
	m.nodes[i.Node()].leaf = leaf
	return i
}

// mergePath returns the parent hash of the leaf.
func (m *treeModel) mergePath(leaf LeafIndex, publicKeys [][]byte) []byte {
	path, copath := m.filteredDirectPath(leaf)
	m.blankPath(leaf)
	hash := []byte{}
	for k, n := range slices.Backward(path) {
		m.nodes[n].parent = &parentNode{encryptionKey: publicKeys[k], parentHash: hash}
		input, _ := wire.Marshal(func(w *wire.Writer) {
			w.Bytes(publicKeys[k])
			w.Bytes(hash)
			w.Bytes(m.hash(copath[k]))
		})
		hash = m.suite.Hash(input)
	}
	return hash
}

// credentialOther is a credential type that the codec does not know.
const credentialOther CredentialType = 0xff03

// leafMaker makes leaves with random keys, without private ones, and capabilities
// out of a few.
type leafMaker struct{ rand *rand.Rand }

func newLeafMaker(seed uint64) *leafMaker { return &leafMaker{rand.New(rand.NewPCG(seed, 1))} }

// key returns 32 bytes, which X25519 takes for a public key.
func (l *leafMaker) key() []byte {
	key := make([]byte, 0, 32)
	for range 4 {
		key = binary.BigEndian.AppendUint64(key, l.rand.Uint64())
	}
	return key
}

func (l *leafMaker) keys(n int) [][]byte {
	keys := make([][]byte, n)
	for i := range keys {
		keys[i] = l.key()
	}
	return keys
}

func (l *leafMaker) leaf(source LeafNodeSource) *LeafNode {
	leaf := &LeafNode{
		EncryptionKey: l.key(),
		SignatureKey:  l.key(),
		Credential:    BasicCredential(l.key()),
		Capabilities: Capabilities{
			Versions:    []ProtocolVersion{VersionMLS10},
			Extensions:  []ExtensionType{0xff01},
			Proposals:   []ProposalType{0xff02},
			Credentials: []CredentialType{CredentialBasic, credentialOther},
		},
		Source:    source,
		Signature: make([]byte, 64),
	}
	c := &leaf.Capabilities
	for i := range uint16(3) {
		if l.rand.IntN(30) > 0 {
			c.Extensions = append(c.Extensions, ExtensionType(0xf000+i))
			c.Proposals = slices.Insert(c.Proposals, 0, ProposalType(0xf000-i), ProposalType(0xf000-i))
			c.Credentials = append(c.Credentials, CredentialType(0xf000+i))
		}
	}
	if l.rand.IntN(10) == 0 {
		leaf.Credential.Type = credentialOther
	}
	return leaf
}

// tree returns a tree of n members that one edit added.
func (l *leafMaker) tree(t testing.TB, s suite.Suite, n int) *tree {
	t.Helper()
	e := newTree(s, l.leaf(LeafNodeKeyPackage)).edit()
	for range n - 1 {
		e.addLeaf(l.leaf(LeafNodeKeyPackage))
	}
	tree, err := e.freeze()
	require.NoError(t, err)
	return tree
}

// commit lets a member merge a path of new keys into the tree of an edit.
func (l *leafMaker) commit(t testing.TB, e *treeEdit, i LeafIndex) {
	t.Helper()
	nodes, _ := e.filteredDirectPath(i)
	hash, err := e.mergePath(i, nodes, l.keys(len(nodes)))
	require.NoError(t, err)
	leaf := l.leaf(LeafNodeCommit)
	leaf.ParentHash = hash
	e.setLeaf(i, leaf)
}

// steady returns a tree of n members without a blank parent that could be set.
func (l *leafMaker) steady(t testing.TB, s suite.Suite, n int) *tree {
	t.Helper()
	tree := l.tree(t, s, n)
	for i := 0; i < n; i += 2 {
		e := tree.edit()
		l.commit(t, e, LeafIndex(i))
		var err error
		tree, err = e.freeze()
		require.NoError(t, err)
	}
	return tree
}

// unmerged returns a steady tree of n members in which every second one is new:
// removed and, when the others have set all parents, added again.
func (l *leafMaker) unmerged(t testing.TB, s suite.Suite, n int) *tree {
	t.Helper()
	e := l.tree(t, s, n).edit()
	for i := 1; i < n-1; i += 2 {
		e.removeLeaf(LeafIndex(i))
	}
	tree, err := e.freeze()
	require.NoError(t, err)
	for i := 0; i < n; i += 4 {
		e := tree.edit()
		l.commit(t, e, LeafIndex(i))
		tree, err = e.freeze()
		require.NoError(t, err)
	}
	e = tree.edit()
	for i := 1; i < n-1; i += 2 {
		e.addLeaf(l.leaf(LeafNodeKeyPackage))
	}
	tree, err = e.freeze()
	require.NoError(t, err)
	return tree
}

// requireModel compares all that a tree can be asked with a model.
func requireModel(t *testing.T, m *treeModel, tree *tree) {
	t.Helper()
	require.Equal(t, m.width(), tree.width)
	require.Equal(t, ratchetTree(m.nodes).trimmed(), tree.nodes())
	require.Equal(t, m.hash(tree.rootIndex()), tree.hash())

	members := make(map[LeafIndex]*LeafNode)
	listed := maps.Collect(tree.members())
	keys := make(map[keyHash]NodeIndex)
	blank := noLeaf
	h := newTreeHasher(m.suite)
	for i := range NodeIndex(len(m.nodes)) {
		if i.Level() < 2 && !bytes.Equal(m.hash(i), tree.nodeHash(i)) {
			require.Fail(t, "wrong tree hash", "node %d", i)
		}
		if !slices.Equal(m.resolution(i), tree.resolution(i, nil)) {
			require.Fail(t, "wrong resolution", "node %d", i)
		}
		if p := m.nodes[i].parent; p != nil {
			keys[h.key(encryptionKey, p.encryptionKey)] = i
			require.True(t, tree.hasEncryptionKey(p.encryptionKey))
		}
		if !i.IsLeaf() {
			continue
		}
		leaf := m.nodes[i].leaf
		require.Same(t, leaf, tree.leaf(i.Leaf()))
		path, copath := m.filteredDirectPath(i.Leaf())
		treePath, treeCopath := tree.filteredDirectPath(i.Leaf())
		if !slices.Equal(path, treePath) || !slices.Equal(copath, treeCopath) {
			require.Fail(t, "wrong filtered direct path", "leaf %d", i.Leaf())
		}
		if leaf == nil {
			blank = min(blank, i.Leaf())
			continue
		}
		members[i.Leaf()] = leaf
		keys[h.key(encryptionKey, leaf.EncryptionKey)] = i
		keys[h.key(signatureKey, leaf.SignatureKey)] = i
		owner, ok := tree.hasSignatureKey(leaf.SignatureKey)
		require.True(t, ok)
		require.Equal(t, i.Leaf(), owner)
	}
	require.EqualValues(t, len(members), tree.memberCount())
	require.Equal(t, blank, tree.root.blank)
	require.True(t, maps.Equal(members, listed))
	require.Equal(t, keys, keysOf(t, tree.keys))
	requireFeatures(t, members, tree)
}

// requireFeatures compares the aggregates with all members' capabilities.
func requireFeatures(t *testing.T, members map[LeafIndex]*LeafNode, tree *tree) {
	t.Helper()
	everybody := func(supports func(*Capabilities) bool) bool {
		for _, leaf := range members {
			if !supports(&leaf.Capabilities) {
				return false
			}
		}
		return true
	}
	for _, v := range []uint16{0, 1, 2, 3, 5, 6, 7, 8, 0xeffe, 0xefff, 0xf000, 0xf001, 0xf002, 0xff01, 0xff02} {
		require.Equal(t, 1 <= v && v <= 5 || everybody(func(c *Capabilities) bool {
			return slices.Contains(c.Extensions, ExtensionType(v))
		}), tree.root.features.supportsExtension(ExtensionType(v)), "extension %#x", v)
		require.Equal(t, 1 <= v && v <= 7 || everybody(func(c *Capabilities) bool {
			return slices.Contains(c.Proposals, ProposalType(v))
		}), tree.root.features.supportsProposal(ProposalType(v)), "proposal %#x", v)
		require.Equal(t, everybody(func(c *Capabilities) bool {
			return slices.Contains(c.Credentials, CredentialType(v))
		}), tree.supportsCredential(CredentialType(v)), "credential %#x", v)
	}
	inUse := []CredentialType{}
	for _, c := range []CredentialType{CredentialBasic, credentialOther} {
		for _, leaf := range members {
			if leaf.Credential.Type == c {
				inUse = append(inUse, c)
				break
			}
		}
	}
	require.Equal(t, inUse, tree.credentialTypesInUse())
}

// requireConsistent checks that a tree is what its own nodes say: nothing that a
// later edit did has changed it, and nothing that is cached is out of date.
func requireConsistent(t *testing.T, tree *tree) {
	t.Helper()
	again, err := treeFromNodes(tree.suite, tree.nodes().sparse())
	require.NoError(t, err)
	require.Equal(t, again.hash(), tree.hash())
	require.Equal(t, keysOf(t, again.keys), keysOf(t, tree.keys))
	require.Equal(t, treemath.Root(again.width), tree.rootIndex())
}
