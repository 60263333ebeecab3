package ratchettree

import (
	"cmp"
	"slices"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/suite"
)

// TreeFromNodes returns the tree of an array representation (Section 12.4.3.3), which it
// keeps. The error wraps [message.ErrMalformed] unless the last node is not blank and
// every node has the type that its index demands. It is a [*message.ValidationError] if a
// key is in the tree twice. [Tree.Validate] checks everything else.
func TreeFromNodes(s suite.Suite, all *sparseTree) (*Tree, error) {
	if err := all.Check(); err != nil {
		return nil, err
	}
	width := uint32(1)
	for uint64(treemath.NodeCount(width)) < uint64(all.length) {
		width *= 2
	}
	token := new(EditToken)
	t := &Tree{TreeView: TreeView{Suite: s, HashSize: s.Info().Hash.Size, Width: width}}
	t.Root = BuildNode(all.Filled, t.RootIndex(), token)

	hasher := NewTreeHasher(s)
	fresh := func(n *Node) bool { return n.hashes == nil }
	err := hasher.walk(t.Root, t.RootIndex(), all.length, fresh, func(h *TreeHasher, n *Node, i NodeIndex) error {
		if n.Leaf != nil && n.Features == nil {
			h.Fill(n, n.Leaf)
		}
		h.Node(n, i)
		return h.Err
	})
	if err != nil {
		return nil, err
	}
	return t, t.EnterKeys()
}

// EnterKeys makes the index of the keys of t. The error is a [*message.ValidationError] if
// a key is in the tree twice.
func (t *Tree) EnterKeys() error {
	count := 0
	t.eachKey(func(HeldKey) { count++ })
	keys := NewKeyEdit(count)
	var clash error
	t.eachKey(func(k HeldKey) {
		if keys.Add(k.Kind, k.Key, k.Index) > 1 && clash == nil {
			clash = k.Clash()
		}
	})
	t.Keys = keys.Freeze()
	return clash
}

// eachKey yields the public keys in the tree, from left to right.
func (t *Tree) eachKey(yield func(HeldKey)) {
	t.eachFilled(func(i NodeIndex, n *Node) {
		if n.Leaf == nil {
			yield(HeldKey{EncryptionKey, i, n.Parent.EncryptionKey})
			return
		}
		yield(HeldKey{EncryptionKey, i, n.Leaf.EncryptionKey()})
		yield(HeldKey{SignatureKey, i, n.Leaf.SignatureKey()})
	})
}

// compare compares the index of a node with another.
func (n filledNode) compare(i NodeIndex) int { return cmp.Compare(n.index, i) }

// BuildNode returns the node with index i and all below it, without hashes; filled has
// those that are not blank. It returns nil for a blank leaf or a blank subtree, so that
// blank nodes take neither memory nor time.
func BuildNode(filled []filledNode, i NodeIndex, token *EditToken) *Node {
	if len(filled) == 0 {
		return nil
	}
	if i.IsLeaf() {
		return &Node{Leaf: filled[0].Leaf, Features: filled[0].features, Members: 1, Blank: NoLeaf, Owner: token}
	}
	middle, ok := slices.BinarySearchFunc(filled, i, filledNode.compare)
	below, above := filled[:middle], filled[middle:]
	var parent *ParentNode
	if ok {
		parent, above = above[0].Parent, above[1:]
	}
	left, right := BuildNode(below, i.Left(), token), BuildNode(above, i.Right(), token)
	if left == nil {
		left = &Node{Blank: FirstLeaf(i.Left()), Owner: token}
	}
	if right == nil {
		right = &Node{Blank: FirstLeaf(i.Right()), Owner: token}
	}
	n := &Node{Left: left, Right: right, Parent: parent, Owner: token}
	n.Count()
	return n
}
