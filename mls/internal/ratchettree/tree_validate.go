package ratchettree

import (
	"fmt"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Validate checks what a joiner has to check of a tree, apart from its leaves and its
// hash (RFC 9420, Sections 7.1, 7.9.2 and 12.4.3.1): the unmerged leaves, the parent
// hashes and the public keys of the parent nodes. [TreeFromNodes] has checked that no key
// is in the tree twice. The error is a [*message.ValidationError].
func (t *Tree) Validate() error {
	if err := checkUnmerged(t.Root, t.RootIndex(), nil); err != nil {
		return err
	}
	nodes := treemath.NodeCount(t.Width)
	hashes := parentHashes{originals: make([]*originalHash, nodes)}
	populated := func(n *Node) bool { return n.Members > 0 }
	return NewTreeHasher(t.Suite).walk(t.Root, t.RootIndex(), int(nodes), populated,
		func(h *TreeHasher, n *Node, i NodeIndex) error {
			if n.Parent == nil {
				return nil
			}
			if err := t.Suite.CheckPublicKey(n.Parent.EncryptionKey); err != nil {
				return fault.Violation("7.1", "encryption_key of parent node %d is not a public key of the suite", i).Because(err)
			}
			return hashes.verify(h, n, i)
		})
}

// checkUnmerged checks the unmerged leaves of n, whose index is i, and of all nodes below
// it. above has the unmerged leaves, below n, of the next parent node above n, in
// increasing order.
func checkUnmerged(n *Node, i NodeIndex, above []message.LeafIndex) error {
	if n.Members == 0 {
		if len(above) > 0 {
			return fault.Violation("12.4.3.1", "unmerged leaf is blank").AtLeaf(above[0])
		}
		return checkMemberless(n, i)
	}
	if i.IsLeaf() {
		return nil
	}
	if n.Parent != nil {
		if err := n.Parent.checkUnmergedIn(i); err != nil {
			return err
		}
		unmerged := n.Parent.UnmergedLeaves
		if missing := difference(above, unmerged); len(missing) > 0 {
			return fault.Violation("12.4.3.1", "leaf is unmerged at a parent node, but not at node %d below it", i).AtLeaf(missing[0])
		}
		above = unmerged
	}
	left, right := splitLeaves(above, i)
	if err := checkUnmerged(n.Left, i.Left(), left); err != nil {
		return err
	}
	return checkUnmerged(n.Right, i.Right(), right)
}

// checkMemberless returns an error if a parent node without members below it is not
// blank. It checks n and the nodes below n. No leaf can have set such a node.
func checkMemberless(n *Node, i NodeIndex) error {
	if n.Parent != nil {
		return fault.Violation("7.9.2", "parent node %d is not parent-hash valid", i)
	}
	if n.Left == nil {
		return nil
	}
	if err := checkMemberless(n.Left, i.Left()); err != nil {
		return err
	}
	return checkMemberless(n.Right, i.Right())
}

// CheckIndex returns an error unless the index of a tree's keys has those in it and no
// others, as it has by construction.
func (t *Tree) CheckIndex() error {
	n := 0
	var wrong error
	t.eachKey(func(k HeldKey) {
		if t.Keys.find(k.Kind, k.Key) != (keyHolders{1, uint32(k.Index)}) {
			wrong = fmt.Errorf("mls: index of keys lacks one of node %d", k.Index)
		}
		n++
	})
	if size := t.Keys.Stats().Keys; wrong == nil && size != n {
		wrong = fmt.Errorf("mls: index of keys has %d, the tree %d", size, n)
	}
	return wrong
}
