package ratchettree

import (
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/message"
)

// nodeType says what a node of a ratchet_tree extension is (RFC 9420, Section 7.8).
type nodeType uint8

// The types of nodes (RFC 9420, Section 7.8).
const (
	NodeLeaf   nodeType = 1
	NodeParent nodeType = 2
)

// TreeNode is an optional<Node> of a ratchet_tree extension (RFC 9420, Section 12.4.3.3).
// A blank node has neither field.
//
//	struct {
//	    NodeType node_type;
//	    select (Node.node_type) {
//	        case leaf:   LeafNode leaf_node;
//	        case parent: ParentNode parent_node;
//	    };
//	} Node;
type TreeNode struct {
	Leaf   *message.LeafNode
	Parent *ParentNode
}

func (n *TreeNode) blank() bool { return n.Leaf == nil && n.Parent == nil }

// checkAt returns an error of package wire if a leaf or a parent stands at an index of the
// other type.
func checkAt(i NodeIndex, leaf, parent bool) error {
	if isLeaf := i.IsLeaf(); isLeaf && parent || !isLeaf && leaf {
		return wire.Malformed("ratchet tree has a node of the wrong type at index %d", i)
	}
	return nil
}

func (n *TreeNode) marshal(w *wire.Writer) {
	switch {
	case !w.Optional(!n.blank()):
	case n.Leaf != nil:
		w.Uint8(uint8(NodeLeaf))
		message.Write(w, n.Leaf)
	default:
		n.Parent.marshalNode(w)
	}
}

// unmarshal reads a node, with room for a leaf as a structure.
func (n *filledNode) unmarshal(r *wire.Reader, room *LeafRoom) {
	if !r.Optional() {
		return
	}
	switch wire.ReadEnum(r, "node type", NodeParent) {
	case NodeLeaf:
		n.Leaf = room.readPacked(r)
	case NodeParent:
		n.Parent = wire.ReadNew(r, (*ParentNode).Unmarshal)
	}
}

// RatchetTree is the content of the ratchet_tree extension of a GroupInfo: the nodes from
// left to right, up to the last that is not blank (RFC 9420, Section 12.4.3.3).
//
//	optional<Node> ratchet_tree<V>;
type RatchetTree []TreeNode

var errNoNodes = wire.Malformed("ratchet tree has no nodes")

// trimmed returns the tree without the blank nodes at its end.
func (t RatchetTree) trimmed() RatchetTree {
	for len(t) > 0 && t[len(t)-1].blank() {
		t = t[:len(t)-1]
	}
	return t
}

// Marshal writes t without the blank nodes at its end. It makes w fail if a leaf or a
// parent stands where it cannot.
func (t RatchetTree) Marshal(w *wire.Writer) {
	t = t.trimmed()
	if len(t) == 0 {
		w.Fail(errNoNodes)
	}
	for i := range t {
		if err := checkAt(NodeIndex(i), t[i].Leaf != nil, t[i].Parent != nil); err != nil {
			w.Fail(err)
		}
	}
	wire.WriteAll(w, t, (*TreeNode).marshal)
}

// sparseTree is a RatchetTree as it is read. Its blank nodes, of one byte each, take no
// memory.
type sparseTree struct {
	length int // nodes, with the blank ones
	Filled []filledNode
}

// filledNode is a node that is not blank.
type filledNode struct {
	index    NodeIndex
	Leaf     Leaf
	Parent   *ParentNode
	features *Features // of a leaf that was read
}

func (n *filledNode) blank() bool { return n.Leaf == nil && n.Parent == nil }

// Sparse returns the tree in the form in which it is read. Its leaves have to be such as
// parse.
func (t RatchetTree) Sparse() *sparseTree {
	s, w := &sparseTree{length: len(t)}, new(wire.Writer)
	for i := range t {
		if t[i].blank() {
			continue
		}
		n := filledNode{index: NodeIndex(i), Parent: t[i].Parent}
		if t[i].Leaf != nil {
			n.Leaf, _ = packLeaf(w, t[i].Leaf)
		}
		s.Filled = append(s.Filled, n)
	}
	return s
}

// Check returns an error that wraps [message.ErrMalformed] unless the tree ends with a
// node that is not blank, and leaves stand at even indices and parents at odd ones.
func (t *sparseTree) Check() error {
	if t.length == 0 {
		return errNoNodes
	}
	if len(t.Filled) == 0 || int(t.Filled[len(t.Filled)-1].index) != t.length-1 {
		return wire.Malformed("ratchet tree ends with a blank node")
	}
	for i := range t.Filled {
		if err := checkAt(t.Filled[i].index, t.Filled[i].Leaf != nil, t.Filled[i].Parent != nil); err != nil {
			return err
		}
	}
	return nil
}

func (t *sparseTree) unmarshal(r *wire.Reader) {
	r.Within(func() {
		count := 0
		r.Count(func(r *wire.Reader) {
			if !skipNode(r) {
				count++
			}
		})
		if !r.Charge(count * wire.SizeOf[filledNode]()) {
			return
		}
		t.Filled = make([]filledNode, 0, count)
		var room LeafRoom
		var features alike
		for ; !r.Empty(); t.length++ {
			n := filledNode{index: NodeIndex(t.length)}
			n.unmarshal(r, &room)
			if n.Leaf != nil && r.Charge(wire.SizeOf[Features]()+wire.SizeOf[common]()+len(n.Leaf)) { // their lists are shorter than the leaf
				n.features = features.of(&room.leaf)
			}
			if r.Err() == nil && !n.blank() {
				t.Filled = append(t.Filled, n)
			}
		}
	})
	if r.Err() != nil {
		return
	}
	if err := t.Check(); err != nil {
		r.Fail(err)
	}
}

// skipNode passes over an optional<Node> and reports whether it is blank.
func skipNode(r *wire.Reader) (blank bool) {
	if !r.Optional() {
		return true
	}
	if nodeType(r.Uint8()) == NodeLeaf {
		message.Skip(r, (*message.LeafNode)(nil))
		return false
	}
	for range 3 {
		r.Skip()
	}
	return false
}

// ParseRatchetTree reads the data of a ratchet_tree extension. The error wraps
// [message.ErrMalformed].
func ParseRatchetTree(b []byte) (*sparseTree, error) {
	return wire.ParseNew(b, "ratchet_tree", (*sparseTree).unmarshal)
}

// Unmarshal reads a tree with its blank nodes.
func (t *RatchetTree) Unmarshal(r *wire.Reader) {
	var s sparseTree
	s.unmarshal(r)
	if r.Err() == nil {
		*t = s.Expanded()
	}
}

// Expanded returns the array representation of the tree.
func (t *sparseTree) Expanded() RatchetTree {
	all := make(RatchetTree, t.length)
	for _, n := range t.Filled {
		all[n.index] = TreeNode{Leaf: n.Leaf.LeafNode(), Parent: n.Parent}
	}
	return all
}

// NodeIndex is the index of a node of the ratchet tree in the array representation (RFC
// 9420, Appendix C).
type NodeIndex = treemath.NodeIndex

// ParentNode is the public part of a parent of the ratchet tree (RFC 9420,
// Section 7.1).
//
//	struct {
//	    HPKEPublicKey encryption_key;
//	    opaque parent_hash<V>;
//	    uint32 unmerged_leaves<V>;
//	} ParentNode;
//
// The order of unmerged_leaves is for the validation of the tree to check.
type ParentNode struct {
	EncryptionKey  []byte
	ParentHash     []byte
	UnmergedLeaves []message.LeafIndex
}

// marshalNode writes n as a Node.
func (n *ParentNode) marshalNode(w *wire.Writer) {
	w.Uint8(uint8(NodeParent))
	n.marshal(w)
}

func (n *ParentNode) marshal(w *wire.Writer) {
	w.Bytes(n.EncryptionKey)
	w.Bytes(n.ParentHash)
	w.Vector(func(w *wire.Writer) {
		for _, i := range n.UnmergedLeaves {
			w.Uint32(uint32(i))
		}
	})
}

// Unmarshal reads n.
func (n *ParentNode) Unmarshal(r *wire.Reader) {
	var key, hash []byte
	r.Lend(func() { key, hash = r.Bytes(), r.Bytes() })
	if !r.Charge(len(key) + len(hash)) {
		return
	}
	both := make([]byte, len(key)+len(hash)) // in one piece: they come and go together
	copy(both[copy(both, key):], hash)
	n.EncryptionKey, n.ParentHash = both[:len(key):len(key)], both[len(key):len(both):len(both)]
	v := r.Vector()
	if !r.Charge(v.Len()) {
		return
	}
	n.UnmergedLeaves = make([]message.LeafIndex, 0, v.Len()/4)
	for !v.Empty() {
		n.UnmergedLeaves = append(n.UnmergedLeaves, message.LeafIndex(v.Uint32()))
	}
}
