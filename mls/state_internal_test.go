package mls

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/parallel"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Trees of all shapes come back as they were, and can be edited.
func TestRestoredTrees(t *testing.T) {
	for _, shape := range []string{"blank", "steady", "unmerged", "sparse"} {
		for _, n := range []int{1, 2, 5, 13} {
			t.Run(fmt.Sprintf("%s/%d", shape, n), func(t *testing.T) {
				sim, err := NewSimulation(t.Context(), insiderTime, SimulationConfig{
					Suites: mlstest.AllSuites(), Suite: 0x0001, Members: n, Shape: shape,
				})
				require.NoError(t, err)
				leaf := sim.Leaves()[n/2]
				g, err := sim.Member(leaf)
				require.NoError(t, err)
				for range 3 {
					state, err := storeAll(g)
					require.NoError(t, err)
					again, err := RestoreGroup(insiderTime, *g.cfg, state)
					require.NoError(t, err)
					requireRebuilt(t, again.public.tree)
					require.Equal(t, g.public.tree.Hash(), again.public.tree.Hash())
					require.Equal(t, g.public.tree.MemberCount(), again.public.tree.MemberCount())
					require.Equal(t, g.public.tree.Root.Blank, again.public.tree.Root.Blank)
					require.True(t, g.public.tree.Root.Features.Equal(again.public.tree.Root.Features))
					if len(again.inbox.past) > 0 {
						last := again.inbox.past[len(again.inbox.past)-1].public.tree
						require.Equal(t, g.inbox.past[len(again.inbox.past)-1].public.tree.Hash(), last.Hash())
						if n > 2 {
							require.Positive(t, shared(last, again.public.tree), "epochs share nodes")
						}
					}
					_, err = again.Commit(t.Context(), insiderTime, CommitOptions{})
					require.ErrorIs(t, err, ErrUnsaved)
					_, err = storeDelta(again)
					require.NoError(t, err)
					k := ownKeyPackage(t, 0x0001, "joiner")
					c, err := again.Commit(t.Context(), insiderTime, CommitOptions{ForcePath: true}, message.Add{KeyPackage: k.KeyPackage})
					require.NoError(t, err)
					g, err = c.Adopt()
					require.NoError(t, err)
					requireRebuilt(t, g.public.tree)
				}
			})
		}
	}
}

// shared returns how many nodes two trees have in common.
func shared(a, b *ratchettree.Tree) int {
	of := map[*ratchettree.Node]bool{}
	a.Root.Each(a.RootIndex(), func(_ ratchettree.NodeIndex, n *ratchettree.Node) { of[n] = true })
	n := 0
	b.Root.Each(b.RootIndex(), func(_ ratchettree.NodeIndex, m *ratchettree.Node) {
		if of[m] {
			n++
		}
	})
	return n
}

// In a steady group, the delta of an epoch grows with the depth of the tree, and
// that of a message does not grow.
func TestSizeOfDeltas(t *testing.T) {
	t.Parallel()
	sizes := []int{64, 512}
	if vectors.Full() {
		sizes = append(sizes, 4096)
	}
	type measured struct{ own, received, first, next, whole int }
	var all []measured
	for _, n := range sizes {
		sim := steady(t, n)
		g, err := sim.Member(message.LeafIndex(n / 2))
		require.NoError(t, err)
		other, err := sim.Member(1)
		require.NoError(t, err)
		state, err := storeAll(g)
		require.NoError(t, err)
		var m measured
		for _, r := range state {
			m.whole += len(r.Key) + len(r.Value)
		}
		message := func() int {
			b, err := other.Encrypt(t.Context(), insiderTime, []byte("text"), nil)
			require.NoError(t, err)
			_, err = g.Process(t.Context(), insiderTime, b)
			require.NoError(t, err)
			delta, err := storeDelta(g)
			require.NoError(t, err)
			return sizeOf(delta)
		}
		m.first, m.next = message(), message()
		epoch := func(c *Candidate, after *Candidate) int {
			var err error
			g, err = c.Adopt()
			require.NoError(t, err)
			if after != nil {
				other, err = after.Adopt()
				require.NoError(t, err)
			}
			delta, err := storeDelta(g)
			require.NoError(t, err)
			return sizeOf(delta)
		}
		c, err := other.Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		r, err := g.Process(t.Context(), insiderTime, c.Message)
		require.NoError(t, err)
		m.received = epoch(r.Commit, c)
		c, err = g.Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		m.own = epoch(c, nil)
		t.Logf("n=%d: whole %d, own epoch %d, received %d, first message of a sender %d, next %d bytes",
			n, m.whole, m.own, m.received, m.first, m.next)
		all = append(all, m)
	}
	for i := 1; i < len(all); i++ {
		small, large := all[0], all[i]
		require.Greater(t, large.whole, 7*small.whole*sizes[i]/sizes[0]/8)
		require.Less(t, large.own, 2*small.own)
		require.Less(t, large.received, 2*small.received)
		require.Less(t, large.first, 2*small.first)
		require.Equal(t, small.next, large.next)
	}
}

// sizeOf returns the length of all keys and values in d, in bytes.
func sizeOf(d *Delta) int {
	n := 0
	for _, prefix := range d.Delete {
		n += len(prefix)
	}
	for _, r := range d.Put {
		n += len(r.Key) + len(r.Value)
	}
	return n
}

func applicationMessage(t testing.TB, g *Group) []byte {
	b, err := g.Encrypt(t.Context(), insiderTime, []byte("text"), nil)
	require.NoError(t, err)
	return b
}

// What a group knows of its saved state keeps no secret of the epoch that was saved.
func TestSavedGroupDeletesTheEpoch(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	populate(t, groups)
	old := groups[0]
	_, err := old.ProposeUpdate(t.Context(), insiderTime, LeafOptions{}, nil)
	require.NoError(t, err)
	stored := madeDelta(t, old)
	stored.Stored()
	stored.Destroy()
	c, err := old.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	unstored := madeDelta(t, old)
	unstored.Destroy()
	candidate, err := c.Save()
	require.NoError(t, err)
	candidate.Destroy()
	secrets := secretsOfEpoch(t, old)
	next, err := c.Adopt()
	require.NoError(t, err)
	require.NotNil(t, next.inbox.saving.noted)
	require.Empty(t, reachable(secrets, map[string]any{"old": old, "candidate": c, "next": next, "deltas": []*Delta{stored, unstored}}))
}

// Saving goes along with sending and receiving.
func TestSaveConcurrently(t *testing.T) {
	groups := clique(t, 0x0001, 2)
	_, err := storeAll(groups[0])
	require.NoError(t, err)
	messages := make([][]byte, 20)
	for i := range messages {
		messages[i] = applicationMessage(t, groups[1])
	}
	err = parallel.For(3*len(messages), func(i int) error {
		switch i % 3 {
		case 0:
			_, err := groups[0].Process(t.Context(), insiderTime, messages[i/3])
			return err
		case 1:
			_, err := groups[0].Encrypt(t.Context(), insiderTime, []byte("text"), nil)
			if errors.Is(err, ErrUnsaved) {
				return nil // others were sent since the last save
			}
			return err
		}
		_, err := storeAll(groups[0])
		return err
	})
	require.NoError(t, err)
	_, err = storeDelta(groups[0])
	require.NoError(t, err)
	state, err := storeAll(groups[0])
	require.NoError(t, err)
	_, err = RestoreGroup(insiderTime, *groups[0].cfg, state)
	require.NoError(t, err)
}

// Deletions are by prefix, whatever prefixes lie between a key and its own.
func TestApplyDeletesPrefixes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := func(least int) *rapid.Generator[[]byte] {
			return rapid.SliceOfN(rapid.SampledFrom([]byte("abc")), least, 4)
		}
		var s Snapshot
		for _, k := range rapid.SliceOfN(key(1), 0, 20).Draw(t, "keys") {
			s = s.Apply(&Delta{Put: []Record{{Key: k}}})
		}
		d := &Delta{Delete: rapid.SliceOfN(key(0), 0, 5).Draw(t, "prefixes")}
		var want Snapshot
		for _, r := range s {
			if !slices.ContainsFunc(d.Delete, func(prefix []byte) bool { return bytes.HasPrefix(r.Key, prefix) }) {
				want = append(want, r)
			}
		}
		require.True(t, slices.EqualFunc(want, s.Apply(d), func(a, b Record) bool { return bytes.Equal(a.Key, b.Key) }))
	})
}

// A key of a skipped message that came and went since the state was saved needs no
// record, nor does its name stay.
func TestUnsavedNamesAreBounded(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	sender, g := groups[0], groups[1]
	state, err := storeAll(g)
	require.NoError(t, err)
	skip := func() {
		r := sender.inbox.ratchets
		next := r.NextGeneration(sender.leaf, secrettree.ApplicationRatchet)
		var k secrettree.UnusedKey
		require.NoError(t, r.Find(&k, sender.leaf, message.ContentApplication, uint32(next+998), secrettree.RatchetLimits{MaxForward: 1000}))
		require.NoError(t, k.Commit())
		m, err := sender.Encrypt(t.Context(), insiderTime, []byte("x"), nil)
		require.NoError(t, err)
		_, err = g.Process(t.Context(), insiderTime, m)
		require.NoError(t, err)
	}
	saved := 0 // keys of messages in state
	for range 2 {
		for range 5 {
			skip()
		}
		kept := len(g.inbox.ratchets.Ratchets[sender.leaf].Application.Kept)
		const others = 10 // ratchets and nodes
		require.LessOrEqual(t, len(g.inbox.ratchets.Unsaved), saved+kept+others)
		d, err := storeDelta(g)
		require.NoError(t, err)
		require.LessOrEqual(t, len(d.Delete), saved+others)
		require.LessOrEqual(t, len(d.Put), kept+others)
		state = state.Apply(d)
		whole, err := storeAll(g)
		require.NoError(t, err)
		require.Equal(t, Snapshot(whole), state)
		saved = kept
	}
	require.Positive(t, saved)
}

// requireRebuilt checks that a tree is what its own nodes say.
func requireRebuilt(t testing.TB, tree *ratchettree.Tree) {
	t.Helper()
	again, err := ratchettree.TreeFromNodes(tree.Suite, tree.Nodes().Sparse())
	require.NoError(t, err)
	require.Equal(t, again.Hash(), tree.Hash())
	require.NoError(t, tree.CheckIndex())
}
