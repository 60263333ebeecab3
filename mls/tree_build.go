package mls

import (
	"slices"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/suite"
)

// treeFromNodes returns the tree of an array representation (Section 12.4.3.3),
// which it keeps. It returns an error that wraps [ErrMalformed] unless the last
// node is not blank and every node is of the type that its index wants, and a
// [*ValidationError] if a key is in the tree twice. All else is for validate.
func treeFromNodes(s suite.Suite, all ratchetTree) (*tree, error) {
	if err := all.check(); err != nil {
		return nil, malformed(err)
	}
	width := uint32(1)
	for uint64(treemath.NodeCount(width)) < uint64(len(all)) {
		width *= 2
	}
	token := new(editToken)
	t := &tree{treeView: treeView{suite: s, hashSize: s.Info().Hash.Size, width: width}}
	t.root = buildNode(all, t.rootIndex(), token)

	// The keys of the nodes that are not blank are hashed on all cores.
	var filled []NodeIndex
	for i := range all {
		if !all[i].blank() {
			filled = append(filled, NodeIndex(i))
		}
	}
	type keyNames struct{ encryption, signature keyHash }
	hasher, names := newTreeHasher(s), make([]keyNames, len(filled))
	fresh := func(n *node) bool { return n.hashes == nil }
	err := hasher.walk(t.root, t.rootIndex(), len(all), fresh, func(h *treeHasher, n *node, i NodeIndex) error {
		if k, ok := slices.BinarySearch(filled, i); ok {
			if n.leaf != nil {
				n.key = h.key(encryptionKey, n.leaf.EncryptionKey)
				names[k].signature = h.key(signatureKey, n.leaf.SignatureKey)
			} else {
				n.key = h.key(encryptionKey, n.parent.encryptionKey)
			}
			names[k].encryption = n.key
		}
		h.node(n, i)
		return h.err
	})
	if err != nil {
		return nil, err
	}
	keys := newKeyEdit(maxKeys(t))
	for k, i := range filled {
		if held := (heldKey{names[k].encryption, encryptionKey, i}); keys.add(held.hash, i) > 1 {
			return nil, held.clash()
		}
		if !i.IsLeaf() {
			continue
		}
		if held := (heldKey{names[k].signature, signatureKey, i}); keys.add(held.hash, i) > 1 {
			return nil, held.clash()
		}
	}
	t.keys = keys.freeze()
	return t, nil
}

// maxKeys returns how many public keys there are in t at most: two in each leaf, one
// in each parent.
func maxKeys(t *tree) int { return 3 * int(t.memberCount()) }

// buildNode returns the node with index i and all below it, without hashes; nil for a
// blank leaf or a blank subtree, so that what is not there takes no memory.
func buildNode(all ratchetTree, i NodeIndex, token *editToken) *node {
	if int64(firstLeaf(i).Node()) >= int64(len(all)) {
		return nil
	}
	if i.IsLeaf() {
		if all[i].leaf == nil {
			return nil
		}
		return &node{leaf: all[i].leaf, members: 1, blank: noLeaf, owner: token}
	}
	var parent *parentNode
	if int64(i) < int64(len(all)) {
		parent = all[i].parent
	}
	left, right := buildNode(all, i.Left(), token), buildNode(all, i.Right(), token)
	if parent == nil && left == nil && right == nil {
		return nil
	}
	if left == nil {
		left = &node{blank: firstLeaf(i.Left()), owner: token}
	}
	if right == nil {
		right = &node{blank: firstLeaf(i.Right()), owner: token}
	}
	n := &node{left: left, right: right, parent: parent, owner: token}
	n.count()
	return n
}
