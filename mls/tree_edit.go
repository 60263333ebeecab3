package mls

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/mlsuite/mlsuite/internal/treemath"
)

// treeEdit makes a new tree from an old one, which does not change. The edit copies a
// node when it first touches the node and changes the copy in place from then on, so a
// batch copies and hashes each node once.
//
// The first fault makes the edit fail, and freeze returns it. Later changes have no
// meaning then, but do no harm.
type treeEdit struct {
	treeView
	keys    keyEdit
	token   *editToken
	made    int // the number of nodes made; a blank subtree counts as one
	retired []heldKey
	clashes []heldKey // keys that another node held when they were entered
	hasher  *treeHasher
	path    []*node // scratch: what ownPath returns
	err     error
}

// editToken identifies an edit: the nodes that hold it belong to the edit.
type editToken struct{ _ byte }

// heldKey is a key and a node that holds it, or held it.
type heldKey struct {
	hash  keyHash
	kind  keyKind
	index NodeIndex
}

// edit begins an edit of t.
func (t *tree) edit() *treeEdit {
	e := &treeEdit{treeView: t.treeView, keys: t.keys.edit(), token: new(editToken), hasher: newTreeHasher(t.suite)}
	e.hasher.visits = t.visits
	return e
}

// freeze computes what the changes left to compute and returns the new tree. The error is
// a [*ValidationError] if a key is in the tree twice (Section 7.3), or the first error of
// the edit. Changes after freeze edit the new tree.
func (e *treeEdit) freeze() (*tree, error) {
	if e.err != nil {
		return nil, e.err
	}
	for _, k := range e.retired {
		e.keys.remove(k.hash, k.index)
	}
	for _, k := range e.clashes {
		if e.keys.find(k.hash).count > 1 {
			return nil, e.fail(k.clash())
		}
	}
	if err := e.hasher.rehash(e.root, e.rootIndex(), e.made); err != nil {
		return nil, e.fail(err)
	}
	t := &tree{treeView: e.treeView, keys: e.keys.freeze()}
	e.keys, e.token, e.made, e.retired, e.clashes = t.keys.edit(), new(editToken), 0, nil, nil
	return t, nil
}

// clash returns the error of a key that two nodes hold.
func (k heldKey) clash() error {
	switch {
	case k.kind == signatureKey:
		return violation("7.3", "signature_key is unique among the members").atLeaf(k.index.Leaf())
	case k.index.IsLeaf():
		return violation("7.3", "encryption_key is unique in the tree").atLeaf(k.index.Leaf())
	}
	return violation("12.4.3.1", "encryption_key of parent node %d appears in no other node", k.index)
}

// fail makes err the error of the edit, unless the edit has one, and returns err.
func (e *treeEdit) fail(err error) error {
	if e.err == nil {
		e.err = err
	}
	return err
}

// updateLeaf replaces a member's leaf and blanks its direct path: an Update
// (Section 12.1.2). It keeps leaf.
func (e *treeEdit) updateLeaf(i LeafIndex, leaf *LeafNode) {
	old := e.leaf(i)
	if old == nil {
		e.fail(violation("12.1.2", "updated leaf is a member's").atLeaf(i))
		return
	}
	if bytes.Equal(old.EncryptionKey, leaf.EncryptionKey) {
		e.fail(violation("7.3", "encryption_key of an updated leaf is new").atLeaf(i))
		return
	}
	e.fill(e.ownPath(i, blankParent), i, leaf, e.hasher.key(encryptionKey, leaf.EncryptionKey))
}

// removeLeaf blanks a member's leaf and its direct path, and truncates the tree: a
// Remove (Section 12.1.3).
func (e *treeEdit) removeLeaf(i LeafIndex) {
	if e.leaf(i) == nil {
		e.fail(violation("12.1.3", "removed leaf is a member's").atLeaf(i))
		return
	}
	e.fill(e.ownPath(i, blankParent), i, nil, keyHash{})
	for e.root.left != nil && e.root.right.members == 0 {
		if e.root.parent != nil { // no commit sets such a parent, a forged tree may have one
			e.keys.remove(e.root.key, e.rootIndex())
		}
		e.root = e.root.left
		e.width /= 2
	}
	if e.root.left == nil && e.width > 1 { // a blank subtree: nobody is left
		e.root, e.width = &node{owner: e.token}, 1
	}
}

// addLeaf fills the leftmost blank leaf and makes it unmerged at its ancestors: an Add
// (Section 12.1.1). It keeps leaf.
func (e *treeEdit) addLeaf(leaf *LeafNode) LeafIndex {
	i := e.claimLeaf()
	if e.err != nil {
		return noLeaf
	}
	path := e.ownPath(i, copyParent)
	for _, n := range path {
		if n.parent != nil {
			at, _ := slices.BinarySearch(n.parent.unmergedLeaves, i)
			n.parent.unmergedLeaves = slices.Insert(n.parent.unmergedLeaves, at, i)
		}
	}
	e.fill(path, i, leaf, e.hasher.key(encryptionKey, leaf.EncryptionKey))
	return i
}

// claimLeaf returns the leftmost blank leaf, and extends the tree for it if necessary
// (Section 7.7). The leaf stays blank: for an external commit, mergePath and setLeaf fill
// it (Section 12.4.2).
func (e *treeEdit) claimLeaf() LeafIndex {
	if e.root.blank == noLeaf {
		if e.width == treemath.MaxLeaves {
			e.fail(fmt.Errorf("%w: a tree of more than %d leaves", ErrUnsupported, treemath.MaxLeaves))
			return noLeaf
		}
		right := &node{blank: LeafIndex(e.width), owner: e.token}
		e.root = &node{left: e.root, right: right, owner: e.token}
		e.root.count()
		e.width *= 2
		e.made += 2
	}
	return e.root.blank
}

// setLeaf fills a leaf and leaves its direct path unchanged. It sets the leaf of an
// UpdatePath after mergePath. It keeps leaf, whose encryption key has to be new (Section
// 12.4.2).
func (e *treeEdit) setLeaf(i LeafIndex, leaf *LeafNode) {
	if uint32(i) >= e.width {
		e.fail(violation("12.4.2", "path is that of a leaf of the tree").atLeaf(i))
		return
	}
	key := e.hasher.key(encryptionKey, leaf.EncryptionKey)
	if e.keys.find(key).count > 0 {
		e.fail(violation("12.4.2", "encryption_key of the path's leaf is in no node of the tree").atLeaf(i))
		return
	}
	e.fill(e.ownPath(i, copyParent), i, leaf, key)
}

// mergePath sets the parents on a leaf's direct path as an UpdatePath says (Section 7.5).
// Those at nodes, the filtered direct path, get the public keys; the others become blank.
// It returns the parent hash that the leaf then has to have (Section 7.9), which is empty
// if there are no nodes.
//
// The keys have to be new to the tree after the proposals (Section 12.4.2). mergePath
// keeps the keys and checks nothing else of them. After it, only setLeaf may change the
// edit: the parent hash covers the tree as it is now.
func (e *treeEdit) mergePath(leaf LeafIndex, nodes []NodeIndex, publicKeys [][]byte) ([]byte, error) {
	if e.err != nil {
		return nil, e.err
	}
	if uint32(leaf) >= e.width {
		return nil, e.fail(violation("12.4.2", "path is that of a leaf of the tree").atLeaf(leaf))
	}
	if len(nodes) != len(publicKeys) {
		return nil, e.fail(violation("7.6", "path has one node for each of the filtered direct path: %d, not %d",
			len(nodes), len(publicKeys)).atLeaf(leaf))
	}
	e.retired = slices.Grow(e.retired, len(nodes))
	e.keys.reserve(2 * (len(nodes) + 1))
	path := e.ownPath(leaf, retireParent)
	hash, next := []byte{}, len(nodes)
	i := e.rootIndex()
	for _, n := range path[:len(path)-1] {
		step := n.step(i, leaf)
		_, i = n.toward(i, leaf.Node())
		if step.filtered() {
			continue
		}
		next--
		if next < 0 || nodes[next] != step.index {
			return nil, e.fail(violation("7.5", "path is the filtered direct path").atLeaf(leaf))
		}
		n.key = e.hasher.key(encryptionKey, publicKeys[next])
		if !e.hold(encryptionKey, n.key, step.index) {
			return nil, e.fail(violation("12.4.2", "public key for node %d of the path is in no node of the tree", step.index).atLeaf(leaf))
		}
		if err := e.hasher.rehash(step.copath, step.copathIndex, e.made); err != nil {
			return nil, e.fail(err)
		}
		n.parent = &parentNode{encryptionKey: publicKeys[next], parentHash: hash}
		hash = e.hasher.parentHash(n.parent, step.copath.hash(e.hashSize))
	}
	if next != 0 {
		return nil, e.fail(violation("7.5", "path is the filtered direct path").atLeaf(leaf))
	}
	if e.hasher.err != nil {
		return nil, e.fail(e.hasher.err)
	}
	return hash, nil
}

// fill sets a leaf, whose encryption key has the name key, or blanks it if leaf is nil.
// path is the path from the root, whose nodes belong to the edit.
func (e *treeEdit) fill(path []*node, i LeafIndex, leaf *LeafNode, key keyHash) {
	n := path[len(path)-1]
	newSigner := n.leaf == nil || leaf == nil || !bytes.Equal(n.leaf.SignatureKey, leaf.SignatureKey)
	if n.leaf != nil {
		if newSigner {
			e.keys.remove(e.hasher.key(signatureKey, n.leaf.SignatureKey), i.Node())
		}
		e.keys.remove(n.key, i.Node())
	}
	n.leaf, n.key, n.members, n.blank = leaf, key, 0, i
	if leaf != nil {
		n.members, n.blank = 1, noLeaf
		if newSigner {
			e.hold(signatureKey, e.hasher.key(signatureKey, leaf.SignatureKey), i.Node())
		}
		e.hold(encryptionKey, key, i.Node())
	}
	for _, n := range slices.Backward(path[:len(path)-1]) {
		n.count()
	}
}

// count sets the number of members below n and the leftmost blank leaf from those
// of its children.
func (n *node) count() {
	n.members = n.left.members + n.right.members
	n.blank = min(n.left.blank, n.right.blank)
}

// parentFate says what happens to the parents on a path that an edit touches.
type parentFate uint8

const (
	copyParent   parentFate = iota // the parent stays, and can be changed
	blankParent                    // its key leaves the tree at once
	retireParent                   // its key counts until the edit is frozen
)

// ownPath makes the nodes from the root down to a leaf the edit's own. The slice that it
// returns is valid until the next call.
func (e *treeEdit) ownPath(leaf LeafIndex, fate parentFate) []*node {
	path := e.path[:0]
	link, i := &e.root, e.rootIndex()
	for {
		n := e.own(link, i, fate)
		path = append(path, n)
		if i.IsLeaf() {
			break
		}
		if n.left == nil {
			e.splitBlank(n, i)
		}
		n.hashes = nil
		if leaf.Node() < i {
			link, i = &n.left, i.Left()
		} else {
			link, i = &n.right, i.Right()
		}
	}
	path[len(path)-1].hashes = nil
	e.path = path
	return path
}

// own makes the node at link, whose index is i, the edit's own.
func (e *treeEdit) own(link **node, i NodeIndex, fate parentFate) *node {
	e.visit(1)
	n := *link
	if n.owner != e.token {
		c := *n
		c.owner = e.token
		n, *link = &c, &c
		e.made++
		if n.parent != nil && fate == copyParent {
			p := *n.parent
			p.unmergedLeaves = slices.Clip(p.unmergedLeaves)
			n.parent = &p
		}
	}
	if n.parent != nil && fate != copyParent {
		switch fate {
		case blankParent:
			e.keys.remove(n.key, i)
		case retireParent:
			e.retired = append(e.retired, heldKey{n.key, encryptionKey, i})
		}
		n.parent = nil
	}
	return n
}

// splitBlank gives a blank subtree two children, which are blank subtrees. Its root n has
// index i and belongs to the edit.
func (e *treeEdit) splitBlank(n *node, i NodeIndex) {
	n.left = &node{blank: firstLeaf(i.Left()), owner: e.token}
	n.right = &node{blank: firstLeaf(i.Right()), owner: e.token}
	if n.hashes != nil {
		n.left.hashes, n.right.hashes = blankChildren(n.hashes, e.hashSize)
	}
	e.made += 2
}

// firstLeaf returns the leftmost leaf below a node.
func firstLeaf(i NodeIndex) LeafIndex {
	return LeafIndex((uint32(i) + 1 - 1<<i.Level()) / 2)
}

// hold enters that a node holds a key, and reports whether no other node does.
func (e *treeEdit) hold(kind keyKind, key keyHash, i NodeIndex) bool {
	if e.keys.add(key, i) == 1 {
		return true
	}
	e.clashes = append(e.clashes, heldKey{key, kind, i})
	return false
}
