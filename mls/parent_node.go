package mls

import (
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
)

// NodeIndex is the index of a node of the ratchet tree in the array
// representation (RFC 9420, Appendix C).
type NodeIndex = treemath.NodeIndex

// parentNode is the public part of a parent of the ratchet tree (RFC 9420,
// Section 7.1).
//
//	struct {
//	    HPKEPublicKey encryption_key;
//	    opaque parent_hash<V>;
//	    uint32 unmerged_leaves<V>;
//	} ParentNode;
//
// The order of unmerged_leaves is for the validation of the tree to check.
type parentNode struct {
	encryptionKey  []byte
	parentHash     []byte
	unmergedLeaves []LeafIndex
}

func (n *parentNode) marshal(w *wire.Writer) {
	w.Bytes(n.encryptionKey)
	w.Bytes(n.parentHash)
	w.Vector(func(w *wire.Writer) {
		for _, i := range n.unmergedLeaves {
			w.Uint32(uint32(i))
		}
	})
}

func (n *parentNode) unmarshal(r *wire.Reader) {
	n.encryptionKey = r.Bytes()
	n.parentHash = r.Bytes()
	v := r.Vector()
	if !r.Charge(v.Len()) {
		return
	}
	n.unmergedLeaves = make([]LeafIndex, 0, v.Len()/4)
	for !v.Empty() {
		n.unmergedLeaves = append(n.unmergedLeaves, LeafIndex(v.Uint32()))
	}
}

// readLeaf reads a leaf, for which wire.ReadNew makes room.
func readLeaf(n *LeafNode, r *wire.Reader) { Read(r, n) }
