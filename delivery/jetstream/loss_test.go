package jetstream

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/mls"
	mlsmessage "github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	storememory "github.com/mlsuite/mlsuite/store/memory"
)

// member returns a client of a server, and the connection on which it stays when the server
// comes back.
func member(t *testing.T, url, name string) *client.Client {
	nc, err := nats.Connect(url, Queue(), nats.MaxReconnects(-1), nats.ReconnectWait(time.Millisecond), nats.ReconnectJitter(0, 0))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	service, err := Connect(t.Context(), nc, name)
	require.NoError(t, err)
	s, err := all.Registry().Suite(1)
	require.NoError(t, err)
	signer, err := s.GenerateSigner()
	require.NoError(t, err)
	disk, err := storememory.NewDisk().Open()
	require.NoError(t, err)
	c, err := client.Open(t.Context(), client.Config{
		MLS:   mls.Config{Suites: all.Registry(), Suite: 1, Signer: signer, Credential: mlsmessage.BasicCredential([]byte(name))},
		Store: disk, Delivery: service, KeyPackages: client.KeyPackages{Count: 2},
		Schedule: client.Schedule{Renew: -1, RenewMessages: -1, Commit: time.Nanosecond, Check: -1, TakeOver: -1, Backoff: time.Millisecond, MaxBackoff: time.Millisecond},
	})
	require.NoError(t, err)
	return c
}

// A server comes back from a backup, while its clients are connected: they find that it has
// lost what they have seen, and come back together. Who has seen nothing of it goes on.
func TestServerThatComesBackFromABackup(t *testing.T) {
	folder := t.TempDir()
	start := func(listen string) *Server {
		s, err := Start(t.Context(), ServerOptions{Folder: folder, Listen: listen})
		require.NoError(t, err)
		return s
	}
	server := start("127.0.0.1:0")
	address := server.URL().Host
	restart := func(meanwhile func()) {
		server.Stop()
		meanwhile()
		server = start(address)
	}
	defer func() { server.Stop() }()
	var clients []*client.Client
	for _, name := range []string{"ann", "bob", "carl"} {
		clients = append(clients, member(t, server.URL().String(), name))
	}
	sync := func(who ...*client.Client) {
		t.Helper()
		done := func() bool {
			for _, c := range who {
				if c.Sync(t.Context()) != nil {
					return false
				}
			}
			return true
		}
		for range 2 {
			require.Eventually(t, done, 20*time.Second, time.Millisecond)
		}
	}
	ann, bob, carl := clients[0], clients[1], clients[2]
	sync(clients...)
	g, err := ann.CreateGroup(t.Context(), "", []string{"bob", "carl"})
	require.NoError(t, err)
	sync(clients...)
	require.NoError(t, bob.Update(t.Context(), g))
	sync(clients...)

	backup := filepath.Join(t.TempDir(), "backup")
	restart(func() { require.NoError(t, os.CopyFS(backup, os.DirFS(folder))) })
	sync(clients...)
	_, err = ann.Send(t.Context(), g, []byte("lost"))
	require.NoError(t, err)
	require.NoError(t, ann.Update(t.Context(), g))
	sync(ann, bob)
	restart(func() {
		require.NoError(t, os.RemoveAll(folder))
		require.NoError(t, os.CopyFS(folder, os.DirFS(backup)))
	})
	_, err = carl.Send(t.Context(), g, []byte("hello"))
	require.NoError(t, err)
	require.NoError(t, carl.Flush(t.Context(), g))
	sync(clients...)
	for _, c := range clients {
		_, err := c.Send(t.Context(), g, []byte("again"))
		require.NoError(t, err)
	}
	sync(clients...)

	authenticators := map[string]int{}
	for _, c := range clients {
		require.NoError(t, c.View(t.Context(), g, func(m *mls.Group) error {
			authenticator, err := m.EpochAuthenticator()
			authenticators[string(authenticator)]++
			require.Equal(t, 3, m.Size())
			return err
		}))
		events, err := c.Unconfirmed(t.Context(), 0)
		require.NoError(t, err)
		found, again := 0, 0
		for _, e := range events {
			switch what := e.What.(type) {
			case *client.InTrouble:
				require.Equal(t, client.ServiceRolledBack, what.Trouble)
				found++
			case *client.Message:
				if string(what.Data) == "again" {
					again++
				}
			}
		}
		require.Equal(t, c != carl, found > 0, c.Name())
		require.Equal(t, 2, again, c.Name())
	}
	require.Len(t, authenticators, 1)
}
