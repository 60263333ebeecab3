package secrettree

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/suite"
)

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

// move moves the ratchet to a later generation, and keeps no key of those between.
func (r *Ratchet) move(s suite.Suite, generation uint64) error {
	ahead, err := r.Ahead(s, generation)
	if err != nil {
		return err
	}
	clear(r.Secret)
	r.Secret, r.Next = ahead.Secret, ahead.Next
	return nil
}

// messageKey derives the key of a generation from the ratchet secret there (RFC 9420,
// Section 9.1).
func (t *Tree) messageKey(secret []byte, generation uint32) (MessageKey, error) {
	context := generationContext(uint64(generation))
	key, nonce, err := label.ExpandKey(t.Suite, secret, context[:])
	return MessageKey{generation, key, nonce}, err
}

// deriveLeaf derives the first ratchets of the leaf (RFC 9420, Section 9).
func (p *UnusedKey) deriveLeaf() error {
	ratchets := [...]struct {
		label   string
		ratchet *Ratchet
	}{{"handshake", &p.ratchets.Handshake}, {"application", &p.ratchets.Application}}
	secret, way, room, err := p.descend(len(ratchets))
	defer clear(way)
	if err != nil {
		return err
	}
	for _, of := range ratchets {
		of.ratchet.Secret, room = label.Take(room, len(secret))
		if err := p.expand(of.ratchet.Secret, secret, of.label, ""); err != nil {
			return err
		}
	}
	return nil
}

// descend derives the secret of the leaf from that of the lowest node above it that has
// one, and the secrets beside the way down (RFC 9420, Section 9). It returns room for a
// number of secrets more. The secret is in the tree or in way, which the caller
// overwrites, even after an error.
func (p *UnusedKey) descend(more int) (secret, way, room []byte, err error) {
	t, leaf := p.tree, treemath.NodeOf(p.leaf)
	p.anchor = leaf
	for t.Nodes[p.anchor] == nil {
		parent, ok := p.anchor.Parent(t.Leaves)
		if !ok {
			return nil, nil, nil, label.ErrRetired
		}
		p.anchor = parent
	}
	levels, nh := p.anchor.Level(), t.Suite.Info().KDF.Nh
	p.copath = make([]nodeSecret, 0, levels)
	room = make([]byte, (2+levels+more)*nh) // one piece for all
	way, room = label.Take(room, 2*nh)
	child, spare := way[:nh:nh], way[nh:] // by turns, the secret of a node on the way down
	secret = t.Nodes[p.anchor]
	for n := p.anchor; n != leaf; {
		var other []byte
		other, room = label.Take(room, nh)
		below, beside := n.Left(), nodeSecret{n.Right(), other}
		sides := [2]string{"left", "right"}
		if leaf > n {
			below, beside.node = beside.node, below
			sides[0], sides[1] = sides[1], sides[0]
		}
		p.copath = append(p.copath, beside)
		if err := p.expand(beside.secret, secret, "tree", sides[1]); err != nil {
			return nil, way, nil, err
		}
		if err := p.expand(child, secret, "tree", sides[0]); err != nil {
			return nil, way, nil, err
		}
		n, secret = below, child
		child, spare = spare, child
	}
	return secret, way, room, nil
}

// expand is ExpandWithLabel into out.
func (p *UnusedKey) expand(out, secret []byte, name, context string) error {
	return label.ExpandTo(p.tree.Suite, out, secret, name, []byte(context), p.label)
}
