package client_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery/guard"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	storememory "github.com/mlsuite/mlsuite/store/memory"
)

// Clients with public handshakes talk, move and recover behind a guard that refuses
// everything else and has the trees itself.
func TestClientsBehindAGuard(t *testing.T) {
	w := newWorld(t)
	disk, err := storememory.NewDisk().Open()
	require.NoError(t, err)
	watching, err := guard.New(guard.Config{
		MLS: mls.Config{Suites: all.Registry()}, Service: w.server.Client("guard"), Store: disk, PublicOnly: true,
		NameOf: func(c message.Credential) (string, error) {
			name, _ := c.Identity()
			return string(name), nil
		},
	})
	require.NoError(t, err)
	var actors []*actor
	for _, name := range []string{"ann", "bob", "carl"} {
		a := w.actor(name, withHybrid, func(cfg *client.Config) { cfg.MLS.PublicHandshake, cfg.TreeAtService = true, true })
		a.delivery = watching.Service
		a.restart()
		require.NoError(t, a.Sync(ctx))
		actors = append(actors, a)
	}
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
