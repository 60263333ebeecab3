package client

import (
	"context"
	"time"

	"github.com/mlsuite/mlsuite/delivery"
)

// Health is how a client is.
type Health struct {
	Client      string // its name
	Records     int    // version of the client's records in the store
	Store       error  // why the store does not answer, or nil
	Delivery    delivery.Health
	Unreachable error // why the delivery service does not answer, or nil

	Groups      map[State]int
	Troubles    map[Trouble]int
	Unconfirmed int       // events
	Waiting     int       // groups with something to be done
	KeyPackages int       // at the delivery service, without those of last resort
	Expires     time.Time // when the first of the identity's key packages ends, or zero
}

// Health asks the client, its store and its delivery service how they are. What cannot be
// found out says so in the Health.
func (c *Client) Health(ctx context.Context) Health {
	h := Health{Client: c.name, Groups: map[State]int{}, Troubles: map[Trouble]int{}}
	c.mu.Lock()
	h.Records, h.Unconfirmed = c.rec.Version, c.waiting
	for _, rec := range c.index {
		h.Groups[rec.State]++
		if rec.Trouble != "" {
			h.Troubles[rec.Trouble]++
		}
		if rec.Work {
			h.Waiting++
		}
	}
	c.mu.Unlock()
	own, err := c.packages(ctx)
	h.Store = err
	for _, p := range own {
		if !p.rec.Retired && (h.Expires.IsZero() || p.rec.Expires.Before(h.Expires)) {
			h.Expires = p.rec.Expires
		}
	}
	if h.Delivery, h.Unreachable = c.service.Health(ctx); h.Unreachable == nil {
		refs, err := c.service.Stocked(ctx)
		h.KeyPackages, h.Unreachable = len(refs), err
	}
	return h
}
