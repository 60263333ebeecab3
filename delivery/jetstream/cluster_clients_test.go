package jetstream

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery/guard"
	"github.com/mlsuite/mlsuite/mls"
	credentials "github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	storememory "github.com/mlsuite/mlsuite/store/memory"
)

// crowd is clients behind a guard, with groups of which all are members.
type crowd struct {
	*cluster
	guard  *guard.Guard
	all    []*client.Client
	groups []string
	wait   sync.WaitGroup
}

func newCrowd(c *cluster, clients, groups int) *crowd {
	w := &crowd{cluster: c}
	disk, err := storememory.NewDisk().Open()
	require.NoError(c.t, err)
	w.guard, err = guard.New(guard.Config{
		MLS: mls.Config{Suites: all.Registry()}, Service: c.connect("guard"), Store: disk, PublicOnly: true,
		NameOf: func(c credentials.Credential) (string, error) {
			name, _ := c.Identity()
			return string(name), nil
		},
	})
	require.NoError(c.t, err)
	ctx, stop := context.WithCancel(c.t.Context())
	var names []string
	for i := range clients {
		names = append(names, fmt.Sprint("client", i))
		w.all = append(w.all, w.open(names[i]))
	}
	for i := range groups {
		creator := i % clients
		others := slices.Delete(slices.Clone(names), creator, creator+1)
		id, err := w.all[creator].CreateGroup(c.t.Context(), "", others)
		require.NoError(c.t, err)
		w.groups = append(w.groups, id)
	}
	for _, one := range w.all {
		require.Eventually(c.t, func() bool { // a copy of the stream may be behind
			require.NoError(c.t, one.Sync(c.t.Context()))
			return len(one.Groups()) == groups
		}, time.Minute, 20*time.Millisecond, one.Name())
		w.wait.Go(func() {
			if err := one.Run(ctx); ctx.Err() == nil {
				assert.NoError(c.t, err, one.Name())
			}
		})
	}
	c.t.Cleanup(func() {
		stop()
		w.wait.Wait()
		for _, one := range w.all {
			assert.NoError(c.t, one.Close())
		}
	})
	return w
}

func (w *crowd) open(name string) *client.Client {
	s, err := all.Registry().Suite(1)
	require.NoError(w.t, err)
	signer, err := s.GenerateSigner()
	require.NoError(w.t, err)
	disk, err := storememory.NewDisk().Open()
	require.NoError(w.t, err)
	c, err := client.Open(w.t.Context(), client.Config{
		MLS: mls.Config{
			Suites: all.Registry(), Suite: 1, Signer: signer, Credential: credentials.BasicCredential([]byte(name)), PublicHandshake: true,
		},
		Store: disk, Delivery: w.guard.Service(w.connect(name)),
		KeyPackages: client.KeyPackages{Count: 20},
		Schedule:    client.Schedule{Renew: -1, RenewMessages: -1, Check: -1, Poll: time.Second, Backoff: 5 * time.Millisecond, MaxBackoff: 200 * time.Millisecond},
	})
	require.NoError(w.t, err)
	require.NoError(w.t, c.Sync(w.t.Context()))
	return c
}

// day lets each client send messages and renew its keys, as often each, and returns the messages.
func (w *crowd) day(deeds int) (sent map[string]bool) {
	sent = map[string]bool{}
	var mu sync.Mutex
	var wait sync.WaitGroup
	for i, c := range w.all {
		wait.Go(func() {
			random := rand.New(rand.NewPCG(3, uint64(i)))
			for n := range deeds {
				text := fmt.Sprint(c.Name(), " says ", n)
				_, err := c.Send(w.t.Context(), w.groups[random.IntN(len(w.groups))], []byte(text))
				if !assert.NoError(w.t, err) {
					return
				}
				mu.Lock()
				sent[text] = true
				mu.Unlock()
				if !assert.NoError(w.t, c.Update(w.t.Context(), w.groups[random.IntN(len(w.groups))])) {
					return
				}
			}
		})
	}
	wait.Wait()
	return sent
}

// got returns how often a client has received each message. Its own ones do not count.
func (w *crowd) got(c *client.Client) map[string]int {
	events, err := c.Unconfirmed(w.t.Context(), 0)
	require.NoError(w.t, err)
	got := map[string]int{}
	for _, e := range events {
		switch what := e.What.(type) {
		case *client.Message:
			got[string(what.Data)]++
		case *client.Unsent, *client.InTrouble, *client.Refused:
			w.t.Errorf("%s: %T %+v", c.Name(), what, what)
		}
	}
	return got
}

// authenticator returns that of the epoch in which a client sees a group.
func (w *crowd) authenticator(c *client.Client, group string) (authenticator []byte) {
	require.NoError(w.t, c.View(w.t.Context(), group, func(g *mls.Group) (err error) {
		authenticator, err = g.EpochAuthenticator()
		return err
	}))
	return authenticator
}

// Clients behind a guard come through what happens to the servers: each message arrives once,
// each renewal is done, and all agree.
func TestClusterUnderClients(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it takes three servers some seconds")
	}
	clients, groups, deeds := 3, 2, 4
	if os.Getenv("MLSUITE_FULL") != "" {
		clients, groups, deeds = 8, 10, 100
	}
	c := newCluster(t)
	c.setup()
	w := newCrowd(c, clients, groups)
	done := make(chan map[string]bool)
	go func() { done <- w.day(deeds) }()
	var sent map[string]bool
	faults := c.faults()
	for i := 0; sent == nil; i++ {
		faults[i%len(faults)]()
		select {
		case sent = <-done:
		case <-time.After(2 * time.Second): // in which the cluster gets over it
		}
	}
	t.Logf("%d clients in %d groups renewed their keys %d times", clients, groups, clients*deeds)
	require.Len(t, sent, clients*deeds)
	for _, one := range w.all {
		var got map[string]int
		require.Eventually(t, func() bool {
			got = w.got(one)
			return len(got) >= len(sent)-deeds
		}, time.Minute, 50*time.Millisecond, one.Name())
		for text, times := range got {
			require.True(t, sent[text], text)
			require.Equal(t, 1, times, text)
		}
	}
	for _, group := range w.groups {
		require.Eventually(t, func() bool {
			want := w.authenticator(w.all[0], group)
			return !slices.ContainsFunc(w.all, func(one *client.Client) bool { return !slices.Equal(want, w.authenticator(one, group)) })
		}, time.Minute, 50*time.Millisecond)
	}
}
