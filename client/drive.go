package client

import (
	"context"
	"errors"
	"time"

	"github.com/mlsuite/mlsuite/delivery"
)

// maxRounds bounds how often drive looks at the stream before it lets go of the group.
const maxRounds = 64

// drive does what there is to do for a group: it reads the stream, sees to the commit that
// waits, carries out the next intent, renews keys, and sends. A transient error says that
// there is more to do after a pause.
func (c *Client) drive(ctx context.Context, g *liveGroup) error {
	var later error // of an intent, which does not keep messages back
	for range maxRounds {
		more, err := c.round(ctx, g)
		if err != nil && g.known && transient(err) && more {
			later, err = err, nil
		}
		if err != nil {
			return err
		}
		if !more {
			return later
		}
	}
	return &againError{errors.New("there is more to do")}
}

// driving takes the turn of a group, does what there is to do for it, and calls then. What
// waits for the inbox is done when that was read, which nobody does with a turn.
func (c *Client) driving(ctx context.Context, id string, then func(*liveGroup)) error {
	for attempt := 0; ; attempt++ {
		err := c.with(ctx, id, func(g *liveGroup) error {
			err := c.drive(ctx, g)
			then(g)
			return err
		})
		if !errors.Is(err, errInboxFirst) || attempt == 2 {
			return err
		}
		if err := c.readInbox(ctx); err != nil {
			return err
		}
	}
}

// round does one thing, and reports whether there may be another. An error beside true is
// of an intent that waits for its next attempt.
func (c *Client) round(ctx context.Context, g *liveGroup) (more bool, err error) {
	if err := c.catchUp(ctx, g); err != nil {
		return false, err
	}
	if err := c.arrivals(ctx, g); err != nil {
		return false, err
	}
	switch g.rec.State {
	case Active:
	case Ended:
		if gone, err := c.isAhead(ctx, g); gone || err != nil {
			return false, err
		}
		if g.partial != nil {
			return false, nil // it waits for the Welcome of a full member
		}
		return false, c.driveMove(ctx, g)
	case Lost:
		return c.recover(ctx, g)
	case Joining:
		return c.driveJoin(ctx, g)
	default:
		return false, nil
	}
	now := c.cfg.Now()
	if g.pending != nil {
		err := c.submit(ctx, g)
		return err == nil, err
	}
	for _, in := range g.intents {
		if g.rec.New && in.rec.Kind != intentCreate {
			continue // there is no epoch yet that a change could end
		}
		if !in.notBefore.After(now) {
			err := c.attempt(ctx, g, in)
			return err == nil || transient(err) && g.known, err
		}
	}
	if g.rec.New {
		return false, nil
	}
	if g.partial != nil {
		if due, err := c.maintainPartial(ctx, g, now); due || err != nil {
			return due, err
		}
	} else if due, err := c.maintain(ctx, g, now); due || err != nil {
		return due, err
	}
	if g.unsent() != nil && !g.leaving() && g.sends() {
		err := c.flush(ctx, g)
		return err == nil, err
	}
	return false, nil
}

// Sync does once what [Client.Run] does all the time: it looks after the key packages,
// reads Welcomes and the streams of all groups, and works on what waits. It returns when
// nothing more is to be done now, with the errors of what could not be done.
func (c *Client) Sync(ctx context.Context) error {
	c.lookAgain()
	errs := []error{c.keepStock(ctx, true), c.readInbox(ctx)}
	for _, id := range c.ids() {
		if _, err := c.work(ctx, id); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, c.readInbox(ctx))...)
}

// work does what there is to do for a group that is on the list, and says when to look
// again if that is known.
func (c *Client) work(ctx context.Context, id string) (again time.Time, err error) {
	if quiet, err := c.quiet(ctx, id); quiet || err != nil {
		return time.Time{}, err
	}
	err = c.driving(ctx, id, func(g *liveGroup) { again = c.wake(g) })
	if errors.Is(err, ErrNoGroup) {
		err = nil
	}
	return again, err
}

// quiet reports whether there is nothing to do for a group that is not in memory: so a
// look at it does not restore it.
func (c *Client) quiet(ctx context.Context, id string) (bool, error) {
	c.mu.Lock()
	rec, ok := c.index[id]
	loaded := c.groups[id] != nil && c.groups[id].used != nil
	at, look, losses := c.quietAt[id], c.look, c.losses
	told := c.toldQuiet[id]
	delete(c.toldQuiet, id)
	c.mu.Unlock()
	s, now := c.cfg.Schedule, c.cfg.Now()
	due, full := c.nextFull(&rec)
	if full && !now.Before(due.Add(-rec.Pair.fullSpread(due))) {
		return false, nil
	}
	if !ok || loaded || losses > 0 && at != look || rec.State != Active || rec.Work || rec.New ||
		s.Renew > 0 && passed(c.renewEvery(rec.size())/2, rec.Renewed, now) ||
		c.checkDue(&rec, now) || s.Idle > 0 && !rec.Partial {
		return false, nil
	}
	stream := delivery.Stream{Group: id}
	if rec.Read != nil && (at != look || told) {
		entries, seen, err := c.fetchFrom(ctx, rec.Read, 2, func(after delivery.Position, limit int) ([]delivery.Entry, error) {
			return c.service.Fetch(ctx, stream, after, limit)
		})
		if err != nil {
			return false, nil // whoever has the turn finds out more
		}
		c.mu.Lock()
		c.quietAt[id] = look
		c.mu.Unlock()
		if seen {
			return len(entries) == 0, nil
		}
	}
	entries, err := c.service.Fetch(ctx, stream, rec.Position, 1)
	if err != nil {
		if _, gap := errors.AsType[*delivery.GapError](err); gap || errors.Is(err, delivery.ErrNoGroup) {
			return false, nil
		}
		return false, &againError{err}
	}
	return len(entries) == 0, nil
}

// wake returns when the next thing is due, or zero.
func (c *Client) wake(g *liveGroup) (at time.Time) {
	earliest := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if !g.known || g.rec.State == 0 {
		return at
	}
	s := c.cfg.Schedule
	if g.rec.State == Ended && s.TakeOver > 0 && g.move == nil && g.partial == nil {
		earliest(c.takeOverAt(g))
	}
	if g.rec.State != Active {
		return at
	}
	earliest(g.commitAt)
	earliest(g.renewAt)
	earliest(g.fullAt)
	earliest(g.idleAt)
	if g.suspected {
		earliest(g.checkAt)
	}
	for _, in := range g.intents {
		earliest(in.notBefore)
	}
	if c.checks() && g.partial == nil {
		earliest(g.rec.Checked.Add(s.Check))
	}
	return at
}
