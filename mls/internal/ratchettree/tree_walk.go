package ratchettree

import (
	"bytes"
	"runtime"

	"github.com/mlsuite/mlsuite/internal/parallel"
)

// nodeWork does work for a node with the given index, with the help of a TreeHasher.
type nodeWork func(*TreeHasher, *Node, NodeIndex) error

// walk does work for n, whose index is i, and for the nodes below it, children before
// their parents, except in subtrees that want refuses. If it pays for about the given
// number of nodes, walk uses all cores, each part of the tree with its own TreeHasher. It
// stops at the first error and returns it.
func (h *TreeHasher) walk(n *Node, i NodeIndex, nodes int, want func(*Node) bool, work nodeWork) error {
	const worthwhile = 512
	if nodes < worthwhile {
		return h.postorder(n, i, want, work)
	}
	depth := 0
	for 1<<depth < 8*runtime.GOMAXPROCS(0) {
		depth++
	}
	parts, above := n.cut(i, depth, want)
	err := parallel.For(len(parts), func(k int) error {
		another := &TreeHasher{Suite: h.Suite, Size: h.Size, visits: h.visits}
		return another.postorder(parts[k].Node, parts[k].Index, want, work)
	})
	for k := 0; k < len(above) && err == nil; k++ {
		err = work(h, above[k].Node, above[k].Index)
	}
	return err
}

func (h *TreeHasher) postorder(n *Node, i NodeIndex, want func(*Node) bool, work nodeWork) error {
	if !want(n) {
		return nil
	}
	if n.Left != nil {
		if err := h.postorder(n.Left, i.Left(), want, work); err != nil {
			return err
		}
		if err := h.postorder(n.Right, i.Right(), want, work); err != nil {
			return err
		}
	}
	return work(h, n, i)
}

// Subtree is a node with its index.
type Subtree struct {
	Node  *Node
	Index NodeIndex
}

// cut cuts the tree below n into parts, at most depth levels below n, and the nodes above
// the parts, children before their parents.
func (n *Node) cut(i NodeIndex, depth int, want func(*Node) bool) (parts, above []Subtree) {
	var down func(n *Node, i NodeIndex, depth int)
	down = func(n *Node, i NodeIndex, depth int) {
		switch {
		case !want(n):
		case depth == 0 || n.Left == nil:
			parts = append(parts, Subtree{n, i})
		default:
			down(n.Left, i.Left(), depth-1)
			down(n.Right, i.Right(), depth-1)
			above = append(above, Subtree{n, i})
		}
	}
	down(n, i, depth)
	return parts, above
}

// Differing yields the nodes with members below them that differ from those of base,
// which may be nil, except a root: a parent that is a root is saved with its tree and not
// by itself, so where one tree has its root, another has a node that differs.
func (t *Tree) Differing(base *Tree, yield func(*Node, NodeIndex)) {
	var down func(n, b *Node, i NodeIndex)
	down = func(n, b *Node, i NodeIndex) {
		if base != nil && b == nil && i == base.RootIndex() {
			b = base.Root
		}
		if n == nil || n.Members == 0 {
			return
		}
		same := b != nil && (n == b || bytes.Equal(n.Hash(t.HashSize), b.Hash(t.HashSize)))
		if !t.rootParent(i) && !(same && !base.rootParent(i)) {
			yield(n, i)
		}
		if same || i.IsLeaf() {
			return
		}
		var left, right *Node
		if b != nil {
			left, right = b.Left, b.Right
		}
		down(n.Left, left, i.Left())
		down(n.Right, right, i.Right())
	}
	var b *Node
	if base != nil {
		b = base.At(t.RootIndex())
	}
	down(t.Root, b, t.RootIndex())
}

// rootParent reports whether a node is the root, and no leaf.
func (t *Tree) rootParent(i NodeIndex) bool { return i == t.RootIndex() && !i.IsLeaf() }

// HasApart reports whether the tree has a node with the given hash at i, which is no root.
func (t *Tree) HasApart(i NodeIndex, hash []byte) bool {
	n := t.At(i)
	return n != nil && bytes.Equal(n.Hash(t.HashSize), hash) && !t.rootParent(i)
}
