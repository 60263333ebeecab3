package client_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/suite"
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

// clumsy is a service that first hands out the key package of another client, and then has no
// room to note the next claim.
type clumsy struct {
	delivery.Service
	claims int
}

func (s *clumsy) Claim(ctx context.Context, of string, id suite.ID) ([]byte, error) {
	switch s.claims++; s.claims {
	case 1:
		return s.Service.Claim(ctx, "carl", id)
	case 2:
		return nil, delivery.ErrFull
	}
	return s.Service.Claim(ctx, of, id)
}

// A service that is full when a key package is asked for in the place of a useless one has
// refused nothing: the client asks again.
func TestFullServiceIsAskedForAnotherKeyPackage(t *testing.T) {
	w := newWorld(t)
	all := w.clients("ann", "bob", "carl")
	ann, bob := all[0], all[1]
	s := &clumsy{}
	ann.delivery = func(d delivery.Service) delivery.Service { s.Service = d; return s }
	ann.restart()
	g, err := ann.CreateGroup(ctx, "", nil)
	require.NoError(t, err)
	require.NoError(t, ann.Add(ctx, g, "bob"))
	require.Equal(t, 3, s.claims)
	sync(t, ann, bob)
	agree(t, g, ann, bob)
}
