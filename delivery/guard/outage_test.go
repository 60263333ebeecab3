package guard

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/store"
)

// failing is a store that reads or writes nothing when it is told so.
type failing struct {
	store.Store
	views, updates error
}

func (s *failing) View(ctx context.Context, read func(store.Reader) error) error {
	if s.views != nil {
		return s.views
	}
	return s.Store.View(ctx, read)
}

func (s *failing) Update(ctx context.Context, write func(store.Writer) error) error {
	if s.updates != nil {
		return s.updates
	}
	return s.Store.Update(ctx, write)
}

// onFailing puts the guard on a store that may fail.
func (w *world) onFailing() *failing {
	w.t.Helper()
	w.disk.Kill()
	opened, err := w.disk.Open()
	require.NoError(w.t, err)
	s := &failing{Store: opened}
	w.cfg.Store = s
	w.guard, err = New(w.cfg)
	require.NoError(w.t, err)
	return s
}

// requireNotOwn checks that a client does not take what happens to the guard for its own.
func requireNotOwn(t *testing.T, err error) {
	t.Helper()
	requireUndecided(t, err)
	require.NotErrorIs(t, err, store.ErrClosed)
	require.NotErrorIs(t, err, store.ErrUnknown)
}

// A store that fails makes the guard refuse nothing and forget nobody.
func TestStoreThatFails(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.NameOf, c.Joins = basicName, JoinsNotRemoved })
	ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
	require.NoError(t, ann.begin("g"))
	ann.add(bob)
	s := w.onFailing()
	require.NotNil(t, w.known("g"))
	asks := delivery.Message{ID: "asks", Group: "g", Epoch: 2, Message: w.asks("dan", "g", 2)}
	_, joined := w.joins("carl", "g", true)

	s.views = store.ErrClosed
	requireNotOwn(t, err2(w.service("dan").Send(t.Context(), asks)))
	requireNotOwn(t, err2(w.service("carl").Submit(t.Context(), joined.Submission)))
	requireNotOwn(t, err2(w.service("carl").GroupInfo(t.Context(), "g")))
	requireNotOwn(t, err2(w.service("carl").Fetch(t.Context(), delivery.Stream{Group: "g"}, 0, 0)))
	requireNotOwn(t, err2(w.annotator("carl").Tree(t.Context(), "g", 2)))
	require.ErrorIs(t, w.guard.CatchUp(t.Context()), store.ErrClosed, "which is its owner's")
	s.views = nil
	require.NoError(t, err2(w.service("carl").Submit(t.Context(), joined.Submission)))
	require.Equal(t, uint64(3), w.known("g").Epoch())

	// Of a removal that went past the guard and could not be stored, it hears again.
	received := must(ann.group.Process(t.Context(), noon, joined.Commits[0].Message))(t)
	ann.group = must(received.Commit.Adopt())(t)
	c := ann.remove(bob)
	require.NoError(t, err2(w.server.Client("ann").Submit(t.Context(), c.Submission)))
	ann.group = must(c.Adopt())(t)
	all := len(w.server.Entries(delivery.Stream{Group: "g"}))
	ann.text("without bob")
	s.updates = store.ErrUnknown
	requireNotOwn(t, err2(w.service("bob").Fetch(t.Context(), delivery.Stream{Group: "g"}, 0, 0)))
	s.updates = nil
	require.Equal(t, all, w.reads("bob", "g"))
}

// silent is a service that does not answer whoever reads from before a position.
type silent struct {
	delivery.Service
	before delivery.Position
}

func (s *silent) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	if limit == 0 && after < s.before {
		return nil, context.DeadlineExceeded // its own
	}
	return s.Service.Fetch(ctx, of, after, limit)
}

// A guard that could not read the epochs before its own, since somebody did not answer, reads them
// with the next request. What is damaged it does not read again.
func TestPastIsRecalledLater(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*silent, *failing)
		want error
	}{
		{"service", func(service *silent, _ *failing) { service.before = 1000 }, delivery.ErrUnavailable},
		{"store", func(_ *silent, s *failing) { s.views = store.ErrClosed }, delivery.ErrUnavailable},
		{"damage", func(_ *silent, s *failing) { s.views = store.ErrDamaged }, delivery.ErrUnseen},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			service := &silent{Service: w.cfg.Service}
			w.cfg.Service = service
			ann := w.member("ann", 1, true)
			w.restart()
			require.NoError(t, ann.begin("g"))
			began := w.server.Entries(delivery.Stream{Group: "g"})[0].Position
			require.NoError(t, ann.submit(ann.commit()))
			require.NoError(t, ann.submit(ann.commit()))
			s := w.onFailing()
			require.NotNil(t, w.known("g"))
			read := func() ([]delivery.Entry, error) {
				return w.annotator("ann").FetchAnnotated(t.Context(), delivery.Stream{Group: "g"}, 0, began, 0)
			}
			c.set(service, s)
			if service.before > 0 { // all that is before what the guard reads now
				service.before = w.storedPosition("g")
			}
			for range 2 {
				_, err := read()
				require.ErrorIs(t, err, c.want)
			}
			service.before, s.views = 0, nil
			entries, err := read()
			if c.want == delivery.ErrUnseen {
				require.ErrorIs(t, err, delivery.ErrUnseen)
				return
			}
			require.NoError(t, err)
			require.Len(t, entries, 2)
		})
	}
}

// A guard that goes back with a service that has lost epochs does not give up the group, and who
// has left it, since somebody does not answer.
func TestGuardGoesBackLater(t *testing.T) {
	for name, set := range map[string]func(*silent, *failing, error){
		"service": func(service *silent, _ *failing, err error) {
			if service.before = 0; err != nil {
				service.before = 1000
			}
		},
		"store": func(_ *silent, s *failing, err error) { s.updates = err },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, named)
			service := &silent{Service: w.cfg.Service}
			w.cfg.Service = service
			w.restart()
			ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
			require.NoError(t, ann.begin("g"))
			ann.add(bob)
			left := ann.remove(bob)
			left.Commits[0].GroupInfo = nil // so that nothing but what the guard knows tells
			require.NoError(t, ann.submit(left))
			require.NoError(t, ann.submit(ann.withoutTree()))
			restore := w.server.Backup()
			require.NoError(t, ann.submit(ann.withoutTree()))
			s := w.onFailing()
			require.Equal(t, uint64(5), w.known("g").Epoch())
			restore()
			set(service, s, store.ErrUnknown)
			if service.before > 0 {
				service.before = w.storedPosition("g")
			}
			for range 2 {
				requireNotOwn(t, err2(w.service("ann").GroupInfo(t.Context(), "g")))
			}
			set(service, s, nil)
			found, err := w.service("ann").GroupInfo(t.Context(), "g")
			require.NoError(t, err)
			require.Equal(t, uint64(4), found.Epoch)
			require.Equal(t, uint64(4), w.known("g").Epoch())
			require.NotEmpty(t, found.Tree)
			_, gone, err := w.guard.hasLeft(t.Context(), "g", "bob")
			require.NoError(t, err)
			require.True(t, gone)
		})
	}
}
