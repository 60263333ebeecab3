package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
)

// readInbox joins the groups whose Welcomes have arrived.
func (c *Client) readInbox(ctx context.Context) error {
	if err := c.inbox.take(ctx); err != nil {
		return err
	}
	defer c.inbox.give()
	if err := c.alive(); err != nil {
		return err
	}
	stream := delivery.Stream{Client: c.name}
	if !c.inboxKnown {
		acknowledged, err := c.service.Acknowledged(ctx, stream)
		if err != nil {
			return &againError{err}
		}
		if acknowledged > c.inboxAt.Position {
			if err := c.inboxTrouble(ctx, RolledBack, c.inboxAt); err != nil {
				return err
			}
		}
		c.inboxKnown = true
	}
	waited := c.inboxAt.Waiting
	for read := false; ; read = true {
		if err := c.roomForEvents(); err != nil {
			return err
		}
		at := c.inboxAt
		entries, err := c.fetchInbox(ctx, stream)
		gap, missing := errors.AsType[*delivery.GapError](err)
		switch {
		case missing && gap.Kept > at.Position && gap.Kept <= at.Again: // what is missing was read
			s := c.step()
			s.inboxIs(inboxRecord{Position: gap.Kept, Again: at.Again, Waiting: at.Waiting})
			err = c.commit(ctx, s)
		case missing && gap.Kept > at.Position:
			err = c.inboxTrouble(ctx, Gap, inboxRecord{Position: gap.Kept, Waiting: at.Waiting})
		case errors.Is(err, errForgotten):
			if err = c.acknowledgeAnew(ctx, stream, 0); err == nil {
				err = c.inboxTrouble(ctx, ServiceRolledBack, inboxRecord{Again: max(at.Position, at.Again)})
				clear(c.inboxTries)
				c.lossFound()
			}
		case err != nil:
			return &againError{err}
		}
		if err != nil {
			return err
		}
		if missing || c.inboxAt.Position != at.Position {
			continue
		}
		if len(entries) == 0 {
			return c.inboxEnds(ctx, stream, waited, read)
		}
		for i := range entries {
			if err := c.welcome(ctx, &entries[i]); err != nil {
				return err
			}
		}
	}
}

// inboxEnds is the end of readInbox: the Welcomes that waited before it have their turn, and
// what the client no longer needs is acknowledged.
func (c *Client) inboxEnds(ctx context.Context, stream delivery.Stream, waited []waitingRecord, read bool) error {
	for _, w := range waited {
		if err := c.tryAgain(ctx, stream, w); err != nil {
			return err
		}
	}
	if len(waited) > 0 || read {
		position := c.inboxAt.Position
		if left := c.inboxAt.Waiting; len(left) > 0 {
			position = left[0].Position - 1
		}
		if err := c.acknowledge(ctx, stream, position); err != nil {
			return err
		}
	}
	c.mu.Lock()
	c.inboxRead++
	c.mu.Unlock()
	for _, w := range c.inboxAt.Waiting {
		if t := c.inboxTries[w.Position]; t != nil {
			return &againError{t.why}
		}
	}
	return nil
}

// tried is how often a Welcome on which there is no verdict was tried, and when it is again.
type tried struct {
	times     int
	notBefore time.Time
	why       error
}

// maxWaiting is the number of Welcomes that wait for a verdict while others are read.
const maxWaiting = 64

// tryAgain takes a Welcome again that waits for a verdict.
func (c *Client) tryAgain(ctx context.Context, stream delivery.Stream, w waitingRecord) error {
	if t := c.inboxTries[w.Position]; t != nil && c.cfg.Now().Before(t.notBefore) {
		return nil
	}
	entries, err := c.fetchBehind(ctx, stream, w.Position-1, 1)
	_, gap := errors.AsType[*delivery.GapError](err)
	entry := &delivery.Entry{Position: w.Position, Group: string(w.Group), From: w.From}
	switch {
	case gap:
		return c.refuseWelcome(ctx, entry, errors.New("client: the Welcome waited for a verdict, and is no longer kept"))
	case err != nil:
		return &againError{err}
	case len(entries) == 0 || entries[0].Position != w.Position:
		return c.undecidedWelcome(ctx, entry, errNotShown)
	}
	return c.welcome(ctx, &entries[0])
}

func (c *Client) acknowledge(ctx context.Context, s delivery.Stream, position delivery.Position) error {
	if err := c.service.Acknowledge(ctx, s, position); err != nil {
		return &againError{err}
	}
	return nil
}

// inboxTrouble reports that Welcomes may be missing, or come again.
func (c *Client) inboxTrouble(ctx context.Context, t Trouble, next inboxRecord) error {
	s := c.step()
	s.event(nil, &InTrouble{Trouble: t, Why: "inbox"})
	s.inboxIs(next)
	c.warn("inbox: "+string(t), "", nil)
	return c.commit(ctx, s)
}

// readUpTo stores that the inbox was read up to an entry. The caller has the turn of the
// inbox.
func (s *step) readUpTo(e *delivery.Entry) {
	next := s.c.inboxAt
	next.Waiting = slices.DeleteFunc(slices.Clone(next.Waiting), func(w waitingRecord) bool { return w.Position == e.Position })
	if e.Position > next.Position {
		next.Position, next.Read = e.Position, markOf(e)
	}
	s.done(func() { delete(s.c.inboxTries, e.Position) })
	s.inboxIs(next)
}

// inboxIs stores how far the inbox was read. The caller has the turn of the inbox.
func (s *step) inboxIs(next inboxRecord) {
	s.put(key(spaceClient, partInbox), next)
	s.done(func() { s.c.inboxAt = next })
}

// welcome takes one entry of the inbox. A Welcome on which there is no verdict waits, and those
// behind it have their turn.
func (c *Client) welcome(ctx context.Context, e *delivery.Entry) error {
	in, err := c.invitation(ctx, e)
	if err == nil {
		if t := c.inboxTries[e.Position]; t != nil {
			in.tries = t.times
		}
		err = c.accept(ctx, in)
		if errors.Is(err, mls.ErrUnknownPSK) { // it may be the group that follows one whose end was not read yet
			if err = c.catchUpAll(ctx); err == nil {
				err = c.accept(ctx, in)
			}
		}
	}
	var full *LimitError
	switch {
	case err == nil, fatal(err), ctx.Err() != nil, errors.As(err, &full):
		return err
	case judged(err) && !c.early(e, err):
		return c.refuseWelcome(ctx, e, err)
	}
	return c.undecidedWelcome(ctx, e, err)
}

// early reports whether the verdict on a Welcome may be another one later: what comes before it
// may be in a Welcome that waits, in a group that the client is about to join from outside, or where
// a copy of the service is behind that has a group's stream.
func (c *Client) early(e *delivery.Entry, verdict error) bool {
	follows := errors.Is(verdict, mls.ErrUnknownPSK) // which the group may have that it follows
	if !follows && !errors.Is(verdict, errMember) {  // who may be removed
		return false
	}
	t := c.inboxTries[e.Position]
	return t == nil || t.times < maxDoubts-1 ||
		follows && (c.joining() || slices.ContainsFunc(c.inboxAt.Waiting, func(w waitingRecord) bool { return w.Position < e.Position }))
}

// joining reports whether the outcome of a join from outside is open.
func (c *Client) joining() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rec := range c.index {
		if rec.State == Joining {
			return true
		}
	}
	return false
}

// judged reports whether an error by which a Welcome is not accepted is a verdict on it.
func judged(err error) bool {
	if transient(err) {
		return false
	}
	_, refused := errors.AsType[*delivery.RefusalError](err)
	return refused && !isAnnotation(err) || verdict(err) || errors.Is(err, errNotAccepted) || errors.Is(err, delivery.ErrUnseen) && !isAnnotation(err)
}

// undecidedWelcome lets a Welcome wait for a verdict, or refuses it if it has waited for
// [Schedule].Verdict.
func (c *Client) undecidedWelcome(ctx context.Context, e *delivery.Entry, why error) error {
	now, at := c.cfg.Now(), c.inboxAt
	t := c.inboxTries[e.Position]
	if t == nil {
		t = &tried{}
		c.inboxTries[e.Position] = t
	}
	t.times++
	t.notBefore, t.why = now.Add(c.pause(t.times-1, why)), why
	i := slices.IndexFunc(at.Waiting, func(w waitingRecord) bool { return w.Position == e.Position })
	if i >= 0 {
		if limit := c.cfg.Schedule.Verdict; limit >= 0 && now.Sub(at.Waiting[i].Since) >= limit {
			return c.refuseWelcome(ctx, e, fmt.Errorf("client: there was no verdict for %v: %w", limit, why))
		}
		return nil
	}
	if len(at.Waiting) >= maxWaiting {
		return &againError{why}
	}
	at.Waiting = append(slices.Clone(at.Waiting), waitingRecord{e.Position, now, []byte(e.Group), e.From})
	if e.Position > at.Position {
		at.Position, at.Read = e.Position, markOf(e)
	}
	s := c.step()
	s.inboxIs(at)
	c.warn("welcome waits for a verdict", e.Group, why)
	return c.commit(ctx, s)
}

// refuseWelcome reports an entry of the inbox that is passed over.
func (c *Client) refuseWelcome(ctx context.Context, e *delivery.Entry, why error) error {
	s := c.step()
	s.readUpTo(e)
	if info, none := c.Group(e.Group); none != nil || info.Epoch < e.Epoch || e.Epoch == 0 { // else it came again
		refused := s.event(nil, &Refused{What: "welcome", From: e.From, Why: why.Error()})
		refused.Group, refused.Epoch, refused.Position, refused.Time = e.Group, e.Epoch, e.Position, cmp.Or(e.Time, refused.Time)
		c.warn("refused welcome", e.Group, why)
	}
	return c.commit(ctx, s)
}
