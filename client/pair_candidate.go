package client

import (
	"context"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// candidate is an epoch to which a group may move, or one of each group of a pair.
type candidate struct {
	*mls.Candidate // of a pair, the one of the T group

	pair *apq.Candidate // nil for a group by itself
}

// ofPair returns a candidate of a pair.
func ofPair(pair *apq.Candidate, err error) (*candidate, error) {
	if err != nil {
		return nil, err
	}
	return &candidate{Candidate: pair.T(), pair: pair}, nil
}

// commit returns the message of the commit.
func (c *candidate) commit() []byte {
	if c.pair != nil {
		return c.pair.Message
	}
	return c.Message
}

// welcomes returns the Welcome of the commit, a pair of a FULL one.
func (c *candidate) welcomes() []byte {
	if c.pair != nil {
		return c.pair.Welcome
	}
	return c.Welcome
}

// pq returns the candidate of the PQ group, or nil if the commit is of one group.
func (c *candidate) pq() *mls.Candidate {
	if c.pair == nil {
		return nil
	}
	return c.pair.PQ()
}

func (c *candidate) discard() {
	if c.pair != nil {
		c.pair.Discard()
		return
	}
	c.Discard()
}

func (c *candidate) adopt() (*mls.Group, *apq.Group, error) {
	if c.pair == nil {
		g, err := c.Adopt()
		return g, nil, err
	}
	pair, err := c.pair.Adopt()
	if err != nil {
		return nil, nil, err
	}
	return pair.T(), pair, nil
}

// save returns the state of the candidate of each group.
func (c *candidate) save() (s apq.CandidateState, err error) {
	if c.pair != nil {
		return c.pair.Save()
	}
	s.T, err = c.Save()
	return s, err
}

// processed is what the engine says of a message: one of the three.
type processed struct {
	application *mls.ApplicationMessage
	proposal    *mls.CommittedProposal
	commit      *candidate
}

// processMessage lets the engine process a message.
func (c *Client) processMessage(ctx context.Context, g *liveGroup, msg []byte, proposals ...[]byte) (*processed, error) {
	if g.pair == nil && !apq.IsMessagePair(msg, c.numbers()) {
		received, err := g.mls.Process(ctx, c.cfg.Now(), msg, proposals...)
		if err != nil {
			return nil, err
		}
		p := &processed{application: received.Application, proposal: received.Proposal}
		if received.Commit != nil {
			p.commit = &candidate{Candidate: received.Commit}
		}
		return p, nil
	}
	pair, err := g.pair, error(nil)
	if pair == nil {
		if pair, err = c.startedBy(g, msg); err != nil {
			return nil, err
		}
	}
	received, err := pair.Process(ctx, c.cfg.Now(), msg, proposals...)
	if err != nil {
		return nil, err
	}
	p := &processed{application: received.Application, proposal: received.Proposal}
	if received.Commit != nil {
		p.commit, err = ofPair(received.Commit, nil)
	}
	return p, err
}

// headerOf parses a message of a group's stream: of a pair of messages, the one of the T
// group.
func (c *Client) headerOf(msg []byte) (*message.Message, error) {
	if numbers := c.numbers(); apq.IsMessagePair(msg, numbers) {
		pair, err := apq.ParseMessagePair(msg, numbers)
		if err != nil {
			return nil, err
		}
		msg = pair.T
	}
	return message.Parse[message.Message](msg)
}

// restorePairCandidate restores a commit of a pair.
func (c *Client) restorePairCandidate(g *liveGroup, rec pendingRecord, state apq.CandidateState) (*candidate, error) {
	if rec.Joins {
		cfg, err := c.pairConfig(g.rec.Suite, rec.Pair.Suite, rec.Pair.Mode)
		if err != nil {
			return nil, err
		}
		return ofPair(apq.RestoreCandidate(c.cfg.Now(), cfg, state))
	}
	pair := g.pair
	if pair == nil && g.mls != nil && rec.Pair != nil {
		h := g.half(string(rec.Pair.Group))
		if h == nil {
			return nil, nil
		}
		var err error
		if pair, err = c.combine(g, h); err != nil {
			return nil, err
		}
	}
	if pair == nil {
		return nil, nil
	}
	return ofPair(pair.RestoreCandidate(c.cfg.Now(), state, c.signers()...))
}
