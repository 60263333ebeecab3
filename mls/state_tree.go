package mls

import (
	"bytes"
	"math/bits"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// trees tells of the nodes of new trees, and of those that are in no tree any more.
func (s *saver) trees(before, now *savedState) {
	var base *tree
	if before.public != nil {
		base = before.public.tree
	}
	done := make(map[string]bool)
	save := func(t *tree) {
		t.differing(base, func(n *node, i NodeIndex) {
			if hash := string(n.hash(t.hashSize)); !done[hash] {
				done[hash] = true
				s.touch(nodeRecord(t, n), touch{node: n, index: i})
			}
		})
	}
	current := now.public.tree
	save(current)
	if base == nil {
		base = current
	}
	for _, epoch := range sortedKeys(now.trees) {
		if t := now.trees[epoch]; before.trees[epoch] != t && t != current {
			save(t)
		}
	}
	if now.width != before.width {
		s.touch(recordWidth.key(), touch{})
	}
	for _, epoch := range sortedKeys(before.trees) {
		if t := before.trees[epoch]; now.trees[epoch] != t {
			s.dropTree(t, now)
		}
	}
}

// nodeRecord returns the key of a node's record.
func nodeRecord(t *tree, n *node) []byte { return append(recordTreeNode.key(), n.hash(t.hashSize)...) }

// treeNode puts a node of a tree.
func (s *saver) treeNode(key []byte, t touch) {
	input, hashSize := &treeHashInput{leaf: t.node.leaf, parent: t.node.parent}, len(key)-1
	if t.node.leaf != nil {
		input.index = t.index.Leaf()
	} else {
		input.left, input.right = t.node.left.hash(hashSize), t.node.right.hash(hashSize)
	}
	s.put(key, input)
}

// dropTree tells of the nodes of a tree that no tree has now. A node can be in trees
// before and after a tree that lacks it: a client may be removed and added again with the
// same key package.
func (s *saver) dropTree(t *tree, now *savedState) {
	t.differing(now.public.tree, func(n *node, i NodeIndex) {
		hash := n.hash(t.hashSize)
		for _, kept := range now.trees {
			if k := kept.at(i); k != nil && bytes.Equal(k.hash(t.hashSize), hash) {
				return
			}
		}
		s.touch(nodeRecord(t, n), touch{})
	})
}

// treeLoader builds trees from saved nodes. The trees share equal nodes.
type treeLoader struct {
	hasher *treeHasher
	token  *editToken
	width  uint32            // of the widest tree
	inputs map[string][]byte // TreeHashInput by tree hash
	base   *tree             // has the nodes that are not in inputs, or nil
	built  map[string]subtree
	blank  map[NodeIndex]*node
}

func newTreeLoader(s suite.Suite, base *tree) *treeLoader {
	l := &treeLoader{
		hasher: newTreeHasher(s),
		token:  new(editToken),
		inputs: make(map[string][]byte),
		base:   base,
		built:  make(map[string]subtree),
		blank:  make(map[NodeIndex]*node),
	}
	if base != nil {
		l.width = base.width
	}
	return l
}

// tree returns the tree with the given hash, without the index of its keys.
func (l *treeLoader) tree(hash []byte, width uint32) (*tree, error) {
	if bits.OnesCount32(width) != 1 || width > l.width {
		return nil, badState("no ratchet tree has %d leaves", width)
	}
	t := &tree{treeView: treeView{suite: l.hasher.suite, hashSize: l.hasher.size, width: width}}
	var err error
	if t.root, err = l.node(hash, t.rootIndex()); err != nil {
		return nil, err
	}
	if t.root.left != nil && t.root.right.members == 0 {
		return nil, badState("right half of the ratchet tree is blank")
	}
	return t, nil
}

// node returns the node with the given hash and index.
func (l *treeLoader) node(hash []byte, i NodeIndex) (*node, error) {
	if b, ok := l.built[string(hash)]; ok && b.index == i {
		return b.node, nil
	}
	if l.base != nil {
		if n := l.base.at(i); n != nil && bytes.Equal(n.hash(l.hasher.size), hash) {
			return n, nil
		}
	}
	input, ok := l.inputs[string(hash)]
	if !ok {
		return l.blankSubtree(hash, i)
	}
	in, err := wire.ParseNew(input, "TreeHashInput", (*treeHashInput).unmarshal)
	if err != nil {
		return nil, err
	}
	if i.IsLeaf() != (in.leaf != nil) || i.IsLeaf() && in.index != i.Leaf() {
		return nil, badState("node %d of the ratchet tree is of the wrong type, or another leaf", i)
	}
	n := &node{blank: noLeaf, owner: l.token, leaf: in.leaf, parent: in.parent}
	switch {
	case in.leaf != nil:
		n.key = l.hasher.key(encryptionKey, in.leaf.EncryptionKey)
	case in.parent != nil:
		n.key = l.hasher.key(encryptionKey, in.parent.encryptionKey)
	}
	if in.leaf != nil {
		n.members = 1
	} else {
		if n.left, err = l.node(in.left, i.Left()); err != nil {
			return nil, err
		}
		if n.right, err = l.node(in.right, i.Right()); err != nil {
			return nil, err
		}
		n.count()
	}
	l.hasher.node(n, i)
	if l.hasher.err != nil {
		return nil, l.hasher.err
	}
	if n.members == 0 || !bytes.Equal(n.hash(l.hasher.size), hash) {
		return nil, badState("node %d of the ratchet tree is not what its hash says", i)
	}
	l.built[string(hash)] = subtree{n, i}
	return n, nil
}

// blankSubtree returns a node that was not saved because everything below it is blank.
func (l *treeLoader) blankSubtree(hash []byte, i NodeIndex) (*node, error) {
	n := l.blank[i]
	if n == nil {
		n = &node{blank: firstLeaf(i), owner: l.token}
		l.hasher.node(n, i)
		l.blank[i] = n
	}
	if !bytes.Equal(n.hash(l.hasher.size), hash) {
		return nil, badState("node %d of the ratchet tree is missing", i)
	}
	return n, nil
}

// allUsed refuses a state that has nodes of no tree, or whose widest tree has another
// width.
func (l *treeLoader) allUsed(width savedWidth) error {
	if len(l.built) != len(l.inputs) || uint32(width) != l.width {
		return badState("there are nodes of no ratchet tree")
	}
	return nil
}

// index enters the keys of a loaded tree in its index.
func (l *treeLoader) index(t *tree) error {
	var clash error
	keys := newKeyEdit(maxKeys(t))
	hold := func(k heldKey) {
		if keys.add(k.hash, k.index) > 1 && clash == nil {
			clash = k.clash()
		}
	}
	t.root.each(t.rootIndex(), func(i NodeIndex, n *node) {
		if n.leaf != nil || n.parent != nil {
			hold(heldKey{n.key, encryptionKey, i})
		}
		if n.leaf != nil {
			hold(heldKey{l.hasher.key(signatureKey, n.leaf.SignatureKey), signatureKey, i})
		}
	})
	t.keys = keys.freeze()
	return clash
}
