package jetstream

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
)

// The system account is told how a server writes, and Check says what follows from that.
func TestCheckFindsServersThatWriteLate(t *testing.T) {
	for sync, want := range map[string]Finding{
		"sync_interval: always": {true, ", makes each write durable before it answers"},
		"":                      {false, ", makes writes durable every 2m0s: a loss of power loses what it has accepted since (set sync_interval: always)"},
	} {
		folder := t.TempDir()
		file := filepath.Join(folder, "nats.conf")
		require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `
			server_name: one
			listen: "127.0.0.1:-1"
			jetstream { store_dir: %q, %s }
			accounts {
				SYS: { users: [ { user: sys, password: sys } ] }
				APP: { jetstream: enabled, users: [ { user: app, password: app } ] }
			}
			system_account: SYS
		`, filepath.Join(folder, "store"), sync), 0o600))
		options, err := server.ProcessConfigFile(file)
		require.NoError(t, err)
		options.NoSigs, options.NoLog, options.JetStreamMaxStore = true, true, Limits{}.disk()
		ns, err := server.NewServer(options)
		require.NoError(t, err)
		ns.Start()
		require.True(t, ns.ReadyForConnections(10*time.Second))
		app, err := nats.Connect(ns.ClientURL(), nats.UserInfo("app", "app"))
		require.NoError(t, err)
		sys, err := nats.Connect(ns.ClientURL(), nats.UserInfo("sys", "sys"))
		require.NoError(t, err)

		found, err := Check(t.Context(), app, sys)
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Contains(t, found[0].What, "there is no stream")
		require.NoError(t, Setup(t.Context(), app, 1, Limits{}))
		found, err = Check(t.Context(), app, sys)
		require.NoError(t, err)
		last := found[len(found)-1]
		require.Equal(t, want.Good, last.Good)
		require.Equal(t, "server one, version "+server.VERSION+want.What, last.What)
		app.Close()
		sys.Close()
		ns.Shutdown()
		ns.WaitForShutdown()
	}
}

func TestCollectKeepsWhatSomebodyNeeds(t *testing.T) {
	n := newNetwork(t)
	ann, bob := n.Client("ann"), n.Client("bob")
	large := make([]byte, 2<<20)
	begin := delivery.Submission{ID: "1", Commits: []delivery.Commit{{Group: "g", Message: []byte("commit"), GroupInfo: []byte("info"), Tree: large}}}
	began, err := ann.Submit(t.Context(), begin)
	require.NoError(t, err)
	sent, err := ann.Send(t.Context(), delivery.Message{ID: "2", Group: "g", Epoch: 1, Message: []byte("message")})
	require.NoError(t, err)
	g := delivery.Stream{Group: "g"}
	collect := func() int {
		_, err := Collect(t.Context(), n.conn(), Retention{Read: true})
		require.NoError(t, err)
		entries, err := ann.Fetch(t.Context(), g, sent-1, 0)
		require.NoError(t, err)
		return len(entries)
	}
	require.Equal(t, 1, collect(), "nobody has read it")
	require.NoError(t, ann.Acknowledge(t.Context(), g, sent))
	require.NoError(t, bob.Acknowledge(t.Context(), g, began))
	require.Equal(t, 1, collect(), "bob has not read it")
	_, err = bob.Fetch(t.Context(), g, began-1, 0)
	var gap *delivery.GapError
	require.ErrorAs(t, err, &gap, "what both have read is gone")
	require.NoError(t, bob.Acknowledge(t.Context(), g, sent))
	entries, err := ann.Fetch(t.Context(), g, sent, 0)
	require.NoError(t, err)
	require.Empty(t, entries)
	_, err = Collect(t.Context(), n.conn(), Retention{Read: true})
	require.NoError(t, err)
	info, err := bob.GroupInfo(t.Context(), "g")
	require.NoError(t, err)
	require.Equal(t, large, info.Tree, "the state of the group stays, with its objects")
	_, err = ann.Submit(t.Context(), delivery.Submission{ID: "3", Commits: []delivery.Commit{{Group: "g", Epoch: 1, Message: []byte("commit")}}})
	require.NoError(t, err)
}

// An object that nobody refers to is collected once it is not fresh.
func TestOrphansAreCollected(t *testing.T) {
	n := newNetwork(t)
	s := n.Client("ann").(*Service)
	name, err := s.store(t.Context(), []byte("an object of a submission that did not come"))
	require.NoError(t, err)
	done, err := Collect(t.Context(), n.conn(), Retention{})
	require.NoError(t, err)
	require.Zero(t, done.Objects, "it is fresh")
	collected, err := collectObjects(t.Context(), s.js, nil, 0)
	require.NoError(t, err)
	require.Equal(t, 1, collected)
	_, err = s.load(t.Context(), name)
	require.Error(t, err)
}
