package apq

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// stored is what a store has of a member's groups.
type stored struct{ t, pq mls.Snapshot }

// save applies the Deltas of both groups, as one transaction does.
func (s *stored) save(t testing.TB, g *Group) {
	t.Helper()
	d, err := g.Delta()
	require.NoError(t, err)
	s.t, s.pq = s.t.Apply(d.T), s.pq.Apply(d.PQ)
	d.Stored()
}

// A member restarts after every commit, FULL or PARTIAL, as anybody, and with a candidate
// of its own that was saved.
func TestRestart(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob"})
	store := map[string]*stored{}
	restart := func() {
		for name, g := range w.groups {
			if store[name] == nil {
				store[name] = new(stored)
			}
			store[name].save(t, g)
			restored, err := Restore(noon, *g.cfg, store[name].t, store[name].pq)
			require.NoError(t, err, name)
			w.groups[name] = restored
			store[name].save(t, restored) // before it sends
		}
		w.agree()
	}
	restart()
	require.True(t, w.groups["bob"].FullDue(), "a joiner still owes its first commit")
	w.commit("bob", CommitOptions{})
	restart()
	w.commit("ann", CommitOptions{})
	restart()
	for _, full := range []bool{true, false} {
		c := w.make("ann", CommitOptions{Full: full})
		state, err := c.Save()
		require.NoError(t, err)
		require.Equal(t, full, state.PQ != nil)
		restart()
		again, err := w.groups["ann"].RestoreCandidate(noon, state)
		require.NoError(t, err)
		require.Equal(t, c.Info(), again.Info())
		require.Equal(t, c.Message, again.Message)
		w.adopt("ann", again)
		restart()
	}
	w.talk("ann")

	c := w.make("ann", CommitOptions{Add: []KeyPackages{w.published(w.keyPackage("cid"))}})
	r, err := w.groups["bob"].Process(t.Context(), noon, c.Message)
	require.NoError(t, err)
	own, err := c.Save()
	require.NoError(t, err)
	others, err := r.Commit.Save()
	require.NoError(t, err)
	restart()
	again, err := w.groups["ann"].RestoreCandidate(noon, own)
	require.NoError(t, err)
	require.Equal(t, c.Message, again.Message)
	require.NotNil(t, again.Welcome)
	require.Equal(t, c.Welcome, again.Welcome)
	again, err = w.groups["bob"].RestoreCandidate(noon, others)
	require.NoError(t, err)
	require.Nil(t, again.Message)
	require.Nil(t, again.Welcome)
}

// A PARTIAL commit costs the store little of the PQ group.
func TestDeltaOfPartialCommitIsSmall(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob", "cid", "dan"})
	w.commit("bob", CommitOptions{})
	var s stored
	s.save(t, w.groups["ann"])
	w.commit("bob", CommitOptions{})
	d, err := w.groups["ann"].Delta()
	require.NoError(t, err)
	size := 0
	for _, r := range d.PQ.Put {
		size += len(r.Key) + len(r.Value)
	}
	require.Less(t, size, 200)
	d.Destroy()
}

// A store that was not one transaction leaves one group behind: the error says which, and
// the way out works.
func TestOneLegLost(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob", "cid"})
	var before, after stored
	before.save(t, w.groups["bob"])
	after = before
	w.commit("ann", CommitOptions{Full: true})
	after.save(t, w.groups["bob"])
	cfg := *w.groups["bob"].cfg
	for _, c := range []struct {
		name string
		s    stored
		leg  Leg
	}{
		{"PQ is old", stored{after.t, before.pq}, PQ},
		{"T is old", stored{before.t, after.pq}, T},
		{"PQ is gone", stored{after.t, nil}, PQ},
		{"T is gone", stored{nil, after.pq}, T},
	} {
		_, err := Restore(noon, cfg, c.s.t, c.s.pq)
		require.ErrorIs(t, err, ErrLegLost, c.name)
		var leg *LegError
		require.ErrorAs(t, err, &leg)
		require.Equal(t, c.leg, leg.Leg, c.name)
		require.ErrorContains(t, err, "Resync")
	}
	w.joinExternally("bob", "ann", cfg, ExternalJoinOptions{Resync: true})
	w.talk("bob")
}

// A member whose PQ group is behind learns so from the next pair.
func TestPairShowsThatPQIsBehind(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob"})
	var s stored
	s.save(t, w.groups["bob"])
	old := s.pq
	w.commit("ann", CommitOptions{Full: true})
	s.save(t, w.groups["bob"])
	g := w.groups["bob"]
	_, pqcfg, err := g.cfg.legs()
	require.NoError(t, err)
	behind, err := mls.RestoreGroup(noon, pqcfg, old)
	require.NoError(t, err)
	torn := newGroup(g.cfg, g.t, behind)
	_, err = torn.Process(t.Context(), noon, w.make("ann", CommitOptions{Full: true}).Message)
	require.ErrorIs(t, err, ErrLegLost)
	require.ErrorContains(t, err, "PQ")
}

// A client that joins from outside may restart before it knows whether its commit was
// accepted.
func TestExternalJoinAcrossARestart(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob"})
	cfg := w.config("cid")
	c, err := ExternalJoin(t.Context(), noon, cfg, w.groupInfo("ann"), ExternalJoinOptions{})
	require.NoError(t, err)
	s, err := c.Save()
	require.NoError(t, err)
	restored, err := RestoreCandidate(noon, cfg, s)
	require.NoError(t, err)
	require.Equal(t, c.Info(), restored.Info())
	require.Equal(t, c.Message, restored.Message)
	for _, torn := range []CandidateState{{s.PQ, s.T}, {s.T, nil}, {nil, s.PQ}} {
		_, err = RestoreCandidate(noon, cfg, torn)
		var leg *LegError
		require.ErrorAs(t, err, &leg)
	}
	for name, g := range w.groups {
		r, err := g.Process(t.Context(), noon, c.Message)
		require.NoError(t, err)
		w.groups[name], err = r.Commit.Adopt()
		require.NoError(t, err)
	}
	g, err := restored.Adopt()
	require.NoError(t, err)
	w.groups["cid"] = g
	var kept stored
	kept.save(t, g) // before it sends
	w.agree()
	w.talk("cid")
}

// A state of another candidate, epoch or group is none.
func TestSavedCandidatesAreOfTheirGroup(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob"})
	full, partial := w.make("bob", CommitOptions{Full: true}), w.make("bob", CommitOptions{Full: true})
	a, err := full.Save()
	require.NoError(t, err)
	b, err := partial.Save()
	require.NoError(t, err)
	_, err = w.groups["ann"].RestoreCandidate(noon, a)
	require.Error(t, err)
	_, err = w.groups["bob"].RestoreCandidate(noon, CandidateState{b.PQ, b.T})
	require.Error(t, err)
	_, err = w.groups["bob"].RestoreCandidate(noon, CandidateState{b.T, b.T})
	require.Error(t, err)
	full.Discard()
	_, err = full.Save()
	require.ErrorIs(t, err, mls.ErrRetired)
	whole, err := w.groups["bob"].Save()
	require.NoError(t, err)
	restored, err := Restore(noon, *w.groups["bob"].cfg, mls.Snapshot{}.Apply(whole.T), mls.Snapshot{}.Apply(whole.PQ))
	require.NoError(t, err)
	require.Equal(t, w.groups["bob"].Info(), restored.Info())
}

// Members leave the combiner by a branch of the T group, which is an ordinary group.
func TestLeavingTheCombiner(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob"})
	k, err := mls.NewKeyPackage(t.Context(), noon, w.config("bob").T, mls.KeyPackageOptions{})
	require.NoError(t, err)
	ann := w.groups["ann"]
	c, err := ann.T().Branch(t.Context(), noon, ann.cfg.T, nil, nil, []*message.KeyPackage{k.KeyPackage}, mls.FollowUpOptions{})
	require.NoError(t, err)
	g, err := c.Adopt()
	require.NoError(t, err)
	info, err := InfoIn(g.GroupContext().Extensions, ann.cfg.numbers())
	require.NoError(t, err)
	require.Nil(t, info)
	require.Equal(t, 2, g.Size())
}
