// Package secrettree has the secret tree of an epoch and its ratchets, from which the
// keys of messages come (RFC 9420, Section 9), and their saved form.
package secrettree

import (
	"cmp"
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

	// Unsaved has the names of the records that changed since the tree was saved, and
	// says whether the saved state may hold each. A message key that came and went since is
	// not in it.
	Unsaved map[SecretName]bool
	saved   bool // the tree was saved; else Unsaved stays empty
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
	return t.Find(p, leaf, contentType, uint32(generation), RatchetLimits{})
}

// NextGeneration returns the generation of the leaf's next message.
func (t *Tree) NextGeneration(leaf message.LeafIndex, kind RatchetKind) uint64 {
	if l := t.Ratchets[leaf]; l != nil {
		return l.Kind(kind).Next
	}
	return 0
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
