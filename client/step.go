package client

import (
	"context"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/store"
)

// step is what belongs together: it becomes durable in one transaction, with the deltas of
// the groups that it is about, or not at all.
type step struct {
	c      *Client
	groups []*liveGroup
	first  []func(store.Writer) error // before the groups are stored
	writes []func(store.Writer) error
	events []Event
	after  []func() // when it is durable
}

func (c *Client) step(groups ...*liveGroup) *step { return &step{c: c, groups: groups} }

// before adds what reads the store as it was. What f writes into a group's records does not
// outlive the end of the group.
func (s *step) before(f func(store.Writer) error) { s.first = append(s.first, f) }

func (s *step) write(f func(store.Writer) error) { s.writes = append(s.writes, f) }

func (s *step) put(key []byte, record any) {
	s.write(func(w store.Writer) error { return putJSON(w, key, record) })
}

func (s *step) putState(key []byte, state mls.Snapshot) error {
	value, err := state.Marshal()
	state.Destroy()
	if err != nil {
		return err
	}
	s.write(func(w store.Writer) error { return w.Put(key, value) })
	s.done(func() { clear(value) })
	return nil
}

func (s *step) delete(prefix []byte) {
	s.write(func(w store.Writer) error { return w.Delete(prefix) })
}

func (s *step) done(f func()) { s.after = append(s.after, f) }

// event adds an event about a group, or about the client if g is nil.
func (s *step) event(g *liveGroup, what What) *Event {
	e := Event{Time: s.c.cfg.Now(), What: what}
	if g != nil {
		e.Group, e.Epoch = g.id, g.rec.Epoch
	}
	s.events = append(s.events, e)
	s.c.count("events_"+what.kind(), 1)
	return &s.events[len(s.events)-1]
}

// commit makes the step durable. If that fails, its groups forget what they have in
// memory: the next use reads what is stored.
func (c *Client) commit(ctx context.Context, s *step) error {
	deltas := make([]groupDelta, len(s.groups))
	fail := func(err error) error {
		for i, g := range s.groups {
			g.drop()
			c.uncounted(g.id)
			deltas[i].destroy()
		}
		return storeFailed(err)
	}
	for i, g := range s.groups {
		g.describe()
		var err error
		if deltas[i], err = g.delta(); err != nil {
			return fail(err)
		}
	}
	err := c.store.Update(context.WithoutCancel(ctx), func(w store.Writer) error {
		for _, f := range s.first {
			if err := f(w); err != nil {
				return err
			}
		}
		for i, g := range s.groups {
			if err := g.store(w, deltas[i]); err != nil {
				return err
			}
		}
		for _, f := range s.writes {
			if err := f(w); err != nil {
				return err
			}
		}
		return c.storeEvents(w, s.events)
	})
	if err != nil {
		return fail(err)
	}
	for i, g := range s.groups {
		deltas[i].stored()
		deltas[i].destroy()
		g.replaces, g.newPQ = false, false
		c.publish(g)
	}
	for _, f := range s.after {
		f()
	}
	if len(s.events) > 0 {
		c.eventsStored(len(s.events))
	}
	return nil
}

// storeEvents gives events their numbers. It is called in a transaction.
func (c *Client) storeEvents(w store.Writer, events []Event) error {
	if len(events) == 0 {
		return nil
	}
	for i := range events {
		events[i].Number = c.nextNumber()
		value, err := marshalEvent(events[i])
		if err != nil {
			return err
		}
		if err := w.Put(key(spaceEvent, number(events[i].Number)), value); err != nil {
			return err
		}
		if err := c.storeHistory(w, events[i], value); err != nil {
			return err
		}
	}
	return c.storeClient(w)
}

// nextNumber returns a number for an event, a message or an intent. It is called in a
// transaction that calls storeClient.
func (c *Client) nextNumber() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.rec.Next
	c.rec.Next++
	return n
}

func (c *Client) storeClient(w store.Writer) error {
	c.mu.Lock()
	rec := c.rec
	c.mu.Unlock()
	return putJSON(w, key(spaceClient, partRecord), rec)
}

// publish shows the index entry of a group to those who do not have its turn.
func (c *Client) publish(g *liveGroup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, known := c.index[g.id]
	if g.rec.State == 0 {
		delete(c.index, g.id)
		delete(c.quietAt, g.id)
		delete(c.toldQuiet, g.id)
	} else {
		rec := g.rec
		if rec.Pair != nil { // which others read without the turn
			pair := *rec.Pair
			rec.Pair = &pair
		}
		rec.Work = rec.Work || g.enqueued
		c.index[g.id] = rec
	}
	if _, now := c.index[g.id]; now != known {
		c.groupsChanged()
	}
}

// ids returns the ids of all groups.
func (c *Client) ids() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := make([]string, 0, len(c.index))
	for id := range c.index {
		ids = append(ids, id)
	}
	return ids
}
