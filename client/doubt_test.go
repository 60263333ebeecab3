package client_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
)

// silent is a service that is not reached, or that takes messages and whose answer is lost.
type silent struct {
	delivery.Service
	away, loses *atomic.Bool
}

func (s silent) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	if s.away.Load() {
		return nil, delivery.ErrUnavailable
	}
	return s.Service.Fetch(ctx, of, after, limit)
}

func (s silent) Send(ctx context.Context, m delivery.Message) (delivery.Position, error) {
	position, err := s.Service.Send(ctx, m)
	if s.loses.Load() {
		s.away.Store(true)
		return 0, delivery.ErrUnknown
	}
	return position, err
}

// The answer to a message is lost, and the service deletes the message before its sender comes
// back: the others do not get it twice. What the sender has written meanwhile is sent, and what
// the service still has is found.
func TestMessageThatTheServiceNoLongerHas(t *testing.T) {
	for name, c := range map[string]struct {
		deletes         bool // what was tried, too
		restarts, older bool // older: the store is then an old backup
		offline         bool // it is written when the service is not reached
	}{
		"it is deleted":                   {deletes: true},
		"also after a restart":            {deletes: true, restarts: true},
		"written before it was tried":     {deletes: true, offline: true, restarts: true},
		"with an older store":             {deletes: true, offline: true, restarts: true, older: true},
		"it is kept, and what was before": {},
		"kept, after a restart":           {restarts: true},
	} {
		t.Run(name, func(t *testing.T) {
			ann, bob, carl, g := three(t)
			var away, loses atomic.Bool
			ann.delivery = func(s delivery.Service) delivery.Service { return silent{s, &away, &loses} }
			ann.restart()
			sync(t, bob, ann)
			_, err := bob.Send(ctx, g, []byte("before"))
			require.NoError(t, err)
			sync(t, bob, carl)
			before := ann.w.server.Entries(delivery.Stream{Group: g})

			if c.offline {
				away.Store(true)
				ann.restart()
				require.Error(t, ann.Sync(ctx))
			}
			_, err = ann.Send(ctx, g, []byte("tried"))
			require.NoError(t, err)
			away.Store(false)
			loses.Store(true)
			old := ann.disk.Copy()
			require.Error(t, ann.Sync(ctx), "the answer is lost")
			loses.Store(false)
			if c.restarts {
				ann.disk.Kill()
				if c.older {
					ann.disk = old
				}
				ann.open()
			}
			require.Error(t, ann.Sync(ctx), "the service is not reached")
			_, err = ann.Send(ctx, g, []byte("new"))
			require.NoError(t, err)
			sync(t, bob, carl)
			entries := ann.w.server.Entries(delivery.Stream{Group: g})
			dropped := before[len(before)-1].Position
			if c.deletes {
				dropped = entries[len(entries)-1].Position
			}
			ann.w.server.Drop(dropped)
			require.NoError(t, bob.Update(ctx, g))

			away.Store(false)
			sync(t, ann, bob, carl)
			agree(t, g, ann, bob, carl)
			got := []string{"ann: tried", "ann: new"}
			if c.older { // which does not say what was tried
				got = got[:1]
			}
			require.Equal(t, got, bob.texts())
			events := ann.events()
			unsent, sent := of[*client.Unsent](events), of[*client.Sent](events)
			if !c.deletes {
				require.Empty(t, unsent)
				require.Len(t, sent, 2)
				return
			}
			require.Len(t, unsent, 3-len(got))
			for _, u := range unsent {
				require.True(t, u.Unknown)
			}
			require.Equal(t, "tried", string(unsent[0].Data))
			require.Len(t, sent, len(got)-1)
		})
	}
}

// withheld is a service that shows nothing of one group.
type withheld struct {
	delivery.Service
	group *string
}

func (s withheld) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	if of.Group != "" && of.Group == *s.group {
		return nil, delivery.ErrUnavailable
	}
	return s.Service.Fetch(ctx, of, after, limit)
}

// A message that goes to the group that follows has another ID there, under which the service
// cannot have it: it is sent also where the service has deleted what the sender has not read.
func TestMessageThatMovedIsNotDoubted(t *testing.T) {
	actors, g := movable(t)
	ann, bob, carl := actors[0], actors[1], actors[2]
	group := ""
	carl.delivery = func(s delivery.Service) delivery.Service { return withheld{s, &group} }
	carl.restart()
	require.NoError(t, carl.Flush(ctx, g)) // so that the service is reached, and what is sent is tried
	_, err := carl.Send(ctx, g, []byte("waits"))
	require.NoError(t, err)
	group, err = ann.Move(ctx, g, hybrid)
	require.NoError(t, err)
	sync(t, ann, bob)
	for range 2 {
		_ = carl.Sync(ctx) // which enters the group, and reads nothing there
	}
	info, err := carl.Group(group)
	require.NoError(t, err)
	require.Equal(t, client.Active, info.State)

	say(t, group, ann)
	sync(t, ann)
	entries := ann.w.server.Entries(delivery.Stream{Group: group})
	ann.w.server.Drop(entries[len(entries)-1].Position)
	require.NoError(t, bob.Update(ctx, group))
	group = ""
	sync(t, carl, ann, bob)
	require.Equal(t, []string{"carl: waits"}, ann.texts())
	events := carl.events()
	require.Len(t, of[*client.Recovered](events), 1)
	require.Empty(t, of[*client.Unsent](events))
}
