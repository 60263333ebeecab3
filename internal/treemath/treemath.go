// Package treemath is the arithmetic of full binary trees in array representation
// (RFC 9420, Appendix C).
//
// A tree of width leaves, a power of two of at most [MaxLeaves], has 2*width-1
// nodes: leaf i is node 2i, parents have odd indices.
package treemath

import "math/bits"

// MaxLeaves is the width of the widest tree whose nodes a [NodeIndex] can count.
const MaxLeaves = 1 << 31

// LeafIndex counts leaves from the left, from 0. An index from outside can have any
// value: compare it with the width of the tree before you call [NodeOf].
type LeafIndex uint32

// NodeIndex counts nodes from the left, from 0: leaf i is node 2i.
type NodeIndex uint32

// NodeOf returns the index of leaf i among all nodes, for i below [MaxLeaves].
func NodeOf(i LeafIndex) NodeIndex { return NodeIndex(i) << 1 }

// NodeCount returns the number of nodes in a tree of the given width.
func NodeCount(leaves uint32) uint32 {
	if leaves == 0 {
		return 0
	}
	return 2*(leaves-1) + 1
}

// Root returns the root of a tree of the given width.
func Root(leaves uint32) NodeIndex { return NodeIndex(leaves - 1) }

// IsLeaf reports whether n is a leaf.
func (n NodeIndex) IsLeaf() bool { return n&1 == 0 }

// Leaf returns the leaf index of n, which is a leaf.
func (n NodeIndex) Leaf() LeafIndex { return LeafIndex(n >> 1) }

// Level returns the height of n above the leaves, which are at level 0.
func (n NodeIndex) Level() int { return bits.TrailingZeros32(^uint32(n)) }

// Left returns the left child of a parent; a leaf is its own.
func (n NodeIndex) Left() NodeIndex { return n ^ n.zeroBit()>>1 }

// Right returns the right child of a parent; a leaf is its own.
func (n NodeIndex) Right() NodeIndex { return n ^ (n.zeroBit()>>1 | n.zeroBit()&^1) }

// zeroBit returns the lowest zero bit of n, 1 << n.Level().
func (n NodeIndex) zeroBit() NodeIndex { return NodeIndex(1) << n.Level() }

// Parent returns the parent of n in a tree of the given width, or false if n is
// the root or outside the tree.
func (n NodeIndex) Parent(leaves uint32) (NodeIndex, bool) {
	if n == Root(leaves) || uint32(n) >= NodeCount(leaves) {
		return 0, false
	}
	return n.up(), true
}

// up returns the parent of n in a tree that is wide enough.
func (n NodeIndex) up() NodeIndex {
	bit := n.zeroBit()
	return (n | bit) &^ (bit << 1)
}

// Sibling returns the other child of the parent of n, or false where n has none.
func (n NodeIndex) Sibling(leaves uint32) (NodeIndex, bool) {
	if _, ok := n.Parent(leaves); !ok {
		return 0, false
	}
	return n.sibling(), true
}

func (n NodeIndex) sibling() NodeIndex { return n ^ n.zeroBit()<<1 }

// DirectPath returns the ancestors of n from its parent up to the root.
func (n NodeIndex) DirectPath(leaves uint32) []NodeIndex {
	return n.path(leaves, func(n NodeIndex) NodeIndex { return n.up() })
}

// Copath returns the sibling of n and those of its ancestors below the root: the
// other child of each node of the direct path, in the same order.
func (n NodeIndex) Copath(leaves uint32) []NodeIndex {
	return n.path(leaves, func(n NodeIndex) NodeIndex { return n.sibling() })
}

// path returns what each gives for n and for its ancestors below the root.
func (n NodeIndex) path(leaves uint32, each func(NodeIndex) NodeIndex) []NodeIndex {
	root := Root(leaves)
	if n == root || uint32(n) >= NodeCount(leaves) {
		return nil
	}
	path := make([]NodeIndex, 0, root.Level()-n.Level())
	for ; n != root; n = n.up() {
		path = append(path, each(n))
	}
	return path
}

// InSubtree reports whether n is root or below it.
func (n NodeIndex) InSubtree(root NodeIndex) bool {
	level := root.Level()
	return n.Level() <= level && n>>(level+1) == root>>(level+1)
}

// IsAncestorOf reports whether n is above m.
func (n NodeIndex) IsAncestorOf(m NodeIndex) bool { return n != m && m.InSubtree(n) }

// CommonAncestor returns the lowest node that has both a and b in its subtree.
func CommonAncestor(a, b NodeIndex) NodeIndex {
	switch {
	case a.InSubtree(b):
		return b
	case b.InSubtree(a):
		return a
	}
	// Neither holds the other, so their highest differing bit is that of the
	// ancestor's level.
	level := bits.Len32(uint32(a^b)) - 1
	bit := NodeIndex(1) << level
	return a&^(bit|(bit-1)) | (bit - 1)
}
