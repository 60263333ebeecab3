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

// Kind is the byte behind the epoch in the key of a secret's record. Numbers follow
// it, big-endian.
type Kind byte

// The kinds of secrets. Their keys begin with RecordOfEpoch and the epoch as a uint64.
const (
	SecretOfNode    Kind = 's' // node uint32: the secrets of nodes on the page below it
	SecretOfRatchet Kind = 'v' // leaf uint32, ratchet uint8: SavedRatchet, or two for BothRatchets
	SecretOfMessage Kind = 'm' // the same, generation uint32: SavedMessageKey
)

// RecordOfEpoch is the first byte of all keys of an epoch's secrets. The epoch follows.
const RecordOfEpoch = 'p'

// BothRatchets names both ratchets of a leaf together, the handshake ratchet first.
const BothRatchets RatchetKind = 2

// SecretName names a record of a secret tree: the secrets of a page of nodes, one or both
// ratchets of a leaf, or the key of a skipped message.
type SecretName struct {
	Index      uint32 // node on top of a page, or leaf
	Generation uint32 // of a message
	Kind       Kind
	Ratchet    RatchetKind
}

// NameOfPage returns the name of the record that has the secret of a node.
func (t *Tree) NameOfPage(n treemath.NodeIndex) SecretName {
	return SecretName{Kind: SecretOfNode, Index: uint32(t.page(n))}
}

// pageLevels is the number of levels of nodes on a page. No two of the nodes that have
// secrets are above one another, so a page has at most 16.
const pageLevels = 4

// page returns the node above the page that a node is on. The root is on the page below
// itself.
func (t *Tree) page(n treemath.NodeIndex) treemath.NodeIndex {
	root := treemath.Root(t.Leaves)
	up := (root.Level()-n.Level()-1)%pageLevels + 1 // 0 for the root
	for ; up > 0; up-- {
		n, _ = n.Parent(t.Leaves)
	}
	return n
}

func nameOfRatchets(leaf message.LeafIndex) SecretName {
	return SecretName{Kind: SecretOfRatchet, Index: uint32(leaf), Ratchet: BothRatchets}
}

// NameOfRatchet returns the name of one of the member's own ratchets. They are saved one by
// one, because one may be moved far ahead.
func NameOfRatchet(leaf message.LeafIndex, kind RatchetKind) SecretName {
	return SecretName{Kind: SecretOfRatchet, Index: uint32(leaf), Ratchet: kind}
}

// NameOfKept returns the name of the key of a skipped message.
func NameOfKept(leaf message.LeafIndex, t message.ContentType, generation uint32) SecretName {
	return SecretName{uint32(leaf), generation, SecretOfMessage, RatchetKindOf(t)}
}

// AppendKey appends the key of the secret's record.
func (n SecretName) AppendKey(key []byte, epoch uint64) []byte {
	key = binary.BigEndian.AppendUint64(append(key, RecordOfEpoch), epoch)
	key = binary.BigEndian.AppendUint32(append(key, byte(n.Kind)), n.Index)
	if n.Kind == SecretOfNode {
		return key
	}
	key = append(key, byte(n.Ratchet))
	if n.Kind == SecretOfRatchet {
		return key
	}
	return binary.BigEndian.AppendUint32(key, n.Generation)
}

// The lengths of keys.
const (
	PrefixLength  = 1 + 8 + 1 // with the kind
	NodeLength    = PrefixLength + 4
	RatchetLength = NodeLength + 1
	MessageLength = RatchetLength + 4
)

// SecretNameOf returns the epoch and the name in a record's key, which has the right
// length.
func SecretNameOf(key []byte) (epoch uint64, n SecretName) {
	n.Kind = Kind(key[PrefixLength-1])
	epoch, n.Index = binary.BigEndian.Uint64(key[1:]), binary.BigEndian.Uint32(key[PrefixLength:])
	if n.Kind != SecretOfNode {
		n.Ratchet = RatchetKind(key[NodeLength])
	}
	if n.Kind == SecretOfMessage {
		n.Generation = binary.BigEndian.Uint32(key[RatchetLength:])
	}
	return epoch, n
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

// Size returns the number of bytes that Marshal writes.
func (s *SavedRatchet) Size() int { return 8 + wire.SizeOfVector(len(s.Secret)) }

// Unmarshal reads s.
func (s *SavedRatchet) Unmarshal(r *wire.Reader) {
	s.Next = r.Uint64()
	s.Secret = r.Bytes()
}

// SavedMessageKey is the key of a skipped message.
type SavedMessageKey struct{ Key, Nonce []byte }

func (k *SavedMessageKey) size() int {
	return wire.SizeOfVector(len(k.Key)) + wire.SizeOfVector(len(k.Nonce))
}

// Marshal writes k.
func (k *SavedMessageKey) Marshal(w *wire.Writer) {
	w.Grow(k.size()) // or the key would stay behind in an outgrown buffer
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
	t.note(n, false)
}

// noteChanged notes that a secret differs from the saved one.
func (t *Tree) noteChanged(n SecretName) {
	t.note(n, true)
}

// note notes a record, unless it is noted already, with whether the saved state may hold it.
func (t *Tree) note(n SecretName, saved bool) {
	if !t.saved {
		return
	}
	if _, noted := t.Unsaved[n]; noted {
		return
	}
	if t.Unsaved == nil {
		t.Unsaved = make(map[SecretName]bool)
	}
	t.Unsaved[n] = saved
}

// noteGone notes that a secret is gone.
func (t *Tree) noteGone(n SecretName) {
	if saved, noted := t.Unsaved[n]; noted && !saved {
		delete(t.Unsaved, n) // the saved state needs no change
		return
	}
	t.noteChanged(n)
}

// Saved says that all records are saved as they are.
func (t *Tree) Saved() {
	t.saved = true
	clear(t.Unsaved)
}

// WasSaved reports whether the tree was ever saved.
func (t *Tree) WasSaved() bool { return t.saved }

// Changed yields the names of the records that differ from the saved ones or are gone,
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

// Names yields the names of all records, except those of one leaf's ratchets. A page may
// come several times.
func (t *Tree) Names(except message.LeafIndex) iter.Seq[SecretName] {
	return func(yield func(SecretName) bool) {
		for node := range t.Nodes {
			if !yield(t.NameOfPage(node)) {
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

// names yields the names of the records of a leaf, and reports whether yield wants more.
func (l *LeafRatchets) names(leaf message.LeafIndex, yield func(SecretName) bool) bool {
	if !yield(nameOfRatchets(leaf)) {
		return false
	}
	for _, kind := range RatchetKinds() {
		for _, k := range l.Kind(kind).Kept {
			if !yield(SecretName{uint32(leaf), k.Generation, SecretOfMessage, kind}) {
				return false
			}
		}
	}
	return true
}

// Untouched returns the secret of the root, or nil once a leaf was used.
func (t *Tree) Untouched() []byte { return t.Nodes[treemath.Root(t.Leaves)] }

// Write writes a record to what begin returns, which gets its size, unless there is no such
// record. Ratchets are written as a pair.
//
// The record of a page is
//
//	struct {
//	    uint32 node;            // in increasing order
//	    opaque secret[KDF.Nh];
//	} secrets[];                // to the end
func (t *Tree) Write(n SecretName, begin func(size int) *wire.Writer) {
	if n.Kind == SecretOfNode {
		t.writePage(treemath.NodeIndex(n.Index), begin)
		return
	}
	leaf := t.Ratchets[message.LeafIndex(n.Index)]
	if leaf == nil {
		return
	}
	if n.Kind == SecretOfRatchet {
		handshake := SavedRatchet{leaf.Handshake.Next, leaf.Handshake.Secret}
		application := SavedRatchet{leaf.Application.Next, leaf.Application.Secret}
		w := begin(handshake.Size() + application.Size())
		handshake.Marshal(w)
		application.Marshal(w)
		return
	}
	r := leaf.Kind(n.Ratchet)
	if i, ok := r.index(n.Generation); ok {
		saved := SavedMessageKey{r.Kept[i].Key, r.Kept[i].Nonce}
		saved.Marshal(begin(saved.size()))
	}
}

func (t *Tree) writePage(top treemath.NodeIndex, begin func(size int) *wire.Writer) {
	var all [1 << pageLevels]nodeSecret
	found := t.collect(all[:0], top, 0)
	if len(found) == 0 {
		return
	}
	w := begin(len(found) * (4 + len(found[0].secret)))
	for i := range found {
		w.Uint32(uint32(found[i].node))
		w.Raw(found[i].secret)
	}
}

// collect appends the secrets on the page below a node, from left to right, which is the
// order of their indices because none is above another. n is depth levels below the top
// of the page.
func (t *Tree) collect(all []nodeSecret, n treemath.NodeIndex, depth int) []nodeSecret {
	if depth > 0 || n == treemath.Root(t.Leaves) {
		if secret := t.Nodes[n]; secret != nil {
			return append(all, nodeSecret{n, secret})
		}
	}
	if n.IsLeaf() || depth == pageLevels {
		return all
	}
	all = t.collect(all, n.Left(), depth+1)
	return t.collect(all, n.Right(), depth+1)
}

// Restore puts a saved record in its place. Pages come first, then ratchets, then the keys
// of their messages in order. The error says that the record has no place, or wraps
// [message.ErrMalformed].
func (t *Tree) Restore(n SecretName, value []byte) error {
	info := t.Suite.Info()
	switch n.Kind {
	case SecretOfNode:
		return t.restorePage(n, value)
	case SecretOfRatchet:
		var saved [2]SavedRatchet
		kinds := saved[:1]
		if n.Ratchet == BothRatchets {
			kinds = saved[:]
		}
		err := wire.Parse(value, "ratchet", func(r *wire.Reader) {
			for i := range kinds {
				kinds[i].Unmarshal(r)
			}
		})
		if err != nil {
			return err
		}
		for i := range kinds {
			kind := n.Ratchet
			if kind == BothRatchets {
				kind = RatchetKind(i)
			}
			if err := t.restoreRatchet(message.LeafIndex(n.Index), kind, &kinds[i]); err != nil {
				return err
			}
		}
	case SecretOfMessage:
		saved, err := wire.ParseNew(value, "message key", (*SavedMessageKey).Unmarshal)
		if err != nil {
			return err
		}
		leaf := t.Ratchets[message.LeafIndex(n.Index)]
		if leaf == nil || n.Ratchet > ApplicationRatchet || uint64(n.Generation) >= leaf.Kind(n.Ratchet).Next ||
			len(saved.Key) != info.AEAD.Nk || len(saved.Nonce) != info.AEAD.Nn {
			return misplaced("message key of leaf %d has no place in its ratchet", n.Index)
		}
		r := leaf.Kind(n.Ratchet)
		r.Kept = append(r.Kept, MessageKey{n.Generation, saved.Key, saved.Nonce})
	}
	return nil
}

func (t *Tree) restorePage(name SecretName, value []byte) error {
	nh := t.Suite.Info().KDF.Nh
	if len(value) == 0 || len(value)%(4+nh) != 0 {
		return misplaced("page below node %d does not have secrets of %d bytes", name.Index, nh)
	}
	last := int64(-1)
	for ; len(value) > 0; value = value[4+nh:] {
		node := treemath.NodeIndex(binary.BigEndian.Uint32(value))
		if int64(node) <= last || uint32(node) >= treemath.NodeCount(t.Leaves) || t.NameOfPage(node) != name || t.Nodes[node] != nil {
			return misplaced("secret of node %d has no place on the page below node %d", node, name.Index)
		}
		t.Nodes[node], last = bytes.Clone(value[4:4+nh]), int64(node)
	}
	return nil
}

func (t *Tree) restoreRatchet(leaf message.LeafIndex, kind RatchetKind, saved *SavedRatchet) error {
	if kind > ApplicationRatchet {
		return misplaced("no ratchet is of kind %d", kind)
	}
	size := t.Suite.Info().KDF.Nh
	if saved.Next > math.MaxUint32 {
		size = 0
	}
	if uint32(leaf) >= t.Leaves || saved.Next > math.MaxUint32+1 || len(saved.Secret) != size {
		return misplaced("ratchet of leaf %d has no place in the secret tree", leaf)
	}
	if t.Ratchets[leaf] == nil {
		t.Ratchets[leaf] = new(LeafRatchets)
	}
	*t.Ratchets[leaf].Kind(kind) = Ratchet{Secret: saved.Secret, Next: saved.Next}
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
	if err := t.checkNodes(); err != nil {
		return err
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

// checkNodes returns an error if the secret of a node is below that of another.
func (t *Tree) checkNodes() error {
	for node := range t.Nodes {
		if parent, ok := node.Parent(t.Leaves); ok && t.covered(parent) {
			return misplaced("secret of node %d is below another", node)
		}
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

// Forget deletes the ratchets of the member's own leaf, or the secret from which they would
// follow, if nothing else follows from it.
func (t *Tree) Forget(leaf message.LeafIndex) {
	node := treemath.NodeOf(leaf)
	if secret := t.Nodes[node]; secret != nil {
		clear(secret)
		delete(t.Nodes, node)
		t.noteChanged(t.NameOfPage(node))
		t.Version++
	}
	r := t.Ratchets[leaf]
	if r == nil {
		return
	}
	saved, noted := t.Unsaved[nameOfRatchets(leaf)]
	delete(t.Unsaved, nameOfRatchets(leaf))
	for _, kind := range RatchetKinds() {
		if saved || !noted { // they are in the saved state one by one
			t.noteChanged(NameOfRatchet(leaf, kind))
		}
		for _, k := range r.Kind(kind).Kept {
			t.noteGone(SecretName{uint32(leaf), k.Generation, SecretOfMessage, kind})
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
