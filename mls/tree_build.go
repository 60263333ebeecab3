package mls

import (
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

	// The keys are hashed on all cores: of node i at i, signature keys behind those.
	hasher, names := newTreeHasher(s), make([]keyHash, len(all)+int(width))
	fresh := func(n *node) bool { return n.hashes == nil }
	err := hasher.walk(t.root, t.rootIndex(), len(all), fresh, func(h *treeHasher, n *node, i NodeIndex) error {
		if n.leaf != nil {
			n.key = h.key(encryptionKey, n.leaf.EncryptionKey)
			names[len(all)+int(i.Leaf())] = h.key(signatureKey, n.leaf.SignatureKey)
		}
		if n.parent != nil {
			n.key = h.key(encryptionKey, n.parent.encryptionKey)
		}
		if int(i) < len(all) {
			names[i] = n.key
		}
		h.node(n, i)
		return h.err
	})
	if err != nil {
		return nil, err
	}
	keys := newKeyEdit(maxKeys(t))
	for i := range all {
		k := heldKey{names[i], encryptionKey, NodeIndex(i)}
		if !all[i].blank() && keys.add(k.hash, k.index) > 1 {
			return nil, k.clash()
		}
		if all[i].leaf != nil {
			k.hash, k.kind = names[len(all)+i/2], signatureKey
			if keys.add(k.hash, k.index) > 1 {
				return nil, k.clash()
			}
		}
	}
	t.keys = keys.freeze()
	return t, nil
}

// maxKeys returns how many public keys there are in t at most: two in each leaf, one
// in each parent.
func maxKeys(t *tree) int { return 3 * int(t.memberCount()) }

// buildNode returns the node with index i and all below it, without hashes.
func buildNode(all ratchetTree, i NodeIndex, token *editToken) *node {
	n := &node{blank: firstLeaf(i), owner: token}
	if int64(n.blank.Node()) >= int64(len(all)) {
		return n
	}
	if i.IsLeaf() {
		if n.leaf = all[i].leaf; n.leaf != nil {
			n.members, n.blank = 1, noLeaf
		}
		return n
	}
	if int64(i) < int64(len(all)) {
		n.parent = all[i].parent
	}
	left, right := buildNode(all, i.Left(), token), buildNode(all, i.Right(), token)
	if n.parent != nil || !left.isBlankSubtree() || !right.isBlankSubtree() {
		n.left, n.right = left, right
		n.count()
	}
	return n
}

// isBlankSubtree reports whether n is a blank leaf or a blank subtree in one node.
func (n *node) isBlankSubtree() bool { return n.left == nil && n.leaf == nil }
