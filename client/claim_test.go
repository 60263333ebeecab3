package client_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/guard"
	"github.com/mlsuite/mlsuite/migrate"
	"github.com/mlsuite/mlsuite/suite"
)

// claimer counts the key packages that a client claims, by client and suite.
type claimer struct {
	delivery.Service
	counts map[string]int
}

func (c claimer) Claim(ctx context.Context, name string, of suite.ID) ([]byte, error) {
	kp, err := c.Service.Claim(ctx, name, of)
	if err == nil {
		c.counts[fmt.Sprintf("%s %#04x", name, uint16(of))]++
	}
	return kp, err
}

// limited returns ann behind a guard that lets her claim three key packages at once, and then
// one each minute, her claims, and the names of six others, whose key packages are of both
// suites.
func limited(t *testing.T, change ...func(*client.Config)) (w *world, ann *actor, claims map[string]int, names []string) {
	w = newWorld(t)
	w.guarded(func(cfg *guard.Config) { cfg.Limits.Claims = guard.Rate{Every: time.Minute, Burst: 3} })
	for i := range 6 {
		name := fmt.Sprint("member", i)
		require.NoError(t, w.actor(name, append(change, withHybrid)...).Sync(ctx))
		names = append(names, name)
	}
	claims = map[string]int{}
	ann = w.actor("ann", append(change, withHybrid)...)
	ann.delivery = func(s delivery.Service) delivery.Service { return claimer{s, claims} }
	ann.restart()
	return w, ann, claims, names
}

func oneEach(names []string, of suite.ID) map[string]int {
	counts := map[string]int{}
	for _, name := range names {
		counts[fmt.Sprintf("%s %#04x", name, uint16(of))] = 1
	}
	return counts
}

// A group has more members than the service lets a client claim key packages at once. Who
// adds them gives up, and its process ends: the next call goes on with what was claimed.
func TestAddGoesOnWhereALimitStoppedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ann, claims, names := limited(t)
		g, err := ann.CreateGroup(ctx, "", nil)
		require.NoError(t, err)
		for range 2 {
			shortly, cancel := context.WithTimeout(ctx, 70*time.Second)
			err = ann.Add(shortly, g, names...)
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NotErrorIs(t, err, client.ErrUndecided)
			ann.restart()
		}
		require.NoError(t, ann.Add(ctx, g, names...))
		require.Equal(t, oneEach(names, classic), claims)
		for _, name := range names {
			sync(t, w.actors[name])
			agree(t, g, ann, w.actors[name])
		}

		// What a commit has used is used up.
		require.NoError(t, ann.Remove(ctx, g, names[0]))
		require.NoError(t, ann.Add(ctx, g, names[0]))
		require.Equal(t, 2, claims[names[0]+" 0x0001"])
		require.NoError(t, ann.Replace(ctx, g, names[1]))
		require.Equal(t, 2, claims[names[1]+" 0x0001"])
	})
}

// The same of a group that does not begin: the next one has the key packages that were claimed for
// it, and what it does not need is kept.
func TestCreateGroupGoesOnWhereALimitStoppedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ann, claims, names := limited(t)
		for range 2 {
			shortly, cancel := context.WithTimeout(ctx, 70*time.Second)
			_, err := ann.CreateGroup(shortly, "", names)
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NotErrorIs(t, err, client.ErrUndecided)
			require.Empty(t, ann.Groups())
			ann.restart()
		}
		other, err := ann.CreateGroup(ctx, "", names[:1])
		require.NoError(t, err)
		require.Equal(t, 1, claims[names[0]+" 0x0001"])
		g, err := ann.CreateGroup(ctx, "", names)
		require.NoError(t, err)
		want := oneEach(names, classic)
		want[names[0]+" 0x0001"]++ // which is in both groups
		require.Equal(t, want, claims)
		for i, name := range names {
			sync(t, w.actors[name])
			agree(t, g, ann, w.actors[name])
			if i == 0 {
				agree(t, other, ann, w.actors[name])
			}
		}
	})
}

// The same of a move: one call waits for as long as the service says.
func TestMoveGoesOnWhereALimitStoppedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ann, claims, names := limited(t)
		g, err := ann.CreateGroup(ctx, "", nil)
		require.NoError(t, err)
		require.NoError(t, ann.Add(ctx, g, names...))
		clear(claims)
		shortly, cancel := context.WithTimeout(ctx, 150*time.Second)
		_, err = ann.Move(shortly, g, hybrid)
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, client.ErrUndecided)
		require.NotEmpty(t, claims)
		ann.restart()
		require.NoError(t, ann.Update(ctx, g), "nothing has happened to the group")
		next, err := ann.Move(ctx, g, hybrid)
		require.NoError(t, err)
		require.Equal(t, oneEach(names, hybrid), claims)
		for _, name := range names {
			sync(t, w.actors[name])
			agree(t, next, ann, w.actors[name])
		}
	})
}

// Asking for a member that has no key package counts for the limit, too: it is done once, and
// the call says who is missing when it has asked for all.
func TestMoveSaysWhoIsMissingThoughClaimsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ann, claims, names := limited(t)
		lacking := []string{"dan", "eve"}
		for _, name := range lacking {
			require.NoError(t, w.actor(name).Sync(ctx))
		}
		g, err := ann.CreateGroup(ctx, "", lacking)
		require.NoError(t, err)
		require.NoError(t, ann.Add(ctx, g, names...))
		clear(claims)
		began := time.Now()
		for range 2 {
			_, err = ann.Move(ctx, g, hybrid)
			var notReady *migrate.NotReady
			require.ErrorAs(t, err, &notReady)
			require.Equal(t, lacking, []string{notReady.Members[0].Name, notReady.Members[1].Name})
			require.Len(t, notReady.Members, 2)
			require.Equal(t, oneEach(names, hybrid), claims)
		}
		require.Less(t, time.Since(began), 15*time.Minute)
	})
}

// The same of the PQ group that is put beside a group.
func TestPairGoesOnWhereALimitStoppedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ann, claims, names := limited(t, inPairs)
		g, err := ann.CreateGroup(ctx, "", nil)
		require.NoError(t, err)
		require.NoError(t, ann.Add(ctx, g, names...))
		for _, name := range names {
			sync(t, w.actors[name])
		}
		clear(claims)
		shortly, cancel := context.WithTimeout(ctx, 150*time.Second)
		require.ErrorIs(t, ann.Pair(shortly, g), context.DeadlineExceeded)
		cancel()
		require.NotEmpty(t, claims)
		ann.restart()
		require.NoError(t, ann.Pair(ctx, g))
		require.Equal(t, oneEach(names, postQuantum), claims)
		for _, name := range names {
			sync(t, w.actors[name])
			agree(t, g, ann, w.actors[name])
		}
	})
}

// One member has no key package: those of the others wait for it, until they expire.
func TestClaimedKeyPackagesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		claims := map[string]int{}
		ann := w.actor("ann", withHybrid)
		ann.delivery = func(s delivery.Service) delivery.Service { return claimer{s, claims} }
		ann.restart()
		bob := w.actor("bob", withHybrid)
		carl := w.actor("carl")
		sync(t, bob, carl)
		g, err := ann.CreateGroup(ctx, "", []string{"bob", "carl"})
		require.NoError(t, err)
		sync(t, bob, carl)
		clear(claims)
		try := func() {
			t.Helper()
			_, err = ann.Move(ctx, g, hybrid)
			var notReady *migrate.NotReady
			require.ErrorAs(t, err, &notReady)
			require.Len(t, notReady.Members, 1)
			require.Equal(t, "carl", notReady.Members[0].Name)
			ann.restart()
		}
		try()
		try()
		require.Equal(t, oneEach([]string{"bob"}, hybrid), claims)
		time.Sleep(200 * 24 * time.Hour)
		sync(t, ann, bob) // which replaces its key packages
		try()
		require.Equal(t, map[string]int{"bob 0xf002": 2}, claims, "the old one has expired")
		withHybrid(&carl.cfg)
		carl.restart()
		sync(t, carl)
		next, err := ann.Move(ctx, g, hybrid)
		require.NoError(t, err)
		require.Equal(t, map[string]int{"bob 0xf002": 2, "carl 0xf002": 1}, claims)
		sync(t, bob, carl)
		agree(t, next, ann, bob, carl)
	})
}
