package client

import (
	"bytes"
	"context"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// advancePartial brings about what an intent says as a partial member: by a proposal, which
// others commit, or by becoming a full member first.
func (c *Client) advancePartial(ctx context.Context, g *liveGroup, in *intent) error {
	var propose func() ([]byte, error)
	now := c.cfg.Now()
	switch in.rec.Kind {
	case intentLeave:
		propose = func() ([]byte, error) {
			return g.partial.Propose(ctx, now, message.Remove{Removed: g.partial.OwnLeaf()}, nil)
		}
	case intentRenew:
		propose = func() ([]byte, error) { return g.partial.ProposeUpdate(ctx, now, mls.LeafOptions{}, nil) }
	case intentRotate:
		s, err := c.cfg.MLS.Suites.Suite(g.rec.Suite)
		if err != nil {
			return err
		}
		own := c.identity(s.Info())
		propose = func() ([]byte, error) {
			return g.partial.ProposeUpdate(ctx, now, mls.LeafOptions{Credential: &own.Credential, Signer: own.Signer}, nil)
		}
	case intentPropose:
		p, err := message.ParseNumbered[message.TypedProposal](c.numbers(), in.rec.Proposal)
		if err != nil {
			return err
		}
		propose = func() ([]byte, error) { return g.partial.Propose(ctx, now, p.Proposal, nil) }
	default:
		return c.upgradeFor(ctx, g) // the intent is looked at again then
	}
	return c.propose(ctx, g, in, propose)
}

// isProposal reports whether a proposal is that of an intent.
func (c *Client) isProposal(in *intent, proposal message.Proposal) bool {
	encoded, err := message.Marshal(&message.TypedProposal{Proposal: proposal})
	return err == nil && bytes.Equal(encoded, in.rec.Proposal)
}

// maintainPartial does what is due and nobody asked a partial member for: it renews its keys.
func (c *Client) maintainPartial(ctx context.Context, g *liveGroup, now time.Time) (bool, error) {
	if !c.renewalDue(g, now) {
		return false, nil
	}
	s := c.step(g)
	s.add(g, intentRecord{Kind: intentRenew, Own: true})
	c.count("renewals", 1)
	return true, c.commit(ctx, s)
}

// sends reports whether the client may send application messages now: a partial member waits
// until others have committed what was proposed (RFC 9420, Section 12.4).
func (g *liveGroup) sends() bool { return g.partial == nil || !g.waits }
