package client_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// movablePair returns clients in a pair that have key packages of the hybrid too.
func movablePair(t *testing.T, change ...func(*client.Config)) (all []*actor, group string) {
	w := newWorld(t)
	all = w.alike([]string{"ann", "bob", "carl"}, append(change, withHybrid, inPairs)...)
	group, err := all[0].CreatePair(ctx, "", []string{"bob", "carl"})
	require.NoError(t, err)
	sync(t, all...)
	return all, group
}

// left returns the group by itself to which all have moved from a pair.
func left(t *testing.T, pair string, of suite.ID, all ...*actor) string {
	t.Helper()
	next := ""
	for _, a := range all {
		groups := a.Groups()
		require.Len(t, groups, 1, a.name)
		require.Equal(t, []suite.ID{of, 0}, []suite.ID{groups[0].Suite, groups[0].PQSuite}, a.name)
		require.NotEqual(t, pair, groups[0].Group)
		next = groups[0].Group
		require.NoError(t, a.View(ctx, next, func(g *mls.Group) error {
			require.Empty(t, g.GroupContext().Extensions, "nothing of the combiner is left")
			return nil
		}))
	}
	agree(t, next, all...)
	return next
}

// A pair moves to one group: of a hybrid suite, or of the suite that its T group had, which
// may then get another PQ group.
func TestPairMovesToOneGroup(t *testing.T) {
	for _, to := range []suite.ID{hybrid, classic} {
		all, g := movablePair(t)
		ann, bob, carl := all[0], all[1], all[2]
		_, err := carl.Send(ctx, g, []byte("waits"))
		require.NoError(t, err)
		next, err := ann.Move(ctx, g, to)
		require.NoError(t, err)
		_, err = bob.Send(ctx, g, []byte("waits too"))
		require.NoError(t, err)
		sync(t, all...)
		require.Equal(t, next, left(t, g, to, all...))
		require.ElementsMatch(t, []string{"carl: waits", "bob: waits too"}, ann.texts())
		require.NoError(t, bob.Update(ctx, next))
		sync(t, all...)
		agree(t, next, all...)
		if to == classic {
			require.NoError(t, carl.Pair(ctx, next))
			sync(t, all...)
			agree(t, next, all...)
			info, err := ann.Group(next)
			require.NoError(t, err)
			require.Equal(t, postQuantum, info.PQSuite)
		}
	}
}

// Who ended the pair does not come back, and another makes the group that follows, also after
// a restart.
func TestMoveOfAPairIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, g := movablePair(t, func(cfg *client.Config) { cfg.Schedule.TakeOver = time.Hour })
		ann, bob, carl := all[0], all[1], all[2]
		ended := func() bool {
			require.NoError(t, bob.Sync(ctx))
			info, err := bob.Group(g)
			require.NoError(t, err)
			return info.State == client.Ended
		}
		for n := 1; !ended(); n++ { // dies the earlier the better
			k, _ := ann.mortal(n, diesAfter)
			ann.restart()
			_, err := ann.Move(ctx, g, hybrid)
			require.Error(t, err)
			require.True(t, k.dead)
			ann.store, ann.delivery = nil, nil
			ann.disk.Kill()
		}
		bob.restart()
		carl.restart()
		sync(t, bob, carl)
		time.Sleep(2 * time.Hour)
		sync(t, bob, carl)
		left(t, g, hybrid, bob, carl)
		ann.open()
		sync(t, bob, carl, ann)
		left(t, g, hybrid, all...)
	})
}

// A member that has no key package of the target keeps the pair as it is.
func TestMoveOfAPairWaitsForKeyPackages(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.actor("ann", withHybrid, inPairs), w.actor("bob", inPairs)
	sync(t, ann, bob)
	g, err := ann.CreatePair(ctx, "", []string{"bob"})
	require.NoError(t, err)
	sync(t, ann, bob)
	before := ann.authenticator(g)
	_, err = ann.Move(ctx, g, hybrid)
	require.Error(t, err)
	require.Equal(t, before, ann.authenticator(g))
	require.ErrorIs(t, ann.Propose(ctx, g, message.ReInit{}), message.ErrUnsupported)
	require.NoError(t, ann.Update(ctx, g))
}
