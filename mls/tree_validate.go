package mls

import (
	"github.com/mlsuite/mlsuite/internal/treemath"
)

// validate checks what a joiner has to check of a tree, apart from its leaves and its
// hash (RFC 9420, Sections 7.1, 7.9.2 and 12.4.3.1): the unmerged leaves, the parent
// hashes and the public keys of the parent nodes. treeFromNodes has checked that no key
// is in the tree twice. The error is a [*ValidationError].
func (t *tree) validate() error {
	if err := checkUnmerged(t.root, t.rootIndex(), nil); err != nil {
		return err
	}
	nodes := treemath.NodeCount(t.width)
	hashes := parentHashes{originals: make([]*originalHash, nodes)}
	populated := func(n *node) bool { return n.members > 0 }
	return newTreeHasher(t.suite).walk(t.root, t.rootIndex(), int(nodes), populated,
		func(h *treeHasher, n *node, i NodeIndex) error {
			if n.parent == nil {
				return nil
			}
			if err := t.suite.CheckPublicKey(n.parent.encryptionKey); err != nil {
				return violation("7.1", "encryption_key of parent node %d is a public key", i).because(err)
			}
			return hashes.verify(h, n, i)
		})
}

// checkUnmerged checks the unmerged leaves of n, whose index is i, and of all nodes below
// it. above has the unmerged leaves, below n, of the next parent node above n, in
// increasing order.
func checkUnmerged(n *node, i NodeIndex, above []LeafIndex) error {
	if n.members == 0 {
		if len(above) > 0 {
			return violation("12.4.3.1", "unmerged leaf is not blank").atLeaf(above[0])
		}
		return checkMemberless(n, i)
	}
	if i.IsLeaf() {
		return nil
	}
	if n.parent != nil {
		unmerged := n.parent.unmergedLeaves
		for k, leaf := range unmerged {
			if k > 0 && unmerged[k-1] >= leaf {
				return violation("7.1", "unmerged_leaves of parent node %d are in increasing order", i).atLeaf(leaf)
			}
			// The node of an index of 2^31 and more would be another leaf's.
			if leaf >= treemath.MaxLeaves || !leaf.Node().InSubtree(i) {
				return violation("12.4.3.1", "unmerged leaf of parent node %d is below it", i).atLeaf(leaf)
			}
		}
		if missing := difference(above, unmerged); len(missing) > 0 {
			return violation("12.4.3.1", "unmerged leaf of a parent node is so at node %d between them", i).atLeaf(missing[0])
		}
		above = unmerged
	}
	left, right := splitLeaves(above, i)
	if err := checkUnmerged(n.left, i.Left(), left); err != nil {
		return err
	}
	return checkUnmerged(n.right, i.Right(), right)
}

// checkMemberless returns an error if a parent node without members below it is not
// blank. It checks n and the nodes below n. No leaf can have set such a node.
func checkMemberless(n *node, i NodeIndex) error {
	if n.parent != nil {
		return violation("7.9.2", "parent node %d is parent-hash valid", i)
	}
	if n.left == nil {
		return nil
	}
	if err := checkMemberless(n.left, i.Left()); err != nil {
		return err
	}
	return checkMemberless(n.right, i.Right())
}
