package secrettree

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"math"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// RatchetKind tells the two ratchets of a sender apart.
type RatchetKind uint8

// The ratchets of a sender (RFC 9420, Section 9.1).
const (
	HandshakeRatchet   RatchetKind = 0
	ApplicationRatchet RatchetKind = 1
)

// RatchetKinds returns both kinds.
func RatchetKinds() [2]RatchetKind { return [...]RatchetKind{HandshakeRatchet, ApplicationRatchet} }

// RatchetKindOf returns the ratchet for messages of a content type.
func RatchetKindOf(t message.ContentType) RatchetKind {
	if t == message.ContentApplication {
		return ApplicationRatchet
	}
	return HandshakeRatchet
}

// Kind returns one of the two ratchets.
func (l *LeafRatchets) Kind(k RatchetKind) *Ratchet {
	if k == ApplicationRatchet {
		return &l.Application
	}
	return &l.Handshake
}

// secretKind is the first byte of the key under which a secret is saved. Numbers follow
// it, big-endian.
type secretKind byte

// The kinds of secrets.
const (
	SecretOfNode    secretKind = 's' // epoch uint64, node uint32: its secret
	SecretOfRatchet secretKind = 'v' // epoch uint64, leaf uint32, ratchet uint8: SavedRatchet
	SecretOfMessage secretKind = 'm' // the same, generation uint32: SavedMessageKey
)

// SecretName names a secret of a secret tree: that of a node, a ratchet, or the key of a
// skipped message.
type SecretName struct {
	Kind       secretKind
	Index      uint32 // node, or leaf
	Ratchet    RatchetKind
	generation uint32
}

// NameOfNode returns the name of a node's secret.
func NameOfNode(n treemath.NodeIndex) SecretName {
	return SecretName{Kind: SecretOfNode, Index: uint32(n)}
}

func nameOfRatchet(leaf message.LeafIndex, t message.ContentType) SecretName {
	return SecretName{Kind: SecretOfRatchet, Index: uint32(leaf), Ratchet: RatchetKindOf(t)}
}

// NameOfKept returns the name of the key of a skipped message.
func NameOfKept(leaf message.LeafIndex, t message.ContentType, generation uint32) SecretName {
	return SecretName{SecretOfMessage, uint32(leaf), RatchetKindOf(t), generation}
}

// Key returns the key of the secret's record.
func (n SecretName) Key(epoch uint64) []byte { return n.AppendKey(nil, epoch) }

// AppendKey appends the key of the secret's record.
func (n SecretName) AppendKey(key []byte, epoch uint64) []byte {
	key = binary.BigEndian.AppendUint64(append(key, byte(n.Kind)), epoch)
	key = binary.BigEndian.AppendUint32(key, n.Index)
	if n.Kind == SecretOfNode {
		return key
	}
	key = append(key, byte(n.Ratchet))
	if n.Kind == SecretOfRatchet {
		return key
	}
	return binary.BigEndian.AppendUint32(key, n.generation)
}

// SecretNameOf returns the epoch and the name in a record's key, which has the right
// length. The error says that the name is none.
func SecretNameOf(key []byte) (epoch uint64, n SecretName, err error) {
	n.Kind = secretKind(key[0])
	epoch, n.Index = binary.BigEndian.Uint64(key[1:]), binary.BigEndian.Uint32(key[9:])
	if n.Kind != SecretOfNode {
		if n.Ratchet = RatchetKind(key[13]); n.Ratchet > ApplicationRatchet {
			return 0, n, misplaced("no ratchet is of kind %d", n.Ratchet)
		}
	}
	if n.Kind == SecretOfMessage {
		n.generation = binary.BigEndian.Uint32(key[14:])
	}
	return epoch, n, nil
}

// SavedRatchet is a ratchet of a sender.
//
//	struct {
//	    uint64 next;            // generation, up to 2^32
//	    opaque secret<V>;       // empty if next is 2^32
//	} SavedRatchet;
type SavedRatchet struct {
	Next   uint64
	Secret []byte
}

// Marshal writes s.
func (s *SavedRatchet) Marshal(w *wire.Writer) {
	w.Uint64(s.Next)
	w.Bytes(s.Secret)
}

// Unmarshal reads s.
func (s *SavedRatchet) Unmarshal(r *wire.Reader) {
	s.Next = r.Uint64()
	s.Secret = r.Bytes()
}

// SavedMessageKey is the key of a skipped message.
type SavedMessageKey struct{ Key, Nonce []byte }

// Marshal writes k.
func (k *SavedMessageKey) Marshal(w *wire.Writer) {
	w.Grow(wire.SizeOfVector(len(k.Key)) + wire.SizeOfVector(len(k.Nonce))) // or the key would stay behind in an outgrown buffer
	w.Bytes(k.Key)
	w.Bytes(k.Nonce)
}

// Unmarshal reads k.
func (k *SavedMessageKey) Unmarshal(r *wire.Reader) {
	k.Key = r.Bytes()
	k.Nonce = r.Bytes()
}

// misplaced returns the error for saved secrets that do not make a secret tree.
func misplaced(format string, args ...any) error { return fmt.Errorf(format, args...) }

// noteNew notes a secret that was never saved.
func (t *Tree) noteNew(n SecretName) {
	if _, noted := t.Unsaved[n]; t.Unsaved != nil && !noted {
		t.Unsaved[n] = false
	}
}

// noteChanged notes that a secret differs from the saved one.
func (t *Tree) noteChanged(n SecretName) {
	if _, noted := t.Unsaved[n]; t.Unsaved != nil && !noted {
		t.Unsaved[n] = true
	}
}

// noteGone notes that a secret is gone.
func (t *Tree) noteGone(n SecretName) {
	if saved, noted := t.Unsaved[n]; noted && !saved {
		delete(t.Unsaved, n) // the saved state needs no change
		return
	}
	t.noteChanged(n)
}

// Saved says that all secrets are saved as they are.
func (t *Tree) Saved() {
	if t.Unsaved == nil {
		t.Unsaved = make(map[SecretName]bool)
	}
	clear(t.Unsaved)
}

// Changed yields the names of the secrets that differ from the saved ones or are gone,
// except those of one leaf's ratchets.
func (t *Tree) Changed(except message.LeafIndex) iter.Seq[SecretName] {
	return func(yield func(SecretName) bool) {
		for n := range t.Unsaved {
			if (n.Kind == SecretOfNode || message.LeafIndex(n.Index) != except) && !yield(n) {
				return
			}
		}
	}
}

// Names yields the names of all secrets, except those of one leaf's ratchets.
func (t *Tree) Names(except message.LeafIndex) iter.Seq[SecretName] {
	return func(yield func(SecretName) bool) {
		for node := range t.Nodes {
			if !yield(NameOfNode(node)) {
				return
			}
		}
		for leaf, ratchets := range t.Ratchets {
			if leaf != except && !ratchets.names(leaf, yield) {
				return
			}
		}
	}
}

// names yields the names of the secrets of a leaf, and reports whether yield wants more.
func (l *LeafRatchets) names(leaf message.LeafIndex, yield func(SecretName) bool) bool {
	for _, kind := range RatchetKinds() {
		if !yield(SecretName{Kind: SecretOfRatchet, Index: uint32(leaf), Ratchet: kind}) {
			return false
		}
		for _, k := range l.Kind(kind).Kept {
			if !yield(SecretName{SecretOfMessage, uint32(leaf), kind, k.Generation}) {
				return false
			}
		}
	}
	return true
}

// Write writes a secret in its saved form to what begin returns, unless there is no such
// secret.
func (t *Tree) Write(n SecretName, begin func() *wire.Writer) {
	if n.Kind == SecretOfNode {
		if secret := t.Nodes[treemath.NodeIndex(n.Index)]; secret != nil {
			begin().Raw(secret)
		}
		return
	}
	leaf := t.Ratchets[message.LeafIndex(n.Index)]
	if leaf == nil {
		return
	}
	r := leaf.Kind(n.Ratchet)
	if n.Kind == SecretOfRatchet {
		(&SavedRatchet{r.Next, r.Secret}).Marshal(begin())
		return
	}
	if i, ok := r.index(n.generation); ok {
		(&SavedMessageKey{r.Kept[i].Key, r.Kept[i].Nonce}).Marshal(begin())
	}
}

// Restore puts a saved secret in its place. Secrets of nodes come first, then ratchets,
// then the keys of their messages in order. The error says that the secret has no place,
// or wraps [message.ErrMalformed].
func (t *Tree) Restore(n SecretName, value []byte) error {
	info := t.Suite.Info()
	switch n.Kind {
	case SecretOfNode:
		node := treemath.NodeIndex(n.Index)
		if n.Index >= treemath.NodeCount(t.Leaves) || len(value) != info.KDF.Nh {
			return misplaced("secret of node %d has no place in the secret tree", node)
		}
		t.Nodes[node] = bytes.Clone(value)
	case SecretOfRatchet:
		leaf := message.LeafIndex(n.Index)
		saved, err := wire.ParseNew(value, "ratchet", (*SavedRatchet).Unmarshal)
		if err != nil {
			return err
		}
		size := info.KDF.Nh
		if saved.Next > math.MaxUint32 {
			size = 0
		}
		if n.Index >= t.Leaves || saved.Next > math.MaxUint32+1 || len(saved.Secret) != size {
			return misplaced("ratchet of leaf %d has no place in the secret tree", leaf)
		}
		if t.Ratchets[leaf] == nil {
			t.Ratchets[leaf] = new(LeafRatchets)
		}
		*t.Ratchets[leaf].Kind(n.Ratchet) = Ratchet{Secret: saved.Secret, Next: saved.Next}
	case SecretOfMessage:
		saved, err := wire.ParseNew(value, "message key", (*SavedMessageKey).Unmarshal)
		if err != nil {
			return err
		}
		leaf := t.Ratchets[message.LeafIndex(n.Index)]
		if leaf == nil || uint64(n.generation) >= leaf.Kind(n.Ratchet).Next ||
			len(saved.Key) != info.AEAD.Nk || len(saved.Nonce) != info.AEAD.Nn {
			return misplaced("message key of leaf %d has no place in its ratchet", n.Index)
		}
		r := leaf.Kind(n.Ratchet)
		r.Kept = append(r.Kept, MessageKey{n.generation, saved.Key, saved.Nonce})
	}
	return nil
}

// Check returns an error if a restored secret could be derived from that of a node above
// it, or if a secret is missing. Each leaf has a secret above it or its own ratchets.
// Only gone, the member's leaf in a past epoch, may lack both. If no leaf may, gone lies
// outside the tree.
func (t *Tree) Check(gone message.LeafIndex) error {
	found := uint64(len(t.Ratchets))
	for node := range t.Nodes {
		found += 1 << node.Level()
	}
	if uint32(gone) < t.Leaves && t.Ratchets[gone] == nil && !t.covered(treemath.NodeOf(gone)) {
		found++
	}
	for node := range t.Nodes {
		if parent, ok := node.Parent(t.Leaves); ok && t.covered(parent) {
			return misplaced("secret of node %d is below another", node)
		}
	}
	for leaf, r := range t.Ratchets {
		if t.covered(treemath.NodeOf(leaf)) {
			return misplaced("ratchet of leaf %d is below the secret of a node", leaf)
		}
		for _, kind := range RatchetKinds() {
			if r.Kind(kind).Next <= math.MaxUint32 && r.Kind(kind).Secret == nil {
				return misplaced("leaf %d has only one ratchet", leaf)
			}
		}
	}
	if found != uint64(t.Leaves) { // of subtrees that do not overlap
		return misplaced("a leaf of the secret tree has no secret")
	}
	return nil
}

// covered reports whether the node, or a node above it, has a secret.
func (t *Tree) covered(n treemath.NodeIndex) bool {
	for ok := true; ok; n, ok = n.Parent(t.Leaves) {
		if t.Nodes[n] != nil {
			return true
		}
	}
	return false
}

// Forget deletes the ratchets of a leaf.
func (t *Tree) Forget(leaf message.LeafIndex) {
	r := t.Ratchets[leaf]
	if r == nil {
		return
	}
	for _, kind := range RatchetKinds() {
		t.noteGone(SecretName{Kind: SecretOfRatchet, Index: uint32(leaf), Ratchet: kind})
		for _, k := range r.Kind(kind).Kept {
			t.noteGone(SecretName{SecretOfMessage, uint32(leaf), kind, k.Generation})
		}
		r.Kind(kind).destroy()
		t.ahead.forget(ratchetID{leaf, kind})
	}
	delete(t.Ratchets, leaf)
	t.Version++
}

// Ahead returns the ratchet as it will be at a later generation, in its saved form.
func (r *Ratchet) Ahead(s suite.Suite, generation uint64) (*SavedRatchet, error) {
	secret := bytes.Clone(r.Secret)
	for g := r.Next; g < generation; g++ {
		if g == math.MaxUint32 {
			clear(secret)
			return &SavedRatchet{Next: generation}, nil
		}
		var err error
		if secret, err = nextSecret(s, secret, g); err != nil {
			return nil, err
		}
	}
	return &SavedRatchet{generation, secret}, nil
}
