package mls

import (
	"fmt"
	"time"
)

// proposalCache holds the proposals that arrived in an epoch, for a commit that
// refers to them (RFC 9420, Section 12.1). The zero value is empty.
type proposalCache struct {
	proposals []CommittedProposal // in order of arrival
	byRef     map[string]int      // index in proposals by ProposalRef
}

// keep takes up a proposal, unless it is there or as many as limit are.
func (c *proposalCache) keep(p CommittedProposal, limit int) error {
	if _, ok := c.byRef[string(p.Ref)]; ok {
		return nil
	}
	if len(c.proposals) >= limit {
		return fmt.Errorf("%w: more than %d proposals in one epoch", ErrUnsupported, limit)
	}
	if c.byRef == nil {
		c.byRef = make(map[string]int)
	}
	c.byRef[string(p.Ref)] = len(c.proposals)
	c.proposals = append(c.proposals, p)
	return nil
}

// find returns a proposal by its ProposalRef.
func (c *proposalCache) find(ref []byte) (CommittedProposal, bool) {
	i, ok := c.byRef[string(ref)]
	if !ok {
		return CommittedProposal{}, false
	}
	return c.proposals[i], true
}

// receiveProposal checks a proposal whose signature was verified, as far as it can
// be seen by itself, for the cache.
func (p *publicState) receiveProposal(cfg *Config, now time.Time, ac *authenticatedContent) (CommittedProposal, error) {
	received := CommittedProposal{Proposal: ac.content.proposal, Sender: ac.content.sender, checked: true}
	err := p.checkProposal(received.Proposal, received.Sender, listRules{lifetime: cfg.Lifetimes.receivedAt(now)})
	if err != nil {
		return CommittedProposal{}, err
	}
	if err := cfg.allowProposal(p, now, ac); err != nil {
		return CommittedProposal{}, err
	}
	received.Ref, err = proposalRef(p.suite, ac)
	return received, err
}
