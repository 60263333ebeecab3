package client_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/suite"
)

// hanging is a service that answers no Fetch from the first Claim on, until it is released.
type hanging struct {
	delivery.Service
	held     bool
	released chan struct{}
}

func (h *hanging) Claim(ctx context.Context, name string, of suite.ID) ([]byte, error) {
	h.held = true
	return h.Service.Claim(ctx, name, of)
}

func (h *hanging) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	if h.held {
		select {
		case <-h.released:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return h.Service.Fetch(ctx, of, after, limit)
}

// A call returns soon after its context has ended, though Run has the group and waits for the
// service. The change stays, and is made when the service answers.
func TestCallEndsWithItsContextThoughTheServiceHangs(t *testing.T) {
	for name, c := range map[string]struct {
		call func(ctx context.Context, ann *actor, g string) error
		made func(ann *actor, g string) bool
	}{
		"Update": {
			func(ctx context.Context, ann *actor, g string) error {
				_, err := ann.cfg.Delivery.Claim(ctx, "carl", classic)
				require.NoError(ann.w.t, err)
				return ann.Update(ctx, g)
			},
			func(ann *actor, g string) bool { return ann.Groups()[0].Epoch == 2 },
		},
		"Move": {
			func(ctx context.Context, ann *actor, g string) error {
				_, err := ann.Move(ctx, g, hybrid)
				return err
			},
			func(ann *actor, g string) bool { return ann.Groups()[0].Suite == hybrid },
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				actors, g := movable(t)
				ann := actors[0]
				h := &hanging{released: make(chan struct{})}
				ann.delivery = func(s delivery.Service) delivery.Service { h.Service = s; return h }
				ann.cfg.Schedule.Poll = time.Second
				ann.restart()
				running, stop := context.WithCancel(ctx)
				go ann.Run(running)
				wait()
				short, cancel := context.WithTimeout(ctx, 3*time.Second)
				defer cancel()
				begun := time.Now()
				err := c.call(short, ann, g)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.ErrorIs(t, err, client.ErrUndecided)
				require.Less(t, time.Since(begun), 10*time.Second)
				require.False(t, c.made(ann, g))
				close(h.released)
				time.Sleep(time.Minute)
				require.True(t, c.made(ann, g))
				require.Len(t, ann.Groups(), 1)
				stop()
				require.NoError(t, ann.Close())
				synctest.Wait()
			})
		})
	}
}
