package client

import (
	"context"
	"errors"
	"slices"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/store"
)

// outgoing is a message of this client that the stream does not show yet.
type outgoing struct {
	number uint64
	rec    outboxRecord
	sent   bool // the service has taken it, since the group was loaded
}

func (g *liveGroup) readOutbox(r store.Reader) error {
	return scanJSON(r, key(spaceOutbox, g.id), func(k []byte, rec *outboxRecord) error {
		g.outbox = append(g.outbox, &outgoing{number: numberOf(k), rec: *rec})
		return nil
	})
}

// flushLimit is the number of messages that go out before the client looks for new
// entries.
const flushLimit = 16

// Send takes a message for a group and returns its ID. The message is durable when Send
// returns; it is encrypted when its turn comes, by [Client.Run] or [Client.Sync], in the
// epoch that there is then. A [Sent] follows when the stream of the group has it, or an
// [Unsent]. While the client works on the group, Send waits, and so may take as long as the
// delivery service does to answer or to be found away; ctx bounds that.
//
// Messages of one client arrive in the order in which they were sent. What is sent in a
// group that has ended goes to the one that follows it.
//
// Errors:
//
//   - [ErrNoGroup].
//   - a [*LimitError]: the outbox of the group is full, or the message is too long.
func (c *Client) Send(ctx context.Context, group string, data []byte) (id string, err error) {
	b := c.cfg.Bounds
	if len(data) > b.Message {
		return "", &LimitError{What: "message", Limit: b.Message}
	}
	err = c.with(ctx, group, func(g *liveGroup) error {
		if len(g.outbox) >= b.Outbox {
			return &LimitError{What: "outbox", Limit: b.Outbox}
		}
		id = newID()
		m := &outgoing{rec: outboxRecord{ID: id, Data: slices.Clone(data), Time: c.cfg.Now()}}
		s := c.step(g)
		s.write(func(w store.Writer) error {
			m.number = c.nextNumber()
			if err := c.storeClient(w); err != nil {
				return err
			}
			return putJSON(w, key(spaceOutbox, g.id, number(m.number)), m.rec)
		})
		g.outbox = append(g.outbox, m)
		return c.commit(ctx, s)
	})
	if err != nil {
		return "", err
	}
	c.dirty.add(group)
	return id, nil
}

// Flush works on a group until the stream has all messages of the outbox.
func (c *Client) Flush(ctx context.Context, group string) error {
	for attempt := 0; ; attempt++ {
		empty := false
		err := c.with(ctx, group, func(g *liveGroup) error {
			err := c.drive(ctx, g)
			empty = len(g.outbox) == 0 && g.known
			return err
		})
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

// flush sends messages of the outbox, in their order.
func (c *Client) flush(ctx context.Context, g *liveGroup) error {
	for range flushLimit {
		m := g.unsent()
		if m == nil {
			return nil
		}
		ciphertext, err := saved(ctx, c, g, func() ([]byte, error) { return g.mls.Encrypt(ctx, c.cfg.Now(), m.rec.Data, nil) })
		switch {
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
		_, err = c.service.Send(ctx, delivery.Message{ID: m.rec.ID, Group: g.id, Epoch: g.mls.Epoch(), Message: ciphertext})
		switch {
		case err == nil:
			m.sent = true
			c.count("messages_sent", 1)
		case errors.Is(err, delivery.ErrNoGroup) || isEpoch(err):
			// The service is in another epoch: what the stream has comes first, and then the
			// message is encrypted anew.
			c.count("messages_encrypted_anew", 1)
			return &againError{err}
		case !transient(err) && c.final(err):
			if err := c.giveUp(ctx, g, m, err); err != nil {
				return err
			}
		default:
			return &againError{err}
		}
	}
	return nil
}

func isEpoch(err error) bool {
	_, ok := errors.AsType[*delivery.EpochError](err)
	return ok
}

// giveUp takes a message out of the outbox that will never be sent.
func (c *Client) giveUp(ctx context.Context, g *liveGroup, m *outgoing, why error) error {
	s := c.step(g)
	s.remove(g, m)
	s.event(g, &Unsent{ID: m.rec.ID, Data: m.rec.Data, Why: why.Error()})
	return c.commit(ctx, s)
}

// remove takes a message out of the outbox.
func (s *step) remove(g *liveGroup, m *outgoing) {
	s.delete(key(spaceOutbox, g.id, number(m.number)))
	g.outbox = slices.DeleteFunc(g.outbox, func(o *outgoing) bool { return o == m })
}

// ownMessage takes a message of this client that the stream shows, and reports whether
// the client knows it. A message that is too far behind the group's epoch, or behind its
// end, is passed over by all who read it there, and goes out again under another ID.
func (c *Client) ownMessage(s *step, g *liveGroup, e *delivery.Entry) bool {
	if c.returned(s, g, e, g.mls.Epoch(), g.rec.State == Ended) {
		return true
	}
	for _, in := range g.intents {
		if in.rec.Kind == intentLeave && (in.rec.ID == e.ID || slices.Contains(in.rec.Earlier, e.ID)) {
			in.rec.Sent = in.rec.Sent || in.rec.ID == e.ID
			return true
		}
	}
	return false
}

// returned takes an entry that may be a message of the outbox, in the epoch that the group
// is in at the entry's place.
func (c *Client) returned(s *step, g *liveGroup, e *delivery.Entry, epoch uint64, ended bool) bool {
	i := slices.IndexFunc(g.outbox, func(m *outgoing) bool { return m.rec.ID == e.ID })
	if i < 0 {
		return false
	}
	m := g.outbox[i]
	if window := max(c.cfg.MLS.Limits.PastEpochs, 0); ended || epoch > e.Epoch+uint64(window) {
		m.rec.ID, m.sent = newID(), false
		s.put(key(spaceOutbox, g.id, number(m.number)), m.rec)
		c.count("messages_sent_late", 1)
		return true
	}
	s.remove(g, m)
	s.event(g, &Sent{ID: m.rec.ID, Data: m.rec.Data}).Epoch = e.Epoch
	g.rec.Sent++
	return true
}
