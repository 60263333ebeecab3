package mls

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"weak"
)

// claim holds the secrets and private keys of a candidate's epoch. Whatever ends the
// candidate, its group or key package, refers to the claim and not to the candidate, so
// that a candidate that its owner drops can be collected and its keys are deleted too.
type claim struct {
	candidate weak.Pointer[Candidate]
	tag       []byte      // confirmation tag of the epoch
	over      atomic.Bool // the claim holds nothing any more

	mu    sync.Mutex
	saved bool
	ended error // why the candidate can no longer be adopted, or nil
	next  epoch // secrets are nil once adopted, or if removed
}

// newCandidate returns c with a claim on an epoch, which it takes over.
func newCandidate(c *Candidate, next epoch) *Candidate {
	c.claim = &claim{candidate: weak.Make(c), tag: c.public.confirmationTag, next: next}
	runtime.AddCleanup(c, (*claim).abandon, c.claim)
	return c
}

// lock locks the claim for a call of its candidate. The candidate stays alive until
// unlock.
func (c *Candidate) lock() (unlock func()) {
	c.mu.Lock()
	return func() {
		c.mu.Unlock()
		runtime.KeepAlive(c)
	}
}

// take takes the epoch out of the claim. The caller holds mu.
func (c *claim) take() epoch {
	next := c.next
	c.next = epoch{}
	c.over.Store(true)
	return next
}

// discard deletes what the claim holds. The candidate answers why from then on, unless it
// ended before.
func (c *claim) discard(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended == nil {
		c.ended = why
	}
	next := c.take()
	next.destroy()
}

// abandon is discard for a candidate that its owner dropped and may restore: private keys
// to which a saved state refers stay in their provider.
func (c *claim) abandon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := c.take()
	next.abandon()
}

// end deletes what the claim holds, because another candidate won.
func (c *claim) end(why error) {
	if c.candidate.Value() == nil {
		c.abandon()
		return
	}
	c.discard(why)
}

// claims are the claims that end together.
type claims []*claim

// track adds a claim, and drops those that are over.
func (l *claims) track(c *claim) { *l = append(slices.DeleteFunc(*l, (*claim).isOver), c) }

func (c *claim) isOver() bool { return c.over.Load() }

// end ends all but won, which may be nil.
func (l claims) end(won *claim, why error) {
	for _, c := range l {
		if c != won {
			c.end(why)
		}
	}
}
