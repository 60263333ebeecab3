package client_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
)

const year = 365 * 24 * time.Hour

// early returns a client whose clock is a year ahead, and the clock.
func (w *world) early(name string, change ...func(*client.Config)) (*actor, *clock) {
	at := &clock{now().Add(year)}
	a := w.actor(name, append(change, func(cfg *client.Config) { cfg.Now = at.read })...)
	require.NoError(w.t, a.Sync(ctx))
	return a, at
}

// wakes sets the clock right and begins the client again.
func (a *actor) wakes(at *clock) {
	at.now = now()
	a.restart()
}

// Nobody accepts a key package whose lifetime begins in a year.
func TestKeyPackagesOfAClockThatWasAhead(t *testing.T) {
	w := newWorld(t)
	ann, at := w.early("ann")
	first := ann.stock()
	ann.wakes(at)
	require.NoError(t, ann.Sync(ctx))
	second := ann.stock()
	require.Len(t, second, 3)
	for ref := range first {
		require.False(t, second[ref])
	}
	bob := w.clients("bob")[0]
	for range 4 { // the last one by the last resort
		_, err := bob.CreateGroup(ctx, "", []string{"ann"})
		require.NoError(t, err)
	}
	require.NoError(t, ann.Sync(ctx))
	require.Len(t, ann.Groups(), 4)
}

// A clock that is set back a little makes nothing useless.
func TestClockThatWasAheadALittle(t *testing.T) {
	w := newWorld(t)
	at := &clock{now()}
	ann := w.actor("ann", func(cfg *client.Config) { cfg.Now, cfg.Schedule.Renew = at.read, 24*time.Hour })
	require.NoError(t, ann.Sync(ctx))
	g, err := ann.CreateGroup(ctx, "", nil)
	require.NoError(t, err)
	first := ann.stock()
	at.now = at.now.Add(-time.Hour)
	ann.restart()
	require.NoError(t, ann.Sync(ctx))
	require.Equal(t, first, ann.stock())
	info, err := ann.Group(g)
	require.NoError(t, err)
	require.Equal(t, uint64(1), info.Epoch)
}

// Keys that were renewed in a year are renewed now, once.
func TestKeysAreRenewedAfterAClockThatWasAhead(t *testing.T) {
	for name, load := range map[string]bool{"on disk": false, "in memory": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ann, at := w.early("ann", func(cfg *client.Config) { cfg.Schedule.Renew = time.Hour })
			g, err := ann.CreateGroup(ctx, "", nil)
			require.NoError(t, err)
			ann.wakes(at)
			if load {
				ann.authenticator(g)
			}
			for range 3 {
				require.NoError(t, ann.Sync(ctx))
				info, err := ann.Group(g)
				require.NoError(t, err)
				require.Equal(t, uint64(2), info.Epoch)
			}
		})
	}
}

// curious counts how often a client asks for GroupInfos.
type curious struct {
	delivery.Service
	times int
}

func (a *curious) GroupInfo(ctx context.Context, group string) (delivery.GroupInfo, error) {
	a.times++
	return a.Service.GroupInfo(ctx, group)
}

func TestEpochsAreComparedAfterAClockThatWasAhead(t *testing.T) {
	w := newWorld(t)
	ann, at := w.early("ann", func(cfg *client.Config) { cfg.Schedule.Check = time.Hour })
	_, err := ann.CreateGroup(ctx, "", nil)
	require.NoError(t, err)
	a := &curious{}
	ann.delivery = func(s delivery.Service) delivery.Service { a.Service = s; return a }
	ann.wakes(at)
	for range 3 {
		require.NoError(t, ann.Sync(ctx))
	}
	require.Equal(t, 1, a.times)
}

func TestFullCommitsAfterAClockThatWasAhead(t *testing.T) {
	w := newWorld(t)
	ann, at := w.early("ann", func(cfg *client.Config) {
		inPairs(cfg)
		cfg.Pairs.Schedule = apq.Schedule{Every: time.Hour, Own: 3 * time.Hour}
	})
	g, err := ann.CreatePair(ctx, "", nil)
	require.NoError(t, err)
	ann.wakes(at)
	for range 3 {
		require.NoError(t, ann.Sync(ctx))
		_, pq := ann.epochs(g)
		require.Equal(t, uint64(2), pq)
	}
}

func TestMoveIsTakenOverAfterAClockThatWasAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := &clock{now()}
		actors, g := movable(t, func(cfg *client.Config) { cfg.Schedule.TakeOver, cfg.Now = time.Hour, at.read })
		ann, bob, carl := actors[0], actors[1], actors[2]
		ann.diesMoving(g)
		at.now = at.now.Add(year)
		require.NoError(t, bob.Sync(ctx))
		at.now = now()
		require.NoError(t, carl.Sync(ctx))
		info, err := carl.Group(g)
		require.NoError(t, err)
		require.Equal(t, client.Ended, info.State, "whose clock was right waits")
		bob.restart()
		sync(t, bob, carl)
		moved(t, g, bob, carl)
	})
}

func TestIdleMembersAfterAClockThatWasAhead(t *testing.T) {
	w := newWorld(t)
	w.clients("bob")
	ann := w.actor("ann")
	g, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	at := &clock{now().Add(year)}
	ann.cfg.Now, ann.cfg.Schedule.Idle = at.read, 24*time.Hour
	ann.restart()
	require.NoError(t, ann.Sync(ctx))
	ann.wakes(at)
	require.NoError(t, ann.Sync(ctx))
	require.Empty(t, of[*client.IdleMembers](ann.events()))
	at.now = at.now.Add(25 * time.Hour)
	require.NoError(t, ann.Sync(ctx))
	idle := of[*client.IdleMembers](ann.events())
	require.Len(t, idle, 1)
	require.Equal(t, "bob", idle[0].Members[0].Name)
	require.NotEmpty(t, g)
}
