package mls

import (
	"bytes"
	"runtime"

	"github.com/mlsuite/mlsuite/internal/parallel"
)

// nodeWork does work for a node with the given index, with the help of a treeHasher.
type nodeWork func(*treeHasher, *node, NodeIndex) error

// walk does work for n, whose index is i, and for the nodes below it, children before
// their parents, except in subtrees that want refuses. If it pays for about the given
// number of nodes, walk uses all cores, each part of the tree with its own treeHasher. It
// stops at the first error and returns it.
func (h *treeHasher) walk(n *node, i NodeIndex, nodes int, want func(*node) bool, work nodeWork) error {
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
		another := &treeHasher{suite: h.suite, size: h.size, visits: h.visits}
		return another.postorder(parts[k].node, parts[k].index, want, work)
	})
	for k := 0; k < len(above) && err == nil; k++ {
		err = work(h, above[k].node, above[k].index)
	}
	return err
}

func (h *treeHasher) postorder(n *node, i NodeIndex, want func(*node) bool, work nodeWork) error {
	if !want(n) {
		return nil
	}
	if n.left != nil {
		if err := h.postorder(n.left, i.Left(), want, work); err != nil {
			return err
		}
		if err := h.postorder(n.right, i.Right(), want, work); err != nil {
			return err
		}
	}
	return work(h, n, i)
}

// subtree is a node with its index.
type subtree struct {
	node  *node
	index NodeIndex
}

// cut cuts the tree below n into parts, at most depth levels below n, and the nodes above
// the parts, children before their parents.
func (n *node) cut(i NodeIndex, depth int, want func(*node) bool) (parts, above []subtree) {
	var down func(n *node, i NodeIndex, depth int)
	down = func(n *node, i NodeIndex, depth int) {
		switch {
		case !want(n):
		case depth == 0 || n.left == nil:
			parts = append(parts, subtree{n, i})
		default:
			down(n.left, i.Left(), depth-1)
			down(n.right, i.Right(), depth-1)
			above = append(above, subtree{n, i})
		}
	}
	down(n, i, depth)
	return parts, above
}

// differing yields the nodes with members below them that differ from those of base,
// which may be nil.
func (t *tree) differing(base *tree, yield func(*node, NodeIndex)) {
	var down func(n, b *node, i NodeIndex)
	down = func(n, b *node, i NodeIndex) {
		if base != nil && b == nil && i == base.rootIndex() {
			b = base.root
		}
		if n == nil || n.members == 0 || b != nil && (n == b || bytes.Equal(n.hash(t.hashSize), b.hash(t.hashSize))) {
			return
		}
		yield(n, i)
		if i.IsLeaf() {
			return
		}
		var left, right *node
		if b != nil {
			left, right = b.left, b.right
		}
		down(n.left, left, i.Left())
		down(n.right, right, i.Right())
	}
	var b *node
	if base != nil {
		b = base.at(t.rootIndex())
	}
	down(t.root, b, t.rootIndex())
}
