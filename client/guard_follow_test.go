package client_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/guard"
	deliverymemory "github.com/mlsuite/mlsuite/delivery/memory"
)

// remote is a service behind a gate, which says of an error no more than what the package documents.
type remote struct{ delivery.Service }

func (r remote) Submit(ctx context.Context, sub delivery.Submission) (delivery.Position, error) {
	position, err := r.Service.Submit(ctx, sub)
	if errors.Is(err, delivery.ErrUnseen) {
		err = delivery.ErrUnseen
	}
	return position, err
}

// A client brings the Welcomes that follow its commit also through a guard that asks for the tree. One
// that hands no trees in goes on without them.
func TestWelcomesFollowThroughASecondGuard(t *testing.T) {
	for _, c := range []struct{ far, noInfo bool }{{}, {far: true}, {true, true}} {
		w := newWorld(t)
		w.server = deliverymemory.NewServer(deliverymemory.Options{AtOnce: 1})
		w.guarded()
		m := &meddler{}
		ann := w.actor("ann", inPublic)
		ann.delivery = func(s delivery.Service) delivery.Service {
			if m.Service = s; c.far {
				m.Service = remote{s}
			}
			return m
		}
		ann.restart()
		bob, carl := w.actor("bob", inPublic), w.actor("carl", inPublic)
		sync(t, ann, bob, carl)
		g, err := ann.CreateGroup(ctx, "", nil)
		require.NoError(t, err)
		require.NoError(t, ann.Update(ctx, g))

		once, cancel := context.WithCancel(ctx)
		m.afterSubmit = cancel
		require.Error(t, ann.Add(once, g, "bob", "carl"))
		require.Len(t, w.server.Entries(delivery.Stream{Client: "bob"}), 1)
		require.Empty(t, w.server.Entries(delivery.Stream{Client: "carl"}))
		m.afterSubmit = nil
		w.guarded(func(cfg *guard.Config) { cfg.Service = w.server.Client("guard beside") })
		ann.cfg.NoExternalJoins = c.noInfo
		ann.restart()
		sync(t, ann, bob, carl)
		if c.noInfo { // the guard never has the tree, and ann goes on
			agree(t, g, ann, bob)
			require.Empty(t, w.server.Entries(delivery.Stream{Client: "carl"}))
			continue
		}
		agree(t, g, ann, bob, carl)
		require.Len(t, w.server.Entries(delivery.Stream{Client: "carl"}), 1)
	}
}
