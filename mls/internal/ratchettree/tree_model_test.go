package ratchettree

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/internal/wiretest"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// treeModel is a ratchet tree as RFC 9420 describes it: an array of all nodes,
// with everything computed anew from the definitions.
type treeModel struct {
	suite suite.Suite
	nodes []TreeNode
}

func (m *treeModel) width() uint32 { return uint32(len(m.nodes)+1) / 2 }

func (m *treeModel) resolution(n NodeIndex) []NodeIndex {
	switch node := m.nodes[n]; {
	case node.Leaf != nil:
		return []NodeIndex{n}
	case node.Parent != nil:
		all := []NodeIndex{n}
		for _, leaf := range node.Parent.UnmergedLeaves {
			all = append(all, treemath.NodeOf(leaf))
		}
		return all
	case n.IsLeaf():
		return nil
	}
	return append(m.resolution(n.Left()), m.resolution(n.Right())...)
}

func (m *treeModel) filteredDirectPath(leaf message.LeafIndex) (path, copath []NodeIndex) {
	siblings := treemath.NodeOf(leaf).Copath(m.width())
	for k, n := range treemath.NodeOf(leaf).DirectPath(m.width()) {
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
			if w.Optional(m.nodes[n].Leaf != nil) {
				message.Write(w, m.nodes[n].Leaf)
			}
			return
		}
		w.Uint8(2)
		if w.Optional(m.nodes[n].Parent != nil) {
			m.nodes[n].Parent.marshal(w)
		}
		w.Bytes(m.hash(n.Left()))
		w.Bytes(m.hash(n.Right()))
	})
	return m.suite.Hash(input)
}

func (m *treeModel) blankPath(leaf message.LeafIndex) {
	for _, n := range treemath.NodeOf(leaf).DirectPath(m.width()) {
		m.nodes[n] = TreeNode{}
	}
}

func (m *treeModel) updateLeaf(i message.LeafIndex, leaf *message.LeafNode) {
	m.blankPath(i)
	m.nodes[treemath.NodeOf(i)].Leaf = leaf
}

func (m *treeModel) removeLeaf(i message.LeafIndex) {
	m.updateLeaf(i, nil)
	for m.width() > 1 {
		right := m.nodes[len(m.nodes)/2+1:]
		if slices.ContainsFunc(right, func(n TreeNode) bool { return !n.blank() }) {
			return
		}
		m.nodes = m.nodes[:len(m.nodes)/2]
	}
}

func (m *treeModel) claimLeaf() message.LeafIndex {
	for i := range m.nodes {
		if n := NodeIndex(i); n.IsLeaf() && m.nodes[n].Leaf == nil {
			return n.Leaf()
		}
	}
	width := m.width()
	m.nodes = append(m.nodes, make([]TreeNode, len(m.nodes)+1)...)
	return message.LeafIndex(width)
}

func (m *treeModel) addLeaf(leaf *message.LeafNode) message.LeafIndex {
	i := m.claimLeaf()
	for _, n := range treemath.NodeOf(i).DirectPath(m.width()) {
		if old := m.nodes[n].Parent; old != nil {
			p := *old
			p.UnmergedLeaves = append(slices.Clone(old.UnmergedLeaves), i)
			slices.Sort(p.UnmergedLeaves)
			m.nodes[n].Parent = &p
		}
	}
	m.nodes[treemath.NodeOf(i)].Leaf = leaf
	return i
}

// mergePath returns the parent hash of the leaf.
func (m *treeModel) mergePath(leaf message.LeafIndex, publicKeys [][]byte) []byte {
	path, copath := m.filteredDirectPath(leaf)
	m.blankPath(leaf)
	hash := []byte{}
	for k, n := range slices.Backward(path) {
		m.nodes[n].Parent = &ParentNode{EncryptionKey: publicKeys[k], ParentHash: hash}
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
const credentialOther message.CredentialType = 0xff03

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

func (l *leafMaker) leaf(source uint8) *message.LeafNode {
	leaf := &message.LeafNode{
		EncryptionKey: l.key(),
		SignatureKey:  l.key(),
		Credential:    message.BasicCredential(l.key()),
		Capabilities: message.Capabilities{
			Versions:    []uint16{codepoint.VersionMLS10},
			Extensions:  []message.ExtensionType{0xff01},
			Proposals:   []message.ProposalType{0xff02},
			Credentials: []message.CredentialType{message.CredentialBasic, credentialOther},
		},
		Source:    source,
		Signature: make([]byte, 64),
	}
	c := &leaf.Capabilities
	for i := range uint16(3) {
		if l.rand.IntN(30) > 0 {
			c.Extensions = append(c.Extensions, message.ExtensionType(0xf000+i))
			c.Proposals = slices.Insert(c.Proposals, 0, message.ProposalType(0xf000-i), message.ProposalType(0xf000-i))
			c.Credentials = append(c.Credentials, message.CredentialType(0xf000+i))
		}
	}
	if l.rand.IntN(10) == 0 {
		leaf.Credential.Type = credentialOther
	}
	return leaf
}

// tree returns a tree of n members that one edit added.
func (l *leafMaker) tree(t testing.TB, s suite.Suite, n int) *Tree {
	t.Helper()
	e := NewTree(s, l.leaf(codepoint.LeafNodeKeyPackage)).Edit()
	for range n - 1 {
		e.AddLeaf(l.leaf(codepoint.LeafNodeKeyPackage))
	}
	tree, err := e.Freeze()
	require.NoError(t, err)
	return tree
}

// commit lets a member merge a path of new keys into the tree of an edit.
func (l *leafMaker) commit(t testing.TB, e *TreeEdit, i message.LeafIndex) {
	t.Helper()
	nodes := e.FilteredDirectPath(i)
	hash, err := e.MergePath(i, nodes, l.keys(len(nodes)))
	require.NoError(t, err)
	leaf := l.leaf(codepoint.LeafNodeCommit)
	leaf.ParentHash = hash
	e.SetLeaf(i, leaf, nil)
}

// steady returns a tree of n members without a blank parent that could be set.
func (l *leafMaker) steady(t testing.TB, s suite.Suite, n int) *Tree {
	t.Helper()
	tree := l.tree(t, s, n)
	for i := 0; i < n; i += 2 {
		e := tree.Edit()
		l.commit(t, e, message.LeafIndex(i))
		var err error
		tree, err = e.Freeze()
		require.NoError(t, err)
	}
	return tree
}

// unmerged returns a steady tree of n members in which every second one is new:
// removed and, when the others have set all parents, added again.
func (l *leafMaker) unmerged(t testing.TB, s suite.Suite, n int) *Tree {
	t.Helper()
	e := l.tree(t, s, n).Edit()
	for i := 1; i < n-1; i += 2 {
		e.RemoveLeaf(message.LeafIndex(i))
	}
	tree, err := e.Freeze()
	require.NoError(t, err)
	for i := 0; i < n; i += 4 {
		e := tree.Edit()
		l.commit(t, e, message.LeafIndex(i))
		tree, err = e.Freeze()
		require.NoError(t, err)
	}
	e = tree.Edit()
	for i := 1; i < n-1; i += 2 {
		e.AddLeaf(l.leaf(codepoint.LeafNodeKeyPackage))
	}
	tree, err = e.Freeze()
	require.NoError(t, err)
	return tree
}

// requireModel compares all that a tree can be asked with a model.
func requireModel(t *testing.T, m *treeModel, tree *Tree) {
	t.Helper()
	require.Equal(t, m.width(), tree.Width)
	require.Equal(t, wiretest.Encoded(t, RatchetTree(m.nodes).Marshal), wiretest.Encoded(t, tree.Marshal))
	require.Equal(t, m.hash(tree.RootIndex()), tree.Hash())

	members := make(map[message.LeafIndex]*message.LeafNode)
	listed := maps.Collect(tree.Members())
	keys := make(map[keyName]NodeIndex)
	blank := NoLeaf
	name := tree.Keys.version.table.name
	for i := range NodeIndex(len(m.nodes)) {
		if i.Level() < 2 && !bytes.Equal(m.hash(i), tree.NodeHash(i)) {
			require.Fail(t, "wrong tree hash", "node %d", i)
		}
		if !slices.Equal(m.resolution(i), tree.Resolution(i, nil)) {
			require.Fail(t, "wrong resolution", "node %d", i)
		}
		if p := m.nodes[i].Parent; p != nil {
			keys[name(EncryptionKey, p.EncryptionKey)] = i
			require.True(t, tree.HasEncryptionKey(p.EncryptionKey))
		}
		if !i.IsLeaf() {
			continue
		}
		leaf := m.nodes[i].Leaf
		if leaf == nil {
			require.Nil(t, tree.Leaf(i.Leaf()))
		} else {
			requireLeaf(t, leaf, tree.Leaf(i.Leaf()))
		}
		path, copath := m.filteredDirectPath(i.Leaf())
		treePath := tree.FilteredDirectPath(i.Leaf())
		var treeCopath []NodeIndex
		for _, step := range tree.FilteredPath(i.Leaf()) {
			treeCopath = append(treeCopath, step.copathIndex)
		}
		if !slices.Equal(path, treePath) || !slices.Equal(copath, treeCopath) {
			require.Fail(t, "wrong filtered direct path", "leaf %d", i.Leaf())
		}
		if leaf == nil {
			blank = min(blank, i.Leaf())
			continue
		}
		members[i.Leaf()] = leaf
		keys[name(EncryptionKey, leaf.EncryptionKey)] = i
		keys[name(SignatureKey, leaf.SignatureKey)] = i
		owner, ok := tree.HasSignatureKey(leaf.SignatureKey)
		require.True(t, ok)
		require.Equal(t, i.Leaf(), owner)
	}
	require.EqualValues(t, len(members), tree.MemberCount())
	require.Equal(t, blank, tree.Root.Blank)
	require.Len(t, listed, len(members))
	for i, leaf := range listed {
		requireLeaf(t, members[i], leaf)
	}
	require.Equal(t, keys, keysOf(t, tree.Keys))
	requireFeatures(t, members, tree)
}

// requireLeaf compares a leaf of the tree with the one of the model.
func requireLeaf(t *testing.T, want *message.LeafNode, leaf Leaf) {
	t.Helper()
	encoded, err := message.Marshal(want)
	require.NoError(t, err)
	require.Equal(t, encoded, []byte(leaf))
}

// requireFeatures compares the aggregates with all members' capabilities.
func requireFeatures(t *testing.T, members map[message.LeafIndex]*message.LeafNode, tree *Tree) {
	t.Helper()
	everybody := func(supports func(*message.Capabilities) bool) bool {
		for _, leaf := range members {
			if !supports(&leaf.Capabilities) {
				return false
			}
		}
		return true
	}
	for _, v := range []uint16{0, 1, 2, 3, 5, 6, 7, 8, 0xeffe, 0xefff, 0xf000, 0xf001, 0xf002, 0xff01, 0xff02} {
		require.Equal(t, 1 <= v && v <= 5 || everybody(func(c *message.Capabilities) bool {
			return slices.Contains(c.Extensions, message.ExtensionType(v))
		}), tree.Root.Features.supportsExtension(message.ExtensionType(v)), "extension %#x", v)
		require.Equal(t, 1 <= v && v <= 7 || everybody(func(c *message.Capabilities) bool {
			return slices.Contains(c.Proposals, message.ProposalType(v))
		}), tree.Root.Features.SupportsProposal(message.ProposalType(v)), "proposal %#x", v)
		require.Equal(t, everybody(func(c *message.Capabilities) bool {
			return slices.Contains(c.Credentials, message.CredentialType(v))
		}), tree.SupportsCredential(message.CredentialType(v)), "credential %#x", v)
	}
	inUse := []message.CredentialType{}
	for _, c := range []message.CredentialType{message.CredentialBasic, credentialOther} {
		for _, leaf := range members {
			if leaf.Credential.Type == c {
				inUse = append(inUse, c)
				break
			}
		}
	}
	require.Equal(t, inUse, tree.CredentialTypesInUse())
}

// requireConsistent checks that a tree is what its own nodes say: nothing that a
// later edit did has changed it, and nothing that is cached is out of date.
func requireConsistent(t *testing.T, tree *Tree) {
	t.Helper()
	again, err := TreeFromNodes(tree.Suite, tree.Nodes().Sparse())
	require.NoError(t, err)
	require.Equal(t, again.Hash(), tree.Hash())
	require.Len(t, keysOf(t, tree.Keys), len(keysOf(t, again.Keys)))
	require.NoError(t, tree.CheckIndex())
	require.Equal(t, treemath.Root(again.Width), tree.RootIndex())
}
