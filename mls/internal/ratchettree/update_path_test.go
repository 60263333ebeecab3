package ratchettree

import (
	"bytes"
	"crypto/rand"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/sortedset"
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// pathGroup is a tree with everybody's private keys.
type pathGroup struct {
	*leafMaker
	suite suite.Suite
	tree  *Tree
	keys  map[message.LeafIndex]map[NodeIndex]suite.PrivateKey
}

// keyedLeaf returns a leaf whose encryption key has a private one.
func (g *pathGroup) keyedLeaf(t *testing.T, source uint8) (*message.LeafNode, suite.PrivateKey) {
	t.Helper()
	key, err := g.suite.GenerateKey()
	require.NoError(t, err)
	leaf := g.leaf(source)
	leaf.EncryptionKey = key.PublicKey()
	return leaf, key
}

func newPathGroup(t *testing.T, s suite.Suite, seed uint64) *pathGroup {
	t.Helper()
	g := &pathGroup{leafMaker: newLeafMaker(seed), suite: s, keys: make(map[message.LeafIndex]map[NodeIndex]suite.PrivateKey)}
	leaf, key := g.keyedLeaf(t, codepoint.LeafNodeKeyPackage)
	g.tree = NewTree(s, leaf)
	g.keys[0] = map[NodeIndex]suite.PrivateKey{0: key}
	return g
}

// sentPath is a path with all that its receivers need.
type sentPath struct {
	*UpdatePath
	tree         *Tree
	sender       message.LeafIndex
	groupContext []byte
	added        []message.LeafIndex
	secrets      *PathSecrets
	leafKey      suite.PrivateKey
}

func (p *sentPath) open(g *pathGroup, receiver message.LeafIndex) (*PathSecrets, error) {
	lookup := func(n NodeIndex) suite.PrivateKey { return g.keys[receiver][n] }
	return OpenPath(p.tree, p.UpdatePath, p.sender, receiver, p.groupContext, p.added, lookup)
}

// send makes a path of the sender in an edit that holds the proposals.
func (g *pathGroup) send(t *testing.T, e *TreeEdit, sender message.LeafIndex, added []message.LeafIndex) *sentPath {
	t.Helper()
	nodes := e.FilteredDirectPath(sender)
	secret := make([]byte, g.suite.Info().KDF.Nh)
	rand.Read(secret)
	secrets, err := DerivePathSecrets(g.suite, nodes, secret)
	require.NoError(t, err)
	hash, err := e.MergePath(sender, nodes, secrets.PublicKeys())
	require.NoError(t, err)
	leaf, key := g.keyedLeaf(t, codepoint.LeafNodeCommit)
	leaf.ParentHash = hash
	e.SetLeaf(sender, leaf, nil)
	tree, err := e.Freeze()
	require.NoError(t, err)
	sealed, err := secrets.Seal(tree, sender, []byte("group context"), added)
	require.NoError(t, err)
	return &sentPath{&UpdatePath{LeafNode: leaf, Nodes: sealed}, tree, sender, []byte("group context"), added, secrets, key}
}

// receive gives everybody the private keys of a path: the members by their
// ciphertexts, the added by the secret of the common ancestor.
func (g *pathGroup) receive(t *testing.T, p *sentPath) {
	t.Helper()
	for i := range p.tree.Members() {
		opened := p.secrets
		var err error
		switch {
		case i == p.sender:
			g.keys[i] = map[NodeIndex]suite.PrivateKey{treemath.NodeOf(i): p.leafKey}
		case sortedset.Has(p.added, i):
			_, err = p.open(g, i)
			requireViolation(t, err, "7.5", "private key of the resolution", int64(i))
			ancestor := treemath.CommonAncestor(treemath.NodeOf(i), treemath.NodeOf(p.sender))
			secret, ok := p.secrets.At(ancestor)
			require.True(t, ok)
			opened, err = DerivePathSecrets(g.suite, p.secrets.Nodes[slices.Index(p.secrets.Nodes, ancestor):], bytes.Clone(secret))
			require.NoError(t, err)
		default:
			opened, err = p.open(g, i)
			require.NoError(t, err)
		}
		require.Equal(t, p.secrets.CommitSecret, opened.CommitSecret)
		for k, n := range opened.Nodes {
			g.keys[i][n] = opened.Keys[k]
		}
	}
	g.tree = p.tree
}

// requireInvariant checks that every member has the private keys of its leaf and of
// those parents above it that are not blank and at which it is not unmerged.
func (g *pathGroup) requireInvariant(t *testing.T) {
	t.Helper()
	for i, leaf := range g.tree.Members() {
		require.Equal(t, leaf.EncryptionKey(), g.keys[i][treemath.NodeOf(i)].PublicKey())
		for _, n := range treemath.NodeOf(i).DirectPath(g.tree.Width) {
			if p := g.tree.Parent(n); p != nil && !sortedset.Has(p.UnmergedLeaves, i) {
				require.Equal(t, p.EncryptionKey, g.keys[i][n].PublicKey(), "leaf %d, node %d", i, n)
			}
		}
	}
}

// TestUpdatePathsReachEverybody lets members come, go and commit, and follows what
// private keys each of them then has.
func TestUpdatePathsReachEverybody(t *testing.T) {
	for seed := range uint64(6) {
		g := newPathGroup(t, mlstest.Suite(t, 1), seed)
		for range 20 {
			e := g.tree.Edit()
			members := slices.Sorted(maps.Keys(g.keys))
			g.rand.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
			sender, others := members[0], members[1:]
			forget := func(i message.LeafIndex) { // the keys of the nodes that a change of i blanks
				for _, n := range treemath.NodeOf(i).DirectPath(e.Width) {
					for _, keys := range g.keys {
						delete(keys, n)
					}
				}
			}
			if len(others) > 0 && g.rand.IntN(3) == 0 {
				leaf, key := g.keyedLeaf(t, codepoint.LeafNodeUpdate)
				forget(others[0])
				e.UpdateLeaf(others[0], leaf)
				g.keys[others[0]] = map[NodeIndex]suite.PrivateKey{treemath.NodeOf(others[0]): key}
			}
			for _, i := range others[min(1, len(others)):] {
				if g.rand.IntN(8) == 0 {
					forget(i)
					e.RemoveLeaf(i)
					delete(g.keys, i)
				}
			}
			var added []message.LeafIndex
			for range g.rand.IntN(4) {
				leaf, key := g.keyedLeaf(t, codepoint.LeafNodeKeyPackage)
				i := e.AddLeaf(leaf)
				added = append(added, i)
				g.keys[i] = map[NodeIndex]suite.PrivateKey{treemath.NodeOf(i): key}
			}
			if g.rand.IntN(3) == 0 {
				var err error
				g.tree, err = e.Freeze()
				require.NoError(t, err)
			} else {
				g.receive(t, g.send(t, e, sender, added))
			}
			g.requireInvariant(t)
		}
	}
}

// TestOpenPathRefuses breaks a path that one member of eight, some unmerged, sends.
func TestOpenPathRefuses(t *testing.T) {
	g := newPathGroup(t, mlstest.Suite(t, 1), 1)
	e := g.tree.Edit()
	var added []message.LeafIndex
	for range 7 {
		leaf, key := g.keyedLeaf(t, codepoint.LeafNodeKeyPackage)
		i := e.AddLeaf(leaf)
		added = append(added, i)
		g.keys[i] = map[NodeIndex]suite.PrivateKey{treemath.NodeOf(i): key}
	}
	g.receive(t, g.send(t, e, 0, added))
	for _, i := range []message.LeafIndex{2, 4, 6} {
		g.receive(t, g.send(t, g.tree.Edit(), i, nil))
	}
	e = g.tree.Edit()
	e.RemoveLeaf(5)
	delete(g.keys, 5)
	g.receive(t, g.send(t, e, 4, nil))
	e = g.tree.Edit()
	leaf, key := g.keyedLeaf(t, codepoint.LeafNodeKeyPackage)
	require.Equal(t, message.LeafIndex(5), e.AddLeaf(leaf))
	g.keys[5] = map[NodeIndex]suite.PrivateKey{10: key}
	path := g.send(t, e, 0, nil) // 5 is no new member, but unmerged
	require.Equal(t, []NodeIndex{11, 10}, path.tree.Resolution(11, nil))
	require.Len(t, path.Nodes[2].Secrets, 2)

	const receiver = 6
	for _, c := range []struct {
		name, section, words string
		leaf                 int64
		change               func(p *sentPath)
	}{
		{"node too few", "7.6", "filtered direct path", 0, func(p *sentPath) { p.Nodes = p.Nodes[:2] }},
		{"node too many", "7.6", "filtered direct path", 0, func(p *sentPath) { p.Nodes = append(p.Nodes, p.Nodes[0]) }},
		{"ciphertext too few for others", "7.6", "wrong number of entries", 0, func(p *sentPath) { p.Nodes[0].Secrets = nil }},
		{"ciphertext too many for others", "7.6", "wrong number of entries", 0, func(p *sentPath) {
			p.Nodes[1].Secrets = append(p.Nodes[1].Secrets, p.Nodes[1].Secrets[0])
		}},
		{"ciphertext too few", "7.6", "wrong number of entries", 0, func(p *sentPath) { p.Nodes[2].Secrets = p.Nodes[2].Secrets[:1] }},
		{"ciphertext too many", "7.6", "wrong number of entries", 0, func(p *sentPath) {
			p.Nodes[2].Secrets = append(p.Nodes[2].Secrets, p.Nodes[2].Secrets[0])
		}},
		{"unmerged leaf left out as new", "7.6", "wrong number of entries", 0, func(p *sentPath) { p.added = []message.LeafIndex{5} }},
		{"public key that the secret does not give", "7.5", "public key of node 2", 0, func(p *sentPath) {
			p.Nodes[2].EncryptionKey = mlstest.Flipped(p.Nodes[2].EncryptionKey, 0)
		}},
		{"secret of another node", "7.5", "public key of node 2", 0, func(p *sentPath) {
			p.secrets.Secrets[2] = bytes.Repeat([]byte{1}, 32)
			sealed, err := p.secrets.Seal(p.tree, 0, p.groupContext, nil)
			require.NoError(t, err)
			p.Nodes[2].Secrets = sealed[2].Secrets
		}},
		{"secret that is too short", "7.4", "path secret does not have 32 bytes", -1, func(p *sentPath) {
			p.secrets.Secrets[2] = p.secrets.Secrets[2][:31]
			sealed, err := p.secrets.Seal(p.tree, 0, p.groupContext, nil)
			require.NoError(t, err)
			p.Nodes[2].Secrets = sealed[2].Secrets
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, secrets := *path, *path.secrets
			p.UpdatePath = &UpdatePath{LeafNode: path.LeafNode, Nodes: slices.Clone(path.Nodes)}
			secrets.Secrets = slices.Clone(secrets.Secrets)
			p.secrets = &secrets
			c.change(&p)
			_, err := p.open(g, receiver)
			requireViolation(t, err, c.section, c.words, c.leaf)
		})
	}
	for name, change := range map[string]func(p *sentPath, c *HPKECiphertext){
		"other ciphertext":    func(p *sentPath, c *HPKECiphertext) { c.Ciphertext = mlstest.Flipped(c.Ciphertext, 3) },
		"no ciphertext":       func(p *sentPath, c *HPKECiphertext) { c.Ciphertext = nil },
		"other KEM output":    func(p *sentPath, c *HPKECiphertext) { c.KEMOutput = mlstest.Flipped(c.KEMOutput, 3) },
		"short KEM output":    func(p *sentPath, c *HPKECiphertext) { c.KEMOutput = c.KEMOutput[1:] },
		"other group context": func(p *sentPath, _ *HPKECiphertext) { p.groupContext = []byte("another") },
	} {
		t.Run(name, func(t *testing.T) {
			p := *path
			p.UpdatePath = &UpdatePath{LeafNode: path.LeafNode, Nodes: slices.Clone(path.Nodes)}
			p.Nodes[2].Secrets = slices.Clone(p.Nodes[2].Secrets)
			change(&p, &p.Nodes[2].Secrets[0])
			_, err := p.open(g, receiver)
			require.ErrorIs(t, err, label.ErrDecrypt)
		})
	}
	for name, receiver := range map[string]message.LeafIndex{"sender": 0, "nobody": 8, "far away": 1 << 31} {
		t.Run(name, func(t *testing.T) {
			_, err := path.open(g, receiver)
			requireViolation(t, err, "7.5", "private key of the resolution", int64(receiver))
		})
	}
	g.receive(t, path)
	g.requireInvariant(t)
}

// TestUpdatePathPublicKeys checks the keys of a received path.
func TestUpdatePathPublicKeys(t *testing.T) {
	s, l := mlstest.Suite(t, 1), newLeafMaker(1)
	path := &UpdatePath{Nodes: []updatePathNode{{EncryptionKey: l.key()}, {EncryptionKey: l.key()}}}
	keys, err := PathKeys(s, path, 2)
	require.NoError(t, err)
	require.Equal(t, [][]byte{path.Nodes[0].EncryptionKey, path.Nodes[1].EncryptionKey}, keys)
	_, err = PathKeys(s, path, 3)
	requireViolation(t, err, "7.6", "3 nodes, but the path has 2", -1)
	for _, key := range [][]byte{nil, make([]byte, 31), make([]byte, 32), make([]byte, 33)} {
		path.Nodes[1].EncryptionKey = key
		_, err = PathKeys(s, path, 2)
		requireViolation(t, err, "7.6", "node 1 of the path is not a public key", -1)
		require.ErrorIs(t, err, suite.ErrInvalidKey)
	}
}

// TestPathSecretsDestroy looks for what destroy has to overwrite.
func TestPathSecretsDestroy(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, 32)
	p, err := DerivePathSecrets(mlstest.Suite(t, 1), []NodeIndex{1, 3}, secret)
	require.NoError(t, err)
	require.Equal(t, bytes.Repeat([]byte{7}, 32), p.Secrets[0])
	p.Destroy()
	for _, secret := range append(p.Secrets, p.CommitSecret, secret) {
		require.Equal(t, make([]byte, 32), secret)
	}
	alone, err := DerivePathSecrets(mlstest.Suite(t, 1), nil, bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	require.Equal(t, bytes.Repeat([]byte{7}, 32), alone.CommitSecret)
	short := bytes.Repeat([]byte{7}, 31)
	_, err = DerivePathSecrets(mlstest.Suite(t, 1), nil, short)
	requireViolation(t, err, "7.4", "32 bytes", -1)
	require.Equal(t, make([]byte, 31), short)
}

// TestSealRefusesOtherTree seals a path for a tree in which it has another length.
func TestSealRefusesOtherTree(t *testing.T) {
	s, l := mlstest.Suite(t, 1), newLeafMaker(1)
	p, err := DerivePathSecrets(s, []NodeIndex{1}, bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	_, err = p.Seal(l.tree(t, s, 3), 0, nil, nil)
	requireViolation(t, err, "7.6", "filtered direct path", 0)
}
