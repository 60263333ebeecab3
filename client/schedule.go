package client

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
)

// maintain does what nobody asked for and is due, and reports whether there was something
// that needs another round.
func (c *Client) maintain(ctx context.Context, g *liveGroup, now time.Time) (bool, error) {
	if len(g.mls.Proposals()) == 0 {
		g.commitAt = time.Time{}
	} else if c.cfg.Schedule.Commit >= 0 {
		c.proposed(g)
		switch {
		case now.Before(g.commitAt):
		case c.onlyOwnLeave(g):
			g.commitAt = time.Time{} // others do
		default:
			return true, c.commitProposals(ctx, g)
		}
	}
	if c.fullDue(g, now) && !g.wants(intentFull) {
		s := c.step(g)
		s.add(g, intentRecord{Kind: intentFull, Own: true})
		return true, c.commit(ctx, s)
	}
	if c.renewalDue(g, now) {
		s := c.step(g)
		s.add(g, intentRecord{Kind: intentRenew, Own: true})
		c.count("renewals", 1)
		return true, c.commit(ctx, s)
	}
	if c.checkDue(&g.rec, now) {
		if err := c.checkFork(ctx, g); err != nil || g.rec.State != Active {
			return g.rec.State != Active, err
		}
	}
	return false, c.reportIdle(ctx, g, now)
}

// commitHerd is the number of members for whom a proposal is spread over one
// [Schedule].Commit.
const commitHerd = 64

// proposed plans the commit of a proposal that has arrived.
func (c *Client) proposed(g *liveGroup) {
	if d := c.cfg.Schedule.Commit; d >= 0 && g.commitAt.IsZero() {
		g.commitAt = c.cfg.Now().Add(d + random(d*time.Duration(1+g.rec.Members/commitHerd)))
	}
}

// onlyOwnLeave reports whether all that is to be committed is that this client leaves,
// which it cannot commit itself.
func (c *Client) onlyOwnLeave(g *liveGroup) bool {
	return !slices.ContainsFunc(g.mls.Proposals(), func(p mls.CommittedProposal) bool {
		switch what := p.Proposal.(type) {
		case message.Remove:
			return what.Removed != g.mls.OwnLeaf()
		case message.SelfRemove:
			return p.Sender.Leaf != g.mls.OwnLeaf()
		}
		return true
	})
}

// maxAhead is how far a stored time may be ahead of the client's clock, which may have been set
// back a little.
const maxAhead = time.Hour

// ahead reports whether a stored time is of a clock that was wrong: nothing may wait until it comes
// true, and what was due some time after it is due now.
func ahead(stored, now time.Time) bool { return stored.Sub(now) > maxAhead }

// passed reports whether a time has passed since a stored one.
func passed(since time.Duration, stored, now time.Time) bool {
	return ahead(stored, now) || now.Sub(stored) >= since
}

// renewEvery returns how often a member of a group renews its keys.
func (c *Client) renewEvery(members int) time.Duration {
	s := c.cfg.Schedule
	return max(s.Renew, time.Duration(members)*max(s.RenewSpacing, 0))
}

// checks reports whether the client compares epochs from time to time.
func (c *Client) checks() bool { return c.cfg.Schedule.Check > 0 && !c.cfg.NoExternalJoins }

func (c *Client) checkDue(rec *groupRecord, now time.Time) bool {
	return c.checks() && !rec.Partial && passed(c.cfg.Schedule.Check, rec.Checked, now)
}

func (c *Client) renewalDue(g *liveGroup, now time.Time) bool {
	s := c.cfg.Schedule
	if g.wants(intentRenew) {
		return false
	}
	if s.RenewMessages > 0 && g.rec.Sent >= s.RenewMessages {
		return true
	}
	if s.Renew <= 0 {
		return false
	}
	if ahead(g.rec.Renewed, now) {
		return true
	}
	if g.renewAt.IsZero() {
		g.renewAt = g.rec.Renewed.Add(around(c.renewEvery(g.rec.size())))
	}
	return !now.Before(g.renewAt)
}

// seen notes that a member sent something. It is written once in a quarter of the time
// after which the member would be idle.
func (c *Client) seen(s *step, g *liveGroup, leaf message.LeafIndex, at time.Time) {
	idle := c.cfg.Schedule.Idle
	if idle <= 0 {
		return
	}
	k := key(spaceSeen, g.id, leafElement(leaf))
	s.before(func(w store.Writer) error {
		var rec seenRecord
		if _, err := getJSON(w, k, &rec); err != nil || !rec.Reported && at.Sub(rec.At) < idle/4 {
			return err
		}
		return putJSON(w, k, seenRecord{At: at})
	})
}

// forgetSeen drops what is noted of leaves that have another owner now.
func (c *Client) forgetSeen(s *step, g *liveGroup, changes []MemberChange) {
	if c.cfg.Schedule.Idle > 0 {
		g.idleAt = time.Time{}
		for _, ch := range changes {
			s.delete(key(spaceSeen, g.id, leafElement(ch.Leaf)))
		}
	}
}

func leafElement(leaf message.LeafIndex) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(leaf)))
}

// reportIdle reports the members that were silent for too long, each once. The time of a
// member of whom nothing is noted begins now. It reads what is noted of all members, and so
// not again before the first of them can be idle.
func (c *Client) reportIdle(ctx context.Context, g *liveGroup, now time.Time) error {
	idle := c.cfg.Schedule.Idle
	if idle <= 0 || now.Before(g.idleAt) {
		return nil
	}
	noted := map[string]seenRecord{}
	prefix := key(spaceSeen, g.id)
	err := c.store.View(ctx, func(r store.Reader) error {
		return scanJSON(r, prefix, func(k []byte, rec *seenRecord) error {
			noted[string(k[len(k)-4:])] = *rec
			return nil
		})
	})
	if err != nil {
		return err
	}
	s := c.step(g)
	var silent []Person
	next := now.Add(idle)
	for leaf, node := range g.mls.Members() {
		rec, ok := noted[leafElement(leaf)]
		switch {
		case leaf == g.mls.OwnLeaf() || rec.Reported:
			continue
		case !ok, ahead(rec.At, now):
			rec.At = now
		case now.Sub(rec.At) >= idle:
			silent = append(silent, c.person(leaf, node.Credential, node.SignatureKey))
			rec.Reported = true
		default:
			if at := rec.At.Add(idle); at.Before(next) {
				next = at
			}
			continue
		}
		s.put(key(spaceSeen, g.id, leafElement(leaf)), rec)
	}
	for some := range slices.Chunk(silent, maxPeople) {
		s.event(g, &IdleMembers{Members: some})
	}
	if len(s.writes) > 0 {
		if err := c.commit(ctx, s); err != nil {
			return err
		}
	}
	g.idleAt = next
	return nil
}
