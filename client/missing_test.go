package client_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
)

// tries lets a client look at its groups some times, and returns the last error.
func (a *actor) tries() (err error) {
	for range 6 {
		err = a.Sync(ctx)
	}
	return err
}

// A group that the service does not know any more is reported once. It can be deleted, and it
// is back when the service knows it again.
func TestGroupThatTheServiceHasLost(t *testing.T) {
	for name, policy := range map[string]client.Recovery{"resync": client.RecoverResync, "by add": client.RecoverByAdd, "manually": client.RecoverManually} {
		for _, again := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t)
				empty := w.server.Backup()
				ann, bob := w.actor("ann", func(cfg *client.Config) { cfg.Recovery = policy }), w.actor("bob")
				sync(t, ann, bob)
				g, err := ann.CreateGroup(ctx, "", []string{"bob"})
				require.NoError(t, err)
				sync(t, ann, bob)
				_, err = bob.Send(ctx, g, []byte("before"))
				require.NoError(t, err)
				sync(t, bob, ann)
				require.Equal(t, []string{"bob: before"}, ann.texts())
				there := w.server.Backup()
				empty()
				var trouble *client.TroubleError
				require.ErrorAs(t, ann.tries(), &trouble)
				require.Equal(t, client.Missing, trouble.Trouble)
				require.ErrorContains(t, trouble, delivery.ErrNoGroup.Error())
				_, err = ann.Send(ctx, g, []byte("waits"))
				require.NoError(t, err)
				require.ErrorAs(t, ann.Update(ctx, g), &trouble)
				require.ErrorIs(t, ann.Resync(ctx, g), client.ErrNoGroup)
				ann.restart()
				require.ErrorAs(t, ann.tries(), &trouble)
				require.Contains(t, troubles(ann.events()), client.Missing)
				require.Equal(t, 1, ann.Health(ctx).Troubles[client.Missing])
				require.Empty(t, troubles(ann.events()), "it is said once")

				if !again {
					require.NoError(t, ann.Delete(ctx, g))
					require.Len(t, of[*client.Unsent](ann.events()), 1)
					require.NoError(t, ann.Sync(ctx))
					require.Empty(t, ann.Groups())
					return
				}
				there()
				settle(t, ann, bob)
				events := ann.events()
				require.NotEmpty(t, of[*client.Recovered](events))
				for _, e := range events {
					if _, ok := e.What.(*client.Recovered); ok {
						require.Zero(t, e.Position, "it is in its epoch")
					}
				}
				require.Empty(t, of[*client.Message](events), "nothing comes twice")
				require.Equal(t, []string{"ann: waits"}, bob.texts())
				agree(t, g, ann, bob)
			})
		}
	}
}

// A member that may not read the group any more is told so, and can delete it.
func TestGroupThatTheClientMayNotRead(t *testing.T) {
	_, ann, bob, g := pair(t)
	bob.delivery = func(s delivery.Service) delivery.Service { return &closedTo{Service: s, group: g} }
	bob.restart()
	require.NoError(t, ann.Remove(ctx, g, "bob"))
	var trouble *client.TroubleError
	require.ErrorAs(t, bob.tries(), &trouble)
	require.Equal(t, client.Missing, trouble.Trouble)
	require.NoError(t, bob.Leave(ctx, g))
	require.Empty(t, bob.Groups())
	require.NoError(t, ann.Add(ctx, g, "bob"))
	bob.delivery = nil
	bob.restart()
	settle(t, ann, bob)
	agree(t, g, ann, bob)
}

// The inbox of a client is looked after as its groups are: a Welcome in a place that was read
// before is not missed.
func TestInboxThatTheServiceHasLost(t *testing.T) {
	for _, again := range []bool{false, true} {
		w := newWorld(t)
		all := w.clients("ann", "bob", "carl")
		ann, bob, carl := all[0], all[1], all[2]
		one, err := ann.CreateGroup(ctx, "", []string{"bob"})
		require.NoError(t, err)
		sync(t, all...)
		restore := w.server.Backup()
		two, err := ann.CreateGroup(ctx, "", []string{"bob"})
		require.NoError(t, err)
		_, err = ann.CreateGroup(ctx, "", []string{"bob"})
		require.NoError(t, err)
		sync(t, all...)
		require.Len(t, bob.Groups(), 3)
		bob.events()
		restore()
		refs, err := w.server.Client("bob").Stocked(ctx) // of which some are used, and the one of last resort is not
		require.NoError(t, err)
		require.NoError(t, w.server.Client("bob").Publish(ctx, delivery.Stock{Remove: refs}))
		three, err := carl.CreateGroup(ctx, "", []string{"bob"})
		require.NoError(t, err)
		if again {
			bob.restart()
		}
		bob.tries()
		carl.tries()
		agree(t, three, bob, carl)
		events := bob.events()
		require.Empty(t, of[*client.Refused](events), "the Welcome that was read before is not refused")
		found := map[string]client.Trouble{}
		for _, e := range events {
			if what, ok := e.What.(*client.InTrouble); ok {
				require.NotContains(t, found, e.Group)
				found[e.Group] = what.Trouble
			}
		}
		require.Equal(t, client.ServiceRolledBack, found[""])
		require.Equal(t, client.Missing, found[two])
		ann.tries()
		agree(t, one, ann, bob)
		bob.restart()
		bob.tries()
		require.Empty(t, troubles(bob.events()), "it is over")
	}
}

// closedTo is a service that does not let a client read a group.
type closedTo struct {
	delivery.Service
	group string
}

func (c *closedTo) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	if of.Group == c.group {
		return nil, delivery.ErrNoGroup
	}
	return c.Service.Fetch(ctx, of, after, limit)
}

// What all have read and the service has deleted is no loss.
func TestCollectedEntriesAreNoLoss(t *testing.T) {
	ann, bob, carl, g := three(t)
	_, err := bob.Send(ctx, g, []byte("read"))
	require.NoError(t, err)
	sync(t, ann, bob, carl)
	ann.w.server.Collect()
	require.Empty(t, ann.w.server.Entries(delivery.Stream{Group: g}))
	for _, a := range []*actor{ann, bob, carl} {
		a.restart()
		require.NoError(t, a.Sync(ctx))
		require.Empty(t, troubles(a.events()))
	}
	require.NoError(t, carl.Update(ctx, g))
	sync(t, ann, bob, carl)
	agree(t, g, ann, bob, carl)
}

// lagging is a service of which a copy answers that is behind, a number of times.
type lagging struct {
	delivery.Service
	times int
}

func (l *lagging) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	if l.times > 0 {
		l.times--
		return nil, nil
	}
	return l.Service.Fetch(ctx, of, after, limit)
}

// A copy of the service that is behind for a moment has lost nothing.
func TestCopyThatIsBehindIsNoLoss(t *testing.T) {
	ann, bob, carl, g := three(t)
	require.NoError(t, bob.Update(ctx, g))
	sync(t, ann, bob, carl)
	ann.events()
	for range 5 {
		ann.delivery = func(s delivery.Service) delivery.Service { return &lagging{s, 3} }
		ann.restart()
		settle(t, ann)
		require.NoError(t, bob.Update(ctx, g))
		sync(t, ann, bob, carl)
		require.Empty(t, troubles(ann.events()))
		agree(t, g, ann, bob, carl)
	}
}

// glimpsed is a service that shows a client's inbox a number of times, and then as empty.
type glimpsed struct {
	delivery.Service
	times int // -1 always
}

func (g *glimpsed) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	if of.Client != "" {
		if g.times == 0 {
			return nil, nil
		}
		g.times--
	}
	return g.Service.Fetch(ctx, of, after, limit)
}

// An inbox that is emptied again as soon as it was read anew is reported again: what spoke for
// the first loss does not count for the next one.
func TestInboxThatIsLostTwice(t *testing.T) {
	w := newWorld(t)
	all := w.clients("ann", "bob")
	ann, bob := all[0], all[1]
	d := &glimpsed{times: -1}
	bob.delivery = func(s delivery.Service) delivery.Service { d.Service = s; return d }
	bob.restart()
	_, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	sync(t, ann, bob)
	require.Empty(t, troubles(bob.events()))
	d.times = 0
	bob.tries()
	require.Equal(t, []client.Trouble{client.ServiceRolledBack}, troubles(bob.events()))
	d.times = 1
	bob.tries()
	require.Zero(t, d.times, "it was read")
	require.Equal(t, []client.Trouble{client.ServiceRolledBack}, troubles(bob.events()))
	d.times = -1
	bob.tries()
	require.Empty(t, troubles(bob.events()))
}
