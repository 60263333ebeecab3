package ratchettree

import (
	"bytes"
	"slices"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// MembershipProof proves that a leaf is in a tree of which only the tree hash is known
// (draft-ietf-mls-partial-02, "Membership Proofs and Partial Trees"). It has the nodes from
// the leaf to the root, and the tree hashes of the nodes on the copath: O(log n) bytes.
//
//	struct {
//	    opaque hash_value<V>;
//	} CopathHash;
//
//	struct {
//	    uint32 leaf_index;
//	    uint32 n_leaves;
//	    optional<Node> direct_path_nodes<V>;
//	    CopathHash copath_hashes<V>;
//	} MembershipProof;
type MembershipProof struct {
	Leaf    message.LeafIndex
	Width   uint32        // leaves of the tree, blank ones too: a power of two
	Node    Leaf          // never blank
	Parents []*ParentNode // above the leaf, from the bottom; nil for a blank one
	Copath  [][]byte      // tree hashes of the siblings, from that of the leaf up; as many as Parents
}

// Marshal writes p.
func (p *MembershipProof) Marshal(w *wire.Writer) {
	if p.Node == nil || len(p.Copath) != len(p.Parents) {
		w.Fail(wire.Malformed("membership proof without a leaf, or with nodes and hashes that do not match"))
		return
	}
	w.Grow(p.size())
	w.Uint32(uint32(p.Leaf))
	w.Uint32(p.Width)
	w.Vector(func(w *wire.Writer) {
		(&Node{Leaf: p.Node}).marshal(w)
		for _, parent := range p.Parents {
			if w.Optional(parent != nil) {
				parent.marshalNode(w)
			}
		}
	})
	w.Vector(func(w *wire.Writer) {
		for _, hash := range p.Copath {
			w.Bytes(hash)
		}
	})
}

// size returns a bound of the bytes that Marshal writes.
func (p *MembershipProof) size() int {
	size := 4 + 4 + 2*4 + 2 + len(p.Node)
	for i := range p.Parents {
		size += (&Node{Parent: p.Parents[i]}).EncodedAtMost() + wire.SizeOfVector(len(p.Copath[i]))
	}
	return size
}

// Unmarshal reads p. A proof of another shape than that of a tree's path is malformed.
func (p *MembershipProof) Unmarshal(r *wire.Reader) {
	p.Leaf, p.Width = message.LeafIndex(r.Uint32()), r.Uint32()
	if r.Err() != nil {
		return
	}
	if p.Width == 0 || p.Width&(p.Width-1) != 0 || p.Width > treemath.MaxLeaves || uint32(p.Leaf) >= p.Width {
		r.Fail(wire.Malformed("membership proof of leaf %d of %d", p.Leaf, p.Width))
		return
	}
	depth := treemath.Root(p.Width).Level()
	r.Within(func() { p.unmarshalNodes(r, depth) })
	if r.Err() != nil || !r.Charge(depth*wire.SizeOf[[]byte]()) {
		return
	}
	p.Copath = make([][]byte, depth)
	r.Within(func() {
		for i := range p.Copath {
			p.Copath[i] = r.Bytes()
		}
		if r.Err() == nil && !r.Empty() {
			r.Fail(wire.Malformed("membership proof has more than %d copath hashes", depth))
		}
	})
}

func (p *MembershipProof) unmarshalNodes(r *wire.Reader, depth int) {
	var n filledNode
	if n.unmarshal(r, new(LeafRoom)); r.Err() != nil {
		return
	}
	if p.Node = n.Leaf; n.Leaf == nil {
		r.Fail(wire.Malformed("membership proof does not begin with a leaf"))
		return
	}
	if !r.Charge(depth * wire.SizeOf[*ParentNode]()) {
		return
	}
	p.Parents = make([]*ParentNode, depth)
	for i := range p.Parents {
		var n filledNode
		if n.unmarshal(r, new(LeafRoom)); r.Err() == nil && n.Leaf != nil {
			r.Fail(wire.Malformed("membership proof has a leaf above its leaf"))
		}
		p.Parents[i] = n.Parent
	}
	if r.Err() == nil && !r.Empty() {
		r.Fail(wire.Malformed("membership proof has more than %d nodes above its leaf", depth))
	}
}

// Proof returns the proof that a member's leaf is in the tree, or nil if the leaf is blank
// or outside the tree. It reads the hashes that the tree keeps, of O(log n) nodes. The
// proof shares its nodes with the tree.
func (t *Tree) Proof(leaf message.LeafIndex) *MembershipProof {
	node := t.Leaf(leaf)
	if node == nil {
		return nil
	}
	steps := t.DirectPath(leaf)
	p := &MembershipProof{
		Leaf: leaf, Width: t.Width, Node: node,
		Parents: make([]*ParentNode, len(steps)), Copath: make([][]byte, len(steps)),
	}
	for i := range steps {
		p.Parents[i], p.Copath[i] = steps[i].Node.Parent, steps[i].copath.Hash(t.HashSize)
	}
	return p
}

// Slice returns the tree of a suite as far as the proof shows it: the nodes from the root
// to the leaf, with their hashes. The root's hash is the tree hash for which the proof is
// valid. Of the nodes on the copath, the slice has the hashes and nothing else: what
// counts or finds members, and what looks below the copath, has no meaning in it.
//
// The error is a [*message.ValidationError] if a hash has the wrong length, or unmerged
// leaves are out of order or not below their node.
func (p *MembershipProof) Slice(s suite.Suite) (*Tree, error) {
	t := &Tree{TreeView: TreeView{Suite: s, HashSize: s.Info().Hash.Size, Width: p.Width}}
	for i, hash := range p.Copath {
		if len(hash) != t.HashSize {
			return nil, fault.Violation("7.8", "copath hash %d of the membership proof does not have %d bytes", i, t.HashSize).AtLeaf(p.Leaf)
		}
	}
	h, i := NewTreeHasher(s), treemath.NodeOf(p.Leaf)
	n := &Node{Members: 1, Blank: NoLeaf}
	h.Fill(n, p.Node)
	h.Node(n, i)
	for k, parent := range p.Parents {
		up, _ := i.Parent(p.Width)
		other := &Node{hashes: p.Copath[k], Blank: NoLeaf}
		above := &Node{Left: n, Right: other, Parent: parent, Members: 1, Blank: NoLeaf}
		if i > up {
			above.Left, above.Right = other, n
		}
		if err := parent.checkUnmergedIn(up); err != nil {
			return nil, err
		}
		h.Node(above, up)
		n, i = above, up
	}
	t.Root = n
	return t, h.Err
}

// OfHash returns a tree of which only the width and the tree hash are known, for the proofs of
// an epoch that is over, or nil if these are none of a tree.
func OfHash(s suite.Suite, width uint32, hash []byte) *Tree {
	size := s.Info().Hash.Size
	if width == 0 || width&(width-1) != 0 || width > treemath.MaxLeaves || len(hash) != size {
		return nil
	}
	return &Tree{TreeView: TreeView{Suite: s, HashSize: size, Width: width, Root: &Node{hashes: hash, Blank: NoLeaf}}}
}

// checkUnmergedIn checks the unmerged leaves of a parent node by themselves. The node has
// index i, and is nil if it is blank.
func (n *ParentNode) checkUnmergedIn(i NodeIndex) error {
	if n == nil {
		return nil
	}
	for k, leaf := range n.UnmergedLeaves {
		if k > 0 && n.UnmergedLeaves[k-1] >= leaf {
			return fault.Violation("7.1", "unmerged_leaves of parent node %d are not in increasing order", i).AtLeaf(leaf)
		}
		// The node of an index of 2^31 and more would be another leaf's.
		if leaf >= treemath.MaxLeaves || !treemath.NodeOf(leaf).InSubtree(i) {
			return fault.Violation("12.4.3.1", "unmerged leaf of parent node %d is not below it", i).AtLeaf(leaf)
		}
	}
	return nil
}

// checkNewPath checks the nodes of the proof as a commit leaves them whose path leads to the
// leaf: nothing is unmerged in them, and each has the parent hash of the next one above (RFC
// 9420, Sections 7.5 and 7.9). So the hash of a sibling is that of its original tree.
func (p *MembershipProof) checkNewPath(s suite.Suite) error {
	h, hash := NewTreeHasher(s), []byte{}
	for k, parent := range slices.Backward(p.Parents) {
		if parent == nil {
			continue
		}
		if len(parent.UnmergedLeaves) > 0 {
			return fault.Violation("7.5", "node above the committer's leaf has unmerged leaves").AtLeaf(p.Leaf)
		}
		if !bytes.Equal(parent.ParentHash, hash) {
			return fault.Violation("7.9", "parent_hash of a node above the committer's leaf is not that of its path").AtLeaf(p.Leaf)
		}
		hash = h.parentHash(parent, p.Copath[k])
	}
	if h.Err != nil {
		return h.Err
	}
	if !bytes.Equal(p.Node.parentHash(), hash) {
		return fault.Violation("7.9", "parent_hash of the committer's leaf is not that of its path").AtLeaf(p.Leaf)
	}
	return nil
}

// filled returns the parent nodes of the proof that are not blank, and their indices, from
// the bottom. After a commit with a path, the committer's are its filtered direct path.
func (p *MembershipProof) filled() (indices []NodeIndex, nodes []*ParentNode) {
	i := treemath.NodeOf(p.Leaf)
	for _, parent := range p.Parents {
		i, _ = i.Parent(p.Width)
		if parent != nil {
			indices, nodes = append(indices, i), append(nodes, parent)
		}
	}
	return indices, nodes
}
