package mls

import (
	"bytes"
	"context"
	"time"

	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/suite"
)

// Upgrade makes this partial member a full one, by the tree of the epoch as RatchetTree of a
// Group or a PublicGroup returns it. It verifies the tree as a joiner does (RFC 9420,
// Section 12.4.3.1), which is O(n), asks the policy and the Authenticator about all members,
// and retires the PartialGroup. Late messages of past epochs, whose senders the trees of
// those epochs would show, can no longer be read. A state that was saved is a partial
// member's until a [Group.Delta] is stored.
//
// Errors:
//
//   - [ErrRetired].
//   - [*suite.PolicyError]: the policy refuses the group.
//   - [message.ErrMalformed]: the tree does not parse.
//   - [message.ErrInvalid]: the tree is not the epoch's or breaks a rule, or the
//     Authenticator refuses a member.
func (p *PartialGroup) Upgrade(ctx context.Context, now time.Time, tree []byte) (*Group, error) {
	g := p.member
	done, err := g.alive()
	if err != nil {
		return nil, err
	}
	defer done()
	public, err := g.withTree(ctx, g.cfg.ask(suite.Receive, now), tree)
	if err != nil {
		return nil, err
	}
	full, err := g.replacedBy(public, now)
	if err != nil {
		return nil, err
	}
	full.cfg.tellEntered(public, int64(full.leaf), event.EntryUpgraded, nil)
	return full, nil
}

// withTree returns the public state of the epoch with a tree, which it has verified.
func (g *Group) withTree(ctx context.Context, q questions, tree []byte) (*publicState, error) {
	parts := g.public.publicParts
	nodes, err := ratchettree.ParseRatchetTree(tree)
	if err != nil {
		return nil, err
	}
	if parts.tree, err = ratchettree.TreeFromNodes(parts.suite, nodes); err != nil {
		return nil, err
	}
	if !bytes.Equal(parts.tree.Hash(), parts.context.TreeHash) {
		return nil, fault.Violation("12.4.3.1", "tree hash is not the GroupContext's")
	}
	parts.partial = false
	public, err := newPublicState(parts, g.public.confirmationTag)
	if err != nil {
		return nil, err
	}
	if err := q.cipherSuite(parts.suite); err != nil {
		return nil, err
	}
	if err := public.verifyTree(ctx, q, g.public.tree.Leaf(g.leaf)); err != nil {
		return nil, err
	}
	return public, g.self.complete(public.tree)
}

// replacedBy retires the group in favour of one with another public state of the same epoch.
// It moves what the epoch holds, except past epochs, and proposals that the public state
// refuses. The caller is in a call of the group.
func (g *Group) replacedBy(public *publicState, now time.Time) (*Group, error) {
	if !g.life.end() {
		return nil, ErrRetired
	}
	next := &Group{
		publicView: viewOf(public), cfg: g.cfg, leaf: g.leaf, secrets: g.secrets.Clone(),
		self: g.self.next(public.tree, g.self.leafKey, nil),
	}
	ended := g.inbox.moveTo(&next.inbox, func(c *CommittedProposal) bool { return public.checkProposal(c, g.cfg.receiving(now)) == nil })
	ended.end(nil, ErrRetired)
	g.life.afterCalls(func() {
		g.secrets.Destroy()
		g.self.release()
		g.secrets, g.self = nil, &memberView{leaf: g.leaf}
	})
	g.life.done()
	return next, nil
}

// moveTo moves what b holds of its epoch to next, the inbox of another handle of it, and
// deletes what it holds of past ones. It moves the proposals that good accepts. It returns the
// claims of the epoch's candidates.
func (b *inbox) moveTo(next *inbox, good func(*CommittedProposal) bool) claims {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.past {
		p.destroy()
	}
	next.mu = b.mu // a call in progress may use the ratchets
	next.ratchets, next.exporter, next.updates, next.resumptions = b.ratchets, b.exporter, b.updates, b.resumptions
	for i := range b.cache.proposals {
		if c := b.cache.proposals[i]; good(&c) {
			_ = next.cache.keep(c, anyProposals) // which has room
		}
	}
	next.saving = b.saving.anew()
	ended := b.claims
	b.retired, b.claims = true, nil
	b.ratchets, b.exporter, b.updates, b.resumptions, b.past, b.cache = nil, nil, nil, nil, nil, proposalCache{}
	return ended
}

// anew returns the saving of another handle of the epoch, for which nothing is stored yet. If
// something may be stored of this one, the handle has to be saved before it sends.
func (s *saving) anew() *saving {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := newSaving(s.epoch)
	next.bound, next.sent = s.bound, s.sent
	for _, o := range s.outlived { // until the first Delta of the handle is stored
		next.outlived = append(next.outlived, outlived{o.key, 1})
	}
	s.outlived = nil
	return next
}
