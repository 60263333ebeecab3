package client_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/store"
	"github.com/mlsuite/mlsuite/store/bolt"
)

var ctx = context.Background()

func TestMembersTalk(t *testing.T) {
	w := newWorld(t)
	actors := w.clients("ann", "bob", "carl")
	ann, bob, carl := actors[0], actors[1], actors[2]
	g, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	sync(t, actors...)
	agree(t, g, ann, bob)
	require.NoError(t, bob.Add(ctx, g, "carl"))
	_, err = ann.Send(ctx, g, []byte("hello"))
	require.NoError(t, err)
	_, err = bob.Send(ctx, g, []byte("hi"))
	require.NoError(t, err)
	sync(t, actors...)
	agree(t, g, actors...)
	require.ElementsMatch(t, []string{"bob: hi"}, ann.texts())
	require.ElementsMatch(t, []string{"ann: hello"}, bob.texts())
	require.ElementsMatch(t, []string{"ann: hello", "bob: hi"}, carl.texts())

	require.NoError(t, ann.Update(ctx, g))
	require.NoError(t, carl.Remove(ctx, g, "bob"))
	sync(t, actors...)
	agree(t, g, ann, carl)
	left := of[*client.Left](bob.events())
	require.Len(t, left, 1)
	require.Equal(t, "carl", left[0].By.Name)
	require.Empty(t, bob.Groups())
	require.NoError(t, ann.Add(ctx, g, "bob"), "who was removed can come back")
	sync(t, actors...)
	agree(t, g, actors...)
}

// pair returns two clients in one group, in which both are.
func pair(t *testing.T) (w *world, ann, bob *actor, group string) {
	w = newWorld(t)
	actors := w.clients("ann", "bob")
	group, err := actors[0].CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	sync(t, actors...)
	return w, actors[0], actors[1], group
}

func TestGroupThatCannotBeginIsNotThere(t *testing.T) {
	_, ann, bob, _ := pair(t)
	_, err := ann.CreateGroup(ctx, "new", []string{"bob", "nobody"})
	require.ErrorIs(t, err, delivery.ErrNoKeyPackage)
	_, err = ann.Group("new")
	require.ErrorIs(t, err, client.ErrNoGroup)

	_, err = bob.CreateGroup(ctx, "taken", nil)
	require.NoError(t, err)
	_, err = ann.CreateGroup(ctx, "taken", nil)
	require.ErrorIs(t, err, client.ErrExists)
	require.Len(t, ann.Groups(), 1)
	_, err = bob.CreateGroup(ctx, "taken", nil)
	require.ErrorIs(t, err, client.ErrExists)
	require.NoError(t, ann.JoinExternal(ctx, "taken"))
	sync(t, ann, bob)
	agree(t, "taken", ann, bob)
}

func TestMemberLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, ann, bob, g := pair(t)
		short, cancel := shortly()
		defer cancel()
		err := bob.Leave(short, g)
		require.ErrorIs(t, err, client.ErrUndecided)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		sync(t, ann)
		wait() // the time for a commit comes
		sync(t, ann, bob)
		require.Empty(t, bob.Groups())
		info, err := ann.Group(g)
		require.NoError(t, err)
		require.Equal(t, 1, info.Members)
		require.NoError(t, ann.Leave(ctx, g))
		require.Empty(t, ann.Groups())
	})
}

func TestRestartRedeliversWhatWasNotConfirmed(t *testing.T) {
	_, ann, bob, g := pair(t)
	for _, text := range []string{"one", "two", "three"} {
		_, err := ann.Send(ctx, g, []byte(text))
		require.NoError(t, err)
	}
	sync(t, ann, bob)
	var seen []string
	count := func(w store.Writer) error {
		old, err := w.Get([]byte("count"))
		if err != nil {
			return err
		}
		return w.Put([]byte("count"), append(old, '.'))
	}
	for e, err := range bob.Events(ctx) {
		require.NoError(t, err)
		m, ok := e.What.(*client.Message)
		if !ok {
			require.NoError(t, bob.Confirm(ctx, e))
			continue
		}
		seen = append(seen, string(m.Data))
		if string(m.Data) == "two" {
			break
		}
		require.NoError(t, bob.Confirm(ctx, e, count))
		require.NoError(t, bob.Confirm(ctx, e, count), "again")
	}
	require.Equal(t, []string{"one", "two"}, seen)
	bob.restart()
	require.NoError(t, bob.Read(ctx, func(r store.Reader) error {
		value, err := r.Get([]byte("count"))
		require.Equal(t, ".", string(value), "written once with the confirmation")
		return err
	}))
	require.Equal(t, []string{"ann: two", "ann: three"}, bob.texts())
	sync(t, ann, bob)
	require.Empty(t, bob.events())
}

// An update of the store that fails leaves the client where it was, in memory too.
func TestFailedUpdateChangesNothing(t *testing.T) {
	for left := 1; left < 8; left++ {
		_, ann, bob, g := pair(t)
		bob.events()
		_, err := ann.Send(ctx, g, []byte("one"))
		require.NoError(t, err)
		require.NoError(t, ann.Flush(ctx, g))
		require.NoError(t, ann.Update(ctx, g))
		bob.mortal(left, fails)
		bob.restart()
		for range 5 {
			if err := bob.Sync(ctx); err != nil {
				require.True(t, passing(err), "%v", err)
			}
		}
		require.Equal(t, []string{"ann: one"}, bob.texts(), left)
		agree(t, g, ann, bob)
	}
}

// The embedded default keeps a client as the store of the other tests does.
func TestClientInAFile(t *testing.T) {
	w := newWorld(t)
	bob := w.clients("bob")[0]
	ann := w.actor("ann")
	path, secret := filepath.Join(t.TempDir(), "ann"), make([]byte, bolt.KeySize)
	open := func() {
		s, err := bolt.Open(path, bolt.Options{Key: secret, NoSync: true})
		require.NoError(t, err)
		ann.cfg.Store, ann.cfg.Delivery = s, w.server.Client("ann")
		ann.Client, err = client.Open(ctx, ann.cfg)
		require.NoError(t, err)
	}
	open()
	g, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	_, err = bolt.Open(path, bolt.Options{Key: secret})
	require.ErrorIs(t, err, store.ErrLocked)
	for i := range 5 {
		require.NoError(t, ann.Close())
		open()
		_, err := ann.Send(ctx, g, fmt.Append(nil, i))
		require.NoError(t, err)
		sync(t, bob, ann)
	}
	require.Equal(t, []string{"ann: 0", "ann: 1", "ann: 2", "ann: 3", "ann: 4"}, bob.texts())
	agree(t, g, ann, bob)
	require.NoError(t, ann.Close())
}
