package mls

import (
	"context"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// proposalCache holds the proposals that arrived in an epoch, for a commit that refers to
// them (RFC 9420, Section 12.1). The zero value is empty.
//
// It remembers only what it keeps, and keeps that until the epoch ends. What it keeps
// within a sender's share depends only on what that sender proposed before. So members
// who receive each sender's proposals in the order in which they were sent keep the same
// ones, whatever others send meanwhile.
type proposalCache struct {
	proposals []CommittedProposal // in order of arrival
	byRef     map[string]int      // index in proposals by ProposalRef
	fit       []int               // indices of those that may hold application data back
	taken     takenRoom
}

// keep keeps a proposal, unless it is there already or there is no room for it.
func (c *proposalCache) keep(p CommittedProposal, limits proposalLimits) error {
	if _, ok := c.find(p.Ref); ok {
		return nil
	}
	sender, kind, err := c.taken.take(&p, limits)
	if err != nil {
		return err
	}
	c.taken.enter(&p, sender, kind)
	if c.byRef == nil {
		c.byRef = make(map[string]int)
	}
	c.byRef[string(p.Ref)] = len(c.proposals)
	if !p.unfit {
		c.fit = append(c.fit, len(c.proposals))
	}
	c.proposals = append(c.proposals, p)
	return nil
}

// takes returns the error that keep would return, and keeps nothing.
func (c *proposalCache) takes(p *CommittedProposal, limits proposalLimits) error {
	if _, ok := c.find(p.Ref); ok {
		return nil
	}
	_, _, err := c.taken.take(p, limits)
	return err
}

// find returns a proposal by its ProposalRef. It leaves no trace of a reference that is
// not there, which somebody may have made up.
func (c *proposalCache) find(ref []byte) (CommittedProposal, bool) {
	i, ok := c.byRef[string(ref)]
	if !ok {
		return CommittedProposal{}, false
	}
	return c.proposals[i], true
}

// outside reports whether a proposal comes from outside the group.
func (c *CommittedProposal) outside() bool { return c.Sender.Type != SenderMember }

// receiveProposal checks a proposal by itself, for the cache. Its signature has been
// verified. It asks the application about the credentials that a proposal from outside
// brings. Those of members' proposals are judged when they are committed.
func (p *publicState) receiveProposal(ctx context.Context, cfg *Config, now time.Time, ac *authenticatedContent) (CommittedProposal, error) {
	received := CommittedProposal{Author: ac.author, Proposal: ac.content.proposal, Sender: ac.content.sender, checked: true}
	err := p.checkProposal(&received, cfg.receiving(now))
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

// sentIn notes the message in which the proposal was sent by itself.
func (c *CommittedProposal) sentIn(s suite.Suite, ac *authenticatedContent) error {
	if err := ac.content.encodeBody(); err != nil {
		return err
	}
	c.size, c.AuthenticatedData = ac.content.size(), ac.content.authenticatedData
	var err error
	c.Ref, err = proposalRef(s, ac)
	return err
}

// sizeOf returns the size that sentIn noted when the proposal was sent in this epoch.
func (p *publicState) sizeOf(c *CommittedProposal) (int, error) {
	content := p.content(c.Sender, ContentProposal, c.AuthenticatedData)
	content.proposal = c.Proposal
	err := content.encodeBody()
	return content.size(), err
}

// authenticate asks the application about the credentials that a proposal brings.
func (p *publicState) authenticate(ctx context.Context, cfg *Config, now time.Time, c CommittedProposal) error {
	if cfg.Authenticator == nil {
		return nil
	}
	return cfg.authenticate(ctx, now, p.proposed(nil, c))
}

// awaitsCommit reports whether application data has to wait for a commit of proposals
// that arrived (RFC 9420, Section 12.4). Two kinds do not count: proposals from outside
// that this member could not commit, and PSKs that it does not have or cannot use. So no
// outsider silences a group, and neither does a member by a secret that others lack.
func (g *Group) awaitsCommit(now time.Time) bool {
	q := g.cfg.ask(suite.Continue, now)
	proposals, fit := g.inbox.fit()
	return slices.ContainsFunc(fit, func(i int) bool {
		return !proposals[i].outside() || q.proposal(g.public, &proposals[i]) == nil
	})
}

// fit returns the proposals that arrived, and the indices of those that may hold
// application data back. The caller must not change them.
func (b *inbox) fit() ([]CommittedProposal, []int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cache.proposals, b.cache.fit // others append to these slices and change no element
}
