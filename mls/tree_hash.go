package mls

import (
	"sync/atomic"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// treeHasher computes hashes of nodes, one after the other in one buffer.
type treeHasher struct {
	suite suite.Suite
	size  int // of a hash, in bytes
	w     wire.Writer
	err   error     // the first error of the codec
	last  *features // features of the leaf before, which the next leaf probably equals

	visits *atomic.Int64 // counts the hashed nodes, unless nil
}

func newTreeHasher(s suite.Suite) *treeHasher {
	return &treeHasher{suite: s, size: s.Info().Hash.Size}
}

// sum returns the hash of what was written, and resets the buffer for the next input.
func (h *treeHasher) sum() []byte {
	input, err := h.w.Finish()
	if h.err == nil {
		h.err = err
	}
	sum := h.suite.Hash(input)
	h.w.Reset()
	return sum
}

// leaf returns the tree hash of a leaf. leaf is nil if it is blank.
func (h *treeHasher) leaf(i LeafIndex, leaf *LeafNode) []byte {
	writeLeafHashInput(&h.w, i, leaf)
	return h.sum()
}

// writeLeafHashInput writes what the tree hash of a leaf is the hash of:
//
//	struct {
//	    NodeType node_type = leaf;
//	    uint32 leaf_index;
//	    optional<LeafNode> leaf_node;
//	} TreeHashInput;
//
// (RFC 9420, Section 7.8).
func writeLeafHashInput(w *wire.Writer, i LeafIndex, leaf *LeafNode) {
	w.Uint8(uint8(nodeLeaf))
	w.Uint32(uint32(i))
	if w.Optional(leaf != nil) {
		Write(w, leaf)
	}
}

// parent returns the tree hash of a parent node from those of its children. p is nil if
// the node is blank.
func (h *treeHasher) parent(p *parentNode, left, right []byte) []byte {
	writeParentHashInput(&h.w, p, left, right)
	return h.sum()
}

// writeParentHashInput writes what the tree hash of a parent node is the hash of:
//
//	struct {
//	    NodeType node_type = parent;
//	    optional<ParentNode> parent_node;
//	    opaque left_hash<V>;
//	    opaque right_hash<V>;
//	} TreeHashInput;
//
// (RFC 9420, Section 7.8).
func writeParentHashInput(w *wire.Writer, p *parentNode, left, right []byte) {
	w.Uint8(uint8(nodeParent))
	if w.Optional(p != nil) {
		p.marshal(w)
	}
	w.Bytes(left)
	w.Bytes(right)
}

// blankHashes returns the hashes of a blank subtree, as a node keeps them, for the
// root's index i.
func (h *treeHasher) blankHashes(i NodeIndex) []byte {
	nodes := 1<<(i.Level()+1) - 1
	out := make([]byte, nodes*h.size)
	h.fillBlank(out, i)
	return out
}

func (h *treeHasher) fillBlank(out []byte, i NodeIndex) {
	if i.IsLeaf() {
		copy(out, h.leaf(i.Leaf(), nil))
		return
	}
	left, right := blankChildren(out, h.size)
	h.fillBlank(left, i.Left())
	h.fillBlank(right, i.Right())
	copy(out, h.parent(nil, left[:h.size], right[:h.size]))
}

// blankChildren splits the hashes of a blank subtree, without that of its root, into
// those of the left and the right child.
func blankChildren(hashes []byte, size int) (left, right []byte) {
	half := (len(hashes) - size) / 2
	return hashes[size : size+half : size+half], hashes[size+half:]
}

// key returns the name of a public key in a keySet.
func (h *treeHasher) key(kind keyKind, key []byte) (name keyHash) {
	h.w.Uint8(uint8(kind))
	h.w.Raw(key)
	copy(name[:], h.sum())
	return name
}

// node computes the hashes and features of n, whose index is i. Its children have theirs.
func (h *treeHasher) node(n *node, i NodeIndex) {
	if h.visits != nil {
		h.visits.Add(1)
	}
	switch {
	case i.IsLeaf():
		if n.leaf == nil {
			n.features = nil
		} else {
			f := featuresOf(n.leaf)
			n.features = f.orEqual(n.features, h.last) // n.features are those of the leaf before
			h.last = n.features
		}
		n.hashes = h.leaf(i.Leaf(), n.leaf)
	case n.left == nil:
		n.hashes = h.blankHashes(i)
	default:
		n.features = n.left.features.merge(n.right.features)
		n.hashes = h.parent(n.parent, n.left.hash(h.size), n.right.hash(h.size))
	}
}

// rehash computes the hashes and features of n, whose index is i, and of the nodes below
// it that have none. nodes is about the number of those.
func (h *treeHasher) rehash(n *node, i NodeIndex, nodes int) error {
	stale := func(n *node) bool { return n.hashes == nil }
	return h.walk(n, i, nodes, stale, func(h *treeHasher, n *node, i NodeIndex) error {
		h.node(n, i)
		return h.err
	})
}
