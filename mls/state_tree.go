package mls

import (
	"bytes"
	"math/bits"
	"slices"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/suite"
)

// trees tells of the nodes of new trees, and of those that are in no tree any more.
func (n *noter) trees(before, now *savedState) {
	current := now.public.tree
	base := current
	if before.public == nil {
		n.newNodes(current, nil)
	} else {
		base = before.public.tree
		n.newNodes(current, base)
	}
	for _, t := range now.trees {
		if before.tree(t.epoch) != t.Tree && t.Tree != current {
			n.newNodes(t.Tree, base)
			n.unsettled = true
		}
	}
	if now.width != before.width {
		n.touch(recordWidth.id(0))
	}
	dropped := 0
	for _, t := range before.trees {
		if now.tree(t.epoch) != t.Tree {
			n.dropTree(t.Tree, now)
			dropped++
		}
	}
	n.unsettled = n.unsettled || dropped > 1
}

// newNodes tells of the nodes of a tree that differ from those of base, which may be nil.
func (n *noter) newNodes(t, base *ratchettree.Tree) {
	t.Differing(base, func(node *ratchettree.Node, i ratchettree.NodeIndex) { n.touchNode(node, i, false) })
}

// dropTree tells of the nodes of a tree that no tree has now. A node can be in trees
// before and after a tree that lacks it: a client may be removed and added again with the
// same key package.
func (n *noter) dropTree(t *ratchettree.Tree, now *savedState) {
	t.Differing(now.public.tree, func(node *ratchettree.Node, i ratchettree.NodeIndex) {
		hash := node.Hash(t.HashSize)
		if !slices.ContainsFunc(now.trees, func(kept epochTree) bool { return kept.HasApart(i, hash) }) {
			n.touchNode(node, i, true)
		}
	})
}

// treeLoader builds trees from saved nodes. The trees share equal nodes.
type treeLoader struct {
	hasher *ratchettree.TreeHasher
	token  *ratchettree.EditToken
	width  uint32            // of the widest tree
	inputs map[string][]byte // TreeHashInput by tree hash
	base   *ratchettree.Tree // has the nodes that are not in inputs, or nil
	built  map[string]ratchettree.Subtree
	blank  map[ratchettree.NodeIndex]*ratchettree.Node
}

func newTreeLoader(s suite.Suite, base *ratchettree.Tree) *treeLoader {
	l := &treeLoader{
		hasher: ratchettree.NewTreeHasher(s),
		token:  new(ratchettree.EditToken),
		inputs: make(map[string][]byte),
		base:   base,
		built:  make(map[string]ratchettree.Subtree),
		blank:  make(map[ratchettree.NodeIndex]*ratchettree.Node),
	}
	if base != nil {
		l.width = base.Width
	}
	return l
}

// tree returns the tree with the given hash and the given input of its root, without the
// index of its keys.
func (l *treeLoader) tree(hash []byte, width uint32, root []byte) (*ratchettree.Tree, error) {
	if bits.OnesCount32(width) != 1 || width > l.width {
		return nil, badState("ratchet tree cannot have %d leaves", width)
	}
	t := &ratchettree.Tree{TreeView: ratchettree.TreeView{Suite: l.hasher.Suite, HashSize: l.hasher.Size, Width: width}}
	var err error
	switch i := t.RootIndex(); {
	case !i.IsLeaf():
		t.Root, err = l.read(root, hash, i)
	case len(root) > 0:
		err = badState("root is a leaf, and is there twice")
	default:
		t.Root, err = l.node(hash, i)
	}
	if err != nil {
		return nil, err
	}
	if t.Root.Left != nil && t.Root.Right.Members == 0 {
		return nil, badState("right half of the ratchet tree is blank")
	}
	return t, nil
}

// node returns the node with the given hash and index.
func (l *treeLoader) node(hash []byte, i ratchettree.NodeIndex) (*ratchettree.Node, error) {
	if b, ok := l.built[string(hash)]; ok && b.Index == i {
		return b.Node, nil
	}
	if l.base != nil && l.base.HasApart(i, hash) {
		return l.base.At(i), nil
	}
	input, ok := l.inputs[string(hash)]
	if !ok {
		return l.blankSubtree(hash, i)
	}
	n, err := l.read(input, hash, i)
	if err == nil {
		l.built[string(hash)] = ratchettree.Subtree{Node: n, Index: i}
	}
	return n, err
}

// read returns the node with the given input, hash and index.
func (l *treeLoader) read(input, hash []byte, i ratchettree.NodeIndex) (*ratchettree.Node, error) {
	in, err := wire.ParseNew(input, "TreeHashInput", (*treeHashInput).unmarshal)
	if err != nil {
		return nil, err
	}
	if i.IsLeaf() != (in.leaf != nil) || i.IsLeaf() && in.index != i.Leaf() {
		return nil, badState("node %d of the ratchet tree is of the wrong type, or another leaf", i)
	}
	n := &ratchettree.Node{Blank: ratchettree.NoLeaf, Owner: l.token, Parent: in.parent}
	if in.leaf != nil {
		l.hasher.Fill(n, in.leaf)
		n.Members = 1
	} else {
		if n.Left, err = l.node(in.left, i.Left()); err != nil {
			return nil, err
		}
		if n.Right, err = l.node(in.right, i.Right()); err != nil {
			return nil, err
		}
		n.Count()
	}
	l.hasher.Node(n, i)
	if l.hasher.Err != nil {
		return nil, l.hasher.Err
	}
	if n.Members == 0 || !bytes.Equal(n.Hash(l.hasher.Size), hash) {
		return nil, badState("node %d of the ratchet tree does not match its hash", i)
	}
	return n, nil
}

// blankSubtree returns a node that was not saved because everything below it is blank.
func (l *treeLoader) blankSubtree(hash []byte, i ratchettree.NodeIndex) (*ratchettree.Node, error) {
	n := l.blank[i]
	if n == nil {
		n = &ratchettree.Node{Blank: ratchettree.FirstLeaf(i), Owner: l.token}
		l.hasher.Node(n, i)
		l.blank[i] = n
	}
	if !bytes.Equal(n.Hash(l.hasher.Size), hash) {
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
