package guard

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// A guard goes back with a service that has lost epochs, also when it has begun again: it
// serves the tree of the epoch that there is, and goes on to refuse what no member takes.
func TestGuardGoesBackWithTheService(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		for _, asks := range []bool{false, true} { // somebody asks for the GroupInfo first
			w := newWorld(t, func(c *Config) {
				c.NameOf = func(c message.Credential) (string, error) {
					name, _ := c.Identity()
					return string(name), nil
				}
			})
			ann, bob, carl := w.member("ann", 1, true), w.member("bob", 1, true), w.member("carl", 1, true)
			require.NoError(t, ann.begin("g"))
			ann.add(bob)
			c := ann.commit()
			require.NoError(t, ann.submit(c))
			bob.group = must(must(bob.group.Process(t.Context(), noon, c.Message))(t).Commit.Adopt())(t)
			restore := w.server.Backup()
			tree := must(bob.group.RatchetTree())(t)
			ann.add(carl)
			require.NoError(t, ann.submit(ann.commit(message.Remove{Removed: 1})))
			require.NoError(t, ann.submit(ann.commit()))
			require.Equal(t, uint64(6), w.known("g").Epoch())
			if restarts {
				w.restart()
			}
			restore()
			if asks {
				info, err := ann.service().GroupInfo(t.Context(), "g")
				require.NoError(t, err)
				require.Equal(t, uint64(3), info.Epoch)
				require.Equal(t, tree, info.Tree)
			}
			bad := bob.commit()
			bad.Discard()
			damaged := bad.Submission
			damaged.ID = "damaged"
			damaged.Commits[0].Message = append([]byte{}, damaged.Commits[0].Message...)
			damaged.Commits[0].Message[len(damaged.Commits[0].Message)-40] ^= 1
			require.Error(t, err2(bob.service().Submit(t.Context(), damaged)), "it is no repetition")
			require.Equal(t, uint64(3), w.known("g").Epoch())
			require.NoError(t, bob.submit(bob.commit()))
			require.Equal(t, uint64(4), w.known("g").Epoch())
			_, left, err := w.guard.hasLeft(t.Context(), "g", "bob")
			require.NoError(t, err)
			require.False(t, left, "the commit that removed him is lost")
			w.restart()
			require.Equal(t, uint64(4), w.known("g").Epoch())
			info, err := bob.service().GroupInfo(t.Context(), "g")
			require.NoError(t, err)
			require.Equal(t, must(bob.group.RatchetTree())(t), info.Tree)
			public, err := mls.NewPublicGroup(t.Context(), noon, bob.cfg, info.Message, info.Tree)
			require.NoError(t, err)
			require.Equal(t, bob.group.GroupContext().ConfirmedTranscriptHash, public.GroupContext().ConfirmedTranscriptHash)
		}
	}
}

// A guard that goes back to the first epoch knows by the commit that began it that handshakes are
// public; where there was none, the next commit shows it again.
func TestGuardGoesBackToTheFirstEpoch(t *testing.T) {
	for _, commit := range []bool{true, false} {
		w := newWorld(t, nil)
		ann, private := w.member("ann", 1, true), w.member("ann", 1, false)
		begins := func(m *member) delivery.Submission {
			m.group = must(mls.CreateGroup(t.Context(), noon, m.cfg, []byte("g")))(t)
			c := m.commit()
			m.group = must(c.Adopt())(t)
			if !commit {
				c.Commits[0].Message = nil
			}
			return c.Submission
		}
		require.NoError(t, err2(ann.service().Submit(t.Context(), begins(ann))))
		restore := w.server.Backup()
		require.NoError(t, ann.submit(ann.commit()))
		restore()
		begins(private)
		err := private.submit(private.commit())
		if !commit {
			require.NoError(t, err)
			continue
		}
		w.requireRefused(err, ruleCommit)
		require.ErrorIs(t, err, errPrivate)
		require.Equal(t, uint64(1), w.known("g").Epoch())
		w.restart()
		w.requireRefused(private.submit(private.commit()), ruleCommit)
	}
}

// A commit that has lost against another one does not lead the guard back.
func TestLostCommitLeadsNobodyBack(t *testing.T) {
	w := newWorld(t, nil)
	ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
	require.NoError(t, ann.begin("g"))
	ann.add(bob)
	late := bob.commit()
	require.NoError(t, ann.submit(ann.commit()))
	for range 2 {
		var epoch *delivery.EpochError
		require.ErrorAs(t, err2(bob.service().Submit(t.Context(), late.Submission)), &epoch)
		require.Equal(t, uint64(3), epoch.Current)
		require.Equal(t, uint64(3), w.known("g").Epoch())
		w.restart()
	}
}

// A service that has lost no epoch, but messages that the guard has read, gives their positions to
// what comes later. The guard reads that, too.
func TestGuardReadsWhatTakesThePlaceOfLostMessages(t *testing.T) {
	for _, c := range []struct{ restarts, collects, past bool }{{}, {restarts: true}, {collects: true}, {past: true}} {
		w := newWorld(t, named)
		ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
		require.NoError(t, ann.begin("g"))
		ann.add(bob)
		if c.collects {
			require.NoError(t, w.guard.CatchUp(t.Context()))
			w.readAll("g", "ann", "bob")
			w.server.Collect()
		}
		restore := w.server.Backup()
		for range 5 {
			bob.say("lost")
		}
		require.Equal(t, uint64(2), w.known("g").Epoch()) // the guard has read all of it
		if c.restarts {
			require.NoError(t, w.guard.CatchUp(t.Context()))
			w.restart()
		}
		restore()
		if next := ann.withoutTree(); c.past { // as at another gate
			require.NoError(t, err2(w.server.Client("ann").Submit(t.Context(), next.Submission)))
			ann.group = must(next.Adopt())(t)
		} else {
			require.NoError(t, ann.submit(next))
			require.Equal(t, uint64(3), w.known("g").Epoch())
		}
		require.NoError(t, ann.submit(ann.withoutTree()))
		require.NoError(t, ann.submit(ann.remove(bob)))
		ann.say("here")
		for range 2 {
			require.Equal(t, uint64(5), w.known("g").Epoch())
			_, left, err := w.guard.hasLeft(t.Context(), "g", "bob")
			require.NoError(t, err)
			require.True(t, left)
			w.restart()
		}
	}
}

// A guard that has read anew where the service lost messages goes back to the epochs that came since.
func TestPastBehindLostMessages(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.member("ann", 1, true)
	require.NoError(t, ann.begin("g"))
	for range 3 {
		require.NoError(t, ann.submit(ann.commit()))
	}
	restore := w.server.Backup()
	for range 5 {
		ann.say("lost")
	}
	require.NotNil(t, w.known("g"))
	require.NoError(t, w.guard.CatchUp(t.Context()))
	restore()
	trees := map[uint64][]byte{}
	for range 7 { // some of them take positions of what is lost
		require.NoError(t, ann.submit(ann.withoutTree()))
		trees[ann.group.Epoch()] = must(ann.group.RatchetTree())(t)
	}
	w.restart()
	for epoch, tree := range trees {
		found, err := w.annotator("ann").Tree(t.Context(), "g", epoch)
		require.NoError(t, err, "epoch %d", epoch)
		require.Equal(t, tree, found)
	}
}
