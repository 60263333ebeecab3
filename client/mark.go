package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/delivery"
)

// mark is by what a client knows an entry of a stream again.
type mark struct {
	Position delivery.Position
	Sum      []byte // the first 16 bytes of a SHA-256 over what the entry holds
}

func markOf(e *delivery.Entry) *mark {
	h := sha256.New()
	b := binary.BigEndian.AppendUint64([]byte{byte(e.Kind)}, e.Epoch)
	for _, part := range []string{e.ID, e.From, e.Group} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(part)))
		b = append(b, part...)
	}
	h.Write(b)
	h.Write(e.Message)
	return &mark{e.Position, h.Sum(nil)[:16]}
}

func (m *mark) is(e *delivery.Entry) bool {
	return m.Position == e.Position && bytes.Equal(m.Sum, markOf(e).Sum)
}

var (
	// errForgotten says that a service no longer has what the client has read.
	errForgotten = errors.New("the service has lost what the client has read")
	// errNotShown says that a service, or a copy of it that is behind, does not show what the
	// client has read.
	errNotShown = errors.New("the service does not show what the client has read")
)

// lookEvery is the time after which a client that reads a stream looks whether the service
// still has what was read last. It looks at once where there is a reason to: see lookAgain and
// liveGroup.told.
const lookEvery = 30 * time.Second

// lookForNews is that time where there is something new: it may stand behind what has taken the
// place of something that was lost.
const lookForNews = 2 * time.Second

// maxDoubts is how often something has to speak for a loss at the service, where copies of
// the service that are behind one another bring the same about for a moment.
const maxDoubts = 4

// looked is when a client has looked whether the service still has what was read last in a
// stream.
type looked struct {
	look   uint64 // Client.look then
	at     time.Time
	doubts int // that it has, since it was seen
}

// due reports whether the client looks again that does so every so often.
func (c *Client) due(l looked, every time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	since := c.cfg.Now().Sub(l.at)
	return l.look != c.look || since < 0 || since >= every
}

func (c *Client) now() looked {
	c.mu.Lock()
	defer c.mu.Unlock()
	return looked{look: c.look, at: c.cfg.Now()}
}

// lookAgain lets the client look at all streams anew whether the service has what was read.
func (c *Client) lookAgain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.look++
}

// fetcher fetches entries of a stream behind a position.
type fetcher func(after delivery.Position, limit int) ([]delivery.Entry, error)

// unread fetches entries of a stream behind a position. If read is the entry there and the
// client has not looked lately, it finds out whether the service still has that: the error is
// errForgotten if not, and errNotShown if that is not sure. A service that lost what it had
// accepted gives its positions anew: who asked for what is behind them would miss that.
func (c *Client) unread(ctx context.Context, after delivery.Position, read *mark, l *looked, fetch fetcher) ([]delivery.Entry, error) {
	if read == nil || !c.due(*l, lookEvery) {
		news, err := fetch(after, fetchLimit)
		if read == nil || err != nil || len(news) == 0 || !c.due(*l, lookForNews) {
			return news, err
		}
		now := c.now()
		if last, err := fetch(read.Position-1, 1); err == nil && len(last) > 0 && read.is(&last[0]) {
			*l = now
			return news, nil
		}
	}
	now := c.now()
	found, _, err := c.fetchFrom(ctx, read, fetchLimit, fetch)
	if errors.Is(err, errNotShown) {
		if l.doubts++; l.doubts >= maxDoubts {
			l.doubts = 0
			err = fmt.Errorf("%w: nothing is at position %d", errForgotten, read.Position)
		}
	}
	if err != nil {
		return nil, err
	}
	*l = now
	if len(found) == 0 {
		return fetch(after, fetchLimit)
	}
	return found, nil
}

// fetchFrom fetches the entry of a stream that was read last, and some of those behind it. It
// returns these, and whether it has seen that one: not if the service deleted it because it
// was no longer to be kept.
func (c *Client) fetchFrom(ctx context.Context, read *mark, limit int, fetch fetcher) (behind []delivery.Entry, seen bool, err error) {
	found, err := fetch(read.Position-1, limit)
	if _, gap := errors.AsType[*delivery.GapError](err); gap {
		return nil, false, nil
	}
	switch {
	case err != nil:
		return nil, false, err
	case len(found) > 0 && read.is(&found[0]):
		return found[1:], true, nil
	case len(found) > 0:
		return nil, false, fmt.Errorf("%w: another entry is at position %d, or follows it at %d", errForgotten, read.Position, found[0].Position)
	}
	health, err := c.service.Health(ctx)
	if err != nil {
		return nil, false, err
	}
	if health.Last != 0 && health.Last < read.Position {
		return nil, false, fmt.Errorf("%w: its last position is %d, and the client is at %d", errForgotten, health.Last, read.Position)
	}
	return nil, false, errNotShown
}

// fetchKept fetches entries of a stream behind a position. Where the service has deleted some,
// it fetches those that follow them.
func (c *Client) fetchKept(ctx context.Context, of delivery.Stream, after delivery.Position) ([]delivery.Entry, error) {
	entries, err := c.service.Fetch(ctx, of, after, fetchLimit)
	if gap, ok := errors.AsType[*delivery.GapError](err); ok && gap.Kept > after {
		return c.service.Fetch(ctx, of, gap.Kept, fetchLimit)
	}
	return entries, err
}

// behind counts that the service says it is in an earlier epoch of a group than the client.
func (c *Client) behind(ctx context.Context, g *liveGroup, epoch *delivery.EpochError) error {
	if g.behind++; g.behind < maxDoubts {
		return &againError{epoch}
	}
	return c.lose(ctx, g, ServiceRolledBack, epoch)
}

// unknown counts that the service says it has no such group.
func (c *Client) unknown(ctx context.Context, g *liveGroup, err error) error {
	if g.looked.doubts++; g.looked.doubts < maxDoubts {
		return err
	}
	return c.lose(ctx, g, Missing, delivery.ErrNoGroup)
}

// lossFound lets the client look after its other streams and its key packages.
func (c *Client) lossFound() {
	c.mu.Lock()
	c.look++
	c.losses++
	c.stockAt = time.Time{}
	c.mu.Unlock()
	c.dirty.add(c.ids()...)
	c.dirty.add(inboxItem)
}

// isTold reports whether the service has told of a group since it was called last.
func (c *Client) isTold(g *liveGroup) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	told := g.told
	g.told = false
	return told
}

// tell notes that the service tells of a group.
func (c *Client) tell(id string) {
	c.mu.Lock()
	if g := c.groups[id]; g != nil {
		g.told = true
	}
	if _, ok := c.index[id]; ok {
		c.toldQuiet[id] = true
	}
	c.mu.Unlock()
	c.dirty.add(id)
}

func (c *Client) lossesFound() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.losses
}

// atService reports whether what went wrong is that the service has lost something.
func (t Trouble) atService() bool { return t == ServiceRolledBack || t == Missing }

// resume goes on in the epoch that the client is in, if the service has it, though it has
// lost entries behind its beginning: these are read that there are now, and passed over where
// the client knows them. It reports false if the service has not.
func (c *Client) resume(ctx context.Context, g *liveGroup) (bool, error) {
	began, read, err := c.epochBegan(ctx, g)
	switch {
	case errors.Is(err, delivery.ErrNoGroup):
		return false, g.trouble(err)
	case err != nil:
		return false, undecided(err)
	case began == 0, g.rec.Resumed && g.rec.Trouble == ServiceRolledBack: // else it ends in the same trouble
		return false, nil
	}
	if err := c.acknowledgeAnew(ctx, delivery.Stream{Group: g.id}, began); err != nil {
		return false, err
	}
	s, trouble := c.step(g), g.rec.Trouble
	g.rec.State, g.rec.Trouble, g.rec.TroubleWhy = Active, "", ""
	if len(g.rec.Successor) > 0 {
		g.rec.State = Ended
	}
	g.rec.Position, g.rec.Read, g.rec.Resumed, g.acknowledged = began, read, true, began
	g.looked, g.behind, g.checked = c.now(), 0, true
	s.event(g, &Recovered{From: trouble})
	c.count("groups_recovered", 1)
	return true, c.commit(ctx, s)
}

// epochBegan returns where the epoch that the client is in begins in the stream that the
// service has now, and the mark of the entry there if the client has it. It returns 0 if the
// service has another one, or none. The error is [delivery.ErrNoGroup] if the client cannot read
// the stream.
func (c *Client) epochBegan(ctx context.Context, g *liveGroup) (delivery.Position, *mark, error) {
	b, after := g.rec.Began, g.rec.Again
	if b != nil {
		after = b.Position - 1
	}
	found, err := c.service.Fetch(ctx, delivery.Stream{Group: g.id}, after, 1)
	_, gap := errors.AsType[*delivery.GapError](err)
	switch {
	case err != nil && !gap:
		return 0, nil, err
	case b != nil && len(found) > 0 && b.is(&found[0]):
		return b.Position, b, nil
	case b != nil && len(found) > 0:
		return 0, nil, nil
	}
	info, err := c.service.GroupInfo(ctx, g.id)
	if errors.Is(err, delivery.ErrNoGroup) {
		return 0, nil, nil
	}
	if err != nil || g.mls == nil || info.Epoch != g.mls.Epoch() {
		return 0, nil, err
	}
	same, err := c.sameEpoch(ctx, g, info)
	if err != nil || !same {
		return 0, nil, err
	}
	return info.Position, nil, nil
}

// acknowledgeAnew lets a service forget what the client has acknowledged of a stream, which
// may be more than there is, and acknowledges a position.
func (c *Client) acknowledgeAnew(ctx context.Context, of delivery.Stream, position delivery.Position) error {
	if err := c.service.Leave(ctx, of); err != nil {
		return &againError{err}
	}
	return c.acknowledge(ctx, of, position)
}
