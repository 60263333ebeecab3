package client

import (
	"context"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
)

// ErrNoItems is why messages with items of components are Unsent.
var ErrNoItems = errNoItems

// ViewPQ is View for the PQ group of a pair, which is nil for a group by itself.
func (c *Client) ViewPQ(ctx context.Context, id string, f func(*mls.Group) error) error {
	return c.with(ctx, id, func(g *liveGroup) error { return f(g.pq()) })
}

// InMemory returns the number of groups that are in memory or in use.
func (c *Client) InMemory() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.groups)
}

// ReadUpTo returns up to which position the client has read a group's stream.
func (c *Client) ReadUpTo(id string) delivery.Position {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.index[id].Position
}

// HearFewer lets partial members keep fewer proposals of others, until the function is called that
// it returns.
func HearFewer(n int) (restore func()) {
	before := maxHeard
	maxHeard = n
	return func() { maxHeard = before }
}
