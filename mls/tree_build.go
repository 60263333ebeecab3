package mls

import (
	"cmp"
	"slices"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/suite"
)

// treeFromNodes returns the tree of an array representation (Section 12.4.3.3), which it
// keeps. The error wraps [ErrMalformed] unless the last node is not blank and every node
// has the type that its index demands. It is a [*ValidationError] if a key is in the tree
// twice. validate checks everything else.
func treeFromNodes(s suite.Suite, all *sparseTree) (*tree, error) {
	if err := all.check(); err != nil {
		return nil, err
	}
	width := uint32(1)
	for uint64(treemath.NodeCount(width)) < uint64(all.length) {
		width *= 2
	}
	token := new(editToken)
	t := &tree{treeView: treeView{suite: s, hashSize: s.Info().Hash.Size, width: width}}
	t.root = buildNode(all.filled, t.rootIndex(), token)

	// The keys of the nodes that are not blank are hashed on all cores.
	type keyNames struct{ encryption, signature keyHash }
	hasher, names := newTreeHasher(s), make([]keyNames, len(all.filled))
	fresh := func(n *node) bool { return n.hashes == nil }
	err := hasher.walk(t.root, t.rootIndex(), all.length, fresh, func(h *treeHasher, n *node, i NodeIndex) error {
		if k, ok := slices.BinarySearchFunc(all.filled, i, filledNode.compare); ok {
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
	for k := range all.filled {
		i := all.filled[k].index
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

// maxKeys returns the largest possible number of public keys in t: two in each leaf, one
// in each parent.
func maxKeys(t *tree) int { return 3 * int(t.memberCount()) }

// compare compares the index of a node with another.
func (n filledNode) compare(i NodeIndex) int { return cmp.Compare(n.index, i) }

// buildNode returns the node with index i and all below it, without hashes; filled has
// those that are not blank. It returns nil for a blank leaf or a blank subtree, so that
// blank nodes take neither memory nor time.
func buildNode(filled []filledNode, i NodeIndex, token *editToken) *node {
	if len(filled) == 0 {
		return nil
	}
	if i.IsLeaf() {
		return &node{leaf: filled[0].leaf, members: 1, blank: noLeaf, owner: token}
	}
	middle, ok := slices.BinarySearchFunc(filled, i, filledNode.compare)
	below, above := filled[:middle], filled[middle:]
	var parent *parentNode
	if ok {
		parent, above = above[0].parent, above[1:]
	}
	left, right := buildNode(below, i.Left(), token), buildNode(above, i.Right(), token)
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
