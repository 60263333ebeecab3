package mls

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/suite"
)

// ratchetLimits bound what a receiver does and keeps for messages that come out of
// order (RFC 9420, Section 15.3).
type ratchetLimits struct {
	MaxForward uint32 // the number of generations that one message may skip
	MaxKept    uint32 // the number of keys of skipped generations kept per ratchet; the oldest go first
}

// secretTree gives the keys of an epoch's private messages (RFC 9420, Section 9).
//
// It is lazy. nodes holds the secrets of the highest nodes below which no leaf has been
// used. ratchets holds both ratchets of every leaf that has been used. A secret from
// which others were derived is overwritten. A secretTree is not safe for concurrent use.
type secretTree struct {
	suite    suite.Suite
	leaves   uint32 // width of the tree, a power of two
	nodes    map[NodeIndex][]byte
	ratchets map[LeafIndex]*leafRatchets
	version  uint64 // counts the changes
	ahead    aheadSecrets

	// unsaved has the names of the secrets that changed since the tree was saved, and
	// says whether the saved state holds each. It is nil if the tree was never saved. A
	// secret that came and went since is not in it.
	unsaved map[secretName]bool
}

// leafRatchets are the ratchets of one sender.
type leafRatchets struct {
	handshake   ratchet
	application ratchet
}

// of returns the ratchet for messages of a content type.
func (l *leafRatchets) of(contentType ContentType) *ratchet {
	if contentType == ContentApplication {
		return &l.application
	}
	return &l.handshake
}

// ratchet is a sender ratchet (RFC 9420, Section 9.1).
type ratchet struct {
	secret []byte       // ratchet_secret_[N]_[next]; nil once next is 2^32
	next   uint64       // generation
	kept   []messageKey // of skipped generations, in ascending order
}

// messageKey encrypts the message of one generation.
type messageKey struct {
	generation uint32
	key        []byte // AEAD.Nk bytes
	nonce      []byte // AEAD.Nn bytes
}

func (k *messageKey) destroy() {
	clear(k.key)
	clear(k.nonce)
	k.key, k.nonce = nil, nil
}

// newSecretTree returns the tree of an epoch whose ratchet tree has the given number of
// leaves, a power of two. It takes over the encryption_secret.
func newSecretTree(s suite.Suite, leaves uint32, encryptionSecret []byte) *secretTree {
	return &secretTree{
		suite:    s,
		leaves:   leaves,
		nodes:    map[NodeIndex][]byte{treemath.Root(leaves): encryptionSecret},
		ratchets: make(map[LeafIndex]*leafRatchets),
	}
}

// destroy overwrites and drops every secret. Later calls give [ErrRetired].
func (t *secretTree) destroy() {
	for _, secret := range t.nodes {
		clear(secret)
	}
	for _, r := range t.ratchets {
		r.handshake.destroy()
		r.application.destroy()
	}
	t.ahead.destroy()
	t.nodes, t.ratchets = nil, nil
	t.version++
}

func (r *ratchet) destroy() {
	clear(r.secret)
	for i := range r.kept {
		r.kept[i].destroy()
	}
	r.secret, r.kept = nil, nil
}

// next returns the key for the leaf's next message. It returns [ErrGeneration] when all
// 2^32 generations are used.
func (t *secretTree) next(leaf LeafIndex, contentType ContentType) (*pendingKey, error) {
	var generation uint64
	if l := t.ratchets[leaf]; l != nil {
		generation = l.of(contentType).next
	}
	if generation > math.MaxUint32 {
		return nil, ErrGeneration
	}
	return t.find(leaf, contentType, uint32(generation), ratchetLimits{})
}

// find returns the key that opens a leaf's message of the given generation. It changes
// nothing: commit does, once the message is authentic.
//
// It returns [ErrConsumed] for a generation whose key is gone. It returns
// [ErrGeneration], before it derives anything, for a generation beyond the limits.
func (t *secretTree) find(leaf LeafIndex, contentType ContentType, generation uint32, limits ratchetLimits) (*pendingKey, error) {
	if t.ratchets == nil {
		return nil, ErrRetired
	}
	if uint32(leaf) >= t.leaves {
		return nil, violation("6.3.2", "the sender is outside the tree").atLeaf(leaf)
	}
	p := &pendingKey{
		tree: t, version: t.version, leaf: leaf, contentType: contentType, limits: limits,
		messageKey: messageKey{generation: generation},
	}
	var next uint64
	if p.ratchets = t.ratchets[leaf]; p.ratchets != nil {
		next = p.ratchets.of(contentType).next
	}
	if uint64(generation) < next {
		r := p.ratchet()
		i, ok := r.index(generation)
		if !ok {
			return nil, ErrConsumed
		}
		p.key, p.nonce = bytes.Clone(r.kept[i].key), bytes.Clone(r.kept[i].nonce)
		return p, nil
	}
	if uint64(generation)-next > uint64(limits.MaxForward) {
		return nil, ErrGeneration
	}
	if err := p.derive(); err != nil {
		p.discard()
		return nil, err
	}
	return p, nil
}

// index returns where the kept key of a generation is.
func (r *ratchet) index(generation uint32) (int, bool) {
	return slices.BinarySearchFunc(r.kept, generation, func(k messageKey, g uint32) int {
		return cmp.Compare(k.generation, g)
	})
}

// pendingKey is the key of a message, together with the change that consuming it makes to
// the tree. It ends with commit or discard, and is then the zero value.
type pendingKey struct {
	messageKey
	tree        *secretTree
	version     uint64 // of the tree
	leaf        LeafIndex
	contentType ContentType
	limits      ratchetLimits

	ratchets *leafRatchets // the leaf's: the tree's own, or the first ones, which the tree does not hold yet
	first    bool          // ratchets are first ones
	anchor   NodeIndex     // with first: the node whose secret they were derived from
	copath   []nodeSecret  // with first: what remains of the anchor's subtree

	moved   bool         // the ratchet moves to the generation after this one:
	secret  []byte       // its secret there
	skipped []messageKey // the keys to keep of the generations between, from deriveSkipped on
}

type nodeSecret struct {
	node   NodeIndex
	secret []byte
}

func (p *pendingKey) ratchet() *ratchet { return p.ratchets.of(p.contentType) }

// commit consumes the key and everything that it was derived from. If other keys were
// committed since find, this key may be gone; the error is then [ErrConsumed].
func (p *pendingKey) commit() error {
	if p.tree == nil {
		return ErrConsumed
	}
	if p.version != p.tree.version {
		again, err := p.tree.find(p.leaf, p.contentType, p.generation, p.limits)
		p.discard()
		if err != nil {
			return err
		}
		*p = *again
	}
	if err := p.deriveSkipped(); err != nil {
		p.discard()
		return err
	}
	p.tree.version++
	if p.moved {
		p.advance()
	} else {
		p.dropKept(p.generation)
	}
	p.messageKey.destroy()
	*p = pendingKey{}
	return nil
}

// advance moves the ratchet behind the key, and replaces what the first use of the leaf
// consumed of the tree.
func (p *pendingKey) advance() {
	if p.first {
		p.install()
	}
	r := p.ratchet()
	clear(r.secret)
	r.secret, r.next = p.secret, uint64(p.generation)+1
	p.tree.ahead.drop(p.aheadOf(), r.next)
	p.tree.noteChanged(nameOfRatchet(p.leaf, p.contentType))
	if len(p.skipped) == 0 {
		return
	}
	r.kept = append(r.kept, p.skipped...)
	for _, k := range p.skipped {
		p.tree.noteNew(nameOfKept(p.leaf, p.contentType, k.generation))
	}
	if excess := len(r.kept) - int(min(p.limits.MaxKept, math.MaxInt32)); excess > 0 {
		p.dropOldest(excess)
	}
}

// install puts the first ratchets of the leaf into the tree, in place of the secret that
// they were derived from.
func (p *pendingKey) install() {
	t := p.tree
	clear(t.nodes[p.anchor])
	delete(t.nodes, p.anchor)
	t.noteGone(nameOfNode(p.anchor))
	for _, n := range p.copath {
		t.nodes[n.node] = n.secret
		t.noteNew(nameOfNode(n.node))
	}
	t.ratchets[p.leaf] = p.ratchets
	t.noteNew(nameOfRatchet(p.leaf, ContentProposal))
	t.noteNew(nameOfRatchet(p.leaf, ContentApplication))
}

// dropKept overwrites the kept key of a generation.
func (p *pendingKey) dropKept(generation uint32) {
	r := p.ratchet()
	if i, ok := r.index(generation); ok {
		p.tree.noteGone(nameOfKept(p.leaf, p.contentType, generation))
		r.kept[i].destroy()
		r.kept = slices.Delete(r.kept, i, i+1)
	}
}

// dropOldest overwrites the n oldest kept keys.
func (p *pendingKey) dropOldest(n int) {
	r := p.ratchet()
	for i := range n {
		p.tree.noteGone(nameOfKept(p.leaf, p.contentType, r.kept[i].generation))
		r.kept[i].destroy()
	}
	r.kept = slices.Delete(r.kept, 0, n)
}

// discard overwrites what find derived. The tree is as if find had not been called.
func (p *pendingKey) discard() {
	p.messageKey.destroy()
	for i := range p.skipped {
		p.skipped[i].destroy()
	}
	clear(p.secret)
	for _, n := range p.copath {
		clear(n.secret)
	}
	if p.first {
		p.ratchets.handshake.destroy()
		p.ratchets.application.destroy()
	}
	*p = pendingKey{}
}

// derive fills in the key and the change for a generation that the leaf's ratchet
// has not reached.
func (p *pendingKey) derive() error {
	if p.ratchets == nil {
		p.ratchets, p.first = new(leafRatchets), true
		if err := p.deriveLeaf(); err != nil {
			return err
		}
	}
	p.moved = true
	r := p.ratchet()
	secret, g := p.tree.ahead.latest(p.aheadOf(), p.generation)
	if secret == nil || g < r.next {
		secret, g = r.secret, r.next
	}
	p.secret = bytes.Clone(secret)
	var err error
	for ; g < uint64(p.generation); g++ {
		if p.secret, err = nextSecret(p.tree.suite, p.secret, g); err != nil {
			return err
		}
		p.tree.ahead.keep(p.aheadOf(), g+1, p.secret)
	}
	if p.messageKey, err = p.tree.messageKey(p.secret, p.generation); err != nil {
		return err
	}
	if p.generation == math.MaxUint32 {
		clear(p.secret)
		p.secret = nil
		return nil
	}
	p.secret, err = nextSecret(p.tree.suite, p.secret, g)
	return err
}

// deriveSkipped derives the keys to keep of the generations that the message skips. That
// takes three times as long as skipping them, so it is done only for a message that is
// accepted.
func (p *pendingKey) deriveSkipped() error {
	r := p.ratchet()
	if !p.moved || p.limits.MaxKept == 0 || r.next == uint64(p.generation) {
		return nil
	}
	from := r.next
	if kept := uint64(p.limits.MaxKept); uint64(p.generation)-from > kept {
		from = uint64(p.generation) - kept
	}
	secret, g := p.tree.ahead.latest(p.aheadOf(), uint32(from))
	if secret == nil || g < r.next {
		secret, g = r.secret, r.next
	}
	secret = bytes.Clone(secret)
	defer func() { clear(secret) }()
	for ; g < uint64(p.generation); g++ {
		if g >= from {
			skipped, err := p.tree.messageKey(secret, uint32(g))
			if err != nil {
				return err
			}
			p.skipped = append(p.skipped, skipped)
		}
		var err error
		if secret, err = nextSecret(p.tree.suite, secret, g); err != nil {
			return err
		}
	}
	return nil
}

func (p *pendingKey) aheadOf() ratchetID { return ratchetID{p.leaf, ratchetKindOf(p.contentType)} }

// nextSecret returns the ratchet secret after that of a generation (RFC 9420, Section
// 9.1). It overwrites the old secret, even if it returns an error.
func nextSecret(s suite.Suite, secret []byte, generation uint64) ([]byte, error) {
	defer clear(secret)
	return label.DeriveTreeSecret(s, secret, "secret", uint32(generation), s.Info().KDF.Nh)
}

// messageKey derives the key of a generation from the ratchet secret there
// (RFC 9420, Section 9.1).
func (t *secretTree) messageKey(secret []byte, generation uint32) (messageKey, error) {
	var context [4]byte
	binary.BigEndian.PutUint32(context[:], generation)
	key, nonce, err := label.ExpandKey(t.suite, secret, context[:])
	return messageKey{generation, key, nonce}, err
}

// deriveLeaf derives the first ratchets of the leaf from the secret of the lowest node
// above the leaf that has one (RFC 9420, Section 9).
func (p *pendingKey) deriveLeaf() error {
	t, leaf := p.tree, p.leaf.Node()
	p.anchor = leaf
	for t.nodes[p.anchor] == nil {
		parent, ok := p.anchor.Parent(t.leaves)
		if !ok {
			return ErrRetired
		}
		p.anchor = parent
	}
	secret := t.nodes[p.anchor]
	p.copath = make([]nodeSecret, 0, p.anchor.Level())
	nh := t.suite.Info().KDF.Nh
	labels, err := newChildLabels(nh)
	if err != nil {
		return err
	}
	for n := p.anchor; n != leaf; {
		on, off, err := t.children(labels, n, secret)
		if n != p.anchor {
			clear(secret)
		}
		if err != nil {
			return err
		}
		if leaf > n {
			on, off = off, on
		}
		p.copath = append(p.copath, off)
		n, secret = on.node, on.secret
	}
	if leaf != p.anchor {
		defer clear(secret)
	}
	if p.ratchets.handshake.secret, err = label.Expand(t.suite, secret, "handshake", nil, nh); err != nil {
		return err
	}
	p.ratchets.application.secret, err = label.Expand(t.suite, secret, "application", nil, nh)
	return err
}

// childLabels are the KDFLabels of both children of a node (RFC 9420, Section 9).
type childLabels struct{ left, right []byte }

func newChildLabels(nh int) (c childLabels, err error) {
	if c.left, err = label.KDFLabel("tree", []byte("left"), nh); err != nil {
		return c, err
	}
	c.right, err = label.KDFLabel("tree", []byte("right"), nh)
	return c, err
}

// children derives the secrets of n's children from its own.
func (t *secretTree) children(labels childLabels, n NodeIndex, secret []byte) (left, right nodeSecret, err error) {
	nh := t.suite.Info().KDF.Nh
	left.node, right.node = n.Left(), n.Right()
	if left.secret, err = label.ExpandEncoded(t.suite, secret, labels.left, nh); err != nil {
		return left, right, err
	}
	if right.secret, err = label.ExpandEncoded(t.suite, secret, labels.right, nh); err != nil {
		clear(left.secret)
	}
	return left, right, err
}
