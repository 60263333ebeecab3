package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/store"
)

var errViewOpen = errors.New("a View is open, for whose end an Update may wait")

// waiting is a store whose Update would wait for the Views that are open: it fails then.
type waiting struct {
	store.Store
	views atomic.Int64
}

func (s *waiting) View(ctx context.Context, read func(store.Reader) error) error {
	return s.Store.View(ctx, func(r store.Reader) error {
		s.views.Add(1)
		defer s.views.Add(-1)
		return read(r)
	})
}

func (s *waiting) Update(ctx context.Context, write func(store.Writer) error) error {
	if s.views.Load() > 0 {
		return errViewOpen
	}
	return s.Store.Update(ctx, write)
}

// historian returns a client on a waiting store, in a group with messages of these sizes in
// its history.
func historian(t *testing.T, limit int, sizes ...int) (*actor, string) {
	a := newWorld(t).actor("ann", func(c *client.Config) { c.Bounds.History = limit })
	a.store = func(s store.Store) store.Store { return &waiting{Store: s} }
	a.restart()
	g, err := a.CreateGroup(ctx, "", nil)
	require.NoError(t, err)
	for i, size := range sizes {
		_, err := a.Send(ctx, g, fmt.Appendf(nil, "%4d %s", i, make([]byte, size)))
		require.NoError(t, err)
		if i%50 == 49 {
			require.NoError(t, a.Sync(ctx))
		}
	}
	require.NoError(t, a.Sync(ctx))
	return a, g
}

// ordinal returns the number with which a message of a history begins.
func ordinal(t *testing.T, e client.Event) (n int) {
	_, err := fmt.Sscan(string(e.What.(*client.Sent).Data[:4]), &n)
	require.NoError(t, err)
	return n
}

// Whoever has a message of a history may send: the iteration goes page by page, and ends with
// what was kept when it began.
func TestHistoryLetsTheCallerSend(t *testing.T) {
	const first = 150
	a, g := historian(t, 1000, make([]int, first)...)
	var seen []int
	for e, err := range a.History(ctx, g) {
		require.NoError(t, err)
		seen = append(seen, ordinal(t, e))
		_, err = a.Send(ctx, g, fmt.Appendf(nil, "%4d", first+len(seen)))
		require.NoError(t, err)
		if len(seen)%40 == 0 {
			require.NoError(t, a.Sync(ctx)) // the history grows
		}
	}
	require.Len(t, seen, first)
	for i, n := range seen {
		require.Equal(t, i, n)
	}
}

// Long messages fill a page too.
func TestHistoryOfLongMessages(t *testing.T) {
	a, g := historian(t, 10, 700_000, 700_000, 700_000, 1)
	var seen []int
	for e, err := range a.History(ctx, g) {
		require.NoError(t, err)
		seen = append(seen, ordinal(t, e))
	}
	require.Equal(t, []int{0, 1, 2, 3}, seen)
}

// What is dropped during an iteration is passed over.
func TestHistoryPassesOverWhatIsDropped(t *testing.T) {
	const kept = 80
	a, g := historian(t, kept, make([]int, kept)...)
	var seen []int
	for e, err := range a.History(ctx, g) {
		require.NoError(t, err)
		if seen = append(seen, ordinal(t, e)); len(seen) == 1 { // with the first page read
			for range 70 {
				_, err := a.Send(ctx, g, []byte("  -1"))
				require.NoError(t, err)
			}
			require.NoError(t, a.Sync(ctx))
		}
	}
	require.Equal(t, 63, seen[63])
	require.Equal(t, []int{70, 71, 72, 73, 74, 75, 76, 77, 78, 79}, seen[64:])
}

// sending is a writer that sends a message with each write.
type sending struct {
	bytes.Buffer
	send func() error
}

func (w *sending) Write(b []byte) (int, error) {
	if err := w.send(); err != nil {
		return 0, err
	}
	return w.Buffer.Write(b)
}

func TestExportLetsTheWriterSend(t *testing.T) {
	a, g := historian(t, 1000, make([]int, 70)...)
	out := &sending{send: func() error { _, err := a.Send(ctx, g, []byte("more")); return err }}
	require.NoError(t, a.Export(ctx, out))
	require.Equal(t, 1+1+70, bytes.Count(out.Bytes(), []byte("\n")), "the client, the group, its messages")
}

// Events hands out nothing while a View is open either.
func TestEventsLetTheCallerConfirm(t *testing.T) {
	a, _ := historian(t, 0, make([]int, 70)...)
	ending, cancel := context.WithCancel(ctx)
	left := 70
	for e, err := range a.Events(ending) {
		if errors.Is(err, context.Canceled) {
			break
		}
		require.NoError(t, err)
		require.NoError(t, a.Confirm(ctx, e))
		if _, ok := e.What.(*client.Sent); ok {
			left--
		}
		if left == 0 {
			cancel()
		}
	}
	cancel()
	require.Zero(t, left)
}

// Of a longer history, the last messages are imported that the client keeps, and none if it
// keeps none.
func TestImportKeepsToTheBound(t *testing.T) {
	a, g := historian(t, 50, make([]int, 20)...)
	var exported bytes.Buffer
	require.NoError(t, a.Export(ctx, &exported))
	for limit, want := range map[int][]int{0: nil, 3: {17, 18, 19}, 20: {0}, 30: {0}} {
		next := a.w.actor(fmt.Sprint("next", limit), func(c *client.Config) { c.Bounds.History = limit })
		groups, err := next.Import(ctx, bytes.NewReader(exported.Bytes()))
		require.NoError(t, err)
		require.Equal(t, []string{g}, groups)
		var seen []int
		for e, err := range next.History(ctx, g) {
			require.NoError(t, err)
			seen = append(seen, ordinal(t, e))
		}
		if limit >= 20 {
			require.Len(t, seen, 20)
			seen = seen[:1]
		}
		require.Equal(t, want, seen, "limit %d", limit)
	}
}

// What was said in groups that the client has left, or from which it was removed, goes to the next
// device as well, which joins none of them.
func TestExportHasGroupsThatWereLeft(t *testing.T) {
	keeps := func(cfg *client.Config) { cfg.Bounds.History = 10 }
	w := newWorld(t)
	ann, bob := w.actor("ann"), w.actor("bob", keeps)
	sync(t, ann, bob)
	g, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	other, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	never, err := ann.CreateGroup(ctx, "", []string{"bob"}) // in which nobody says anything
	require.NoError(t, err)
	sync(t, ann, bob)
	say(t, g, ann)
	say(t, other, ann)
	sync(t, ann, bob)
	require.NoError(t, ann.Remove(ctx, g, "bob"))
	require.NoError(t, ann.Remove(ctx, never, "bob"))
	sync(t, bob)
	var file bytes.Buffer
	require.NoError(t, bob.Export(ctx, &file))
	phone := w.actor("phone", keeps)
	groups, err := phone.Import(ctx, &file)
	require.NoError(t, err)
	require.Equal(t, []string{other}, groups)
	for _, id := range []string{g, other} {
		require.Len(t, history(t, phone, id), 1)
		require.Equal(t, history(t, bob, id), history(t, phone, id))
	}
	require.NoError(t, bob.Delete(ctx, g))
	file.Reset()
	require.NoError(t, bob.Export(ctx, &file))
	require.Equal(t, 1+1+1, bytes.Count(file.Bytes(), []byte("\n")), "the client, a group, its message")
}

// A group that the client leaves while it is written is written once.
func TestExportOfAGroupThatIsBeingLeft(t *testing.T) {
	keeps := func(cfg *client.Config) { cfg.Bounds.History = 10 }
	w := newWorld(t)
	ann, bob := w.actor("ann"), w.actor("bob", keeps)
	sync(t, ann, bob)
	g, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	sync(t, ann, bob)
	say(t, g, ann)
	sync(t, ann, bob)
	before := history(t, bob, g)
	lines := 0
	out := &sending{send: func() error {
		if lines++; lines != 2 { // the one that begins the group
			return nil
		}
		return errors.Join(ann.Remove(ctx, g, "bob"), bob.Sync(ctx))
	}}
	require.NoError(t, bob.Export(ctx, out))
	require.Empty(t, bob.Groups())
	phone := w.actor("phone", keeps)
	_, err = phone.Import(ctx, &out.Buffer)
	require.NoError(t, err)
	require.Equal(t, before, history(t, phone, g))
}

// With a group, what was said there goes that the application has not confirmed, and there is room
// for others.
func TestDeletedGroupLeavesNoText(t *testing.T) {
	w := newWorld(t)
	ann := w.actor("ann")
	bob := w.actor("bob", func(cfg *client.Config) { cfg.Bounds.Events = 12 })
	sync(t, ann, bob)
	g, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	other, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	require.NoError(t, bob.Sync(ctx))
	say(t, other, ann)
	sync(t, ann)
	require.NoError(t, bob.Sync(ctx))
	say(t, g, bob)
	require.NoError(t, bob.Sync(ctx))
	for range 12 {
		say(t, g, ann)
	}
	sync(t, ann)
	var full *client.LimitError
	require.ErrorAs(t, bob.Sync(ctx), &full)
	require.Greater(t, bob.Health(ctx).Unconfirmed, 10)
	say(t, g, bob) // which is never sent

	require.NoError(t, bob.Delete(ctx, g))
	events, err := bob.Unconfirmed(ctx, 0)
	require.NoError(t, err)
	require.Equal(t, len(events), bob.Health(ctx).Unconfirmed)
	var left []string
	for _, e := range events {
		switch e.What.(type) {
		case *client.Message:
			require.Equal(t, other, e.Group)
		case *client.Sent:
			t.Fatal(e.Group)
		case *client.Unsent, *client.Left: // the application has to know
			left = append(left, e.Group)
		}
	}
	require.Equal(t, []string{g, g}, left)
	require.NoError(t, bob.Sync(ctx))
	bob.restart()
	require.Equal(t, len(events), bob.Health(ctx).Unconfirmed)
}
