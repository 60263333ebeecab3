package mls

import (
	"bytes"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Candidate is an epoch that a client may move to: the epoch that a valid commit begins,
// or the first one of a group that the client joins. Any number of candidates may exist
// until one of them is adopted. An own commit that waits, a lost race and a fork are
// just other candidates. A Candidate answers the same questions about its epoch as a
// Group, such as who the Members are.
type Candidate struct {
	// Message is the commit as an MLSMessage, for the group's members. It is nil if
	// another member made the commit.
	Message []byte

	// Welcome is an MLSMessage for all joiners. It is nil unless this member made the
	// commit and the commit adds members.
	Welcome []byte

	// JoinerData is what the GroupInfo by which this client joins has for its components (see
	// [CommitOptions].JoinerData). It is nil without Config.Components, and of a candidate that
	// was restored.
	JoinerData message.AppDataDictionary

	transition
	cfg     *Config
	from    *Group         // nil if this member joins
	own     *OwnKeyPackage // of a join by a Welcome, or nil
	removed bool           // the commit removes this member

	previous *event.PreviousGroup // of the first commit of a group that follows another

	*claim
}

// Removed reports whether the commit removes this member.
func (c *Candidate) Removed() bool { return c.removed }

// EpochAuthenticator is [Group.EpochAuthenticator] in the epoch that the commit begins.
//
// Errors:
//
//   - [ErrRemoved]: the commit removes this member.
//   - [ErrRetired]: the candidate was adopted or discarded, has lost against another, or
//     its Group was destroyed.
//   - [ErrKeyPackageUsed]: another join used up the candidate's key package, or that was
//     destroyed.
func (c *Candidate) EpochAuthenticator() ([]byte, error) {
	defer c.lock()()
	if err := c.alive(); err != nil {
		return nil, err
	}
	return bytes.Clone(c.next.secrets.Authenticator), nil
}

// Export is [Group.Export] in the epoch that the commit begins.
//
// Errors:
//
//   - those of [Candidate.EpochAuthenticator].
//   - an error without a sentinel: length is out of bounds.
func (c *Candidate) Export(label string, context []byte, length int) ([]byte, error) {
	secret, leaf, err := c.export(label, context, length)
	if err == nil && c.cfg.observed() {
		c.cfg.tellExported(c.public.state(int64(leaf)), label, length)
	}
	return secret, err
}

// export is Export, and also returns the own leaf.
func (c *Candidate) export(label string, context []byte, length int) ([]byte, message.LeafIndex, error) {
	defer c.lock()()
	if err := c.alive(); err != nil {
		return nil, 0, err
	}
	secret, err := c.next.secrets.Export(c.public.suite, label, context, length)
	return secret, c.next.self.leaf, err
}

func (c *Candidate) alive() error {
	switch {
	case c.ended != nil:
		return c.ended
	case c.removed:
		return ErrRemoved
	case c.next.secrets == nil:
		return ErrRetired
	}
	return nil
}

// Adopt moves to the epoch that the commit begins. Call it when the delivery service has
// accepted the commit, or at once if there is no delivery service. Adopt returns the
// Group of the new epoch and retires the Group that the candidate comes from, with every
// other candidate of it: it deletes the old epoch's secrets, and the private keys that
// the new epoch does not use (RFC 9420, Sections 9.2 and 7.5). What late messages of the
// old epoch need moves into the new Group.
//
// A commit that removes this member leads to no Group: Adopt deletes the secrets and
// returns [ErrRemoved]. Adopting a join by a Welcome uses the key package up (see
// [OwnKeyPackage.Join]).
//
// Errors:
//
//   - [ErrRemoved]: the commit removes this member, and the secrets are deleted now.
//   - [ErrRetired]: the candidate was adopted or discarded, or its Group is retired.
//   - [ErrKeyPackageUsed]: another join has used up the key package, or that was
//     destroyed; or a last resort has already joined the epoch.
func (c *Candidate) Adopt() (*Group, error) {
	if c.from == nil {
		g, err := c.join()
		if err != nil {
			return nil, err
		}
		c.cfg.tellEntered(g.public, int64(g.leaf), c.entry(), c.previous)
		return g, nil
	}
	g, err := c.adopt()
	switch {
	case err == nil:
		c.cfg.tellAdopted(&c.transition, int64(g.leaf))
	case errors.Is(err, ErrRemoved) && c.cfg.observed():
		c.cfg.Observer.Observe(event.GroupLeft{Group: c.from.state(), Committer: c.committer, Author: c.Author()})
	}
	return g, err
}

// entry says how the client enters the group by the candidate.
func (c *Candidate) entry() event.Entry {
	switch {
	case c.own != nil:
		return event.EntryWelcome
	case c.committer.Type == message.SenderNewMemberCommit:
		return event.EntryExternal
	}
	return event.EntryCreated
}

// adopt is Adopt for a member of the group.
func (c *Candidate) adopt() (*Group, error) {
	defer c.lock()()
	if c.ended != nil || !c.removed && c.next.secrets == nil || !c.from.life.end() {
		return nil, ErrRetired
	}
	if c.removed {
		c.from.retire(c.claim, nil)
		return nil, ErrRemoved
	}
	g := newGroup(c.cfg, c.take())
	saved := c.saved
	c.from.retire(c.claim, g)
	g.inbox.saving.bind(saved)
	return g, nil
}

// join is Adopt for a client that joins, and so has no Group yet.
func (c *Candidate) join() (*Group, error) {
	defer c.lock()()
	if err := c.alive(); err != nil {
		return nil, err
	}
	saved := c.saved
	var initKey *ratchettree.PrivateKey
	if c.own != nil {
		initKey = c.own.keptInitKey()
		lost, keySaved, err := c.own.use(c)
		if err != nil {
			initKey.Release()
			return nil, err
		}
		lost.end(c.claim, ErrKeyPackageUsed)
		saved = keySaved
	}
	g := newGroup(c.cfg, c.take())
	g.inbox.saving.release(initKey)
	g.inbox.saving.bind(saved)
	return g, nil
}

// leaveGroup takes the candidate out of the group that it comes from, which is private to
// the caller and about to be destroyed. The candidate can be adopted without it.
func (c *Candidate) leaveGroup() {
	c.from.inbox.untrack(c)
	c.from = nil
}

// Discard deletes the secrets of a candidate that its owner will not adopt, and the
// private keys that its Group does not use. The candidate answers [ErrRetired] from then
// on. Adopting another candidate discards those that lose. An [OwnKeyPackage] whose join
// is discarded can join again.
//
// A candidate that is neither adopted nor discarded loses its keys when the garbage
// collector finds it or when its epoch ends. Keys in a provider to which a saved state of
// the candidate refers then stay: see [Candidate.Save].
func (c *Candidate) Discard() {
	c.discard(ErrRetired)
	runtime.KeepAlive(c)
}

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
