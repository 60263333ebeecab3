package jetstream

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
)

// small starts a server that is soon full.
func small(t *testing.T, l Limits) *network {
	n := &network{t: t, folder: t.TempDir()}
	var err error
	n.server, err = Start(t.Context(), ServerOptions{Folder: n.folder, Limits: l})
	require.NoError(t, err)
	t.Cleanup(func() { n.server.Stop() })
	return n
}

// A client cannot fill the disk. What does not fit changes nothing, and after a collection there
// is room again.
func TestFullStream(t *testing.T) {
	n := small(t, Limits{Stream: 256 << 10, Objects: 4 << 20, Bucket: 64 << 10})
	ann := n.Client("ann").(*Service)
	began := beginWith(t, ann, "bob")
	var err error
	sent := 0
	for ; err == nil && sent < 1000; sent++ {
		_, err = ann.Send(t.Context(), delivery.Message{ID: fmt.Sprint("m", sent), Group: "g", Epoch: 1, Message: make([]byte, 10_000)})
	}
	require.ErrorIs(t, err, delivery.ErrFull)
	require.NotErrorIs(t, err, delivery.ErrUnknown)
	require.InDelta(t, 25, sent, 3)
	for size := 5000; size > 1; size /= 2 { // up to the last byte
		_, err = ann.Send(t.Context(), delivery.Message{ID: fmt.Sprint("n", size), Group: "g", Epoch: 1, Message: make([]byte, size)})
	}
	require.ErrorIs(t, err, delivery.ErrFull)
	h, err := ann.Health(t.Context())
	require.NoError(t, err)
	require.Contains(t, h.Warnings, "the stream is almost full")
	before := kept(t, ann.js, streamName)
	big := delivery.Submission{
		ID: "big", Commits: []delivery.Commit{{Group: "g", Epoch: 1, Message: []byte("commit"), GroupInfo: make([]byte, 5000)}},
		Welcomes: []delivery.Welcome{{Clients: []string{"carl"}, Group: "g", Message: make([]byte, 8000)}},
	}
	_, err = ann.Submit(t.Context(), big)
	require.ErrorIs(t, err, delivery.ErrFull)
	require.Equal(t, before, kept(t, ann.js, streamName), "nothing of it is there")
	found, err := Check(t.Context(), n.conn(), nil)
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(found, func(f Finding) bool {
		return !f.Good && strings.HasPrefix(f.What, "MLS is full to 9") && strings.HasSuffix(f.What, " of its 262144 bytes")
	}), "%v", found)

	done, err := Collect(t.Context(), n.conn(), Retention{Read: true})
	require.NoError(t, err)
	require.LessOrEqual(t, done.Entries, 1, "nobody has read what came behind the Welcome")
	entries, err := ann.Fetch(t.Context(), delivery.Stream{Group: "g"}, began, 0)
	require.NoError(t, err)
	last := entries[len(entries)-1].Position
	require.NoError(t, ann.Acknowledge(t.Context(), delivery.Stream{Group: "g"}, last))
	require.NoError(t, n.Client("bob").Acknowledge(t.Context(), delivery.Stream{Group: "g"}, last))
	done, err = Collect(t.Context(), n.conn(), Retention{Read: true})
	require.NoError(t, err)
	require.GreaterOrEqual(t, done.Entries, sent-2)
	s, err := ann.js.Stream(t.Context(), streamName)
	require.NoError(t, err)
	require.Equal(t, int64(256<<10), s.CachedInfo().Config.MaxBytes)
	_, err = ann.Submit(t.Context(), big)
	require.NoError(t, err)
}

// A full object store takes no large message, and leaves no pieces of it; its collection needs no
// room.
func TestFullObjectStore(t *testing.T) {
	n := small(t, Limits{Stream: 1 << 20, Objects: 2 << 20, Bucket: 64 << 10})
	ann := n.Client("ann").(*Service)
	beginWith(t, ann, "bob")
	send := func(id string, size int) error {
		_, err := ann.Send(t.Context(), delivery.Message{ID: id, Group: "g", Epoch: 1, Message: make([]byte, size)})
		return err
	}
	require.NoError(t, send("1", 1_500_000))
	err := send("2", 1_600_000)
	require.ErrorIs(t, err, delivery.ErrFull)
	require.NoError(t, send("3", 1_500_000), "it is the same object")
	require.NoError(t, send("4", 10_000))
	for size := 400_000; size > 100; size = size * 3 / 4 { // up to the last byte
		if _, err := ann.store(t.Context(), make([]byte, size)); err != nil {
			require.True(t, full(err), "%v", err)
		}
	}
	_, err = collectObjects(t.Context(), ann.js, nil, 0)
	require.NoError(t, err)
	require.Zero(t, kept(t, ann.js, largeStream))
	require.NoError(t, send("5", 1_600_000))
}

// A full bucket takes no more key packages, and those that are there can be claimed after a
// collection at the latest.
func TestFullBucket(t *testing.T) {
	n := small(t, Limits{Stream: 1 << 20, Objects: 1 << 20, Bucket: 64 << 10})
	ann, bob := n.Client("ann").(*Service), n.Client("bob")
	large := func(from int, lasts time.Duration) (stock delivery.Stock) { // each write is made durable
		stock.Add = keyPackages(from, 3, lasts)
		for i := range stock.Add {
			stock.Add[i].Message = make([]byte, 4000)
		}
		return stock
	}
	require.NoError(t, ann.Publish(t.Context(), large(1000, -time.Minute)))
	var err error
	for published := 0; err == nil && published < 100; published += 3 {
		err = ann.Publish(t.Context(), large(2000+published, time.Hour))
	}
	require.ErrorIs(t, err, delivery.ErrFull)
	_, err = bob.Claim(t.Context(), "ann", 1)
	if !errors.Is(err, delivery.ErrFull) { // what has expired made room
		require.NoError(t, err)
	}
	_, err = Collect(t.Context(), n.conn(), Retention{Read: true})
	require.NoError(t, err)
	_, err = bob.Claim(t.Context(), "ann", 1)
	require.NoError(t, err)
}

// A server that has more than the limits, or less disk, says so.
func TestLimitsThatDoNotFit(t *testing.T) {
	n := newNetwork(t)
	ann := n.Client("ann")
	beginWith(t, ann, "bob")
	err := Setup(t.Context(), n.conn(), 1, Limits{Stream: 100})
	require.ErrorContains(t, err, "more than its limit of 100")
	err = Setup(t.Context(), n.conn(), 1, Limits{Stream: 1 << 50})
	require.ErrorContains(t, err, "max_file of each server to be at least")
	require.NoError(t, Setup(t.Context(), n.conn(), 1, Limits{Stream: -1, Objects: -1, Bucket: -1}))
	found, err := Check(t.Context(), n.conn(), nil)
	require.NoError(t, err)
	require.Contains(t, found, Finding{false, "OBJ_mls-large has no limit: clients can fill the disk"})
	require.Zero(t, Limits{Bucket: -1}.disk())
}
