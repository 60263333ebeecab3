package mls

import (
	"bytes"
	"crypto/rand"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/sortedset"
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/suite"
)

// pathGroup is a tree with everybody's private keys.
type pathGroup struct {
	*leafMaker
	suite suite.Suite
	tree  *tree
	keys  map[LeafIndex]map[NodeIndex]suite.PrivateKey
}

// keyedLeaf returns a leaf whose encryption key has a private one.
func (g *pathGroup) keyedLeaf(t *testing.T, source LeafNodeSource) (*LeafNode, suite.PrivateKey) {
	t.Helper()
	key, err := g.suite.GenerateKey()
	require.NoError(t, err)
	leaf := g.leaf(source)
	leaf.EncryptionKey = key.PublicKey()
	return leaf, key
}

func newPathGroup(t *testing.T, s suite.Suite, seed uint64) *pathGroup {
	t.Helper()
	g := &pathGroup{leafMaker: newLeafMaker(seed), suite: s, keys: make(map[LeafIndex]map[NodeIndex]suite.PrivateKey)}
	leaf, key := g.keyedLeaf(t, LeafNodeKeyPackage)
	g.tree = newTree(s, leaf)
	g.keys[0] = map[NodeIndex]suite.PrivateKey{0: key}
	return g
}

// sentPath is a path with all that its receivers need.
type sentPath struct {
	*updatePath
	tree         *tree
	sender       LeafIndex
	groupContext []byte
	added        []LeafIndex
	secrets      *pathSecrets
	leafKey      suite.PrivateKey
}

func (p *sentPath) open(g *pathGroup, receiver LeafIndex) (*pathSecrets, error) {
	lookup := func(n NodeIndex) suite.PrivateKey { return g.keys[receiver][n] }
	return openPath(p.tree, p.updatePath, p.sender, receiver, p.groupContext, p.added, lookup)
}

// send makes a path of the sender in an edit that holds the proposals.
func (g *pathGroup) send(t *testing.T, e *treeEdit, sender LeafIndex, added []LeafIndex) *sentPath {
	t.Helper()
	nodes, _ := e.filteredDirectPath(sender)
	secret := make([]byte, g.suite.Info().KDF.Nh)
	rand.Read(secret)
	secrets, err := derivePathSecrets(g.suite, nodes, secret)
	require.NoError(t, err)
	hash, err := e.mergePath(sender, nodes, secrets.publicKeys())
	require.NoError(t, err)
	leaf, key := g.keyedLeaf(t, LeafNodeCommit)
	leaf.ParentHash = hash
	e.setLeaf(sender, leaf)
	tree, err := e.freeze()
	require.NoError(t, err)
	sealed, err := secrets.seal(tree, sender, []byte("group context"), added)
	require.NoError(t, err)
	return &sentPath{&updatePath{leaf, sealed}, tree, sender, []byte("group context"), added, secrets, key}
}

// receive gives everybody the private keys of a path: the members by their
// ciphertexts, the added by the secret of the common ancestor.
func (g *pathGroup) receive(t *testing.T, p *sentPath) {
	t.Helper()
	for i := range p.tree.members() {
		opened := p.secrets
		var err error
		switch {
		case i == p.sender:
			g.keys[i] = map[NodeIndex]suite.PrivateKey{i.Node(): p.leafKey}
		case sortedset.Has(p.added, i):
			_, err = p.open(g, i)
			requireViolation(t, err, "7.5", "private key of the resolution", int64(i))
			ancestor := treemath.CommonAncestor(i.Node(), p.sender.Node())
			secret, ok := p.secrets.at(ancestor)
			require.True(t, ok)
			opened, err = derivePathSecrets(g.suite, p.secrets.nodes[slices.Index(p.secrets.nodes, ancestor):], bytes.Clone(secret))
			require.NoError(t, err)
		default:
			opened, err = p.open(g, i)
			require.NoError(t, err)
		}
		require.Equal(t, p.secrets.commitSecret, opened.commitSecret)
		for k, n := range opened.nodes {
			g.keys[i][n] = opened.keys[k]
		}
	}
	g.tree = p.tree
}

// requireInvariant checks that every member has the private keys of its leaf and of
// those parents above it that are not blank and at which it is not unmerged.
func (g *pathGroup) requireInvariant(t *testing.T) {
	t.Helper()
	for i, leaf := range g.tree.members() {
		require.Equal(t, leaf.EncryptionKey, g.keys[i][i.Node()].PublicKey())
		for _, n := range i.Node().DirectPath(g.tree.width) {
			if p := g.tree.parent(n); p != nil && !sortedset.Has(p.unmergedLeaves, i) {
				require.Equal(t, p.encryptionKey, g.keys[i][n].PublicKey(), "leaf %d, node %d", i, n)
			}
		}
	}
}

// TestUpdatePathsReachEverybody lets members come, go and commit, and follows what
// private keys each of them then has.
func TestUpdatePathsReachEverybody(t *testing.T) {
	for seed := range uint64(6) {
		g := newPathGroup(t, testSuite(t, 1), seed)
		for range 20 {
			e := g.tree.edit()
			members := slices.Sorted(maps.Keys(g.keys))
			g.rand.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
			sender, others := members[0], members[1:]
			forget := func(i LeafIndex) { // the keys of the nodes that a change of i blanks
				for _, n := range i.Node().DirectPath(e.width) {
					for _, keys := range g.keys {
						delete(keys, n)
					}
				}
			}
			if len(others) > 0 && g.rand.IntN(3) == 0 {
				leaf, key := g.keyedLeaf(t, LeafNodeUpdate)
				forget(others[0])
				e.updateLeaf(others[0], leaf)
				g.keys[others[0]] = map[NodeIndex]suite.PrivateKey{others[0].Node(): key}
			}
			for _, i := range others[min(1, len(others)):] {
				if g.rand.IntN(8) == 0 {
					forget(i)
					e.removeLeaf(i)
					delete(g.keys, i)
				}
			}
			var added []LeafIndex
			for range g.rand.IntN(4) {
				leaf, key := g.keyedLeaf(t, LeafNodeKeyPackage)
				i := e.addLeaf(leaf)
				added = append(added, i)
				g.keys[i] = map[NodeIndex]suite.PrivateKey{i.Node(): key}
			}
			if g.rand.IntN(3) == 0 {
				var err error
				g.tree, err = e.freeze()
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
	g := newPathGroup(t, testSuite(t, 1), 1)
	e := g.tree.edit()
	var added []LeafIndex
	for range 7 {
		leaf, key := g.keyedLeaf(t, LeafNodeKeyPackage)
		i := e.addLeaf(leaf)
		added = append(added, i)
		g.keys[i] = map[NodeIndex]suite.PrivateKey{i.Node(): key}
	}
	g.receive(t, g.send(t, e, 0, added))
	for _, i := range []LeafIndex{2, 4, 6} {
		g.receive(t, g.send(t, g.tree.edit(), i, nil))
	}
	e = g.tree.edit()
	e.removeLeaf(5)
	delete(g.keys, 5)
	g.receive(t, g.send(t, e, 4, nil))
	e = g.tree.edit()
	leaf, key := g.keyedLeaf(t, LeafNodeKeyPackage)
	require.Equal(t, LeafIndex(5), e.addLeaf(leaf))
	g.keys[5] = map[NodeIndex]suite.PrivateKey{10: key}
	path := g.send(t, e, 0, nil) // 5 is no new member, but unmerged
	require.Equal(t, []NodeIndex{11, 10}, path.tree.resolution(11, nil))
	require.Len(t, path.nodes[2].secrets, 2)

	const receiver = 6
	for _, c := range []struct {
		name, section, words string
		leaf                 int64
		change               func(p *sentPath)
	}{
		{"node too few", "7.6", "one node for each", 0, func(p *sentPath) { p.nodes = p.nodes[:2] }},
		{"node too many", "7.6", "one node for each", 0, func(p *sentPath) { p.nodes = append(p.nodes, p.nodes[0]) }},
		{"ciphertext too few for others", "7.6", "one entry for each", 0, func(p *sentPath) { p.nodes[0].secrets = nil }},
		{"ciphertext too many for others", "7.6", "one entry for each", 0, func(p *sentPath) {
			p.nodes[1].secrets = append(p.nodes[1].secrets, p.nodes[1].secrets[0])
		}},
		{"ciphertext too few", "7.6", "one entry for each", 0, func(p *sentPath) { p.nodes[2].secrets = p.nodes[2].secrets[:1] }},
		{"ciphertext too many", "7.6", "one entry for each", 0, func(p *sentPath) {
			p.nodes[2].secrets = append(p.nodes[2].secrets, p.nodes[2].secrets[0])
		}},
		{"unmerged leaf left out as new", "7.6", "one entry for each", 0, func(p *sentPath) { p.added = []LeafIndex{5} }},
		{"public key that the secret does not give", "7.5", "public key of node 2", 0, func(p *sentPath) {
			p.nodes[2].encryptionKey = flipped(p.nodes[2].encryptionKey, 0)
		}},
		{"secret of another node", "7.5", "public key of node 2", 0, func(p *sentPath) {
			p.secrets.secrets[2] = bytes.Repeat([]byte{1}, 32)
			sealed, err := p.secrets.seal(p.tree, 0, p.groupContext, nil)
			require.NoError(t, err)
			p.nodes[2].secrets = sealed[2].secrets
		}},
		{"secret that is too short", "7.4", "path secret is of 32 bytes", -1, func(p *sentPath) {
			p.secrets.secrets[2] = p.secrets.secrets[2][:31]
			sealed, err := p.secrets.seal(p.tree, 0, p.groupContext, nil)
			require.NoError(t, err)
			p.nodes[2].secrets = sealed[2].secrets
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, secrets := *path, *path.secrets
			p.updatePath = &updatePath{path.leafNode, slices.Clone(path.nodes)}
			secrets.secrets = slices.Clone(secrets.secrets)
			p.secrets = &secrets
			c.change(&p)
			_, err := p.open(g, receiver)
			requireViolation(t, err, c.section, c.words, c.leaf)
		})
	}
	for name, change := range map[string]func(p *sentPath, c *hpkeCiphertext){
		"other ciphertext":    func(p *sentPath, c *hpkeCiphertext) { c.ciphertext = flipped(c.ciphertext, 3) },
		"no ciphertext":       func(p *sentPath, c *hpkeCiphertext) { c.ciphertext = nil },
		"other KEM output":    func(p *sentPath, c *hpkeCiphertext) { c.kemOutput = flipped(c.kemOutput, 3) },
		"short KEM output":    func(p *sentPath, c *hpkeCiphertext) { c.kemOutput = c.kemOutput[1:] },
		"other group context": func(p *sentPath, _ *hpkeCiphertext) { p.groupContext = []byte("another") },
	} {
		t.Run(name, func(t *testing.T) {
			p := *path
			p.updatePath = &updatePath{path.leafNode, slices.Clone(path.nodes)}
			p.nodes[2].secrets = slices.Clone(p.nodes[2].secrets)
			change(&p, &p.nodes[2].secrets[0])
			_, err := p.open(g, receiver)
			require.ErrorIs(t, err, ErrDecrypt)
		})
	}
	for name, receiver := range map[string]LeafIndex{"sender": 0, "nobody": 8, "far away": 1 << 31} {
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
	s, l := testSuite(t, 1), newLeafMaker(1)
	path := &updatePath{nodes: []updatePathNode{{encryptionKey: l.key()}, {encryptionKey: l.key()}}}
	keys, err := pathKeys(s, path, 2)
	require.NoError(t, err)
	require.Equal(t, [][]byte{path.nodes[0].encryptionKey, path.nodes[1].encryptionKey}, keys)
	_, err = pathKeys(s, path, 3)
	requireViolation(t, err, "7.6", "3, not 2", -1)
	for _, key := range [][]byte{nil, make([]byte, 31), make([]byte, 32), make([]byte, 33)} {
		path.nodes[1].encryptionKey = key
		_, err = pathKeys(s, path, 2)
		requireViolation(t, err, "7.6", "node 1 of the path is a public key", -1)
		require.ErrorIs(t, err, suite.ErrInvalidKey)
	}
}

// TestPathSecretsDestroy looks for what destroy has to overwrite.
func TestPathSecretsDestroy(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, 32)
	p, err := derivePathSecrets(testSuite(t, 1), []NodeIndex{1, 3}, secret)
	require.NoError(t, err)
	require.Equal(t, bytes.Repeat([]byte{7}, 32), p.secrets[0])
	p.destroy()
	for _, secret := range append(p.secrets, p.commitSecret, secret) {
		require.Equal(t, make([]byte, 32), secret)
	}
	alone, err := derivePathSecrets(testSuite(t, 1), nil, bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	require.Equal(t, bytes.Repeat([]byte{7}, 32), alone.commitSecret)
	short := bytes.Repeat([]byte{7}, 31)
	_, err = derivePathSecrets(testSuite(t, 1), nil, short)
	requireViolation(t, err, "7.4", "32 bytes", -1)
	require.Equal(t, make([]byte, 31), short)
}

// TestSealRefusesOtherTree seals a path for a tree in which it has another length.
func TestSealRefusesOtherTree(t *testing.T) {
	s, l := testSuite(t, 1), newLeafMaker(1)
	p, err := derivePathSecrets(s, []NodeIndex{1}, bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	_, err = p.seal(l.tree(t, s, 3), 0, nil, nil)
	requireViolation(t, err, "7.6", "one node for each", 0)
}
