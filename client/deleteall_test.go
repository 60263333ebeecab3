package client_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/store"
)

// unreached is a service that a client reaches no more once it is off: its calls fail, or do
// not return before their context ends.
type unreached struct {
	delivery.Service
	off, hangs bool
	left       int // calls of Leave
}

func (u *unreached) reach(ctx context.Context) error {
	if !u.off {
		return nil
	}
	if u.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return delivery.ErrUnavailable
}

func (u *unreached) Stocked(ctx context.Context) ([][]byte, error) {
	if err := u.reach(ctx); err != nil {
		return nil, err
	}
	return u.Service.Stocked(ctx)
}

func (u *unreached) Publish(ctx context.Context, change delivery.Stock) error {
	if err := u.reach(ctx); err != nil {
		return err
	}
	return u.Service.Publish(ctx, change)
}

func (u *unreached) Leave(ctx context.Context, of delivery.Stream) error {
	u.left++
	if err := u.reach(ctx); err != nil {
		return err
	}
	return u.Service.Leave(ctx, of)
}

// laden returns a client with groups, events, key packages and records of the application.
func laden(t *testing.T) (*actor, *unreached) {
	w := newWorld(t)
	bob := w.clients("bob")[0]
	ann := w.actor("ann", func(c *client.Config) { c.Bounds.History = 10 })
	u := &unreached{}
	ann.delivery = func(s delivery.Service) delivery.Service { u.Service = s; return u }
	ann.restart()
	for range 5 {
		g, err := ann.CreateGroup(ctx, "", []string{"bob"})
		require.NoError(t, err)
		sync(t, ann, bob)
		_, err = bob.Send(ctx, g, []byte("between us"))
		require.NoError(t, err)
	}
	sync(t, bob, ann)
	require.NoError(t, ann.Write(ctx, func(w store.Writer) error { return w.Put([]byte("app"), []byte("mine")) }))
	return ann, u
}

func requireErased(t *testing.T, a *actor) {
	t.Helper()
	require.ErrorIs(t, a.Sync(ctx), client.ErrClosed)
	s, err := a.disk.Open()
	require.NoError(t, err, "the client is closed")
	require.NoError(t, s.View(ctx, func(r store.Reader) error {
		for e, err := range r.Scan(nil, nil) {
			require.NoError(t, err)
			require.Fail(t, "there is a record", "%q", e.Key)
		}
		return nil
	}))
}

func TestDeleteAllWithoutTheService(t *testing.T) {
	ann, u := laden(t)
	u.off = true
	err := ann.DeleteAll(ctx)
	require.ErrorIs(t, err, client.ErrNotWithdrawn)
	require.ErrorIs(t, err, delivery.ErrUnavailable)
	requireErased(t, ann)
	require.NotEmpty(t, ann.stock(), "which the error says")
}

// A service that does not answer delays DeleteAll once, and not for each group.
func TestDeleteAllOfAServiceThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann, u := laden(t)
		u.off, u.hangs = true, true
		began := time.Now() // of the bubble
		require.ErrorIs(t, ann.DeleteAll(ctx), client.ErrNotWithdrawn)
		require.LessOrEqual(t, time.Since(began), 30*time.Second)
		require.Less(t, u.left, 5, "the time for the first one was that for all")
		requireErased(t, ann)
	})
}

// What is here is deleted also if the context has ended, and while another call waits for the
// service.
func TestDeleteAllWhileTheServiceIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann, u := laden(t)
		u.off, u.hangs = true, true
		waiting, cancel := context.WithCancel(ctx)
		synced := make(chan error, 1)
		go func() { synced <- ann.Sync(waiting) }()
		synctest.Wait()
		ended, end := context.WithCancel(ctx)
		end()
		err := ann.DeleteAll(ended)
		require.ErrorIs(t, err, client.ErrNotWithdrawn)
		require.ErrorIs(t, err, context.Canceled)
		cancel()
		require.Error(t, <-synced)
		requireErased(t, ann)
	})
}
