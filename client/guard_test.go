package client_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery/guard"
)

// Clients with public handshakes talk, move and recover behind a guard that refuses
// everything else and has the trees itself.
func TestClientsBehindAGuard(t *testing.T) {
	w := newWorld(t)
	w.guarded(func(cfg *guard.Config) { cfg.PublicOnly = true })
	actors := w.alike([]string{"ann", "bob", "carl"}, withHybrid, inPublic)
	ann, bob, carl := actors[0], actors[1], actors[2]
	g, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	require.NoError(t, ann.Add(ctx, g, "carl"))
	sync(t, actors...)
	require.NoError(t, bob.Update(ctx, g))
	sync(t, actors...)
	info, err := w.server.Client("ann").GroupInfo(ctx, g)
	require.NoError(t, err)
	require.Empty(t, info.Tree)
	require.NoError(t, carl.Resync(ctx, g))
	sync(t, actors...)
	agree(t, g, actors...)

	g, err = ann.Move(ctx, g, hybrid)
	require.NoError(t, err)
	sync(t, actors...)
	require.NoError(t, carl.Update(ctx, g))
	require.NoError(t, bob.Resync(ctx, g))
	_, err = carl.Send(ctx, g, []byte("in public"))
	require.NoError(t, err)
	sync(t, actors...)
	agree(t, g, actors...)
	require.Contains(t, ann.texts(), "carl: in public")
}

// The same of clients whose handshakes are private: the group that follows a move begins with a
// Welcome, which does not show what handshakes it will have.
func TestPrivateGroupsMoveBehindAGuard(t *testing.T) {
	w := newWorld(t)
	w.guarded()
	actors := w.alike([]string{"ann", "bob"}, withHybrid, inPairs)
	ann, bob := actors[0], actors[1]
	g, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	sync(t, actors...)
	require.NoError(t, bob.Pair(ctx, g))
	sync(t, actors...)
	agree(t, g, actors...)
	g, err = ann.Move(ctx, g, hybrid)
	require.NoError(t, err)
	sync(t, actors...)
	require.NoError(t, bob.Update(ctx, g))
	sync(t, actors...)
	agree(t, g, actors...)
	require.Empty(t, of[*client.Failed](append(ann.events(), bob.events()...)))
}

// Clients that leave the tree to the service, and partial members, reach several guards, of which
// some begin later than the group.
func TestSecondGuard(t *testing.T) {
	for _, keeps := range []bool{false, true} {
		w := newWorld(t)
		w.guarded(func(cfg *guard.Config) { cfg.KeepTrees = keeps })
		ann := w.actor("ann", inPublic)
		bob, phone := w.actor("bob", inPublic), w.actor("phone", partially)
		sync(t, ann, bob, phone)
		g, err := ann.CreateGroup(ctx, "", []string{"bob", "phone"})
		require.NoError(t, err)
		sync(t, ann, bob, phone)
		require.NoError(t, ann.Update(ctx, g))
		sync(t, ann, bob, phone)

		w.guarded(func(cfg *guard.Config) { cfg.KeepTrees, cfg.Service = keeps, w.server.Client("guard beside") })
		bob.restart()
		if !keeps {
			require.NoError(t, bob.Update(ctx, g), "which brings the tree when the guard asks for it")
			sync(t, ann, phone) // still behind the first guard
		}
		phone.restart()
		require.NoError(t, bob.Update(ctx, g))
		require.NoError(t, ann.Update(ctx, g))
		_, err = phone.Send(ctx, g, []byte("hello"))
		require.NoError(t, err)
		sync(t, phone, ann, bob)
		require.NoError(t, bob.Resync(ctx, g))
		sync(t, phone, ann, bob)
		agree(t, g, ann, bob)
		require.Contains(t, ann.texts(), "phone: hello")
		info, err := phone.Group(g)
		require.NoError(t, err)
		theirs, err := ann.Group(g)
		require.NoError(t, err)
		require.True(t, info.Partial)
		require.Equal(t, theirs.Epoch, info.Epoch)
	}
}

// So do the members of a pair of groups.
func TestSecondGuardOfAPair(t *testing.T) {
	w := newWorld(t)
	w.guarded()
	actors := w.alike([]string{"ann", "bob", "carl"}, withHybrid, inPairs, inPublic)
	ann, bob := actors[0], actors[1]
	g, err := ann.CreatePair(ctx, "", []string{"bob"})
	require.NoError(t, err)
	sync(t, ann, bob)
	require.NoError(t, ann.Update(ctx, g))
	sync(t, ann, bob)
	w.guarded(func(cfg *guard.Config) { cfg.Service = w.server.Client("guard beside") })
	bob.restart()
	require.NoError(t, bob.Add(ctx, g, "carl"), "which brings the trees of both groups")
	require.NoError(t, bob.Update(ctx, g))
	sync(t, bob, ann)
	require.NoError(t, ann.Update(ctx, g))
	require.NoError(t, ann.Remove(ctx, g, "bob"))
	sync(t, ann, bob)
	require.Empty(t, bob.Groups())
}
