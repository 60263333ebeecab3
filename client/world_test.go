package client_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/guard"
	deliverymemory "github.com/mlsuite/mlsuite/delivery/memory"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/store"
	storememory "github.com/mlsuite/mlsuite/store/memory"
	"github.com/mlsuite/mlsuite/suite"
)

const classic, hybrid suite.ID = 0x0001, 0xF002

// world is a delivery service with clients on it, each on a disk of its own.
type world struct {
	t      testing.TB
	server *deliverymemory.Server
	actors map[string]*actor
	guard  *guard.Guard // before the service, or nil
}

func newWorld(t testing.TB) *world {
	return &world{t: t, server: deliverymemory.NewServer(deliverymemory.Options{}), actors: map[string]*actor{}}
}

// service returns the service as a client of that name sees it.
func (w *world) service(name string) delivery.Service {
	if w.guard != nil {
		return w.guard.Service(w.server.Client(name))
	}
	return w.server.Client(name)
}

// actor is a client that can end and begin again.
type actor struct {
	*client.Client
	w    *world
	name string
	disk *storememory.Disk
	cfg  client.Config

	forgetful bool // its service does not keep acknowledgements

	// store and delivery, if not nil, wrap what the client stands on.
	store    func(store.Store) store.Store
	delivery func(delivery.Service) delivery.Service
}

// quick is a schedule for tests: it waits for nothing, and does nothing by itself.
func quick() client.Schedule {
	return client.Schedule{Renew: -1, RenewMessages: -1, Commit: time.Nanosecond, Check: -1, TakeOver: -1, Backoff: time.Microsecond, MaxBackoff: time.Millisecond}
}

// actor returns a client that is open, with changes to its configuration.
func (w *world) actor(name string, change ...func(*client.Config)) *actor {
	s, err := all.Registry().Suite(classic)
	require.NoError(w.t, err)
	signer, err := s.GenerateSigner()
	require.NoError(w.t, err)
	a := &actor{w: w, name: name, disk: storememory.NewDisk(), cfg: client.Config{
		MLS:         mls.Config{Suites: all.Registry(), Suite: classic, Credential: message.BasicCredential([]byte(name)), Signer: signer},
		KeyPackages: client.KeyPackages{Count: 3},
		Schedule:    quick(),
	}}
	for _, f := range change {
		f(&a.cfg)
	}
	w.actors[name] = a
	a.open()
	return a
}

// open opens the client on what its disk has.
func (a *actor) open() {
	s, err := a.disk.Open()
	require.NoError(a.w.t, err)
	a.cfg.Store, a.cfg.Delivery = s, a.w.service(a.name)
	if a.store != nil {
		a.cfg.Store = a.store(s)
	}
	if a.delivery != nil {
		a.cfg.Delivery = a.delivery(a.cfg.Delivery)
	}
	a.Client, err = client.Open(context.Background(), a.cfg)
	require.NoError(a.w.t, err)
}

// restart ends the process of the client, and opens the client again.
func (a *actor) restart() {
	a.disk.Kill()
	a.open()
}

// clients returns clients with these names, whose key packages are published.
func (w *world) clients(names ...string) []*actor { return w.alike(names) }

// alike is clients with changes to the configuration of each.
func (w *world) alike(names []string, change ...func(*client.Config)) []*actor {
	actors := make([]*actor, len(names))
	for i, name := range names {
		actors[i] = w.actor(name, change...)
		require.NoError(w.t, actors[i].Sync(context.Background()))
	}
	return actors
}

// sync lets clients do what there is to do, until all have.
func sync(t testing.TB, actors ...*actor) {
	t.Helper()
	for range 3 {
		for _, a := range actors {
			require.NoError(t, a.Sync(context.Background()), a.name)
		}
	}
}

// texts confirms all events and returns those of messages, as text.
func (a *actor) texts() (texts []string) {
	a.w.t.Helper()
	for _, e := range a.events() {
		if m, ok := e.What.(*client.Message); ok {
			texts = append(texts, m.From.Name+": "+string(m.Data))
		}
	}
	return texts
}

// events confirms all events and returns them.
func (a *actor) events() []client.Event {
	a.w.t.Helper()
	events, err := a.Unconfirmed(context.Background(), 0)
	require.NoError(a.w.t, err)
	for _, e := range events {
		require.NoError(a.w.t, a.Confirm(context.Background(), e))
	}
	return events
}

// of returns the contents of events that are of one type.
func of[T client.What](events []client.Event) (found []T) {
	for _, e := range events {
		if w, ok := e.What.(T); ok {
			found = append(found, w)
		}
	}
	return found
}

// authenticator returns what all members of an epoch have in common, with its number: of a
// pair, of both groups.
func (a *actor) authenticator(group string) (s string) {
	a.w.t.Helper()
	look := func(g *mls.Group) error {
		if g == nil {
			return nil
		}
		b, err := g.EpochAuthenticator()
		s += epochName(g.Epoch(), b)
		return err
	}
	require.NoError(a.w.t, a.View(context.Background(), group, look), a.name)
	require.NoError(a.w.t, a.ViewPQ(context.Background(), group, look), a.name)
	return s
}

func epochName(epoch uint64, authenticator []byte) string {
	return fmt.Sprintf("%d:%x ", epoch, authenticator)
}

func agree(t testing.TB, group string, actors ...*actor) {
	t.Helper()
	for _, a := range actors[1:] {
		require.Equal(t, actors[0].authenticator(group), a.authenticator(group), "%s and %s", actors[0].name, a.name)
	}
}

func shortly() (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 20*time.Millisecond)
}
