package migrate_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// Fifty members move while messages are lost and come twice, several of them commit and
// make the new group at once, and all go down at random and come back from what they
// saved. All of them arrive in one group, and none has a way back.
func TestLiveGroupMoves(t *testing.T) {
	for _, move := range []struct {
		name     string
		from, to suite.ID
		profile  string
		seed     uint64
	}{
		{"0x0001 to TBD2", classic, hybrid768, "pq-confidential", 2},
		{"0x0007 to TBD11", nist, cnsa2, "cnsa-2.0-transition", 0},
	} {
		seeds := uint64(1)
		if vectors.Full() {
			seeds = 10
		}
		t.Run(move.name, func(t *testing.T) {
			if move.to == cnsa2 && !vectors.Wide() {
				t.Skip("takes MLSUITE_WIDE=1")
			}
			for seed := range seeds {
				seed += move.seed
				w := newWorld(t, 50, move.from, move.to, move.profile)
				w.rng, w.chaos = rand.New(rand.NewPCG(seed, 50)), true
				before := map[string][]byte{} // as if somebody had kept a copy
				for _, c := range w.clients {
					before[c.name] = c.disk["old"]
				}
				w.run()
				crashes := 0
				for _, n := range w.rest {
					crashes += n
				}
				t.Logf("seed %d: %d commits, %d messages lost, %d races lost, %d crashes: %v",
					seed, len(w.log), w.stats.lost, w.stats.raced, crashes, w.rest)
				require.Greater(t, crashes, 40)
				require.Greater(t, w.stats.lost, 20)
				require.Greater(t, w.stats.raced, 1)
				require.Equal(t, 1, w.stats.own, "the new group is of one who made it")
				w.requireMoved()
				w.requireNoReturn(before)
			}
		})
	}
}

// requireNoReturn checks that the old group is over, for who held on to its state too.
func (w *world) requireNoReturn(before map[string][]byte) {
	for _, c := range w.clients {
		require.NotContains(w, c.disk, "old")
		require.NotContains(w, c.disk, "migration")
	}
	// Whoever goes back to a copy gets as far as the ReInit again.
	i := slices.IndexFunc(w.clients, func(c *client) bool { return !slices.Contains(w.committers, c) })
	c := w.clients[i]
	c.disk = map[string][]byte{"old": before[c.name]}
	w.chaos = false
	c.restart()
	for c.old.ReInit() == nil {
		c.follow()
	}
	_, err := c.old.Encrypt(w.Context(), testTime, nil, nil)
	require.ErrorIs(w, err, mls.ErrReInit)
	_, err = c.old.Commit(w.Context(), testTime, mls.CommitOptions{})
	require.ErrorIs(w, err, mls.ErrReInit)
	_, err = c.old.Propose(w.Context(), testTime, message.Remove{Removed: 0}, nil)
	require.ErrorIs(w, err, mls.ErrReInit)
	c.prepare()
	_, err = c.migration.Enter(w.Context(), testTime, c.old, w.welcome, nil)
	require.ErrorIs(w, err, mls.ErrNotRecipient)
}

// A crash at any one place holds nobody up.
func TestCrashAnywhere(t *testing.T) {
	places := map[string]int{}
	for at := 1; ; at++ {
		w := newWorld(t, 3, classic, hybrid768, "pq-confidential")
		w.crashAt = at
		w.run()
		w.requireMoved()
		if len(w.rest) == 0 {
			break
		}
		for place := range w.rest {
			places[place]++
		}
	}
	require.Len(t, places, 14, "%v", places)
}
