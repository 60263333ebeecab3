package client

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mlsuite/mlsuite/delivery"
)

// Run does the work in the background until ctx ends: it receives, sends what waits,
// carries out changes, renews keys, looks after the key packages, and recovers. It returns
// the error of ctx, or one that ends the client: [ErrClosed], or an error of the store. A
// client without a Run works on what is called, and in [Client.Sync].
func (c *Client) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	start := func(f func(context.Context) error) {
		all.Go(func() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				cancel(err)
			}
		})
	}
	c.dirty.add(c.ids()...)
	c.dirty.add(inboxItem)
	start(c.watch)
	if c.cfg.Schedule.Poll > 0 {
		start(c.poll)
	}
	for range c.cfg.Bounds.Workers {
		start(c.worker)
	}
	all.Wait()
	return context.Cause(ctx)
}

// inboxItem stands for the inbox and the key packages on the list of what to look at. No
// group has an empty id that is handled here, since the engine draws one for it.
const inboxItem = ""

// worker takes from the list what there is to look at.
func (c *Client) worker(ctx context.Context) error {
	for {
		id, err := c.dirty.next(ctx, c.closed)
		if err != nil {
			return err
		}
		var again time.Time
		if id == inboxItem {
			err = errors.Join(c.readInbox(ctx), c.keepStock(ctx, false))
		} else {
			again, err = c.work(ctx, id)
		}
		switch {
		case err != nil && (fatal(err) || ctx.Err() != nil):
			return err
		case err != nil:
			c.count("retries", 1)
			c.cfg.Logger.Debug("to be repeated", "client", c.name, "error", err)
			c.dirty.failed(id, func(n int) time.Duration { return c.pause(n, err) })
		default:
			c.dirty.ok(id)
			if !again.IsZero() {
				c.dirty.addAfter(id, max(again.Sub(c.cfg.Now()), c.cfg.Schedule.Backoff))
			}
		}
	}
}

// poll puts everything on the list from time to time: Watch may miss an entry.
func (c *Client) poll(ctx context.Context) error {
	for {
		if err := c.sleep(ctx, around(c.cfg.Schedule.Poll)); err != nil {
			return err
		}
		c.dirty.add(c.ids()...)
		c.dirty.add(inboxItem)
	}
}

// watch puts on the list what the service tells of.
func (c *Client) watch(ctx context.Context) error {
	for attempt := 0; ; attempt++ {
		watching, stop := context.WithCancel(ctx)
		streams := []delivery.Stream{{Client: c.name}}
		changed := c.waitChanged()
		for _, id := range c.ids() {
			streams = append(streams, delivery.Stream{Group: id})
		}
		told, err := c.service.Watch(watching, streams...)
		if err == nil {
			c.dirty.add(inboxItem) // what came before
			c.dirty.add(c.ids()...)
			attempt = 0
			if !c.told(ctx, told, changed) {
				err = delivery.ErrUnavailable
			}
		}
		stop()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			c.lookAgain() // it may come back from a backup, or without what was not durable
			if err := c.sleep(ctx, c.backoff(attempt)); err != nil {
				return err
			}
		}
	}
}

// told reads what the service tells of, until the groups have changed, which it reports, or
// the service ends it. It goes on for a while after a change: there may be more.
func (c *Client) told(ctx context.Context, told <-chan delivery.Stream, changed <-chan struct{}) bool {
	var enough <-chan time.Time
	for {
		select {
		case stream, ok := <-told:
			if !ok {
				return false
			}
			c.tell(stream.Group) // "" for the inbox
		case <-changed:
			changed, enough = nil, time.After(20*time.Millisecond+time.Duration(len(c.ids()))*time.Millisecond)
		case <-enough:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

// waitChanged returns a channel that is closed when groups come or go.
func (c *Client) waitChanged() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// groupsChanged is called with the mutex.
func (c *Client) groupsChanged() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// queue is a list of what there is to look at, each once, in the order in which it came.
// What a worker has is put back when the worker is done with it.
type queue struct {
	mu     sync.Mutex
	items  []string
	state  map[string]*queued
	wakeUp chan struct{}

	stopped bool // nothing is added later
}

type queued struct {
	listed, busy, again bool
	failures            int
	timer               *time.Timer
	at                  time.Time
}

func newQueue() *queue {
	return &queue{state: map[string]*queued{}, wakeUp: make(chan struct{}, 1)}
}

// stop ends the pauses of all items.
func (q *queue) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, s := range q.state {
		if s.timer != nil {
			s.timer.Stop()
			s.timer = nil
		}
	}
	q.stopped = true
}

func (q *queue) of(id string) *queued {
	s := q.state[id]
	if s == nil {
		s = &queued{}
		q.state[id] = s
	}
	return s
}

func (q *queue) add(ids ...string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, id := range ids {
		switch s := q.of(id); {
		case s.busy:
			s.again = true
		case !s.listed:
			s.listed = true
			q.items = append(q.items, id)
		}
	}
	q.wake()
}

func (q *queue) wake() {
	select {
	case q.wakeUp <- struct{}{}:
	default:
	}
}

// next returns the first item, which is the caller's until it calls ok or failed.
func (q *queue) next(ctx context.Context, closed <-chan struct{}) (string, error) {
	for {
		q.mu.Lock()
		if len(q.items) > 0 {
			id := q.items[0]
			q.items = q.items[1:]
			s := q.of(id)
			s.listed, s.busy, s.again = false, true, false
			if len(q.items) > 0 {
				q.wake()
			}
			q.mu.Unlock()
			return id, nil
		}
		q.mu.Unlock()
		select {
		case <-q.wakeUp:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-closed:
			return "", ErrClosed
		}
	}
}

// ok puts an item back, if it was added meanwhile.
func (q *queue) ok(id string) {
	q.mu.Lock()
	s := q.of(id)
	s.busy, s.failures = false, 0
	again := s.again
	if s.timer == nil && !again {
		delete(q.state, id)
	}
	q.mu.Unlock()
	if again {
		q.add(id)
	}
}

// failed puts an item back after a pause that depends on how often it has failed.
func (q *queue) failed(id string, pause func(n int) time.Duration) {
	q.mu.Lock()
	s := q.of(id)
	n := s.failures
	s.failures++
	s.busy, s.again = false, false
	q.mu.Unlock()
	q.addAfter(id, pause(n))
}

// addAfter adds an item later, unless that is planned for an earlier time.
func (q *queue) addAfter(id string, d time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return
	}
	s, at := q.of(id), time.Now().Add(d)
	if s.timer != nil {
		if !at.Before(s.at) {
			return
		}
		s.timer.Stop()
	}
	s.at = at
	s.timer = time.AfterFunc(d, func() {
		q.mu.Lock()
		s.timer = nil
		q.mu.Unlock()
		q.add(id)
	})
}
