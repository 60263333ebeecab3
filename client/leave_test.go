package client_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
)

func withSelfRemove(cfg *client.Config) { cfg.MLS.SelfRemove = true }

// leaver returns ann and bob in a group, in which bob wants to leave and nobody else is there
// to commit that, and carl.
func leaver(t *testing.T) (ann, bob, carl *actor, group string) {
	w := newWorld(t)
	ann, bob, carl = w.actor("ann", withSelfRemove), w.actor("bob", withSelfRemove), w.actor("carl", withSelfRemove)
	sync(t, ann, bob, carl)
	group, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	sync(t, ann, bob)
	return ann, bob, carl, group
}

// tryToLeave lets a client propose to leave, which somebody else has to commit. A machine that
// is busy takes longer for that.
func (a *actor) tryToLeave(t testing.TB, group string) {
	t.Helper()
	for patience := 20 * time.Millisecond; ; patience *= 2 {
		short, cancel := context.WithTimeout(ctx, patience)
		err := a.Leave(short, group)
		cancel()
		if errors.Is(err, client.ErrUndecided) {
			return
		}
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Less(t, patience, time.Minute)
	}
}

// Who joins from outside commits that others leave, though no member is there.
func TestJoinerLetsOthersLeave(t *testing.T) {
	ann, bob, carl, g := leaver(t)
	bob.tryToLeave(t, g)
	bob.restart()
	require.NoError(t, carl.JoinExternal(ctx, g))
	require.NoError(t, bob.Sync(ctx))
	require.Empty(t, bob.Groups())
	require.Len(t, of[*client.Left](bob.events()), 1)
	members, err := carl.Members(ctx, g)
	require.NoError(t, err)
	require.Equal(t, []string{"ann", "carl"}, []string{members[0].Name, members[1].Name})
	sync(t, ann, carl)
	agree(t, g, ann, carl)
}

func TestMemberLetsOthersLeave(t *testing.T) {
	ann, bob, _, g := leaver(t)
	bob.tryToLeave(t, g)
	sync(t, ann, bob)
	require.Empty(t, bob.Groups())
	info, err := ann.Group(g)
	require.NoError(t, err)
	require.Equal(t, 1, info.Members)
}

// Where a member does not list SelfRemove, a Remove is proposed, which no joiner commits.
func TestLeaveWithoutSelfRemove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ann, bob, carl := w.actor("ann"), w.actor("bob", withSelfRemove), w.actor("carl", withSelfRemove)
		sync(t, ann, bob, carl)
		g, err := ann.CreateGroup(ctx, "", []string{"bob"})
		require.NoError(t, err)
		sync(t, ann, bob)
		bob.tryToLeave(t, g)
		info, err := w.server.Client("x").GroupInfo(ctx, g)
		require.NoError(t, err)
		require.Empty(t, info.SelfRemoves)
		require.NoError(t, carl.JoinExternal(ctx, g))
		sync(t, ann, bob, carl)
		require.NotEmpty(t, bob.Groups())
		wait() // bob proposes it in the new epoch
		sync(t, bob, ann, carl)
		wait()
		sync(t, ann, bob, carl)
		require.Empty(t, bob.Groups())
		agree(t, g, ann, carl)
	})
}

// A member leaves between the GroupInfo and the external commit: the guard refuses the commit,
// and the client makes another one.
func TestJoinerHearsOfALateSelfRemove(t *testing.T) {
	w := newWorld(t)
	w.guarded()
	m := &meddler{}
	ann, bob := w.actor("ann", withSelfRemove, inPublic), w.actor("bob", withSelfRemove, inPublic)
	carl := w.actor("carl", withSelfRemove, inPublic)
	carl.delivery = func(s delivery.Service) delivery.Service { m.Service = s; return m }
	carl.restart()
	sync(t, ann, bob, carl)
	g, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	sync(t, ann, bob)
	submissions := 0
	m.beforeSubmit = func(delivery.Submission) {
		if submissions++; submissions == 1 {
			bob.tryToLeave(t, g)
		}
	}
	require.NoError(t, carl.JoinExternal(ctx, g))
	require.Equal(t, 2, submissions)
	sync(t, ann, bob, carl)
	require.Empty(t, bob.Groups())
	agree(t, g, ann, carl)
}
