package mls

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// proposalCache holds the proposals that arrived in an epoch, for a commit that
// refers to them (RFC 9420, Section 12.1). The zero value is empty.
//
// What comes from outside the group takes no room from what members propose.
type proposalCache struct {
	proposals []CommittedProposal // in order of arrival
	byRef     map[string]int      // index in proposals by ProposalRef
	members   proposalRoom        // taken
	outside   proposalRoom
	missed    map[string]bool // ProposalRefs of commits that found nothing here
}

// proposalRoom is how many proposals there are, or may be, and of how many bytes.
type proposalRoom struct{ count, bytes int }

// proposalLimits is how much a cache keeps of members and from outside.
type proposalLimits struct{ members, outside proposalRoom }

// anyProposals is for what was kept before.
var anyProposals = proposalLimits{proposalRoom{math.MaxInt, math.MaxInt}, proposalRoom{math.MaxInt, math.MaxInt}}

// fits reports whether a proposal of size bytes is within the limit beside what is
// taken.
func (r proposalRoom) fits(size int, limit proposalRoom) bool {
	return r.count < limit.count && size <= limit.bytes-r.bytes
}

// twice is the room for proposals that commits refer to.
func (r proposalRoom) twice() proposalRoom {
	double := func(n int) int { return n + min(n, math.MaxInt-n) }
	return proposalRoom{double(r.count), double(r.bytes)}
}

// keep takes up a proposal, unless it is there or there is no room for it. What a
// commit refers to may take as much room again.
func (c *proposalCache) keep(p CommittedProposal, limits proposalLimits) error {
	room, err := c.room(&p, limits)
	if room == nil {
		return err
	}
	room.count++
	room.bytes += p.size
	delete(c.missed, string(p.Ref))
	if c.byRef == nil {
		c.byRef = make(map[string]int)
	}
	c.byRef[string(p.Ref)] = len(c.proposals)
	c.proposals = append(c.proposals, p)
	return nil
}

// room returns what a proposal takes of, or nil if it is there.
func (c *proposalCache) room(p *CommittedProposal, limits proposalLimits) (*proposalRoom, error) {
	if _, ok := c.byRef[string(p.Ref)]; ok {
		return nil, nil
	}
	room, limit := &c.members, limits.members
	if p.outside() {
		room, limit = &c.outside, limits.outside
	}
	allowed := limit
	if c.missed[string(p.Ref)] {
		allowed = limit.twice()
	}
	if !room.fits(p.size, allowed) {
		return nil, fmt.Errorf("%w: more than %d proposals of a %s, or %d bytes of them, in one epoch",
			ErrUnsupported, limit.count, p.Sender.Type, limit.bytes)
	}
	return room, nil
}

// maxMissed is how many references of commits are kept to proposals that are not here.
const maxMissed = 1 << 14

// find returns a proposal by its ProposalRef, for a commit. One that is not there
// finds room when it comes.
func (c *proposalCache) find(ref []byte) (CommittedProposal, bool) {
	i, ok := c.byRef[string(ref)]
	if !ok {
		if c.missed == nil || len(c.missed) >= maxMissed {
			c.missed = make(map[string]bool)
		}
		c.missed[string(ref)] = true
		return CommittedProposal{}, false
	}
	return c.proposals[i], true
}

// outside reports whether a proposal comes from outside the group.
func (c *CommittedProposal) outside() bool { return c.Sender.Type != SenderMember }

// receiveProposal checks a proposal whose signature was verified, as far as it can
// be seen by itself, for the cache. The application is asked about the credentials
// that one from outside brings; those of members are judged when they are committed.
func (p *publicState) receiveProposal(ctx context.Context, cfg *Config, now time.Time, ac *authenticatedContent) (CommittedProposal, error) {
	received := CommittedProposal{Proposal: ac.content.proposal, Sender: ac.content.sender, checked: true}
	err := p.checkProposal(&received, listRules{lifetime: cfg.Lifetimes.receivedAt(now), custom: cfg.Proposals})
	if err != nil {
		return CommittedProposal{}, err
	}
	if err := cfg.allowProposal(p, now, ac.wireFormat, &received); err != nil {
		return CommittedProposal{}, err
	}
	if received.outside() {
		received.unfit = !p.takes(&received)
		if err := p.authenticate(ctx, cfg, now, received); err != nil {
			return CommittedProposal{}, err
		}
	}
	return received, received.sentIn(p.suite, ac)
}

// sentIn notes in which message the proposal was sent by itself.
func (c *CommittedProposal) sentIn(s suite.Suite, ac *authenticatedContent) error {
	if err := ac.content.encodeBody(); err != nil {
		return err
	}
	c.size, c.AuthenticatedData = ac.content.size(), ac.content.authenticatedData
	var err error
	c.Ref, err = proposalRef(s, ac)
	return err
}

// authenticate asks the application about the credentials that a proposal brings.
func (p *publicState) authenticate(ctx context.Context, cfg *Config, now time.Time, c CommittedProposal) error {
	if cfg.Authenticator == nil {
		return nil
	}
	return cfg.authenticate(ctx, now, p.proposed(nil, c))
}

// proposed appends the changes that a proposal brings of which the application is
// asked before a commit.
func (p *publicState) proposed(changes []Change, c CommittedProposal) []Change {
	switch proposal := c.Proposal.(type) {
	case AddProposal:
		return changed(changes, noLeaf, nil, &proposal.KeyPackage.LeafNode, ChangeAdded)
	case UpdateProposal:
		leaf := c.Sender.Leaf
		return changed(changes, leaf, p.tree.leaf(leaf), proposal.LeafNode, ChangeUpdated)
	case GroupContextExtensionsProposal:
		return changedSenders(changes, p.extensions, c.extensions)
	}
	return changes
}

// awaitsCommit reports whether application data has to wait for a commit of what
// arrived (RFC 9420, Section 12.4). A proposal from outside that this member could not
// commit does not count: nobody outside makes a group silent.
func (g *Group) awaitsCommit(ctx context.Context, now time.Time) bool {
	q := g.cfg.ask(suite.Continue, now)
	for _, c := range g.inbox.pending() {
		if !c.outside() {
			return true
		}
		if c.unfit || q.proposal(g.public, &c) != nil {
			continue
		}
		switch p := c.Proposal.(type) {
		case PreSharedKeyProposal:
			if !g.knowsPSK(ctx, q, &p.PSK) {
				continue
			}
		case RemoveProposal:
			if p.Removed == g.leaf { // which others commit
				continue
			}
		}
		return true
	}
	return false
}
