package ratchettree

import (
	"bytes"
	"slices"
	"sort"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
)

// parentHash returns the hash of
//
//	struct {
//	    HPKEPublicKey encryption_key;
//	    opaque parent_hash<V>;
//	    opaque original_sibling_tree_hash<V>;
//	} ParentHashInput;
//
// (RFC 9420, Section 7.9) for parent node p.
func (h *TreeHasher) parentHash(p *ParentNode, siblingHash []byte) []byte {
	h.w.Bytes(p.EncryptionKey)
	h.w.Bytes(p.ParentHash)
	h.w.Bytes(siblingHash)
	return h.sum()
}

// parentHashes verifies the parent hashes of a tree to join (RFC 9420, Section 7.9.2). It
// may verify subtrees that do not overlap on several cores at once.
type parentHashes struct {
	// originals has, at each node's index, the last original tree hash that was computed
	// for it: parents one above the other mostly ask for the same one.
	originals []*originalHash
}

// originalHash is the tree hash of a node without some leaves.
type originalHash struct {
	without []message.LeafIndex
	hash    []byte
}

// verify returns an error unless a descendant of parent node n, whose index is i, has a
// parent hash that is valid with respect to n. If that holds for all parent nodes below
// as well, n is parent-hash valid.
//
// No two descendants can have one: each would have to hash the other.
func (v *parentHashes) verify(h *TreeHasher, n *Node, i NodeIndex) error {
	left, right := splitLeaves(n.Parent.UnmergedLeaves, i)
	if claim := parentHashClaim(n.Left, i.Left(), left); len(claim) > 0 {
		if bytes.Equal(claim, h.parentHash(n.Parent, v.original(h, n.Right, i.Right(), right))) {
			return nil
		}
	}
	if claim := parentHashClaim(n.Right, i.Right(), right); len(claim) > 0 {
		if bytes.Equal(claim, h.parentHash(n.Parent, v.original(h, n.Left, i.Left(), left))) {
			return nil
		}
	}
	return fault.Violation("7.9.2", "parent node %d is not parent-hash valid", i)
}

// splitLeaves splits the leaves, in increasing order, below a parent node with
// index i into those below its left child and those below the right one.
func splitLeaves(leaves []message.LeafIndex, i NodeIndex) (left, right []message.LeafIndex) {
	middle := sort.Search(len(leaves), func(k int) bool { return treemath.NodeOf(leaves[k]) > i })
	return leaves[:middle], leaves[middle:]
}

// parentHashClaim returns the parent hash of the only node below child c that can have
// been updated together with c's parent, or nil if there is none. The node has to be in
// the resolution of c, and the rest of the resolution has to be exactly the leaves below
// c that are unmerged at the parent.
func parentHashClaim(c *Node, i NodeIndex, unmerged []message.LeafIndex) []byte {
	var updated *Node
	one := c.resolve(i, func(n *Node, i NodeIndex) bool {
		switch {
		case len(unmerged) > 0 && treemath.NodeOf(unmerged[0]) == i:
			unmerged = unmerged[1:]
			return true
		case updated == nil && n != nil:
			updated = n
			return true
		}
		return false
	})
	switch {
	case !one || updated == nil || len(unmerged) > 0:
		return nil
	case updated.Parent != nil:
		return updated.Parent.ParentHash
	}
	return updated.Leaf.parentHash()
}

// original returns the original tree hash of n, whose index is i: its tree hash in the
// tree without some leaves. The leaves are in increasing order, all of them below n.
func (v *parentHashes) original(h *TreeHasher, n *Node, i NodeIndex, without []message.LeafIndex) []byte {
	if len(without) == 0 {
		return n.Hash(h.Size)
	}
	if i.IsLeaf() {
		return h.leaf(i.Leaf(), nil)
	}
	if o := v.originals[i]; o != nil && slices.Equal(o.without, without) {
		return o.hash
	}
	left, right := splitLeaves(without, i)
	leftHash := v.original(h, n.Left, i.Left(), left)
	rightHash := v.original(h, n.Right, i.Right(), right)
	p := n.Parent
	if p != nil {
		p = &ParentNode{EncryptionKey: p.EncryptionKey, ParentHash: p.ParentHash,
			UnmergedLeaves: difference(p.UnmergedLeaves, without)}
	}
	o := &originalHash{without: without, hash: h.parent(p, leftHash, rightHash)}
	v.originals[i] = o
	return o.hash
}

// difference returns the elements of a that are not in b. Both are in increasing order.
func difference(a, b []message.LeafIndex) []message.LeafIndex {
	rest := make([]message.LeafIndex, 0, max(len(a)-len(b), 0))
	for _, i := range a {
		for len(b) > 0 && b[0] < i {
			b = b[1:]
		}
		if len(b) == 0 || b[0] != i {
			rest = append(rest, i)
		}
	}
	return rest
}
