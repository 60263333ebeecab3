package ratchettree

import (
	"sync/atomic"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// TreeHasher computes hashes of nodes, one after the other in one buffer.
type TreeHasher struct {
	Suite    suite.Suite
	Size     int // of a hash, in bytes
	w        wire.Writer
	Err      error // the first error of the codec
	features alike
	room     *LeafRoom // the leaf, once one was read

	visits *atomic.Int64 // counts the hashed nodes, unless nil
}

// NewTreeHasher returns a hasher of trees of a suite.
func NewTreeHasher(s suite.Suite) *TreeHasher {
	h := new(TreeHasher)
	h.init(s)
	return h
}

func (h *TreeHasher) init(s suite.Suite) {
	h.Suite, h.Size = s, s.Info().Hash.Size
	h.w.Grow(512) // for most leaves
}

// sum returns the hash of what was written, and resets the buffer for the next input.
func (h *TreeHasher) sum() []byte {
	input, err := h.w.Finish()
	if h.Err == nil {
		h.Err = err
	}
	sum := h.Suite.Hash(input)
	h.w.Reset()
	return sum
}

// leaf returns the tree hash of a leaf. leaf is nil if it is blank.
func (h *TreeHasher) leaf(i message.LeafIndex, leaf Leaf) []byte {
	WriteLeafHashInput(&h.w, i, leaf)
	return h.sum()
}

// WriteLeafHashInput writes the input of the hash of a leaf:
//
//	struct {
//	    NodeType node_type = leaf;
//	    uint32 leaf_index;
//	    optional<LeafNode> leaf_node;
//	} TreeHashInput;
//
// (RFC 9420, Section 7.8).
func WriteLeafHashInput(w *wire.Writer, i message.LeafIndex, leaf Leaf) {
	w.Uint8(uint8(NodeLeaf))
	w.Uint32(uint32(i))
	if w.Optional(leaf != nil) {
		w.Raw(leaf)
	}
}

// parent returns the tree hash of a parent node from those of its children. p is nil if
// the node is blank.
func (h *TreeHasher) parent(p *ParentNode, left, right []byte) []byte {
	WriteParentHashInput(&h.w, p, left, right)
	return h.sum()
}

// WriteParentHashInput writes the input of the hash of a parent node:
//
//	struct {
//	    NodeType node_type = parent;
//	    optional<ParentNode> parent_node;
//	    opaque left_hash<V>;
//	    opaque right_hash<V>;
//	} TreeHashInput;
//
// (RFC 9420, Section 7.8).
func WriteParentHashInput(w *wire.Writer, p *ParentNode, left, right []byte) {
	w.Uint8(uint8(NodeParent))
	if w.Optional(p != nil) {
		p.marshal(w)
	}
	w.Bytes(left)
	w.Bytes(right)
}

// blankHashes returns the hashes of a blank subtree, as a node keeps them, for the
// root's index i.
func (h *TreeHasher) blankHashes(i NodeIndex) []byte {
	nodes := 1<<(i.Level()+1) - 1
	out := make([]byte, nodes*h.Size)
	h.fillBlank(out, i)
	return out
}

func (h *TreeHasher) fillBlank(out []byte, i NodeIndex) {
	if i.IsLeaf() {
		copy(out, h.leaf(i.Leaf(), nil))
		return
	}
	left, right := blankChildren(out, h.Size)
	h.fillBlank(left, i.Left())
	h.fillBlank(right, i.Right())
	copy(out, h.parent(nil, left[:h.Size], right[:h.Size]))
}

// blankChildren splits the hashes of a blank subtree, without that of its root, into
// those of the left and the right child.
func blankChildren(hashes []byte, size int) (left, right []byte) {
	half := (len(hashes) - size) / 2
	return hashes[size : size+half : size+half], hashes[size+half:]
}

// Fill makes n a leaf node with a leaf and its features.
func (h *TreeHasher) Fill(n *Node, leaf Leaf) {
	if h.room == nil {
		h.room = new(LeafRoom)
	}
	h.fill(n, leaf, h.room.Read(leaf), nil)
}

// fill is Fill with the leaf as a structure, of which it keeps nothing. Others have the
// features group, or nil.
func (h *TreeHasher) fill(n *Node, leaf Leaf, read *message.LeafNode, group *Features) {
	n.Leaf, n.Features = leaf, h.features.of(read, n.Features, group) // n.Features are those of the leaf before
}

// Node computes the hashes of n, whose index is i, and the features of a parent. Its
// children have theirs.
func (h *TreeHasher) Node(n *Node, i NodeIndex) {
	if h.visits != nil {
		h.visits.Add(1)
	}
	switch {
	case i.IsLeaf():
		n.hashes = h.leaf(i.Leaf(), n.Leaf)
	case n.Left == nil:
		n.hashes = h.blankHashes(i)
	default:
		n.Features = n.Left.Features.Merge(n.Right.Features)
		n.hashes = h.parent(n.Parent, n.Left.Hash(h.Size), n.Right.Hash(h.Size))
	}
}

// Rehash computes the hashes and features of n, whose index is i, and of the nodes below
// it that have none. nodes is about the number of those. The error is the codec's.
func (h *TreeHasher) Rehash(n *Node, i NodeIndex, nodes int) error {
	stale := func(n *Node) bool { return n.hashes == nil }
	return h.walk(n, i, nodes, stale, func(h *TreeHasher, n *Node, i NodeIndex) error {
		h.Node(n, i)
		return h.Err
	})
}

// NodeHash returns the tree hash of any node, inside a blank subtree too: HashSize bytes.
func (t *Tree) NodeHash(index NodeIndex) []byte {
	n, i := t.Root, t.RootIndex()
	for i != index && n.Left != nil {
		n, i = n.toward(i, index)
	}
	hashes := n.hashes
	for i != index {
		left, right := blankChildren(hashes, t.HashSize)
		if index < i {
			hashes, i = left, i.Left()
		} else {
			hashes, i = right, i.Right()
		}
	}
	return hashes[:t.HashSize]
}
