package mls

import (
	"iter"
	"slices"
	"sync/atomic"

	"github.com/mlsuite/mlsuite/internal/sortedset"
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/suite"
)

// tree is the ratchet tree of one epoch (RFC 9420, Sections 4 and 7). It never changes.
// An edit makes another tree, which shares all nodes that the edit did not touch.
type tree struct {
	treeView
	keys keySet // every public key in the tree, each once
}

// treeView has the questions that both a tree and a treeEdit answer.
type treeView struct {
	suite    suite.Suite
	hashSize int // of the suite's hash, in bytes
	root     *node
	width    uint32        // leaves, blank ones too: a power of two
	visits   *atomic.Int64 // counts the touched nodes, unless nil
}

// node is a node of the tree with everything below it. It does not hold its index: code
// that comes down from the root knows it.
//
// A subtree without members is one node without children until a leaf in it is filled. A
// frozen node never changes.
type node struct {
	left, right *node       // nil for a leaf and for a blank subtree
	leaf        *LeafNode   // of a leaf that is not blank
	parent      *parentNode // of a parent that is not blank
	key         keyHash     // of the encryption key of leaf or parent, if there is one

	// hashes begins with the tree hash (Section 7.8). It is nil until it is computed. In
	// a blank subtree without children, the hashes of all nodes below follow: those of
	// the left child's subtree, then those of the right one's.
	hashes   []byte
	features *features  // of the members below
	members  uint32     // leaves below that are not blank
	blank    LeafIndex  // leftmost blank leaf below, or noLeaf
	owner    *editToken // of the edit that made the node
}

// noLeaf is an index that no leaf has.
const noLeaf = ^LeafIndex(0)

// newTree returns the tree of a group with one member. It keeps leaf.
func newTree(s suite.Suite, leaf *LeafNode) *tree {
	e := (&tree{treeView: treeView{suite: s, hashSize: s.Info().Hash.Size, root: &node{}, width: 1}}).edit()
	e.addLeaf(leaf)
	t, _ := e.freeze() // nothing clashes with the keys of one leaf, which was encoded when it was signed
	return t
}

// visit counts n touched nodes.
func (t *treeView) visit(n int) {
	if t.visits != nil {
		t.visits.Add(int64(n))
	}
}

// rootIndex returns the index of the root.
func (t *treeView) rootIndex() NodeIndex { return treemath.Root(t.width) }

// at returns the node with an index, or nil if it is outside the tree or inside a
// blank subtree.
func (t *treeView) at(index NodeIndex) *node {
	if uint32(index) >= treemath.NodeCount(t.width) {
		return nil
	}
	n := t.root
	for i := t.rootIndex(); n != nil && i != index; {
		t.visit(1)
		n, i = n.toward(i, index)
	}
	return n
}

// toward returns the child of n in whose subtree index lies, and the child's index. The
// index of n is i. The child is nil in a blank subtree.
func (n *node) toward(i, index NodeIndex) (*node, NodeIndex) {
	if index < i {
		return n.left, i.Left()
	}
	return n.right, i.Right()
}

// leaf returns a member's leaf, or nil if it is blank or outside the tree.
func (t *treeView) leaf(i LeafIndex) *LeafNode {
	if uint32(i) >= t.width {
		return nil
	}
	if n := t.at(i.Node()); n != nil {
		return n.leaf
	}
	return nil
}

// parent returns a parent node, or nil if it is blank, outside the tree or a leaf. The
// caller must not change it.
func (t *treeView) parent(index NodeIndex) *parentNode {
	if n := t.at(index); n != nil {
		return n.parent
	}
	return nil
}

// memberCount returns the number of leaves that are not blank.
func (t *treeView) memberCount() uint32 { return t.root.members }

// members returns the leaves that are not blank, from left to right.
func (t *treeView) members() iter.Seq2[LeafIndex, *LeafNode] {
	return func(yield func(LeafIndex, *LeafNode) bool) {
		t.root.eachMember(t.rootIndex(), func(i LeafIndex, leaf *LeafNode) bool {
			t.visit(1)
			return yield(i, leaf)
		})
	}
}

func (n *node) eachMember(i NodeIndex, yield func(LeafIndex, *LeafNode) bool) bool {
	switch {
	case n == nil || n.members == 0:
		return true
	case i.IsLeaf():
		return yield(i.Leaf(), n.leaf)
	}
	return n.left.eachMember(i.Left(), yield) && n.right.eachMember(i.Right(), yield)
}

// resolution returns the resolution of a node (Section 4.1.1) without the leaves
// in added, which is in increasing order.
func (t *treeView) resolution(index NodeIndex, added []LeafIndex) []NodeIndex {
	var all []NodeIndex
	t.eachResolved(t.at(index), index, added, func(_ *node, i NodeIndex) bool {
		all = append(all, i)
		return true
	})
	return all
}

// eachResolved yields the resolution of n, whose index is index, without the leaves
// in added, until yield returns false. It yields nil for an unmerged leaf.
func (t *treeView) eachResolved(n *node, index NodeIndex, added []LeafIndex, yield func(*node, NodeIndex) bool) {
	n.resolve(index, func(n *node, i NodeIndex) bool {
		t.visit(1)
		return i.IsLeaf() && sortedset.Has(added, i.Leaf()) || yield(n, i)
	})
}

// resolve yields the nodes of the resolution of n, whose index is i, until yield returns
// false. For an unmerged leaf of the node before, it yields nil.
func (n *node) resolve(i NodeIndex, yield func(*node, NodeIndex) bool) bool {
	switch {
	case n == nil || n.members == 0:
		return true
	case n.leaf != nil:
		return yield(n, i)
	case n.parent != nil:
		if !yield(n, i) {
			return false
		}
		for _, leaf := range n.parent.unmergedLeaves {
			if !yield(nil, leaf.Node()) {
				return false
			}
		}
		return true
	}
	return n.left.resolve(i.Left(), yield) && n.right.resolve(i.Right(), yield)
}

// pathStep is a node of a leaf's direct path, with its child on the leaf's copath.
type pathStep struct {
	node, copath       *node // copath is nil in a blank subtree
	index, copathIndex NodeIndex
}

// filtered reports whether the filtered direct path leaves the node out (Section 4.1.2).
// A node without members below it is blank, and so is everything below it.
func (s *pathStep) filtered() bool { return s.copath == nil || s.copath.members == 0 }

// step returns the step of n, whose index is i, on the direct path of a leaf.
func (n *node) step(i NodeIndex, leaf LeafIndex) pathStep {
	if leaf.Node() < i {
		return pathStep{node: n, copath: n.right, index: i, copathIndex: i.Right()}
	}
	return pathStep{node: n, copath: n.left, index: i, copathIndex: i.Left()}
}

// directPath returns the direct path of a leaf, blank or not, from the bottom; in a blank
// subtree, only the part above it. It comes down from the root once.
func (t *treeView) directPath(leaf LeafIndex) []pathStep {
	if uint32(leaf) >= t.width {
		return nil
	}
	path := slices.AppendSeq(make([]pathStep, 0, t.rootIndex().Level()), t.above(leaf))
	slices.Reverse(path)
	return path
}

// above yields the nodes of directPath from the root down.
func (t *treeView) above(leaf LeafIndex) iter.Seq[pathStep] {
	return func(yield func(pathStep) bool) {
		n, i := t.root, t.rootIndex()
		for n != nil && !i.IsLeaf() {
			t.visit(1)
			if !yield(n.step(i, leaf)) {
				return
			}
			n, i = n.toward(i, leaf.Node())
		}
	}
}

// filteredPath returns the filtered direct path of a leaf, blank or not (Section
// 4.1.2), from the bottom.
func (t *treeView) filteredPath(leaf LeafIndex) []pathStep {
	return slices.DeleteFunc(t.directPath(leaf), func(s pathStep) bool { return s.filtered() })
}

// filteredDirectPath returns the indices of a leaf's filtered direct path, from the
// bottom, and for each of its nodes the child on the leaf's copath.
func (t *treeView) filteredDirectPath(leaf LeafIndex) (path, copath []NodeIndex) {
	steps := t.filteredPath(leaf)
	path, copath = make([]NodeIndex, len(steps)), make([]NodeIndex, len(steps))
	for k := range steps {
		path[k], copath[k] = steps[k].index, steps[k].copathIndex
	}
	return path, copath
}

// hash returns the tree hash of the root (Section 7.8). The caller must not change it.
func (t *tree) hash() []byte { return t.root.hash(t.hashSize) }

// hash returns the tree hash of a node, of size bytes.
func (n *node) hash(size int) []byte { return n.hashes[:size:size] }

// supportsCredential reports whether every member supports a credential type.
func (t *tree) supportsCredential(c CredentialType) bool {
	return t.root.features == nil || t.root.features.supportsCredential(c)
}

// credentialTypesInUse returns the types of the members' credentials, sorted. The caller
// must not change them.
func (t *tree) credentialTypesInUse() []CredentialType {
	if t.root.features == nil {
		return nil
	}
	return t.root.features.inUse
}

// extremeLifetimes yields the first member whose key package has the longest total
// lifetime, and the first with the shortest, if that is another lifetime.
func (t *tree) extremeLifetimes() iter.Seq[LeafIndex] {
	return func(yield func(LeafIndex) bool) {
		f := t.root.features
		if f == nil || !f.lifetimes.some {
			return
		}
		longest, _ := t.firstMember(func(g *features) bool { return g.lifetimes.some && g.lifetimes.longest == f.lifetimes.longest }, nil)
		if !yield(longest) || f.lifetimes.longest == f.lifetimes.shortest {
			return
		}
		shortest, _ := t.firstMember(func(g *features) bool { return g.lifetimes.some && g.lifetimes.shortest == f.lifetimes.shortest }, nil)
		yield(shortest)
	}
}

// forgetRefused removes what the keys of refused trees left behind. It does so if *err is
// set, for the trees that an edit of t made.
func (t *tree) forgetRefused(err *error) {
	if *err != nil {
		t.keys.rest()
	}
}

// hasEncryptionKey reports whether a leaf or a parent has the encryption key.
func (t *tree) hasEncryptionKey(key []byte) bool {
	return t.keys.find(newTreeHasher(t.suite).key(encryptionKey, key)).count > 0
}

// hasSignatureKey returns the member that has the signature key.
func (t *tree) hasSignatureKey(key []byte) (LeafIndex, bool) {
	holders := t.keys.find(newTreeHasher(t.suite).key(signatureKey, key))
	return NodeIndex(holders.indices).Leaf(), holders.count > 0
}

// nodes returns the tree in array representation without blank nodes at its end, as the
// ratchet_tree extension holds it (Section 12.4.3.3).
func (t *treeView) nodes() ratchetTree {
	t.visit(int(treemath.NodeCount(t.width)))
	all := make(ratchetTree, treemath.NodeCount(t.width))
	end := 0
	t.root.each(t.rootIndex(), func(i NodeIndex, n *node) {
		if n.leaf != nil || n.parent != nil {
			all[i] = treeNode{leaf: n.leaf, parent: n.parent}
			end = max(end, int(i)+1)
		}
	})
	return all[:end]
}

// each yields n and all nodes below it, except those inside blank subtrees.
func (n *node) each(i NodeIndex, yield func(NodeIndex, *node)) {
	if n == nil {
		return
	}
	yield(i, n)
	if !i.IsLeaf() {
		n.left.each(i.Left(), yield)
		n.right.each(i.Right(), yield)
	}
}
