package guard

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// lostWithoutMal returns ann, a member of a group from which she has removed mal, and that the
// guard has lost since.
func lostWithoutMal(w *world) (ann, mal *member) {
	t := w.t
	ann, mal = w.member("ann", 1, true), w.member("mal", 1, true)
	require.NoError(t, ann.begin("g"))
	ann.add(mal)
	require.NoError(t, ann.submit(ann.remove(mal)))
	w.lose("g")
	require.Nil(t, w.known("g"))
	return ann, mal
}

// Who was removed does not come back where the guard has lost the group, nor where it follows it
// again, also after a restart.
func TestRemovedMemberStaysOutOfALostGroup(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		w := newWorld(t, func(c *Config) { c.NameOf, c.Joins = basicName, JoinsNotRemoved })
		ann, mal := lostWithoutMal(w)
		info, err := w.server.Client("mal").GroupInfo(t.Context(), "g") // as from another gate
		require.NoError(t, err)
		if restarts {
			w.restart()
		}
		_, err = mal.service().GroupInfo(t.Context(), "g")
		w.requireRefused(err, ruleJoins)
		_, err = mal.service().Submit(t.Context(), mal.joins(info, mls.ExternalJoinOptions{}).Submission)
		w.requireRefused(err, ruleJoins)
		w.requireRefused(w.writes("mal", "g", mal.group.Epoch(), mal.encrypted("old")), ruleSender)
		_, err = w.service("dan").GroupInfo(t.Context(), "g")
		require.NoError(t, err, "who was never removed")

		require.NoError(t, ann.submit(ann.commit()))
		require.NotNil(t, w.known("g"))
		if restarts {
			w.restart()
		}
		ann.say("without mal")
		require.Equal(t, 3, w.reads("mal", "g"))
		_, err = mal.service().GroupInfo(t.Context(), "g")
		w.requireRefused(err, ruleJoins)
		info, err = w.server.Client("mal").GroupInfo(t.Context(), "g")
		require.NoError(t, err)
		_, err = mal.service().Submit(t.Context(), mal.joins(info, mls.ExternalJoinOptions{}).Submission)
		w.requireRefused(err, ruleCommit)
		require.ErrorIs(t, err, errLeft)
	}
}

// Whom a commit has added that the guard did not see has entered, once it follows the group again.
func TestWhoIsAddedToALostGroupHasEntered(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.NameOf, c.Joins = basicName, JoinsNotRemoved })
	ann, _ := lostWithoutMal(w)
	again := w.member("mal", 1, true)
	kp, err := mls.NewKeyPackage(t.Context(), noon, again.cfg, mls.KeyPackageOptions{})
	require.NoError(t, err)
	c := ann.commit(message.Add{KeyPackage: kp.KeyPackage})
	_, err = w.server.Client("ann").Submit(t.Context(), c.Submission)
	require.NoError(t, err)
	ann.group = must(c.Adopt())(t)
	require.NoError(t, ann.submit(ann.commit()))
	ann.say("mal is back")
	for range 2 {
		require.Equal(t, len(w.server.Entries(delivery.Stream{Group: "g"})), w.reads("mal", "g"))
		_, err = w.service("mal").GroupInfo(t.Context(), "g")
		require.NoError(t, err)
		w.restart()
	}
}

// Who was removed by a commit that the service has lost was not, though the guard has no state to
// which it can go back.
func TestRemovalThatTheServiceHasLost(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.NameOf, c.Annotated = basicName, 1 })
	ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
	require.NoError(t, ann.begin("g"))
	ann.add(bob)
	bob.say("before")
	restore := w.server.Backup()
	require.NoError(t, ann.submit(ann.remove(bob)))
	for range 5 {
		require.NoError(t, ann.submit(ann.commit()))
	}
	restore()
	_, err := bob.service().GroupInfo(t.Context(), "g")
	require.NoError(t, err)
	require.NoError(t, bob.submit(bob.commit()))
	bob.say("here")
	require.Equal(t, len(w.server.Entries(delivery.Stream{Group: "g"})), w.reads("bob", "g"))
}
