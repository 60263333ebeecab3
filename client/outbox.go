package client

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
)

// outgoing is a message of this client that the stream does not show yet.
type outgoing struct {
	number uint64
	rec    outboxRecord
	sent   bool // the service has taken it, since the group was loaded

	position delivery.Position // at which the service took it
	unseen   int               // how often the stream ended without it since
}

// readOutbox reads those messages of the outbox that g does not have yet. Numbers are given
// in transactions: what comes later has a higher one.
func (g *liveGroup) readOutbox(r store.Reader) error {
	for e, err := range r.Scan(key(spaceOutbox, g.id), key(spaceOutbox, g.id, number(g.outboxRead+1))) {
		if err != nil {
			return err
		}
		m := &outgoing{number: numberOf(e.Key)}
		if err := parseJSON(e.Value, &m.rec); err != nil {
			return err
		}
		g.outboxRead = m.number
		if !slices.ContainsFunc(g.outbox, func(o *outgoing) bool { return o.number == m.number }) {
			g.outbox = append(g.outbox, m)
		}
	}
	slices.SortFunc(g.outbox, func(a, b *outgoing) int { return cmp.Compare(a.number, b.number) })
	return nil
}

// hasUnread reports whether the store has messages of the outbox that g does not have yet.
func (g *liveGroup) hasUnread(r store.Reader) (bool, error) {
	for _, err := range r.Scan(key(spaceOutbox, g.id), key(spaceOutbox, g.id, number(g.outboxRead+1))) {
		return err == nil, err
	}
	return false, nil
}

// flushLimit is the number of messages that go out before the client looks for new
// entries.
const flushLimit = 16

// Send takes a message for a group and returns its ID. The message is durable when Send
// returns; it is encrypted when its turn comes, by [Client.Run] or [Client.Sync], in the
// epoch that there is then. A [Sent] follows when the stream of the group has it, or an
// [Unsent]. Send waits for the store and for nothing else: also while the client waits for
// an answer of the delivery service about this group.
//
// Messages of one client arrive in the order in which they were sent. What is sent in a
// group that has ended goes to the one that follows it.
//
// items are what components say with the message, one of each, which the delivery service can
// read and not change (draft-ietf-mls-extensions-10, Section 4.9). They need a group with
// safe_aad in its GroupContext: where there is none when the turn of the message comes, it is
// Unsent.
//
// Errors:
//
//   - [ErrNoGroup].
//   - [message.ErrMalformed]: a component has two items.
//   - a [*LimitError]: the outbox of the group is full, or the message with its items is too
//     long.
func (c *Client) Send(ctx context.Context, group string, data []byte, items ...message.ComponentData) (id string, err error) {
	aad, err := inOrder(items)
	if err != nil {
		return "", err
	}
	if limit := c.cfg.Bounds.Message; sizeOf(data, aad) > limit {
		return "", &LimitError{What: "message", Limit: limit}
	}
	if err := c.alive(); err != nil {
		return "", err
	}
	// It is tried at once where the service is reached. So that needs no record of its own.
	rec := outboxRecord{ID: newID(), Data: data, Items: aad, Time: c.cfg.Now(), Tried: c.reached.Load()}
	written := false
	err = c.store.Update(ctx, func(w store.Writer) error {
		err := c.enqueue(w, group, rec)
		written = err == nil
		return err
	})
	if err != nil {
		if written {
			c.uncounted(group)
		}
		return "", storeFailed(err)
	}
	c.enqueued(group)
	return rec.ID, nil
}

// maxMessage is the number of bytes of a message and its items for which every store has room: an
// event has them in JSON.
const maxMessage = 32 << 20

// sizeOf returns the number of bytes of a message and its items.
func sizeOf(data []byte, items message.SafeAAD) int {
	size := len(data)
	for _, item := range items {
		size += len(item.Data)
	}
	return size
}

// enqueue writes a message into the outbox of a group, and that there is something to be
// done. Whoever has the turn of the group reads it there: see readOutbox.
func (c *Client) enqueue(w store.Writer, group string, rec outboxRecord) error {
	var index groupRecord
	found, err := getJSON(w, key(spaceIndex, group), &index)
	if err != nil {
		return err
	}
	if !found {
		return ErrNoGroup
	}
	n, err := c.countOutbox(w, group)
	if err != nil {
		return err
	}
	if limit := c.cfg.Bounds.Outbox; n >= limit {
		return &LimitError{What: "outbox", Limit: limit}
	}
	if !index.Work {
		index.Work = true
		if err := putJSON(w, key(spaceIndex, group), index); err != nil {
			return err
		}
	}
	m := c.nextNumber()
	if err := c.storeClient(w); err != nil {
		return err
	}
	if err := putJSON(w, key(spaceOutbox, group, number(m)), rec); err != nil {
		return err
	}
	c.counted(group, 1)
	return nil
}

// enqueued tells who has the turn of a group, or will have it, that its outbox has more.
func (c *Client) enqueued(group string) {
	c.mu.Lock()
	if g := c.groups[group]; g != nil {
		g.enqueued = true
	}
	if rec, ok := c.index[group]; ok {
		rec.Work = true
		c.index[group] = rec
	}
	c.mu.Unlock()
	c.dirty.add(group)
}

// arrivals reads what was enqueued since it was called last.
func (c *Client) arrivals(ctx context.Context, g *liveGroup) error {
	c.mu.Lock()
	enqueued := g.enqueued
	g.enqueued = false
	c.mu.Unlock()
	if !enqueued || !g.known {
		return nil
	}
	err := c.store.View(ctx, g.readOutbox)
	if err != nil {
		g.drop()
	}
	return err
}

// countOutbox returns the number of messages in the outbox of a group. What it has counted
// once, later transactions keep up to date; one that fails is followed by uncounted.
func (c *Client) countOutbox(r store.Reader, group string) (int, error) {
	c.mu.Lock()
	n, counted := c.outboxes[group]
	c.mu.Unlock()
	if counted {
		return n, nil
	}
	for _, err := range r.Scan(key(spaceOutbox, group), nil) {
		if err != nil {
			return 0, err
		}
		n++
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outboxes[group] = n
	return n, nil
}

// counted says that a transaction changes the number of messages in an outbox.
func (c *Client) counted(group string, by int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n, ok := c.outboxes[group]; ok {
		c.outboxes[group] = n + by
	}
}

// uncounted lets the outboxes of groups be counted anew.
func (c *Client) uncounted(groups ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, group := range groups {
		delete(c.outboxes, group)
	}
}

// Flush works on a group until the stream has all messages of the outbox.
func (c *Client) Flush(ctx context.Context, group string) error {
	for attempt := 0; ; attempt++ {
		empty := false
		err := c.driving(ctx, group, func(g *liveGroup) { empty = len(g.outbox) == 0 && g.known })
		if empty || err != nil && !transient(err) {
			return err
		}
		if err := c.sleep(ctx, c.pause(attempt, err)); err != nil {
			return err
		}
	}
}

// unsent returns the first message that the service has not taken, or nil.
func (g *liveGroup) unsent() *outgoing {
	for _, m := range g.outbox {
		if !m.sent {
			return m
		}
	}
	return nil
}

// notSeen lets messages that the service has taken be sent again if the stream, which was read
// to its end, does not show them: it has lost them. A message that it has after all, it does
// not take twice.
func (g *liveGroup) notSeen() {
	for _, m := range g.outbox {
		if !m.sent {
			continue
		}
		if m.unseen++; m.position <= g.rec.Position || m.unseen == maxDoubts {
			m.sent, m.unseen = false, 0
		}
	}
}

// flush sends messages of the outbox, in their order.
func (c *Client) flush(ctx context.Context, g *liveGroup) error {
	if err := c.trying(ctx, g); err != nil {
		return err
	}
	for range flushLimit {
		m := g.unsent()
		if m == nil {
			return nil
		}
		ciphertext, err := saved(ctx, c, g, func() ([]byte, error) { return g.encrypt(ctx, c, &m.rec) })
		switch {
		case errors.Is(err, mls.ErrPendingProposals) && g.partial != nil:
			g.waits = true
			return nil
		case errors.Is(err, mls.ErrPendingProposals):
			return c.commitProposals(ctx, g)
		case err != nil && verdict(err):
			if err := c.giveUp(ctx, g, m, err); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		var epoch *delivery.EpochError
		position, err := c.service.Send(ctx, delivery.Message{ID: m.rec.wireID(), Group: g.id, Epoch: g.epoch(), Message: ciphertext})
		switch {
		case err == nil:
			m.sent, m.position, g.behind = true, position, 0
			c.count("messages_sent", 1)
		case errors.As(err, &epoch) && epoch.Current < epoch.Epoch:
			return c.behind(ctx, g, epoch)
		case errors.Is(err, delivery.ErrNoGroup) || epoch != nil:
			// The service is in another epoch: what the stream has comes first, and then the
			// message is encrypted anew.
			c.count("messages_encrypted_anew", 1)
			return &againError{err}
		case final(err):
			if err := c.giveUp(ctx, g, m, err); err != nil {
				return err
			}
		default:
			return &againError{err}
		}
	}
	return nil
}

// trying stores, of the messages that flush sends, that the service may have them.
func (c *Client) trying(ctx context.Context, g *liveGroup) error {
	s, n := c.step(g), 0
	for _, m := range g.outbox {
		if m.sent {
			continue
		}
		if n++; n > flushLimit {
			break
		}
		if !m.rec.Tried {
			m.rec.Tried = true
			s.put(key(spaceOutbox, g.id, number(m.number)), m.rec)
		}
	}
	if len(s.writes) == 0 {
		return nil
	}
	return c.commit(ctx, s)
}

func isEpoch(err error) bool {
	_, ok := errors.AsType[*delivery.EpochError](err)
	return ok
}

// giveUp takes a message out of the outbox that will never be sent.
func (c *Client) giveUp(ctx context.Context, g *liveGroup, m *outgoing, why error) error {
	s := c.step(g)
	s.remove(g, m)
	s.event(g, m.rec.unsent(why))
	return c.commit(ctx, s)
}

// unsent returns the event of a message that is given up.
func (rec *outboxRecord) unsent(why error) *Unsent {
	return &Unsent{ID: rec.ID, Data: rec.Data, Items: rec.Items, Why: why.Error()}
}

// remove takes a message out of the outbox.
func (s *step) remove(g *liveGroup, m *outgoing) {
	s.write(func(w store.Writer) error {
		s.c.counted(g.id, -1)
		return w.Delete(key(spaceOutbox, g.id, number(m.number)))
	})
	g.outbox = slices.DeleteFunc(g.outbox, func(o *outgoing) bool { return o == m })
}

// unsent reports all messages of the outbox of a group that ends, also those that were
// enqueued until then. They follow from what the event with that index follows from; -1 stands
// for no event.
func (s *step) unsent(g *liveGroup, event int, why error) {
	s.before(func(r store.Writer) error {
		return scanJSON(r, key(spaceOutbox, g.id), func(_ []byte, rec *outboxRecord) error {
			e := s.event(g, rec.unsent(why))
			if event < 0 {
				return nil
			}
			from := s.events[event]
			e.Epoch, e.Position, e.Time = from.Epoch, from.Position, from.Time
			return nil
		})
	})
}

// takeOutbox moves the outbox of a group that ends into that of another one.
func (s *step) takeOutbox(old, g *liveGroup) {
	g.outboxRead = 0
	s.before(func(w store.Writer) error {
		s.c.uncounted(g.id)
		messages := map[uint64]outboxRecord{}
		err := scanJSON(w, key(spaceOutbox, old.id), func(k []byte, rec *outboxRecord) error {
			messages[numberOf(k)] = *rec
			return nil
		})
		for n, rec := range messages {
			if err == nil {
				rec.Again, rec.Tried = rec.Again+1, false
				err = putJSON(w, key(spaceOutbox, g.id, number(n)), rec)
			}
		}
		return err
	})
	s.done(func() { s.c.enqueued(g.id) })
}

// ownMessage takes a message of this client that the stream shows, and reports whether
// the client knows it. A message that is too far behind the group's epoch, or behind its
// end, is passed over by all who read it there, and goes out again under another ID.
func (c *Client) ownMessage(s *step, g *liveGroup, e *delivery.Entry) bool {
	if c.returned(s, g, e, g.epoch(), g.rec.State == Ended) {
		return true
	}
	for _, in := range g.intents {
		if in.rec.ID != "" && (in.rec.ID == e.ID || slices.Contains(in.rec.Earlier, e.ID)) {
			in.shown = in.shown || in.rec.ID == e.ID
			in.rec.Sent = in.rec.Sent || in.shown
			return true
		}
	}
	return false
}

// returned takes an entry that may be a message of the outbox, in the epoch that the group
// is in at the entry's place.
func (c *Client) returned(s *step, g *liveGroup, e *delivery.Entry, epoch uint64, ended bool) bool {
	i := slices.IndexFunc(g.outbox, func(m *outgoing) bool { return m.rec.wireID() == e.ID })
	if i < 0 {
		return false
	}
	m := g.outbox[i]
	if window := max(c.cfg.MLS.Limits.PastEpochs, 0); ended || epoch > e.Epoch+uint64(window) {
		m.rec.Again, m.rec.Tried, m.sent = m.rec.Again+1, false, false
		s.put(key(spaceOutbox, g.id, number(m.number)), m.rec)
		c.count("messages_sent_late", 1)
		return true
	}
	s.remove(g, m)
	s.event(g, &Sent{ID: m.rec.ID, Data: m.rec.Data, Items: m.rec.Items}).Epoch = e.Epoch
	g.rec.Sent++
	return true
}
