package guard

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
)

// readAll has clients acknowledge all that a group's stream has.
func (w *world) readAll(group string, clients ...string) {
	w.t.Helper()
	of := delivery.Stream{Group: group}
	entries := w.server.Entries(of)
	for _, name := range clients {
		require.NoError(w.t, w.server.Client(name).Acknowledge(w.t.Context(), of, entries[len(entries)-1].Position))
	}
}

// text sends application data to the service, past the guard.
func (m *member) text(id string) {
	m.w.t.Helper()
	text, err := m.group.Encrypt(m.w.t.Context(), noon, []byte("text"), nil)
	require.NoError(m.w.t, err)
	_, err = m.w.server.Client(m.name).Send(m.w.t.Context(), delivery.Message{
		ID: id, Group: string(m.group.GroupID()), Epoch: m.group.Epoch(), Message: text,
	})
	require.NoError(m.w.t, err)
}

// withoutTree is a commit of a member that leaves the tree to the guard.
func (m *member) withoutTree() candidate {
	c := m.commit()
	c.Commits[0].Tree = nil
	return c
}

// What the guard has not read is kept for it, though all clients have read it: messages, which it
// does not follow one by one, and what goes past it, as where there are several gates.
func TestServiceKeepsWhatTheGuardHasNotRead(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		w := newWorld(t, nil)
		ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
		require.NoError(t, ann.begin("g"))
		ann.add(bob)
		ann.text("text 1")
		passes := ann.commit()
		_, err := w.server.Client("ann").Submit(t.Context(), passes.Submission)
		require.NoError(t, err)
		ann.group = must(passes.Adopt())(t)
		ann.text("text 2")
		if restarts {
			w.restart()
		}
		w.readAll("g", "ann", "bob")
		w.server.Collect()
		require.NoError(t, ann.submit(ann.withoutTree()))
		require.Equal(t, uint64(4), w.known("g").Epoch())
	}
}

// CatchUp lets the service delete what the guard has read, and no more.
func TestGuardCatchesUp(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Cached = 1 })
	ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
	require.NoError(t, ann.begin("g"))
	require.NoError(t, w.member("dan", 1, true).begin("h")) // for which the cache has no room
	ann.add(bob)
	ann.text("text 1")
	w.readAll("g", "ann", "bob")
	g := delivery.Stream{Group: "g"}
	for range 2 { // it has nothing to read the second time
		require.NoError(t, w.guard.CatchUp(t.Context()))
		w.server.Collect()
		require.Empty(t, w.server.Entries(g))
		w.restart()
	}
	ann.text("text 2")
	w.readAll("g", "ann", "bob")
	w.server.Collect()
	require.Len(t, w.server.Entries(g), 1)
	require.NoError(t, ann.submit(ann.withoutTree()))
	require.Equal(t, uint64(3), w.known("g").Epoch())
}

// A group that the guard has lost is kept for the clients alone.
func TestLostGroupIsNotKeptForTheGuard(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.member("ann", 1, true)
	require.NoError(t, ann.begin("g"))
	ann.text("text 1")
	g := delivery.Stream{Group: "g"}
	w.server.Drop(w.server.Entries(g)[1].Position) // whoever has read it, as what is too old
	require.NoError(t, w.guard.CatchUp(t.Context()))
	require.Nil(t, w.known("g"))
	ann.text("text 2")
	w.readAll("g", "ann")
	w.server.Collect()
	require.Empty(t, w.server.Entries(g))
	require.NoError(t, ann.submit(ann.commit()), "the commit brings the tree")
	require.Equal(t, uint64(2), w.known("g").Epoch())
	ann.text("text 3")
	w.readAll("g", "ann")
	w.server.Collect()
	require.Len(t, w.server.Entries(g), 1, "the guard is a reader again")
}

// Both groups of a pair read one stream. What one of them has not read is kept.
func TestStreamOfAPairIsReadByBoth(t *testing.T) {
	w := pairWorld(t, nil)
	ann := w.pairMember("ann", true)
	ann.begin("t", "pq")
	tStream := delivery.Stream{Group: "t"}
	c := must(ann.group.T().Commit(t.Context(), noon, mls.CommitOptions{}))(t)
	_, err := w.server.Client("ann").Submit(t.Context(), ann.submission(ann.describe(c, c.Message)))
	require.NoError(t, err)
	require.Equal(t, c.Epoch(), w.known("t").Epoch())
	w.readAll("t", "ann")
	w.server.Collect()
	kept := len(w.server.Entries(tStream))
	require.Positive(t, kept)
	require.NoError(t, w.guard.CatchUp(t.Context()))
	w.server.Collect()
	require.Empty(t, w.server.Entries(tStream))
	require.NotNil(t, w.known("t"))
	require.NotNil(t, w.known("pq"))
}
