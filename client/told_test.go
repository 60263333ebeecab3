package client_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
)

// A client whose group is not in memory finds out that the service has lost what it had read and
// given the position to another entry, when the service tells of that.
func TestReplacedEntryOfAGroupNotInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		actors, g, stop := running(t, client.Schedule{}, "ann", "bob")
		defer stop()
		ann, bob := actors[0], actors[1]
		carl := ann.w.actor("carl", func(cfg *client.Config) { cfg.Schedule = client.Schedule{} })
		require.NoError(t, carl.Sync(ctx))
		require.NoError(t, ann.Add(ctx, g, "carl"))
		wait()
		require.NoError(t, carl.Sync(ctx))
		restore := ann.w.server.Backup()
		say(t, g, ann)
		wait()
		require.NoError(t, carl.Sync(ctx))
		carl.texts()
		carl.restart() // the group is no longer in memory
		run, cancel := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- carl.Run(run) }()
		wait()
		require.Zero(t, carl.InMemory())
		restore()
		say(t, g, bob)
		wait()
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, of[*client.Message](carl.events()), 1, "that of bob stands where that of ann stood")
		cancel()
		<-ended
		require.NoError(t, carl.Close())
	})
}
