package guard

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/store"
)

// counted is a store that counts what is made durable.
type counted struct {
	store.Store
	updates int
}

func (s *counted) Update(ctx context.Context, write func(store.Writer) error) error {
	s.updates++
	return s.Store.Update(ctx, write)
}

// storedPosition returns the position up to which the stored state follows the stream.
func (w *world) storedPosition(group string) delivery.Position {
	w.t.Helper()
	var value []byte
	require.NoError(w.t, w.cfg.Store.View(w.t.Context(), func(r store.Reader) (err error) {
		value, err = r.Get(positionOf(group))
		return err
	}))
	require.Len(w.t, value, 8)
	return delivery.Position(binary.BigEndian.Uint64(value))
}

// Application data does not make the guard store anything, but in CatchUp and after many entries.
func TestApplicationDataIsNotStoredOneByOne(t *testing.T) {
	w := newWorld(t, named)
	disk := &counted{Store: w.cfg.Store}
	w.cfg.Store = disk
	var err error
	w.guard, err = New(w.cfg)
	require.NoError(t, err)
	ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
	require.NoError(t, ann.begin("g"))
	ann.add(bob)
	began := w.storedPosition("g")
	last := func() delivery.Position {
		entries := w.server.Entries(delivery.Stream{Group: "g"})
		return entries[len(entries)-1].Position
	}
	text := ann.encrypted("text")
	say := func(n int) {
		t.Helper()
		for range n {
			require.NoError(t, w.writes("bob", "g", 2, text))
		}
		_, err := w.service("bob").Fetch(t.Context(), delivery.Stream{Group: "g"}, 0, 0)
		require.NoError(t, err)
	}
	before := disk.updates
	say(maxBehind - 1)
	require.Equal(t, before, disk.updates)
	require.Equal(t, began, w.storedPosition("g"))
	require.NoError(t, w.guard.CatchUp(t.Context()))
	require.Equal(t, before+1, disk.updates)
	require.Equal(t, last(), w.storedPosition("g"))
	say(maxBehind)
	require.Equal(t, before+2, disk.updates)
	require.Equal(t, last(), w.storedPosition("g"))

	// What changes the group is stored at once, with all that came before.
	say(1)
	require.NoError(t, ann.submit(ann.remove(bob)))
	require.Equal(t, last(), w.storedPosition("g"))
	require.Equal(t, before+3, disk.updates)
	w.restart()
	w.requireRefused(w.writes("bob", "g", 2, text), ruleSender)
	require.NoError(t, w.writes("ann", "g", 3, ann.encrypted("in epoch 3")))
}
