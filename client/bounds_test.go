package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
)

func TestBoundsAreTypedErrors(t *testing.T) {
	w := newWorld(t)
	bob := w.clients("bob")[0]
	ann := w.actor("ann", func(cfg *client.Config) {
		cfg.Bounds = client.Bounds{Outbox: 2, Events: 4, Message: 10}
	})
	g, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	var full *client.LimitError
	_, err = ann.Send(ctx, g, make([]byte, 11))
	require.ErrorAs(t, err, &full)
	for range 2 {
		_, err = ann.Send(ctx, g, []byte("hello"))
		require.NoError(t, err)
	}
	_, err = ann.Send(ctx, g, []byte("hello"))
	require.ErrorAs(t, err, &full)
	require.Equal(t, "outbox", full.What)
	ann.events()
	require.NoError(t, ann.Flush(ctx, g))
	ann.events()
	sync(t, bob)
	for range 10 {
		_, err = bob.Send(ctx, g, []byte("much"))
		require.NoError(t, err)
	}
	sync(t, bob)
	require.ErrorAs(t, ann.Sync(ctx), &full, "ann has to confirm first")
	require.Equal(t, 4, full.Limit)
	seen := len(ann.texts())
	for range 10 {
		if err := ann.Sync(ctx); err != nil {
			require.ErrorAs(t, err, &full)
		}
		seen += len(ann.texts())
	}
	require.Equal(t, 10, seen)
}

// Open reads an index, and restores nothing.
func TestManyGroupsOpenAtOnce(t *testing.T) {
	groups := 500
	if wide() {
		groups = 10_000
	}
	w := newWorld(t)
	counts := &counter{}
	ann := w.actor("ann", func(cfg *client.Config) { cfg.Metrics = counts })
	g, err := ann.CreateGroup(ctx, "original", nil)
	require.NoError(t, err)
	sync(t, ann)
	ann.disk.Kill()
	s, err := ann.disk.Open()
	require.NoError(t, err)
	copyGroup(t, s, g, groups-1)
	before := counts.of("groups_restored")
	ann.restart()
	require.Len(t, ann.Groups(), groups)
	require.Equal(t, before, counts.of("groups_restored"))
	require.NoError(t, ann.View(ctx, g, func(*mls.Group) error { return nil }))
	require.Equal(t, before+1, counts.of("groups_restored"))
}

// copyGroup stores a group's records under other ids too.
func copyGroup(t *testing.T, s store.Store, g string, n int) {
	require.NoError(t, s.Update(ctx, func(w store.Writer) error {
		for _, space := range []string{"x", "g"} {
			var records []store.Entry
			prefix := store.Key([]byte(space), []byte(g))
			for e, err := range w.Scan(prefix, nil) {
				if err != nil {
					return err
				}
				records = append(records, e)
			}
			for i := range n {
				for _, e := range records {
					k := slices.Concat(store.Key([]byte(space), fmt.Append(nil, "copy ", i)), e.Key[len(prefix):])
					if err := w.Put(k, e.Value); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}))
}

// Groups leave memory and come back, and nothing is lost by that.
func TestFewGroupsAreInMemory(t *testing.T) {
	w := newWorld(t)
	bob := w.clients("bob")[0]
	ann := w.actor("ann", func(cfg *client.Config) { cfg.Bounds.Groups = 2 })
	var groups []string
	for range 6 {
		g, err := ann.CreateGroup(ctx, "", []string{"bob"})
		require.NoError(t, err)
		groups = append(groups, g)
		sync(t, bob)
	}
	for range 3 {
		for _, g := range groups {
			_, err := ann.Send(ctx, g, []byte("hi"))
			require.NoError(t, err)
		}
		sync(t, ann, bob)
	}
	require.Len(t, bob.texts(), 18)
	for _, g := range groups {
		agree(t, g, ann, bob)
	}
	require.Equal(t, 2, ann.InMemory())
}

// Nothing stays of an id of which the client has no group, and of a wait that has ended.
func TestUnknownGroupsAreNotRemembered(t *testing.T) {
	_, ann, bob, g := pair(t)
	for i := range 10 {
		_, err := ann.Send(ctx, fmt.Sprint(i), nil)
		require.ErrorIs(t, err, client.ErrNoGroup)
	}
	require.Equal(t, 1, ann.InMemory())
	require.NoError(t, ann.View(ctx, g, func(*mls.Group) error {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		_, err := ann.Members(ended, g)
		require.ErrorIs(t, err, context.Canceled, "somebody else has the turn")
		return nil
	}))
	require.NoError(t, ann.Remove(ctx, g, "bob"))
	sync(t, ann, bob)
	require.Equal(t, 0, bob.InMemory())
	require.NoError(t, ann.Leave(ctx, g))
	require.Equal(t, 0, ann.InMemory())
}

func TestHistoryGoesToANewDevice(t *testing.T) {
	w := newWorld(t)
	keeps := func(cfg *client.Config) { cfg.Bounds.History = 3 }
	bob := w.clients("bob")[0]
	ann := w.actor("ann", keeps)
	g, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	sync(t, ann, bob)
	for i := range 4 {
		_, err := ann.Send(ctx, g, fmt.Append(nil, i))
		require.NoError(t, err)
	}
	_, err = bob.Send(ctx, g, []byte("4"))
	require.NoError(t, err)
	sync(t, ann, bob)
	require.Equal(t, []string{"2", "3", "4"}, history(t, ann, g))
	var file bytes.Buffer
	require.NoError(t, ann.Export(ctx, &file))
	exported := bytes.Clone(file.Bytes())

	phone := w.actor("phone", keeps)
	groups, err := phone.Import(ctx, &file)
	require.NoError(t, err)
	require.Equal(t, []string{g}, groups)
	require.NoError(t, phone.JoinExternal(ctx, g))
	_, err = bob.Send(ctx, g, []byte("5"))
	require.NoError(t, err)
	sync(t, bob, phone, ann)
	require.Equal(t, []string{"3", "4", "5"}, history(t, phone, g))
	_, err = phone.Import(ctx, bytes.NewReader(exported))
	require.ErrorIs(t, err, client.ErrExists)
	lines := bytes.SplitAfter(exported, []byte("\n"))
	_, err = phone.Import(ctx, bytes.NewReader(slices.Concat(lines[0], lines[2])))
	require.ErrorContains(t, err, "before its group")
	require.Equal(t, []string{"3", "4", "5"}, history(t, phone, g))

	phone.cfg.Bounds.History = 1
	phone.restart()
	_, err = bob.Send(ctx, g, []byte("6"))
	require.NoError(t, err)
	sync(t, bob, phone)
	require.Equal(t, []string{"6"}, history(t, phone, g), "a bound that has become smaller holds")

	require.NoError(t, phone.Delete(ctx, g))
	require.Empty(t, history(t, phone, g))
	require.Empty(t, phone.Groups())
}

func history(t *testing.T, a *actor, g string) (texts []string) {
	for e, err := range a.History(ctx, g) {
		require.NoError(t, err)
		switch what := e.What.(type) {
		case *client.Message:
			texts = append(texts, string(what.Data))
		case *client.Sent:
			texts = append(texts, string(what.Data))
		}
	}
	return texts
}

// A client that is removed reads the last messages, and notes who has sent them, in the
// transaction in which it forgets the group.
func TestNothingIsNotedOfAGroupThatHasEnded(t *testing.T) {
	w := newWorld(t)
	ann := w.clients("ann")[0]
	bob := w.actor("bob", func(cfg *client.Config) { cfg.Schedule.Idle = time.Hour })
	require.NoError(t, bob.Sync(ctx))
	g, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	sync(t, ann, bob)
	_, err = ann.Send(ctx, g, []byte("farewell"))
	require.NoError(t, err)
	require.NoError(t, ann.Sync(ctx))
	require.NoError(t, ann.Remove(ctx, g, "bob"))
	require.NoError(t, bob.Sync(ctx))
	require.Equal(t, []string{"ann: farewell"}, bob.texts())
	require.Empty(t, bob.Groups())
	bob.disk.Kill()
	s, err := bob.disk.Open()
	require.NoError(t, err)
	require.NoError(t, s.View(ctx, func(r store.Reader) error {
		for e, err := range r.Scan(store.Key([]byte("l")), nil) {
			require.NoError(t, err)
			require.Fail(t, "there is a record", "%q", e.Key)
		}
		return nil
	}))
}

func TestDeleteAllLeavesNothing(t *testing.T) {
	w := newWorld(t)
	ann := w.clients("ann")[0]
	_, err := ann.CreateGroup(ctx, "", nil)
	require.NoError(t, err)
	require.NoError(t, ann.DeleteAll(ctx))
	require.ErrorIs(t, ann.Sync(ctx), client.ErrClosed)
	require.Empty(t, ann.stock())
	s, err := ann.disk.Open()
	require.NoError(t, err)
	require.NoError(t, s.View(ctx, func(r store.Reader) error {
		for e, err := range r.Scan(nil, nil) {
			require.NoError(t, err)
			require.Fail(t, "there is a record", "%q", e.Key)
		}
		return nil
	}))
}

// slowPublisher holds key packages back that are published, as a network does, until land is
// closed. What is taken out of the stock overtakes them.
type slowPublisher struct {
	delivery.Service
	network delivery.Service // on which they arrive whatever became of Service
	land    chan struct{}
}

func (p slowPublisher) Publish(ctx context.Context, change delivery.Stock) error {
	if len(change.Add) == 0 {
		return p.Service.Publish(ctx, change)
	}
	<-p.land
	return p.network.Publish(ctx, change)
}

func TestDeleteAllWaitsForWhatIsPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		land := make(chan struct{})
		ann := w.actor("ann")
		ann.delivery = func(s delivery.Service) delivery.Service {
			return slowPublisher{s, w.server.Client("ann"), land}
		}
		ann.restart()
		synced, deleted := make(chan error, 1), make(chan error, 1)
		go func() { synced <- ann.Sync(ctx) }()
		synctest.Wait()
		go func() { deleted <- ann.DeleteAll(ctx) }()
		synctest.Wait()
		close(land)
		require.NoError(t, <-deleted)
		<-synced
		require.Empty(t, ann.stock())
		_, err := w.server.Client("bob").Claim(ctx, "ann", classic)
		require.ErrorIs(t, err, delivery.ErrNoKeyPackage)
		s, err := ann.disk.Open()
		require.NoError(t, err)
		require.NoError(t, s.View(ctx, func(r store.Reader) error {
			for range r.Scan(nil, nil) {
				require.Fail(t, "there is a record")
			}
			return nil
		}))
	})
}

func TestHealthSaysHowThingsAre(t *testing.T) {
	w := newWorld(t)
	ann := w.clients("ann")[0]
	_, err := ann.CreateGroup(ctx, "", nil)
	require.NoError(t, err)
	h := ann.Health(ctx)
	require.NoError(t, errors.Join(h.Store, h.Unreachable))
	require.Equal(t, "memory", h.Delivery.Implementation)
	require.Equal(t, map[client.State]int{client.Active: 1}, h.Groups)
	require.Equal(t, 3, h.KeyPackages)
	require.False(t, h.Expires.IsZero())
	require.NoError(t, ann.Close())
	h = ann.Health(ctx)
	require.Error(t, h.Store)
	require.Error(t, h.Unreachable)
}

func TestOpenRefusesWhatDoesNotBelongTogether(t *testing.T) {
	w := newWorld(t)
	ann := w.clients("ann")[0]
	_, err := ann.disk.Open()
	require.ErrorIs(t, err, store.ErrLocked, "another process has it")
	cfg := ann.cfg
	cfg.Delivery = w.server.Client("bob")
	_, err = client.Open(ctx, cfg)
	require.ErrorContains(t, err, "bob")
	cfg.MLS.Credential = message.BasicCredential([]byte("bob"))
	_, err = client.Open(ctx, cfg)
	require.ErrorContains(t, err, "ann")
	cfg.Store = nil
	_, err = client.Open(ctx, cfg)
	require.ErrorContains(t, err, "Config.Store")
}
