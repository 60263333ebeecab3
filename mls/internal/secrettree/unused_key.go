package secrettree

import (
	"math"
	"slices"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/message"
)

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
	p.tree.noteChanged(nameOfRatchets(p.leaf))
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
	p.puncture()
	p.tree.Ratchets[p.leaf] = p.ratchets
	p.tree.noteNew(nameOfRatchets(p.leaf))
}

// puncture deletes the secret that the leaf's was derived from, and puts the secrets
// beside the way down in its place.
func (p *UnusedKey) puncture() {
	t := p.tree
	clear(t.Nodes[p.anchor])
	delete(t.Nodes, p.anchor)
	t.noteChanged(t.NameOfPage(p.anchor))
	for _, n := range p.copath {
		t.Nodes[n.node] = n.secret
		t.noteChanged(t.NameOfPage(n.node))
	}
}

// Open makes the first ratchets of a leaf, which has none, and moves each to a later
// generation, by RatchetKind. Then nothing in the tree leads to the keys of generations
// before it. The error is the suite's own, and leaves the tree as it was.
func (t *Tree) Open(leaf message.LeafIndex, generations [2]uint64) error {
	p := UnusedKey{tree: t, leaf: leaf, ratchets: new(LeafRatchets), first: true}
	p.furnish()
	err := p.deriveLeaf()
	for _, kind := range RatchetKinds() {
		if err == nil {
			err = p.ratchets.Kind(kind).move(t.Suite, generations[kind])
		}
	}
	if err != nil {
		p.Discard()
		return err
	}
	p.install()
	t.Version++
	p.erase()
	return nil
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
