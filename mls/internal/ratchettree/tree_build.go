package ratchettree

import (
	"cmp"
	"slices"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/suite"
)

// TreeFromNodes returns the tree of an array representation (Section 12.4.3.3), which it
// keeps. The error wraps [message.ErrMalformed] unless the last node is not blank and
// every node has the type that its index demands. It is a [*message.ValidationError] if a
// key is in the tree twice. [Tree.Validate] checks everything else.
func TreeFromNodes(s suite.Suite, all *sparseTree) (*Tree, error) {
	if err := all.Check(); err != nil {
		return nil, err
	}
	width := uint32(1)
	for uint64(treemath.NodeCount(width)) < uint64(all.length) {
		width *= 2
	}
	token := new(EditToken)
	t := &Tree{TreeView: TreeView{Suite: s, HashSize: s.Info().Hash.Size, Width: width}}
	t.Root = BuildNode(all.Filled, t.RootIndex(), token)

	// The keys of the nodes that are not blank are hashed on all cores.
	type keyNames struct{ encryption, signature keyHash }
	hasher, names := NewTreeHasher(s), make([]keyNames, len(all.Filled))
	fresh := func(n *Node) bool { return n.hashes == nil }
	err := hasher.walk(t.Root, t.RootIndex(), all.length, fresh, func(h *TreeHasher, n *Node, i NodeIndex) error {
		if k, ok := slices.BinarySearchFunc(all.Filled, i, filledNode.compare); ok {
			if n.Leaf != nil {
				h.Fill(n, n.Leaf)
				n.Key = h.Key(EncryptionKey, n.Leaf.EncryptionKey())
				names[k].signature = h.Key(SignatureKey, n.Leaf.SignatureKey())
			} else {
				n.Key = h.Key(EncryptionKey, n.Parent.EncryptionKey)
			}
			names[k].encryption = n.Key
		}
		h.Node(n, i)
		return h.Err
	})
	if err != nil {
		return nil, err
	}
	keys := NewKeyEdit(MaxKeys(t))
	for k := range all.Filled {
		i := all.Filled[k].index
		if held := (HeldKey{names[k].encryption, EncryptionKey, i}); keys.Add(held.Hash, i) > 1 {
			return nil, held.Clash()
		}
		if !i.IsLeaf() {
			continue
		}
		if held := (HeldKey{names[k].signature, SignatureKey, i}); keys.Add(held.Hash, i) > 1 {
			return nil, held.Clash()
		}
	}
	t.Keys = keys.Freeze()
	return t, nil
}

// MaxKeys returns the largest possible number of public keys in t: two in each leaf, one
// in each parent.
func MaxKeys(t *Tree) int { return 3 * int(t.MemberCount()) }

// compare compares the index of a node with another.
func (n filledNode) compare(i NodeIndex) int { return cmp.Compare(n.index, i) }

// BuildNode returns the node with index i and all below it, without hashes; filled has
// those that are not blank. It returns nil for a blank leaf or a blank subtree, so that
// blank nodes take neither memory nor time.
func BuildNode(filled []filledNode, i NodeIndex, token *EditToken) *Node {
	if len(filled) == 0 {
		return nil
	}
	if i.IsLeaf() {
		return &Node{Leaf: filled[0].Leaf, Members: 1, Blank: NoLeaf, Owner: token}
	}
	middle, ok := slices.BinarySearchFunc(filled, i, filledNode.compare)
	below, above := filled[:middle], filled[middle:]
	var parent *ParentNode
	if ok {
		parent, above = above[0].Parent, above[1:]
	}
	left, right := BuildNode(below, i.Left(), token), BuildNode(above, i.Right(), token)
	if left == nil {
		left = &Node{Blank: FirstLeaf(i.Left()), Owner: token}
	}
	if right == nil {
		right = &Node{Blank: FirstLeaf(i.Right()), Owner: token}
	}
	n := &Node{Left: left, Right: right, Parent: parent, Owner: token}
	n.Count()
	return n
}
