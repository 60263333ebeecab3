package mls

import (
	"bytes"
	"errors"
	"runtime"
	"slices"
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

	*claim
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
	defer c.lock()()
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
	defer c.lock()()
	if err := c.alive(); err != nil {
		return nil, 0, err
	}
	secret, err := c.next.secrets.export(c.to.suite, label, context, length)
	return secret, c.next.self.leaf, err
}

// RatchetTree is [Group.RatchetTree] in the epoch that the commit begins, for those
// whom a Welcome without the tree lets in.
func (c *Candidate) RatchetTree() ([]byte, error) {
	defer c.lock()()
	return marshalled(c.to.tree.nodes())
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
		c.cfg.tellAdopted(&c.transition, int64(g.leaf))
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
	defer c.lock()()
	if c.ended != nil || !c.removed && c.next.secrets == nil || !c.from.life.end() {
		return nil, ErrRetired
	}
	if c.removed {
		c.from.retire(c.claim, nil)
		return nil, ErrRemoved
	}
	g := newGroup(c.cfg, c.take())
	g.inbox.saving.bound = c.saved
	c.from.retire(c.claim, g)
	return g, nil
}

// join is Adopt for a member that joins, and has no Group yet.
func (c *Candidate) join() (*Group, error) {
	defer c.lock()()
	if err := c.alive(); err != nil {
		return nil, err
	}
	saved := c.saved
	if c.own != nil {
		lost, keySaved, err := c.own.use(c)
		if err != nil {
			return nil, err
		}
		lost.end(c.claim, ErrKeyPackageUsed)
		saved = keySaved
	}
	g := newGroup(c.cfg, c.take())
	g.inbox.saving.bound = saved
	return g, nil
}

// leaveGroup takes the candidate out of the group that it is from, which nobody else
// has and which is to be destroyed: the candidate is adopted without it.
func (c *Candidate) leaveGroup() {
	c.from.inbox.untrack(c)
	c.from = nil
}

// track notes a candidate, which ends with the epoch. If that ended while it was made,
// it is discarded and the error is ErrRetired.
func (g *Group) track(c *Candidate) error {
	if !g.inbox.track(c) {
		c.discard(ErrRetired)
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
	b.claims.track(c.claim)
	return true
}

func (b *inbox) untrack(c *Candidate) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.claims = slices.DeleteFunc(b.claims, func(other *claim) bool { return other == c.claim })
}

// Discard deletes the secrets of a candidate that its owner will not adopt, and those
// of its private keys that its Group does not use. It answers [ErrRetired] from then
// on. Those that lose against a candidate that is adopted are discarded by that. An
// [OwnKeyPackage] whose join is discarded can join again.
//
// The keys of a candidate that is neither adopted nor discarded are deleted when the
// garbage collector finds it or when its epoch ends, save for those in a provider to
// which a saved state of it refers: see [Candidate.Save].
func (c *Candidate) Discard() {
	c.discard(ErrRetired)
	runtime.KeepAlive(c)
}

// Destroy deletes the secrets of a group that its owner has left behind, as for the
// one that follows it after a ReInit, and those of its candidates. The group answers
// [ErrRetired] from then on. What was saved of it is for the caller to delete.
func (g *Group) Destroy() {
	if g.life.end() {
		g.retire(nil, nil)
	}
}

// retire ends the epoch in favour of a candidate, whose claim is won or nil, and of the
// group that it leads to, if next is not nil: what that needs of past epochs moves to
// its inbox. The other candidates are discarded. The secrets are deleted, and the
// member's shares of its private keys given up, when the calls in progress are done. The
// caller has ended the life, and holds the mutex of won.
func (g *Group) retire(won *claim, next *Group) {
	var inbox *inbox
	if next != nil {
		inbox = &next.inbox
	}
	g.inbox.retire(g.public, g.secrets, g.leaf, g.cfg.Limits, inbox).end(won, ErrRetired)
	g.life.afterCalls(func() {
		g.inbox.clear()
		e := epoch{secrets: g.secrets, self: g.self}
		e.destroy()
		g.secrets, g.self = nil, &memberView{leaf: g.leaf}
	})
	g.life.done()
}
