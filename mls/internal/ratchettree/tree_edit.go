package ratchettree

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
)

// TreeEdit makes a new tree from an old one, which does not change. The edit copies a
// node when it first touches the node and changes the copy in place from then on, so a
// batch copies and hashes each node once.
//
// The first fault makes the edit fail, and Freeze returns it. Later changes have no
// meaning then, but do no harm.
type TreeEdit struct {
	TreeView
	Keys    keyEdit
	token   *EditToken
	made    int // the number of nodes made; a blank subtree counts as one
	retired []HeldKey
	Clashes []HeldKey // keys that another node held when they were entered
	Hasher  TreeHasher
	path    []*Node // scratch: what OwnPath returns
	err     error
}

// EditToken identifies an edit: the nodes that hold it belong to the edit.
type EditToken struct{ _ byte }

// HeldKey is a key and a node that holds it, or held it.
type HeldKey struct {
	Kind  keyKind
	Index NodeIndex
	Key   []byte
}

// Edit begins an edit of t.
func (t *Tree) Edit() *TreeEdit {
	e := &TreeEdit{TreeView: t.TreeView, Keys: t.Keys.edit(), token: new(EditToken)}
	e.Hasher.init(t.Suite)
	e.Hasher.visits = t.Visits
	return e
}

// Scratch returns an empty Writer for what is written between two changes of the edit, before
// which it has to be empty again.
func (e *TreeEdit) Scratch() *wire.Writer { return &e.Hasher.w }

// Freeze computes what the changes left to compute and returns the new tree. The error is
// a [*message.ValidationError] if a key is in the tree twice (Section 7.3), or the first
// error of the edit. The edit is over once there is a tree: whoever would change it then gets
// an error or panics, and the tree stays as it is.
func (e *TreeEdit) Freeze() (*Tree, error) {
	if e.err != nil {
		return nil, e.err
	}
	for _, k := range e.retired {
		e.Keys.remove(k.Kind, k.Key, k.Index)
	}
	for _, k := range e.Clashes {
		if e.Keys.find(k.Kind, k.Key).count > 1 {
			return nil, e.fail(k.Clash())
		}
	}
	if err := e.Hasher.Rehash(e.Root, e.RootIndex(), e.made); err != nil {
		return nil, e.fail(err)
	}
	t := &Tree{TreeView: e.TreeView, Keys: e.Keys.Freeze()}
	e.Keys, e.token, e.err = keyEdit{}, frozen, errFrozen
	return t, nil
}

// frozen is the token of edits that are over: no node of a tree has it.
var frozen = new(EditToken)

var errFrozen = errors.New("mls: tree edit is over")

// Clash returns the [*message.ValidationError] of a key that two nodes hold.
func (k HeldKey) Clash() error {
	switch {
	case k.Kind == SignatureKey:
		return fault.Violation("7.3", "signature_key is not unique among the members").AtLeaf(k.Index.Leaf())
	case k.Index.IsLeaf():
		return fault.Violation("7.3", "encryption_key is not unique in the tree").AtLeaf(k.Index.Leaf())
	}
	return fault.Violation("12.4.3.1", "encryption_key of parent node %d appears in another node", k.Index)
}

// fail makes err the error of the edit, unless the edit has one, and returns err.
func (e *TreeEdit) fail(err error) error {
	if e.err == nil {
		e.err = err
	}
	return err
}

// UpdateLeaf replaces a member's leaf and blanks its direct path: an Update
// (Section 12.1.2).
func (e *TreeEdit) UpdateLeaf(i message.LeafIndex, leaf *message.LeafNode) {
	old := e.Leaf(i)
	if old == nil {
		e.fail(fault.Violation("12.1.2", "updated leaf is not a member's").AtLeaf(i))
		return
	}
	if bytes.Equal(old.EncryptionKey(), leaf.EncryptionKey) {
		e.fail(fault.Violation("7.3", "encryption_key of the updated leaf is not new").AtLeaf(i))
		return
	}
	e.Fill(e.OwnPath(i, BlankParent), i, leaf)
}

// RemoveLeaf blanks a member's leaf and its direct path, and truncates the tree: a
// Remove (Section 12.1.3).
func (e *TreeEdit) RemoveLeaf(i message.LeafIndex) {
	if e.Leaf(i) == nil {
		e.fail(fault.Violation("12.1.3", "removed leaf is not a member's").AtLeaf(i))
		return
	}
	e.Fill(e.OwnPath(i, BlankParent), i, nil)
	for e.Root.Left != nil && e.Root.Right.Members == 0 {
		if e.Root.Parent != nil { // no commit sets such a parent, a forged tree may have one
			e.Keys.remove(EncryptionKey, e.Root.Parent.EncryptionKey, e.RootIndex())
		}
		e.Root = e.Root.Left
		e.Width /= 2
	}
	if e.Root.Left == nil && e.Width > 1 { // a blank subtree: nobody is left
		e.Root, e.Width = &Node{Owner: e.token}, 1
	}
}

// AddLeaf fills the leftmost blank leaf and makes it unmerged at its ancestors: an Add
// (Section 12.1.1).
func (e *TreeEdit) AddLeaf(leaf *message.LeafNode) message.LeafIndex {
	i := e.ClaimLeaf()
	if e.err != nil {
		return NoLeaf
	}
	path := e.OwnPath(i, CopyParent)
	for _, n := range path {
		if n.Parent != nil {
			at, _ := slices.BinarySearch(n.Parent.UnmergedLeaves, i)
			n.Parent.UnmergedLeaves = slices.Insert(n.Parent.UnmergedLeaves, at, i)
		}
	}
	e.Fill(path, i, leaf)
	return i
}

// ClaimLeaf returns the leftmost blank leaf, and extends the tree for it if necessary
// (Section 7.7). The leaf stays blank: for an external commit, MergePath and SetLeaf fill
// it (Section 12.4.2). If the tree cannot grow, the edit fails with
// [message.ErrUnsupported].
func (e *TreeEdit) ClaimLeaf() message.LeafIndex {
	if e.Root.Blank == NoLeaf {
		if e.Width == treemath.MaxLeaves {
			e.fail(fmt.Errorf("%w: a tree of more than %d leaves", message.ErrUnsupported, treemath.MaxLeaves))
			return NoLeaf
		}
		right := &Node{Blank: message.LeafIndex(e.Width), Owner: e.token}
		e.Root = &Node{Left: e.Root, Right: right, Owner: e.token}
		e.Root.Count()
		e.Width *= 2
		e.made += 2
	}
	return e.Root.Blank
}

// SetLeaf fills a leaf and leaves its direct path unchanged. It sets the leaf of an
// UpdatePath after MergePath. The leaf's encryption key has to be new (Section 12.4.2).
// encoded is the leaf as it is encoded, which the tree keeps, or nil.
func (e *TreeEdit) SetLeaf(i message.LeafIndex, leaf *message.LeafNode, encoded Leaf) {
	if uint32(i) >= e.Width {
		e.fail(fault.Violation("12.4.2", "leaf of the path is outside the tree").AtLeaf(i))
		return
	}
	if e.Keys.find(EncryptionKey, leaf.EncryptionKey).count > 0 {
		e.fail(fault.Violation("12.4.2", "encryption_key of the path's leaf is already in the tree").AtLeaf(i))
		return
	}
	e.fill(e.OwnPath(i, CopyParent), i, leaf, encoded)
}

// MergePath sets the parents on a leaf's direct path as an UpdatePath says (Section 7.5).
// Those at nodes, the filtered direct path, get the public keys; the others become blank.
// It returns the parent hash that the leaf then has to have (Section 7.9), which is empty
// if there are no nodes.
//
// The keys have to be new to the tree after the proposals (Section 12.4.2). MergePath
// keeps the keys and checks nothing else of them. After it, only SetLeaf may change the
// edit: the parent hash covers the tree as it is now. The error is a
// [*message.ValidationError].
func (e *TreeEdit) MergePath(leaf message.LeafIndex, nodes []NodeIndex, publicKeys [][]byte) ([]byte, error) {
	if e.err != nil {
		return nil, e.err
	}
	if uint32(leaf) >= e.Width {
		return nil, e.fail(fault.Violation("12.4.2", "leaf of the path is outside the tree").AtLeaf(leaf))
	}
	if len(nodes) != len(publicKeys) {
		return nil, e.fail(fault.Violation("7.6", "filtered direct path has %d nodes, but the path has %d",
			len(nodes), len(publicKeys)).AtLeaf(leaf))
	}
	e.retired = slices.Grow(e.retired, len(nodes))
	e.Keys.reserve(2 * (len(nodes) + 1))
	path := e.OwnPath(leaf, retireParent)
	hash, next := []byte{}, len(nodes)
	i := e.RootIndex()
	for _, n := range path[:len(path)-1] {
		step := n.step(i, leaf)
		_, i = n.toward(i, treemath.NodeOf(leaf))
		if step.filtered() {
			continue
		}
		next--
		if next < 0 || nodes[next] != step.Index {
			return nil, e.fail(fault.Violation("7.5", "path is not the filtered direct path").AtLeaf(leaf))
		}
		if !e.hold(EncryptionKey, publicKeys[next], step.Index) {
			return nil, e.fail(fault.Violation("12.4.2", "public key for node %d of the path is already in the tree", step.Index).AtLeaf(leaf))
		}
		if err := e.Hasher.Rehash(step.copath, step.copathIndex, e.made); err != nil {
			return nil, e.fail(err)
		}
		n.Parent = &ParentNode{EncryptionKey: publicKeys[next], ParentHash: hash}
		hash = e.Hasher.parentHash(n.Parent, step.copath.Hash(e.HashSize))
	}
	if next != 0 {
		return nil, e.fail(fault.Violation("7.5", "path is not the filtered direct path").AtLeaf(leaf))
	}
	if e.Hasher.Err != nil {
		return nil, e.fail(e.Hasher.Err)
	}
	return hash, nil
}

// Fill sets a leaf, or blanks it if leaf is nil. path is the path from the root, whose
// nodes belong to the edit.
func (e *TreeEdit) Fill(path []*Node, i message.LeafIndex, leaf *message.LeafNode) {
	e.fill(path, i, leaf, nil)
}

// fill is Fill with the encoding of the leaf, or nil.
func (e *TreeEdit) fill(path []*Node, i message.LeafIndex, leaf *message.LeafNode, encoded Leaf) {
	n := path[len(path)-1]
	newSigner := n.Leaf == nil || leaf == nil || !bytes.Equal(n.Leaf.SignatureKey(), leaf.SignatureKey)
	if n.Leaf != nil {
		if newSigner {
			e.Keys.remove(SignatureKey, n.Leaf.SignatureKey(), treemath.NodeOf(i))
		}
		e.Keys.remove(EncryptionKey, n.Leaf.EncryptionKey(), treemath.NodeOf(i))
	}
	n.Leaf, n.Members, n.Blank = nil, 0, i
	if leaf == nil {
		n.Features = nil
	} else {
		if encoded == nil {
			var err error
			if encoded, err = packLeaf(&e.Hasher.w, leaf); err != nil {
				e.fail(err)
				return
			}
		}
		e.Hasher.fill(n, encoded, leaf, path[0].Features)
		n.Members, n.Blank = 1, NoLeaf
		if newSigner {
			e.hold(SignatureKey, leaf.SignatureKey, treemath.NodeOf(i))
		}
		e.hold(EncryptionKey, leaf.EncryptionKey, treemath.NodeOf(i))
	}
	for _, n := range slices.Backward(path[:len(path)-1]) {
		n.Count()
	}
}

// Count sets the number of members below n and the leftmost blank leaf from those
// of its children.
func (n *Node) Count() {
	n.Members = n.Left.Members + n.Right.Members
	n.Blank = min(n.Left.Blank, n.Right.Blank)
}

// parentFate says what happens to the parents on a path that an edit touches.
type parentFate uint8

const (
	CopyParent   parentFate = iota // the parent stays, and can be changed
	BlankParent                    // its key leaves the tree at once
	retireParent                   // its key counts until the edit is frozen
)

// OwnPath makes the nodes from the root down to a leaf the edit's own. The slice that it
// returns is valid until the next call.
func (e *TreeEdit) OwnPath(leaf message.LeafIndex, fate parentFate) []*Node {
	path := e.path[:0]
	if path == nil {
		path = make([]*Node, 0, e.RootIndex().Level()+1)
	}
	link, i := &e.Root, e.RootIndex()
	for {
		n := e.own(link, i, fate)
		path = append(path, n)
		if i.IsLeaf() {
			break
		}
		if n.Left == nil {
			e.splitBlank(n, i)
		}
		n.hashes = nil
		if treemath.NodeOf(leaf) < i {
			link, i = &n.Left, i.Left()
		} else {
			link, i = &n.Right, i.Right()
		}
	}
	path[len(path)-1].hashes = nil
	e.path = path
	return path
}

// own makes the node at link, whose index is i, the edit's own.
func (e *TreeEdit) own(link **Node, i NodeIndex, fate parentFate) *Node {
	e.visit(1)
	n := *link
	if n.Owner != e.token {
		c := *n
		c.Owner = e.token
		n, *link = &c, &c
		e.made++
		if n.Parent != nil && fate == CopyParent {
			p := *n.Parent
			p.UnmergedLeaves = slices.Clip(p.UnmergedLeaves)
			n.Parent = &p
		}
	}
	if n.Parent != nil && fate != CopyParent {
		switch fate {
		case BlankParent:
			e.Keys.remove(EncryptionKey, n.Parent.EncryptionKey, i)
		case retireParent:
			e.retired = append(e.retired, HeldKey{EncryptionKey, i, n.Parent.EncryptionKey})
		}
		n.Parent = nil
	}
	return n
}

// splitBlank gives a blank subtree two children, which are blank subtrees. Its root n has
// index i and belongs to the edit.
func (e *TreeEdit) splitBlank(n *Node, i NodeIndex) {
	n.Left = &Node{Blank: FirstLeaf(i.Left()), Owner: e.token}
	n.Right = &Node{Blank: FirstLeaf(i.Right()), Owner: e.token}
	if n.hashes != nil {
		n.Left.hashes, n.Right.hashes = blankChildren(n.hashes, e.HashSize)
	}
	e.made += 2
}

// FirstLeaf returns the leftmost leaf below a node.
func FirstLeaf(i NodeIndex) message.LeafIndex {
	return message.LeafIndex((uint32(i) + 1 - 1<<i.Level()) / 2)
}

// hold enters that a node holds a key, and reports whether no other node does.
func (e *TreeEdit) hold(kind keyKind, key []byte, i NodeIndex) bool {
	if e.Keys.Add(kind, key, i) == 1 {
		return true
	}
	e.Clashes = append(e.Clashes, HeldKey{kind, i, key})
	return false
}
