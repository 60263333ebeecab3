package mls

import (
	"github.com/mlsuite/mlsuite/internal/wire"
)

// nodeType says what a node of a ratchet_tree extension is (RFC 9420, Section 7.8).
type nodeType uint8

const (
	nodeLeaf   nodeType = 1
	nodeParent nodeType = 2
)

// treeNode is an optional<Node> of a ratchet_tree extension (RFC 9420,
// Section 12.4.3.3). A blank node has neither field.
//
//	struct {
//	    NodeType node_type;
//	    select (Node.node_type) {
//	        case leaf:   LeafNode leaf_node;
//	        case parent: ParentNode parent_node;
//	    };
//	} Node;
type treeNode struct {
	leaf   *LeafNode
	parent *parentNode
}

func (n *treeNode) blank() bool { return n.leaf == nil && n.parent == nil }

// checkAt returns an error of package wire unless leaves stand at even indices and
// parents at odd ones.
func (n *treeNode) checkAt(i NodeIndex) error {
	if isLeaf := i.IsLeaf(); isLeaf && n.parent != nil || !isLeaf && n.leaf != nil {
		return wire.Malformed("ratchet tree has a node of the wrong type at index %d", i)
	}
	return nil
}

func (n *treeNode) marshal(w *wire.Writer) {
	switch {
	case !w.Optional(!n.blank()):
	case n.leaf != nil:
		w.Uint8(uint8(nodeLeaf))
		Write(w, n.leaf)
	default:
		w.Uint8(uint8(nodeParent))
		n.parent.marshal(w)
	}
}

func (n *treeNode) unmarshal(r *wire.Reader) {
	if !r.Optional() {
		return
	}
	switch wire.ReadEnum(r, "node type", nodeParent) {
	case nodeLeaf:
		n.leaf = wire.ReadNew(r, readLeaf)
	case nodeParent:
		n.parent = wire.ReadNew(r, (*parentNode).unmarshal)
	}
}

// ratchetTree is the content of the ratchet_tree extension of a GroupInfo: the
// nodes from left to right, up to the last that is not blank (RFC 9420,
// Section 12.4.3.3).
//
//	optional<Node> ratchet_tree<V>;
type ratchetTree []treeNode

var errNoNodes = wire.Malformed("ratchet tree has no nodes")

// trimmed returns the tree without the blank nodes at its end.
func (t ratchetTree) trimmed() ratchetTree {
	for len(t) > 0 && t[len(t)-1].blank() {
		t = t[:len(t)-1]
	}
	return t
}

func (t ratchetTree) marshal(w *wire.Writer) {
	t = t.trimmed()
	if len(t) == 0 {
		w.Fail(errNoNodes)
	}
	for i := range t {
		if err := t[i].checkAt(NodeIndex(i)); err != nil {
			w.Fail(err)
		}
	}
	w.Grow(t.about())
	wire.WriteAll(w, t, (*treeNode).marshal)
}

// about returns the approximate size of the encoded tree, so that a buffer for a large
// tree need not grow.
func (t ratchetTree) about() int {
	size := 4
	for i := range t {
		size++
		if leaf := t[i].leaf; leaf != nil {
			size += 64 + len(leaf.EncryptionKey) + len(leaf.SignatureKey) + len(leaf.Credential.Content) +
				len(leaf.ParentHash) + len(leaf.Signature) + 2*len(leaf.Capabilities.CipherSuites)
			for _, x := range leaf.Extensions {
				size += 8 + len(x.Data)
			}
		} else if parent := t[i].parent; parent != nil {
			size += 16 + len(parent.encryptionKey) + len(parent.parentHash) + 4*len(parent.unmergedLeaves)
		}
	}
	return size
}

// sparseTree is a ratchetTree as it is read. Its blank nodes, of one byte each, take no
// memory.
type sparseTree struct {
	length int // nodes, with the blank ones
	filled []filledNode
}

// filledNode is a node that is not blank.
type filledNode struct {
	index NodeIndex
	treeNode
}

// sparse returns the tree in the form in which it is read.
func (t ratchetTree) sparse() *sparseTree {
	s := &sparseTree{length: len(t)}
	for i := range t {
		if !t[i].blank() {
			s.filled = append(s.filled, filledNode{NodeIndex(i), t[i]})
		}
	}
	return s
}

// check returns an error of package wire unless the tree ends with a node that is not
// blank, and leaves stand at even indices and parents at odd ones.
func (t *sparseTree) check() error {
	if t.length == 0 {
		return errNoNodes
	}
	if len(t.filled) == 0 || int(t.filled[len(t.filled)-1].index) != t.length-1 {
		return wire.Malformed("ratchet tree ends with a blank node")
	}
	for i := range t.filled {
		if err := t.filled[i].checkAt(t.filled[i].index); err != nil {
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
		t.filled = make([]filledNode, 0, count)
		for ; !r.Empty(); t.length++ {
			n := filledNode{index: NodeIndex(t.length)}
			n.unmarshal(r)
			if r.Err() == nil && !n.blank() {
				t.filled = append(t.filled, n)
			}
		}
	})
	if r.Err() != nil {
		return
	}
	if err := t.check(); err != nil {
		r.Fail(err)
	}
}

// skipNode passes over an optional<Node> and reports whether it is blank.
func skipNode(r *wire.Reader) (blank bool) {
	if !r.Optional() {
		return true
	}
	if nodeType(r.Uint8()) == nodeLeaf {
		Skip(r, (*LeafNode)(nil))
		return false
	}
	for range 3 {
		r.Skip()
	}
	return false
}

// parseRatchetTree reads the data of a ratchet_tree extension. Its error wraps
// ErrMalformed.
func parseRatchetTree(b []byte) (*sparseTree, error) {
	return wire.ParseNew(b, "ratchet_tree", (*sparseTree).unmarshal)
}
