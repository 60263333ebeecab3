package client

import (
	"context"
	"iter"

	"github.com/mlsuite/mlsuite/store"
)

// Events iterates over the events that are not confirmed, in their order, and waits for
// more until ctx ends. An event stays until it is confirmed: a new iteration, or the next
// process, begins with the first that is not. Each error ends the iteration, the last one
// with that of ctx or [ErrClosed].
func (c *Client) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for next := uint64(0); ; {
			news := c.waitNews()
			events, err := c.events(ctx, next, 64)
			for _, e := range events {
				if !yield(e, nil) {
					return
				}
				next = e.Number + 1
			}
			if err == nil && len(events) == 0 {
				select {
				case <-news:
				case <-ctx.Done():
					err = context.Cause(ctx)
				case <-c.closed:
					err = ErrClosed
				}
			}
			if err != nil {
				yield(Event{}, err)
				return
			}
		}
	}
}

// Unconfirmed returns the events that are not confirmed, in their order, at most limit of
// them, without waiting for more. A limit of 0 stands for all.
func (c *Client) Unconfirmed(ctx context.Context, limit int) ([]Event, error) {
	return c.events(ctx, 0, limit)
}

// events returns the events from a number on.
func (c *Client) events(ctx context.Context, from uint64, limit int) (events []Event, err error) {
	if err := c.alive(); err != nil {
		return nil, err
	}
	err = c.store.View(ctx, func(r store.Reader) error {
		for entry, err := range r.Scan(key(spaceEvent), key(spaceEvent, number(from))) {
			if err != nil {
				return err
			}
			e, err := parseEvent(entry.Value)
			if err != nil {
				return err
			}
			events = append(events, e)
			if len(events) == limit {
				break
			}
		}
		return nil
	})
	return events, err
}

// Confirm says that the application has handled events: they do not come again. If it
// keeps records in the client's store, it passes write, and what write does becomes
// durable together with the confirmation: so each event takes effect exactly once, however
// the process ends. If the event was confirmed before, write is not called.
//
// write sees the application's own part of the store, apart from the client's. It must not
// call the Client, nor wait for what does.
func (c *Client) Confirm(ctx context.Context, e Event, write ...func(store.Writer) error) error {
	if err := c.alive(); err != nil {
		return err
	}
	confirmed := false
	err := c.store.Update(ctx, func(w store.Writer) error {
		confirmed = false
		k := key(spaceEvent, number(e.Number))
		stored, err := w.Get(k)
		if err != nil || stored == nil {
			return err
		}
		for _, f := range write {
			if err := f(appWriter{appReader{w, w}}); err != nil {
				return err
			}
		}
		confirmed = true
		return w.Delete(k)
	})
	if err == nil && confirmed {
		c.eventsGone(1)
		c.count("events_confirmed", 1)
	}
	return err
}

// eventsGone says that n events are no longer stored.
func (c *Client) eventsGone(n int) {
	c.mu.Lock()
	full := c.waiting >= c.cfg.Bounds.Events
	c.waiting -= n
	room := full && c.waiting < c.cfg.Bounds.Events
	c.mu.Unlock()
	if room {
		c.dirty.add(c.ids()...)
		c.dirty.add(inboxItem)
	}
}

// Read calls f with the application's own part of the store, in a transaction. f must not call
// the Client, nor wait for what does: a change of the store may wait until f has returned, and
// every other call behind it. What f has read is handled when Read has returned.
func (c *Client) Read(ctx context.Context, f func(store.Reader) error) error {
	return c.store.View(ctx, func(r store.Reader) error { return f(appReader{r: r}) })
}

// Write calls f with the application's own part of the store, in a transaction. f must not call
// the Client, nor wait for what does.
func (c *Client) Write(ctx context.Context, f func(store.Writer) error) error {
	return c.store.Update(ctx, func(w store.Writer) error { return f(appWriter{appReader{w, w}}) })
}

// appReader and appWriter show what is below spaceAppOwned.
type appReader struct {
	r store.Reader
	w store.Writer
}

func (a appReader) Get(k []byte) ([]byte, error) { return a.r.Get(appKey(k)) }

func (a appReader) Scan(prefix, from []byte) iter.Seq2[store.Entry, error] {
	if from != nil {
		from = appKey(from)
	}
	return func(yield func(store.Entry, error) bool) {
		cut := len(key(spaceAppOwned))
		for e, err := range a.r.Scan(appKey(prefix), from) {
			if err == nil {
				e.Key = e.Key[cut:]
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

type appWriter struct{ appReader }

func (a appWriter) Put(k, value []byte) error  { return a.w.Put(appKey(k), value) }
func (a appWriter) Delete(prefix []byte) error { return a.w.Delete(appKey(prefix)) }

func appKey(k []byte) []byte { return append(key(spaceAppOwned), k...) }

// waitNews returns a channel that is closed when there are new events.
func (c *Client) waitNews() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.news
}

// eventsStored says that n more events are stored.
func (c *Client) eventsStored(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting += n
	close(c.news)
	c.news = make(chan struct{})
}

// roomForEvents returns a LimitError if the application has to confirm events first.
func (c *Client) roomForEvents() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if limit := c.cfg.Bounds.Events; c.waiting >= limit {
		return &LimitError{What: "list of events that are not confirmed", Limit: limit}
	}
	return nil
}
