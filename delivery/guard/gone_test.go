package guard

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
)

// lose makes the guard lose a group that it follows.
func (w *world) lose(group string) {
	w.t.Helper()
	f := must(w.guard.load(w.t.Context(), group))(w.t)
	require.NoError(w.t, err2(w.guard.lose(w.t.Context(), group, f, errors.New("test"))))
	require.Nil(w.t, w.known(group))
}

// past hands a commit in at another gate.
func (m *member) past(c candidate) {
	m.w.t.Helper()
	require.NoError(m.w.t, err2(m.w.server.Client(m.name).Submit(m.w.t.Context(), c.Submission)))
	m.group = must(c.Adopt())(m.w.t)
}

// gone returns the position of the commit by which the guard takes a client for gone, or 0.
func (w *world) gone(name string) delivery.Position {
	w.t.Helper()
	w.known("g")
	at, _, err := w.guard.hasLeft(w.t.Context(), "g", name)
	require.NoError(w.t, err)
	return at
}

// last returns the position of the last entry of the group.
func (w *world) last() delivery.Position {
	entries := w.server.Entries(delivery.Stream{Group: "g"})
	return entries[len(entries)-1].Position
}

// requireNothingKept checks that the store does not keep for ever who was in a group.
func (w *world) requireNothingKept() {
	w.t.Helper()
	require.NoError(w.t, w.cfg.Store.View(w.t.Context(), func(r store.Reader) error {
		names, err := namesBelow(r, wasOf("g"))
		require.Empty(w.t, names)
		return err
	}))
}

// A guard hears of who is removed behind the record with which it begins. It does not know of who
// was removed before.
func TestRemovedBehindTheRecord(t *testing.T) {
	w := newWorld(t, named)
	ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
	require.NoError(t, ann.begin("g"))
	ann.add(bob)
	sees, late := w.beside(), w.beside()
	require.NotNil(t, sees.known("g"))
	ann.past(ann.remove(bob))
	at := w.last()
	ann.text("without bob")
	require.Equal(t, at, sees.gone("bob"))
	require.Zero(t, late.gone("bob"))
	require.Equal(t, at, w.gone("bob"))
}

// Who was a member when the guard lost the group, and is none when it follows it again, was removed:
// the client reads up to there, and does not come back by itself. Who was added again was not.
func TestRemovedWhereTheGuardSeesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		lost   func(w *world) // before the commits that the guard does not see
		gap    bool
		begins func(ann *member)
	}{
		"a gap":        {func(*world) {}, true, func(ann *member) { ann.past(ann.commit()) }},
		"a lost group": {func(w *world) { w.lose("g") }, false, func(ann *member) { require.NoError(ann.w.t, ann.submit(ann.commit())) }},
	} {
		for _, restarts := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t, func(c *Config) { c.NameOf, c.Joins = basicName, JoinsNotRemoved })
				ann, bob, carl := w.member("ann", 1, true), w.member("bob", 1, true), w.member("carl", 1, true)
				require.NoError(t, ann.begin("g"))
				ann.add(bob)
				ann.add(carl)
				require.NotNil(t, w.known("g"))
				c.lost(w)
				ann.past(ann.remove(bob))
				ann.past(ann.remove(carl))
				back := w.member("carl", 1, true)
				kp := must(mls.NewKeyPackage(t.Context(), noon, back.cfg, mls.KeyPackageOptions{}))(t)
				ann.past(ann.commit(message.Add{KeyPackage: kp.KeyPackage}))
				if restarts {
					w.restart()
				}
				if c.gap {
					w.server.Drop(w.last())
				}
				c.begins(ann)
				at := w.last()
				require.Equal(t, at, w.gone("bob"))
				require.Zero(t, w.gone("carl"))
				require.Zero(t, w.gone("ann"))
				w.requireNothingKept()
				ann.say("without bob")
				for name, n := range map[string]int{"bob": 1, "carl": 2} {
					entries, err := w.service(name).Fetch(t.Context(), delivery.Stream{Group: "g"}, at-1, 0)
					require.NoError(t, err)
					require.Len(t, entries, n, name)
				}
				w.requireRefused(err2(w.service("bob").GroupInfo(t.Context(), "g")), ruleJoins)
				require.NoError(t, err2(w.service("carl").GroupInfo(t.Context(), "g")))
				w.restart()
				require.Equal(t, at, w.gone("bob"))
			})
		}
	}
}

// What a guard has read before it loses the group counts, though it was not stored yet.
func TestRemovedRightBeforeTheGroupIsLost(t *testing.T) {
	w := newWorld(t, named)
	ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
	require.NoError(t, ann.begin("g"))
	ann.add(bob)
	ann.past(ann.remove(bob))
	at := w.last()
	bad := delivery.Submission{ID: "bad", Commits: []delivery.Commit{{Group: "g", Epoch: ann.group.Epoch(), Message: []byte("no commit")}}}
	require.NoError(t, err2(w.server.Client("mal").Submit(t.Context(), bad)))
	require.Nil(t, w.known("g"))
	require.Equal(t, at, w.gone("bob"))
	w.restart()
	require.Equal(t, at, w.gone("bob"))
}

// Whom a commit has added again that the service has lost has left, as before.
func TestAddedAgainByALostCommit(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		w := newWorld(t, named)
		ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
		require.NoError(t, ann.begin("g"))
		ann.add(bob)
		require.NoError(t, ann.submit(ann.remove(bob)))
		at := w.last()
		require.NoError(t, ann.submit(ann.withoutTree()))
		restore := w.server.Backup()
		ann.add(w.member("bob", 1, true))
		require.Zero(t, w.gone("bob"))
		if restarts {
			w.restart()
			require.NotNil(t, w.known("g"))
		}
		restore()
		require.NoError(t, err2(w.service("ann").GroupInfo(t.Context(), "g")))
		require.Equal(t, at, w.gone("bob"))
		w.restart()
		require.Equal(t, at, w.gone("bob"))
	}
}

// Who was added by a commit that the service has lost has not left, though the guard cannot go back.
func TestNeverAMemberAfterALoss(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.NameOf, c.Joins, c.Annotated = basicName, JoinsNotRemoved, 1 })
	ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
	require.NoError(t, ann.begin("g"))
	restore := w.server.Backup()
	ann.add(bob)
	for range 5 {
		require.NoError(t, ann.submit(ann.commit()))
	}
	restore()
	require.NoError(t, err2(w.service("bob").GroupInfo(t.Context(), "g")))
	require.Zero(t, w.gone("bob"))
	w.requireNothingKept()
}
