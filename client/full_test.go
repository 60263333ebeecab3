package client_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
)

// fullService has no room while full says so.
type fullService struct {
	delivery.Service
	full *bool
}

func (s fullService) Send(ctx context.Context, m delivery.Message) (delivery.Position, error) {
	if *s.full {
		return 0, delivery.ErrFull
	}
	return s.Service.Send(ctx, m)
}

func (s fullService) Submit(ctx context.Context, sub delivery.Submission) (delivery.Position, error) {
	if *s.full {
		return 0, delivery.ErrFull
	}
	return s.Service.Submit(ctx, sub)
}

// A service that is full keeps a client waiting. It loses nothing, and gives nothing up.
func TestServiceThatIsFull(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.actor("ann"), w.actor("bob")
	full := false
	ann.delivery = func(s delivery.Service) delivery.Service { return fullService{s, &full} }
	ann.restart()
	sync(t, ann, bob)
	g, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	sync(t, ann, bob)
	full = true
	_, err = ann.Send(ctx, g, []byte("it waits"))
	require.NoError(t, err)
	require.ErrorIs(t, ann.Sync(ctx), delivery.ErrFull)
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, ann.Update(short, g), context.DeadlineExceeded)
	full = false
	sync(t, ann, bob)
	require.Contains(t, bob.texts(), "ann: it waits")
	require.NoError(t, ann.Update(ctx, g))
	sync(t, ann, bob)
	agree(t, g, ann, bob)
}
