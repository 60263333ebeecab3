package mls

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/parallel"
	"github.com/mlsuite/mlsuite/mls/message"
)

// mayText returns the error of a message that g is to send now.
func mayText(g *Group) error {
	return g.maySend(message.WireFormatPrivateMessage, message.ContentApplication)
}

func madeDelta(t testing.TB, g interface{ Delta() (*Delta, error) }) *Delta {
	t.Helper()
	d, err := g.Delta()
	require.NoError(t, err)
	return d
}

// requireWhole requires that a stored state is the whole state of g, and stores that.
func requireWhole(t testing.TB, g interface{ Save() (*Delta, error) }, state Snapshot) {
	t.Helper()
	whole, err := storeAll(g)
	require.NoError(t, err)
	require.True(t, sameState(whole, state))
}

// A delta that is not stored counts as unsaved: it reserves nothing, and the next one has
// what it had, and what came since.
func TestDeltaCountsWhenItIsStored(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	g := groups[0]
	require.NoError(t, mayText(g), "a group of which no delta was made just sends")
	lost := madeDelta(t, g)
	require.ErrorIs(t, mayText(g), ErrUnsaved, "it may be stored, and may not")
	first := madeDelta(t, g)
	require.ErrorIs(t, mayText(g), ErrUnsaved)
	require.Equal(t, Snapshot{}.Apply(lost), Snapshot{}.Apply(first), "the whole state again")
	state := Snapshot{}.Apply(first)
	first.Stored()
	require.NoError(t, mayText(g))

	receive := func() {
		_, err := g.Process(t.Context(), insiderTime, applicationMessage(t, groups[1]))
		require.NoError(t, err)
	}
	receive()
	lost = madeDelta(t, g)
	require.NotEmpty(t, lost.Put)
	again := madeDelta(t, g)
	require.Equal(t, state.Apply(lost), state.Apply(again))
	receive()
	both := madeDelta(t, g)
	require.Equal(t, state.Apply(both), state.Apply(lost).Apply(both), "whether the one before is stored or not")
	both.Stored()
	empty := madeDelta(t, g)
	require.Empty(t, empty.Put)
	requireWhole(t, g, state.Apply(both))
}

// To say again that a delta is stored, or to say so after a newer one, changes nothing.
func TestOldDeltasMoveNothingBack(t *testing.T) {
	groups := clique(t, 0x0001, 2)
	g := groups[0]
	old := madeDelta(t, g)
	state := Snapshot{}.Apply(old)
	old.Stored()
	used := usedKeys{}
	require.NoError(t, used.send(t, g, false, "reserved"))
	_, err := g.Process(t.Context(), insiderTime, applicationMessage(t, groups[1]))
	require.NoError(t, err)
	between, newer := madeDelta(t, g), madeDelta(t, g)
	state = state.Apply(newer).clone()
	newer.Stored()
	require.NoError(t, mayText(g))
	for _, d := range []*Delta{between, old, newer, newer} {
		d.Destroy()
		d.Stored()
		require.NoError(t, mayText(g), "what the newer one reserves can be used")
		empty := madeDelta(t, g)
		require.Empty(t, empty.Put)
	}
	require.NoError(t, used.send(t, g, false, "reserved"))
	requireWhole(t, g, state.Apply(madeDelta(t, g)))
	(&Delta{}).Stored() // of the caller's own making
}

// A delta that is stored in a later epoch counts for what it held: the next one begins
// there, and the later epoch has nothing reserved.
func TestDeltaIsStoredInALaterEpoch(t *testing.T) {
	groups := clique(t, 0x0001, 4)
	populate(t, groups)
	g := groups[0]
	first := madeDelta(t, g)
	state := Snapshot{}.Apply(first)
	first.Stored()
	_, err := g.Process(t.Context(), insiderTime, applicationMessage(t, groups[1]))
	require.NoError(t, err)
	message := madeDelta(t, g)
	state = state.Apply(message)
	c, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	follow(t, groups, 1, c)
	g = groups[0]
	unstored := madeDelta(t, g)
	message.Stored()
	require.ErrorIs(t, mayText(g), ErrUnsaved)
	epoch := madeDelta(t, g)
	require.Equal(t, state.Apply(unstored), state.Apply(epoch))
	require.Less(t, len(epoch.Put), len(unstored.Put)+1)
	require.Contains(t, kindsOf(epoch.Put), recordEpoch)
	state = state.Apply(epoch)
	epoch.Stored()
	require.NoError(t, mayText(g))
	requireWhole(t, g, state)
}

// Deltas are made and stored while the group sends and receives.
func TestDeltasGoAlong(t *testing.T) {
	groups := clique(t, 0x0001, 2)
	g := groups[0]
	first := madeDelta(t, g)
	state := Snapshot{}.Apply(first)
	first.Stored()
	messages := make([][]byte, 20)
	for i := range messages {
		messages[i] = applicationMessage(t, groups[1])
	}
	var stored []*Delta
	require.NoError(t, parallel.For(2*len(messages)+1, func(i int) error {
		switch {
		case i == 0:
			for range 20 {
				d, err := g.Delta()
				if err != nil {
					return err
				}
				stored = append(stored, d)
				d.Stored()
			}
		case i%2 == 0:
			_, err := g.Process(t.Context(), insiderTime, messages[i/2-1])
			return err
		default:
			if _, err := g.Encrypt(t.Context(), insiderTime, []byte("text"), nil); err != nil && err != ErrUnsaved {
				return err
			}
		}
		return nil
	}))
	for _, d := range append(stored, madeDelta(t, g)) {
		state = state.Apply(d)
	}
	requireWhole(t, g, state)
}

// Whichever deltas of a life are stored, and whenever their owner says so: each that is
// stored leads to the group's state.
func TestDeltasLeadFromWhatIsStored(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			groups := clique(t, 0x0001, 5, publicHandshake, func(cfg *Config) { cfg.Limits.PastEpochs = 1 + int(seed)%3 })
			var state Snapshot
			var untold []*Delta
			me := func() *Group { return groups[0] }
			steps := []func(){
				func() {
					if len(me().Proposals()) == 0 {
						_, err := me().Process(t.Context(), insiderTime, applicationMessage(t, groups[1+r.IntN(4)]))
						require.NoError(t, err)
					}
				},
				func() {
					if len(me().Proposals()) < 2 {
						proposeUpdate(t, groups, 2*len(me().Proposals()), LeafOptions{})
					}
				},
				func() {
					for _, g := range groups {
						require.NoError(t, g.ForgetProposals())
					}
				},
				func() { require.NoError(t, me().ForgetPastEpochs(r.IntN(3))) },
				func() {
					by := 1 + 2*r.IntN(2)
					c, err := groups[by].Commit(t.Context(), insiderTime, CommitOptions{})
					require.NoError(t, err)
					follow(t, groups, by, c)
				},
				func() { // it is lost
					madeDelta(t, me())
				},
				func() { // nobody says that it is stored, or only later
					d := madeDelta(t, me())
					state, untold = state.Apply(d), append(untold, d)
				},
				func() {
					if len(untold) > 0 {
						untold[r.IntN(len(untold))].Stored()
					}
				},
				func() {
					d := madeDelta(t, me())
					state = state.Apply(d)
					again, err := RestoreGroup(insiderTime, *me().cfg, state)
					require.NoError(t, err)
					require.Equal(t, factsOf(t, me()), factsOf(t, again))
					if r.IntN(2) == 0 {
						d.Stored()
					}
				},
			}
			for range 150 {
				steps[r.IntN(len(steps))]()
			}
			requireWhole(t, me(), state.Apply(madeDelta(t, me())))
		})
	}
}

// What a group keeps for deltas that nobody stores is bounded.
func TestUnstoredDeltasAreBounded(t *testing.T) {
	g := clique(t, 0x0001, 1)[0]
	first := madeDelta(t, g)
	state := Snapshot{}.Apply(first)
	first.Stored()
	whole := 0
	for range 400 {
		c, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
		if err != nil {
			require.ErrorIs(t, err, ErrUnsaved)
			g.inbox.saving.usable = g.inbox.saving.reserved // as if somebody else committed
			c, err = g.Commit(t.Context(), insiderTime, CommitOptions{})
		}
		require.NoError(t, err)
		g, err = c.Adopt()
		require.NoError(t, err)
		d := madeDelta(t, g)
		if len(d.Delete) > 0 && len(d.Delete[0]) == 0 {
			whole++
		}
		require.LessOrEqual(t, g.inbox.saving.touched.len(), 300)
	}
	require.Positive(t, whole, "the whole state is less by then")
	require.LessOrEqual(t, len(g.inbox.saving.manifest.epochs), g.cfg.Limits.pastEpochs()+1)
	requireWhole(t, g, state.Apply(madeDelta(t, g)))
}

// A call that fails at any step, in any epoch, leaves nothing out of the next Delta and
// nothing too much in it.
func TestFailedDeltasAreMadeUpFor(t *testing.T) {
	f := &frail{}
	groups := clique(t, 0x0001, 4, f.config, func(cfg *Config) { cfg.Limits.PastEpochs = 1 })
	first := madeDelta(t, groups[0])
	state := Snapshot{}.Apply(first)
	first.Stored()
	failed := 0
	for n := 1; ; n++ {
		c, err := groups[n%3+1].Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		follow(t, groups, n%3+1, c)
		f.arm(n)
		d, err := groups[0].Delta()
		reached := f.steps >= n
		f.arm(0)
		if err == nil {
			state = state.Apply(d)
			d.Stored()
		} else {
			require.ErrorIs(t, err, errFrail)
			failed++
		}
		if !reached {
			break
		}
	}
	require.Positive(t, failed)
	requireWhole(t, groups[0], state)
}

// A tree that grows keeps its root as another node, and one that shrinks makes a node its
// root: each is in the state once, as long as a tree has it.
func TestDeltasOfATreeThatGrowsAndShrinks(t *testing.T) {
	for _, past := range []int{-1, 1, 3} {
		groups := clique(t, 0x0001, 2, func(cfg *Config) { cfg.Limits.PastEpochs = past })
		populate(t, groups)
		g := groups[0]
		state, err := storeAll(g)
		require.NoError(t, err)
		commit := func(proposals ...message.Proposal) {
			c, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, proposals...)
			require.NoError(t, err)
			g, err = c.Adopt()
			require.NoError(t, err)
			state = state.Apply(madeDelta(t, g))
			_, err = RestoreGroup(insiderTime, *g.cfg, state)
			require.NoError(t, err)
			requireWhole(t, g, state)
		}
		for range 2 {
			commit(message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "third").KeyPackage})
			require.EqualValues(t, 4, g.public.tree.Width)
			commit(message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "fourth").KeyPackage})
			commit(message.Remove{Removed: 2}, message.Remove{Removed: 3})
			require.EqualValues(t, 2, g.public.tree.Width)
			commit()
			commit()
		}
	}
}
