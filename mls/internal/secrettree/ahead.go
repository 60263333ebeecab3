package secrettree

import (
	"bytes"
	"cmp"
	"slices"
	"sync"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// ratchetID names a ratchet of a secret tree.
type ratchetID struct {
	leaf message.LeafIndex
	kind RatchetKind
}

// aheadSecrets are ratchet secrets of generations that messages have named, authentic or
// not. With them, a member derives the way to a generation once, however often somebody
// names it. They reveal nothing, because each follows from a secret that the tree holds,
// and they are deleted with it. The zero value has none.
type aheadSecrets struct {
	of map[ratchetID][]aheadSecret // in increasing order of generations
}

type aheadSecret struct {
	generation uint64 // a multiple of AheadStride
	secret     []byte
}

// The bounds of what is kept.
const (
	AheadStride     = 16  // one secret in this many generations is kept
	aheadRatchets   = 256 // of at most this many ratchets
	aheadPerRatchet = 1024
)

// latest returns the latest secret whose generation is at most upTo, or nil. The caller
// may only read it.
func (a *aheadSecrets) latest(n ratchetID, upTo uint32) ([]byte, uint64) {
	all := a.of[n]
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].generation <= uint64(upTo) {
			return all[i].secret, all[i].generation
		}
	}
	return nil, 0
}

// keep keeps a copy of the secret of a generation, if that is one to keep and is not
// there. If the ratchet has no room for more, the copy replaces the furthest one. So the
// next message that names the generation costs little, however far ahead it is.
func (a *aheadSecrets) keep(n ratchetID, generation uint64, secret []byte) {
	if generation%AheadStride != 0 {
		return
	}
	all := a.of[n]
	i, there := slices.BinarySearchFunc(all, generation, func(s aheadSecret, g uint64) int { return cmp.Compare(s.generation, g) })
	if there {
		return
	}
	if last := len(all) - 1; len(all) == aheadPerRatchet {
		clear(all[last].secret)
		all, i = all[:last], min(i, last)
	}
	if len(all) == 0 && len(a.of) >= aheadRatchets {
		for other := range a.of {
			a.forget(other)
			break
		}
	}
	if a.of == nil {
		a.of = make(map[ratchetID][]aheadSecret)
	}
	a.of[n] = slices.Insert(all, i, aheadSecret{generation, bytes.Clone(secret)})
}

// drop deletes the secrets of generations before next.
func (a *aheadSecrets) drop(n ratchetID, next uint64) {
	all := a.of[n]
	for len(all) > 0 && all[0].generation < next {
		clear(all[0].secret)
		all = all[1:]
	}
	if len(all) == 0 {
		delete(a.of, n)
		return
	}
	a.of[n] = all
}

// forget deletes the secrets of a ratchet.
func (a *aheadSecrets) forget(n ratchetID) {
	for _, s := range a.of[n] {
		clear(s.secret)
	}
	delete(a.of, n)
}

func (a *aheadSecrets) destroy() {
	for n := range a.of {
		a.forget(n)
	}
}

// longWay is the way of a ratchet to a generation far ahead, which is walked without the
// tree: its holder needs a mutex only for the look-ups before and after. nil means no
// way.
type longWay struct {
	suite   suite.Suite
	ratchet ratchetID
	secret  []byte // a copy, of generation at
	at, to  uint64
	passed  []aheadSecret // in increasing order of generations
}

// wayTo returns the way to the generation of a message. It returns nil if Find has to
// take no more than AheadStride steps, or refuses the generation.
func (t *Tree) wayTo(leaf message.LeafIndex, contentType message.ContentType, generation uint32, limits RatchetLimits) (*longWay, error) {
	if t.Ratchets == nil || uint32(leaf) >= t.Leaves {
		return nil, nil
	}
	next := t.NextGeneration(leaf, RatchetKindOf(contentType))
	ahead := uint64(generation) - next
	if uint64(generation) < next || ahead > uint64(limits.MaxForward) || ahead <= AheadStride {
		return nil, nil
	}
	return t.longWayTo(leaf, contentType, generation, next)
}

// longWayTo is wayTo for a generation that is more than AheadStride after next.
func (t *Tree) longWayTo(leaf message.LeafIndex, contentType message.ContentType, generation uint32, next uint64) (*longWay, error) {
	p := &UnusedKey{tree: t, leaf: leaf, contentType: contentType, ratchets: t.Ratchets[leaf]}
	secret, at := t.ahead.latest(p.aheadOf(), generation)
	if secret == nil {
		if p.ratchets == nil {
			p.ratchets, p.first = new(LeafRatchets), true
			p.furnish()
			defer p.Discard()
			if err := p.deriveLeaf(); err != nil {
				return nil, err
			}
		}
		secret, at = p.ratchet().Secret, next
	}
	if uint64(generation)-at <= AheadStride {
		return nil, nil
	}
	return &longWay{suite: t.Suite, ratchet: p.aheadOf(), secret: bytes.Clone(secret), at: at, to: uint64(generation)}, nil
}

// walk derives the secrets on the way that a tree keeps. The caller then hands the way to
// learn, even after an error.
func (w *longWay) walk() error {
	if w == nil {
		return nil
	}
	for ; w.at < w.to; w.at++ {
		var err error
		if w.secret, err = nextSecret(w.suite, w.secret, w.at); err != nil {
			return err
		}
		if (w.at+1)%AheadStride == 0 {
			w.passed = append(w.passed, aheadSecret{w.at + 1, bytes.Clone(w.secret)})
		}
	}
	return nil
}

// learn keeps what a way passed, and overwrites the rest. The ratchet may have moved or
// be gone meanwhile: a secret of a generation behind it is not kept.
func (t *Tree) learn(w *longWay) {
	if w == nil {
		return
	}
	for _, s := range w.passed {
		if t.mayReach(w.ratchet, s.generation) {
			t.ahead.keep(w.ratchet, s.generation, s.secret)
		}
		clear(s.secret)
	}
	clear(w.secret)
	w.secret, w.passed = nil, nil
}

// mayReach reports whether the tree holds a secret from which that of a generation
// follows.
func (t *Tree) mayReach(n ratchetID, generation uint64) bool {
	if t.Ratchets == nil {
		return false
	}
	if l := t.Ratchets[n.leaf]; l != nil {
		r := l.Kind(n.kind)
		return r.Secret != nil && generation >= r.Next
	}
	for at, ok := treemath.NodeOf(n.leaf), true; ok; at, ok = at.Parent(t.Leaves) {
		if t.Nodes[at] != nil {
			return true
		}
	}
	return false
}

// KeyFinder finds keys of a tree that a mutex guards, within limits.
type KeyFinder struct {
	tree   *Tree
	mu     sync.Locker
	limits RatchetLimits
}

// Finder returns a KeyFinder of a tree that mu guards.
func (t *Tree) Finder(mu sync.Locker, limits RatchetLimits) KeyFinder {
	return KeyFinder{t, mu, limits}
}

// Find is [Tree.Find]. It takes the mutex, but not for the steps to a generation that
// is far ahead.
func (f KeyFinder) Find(p *UnusedKey, leaf message.LeafIndex, contentType message.ContentType, generation uint32) error {
	f.mu.Lock()
	way, err := f.tree.wayTo(leaf, contentType, generation, f.limits)
	f.mu.Unlock()
	if err != nil {
		return err
	}
	err = way.walk()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tree.learn(way)
	if err != nil {
		return err
	}
	return f.tree.Find(p, leaf, contentType, generation, f.limits)
}

// Standing returns the next generation of a ratchet, and the generations ahead of it
// whose secrets are kept because messages named them.
func (t *Tree) Standing(leaf message.LeafIndex, contentType message.ContentType) (next uint64, ahead []uint64) {
	kind := RatchetKindOf(contentType)
	if r := t.Ratchets[leaf]; r != nil {
		next = r.Kind(kind).Next
	}
	for _, s := range t.ahead.of[ratchetID{leaf, kind}] {
		ahead = append(ahead, s.generation)
	}
	return next, ahead
}
