// Package ratchettree has the ratchet tree of a group (RFC 9420, Section 7): an immutable
// tree that shares structure with the trees before it, its edits and its hashes, the
// paths that commits send, and the private keys of its nodes.
package ratchettree

import (
	"iter"
	"slices"
	"sync/atomic"

	"github.com/mlsuite/mlsuite/internal/sortedset"
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// Tree is the ratchet tree of one epoch (RFC 9420, Sections 4 and 7). It never changes.
// An edit makes another tree, which shares all nodes that the edit did not touch.
type Tree struct {
	TreeView
	Keys KeySet // every public key in the tree, each once
}

// TreeView has the questions that both a [Tree] and a [TreeEdit] answer.
type TreeView struct {
	Suite    suite.Suite
	HashSize int // of the suite's hash, in bytes
	Root     *Node
	Width    uint32        // leaves, blank ones too: a power of two
	Visits   *atomic.Int64 // counts the touched nodes, unless nil
}

// Node is a node of the tree with everything below it. It does not hold its index: code
// that comes down from the root knows it.
//
// A subtree without members is one node without children until a leaf in it is filled. A
// frozen node never changes.
type Node struct {
	Left, Right *Node       // nil for a leaf and for a blank subtree
	Leaf        Leaf        // of a leaf that is not blank
	Parent      *ParentNode // of a parent that is not blank

	// hashes begins with the tree hash (Section 7.8). It is nil until it is computed. In
	// a blank subtree without children, the hashes of all nodes below follow: those of
	// the left child's subtree, then those of the right one's.
	hashes   []byte
	Features *Features         // of the members below; a leaf has them from whoever fills it
	Members  uint32            // leaves below that are not blank
	Blank    message.LeafIndex // leftmost blank leaf below, or NoLeaf
	Owner    *EditToken        // of the edit that made the node
}

// NoLeaf is an index that no leaf has.
const NoLeaf = ^message.LeafIndex(0)

// NewTree returns the tree of a group with one member.
func NewTree(s suite.Suite, leaf *message.LeafNode) *Tree {
	e := (&Tree{TreeView: TreeView{Suite: s, HashSize: s.Info().Hash.Size, Root: &Node{}, Width: 1}}).Edit()
	e.AddLeaf(leaf)
	t, _ := e.Freeze() // nothing clashes with the keys of one leaf, which was encoded when it was signed
	return t
}

// visit counts n touched nodes.
func (t *TreeView) visit(n int) {
	if t.Visits != nil {
		t.Visits.Add(int64(n))
	}
}

// RootIndex returns the index of the root.
func (t *TreeView) RootIndex() NodeIndex { return treemath.Root(t.Width) }

// At returns the node with an index, or nil if it is outside the tree or inside a
// blank subtree.
func (t *TreeView) At(index NodeIndex) *Node {
	if uint32(index) >= treemath.NodeCount(t.Width) {
		return nil
	}
	n := t.Root
	for i := t.RootIndex(); n != nil && i != index; {
		t.visit(1)
		n, i = n.toward(i, index)
	}
	return n
}

// toward returns the child of n in whose subtree index lies, and the child's index. The
// index of n is i. The child is nil in a blank subtree.
func (n *Node) toward(i, index NodeIndex) (*Node, NodeIndex) {
	if index < i {
		return n.Left, i.Left()
	}
	return n.Right, i.Right()
}

// Leaf returns a member's leaf, or nil if it is blank or outside the tree.
func (t *TreeView) Leaf(i message.LeafIndex) Leaf {
	if uint32(i) >= t.Width {
		return nil
	}
	if n := t.At(treemath.NodeOf(i)); n != nil {
		return n.Leaf
	}
	return nil
}

// Parent returns a parent node, or nil if it is blank, outside the tree or a leaf. The
// caller must not change it.
func (t *TreeView) Parent(index NodeIndex) *ParentNode {
	if n := t.At(index); n != nil {
		return n.Parent
	}
	return nil
}

// MemberCount returns the number of leaves that are not blank.
func (t *TreeView) MemberCount() uint32 { return t.Root.Members }

// Members returns the leaves that are not blank, from left to right.
func (t *TreeView) Members() iter.Seq2[message.LeafIndex, Leaf] {
	return func(yield func(message.LeafIndex, Leaf) bool) {
		t.Root.eachMember(t.RootIndex(), func(i message.LeafIndex, leaf Leaf) bool {
			t.visit(1)
			return yield(i, leaf)
		})
	}
}

func (n *Node) eachMember(i NodeIndex, yield func(message.LeafIndex, Leaf) bool) bool {
	switch {
	case n == nil || n.Members == 0:
		return true
	case i.IsLeaf():
		return yield(i.Leaf(), n.Leaf)
	}
	return n.Left.eachMember(i.Left(), yield) && n.Right.eachMember(i.Right(), yield)
}

// Resolution returns the resolution of a node (Section 4.1.1) without the leaves in
// added, which is in increasing order.
func (t *TreeView) Resolution(index NodeIndex, added []message.LeafIndex) []NodeIndex {
	var all []NodeIndex
	t.eachResolved(t.At(index), index, added, func(_ *Node, i NodeIndex) bool {
		all = append(all, i)
		return true
	})
	return all
}

// eachResolved yields the resolution of n, whose index is index, without the leaves
// in added, until yield returns false. It yields nil for an unmerged leaf.
func (t *TreeView) eachResolved(n *Node, index NodeIndex, added []message.LeafIndex, yield func(*Node, NodeIndex) bool) {
	n.resolve(index, func(n *Node, i NodeIndex) bool {
		t.visit(1)
		return i.IsLeaf() && sortedset.Has(added, i.Leaf()) || yield(n, i)
	})
}

// resolve yields the nodes of the resolution of n, whose index is i, until yield returns
// false. For an unmerged leaf of the node before, it yields nil.
func (n *Node) resolve(i NodeIndex, yield func(*Node, NodeIndex) bool) bool {
	switch {
	case n == nil || n.Members == 0:
		return true
	case n.Leaf != nil:
		return yield(n, i)
	case n.Parent != nil:
		if !yield(n, i) {
			return false
		}
		for _, leaf := range n.Parent.UnmergedLeaves {
			if !yield(nil, treemath.NodeOf(leaf)) {
				return false
			}
		}
		return true
	}
	return n.Left.resolve(i.Left(), yield) && n.Right.resolve(i.Right(), yield)
}

// PathStep is a node of a leaf's direct path, with its child on the leaf's copath.
type PathStep struct {
	Node, copath       *Node // copath is nil in a blank subtree
	Index, copathIndex NodeIndex
}

// filtered reports whether the filtered direct path leaves the node out (Section 4.1.2).
// A node without members below it is blank, and so is everything below it.
func (s *PathStep) filtered() bool { return s.copath == nil || s.copath.Members == 0 }

// step returns the step of n, whose index is i, on the direct path of a leaf.
func (n *Node) step(i NodeIndex, leaf message.LeafIndex) PathStep {
	if treemath.NodeOf(leaf) < i {
		return PathStep{Node: n, copath: n.Right, Index: i, copathIndex: i.Right()}
	}
	return PathStep{Node: n, copath: n.Left, Index: i, copathIndex: i.Left()}
}

// DirectPath returns the direct path of a leaf, blank or not, from the bottom; in a blank
// subtree, only the part above it. It comes down from the root once.
func (t *TreeView) DirectPath(leaf message.LeafIndex) []PathStep {
	if uint32(leaf) >= t.Width {
		return nil
	}
	path := slices.AppendSeq(make([]PathStep, 0, t.RootIndex().Level()), t.Above(leaf))
	slices.Reverse(path)
	return path
}

// Above yields the nodes of [TreeView.DirectPath] from the root down.
func (t *TreeView) Above(leaf message.LeafIndex) iter.Seq[PathStep] {
	return func(yield func(PathStep) bool) {
		n, i := t.Root, t.RootIndex()
		for n != nil && !i.IsLeaf() {
			t.visit(1)
			if !yield(n.step(i, leaf)) {
				return
			}
			n, i = n.toward(i, treemath.NodeOf(leaf))
		}
	}
}

// FilteredPath returns the filtered direct path of a leaf, blank or not (Section
// 4.1.2), from the bottom.
func (t *TreeView) FilteredPath(leaf message.LeafIndex) []PathStep {
	return slices.DeleteFunc(t.DirectPath(leaf), func(s PathStep) bool { return s.filtered() })
}

// FilteredDirectPath returns the indices of a leaf's filtered direct path, from the bottom.
func (t *TreeView) FilteredDirectPath(leaf message.LeafIndex) []NodeIndex {
	steps := t.FilteredPath(leaf)
	path := make([]NodeIndex, len(steps))
	for k := range steps {
		path[k] = steps[k].Index
	}
	return path
}

// Hash returns the tree hash of the root (Section 7.8), HashSize bytes. The caller must
// not change it.
func (t *Tree) Hash() []byte { return t.Root.Hash(t.HashSize) }

// Hash returns the tree hash of a node, of size bytes.
func (n *Node) Hash(size int) []byte { return n.hashes[:size:size] }

// SupportsCredential reports whether every member supports a credential type.
func (t *Tree) SupportsCredential(c message.CredentialType) bool {
	return t.Root.Features == nil || t.Root.Features.SupportsCredential(c)
}

// CredentialTypesInUse returns the types of the members' credentials, sorted. The caller
// must not change them.
func (t *Tree) CredentialTypesInUse() []message.CredentialType {
	if t.Root.Features == nil {
		return nil
	}
	return t.Root.Features.InUse
}

// ExtremeLifetimes yields the first member whose key package has the longest total
// lifetime, and the first with the shortest, if that is another lifetime.
func (t *Tree) ExtremeLifetimes() iter.Seq[message.LeafIndex] {
	return func(yield func(message.LeafIndex) bool) {
		f := t.Root.Features
		if f == nil || !f.lifetimes.some {
			return
		}
		longest, _ := t.FirstMember(func(g *Features) bool { return g.lifetimes.some && g.lifetimes.longest == f.lifetimes.longest }, nil)
		if !yield(longest) || f.lifetimes.longest == f.lifetimes.shortest {
			return
		}
		shortest, _ := t.FirstMember(func(g *Features) bool { return g.lifetimes.some && g.lifetimes.shortest == f.lifetimes.shortest }, nil)
		yield(shortest)
	}
}

// ForgetRefused removes what the keys of refused trees left behind. It does so if *err is
// set, for the trees that an edit of t made.
func (t *Tree) ForgetRefused(err *error) {
	if *err != nil {
		t.Keys.rest()
	}
}

// HasEncryptionKey reports whether a leaf or a parent has the encryption key.
func (t *Tree) HasEncryptionKey(key []byte) bool {
	return t.Keys.find(EncryptionKey, key).count > 0
}

// HasSignatureKey returns the member that has the signature key, or false if none has it.
func (t *Tree) HasSignatureKey(key []byte) (message.LeafIndex, bool) {
	holders := t.Keys.find(SignatureKey, key)
	return NodeIndex(holders.indices).Leaf(), holders.count > 0
}

// Marshal writes the tree as the ratchet_tree extension holds it: in array representation
// without blank nodes at its end (Section 12.4.3.3).
func (t *TreeView) Marshal(w *wire.Writer) {
	w.Grow(t.EncodedAtMost()) // so that the buffer for a large tree need not grow
	t.MarshalInRoom(w)
}

// EncodedAtMost returns a bound of the bytes that [TreeView.Marshal] writes.
func (t *TreeView) EncodedAtMost() int {
	size, next := 4, NodeIndex(0)
	t.eachFilled(func(i NodeIndex, n *Node) {
		size += int(i-next) + n.EncodedAtMost()
		next = i + 1
	})
	return size
}

// MarshalInRoom is [TreeView.Marshal] where w has the room.
func (t *TreeView) MarshalInRoom(w *wire.Writer) {
	t.visit(int(treemath.NodeCount(t.Width)))
	next := NodeIndex(0)
	w.Vector(func(w *wire.Writer) {
		t.eachFilled(func(i NodeIndex, n *Node) {
			w.Padding(int(i - next)) // a byte for each blank node
			n.marshal(w)
			next = i + 1
		})
	})
}

// marshal writes n, which is not blank, as an optional<Node>.
func (n *Node) marshal(w *wire.Writer) {
	w.Optional(true)
	if n.Leaf == nil {
		n.Parent.marshalNode(w)
		return
	}
	w.Uint8(uint8(NodeLeaf))
	w.Raw(n.Leaf)
}

// EncodedAtMost returns a bound of the bytes that the node takes as an optional<Node>.
func (n *Node) EncodedAtMost() int {
	if n.Leaf != nil {
		return 2 + len(n.Leaf)
	}
	if n.Parent == nil {
		return 1
	}
	return 16 + len(n.Parent.EncryptionKey) + len(n.Parent.ParentHash) + 4*len(n.Parent.UnmergedLeaves)
}

// Nodes returns the tree in array representation without blank nodes at its end. It is
// made of new leaves; parents are the tree's.
func (t *TreeView) Nodes() RatchetTree {
	all := make(RatchetTree, treemath.NodeCount(t.Width))
	t.eachFilled(func(i NodeIndex, n *Node) { all[i] = TreeNode{Leaf: n.Leaf.LeafNode(), Parent: n.Parent} })
	return all.trimmed()
}

// eachFilled yields the nodes that are not blank, from left to right.
func (t *TreeView) eachFilled(yield func(NodeIndex, *Node)) {
	t.Root.Each(t.RootIndex(), func(i NodeIndex, n *Node) {
		if n.Leaf != nil || n.Parent != nil {
			yield(i, n)
		}
	})
}

// Each yields n, whose index is i, and all nodes below it from left to right, except those
// inside blank subtrees.
func (n *Node) Each(i NodeIndex, yield func(NodeIndex, *Node)) {
	if n.Left != nil {
		n.Left.Each(i.Left(), yield)
	}
	yield(i, n)
	if n.Right != nil {
		n.Right.Each(i.Right(), yield)
	}
}
