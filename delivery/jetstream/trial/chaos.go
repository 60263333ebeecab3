package trial

import (
	"context"
	"math/rand/v2"
	"time"
)

// chaos kills clients, and restarts the embedded server.
type chaos struct {
	t      *trial
	random *rand.Rand
	killed int
}

func newChaos(t *trial) *chaos {
	return &chaos{t: t, random: rand.New(rand.NewPCG(t.cfg.Seed, 2))}
}

// reign kills until calm is closed: one client of each four kills is the server, the second
// one first. Each is alive again when reign returns. It kills at least twice.
func (c *chaos) reign(ctx context.Context, sides []*side, calm <-chan struct{}) error {
	for least := c.killed + 2; ; {
		select {
		case <-time.After(c.t.cfg.ChaosEvery):
		case <-calm:
			if c.killed >= least {
				return nil
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		var err error
		if c.killed++; c.killed%4 == 2 && c.t.server != nil {
			err = c.restartServer(ctx)
		} else {
			err = c.killClient(ctx, sides[c.random.IntN(len(sides))])
		}
		if err != nil {
			return err
		}
	}
}

// pause waits for 50 to 500 ms.
func (c *chaos) pause() {
	time.Sleep(50*time.Millisecond + time.Duration(c.random.IntN(450))*time.Millisecond)
}

func (c *chaos) restartServer(ctx context.Context) error {
	c.t.server.end(false)
	c.pause()
	c.t.mu.Lock()
	c.t.chaos.Services++
	c.t.mu.Unlock()
	return c.t.server.start(ctx)
}

// killClient kills a client and begins it again. What it had got and not told, its lists
// tell.
func (c *chaos) killClient(ctx context.Context, s *side) error {
	i := c.random.IntN(len(s.clients))
	s.clients[i].end(false)
	c.pause()
	c.t.mu.Lock()
	c.t.chaos.Clients++
	c.t.mu.Unlock()
	if err := s.clients[i].start(ctx); err != nil {
		return err
	}
	for _, p := range s.parties {
		list, err := s.clients[i].call(ctx, request{Do: "list", Group: p.id})
		if err != nil {
			return err
		}
		for _, r := range list.List {
			c.t.tracker.got(s.names[i], r)
		}
	}
	return nil
}
