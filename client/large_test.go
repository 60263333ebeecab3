package client_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	deliverymemory "github.com/mlsuite/mlsuite/delivery/memory"
	"github.com/mlsuite/mlsuite/suite"
)

// crowd returns so many names of clients who never come, with key packages of suites published.
func (w *world) crowd(n int, suites ...suite.ID) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint("m", i)
	}
	w.stockedOf(suites, names...)
	return names
}

// A group of more members than a delivery service welcomes at once is made and moves as any
// other one.
func TestLargeGroupMoves(t *testing.T) {
	members := 1001
	if wide() {
		members = 2500
	}
	w := newWorld(t)
	w.server = deliverymemory.NewServer(deliverymemory.Options{AtOnce: 990})
	ann, bob := w.actor("ann", withHybrid), w.actor("bob", withHybrid)
	sync(t, bob)
	names := w.crowd(members-2, classic, hybrid)
	g, err := ann.CreateGroup(ctx, "", append([]string{"bob"}, names...))
	require.NoError(t, err)
	sync(t, bob, ann)
	agree(t, g, ann, bob)
	_, err = ann.Move(ctx, g, hybrid)
	require.NoError(t, err)
	sync(t, bob, ann)
	info, err := bob.Group(moved(t, g, ann, bob))
	require.NoError(t, err)
	require.Equal(t, members, info.Members)
	for _, name := range []string{names[0], names[members-3]} {
		require.Len(t, w.server.Entries(delivery.Stream{Client: name}), 2, name)
	}
}

// A running group of as many members, of which some came later, becomes one of a pair.
func TestLargeGroupIsPaired(t *testing.T) {
	members, atOnce := 200, 60
	if wide() {
		members, atOnce = 2500, 990
	}
	w := newWorld(t)
	w.server = deliverymemory.NewServer(deliverymemory.Options{AtOnce: atOnce})
	both := w.pairs("ann", "bob")
	ann, bob := both[0], both[1]
	names := w.crowd(members-2, classic, postQuantum)
	g, err := ann.CreateGroup(ctx, "", append([]string{"bob"}, names[:members/3]...))
	require.NoError(t, err)
	require.NoError(t, ann.Add(ctx, g, names[members/3:]...))
	sync(t, bob, ann)
	require.NoError(t, ann.Pair(ctx, g))
	sync(t, bob, ann)
	agree(t, g, ann, bob)
	_, pq := bob.epochs(g)
	require.NotZero(t, pq)
	for _, name := range []string{names[0], names[members-3]} {
		require.Len(t, w.server.Entries(delivery.Stream{Client: name}), 2, name)
	}
}

// follows returns a client and others who are not in a group yet, at a service at which one
// Welcome of a submission comes at once.
func follows(t *testing.T) (ann *actor, others []*actor, m *meddler) {
	w := newWorld(t)
	w.server = deliverymemory.NewServer(deliverymemory.Options{AtOnce: 1})
	m = &meddler{}
	ann = w.actor("ann", withHybrid)
	ann.delivery = func(s delivery.Service) delivery.Service { m.Service = s; return m }
	ann.restart()
	return ann, w.alike([]string{"bob", "carl", "dan"}, withHybrid), m
}

// Whose Welcome comes late begins to read where the others do, whatever has happened meanwhile:
// they have spoken, and have ended the epoch.
func TestLateWelcome(t *testing.T) {
	ann, others, m := follows(t)
	bob := others[0]
	m.afterSubmit = func() {
		m.afterSubmit = nil
		sync(t, bob)
		_, err := bob.Send(ctx, "g", []byte("early"))
		require.NoError(t, err)
		require.NoError(t, bob.Update(ctx, "g"))
		require.Empty(t, ann.w.server.Entries(delivery.Stream{Client: "dan"}))
	}
	_, err := ann.CreateGroup(ctx, "g", []string{"bob", "carl", "dan"})
	require.NoError(t, err)
	sync(t, append(others, ann)...)
	agree(t, "g", append(others, ann)...)
	for _, a := range others[1:] {
		require.Equal(t, []string{"bob: early"}, a.texts(), a.name)
		require.Len(t, a.w.server.Entries(delivery.Stream{Client: a.name}), 1)
	}
}

// ahead is a service that says of Welcomes that the group begins behind them.
type ahead struct{ delivery.Service }

func (s ahead) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	entries, err := s.Service.Fetch(ctx, of, after, limit)
	for i := range entries {
		if of.Client != "" {
			entries[i].Start = entries[i].Position + 100
		}
	}
	return entries, err
}

// No Welcome lets a client pass over what comes behind it.
func TestWelcomeThatBeginsBehindItself(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.actor("ann"), w.actor("bob")
	bob.delivery = func(s delivery.Service) delivery.Service { return ahead{s} }
	bob.restart()
	sync(t, bob)
	g, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	say(t, g, ann)
	sync(t, ann, bob)
	require.Len(t, bob.texts(), 1)
}

// A client that is killed while Welcomes of its commit are not there yet brings them when it
// begins again, before it goes on: the stream shows the commit, and not the Welcomes.
func TestKilledWhileWelcomesFollow(t *testing.T) {
	everybody := []string{"bob", "carl", "dan"}
	create := func(a *actor) error {
		_, err := a.CreateGroup(ctx, "g", everybody)
		if errors.Is(err, client.ErrExists) {
			err = nil
		}
		return err
	}
	for name, c := range map[string]struct {
		prepare, do func(*actor) error
	}{
		"new group": {func(*actor) error { return nil }, create},
		"add": {
			func(a *actor) error { _, err := a.CreateGroup(ctx, "g", nil); return err },
			func(a *actor) error { return a.Add(ctx, "g", everybody...) },
		},
		"move": {create, func(a *actor) error {
			if groups := a.Groups(); len(groups) == 1 && groups[0].Suite == hybrid {
				return nil
			}
			_, err := a.Move(ctx, "g", hybrid)
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			between := 0
			for left, hit := 1, true; hit; left++ {
				ann, others, _ := follows(t)
				require.NoError(t, c.prepare(ann))
				sync(t, append(others, ann)...)
				number := func(a *actor) int { return len(a.w.server.Entries(delivery.Stream{Client: a.name})) }
				before := number(others[0])
				k, _ := ann.mortal(left, diesAfter)
				ann.restart()
				if err := c.do(ann); !k.dead {
					require.NoError(t, err)
				}
				hit = k.dead
				if number(others[0]) > before && number(others[2]) == before {
					between++
				}
				ann.store, ann.delivery = nil, nil
				ann.restart()
				require.NoError(t, c.do(ann))
				if err := ann.Sync(ctx); !errors.Is(err, delivery.ErrUnknown) {
					require.NoError(t, err)
				}
				sync(t, append(others, ann)...)
				if g := ann.Groups()[0].Group; name == "move" {
					require.Equal(t, g, moved(t, "g", append(others, ann)...))
				} else {
					agree(t, g, append(others, ann)...)
				}
				for _, a := range others {
					require.Equal(t, before+1, number(a), a.name)
				}
			}
			require.NotZero(t, between, "some kills are between the Welcomes")
		})
	}
}

// unwelcoming is a service that takes no group of many members that follows another one.
type unwelcoming struct {
	delivery.Service
	asked *int
}

func (s unwelcoming) Submit(ctx context.Context, sub delivery.Submission) (delivery.Position, error) {
	if len(sub.Welcomes) > 0 {
		*s.asked++
		return 0, delivery.ErrTooLarge
	}
	return s.Service.Submit(ctx, sub)
}

// Who takes over the move of a group for which the service takes no Welcome says so and stops,
// until it is asked to move it.
func TestTakeOverThatTheServiceRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		actors, g := movable(t, func(cfg *client.Config) { cfg.Schedule.TakeOver = time.Hour })
		ann, bob, carl := actors[0], actors[1], actors[2]
		ann.diesMoving(g)
		sync(t, bob, carl)
		asked := 0
		bob.delivery = func(s delivery.Service) delivery.Service { return unwelcoming{s, &asked} }
		bob.restart()
		time.Sleep(90 * time.Minute)
		for range 5 {
			sync(t, bob)
			time.Sleep(time.Minute)
		}
		require.Equal(t, 1, asked)
		failed := bob.failures()
		require.Len(t, failed, 1)
		require.Equal(t, "move", failed[0].What)
		bob.delivery = nil
		bob.restart()
		sync(t, bob)
		require.Equal(t, 1, asked)
		_, err := bob.Move(ctx, g, hybrid) // which asks again
		require.NoError(t, err)
		sync(t, carl)
		moved(t, g, bob, carl)
	})
}

// Nobody takes over what no Welcome could bring to the next group.
func TestTakeOverOfTooManyMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counts := &counter{}
		actors, g := movable(t, func(cfg *client.Config) { cfg.Schedule.TakeOver = time.Hour })
		ann, bob := actors[0], actors[1]
		ann.diesMoving(g)
		bob.cfg.Bounds.Recipients, bob.cfg.Metrics = 1, counts
		bob.restart()
		sync(t, bob)
		time.Sleep(2 * time.Hour)
		sync(t, bob)
		sync(t, bob)
		require.Len(t, bob.failures(), 1)
		require.Zero(t, counts.of("key_packages_claimed"))
	})
}

// Who takes over a move waits for the key packages of a member that has none of the suite.
func TestTakeOverWaitsForKeyPackages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		actors, g := movable(t, func(cfg *client.Config) { cfg.Schedule.TakeOver = time.Hour })
		ann, bob, carl := actors[0], actors[1], actors[2]
		ann.diesMoving(g)
		sync(t, bob, carl)
		carl.cfg.KeyPackages.Suites = []suite.ID{classic}
		carl.restart()
		sync(t, carl)
		time.Sleep(65 * time.Minute) // the turn of carl is after 67.5
		require.ErrorIs(t, bob.Sync(ctx), delivery.ErrNoKeyPackage)
		require.Empty(t, bob.failures())
		carl.cfg.KeyPackages.Suites = []suite.ID{classic, hybrid}
		carl.restart()
		sync(t, carl, bob, carl)
		moved(t, g, bob, carl)
	})
}
