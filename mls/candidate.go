package mls

import (
	"bytes"
	"errors"
	"iter"
	"slices"
	"sync"
	"weak"
)

// ErrRemoved says that this member is no longer in the group: the commit that was
// adopted removed it.
var ErrRemoved = errors.New("mls: this member was removed from the group")

// Candidate is an epoch of a group that a client may move to, and has not yet: the one
// that a commit begins which is valid in the epoch of its Group, or the first of a
// group that the client joins. Any number of candidates may exist until one of them is
// adopted: a pending commit, a lost race and a fork are just other candidates.
type Candidate struct {
	// Message is the commit as an MLSMessage, for the group's members, if this
	// member made it.
	Message []byte

	// Welcome is an MLSMessage for all joiners, if this member made the commit and
	// it adds any.
	Welcome []byte

	transition
	cfg     *Config
	from    *Group         // nil if this member joins
	own     *OwnKeyPackage // by which it joins, if it does so by a Welcome
	removed bool           // this member

	previous *PreviousGroup // of the first commit of a group that follows another

	mu    sync.Mutex
	saved bool
	ended error // why it is not to be adopted, or nil
	next  epoch // secrets are nil once adopted, or if removed
}

// Changes returns what the candidate makes of the members: who joins, with leaf and
// credential, whether by an Add or by the commit itself, who leaves, and who has a new
// leaf; of a join by a Welcome, all members. It is what an [Observer] hears once the
// candidate is adopted. One by which this client joins and which was restored does not
// say: it returns nil.
func (c *Candidate) Changes() []Change {
	if c.own != nil {
		return c.to.joined()
	}
	return c.transition.Changes()
}

// Removed reports whether the commit removes this member.
func (c *Candidate) Removed() bool { return c.removed }

// EpochAuthenticator is [Group.EpochAuthenticator] of the epoch that the commit
// begins.
func (c *Candidate) EpochAuthenticator() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.alive(); err != nil {
		return nil, err
	}
	return bytes.Clone(c.next.secrets.authenticator), nil
}

// Export is [Group.Export] in the epoch that the commit begins.
func (c *Candidate) Export(label string, context []byte, length int) ([]byte, error) {
	secret, leaf, err := c.export(label, context, length)
	if err == nil && c.cfg.observed() {
		c.cfg.tellExported(c.to.state(int64(leaf)), label, length)
	}
	return secret, err
}

// export is Export, and returns the own leaf too.
func (c *Candidate) export(label string, context []byte, length int) ([]byte, LeafIndex, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.alive(); err != nil {
		return nil, 0, err
	}
	secret, err := c.next.secrets.export(c.next.public.suite, label, context, length)
	return secret, c.next.self.leaf, err
}

// RatchetTree is [Group.RatchetTree] in the epoch that the commit begins, for those
// whom a Welcome without the tree lets in.
func (c *Candidate) RatchetTree() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return marshalled(c.next.public.tree.nodes())
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

// Adopt moves to the epoch that the commit begins: when the delivery service has
// accepted the commit, or at once if there is none. It returns the Group of that
// epoch and retires the Group that the candidate is from, with every other
// candidate of it: the epoch's secrets and the private keys that the next epoch
// does not use are deleted (RFC 9420, Sections 9.2 and 7.5). What late messages of
// the old epoch need moves into the new Group.
//
// A commit that removes this member leads to no Group: Adopt deletes the secrets
// and returns [ErrRemoved]. To adopt a join by a Welcome uses the key package up, and
// the error is [ErrKeyPackageUsed] if another join did so before: see
// [OwnKeyPackage.Join].
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
		c.cfg.tellAdopted(c.from.public, &c.transition, int64(g.leaf))
	case errors.Is(err, ErrRemoved) && c.cfg.observed():
		c.cfg.Observer.Observe(GroupLeft{c.from.state(), c.committer, c.Author()})
	}
	return g, err
}

// entry says how the candidate leads into its group.
func (c *Candidate) entry() Entry {
	switch {
	case c.own != nil:
		return EntryWelcome
	case c.committer.Type == SenderNewMemberCommit:
		return EntryExternal
	}
	return EntryCreated
}

// adopt is Adopt for a member of the group.
func (c *Candidate) adopt() (*Group, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil || !c.removed && c.next.secrets == nil || !c.from.life.end() {
		return nil, ErrRetired
	}
	if c.removed {
		c.from.retire(c, nil)
		return nil, ErrRemoved
	}
	g := newGroup(c.cfg, c.next)
	g.inbox.saving.bound = c.saved
	c.next = epoch{public: c.next.public}
	c.from.retire(c, g)
	return g, nil
}

// join is Adopt for a member that joins, and has no Group yet.
func (c *Candidate) join() (*Group, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.alive(); err != nil {
		return nil, err
	}
	saved := c.saved
	if c.own != nil {
		lost, keySaved, err := c.own.use(c)
		if err != nil {
			return nil, err
		}
		for _, other := range lost {
			other.lose()
		}
		saved = keySaved
	}
	g := newGroup(c.cfg, c.next)
	g.inbox.saving.bound = saved
	c.next = epoch{public: c.next.public}
	return g, nil
}

// leaveGroup retires the group that the candidate is from, which nobody else has:
// the candidate is adopted without it.
func (c *Candidate) leaveGroup() {
	c.from.life.end()
	c.from.retire(c, nil)
	c.from = nil
}

// track notes a candidate, which ends with the epoch as long as its owner holds it.
// If the epoch ended while it was made, it is deleted and the error is ErrRetired.
func (g *Group) track(c *Candidate) error {
	if !g.inbox.track(c) {
		g.drop(c)
		return ErrRetired
	}
	return nil
}

func (b *inbox) track(c *Candidate) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.retired {
		return false
	}
	b.candidates.track(c)
	return true
}

// candidates are those that end together, as long as their owner holds them.
type candidates []weak.Pointer[Candidate]

func (l *candidates) track(c *Candidate) {
	gone := func(p weak.Pointer[Candidate]) bool { return p.Value() == nil }
	*l = append(slices.DeleteFunc(*l, gone), weak.Make(c))
}

func (l candidates) all() iter.Seq[*Candidate] {
	return func(yield func(*Candidate) bool) {
		for _, p := range l {
			if c := p.Value(); c != nil && !yield(c) {
				return
			}
		}
	}
}

// discard deletes the secrets of a candidate, which answers why from then on unless it
// ended before. It returns the member's view, of whose keys some are the group's too.
func (c *Candidate) discard(why error) *memberView {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended == nil {
		c.ended = why
	}
	if c.next.secrets == nil {
		return nil // it removes this member, or was adopted
	}
	c.next.secrets.destroy()
	self := c.next.self
	c.next = epoch{public: c.next.public}
	return self
}

// Discard deletes the secrets of a candidate that its owner will not adopt, and those
// of its private keys that its Group does not use. It answers [ErrRetired] from then
// on. Those that lose against a candidate that is adopted are discarded by
// that. An [OwnKeyPackage] whose join is discarded can join again.
func (c *Candidate) Discard() {
	if c.from == nil {
		c.destroy(ErrRetired)
		return
	}
	if done, err := c.from.alive(); err == nil {
		defer done()
		c.from.drop(c)
	}
}

// lose discards a join whose key package is used up.
func (c *Candidate) lose() { c.destroy(ErrKeyPackageUsed) }

// destroy discards a candidate by which this member joins.
func (c *Candidate) destroy(why error) {
	if self := c.discard(why); self != nil {
		self.destroyExcept(&memberView{})
	}
}

// drop discards a candidate of the group, with those of its private keys that the
// group does not hold. The group is alive.
func (g *Group) drop(c *Candidate) {
	self := c.discard(ErrRetired)
	if self == nil {
		return
	}
	for key := range self.keys() {
		if !g.holds(key) {
			key.destroy()
		}
	}
}

// Destroy deletes the secrets of a group that its owner has left behind, as for the
// one that follows it after a ReInit, and those of its candidates. The group answers
// [ErrRetired] from then on. What was saved of it is for the caller to delete.
func (g *Group) Destroy() {
	if g.life.end() {
		g.retire(nil, nil)
	}
}

// retire ends the epoch in favour of a candidate, if won is not nil, and of the group
// that it leads to, if next is not nil: what that needs of past epochs moves to its
// inbox. The other candidates are discarded. The secrets, and those private keys that
// the member in the next epoch does not hold, are deleted when the calls in progress
// are done; until then, next keeps what it shares with them. The caller has ended the
// life, and holds the mutex of won.
func (g *Group) retire(won *Candidate, next *Group) {
	kept := &memberView{}
	var inbox *inbox
	switch {
	case next != nil:
		next.life.begin()
		kept, inbox = next.self, &next.inbox
	case won != nil && won.next.self != nil:
		kept = won.next.self
	}
	views := []*memberView{g.self}
	for lost := range g.inbox.retire(g.public, g.secrets, g.leaf, g.cfg.Limits, inbox).all() {
		if lost == won {
			continue
		}
		if self := lost.discard(ErrRetired); self != nil {
			views = append(views, self)
		}
	}
	g.life.afterCalls(func() {
		g.inbox.clear(kept)
		g.secrets.destroy()
		for _, v := range views {
			v.destroyExcept(kept)
		}
		g.secrets, g.self = nil, &memberView{leaf: g.leaf}
		if next != nil {
			next.life.done()
		}
	})
	g.life.done()
}
