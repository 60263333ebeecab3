// Package secrettree has the secret tree of an epoch and its ratchets, from which the
// keys of messages come (RFC 9420, Section 9), and their saved form.
package secrettree

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// RatchetLimits bound what a receiver does and keeps for messages that come out of
// order (RFC 9420, Section 15.3).
type RatchetLimits struct {
	MaxForward uint32 // the number of generations that one message may skip
	MaxKept    uint32 // the number of keys of skipped generations kept per ratchet; the oldest go first
}

// Tree gives the keys of an epoch's private messages (RFC 9420, Section 9).
//
// It is lazy. Nodes holds the secrets of the highest nodes below which no leaf has been
// used. Ratchets holds both ratchets of every leaf that has been used. A secret from
// which others were derived is overwritten. A Tree is not safe for concurrent use.
type Tree struct {
	Suite    suite.Suite
	Leaves   uint32 // width of the tree, a power of two
	Nodes    map[treemath.NodeIndex][]byte
	Ratchets map[message.LeafIndex]*LeafRatchets
	Version  uint64 // counts the changes
	ahead    aheadSecrets

	// Begins has the generations, by RatchetKind, before which Next takes none.
	Begins [2]uint64

	// Unsaved has the names of the secrets that changed since the tree was saved, and
	// says whether the saved state holds each. It is nil if the tree was never saved. A
	// secret that came and went since is not in it.
	Unsaved map[SecretName]bool
}

// LeafRatchets are the ratchets of one sender.
type LeafRatchets struct {
	Handshake   Ratchet
	Application Ratchet
}

// Of returns the ratchet for messages of a content type.
func (l *LeafRatchets) Of(contentType message.ContentType) *Ratchet {
	if contentType == message.ContentApplication {
		return &l.Application
	}
	return &l.Handshake
}

// Ratchet is a sender ratchet (RFC 9420, Section 9.1).
type Ratchet struct {
	Secret []byte       // ratchet_secret_[N]_[Next]; nil once Next is 2^32
	Next   uint64       // generation
	Kept   []MessageKey // of skipped generations, in ascending order
}

// MessageKey encrypts the message of one generation.
type MessageKey struct {
	Generation uint32
	Key        []byte // AEAD.Nk bytes
	Nonce      []byte // AEAD.Nn bytes
}

func (k *MessageKey) destroy() {
	clear(k.Key)
	clear(k.Nonce)
	k.Key, k.Nonce = nil, nil
}

// New returns the tree of an epoch whose ratchet tree has the given number of
// leaves, a power of two. It takes over the encryption_secret.
func New(s suite.Suite, leaves uint32, encryptionSecret []byte) *Tree {
	return &Tree{
		Suite:    s,
		Leaves:   leaves,
		Nodes:    map[treemath.NodeIndex][]byte{treemath.Root(leaves): encryptionSecret},
		Ratchets: make(map[message.LeafIndex]*LeafRatchets),
	}
}

// Destroy overwrites and drops every secret. [Tree.Find] returns [label.ErrRetired] from
// then on.
func (t *Tree) Destroy() {
	for _, secret := range t.Nodes {
		clear(secret)
	}
	for _, r := range t.Ratchets {
		r.Handshake.destroy()
		r.Application.destroy()
	}
	t.ahead.destroy()
	t.Nodes, t.Ratchets = nil, nil
	t.Version++
}

func (r *Ratchet) destroy() {
	clear(r.Secret)
	for i := range r.Kept {
		r.Kept[i].destroy()
	}
	r.Secret, r.Kept = nil, nil
}

// Next sets p, the zero value, to the key for the leaf's next message, that of
// NextGeneration. The error is [fault.ErrGeneration] when all 2^32 generations are used, or
// one of [Tree.Find].
func (t *Tree) Next(p *UnusedKey, leaf message.LeafIndex, contentType message.ContentType) error {
	generation := t.NextGeneration(leaf, RatchetKindOf(contentType))
	if generation > math.MaxUint32 {
		return fault.ErrGeneration
	}
	return t.Find(p, leaf, contentType, uint32(generation), RatchetLimits{MaxForward: math.MaxUint32})
}

// NextGeneration returns the generation of the leaf's next message.
func (t *Tree) NextGeneration(leaf message.LeafIndex, kind RatchetKind) uint64 {
	if l := t.Ratchets[leaf]; l != nil {
		return max(l.Kind(kind).Next, t.Begins[kind])
	}
	return t.Begins[kind]
}

// Find sets p, the zero value, to the key that opens a leaf's message of the given
// generation. It changes nothing else: [UnusedKey.Commit] does, once the message is
// authentic.
//
// The error is [label.ErrRetired] once the tree is destroyed, [fault.ErrConsumed] for a
// generation whose key is gone, [fault.ErrGeneration], before anything is derived, for a
// generation beyond the limits, and a [*message.ValidationError] for a leaf outside the
// tree. Then p is the zero value.
func (t *Tree) Find(p *UnusedKey, leaf message.LeafIndex, contentType message.ContentType, generation uint32, limits RatchetLimits) error {
	if t.Ratchets == nil {
		return label.ErrRetired
	}
	if uint32(leaf) >= t.Leaves {
		return fault.Violation("6.3.2", "sender is outside the tree").AtLeaf(leaf)
	}
	p.tree, p.version, p.leaf, p.contentType, p.limits = t, t.Version, leaf, contentType, limits
	p.Generation = generation
	var next uint64
	if p.ratchets = t.Ratchets[leaf]; p.ratchets != nil {
		next = p.ratchets.Of(contentType).Next
	}
	if uint64(generation) < next {
		r := p.ratchet()
		i, ok := r.index(generation)
		if !ok {
			p.Discard()
			return fault.ErrConsumed
		}
		p.furnish()
		copy(p.Key, r.Kept[i].Key)
		copy(p.Nonce, r.Kept[i].Nonce)
		return nil
	}
	if uint64(generation)-next > uint64(limits.MaxForward) {
		p.Discard()
		return fault.ErrGeneration
	}
	if err := p.derive(); err != nil {
		p.Discard()
		return err
	}
	return nil
}

// index returns where the kept key of a generation is.
func (r *Ratchet) index(generation uint32) (int, bool) {
	return slices.BinarySearchFunc(r.Kept, generation, func(k MessageKey, g uint32) int {
		return cmp.Compare(k.Generation, g)
	})
}

// UnusedKey is the key of a message, together with the change that consuming it makes to
// the tree. It ends with Commit or Discard, and is then the zero value. It is not copied.
type UnusedKey struct {
	MessageKey
	tree        *Tree
	version     uint64 // of the tree
	leaf        message.LeafIndex
	contentType message.ContentType
	limits      RatchetLimits

	ratchets *LeafRatchets      // the leaf's: the tree's own, or the first ones, which the tree does not hold yet
	first    bool               // ratchets are first ones
	anchor   treemath.NodeIndex // with first: the node whose secret they were derived from
	copath   []nodeSecret       // with first: what remains of the anchor's subtree

	moved   bool         // the ratchet moves to the generation after this one:
	secret  []byte       // its secret there
	skipped []MessageKey // the keys to keep of the generations between, from deriveSkipped on

	step  []byte // what a step of the ratchet takes
	label []byte // room for a KDFLabel
	room  [usualRoom]byte
}

// usualRoom is the room that the key, the nonce, both secrets and the KDFLabel take in
// the suites of RFC 9420, in bytes.
const usualRoom = 32 + 12 + 2*64 + label.Room

// furnish makes room for what is derived: in p itself, as far as it fits there.
func (p *UnusedKey) furnish() {
	info := p.tree.Suite.Info()
	nk, nn, nh := info.AEAD.Nk, info.AEAD.Nn, info.KDF.Nh
	p.Key, p.label = label.Take(p.room[:], nk)
	p.Nonce, p.label = label.Take(p.label, nn)
	p.secret, p.label = label.Take(p.label, nh)
	p.step, p.label = label.Take(p.label, nh)
}

type nodeSecret struct {
	node   treemath.NodeIndex
	secret []byte
}

func (p *UnusedKey) ratchet() *Ratchet { return p.ratchets.Of(p.contentType) }

// Commit consumes the key and everything that it was derived from. If other keys were
// committed since Find, this key may be gone: the errors are those of [Tree.Find].
func (p *UnusedKey) Commit() error {
	if p.tree == nil {
		return fault.ErrConsumed
	}
	if p.version != p.tree.Version {
		t, leaf, contentType, generation, limits := p.tree, p.leaf, p.contentType, p.Generation, p.limits
		p.Discard()
		if err := t.Find(p, leaf, contentType, generation, limits); err != nil {
			return err
		}
	}
	if err := p.deriveSkipped(); err != nil {
		p.Discard()
		return err
	}
	p.tree.Version++
	if p.moved {
		p.advance()
	} else {
		p.dropKept(p.Generation)
	}
	p.erase()
	return nil
}

// erase overwrites the room of p, and makes p the zero value.
func (p *UnusedKey) erase() {
	p.MessageKey.destroy()
	clear(p.secret)
	clear(p.step)
	*p = UnusedKey{}
}

// advance moves the ratchet behind the key, and replaces what the first use of the leaf
// consumed of the tree.
func (p *UnusedKey) advance() {
	if p.first {
		p.install()
	}
	r := p.ratchet()
	if r.Next = uint64(p.Generation) + 1; r.Next <= math.MaxUint32 {
		copy(r.Secret, p.secret)
	} else {
		clear(r.Secret)
		r.Secret = nil
	}
	p.tree.ahead.drop(p.aheadOf(), r.Next)
	p.tree.noteChanged(nameOfRatchet(p.leaf, p.contentType))
	if len(p.skipped) == 0 {
		return
	}
	r.Kept = append(r.Kept, p.skipped...)
	for _, k := range p.skipped {
		p.tree.noteNew(NameOfKept(p.leaf, p.contentType, k.Generation))
	}
	if excess := len(r.Kept) - int(min(p.limits.MaxKept, math.MaxInt32)); excess > 0 {
		p.dropOldest(excess)
	}
}

// install puts the first ratchets of the leaf into the tree, in place of the secret that
// they were derived from.
func (p *UnusedKey) install() {
	t := p.tree
	clear(t.Nodes[p.anchor])
	delete(t.Nodes, p.anchor)
	t.noteGone(NameOfNode(p.anchor))
	for _, n := range p.copath {
		t.Nodes[n.node] = n.secret
		t.noteNew(NameOfNode(n.node))
	}
	t.Ratchets[p.leaf] = p.ratchets
	t.noteNew(nameOfRatchet(p.leaf, message.ContentProposal))
	t.noteNew(nameOfRatchet(p.leaf, message.ContentApplication))
}

// dropKept overwrites the kept key of a generation.
func (p *UnusedKey) dropKept(generation uint32) {
	r := p.ratchet()
	if i, ok := r.index(generation); ok {
		p.tree.noteGone(NameOfKept(p.leaf, p.contentType, generation))
		r.Kept[i].destroy()
		r.Kept = slices.Delete(r.Kept, i, i+1)
	}
}

// dropOldest overwrites the n oldest kept keys.
func (p *UnusedKey) dropOldest(n int) {
	r := p.ratchet()
	for i := range n {
		p.tree.noteGone(NameOfKept(p.leaf, p.contentType, r.Kept[i].Generation))
		r.Kept[i].destroy()
	}
	r.Kept = slices.Delete(r.Kept, 0, n)
}

// Discard overwrites what Find derived. The tree is as if Find had not been called.
func (p *UnusedKey) Discard() {
	for i := range p.skipped {
		p.skipped[i].destroy()
	}
	for _, n := range p.copath {
		clear(n.secret)
	}
	if p.first {
		p.ratchets.Handshake.destroy()
		p.ratchets.Application.destroy()
	}
	p.erase()
}

// derive fills in the key and the change for a generation that the leaf's ratchet
// has not reached.
func (p *UnusedKey) derive() error {
	p.furnish()
	if p.ratchets == nil {
		p.ratchets, p.first = new(LeafRatchets), true
		if err := p.deriveLeaf(); err != nil {
			return err
		}
	}
	p.moved = true
	s, r := p.tree.Suite, p.ratchet()
	secret, g := p.tree.ahead.latest(p.aheadOf(), p.Generation)
	if secret == nil || g < r.Next {
		secret, g = r.Secret, r.Next
	}
	for ; g < uint64(p.Generation); g++ {
		if err := p.stepFrom(secret, g); err != nil {
			return err
		}
		secret = p.secret
		p.tree.ahead.keep(p.aheadOf(), g+1, secret)
	}
	context := generationContext(uint64(p.Generation))
	if err := label.ExpandKeyTo(s, p.Key, p.Nonce, secret, context[:], p.label); err != nil {
		return err
	}
	if p.Generation == math.MaxUint32 {
		return nil
	}
	return p.stepFrom(secret, g)
}

// stepFrom sets p.secret to the ratchet secret after that of a generation (RFC 9420,
// Section 9.1), which may be p.secret.
func (p *UnusedKey) stepFrom(secret []byte, generation uint64) error {
	context := generationContext(generation)
	if err := label.ExpandTo(p.tree.Suite, p.step, secret, "secret", context[:], p.label); err != nil {
		return err
	}
	copy(p.secret, p.step)
	return nil
}

// generationContext is the context of what DeriveTreeSecret derives (RFC 9420, Section
// 9.1).
func generationContext(generation uint64) (context [4]byte) {
	binary.BigEndian.PutUint32(context[:], uint32(generation))
	return context
}

// deriveSkipped derives the keys to keep of the generations that the message skips. That
// takes three times as long as skipping them, so it is done only for a message that is
// accepted.
func (p *UnusedKey) deriveSkipped() error {
	r := p.ratchet()
	if !p.moved || p.limits.MaxKept == 0 || r.Next == uint64(p.Generation) {
		return nil
	}
	from := r.Next
	if kept := uint64(p.limits.MaxKept); uint64(p.Generation)-from > kept {
		from = uint64(p.Generation) - kept
	}
	secret, g := p.tree.ahead.latest(p.aheadOf(), uint32(from))
	if secret == nil || g < r.Next {
		secret, g = r.Secret, r.Next
	}
	secret = bytes.Clone(secret)
	defer func() { clear(secret) }()
	for ; g < uint64(p.Generation); g++ {
		if g >= from {
			skipped, err := p.tree.messageKey(secret, uint32(g))
			if err != nil {
				return err
			}
			p.skipped = append(p.skipped, skipped)
		}
		var err error
		if secret, err = nextSecret(p.tree.Suite, secret, g); err != nil {
			return err
		}
	}
	return nil
}

func (p *UnusedKey) aheadOf() ratchetID { return ratchetID{p.leaf, RatchetKindOf(p.contentType)} }

// nextSecret returns the ratchet secret after that of a generation (RFC 9420, Section
// 9.1). It overwrites the old secret, even if it returns an error.
func nextSecret(s suite.Suite, secret []byte, generation uint64) ([]byte, error) {
	defer clear(secret)
	return label.DeriveTreeSecret(s, secret, "secret", uint32(generation), s.Info().KDF.Nh)
}

// messageKey derives the key of a generation from the ratchet secret there (RFC 9420,
// Section 9.1).
func (t *Tree) messageKey(secret []byte, generation uint32) (MessageKey, error) {
	context := generationContext(uint64(generation))
	key, nonce, err := label.ExpandKey(t.Suite, secret, context[:])
	return MessageKey{generation, key, nonce}, err
}

// deriveLeaf derives the first ratchets of the leaf from the secret of the lowest node
// above the leaf that has one (RFC 9420, Section 9).
func (p *UnusedKey) deriveLeaf() error {
	t, leaf := p.tree, treemath.NodeOf(p.leaf)
	p.anchor = leaf
	for t.Nodes[p.anchor] == nil {
		parent, ok := p.anchor.Parent(t.Leaves)
		if !ok {
			return label.ErrRetired
		}
		p.anchor = parent
	}
	levels, nh := p.anchor.Level(), t.Suite.Info().KDF.Nh
	p.copath = make([]nodeSecret, 0, levels)
	const ratchets, way = 2, 2
	room := make([]byte, (levels+ratchets+way)*nh) // one piece for all
	next := func() (secret []byte) {
		secret, room = label.Take(room, nh)
		return secret
	}
	child, spare := next(), next() // by turns, the secret of a node on the way down
	defer clear(child)
	defer clear(spare)
	secret := t.Nodes[p.anchor]
	for n := p.anchor; n != leaf; {
		below, beside := n.Left(), nodeSecret{n.Right(), next()}
		sides := [2]string{"left", "right"}
		if leaf > n {
			below, beside.node = beside.node, below
			sides[0], sides[1] = sides[1], sides[0]
		}
		p.copath = append(p.copath, beside)
		if err := p.expand(beside.secret, secret, "tree", sides[1]); err != nil {
			return err
		}
		if err := p.expand(child, secret, "tree", sides[0]); err != nil {
			return err
		}
		n, secret = below, child
		child, spare = spare, child
	}
	for _, of := range []struct {
		label   string
		ratchet *Ratchet
	}{{"handshake", &p.ratchets.Handshake}, {"application", &p.ratchets.Application}} {
		of.ratchet.Secret = next()
		if err := p.expand(of.ratchet.Secret, secret, of.label, ""); err != nil {
			return err
		}
	}
	return nil
}

// expand is ExpandWithLabel into out.
func (p *UnusedKey) expand(out, secret []byte, name, context string) error {
	return label.ExpandTo(p.tree.Suite, out, secret, name, []byte(context), p.label)
}
