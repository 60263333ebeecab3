package mls

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"weak"
)

// ErrRemoved says that this member is no longer in the group: the commit that was
// adopted removed it.
var ErrRemoved = errors.New("mls: this member was removed from the group")

// Candidate is a commit that is valid in the epoch of its Group and has not been
// adopted. Any number of candidates may exist until one of them is: a pending
// commit, a lost race and a fork are just other candidates.
type Candidate struct {
	// Message is the commit as an MLSMessage, for the group's members, if this
	// member made it.
	Message []byte

	// Welcome is an MLSMessage for all joiners, if this member made the commit and
	// it adds any.
	Welcome []byte

	transition
	cfg     *Config
	from    *Group // nil if this member joins by the commit
	removed bool   // this member

	previous *PreviousGroup // of the first commit of a group that follows another

	mu    sync.Mutex
	saved bool
	next  epoch // secrets are nil once adopted, or if removed
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
// and returns [ErrRemoved].
func (c *Candidate) Adopt() (*Group, error) {
	if c.from == nil {
		g, err := c.join()
		if err != nil {
			return nil, err
		}
		how := EntryCreated
		if c.committer.Type == SenderNewMemberCommit {
			how = EntryExternal
		}
		c.cfg.tellEntered(g.public, int64(g.leaf), how, c.previous)
		return g, nil
	}
	g, err := c.adopt()
	switch {
	case err == nil:
		c.cfg.tellAdopted(c.from.public, &c.transition, int64(g.leaf))
	case errors.Is(err, ErrRemoved) && c.cfg.observed():
		c.cfg.Observer.Observe(GroupLeft{c.from.state(), c.committer})
	}
	return g, err
}

// adopt is Adopt for a member of the group.
func (c *Candidate) adopt() (*Group, error) {
	old := c.from
	old.life.Lock()
	defer old.life.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if old.retired {
		return nil, ErrRetired
	}
	if c.removed {
		var none inbox
		old.discardOthers(c, &memberView{})
		old.retire(&memberView{}, &none)
		none.destroy()
		return nil, ErrRemoved
	}
	g := newGroup(c.cfg, c.next)
	g.inbox.saving.bound = c.saved
	c.next = epoch{public: c.next.public}
	old.discardOthers(c, g.self)
	old.retire(g.self, &g.inbox)
	return g, nil
}

// join is Adopt for a member that joins by the commit, and has no Group yet.
func (c *Candidate) join() (*Group, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.alive(); err != nil {
		return nil, err
	}
	g := newGroup(c.cfg, c.next)
	g.inbox.saving.bound = c.saved
	c.next = epoch{public: c.next.public}
	return g, nil
}

// leaveGroup retires the group that the candidate is from, which nobody else has:
// the candidate is adopted without it.
func (c *Candidate) leaveGroup() {
	var none inbox
	c.from.life.Lock()
	defer c.from.life.Unlock()
	c.from.retire(c.next.self, &none)
	none.destroy()
	c.from = nil
}

// track notes a candidate, which ends with the epoch whether its owner still holds
// it or not.
func (g *Group) track(c *Candidate) {
	g.inbox.mu.Lock()
	defer g.inbox.mu.Unlock()
	gone := func(p weak.Pointer[Candidate]) bool { return p.Value() == nil }
	g.inbox.candidates = append(slices.DeleteFunc(g.inbox.candidates, gone), weak.Make(c))
}

// discardOthers deletes the secrets of the candidates that lost against c, and those
// of their private keys that self, the member in the next epoch, does not hold. The
// caller holds life and the mutex of c.
func (g *Group) discardOthers(c *Candidate, self *memberView) {
	for _, p := range g.inbox.candidates {
		if lost := p.Value(); lost != nil && lost != c {
			lost.discard(self)
		}
	}
	g.inbox.candidates = nil
}

func (c *Candidate) discard(self *memberView) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next.secrets == nil {
		return // it removed this member
	}
	c.next.secrets.destroy()
	c.next.self.destroyExcept(self)
	c.next = epoch{public: c.next.public}
}

// Destroy deletes the secrets of a group that its owner has left behind, as for the
// one that follows it after a ReInit, and those of its candidates. The group answers
// [ErrRetired] from then on. What was saved of it is for the caller to delete.
func (g *Group) Destroy() {
	g.life.Lock()
	defer g.life.Unlock()
	if g.retired {
		return
	}
	var none inbox
	g.discardOthers(nil, &memberView{})
	g.retire(&memberView{}, &none)
	none.destroy()
}

// retire deletes the epoch's secrets and those private keys that self, the member
// in the next epoch, does not hold, and moves the rest to the next epoch's inbox.
// The caller holds life.
func (g *Group) retire(self *memberView, next *inbox) {
	g.retired = true
	g.inbox.retire(g.public, g.secrets, self, g.cfg.Limits, next)
	g.secrets.destroy()
	g.self.destroyExcept(self)
	g.secrets, g.self = nil, &memberView{leaf: g.self.leaf}
}
