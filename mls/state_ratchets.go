package mls

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// ratchetKind tells the two ratchets of a sender apart.
type ratchetKind uint8

const (
	handshakeRatchet   ratchetKind = 0
	applicationRatchet ratchetKind = 1
)

func ratchetKinds() [2]ratchetKind { return [...]ratchetKind{handshakeRatchet, applicationRatchet} }

func ratchetKindOf(t ContentType) ratchetKind {
	if t == ContentApplication {
		return applicationRatchet
	}
	return handshakeRatchet
}

// kind returns one of the two ratchets.
func (l *leafRatchets) kind(k ratchetKind) *ratchet {
	if k == applicationRatchet {
		return &l.application
	}
	return &l.handshake
}

// secretKind is the first byte of the key under which a secret is saved. Numbers follow
// it, big-endian.
type secretKind byte

const (
	secretOfNode    secretKind = 's' // epoch uint64, node uint32: its secret
	secretOfRatchet secretKind = 'v' // epoch uint64, leaf uint32, ratchet uint8: savedRatchet
	secretOfMessage secretKind = 'm' // the same, generation uint32: savedMessageKey
)

// secretName names a secret of a secret tree: that of a node, a ratchet, or the key
// of a skipped message.
type secretName struct {
	kind       secretKind
	index      uint32 // node, or leaf
	ratchet    ratchetKind
	generation uint32
}

func nameOfNode(n NodeIndex) secretName { return secretName{kind: secretOfNode, index: uint32(n)} }

func nameOfRatchet(leaf LeafIndex, t ContentType) secretName {
	return secretName{kind: secretOfRatchet, index: uint32(leaf), ratchet: ratchetKindOf(t)}
}

func nameOfKept(leaf LeafIndex, t ContentType, generation uint32) secretName {
	return secretName{secretOfMessage, uint32(leaf), ratchetKindOf(t), generation}
}

// key returns the key of the secret's record.
func (n secretName) key(epoch uint64) []byte {
	key := binary.BigEndian.AppendUint64([]byte{byte(n.kind)}, epoch)
	key = binary.BigEndian.AppendUint32(key, n.index)
	if n.kind == secretOfNode {
		return key
	}
	key = append(key, byte(n.ratchet))
	if n.kind == secretOfRatchet {
		return key
	}
	return binary.BigEndian.AppendUint32(key, n.generation)
}

// secretNameOf returns the name in a record's key of the right length, with the
// epoch.
func secretNameOf(key []byte) (epoch uint64, n secretName, err error) {
	n.kind = secretKind(key[0])
	epoch, n.index = binary.BigEndian.Uint64(key[1:]), binary.BigEndian.Uint32(key[9:])
	if n.kind != secretOfNode {
		if n.ratchet = ratchetKind(key[13]); n.ratchet > applicationRatchet {
			return 0, n, misplaced("no ratchet is of kind %d", n.ratchet)
		}
	}
	if n.kind == secretOfMessage {
		n.generation = binary.BigEndian.Uint32(key[14:])
	}
	return epoch, n, nil
}

// savedRatchet is a ratchet of a sender.
//
//	struct {
//	    uint64 next;            // generation, up to 2^32
//	    opaque secret<V>;       // empty if next is 2^32
//	} SavedRatchet;
type savedRatchet struct {
	next   uint64
	secret []byte
}

func (s *savedRatchet) marshal(w *wire.Writer) {
	w.Uint64(s.next)
	w.Bytes(s.secret)
}

func (s *savedRatchet) unmarshal(r *wire.Reader) {
	s.next = r.Uint64()
	s.secret = r.Bytes()
}

// savedMessageKey is the key of a skipped message.
type savedMessageKey struct{ key, nonce []byte }

func (k *savedMessageKey) marshal(w *wire.Writer) {
	w.Bytes(k.key)
	w.Bytes(k.nonce)
}

func (k *savedMessageKey) unmarshal(r *wire.Reader) {
	k.key = r.Bytes()
	k.nonce = r.Bytes()
}

// misplaced returns the error for saved secrets that do not make a secret tree.
func misplaced(format string, args ...any) error { return fmt.Errorf(format, args...) }

// noteNew notes a secret that was never saved.
func (t *secretTree) noteNew(n secretName) {
	if _, noted := t.unsaved[n]; t.unsaved != nil && !noted {
		t.unsaved[n] = false
	}
}

// noteChanged notes that a secret differs from the saved one.
func (t *secretTree) noteChanged(n secretName) {
	if _, noted := t.unsaved[n]; t.unsaved != nil && !noted {
		t.unsaved[n] = true
	}
}

// noteGone notes that a secret is gone.
func (t *secretTree) noteGone(n secretName) {
	if saved, noted := t.unsaved[n]; noted && !saved {
		delete(t.unsaved, n) // the saved state needs no change
		return
	}
	t.noteChanged(n)
}

// changed returns the names of the secrets that differ from the saved ones or are gone,
// except those of one leaf's ratchets.
func (t *secretTree) changed(except LeafIndex) []secretName {
	var all []secretName
	for n := range t.unsaved {
		if n.kind == secretOfNode || LeafIndex(n.index) != except {
			all = append(all, n)
		}
	}
	return all
}

// names returns the names of all secrets, except those of one leaf's ratchets.
func (t *secretTree) names(except LeafIndex) []secretName {
	var all []secretName
	for node := range t.nodes {
		all = append(all, nameOfNode(node))
	}
	for leaf, ratchets := range t.ratchets {
		if leaf == except {
			continue
		}
		for _, kind := range ratchetKinds() {
			all = append(all, secretName{kind: secretOfRatchet, index: uint32(leaf), ratchet: kind})
			for _, k := range ratchets.kind(kind).kept {
				all = append(all, secretName{secretOfMessage, uint32(leaf), kind, k.generation})
			}
		}
	}
	return all
}

// value returns a secret in its saved form, or nil if there is no such secret.
func (t *secretTree) value(n secretName) ([]byte, error) {
	if n.kind == secretOfNode {
		return bytes.Clone(t.nodes[NodeIndex(n.index)]), nil
	}
	leaf := t.ratchets[LeafIndex(n.index)]
	if leaf == nil {
		return nil, nil
	}
	r := leaf.kind(n.ratchet)
	if n.kind == secretOfRatchet {
		return wire.Marshal((&savedRatchet{r.next, r.secret}).marshal)
	}
	if i, ok := r.index(n.generation); ok {
		return wire.Marshal((&savedMessageKey{r.kept[i].key, r.kept[i].nonce}).marshal)
	}
	return nil, nil
}

// restore puts a saved secret in its place. Secrets of nodes come first, then ratchets,
// then the keys of their messages in order.
func (t *secretTree) restore(n secretName, value []byte) error {
	info := t.suite.Info()
	switch n.kind {
	case secretOfNode:
		node := NodeIndex(n.index)
		if n.index >= treemath.NodeCount(t.leaves) || len(value) != info.KDF.Nh {
			return misplaced("secret of node %d has no place in the secret tree", node)
		}
		t.nodes[node] = bytes.Clone(value)
	case secretOfRatchet:
		leaf := LeafIndex(n.index)
		saved, err := wire.ParseNew(value, "ratchet", (*savedRatchet).unmarshal)
		if err != nil {
			return err
		}
		size := info.KDF.Nh
		if saved.next > math.MaxUint32 {
			size = 0
		}
		if n.index >= t.leaves || saved.next > math.MaxUint32+1 || len(saved.secret) != size {
			return misplaced("ratchet of leaf %d has no place in the secret tree", leaf)
		}
		if t.ratchets[leaf] == nil {
			t.ratchets[leaf] = new(leafRatchets)
		}
		*t.ratchets[leaf].kind(n.ratchet) = ratchet{secret: saved.secret, next: saved.next}
	case secretOfMessage:
		saved, err := wire.ParseNew(value, "message key", (*savedMessageKey).unmarshal)
		if err != nil {
			return err
		}
		leaf := t.ratchets[LeafIndex(n.index)]
		if leaf == nil || uint64(n.generation) >= leaf.kind(n.ratchet).next ||
			len(saved.key) != info.AEAD.Nk || len(saved.nonce) != info.AEAD.Nn {
			return misplaced("message key of leaf %d has no place in its ratchet", n.index)
		}
		r := leaf.kind(n.ratchet)
		r.kept = append(r.kept, messageKey{n.generation, saved.key, saved.nonce})
	}
	return nil
}

// check returns an error if a restored secret could be derived from that of a node above
// it, or if a secret is missing. Each leaf has a secret above it or its own ratchets.
// Only gone, the member's leaf in a past epoch, may lack both. If no leaf may, gone lies
// outside the tree.
func (t *secretTree) check(gone LeafIndex) error {
	found := uint64(len(t.ratchets))
	for node := range t.nodes {
		found += 1 << node.Level()
	}
	if uint32(gone) < t.leaves && t.ratchets[gone] == nil && !t.covered(gone.Node()) {
		found++
	}
	for node := range t.nodes {
		if parent, ok := node.Parent(t.leaves); ok && t.covered(parent) {
			return misplaced("secret of node %d is below another", node)
		}
	}
	for leaf, r := range t.ratchets {
		if t.covered(leaf.Node()) {
			return misplaced("ratchet of leaf %d is below the secret of a node", leaf)
		}
		for _, kind := range ratchetKinds() {
			if r.kind(kind).next <= math.MaxUint32 && r.kind(kind).secret == nil {
				return misplaced("leaf %d has one ratchet", leaf)
			}
		}
	}
	if found != uint64(t.leaves) { // of subtrees that do not overlap
		return misplaced("a leaf of the secret tree has no secret")
	}
	return nil
}

// covered reports whether the node, or a node above it, has a secret.
func (t *secretTree) covered(n NodeIndex) bool {
	for ok := true; ok; n, ok = n.Parent(t.leaves) {
		if t.nodes[n] != nil {
			return true
		}
	}
	return false
}

// open derives the first ratchets of a leaf, unless they are there.
func (t *secretTree) open(leaf LeafIndex) error {
	if t.ratchets[leaf] != nil {
		return nil
	}
	p := &pendingKey{tree: t, leaf: leaf, ratchets: new(leafRatchets), first: true}
	if err := p.deriveLeaf(); err != nil {
		p.discard()
		return err
	}
	t.version++
	p.install()
	return nil
}

// forget deletes the ratchets of a leaf.
func (t *secretTree) forget(leaf LeafIndex) {
	r := t.ratchets[leaf]
	if r == nil {
		return
	}
	for _, kind := range ratchetKinds() {
		t.noteGone(secretName{kind: secretOfRatchet, index: uint32(leaf), ratchet: kind})
		for _, k := range r.kind(kind).kept {
			t.noteGone(secretName{secretOfMessage, uint32(leaf), kind, k.generation})
		}
		r.kind(kind).destroy()
		t.ahead.forget(ratchetID{leaf, kind})
	}
	delete(t.ratchets, leaf)
	t.version++
}

// ahead returns the ratchet as it will be at a later generation, in its saved form.
func (r *ratchet) ahead(s suite.Suite, generation uint64) (*savedRatchet, error) {
	secret := bytes.Clone(r.secret)
	for g := r.next; g < generation; g++ {
		if g == math.MaxUint32 {
			clear(secret)
			return &savedRatchet{next: generation}, nil
		}
		var err error
		if secret, err = nextSecret(s, secret, g); err != nil {
			return nil, err
		}
	}
	return &savedRatchet{generation, secret}, nil
}
