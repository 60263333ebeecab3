package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
)

// beginWith begins group g, welcomes a client, and returns where that is.
func beginWith(t *testing.T, s delivery.Service, client string) delivery.Position {
	position, err := s.Submit(t.Context(), delivery.Submission{
		ID: "1", Commits: []delivery.Commit{{Group: "g", Message: []byte("commit")}},
		Welcomes: []delivery.Welcome{{Clients: []string{client}, Group: "g", Message: []byte("welcome")}},
	})
	require.NoError(t, err)
	return position
}

// A client that is welcomed and away is the slowest reader of the group.
func TestWhoIsWelcomedIsAReader(t *testing.T) {
	n := newNetwork(t)
	ann, bob := n.Client("ann"), n.Client("bob")
	welcomed := beginWith(t, ann, "bob")
	sent, err := ann.Send(t.Context(), delivery.Message{ID: "2", Group: "g", Epoch: 1, Message: []byte("message")})
	require.NoError(t, err)
	g := delivery.Stream{Group: "g"}
	require.NoError(t, ann.Acknowledge(t.Context(), g, sent))
	collect := func() {
		_, err := Collect(t.Context(), n.conn(), Retention{Read: true})
		require.NoError(t, err)
	}
	collect()
	entries, err := bob.Fetch(t.Context(), g, welcomed, 0)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.NoError(t, bob.Acknowledge(t.Context(), g, sent))
	collect()
	_, err = bob.Fetch(t.Context(), g, welcomed, 0)
	var gap *delivery.GapError
	require.ErrorAs(t, err, &gap)
}

// Who is welcomed while Collect is at work is a reader, too, though everybody else has read more.
func TestWhoIsWelcomedMeanwhileIsAReader(t *testing.T) {
	n := newNetwork(t)
	ann := n.Client("ann").(*Service)
	before := beginWith(t, ann, "bob")
	r := Retention{Read: true}
	g := delivery.Stream{Group: "g"}
	bob := n.Client("bob")
	require.NoError(t, bob.Acknowledge(t.Context(), g, before))
	found, err := survey(t.Context(), ann.js, r)
	require.NoError(t, err)
	_, err = ann.Submit(t.Context(), delivery.Submission{
		ID: "2", Commits: []delivery.Commit{{Group: "g", Epoch: 1, Message: []byte("commit")}},
		Welcomes: []delivery.Welcome{{Clients: []string{"carl"}, Group: "g", Message: []byte("welcome")}},
	})
	require.NoError(t, err)
	sent, err := ann.Send(t.Context(), delivery.Message{ID: "3", Group: "g", Epoch: 2, Message: []byte("message")})
	require.NoError(t, err)
	for _, s := range []delivery.Service{ann, bob} {
		require.NoError(t, s.Acknowledge(t.Context(), g, sent))
	}
	require.NoError(t, readers(t.Context(), ann.js, found))
	require.Equal(t, before, found.of(g).slowest)
}

// The server keeps the subjects of a stream in memory: that of a submission is one of them.
func TestSubmissionsAreForgotten(t *testing.T) {
	n := newNetwork(t)
	ann := n.Client("ann")
	beginWith(t, ann, "bob")
	subjects := func() map[string]uint64 {
		stream, err := ann.(*Service).js.Stream(t.Context(), streamName)
		require.NoError(t, err)
		info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter("mls.s.>"))
		require.NoError(t, err)
		return info.State.Subjects
	}
	for _, r := range []Retention{{}, {Read: true}, {Age: time.Hour}} {
		_, err := Collect(t.Context(), n.conn(), r)
		require.NoError(t, err)
		require.Len(t, subjects(), 1, "the client may ask again what became of it")
	}
	_, err := Collect(t.Context(), n.conn(), Retention{Age: time.Nanosecond})
	require.NoError(t, err)
	require.Empty(t, subjects())
	_, err = ann.Submit(t.Context(), delivery.Submission{ID: "1", Commits: []delivery.Commit{{Group: "g", Message: []byte("commit")}}})
	var epoch *delivery.EpochError
	require.ErrorAs(t, err, &epoch)
}

// A group whose commits are all in the stream of another one has no entries. Its old states
// are deleted all the same.
func TestOldStatesOfTheOtherHalfOfAPair(t *testing.T) {
	n := newNetwork(t)
	ann := n.Client("ann")
	for epoch := range uint64(3) {
		_, err := ann.Submit(t.Context(), delivery.Submission{ID: fmt.Sprint(epoch), Commits: []delivery.Commit{
			{Group: "t", Epoch: epoch, Message: []byte("both")}, {Group: "pq", Epoch: epoch, GroupInfo: []byte("info")},
		}})
		require.NoError(t, err)
	}
	states := func() uint64 {
		stream, err := ann.(*Service).js.Stream(t.Context(), streamName)
		require.NoError(t, err)
		info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter(stateSubject("pq")))
		require.NoError(t, err)
		return info.State.Subjects[stateSubject("pq")]
	}
	require.Equal(t, uint64(3), states())
	_, err := Collect(t.Context(), n.conn(), Retention{Read: true})
	require.NoError(t, err)
	require.Equal(t, uint64(1), states())
	info, err := ann.GroupInfo(t.Context(), "pq")
	require.NoError(t, err)
	require.Equal(t, uint64(3), info.Epoch)
}

// Of two who drop at the same time, the later one may drop less.
func TestWhatIsDroppedIsSaidForGood(t *testing.T) {
	n := newNetwork(t)
	ann := n.Client("ann").(*Service)
	beginWith(t, ann, "bob")
	g := delivery.Stream{Group: "g"}
	var at []delivery.Position
	for _, id := range []string{"2", "3"} {
		sent, err := ann.Send(t.Context(), delivery.Message{ID: id, Group: "g", Epoch: 1, Message: []byte("message")})
		require.NoError(t, err)
		at = append(at, sent)
	}
	require.NoError(t, drop(t.Context(), ann.js, g, at[1]))
	require.NoError(t, drop(t.Context(), ann.js, g, at[0]))
	_, err := ann.Fetch(t.Context(), g, at[0], 0)
	var gap *delivery.GapError
	require.ErrorAs(t, err, &gap)
}

// What a client gets at once is bounded, whatever lies in the object store.
func TestFetchOfLargeEntriesIsBounded(t *testing.T) {
	n := newNetwork(t)
	ann := n.Client("ann")
	beginWith(t, ann, "bob")
	for _, id := range []string{"2", "3", "4", "5"} {
		_, err := ann.Send(t.Context(), delivery.Message{ID: id, Group: "g", Epoch: 1, Message: make([]byte, 5<<20)})
		require.NoError(t, err)
	}
	var sizes []int
	for after := delivery.Position(0); ; {
		entries, err := ann.Fetch(t.Context(), delivery.Stream{Group: "g"}, after, 0)
		require.NoError(t, err)
		if len(entries) == 0 {
			break
		}
		after = entries[len(entries)-1].Position
		sizes = append(sizes, len(entries))
	}
	require.Equal(t, []int{3, 2}, sizes)
}

// Who joins a group needs the SelfRemoves of its epoch, though all members have read them.
func TestSelfRemovesAreKeptUntilTheEpochEnds(t *testing.T) {
	n := newNetwork(t)
	ann := n.Client("ann")
	g := delivery.Stream{Group: "g"}
	submit := func(id string, epoch uint64) delivery.Position {
		position, err := ann.Submit(t.Context(), delivery.Submission{
			ID: id, Commits: []delivery.Commit{{Group: "g", Epoch: epoch, Message: []byte("commit"), GroupInfo: []byte("info")}},
		})
		require.NoError(t, err)
		return position
	}
	send := func(id string, selfRemove bool) delivery.Position {
		position, err := ann.Send(t.Context(), delivery.Message{ID: id, Group: "g", Epoch: 1, Message: []byte(id), SelfRemove: selfRemove})
		require.NoError(t, err)
		return position
	}
	collect := func(r Retention) (shown int) {
		_, err := Collect(t.Context(), n.conn(), r)
		require.NoError(t, err)
		info, err := ann.GroupInfo(t.Context(), "g")
		require.NoError(t, err)
		return len(info.SelfRemoves)
	}
	began := submit("1", 0)
	send("2", false)
	leaves := send("3", true)
	require.NoError(t, ann.Acknowledge(t.Context(), g, send("4", true)))
	for _, r := range []Retention{{Read: true}, {Age: time.Nanosecond}} {
		require.Equal(t, 2, collect(r))
		_, err := ann.Fetch(t.Context(), g, began, 0)
		var gap *delivery.GapError
		require.ErrorAs(t, err, &gap, "what is before them is deleted")
		require.Equal(t, leaves, gap.Oldest)
	}
	require.NoError(t, ann.Acknowledge(t.Context(), g, submit("5", 1)))
	require.Zero(t, collect(Retention{Read: true}))
	entries, err := ann.Fetch(t.Context(), g, leaves+10, 0)
	require.NoError(t, err)
	require.Empty(t, entries)
	_, err = ann.Fetch(t.Context(), g, leaves, 0)
	require.Error(t, err)
}

// Of all who collect now and then, one does each time.
func TestOneOfAllCollects(t *testing.T) {
	n := newNetwork(t)
	ann := n.Client("ann")
	began := beginWith(t, ann, "ann")
	g := delivery.Stream{Group: "g"}
	require.NoError(t, ann.Acknowledge(t.Context(), g, began))
	for i, want := range []bool{true, false, false} {
		mine, err := turn(t.Context(), n.conn(), time.Hour)
		require.NoError(t, err)
		require.Equal(t, want, mine, i)
	}
	mine, err := turn(t.Context(), n.conn(), time.Nanosecond)
	require.NoError(t, err)
	require.True(t, mine, "it is long ago")
	position, err := ann.Acknowledged(t.Context(), g)
	require.NoError(t, err)
	require.Equal(t, began, position)

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		CollectEvery(ctx, n.conn(), Retention{Read: true}, time.Millisecond, slog.New(slog.DiscardHandler))
	}()
	require.Eventually(t, func() bool {
		_, err := ann.Fetch(t.Context(), g, 0, 0)
		var gap *delivery.GapError
		return errors.As(err, &gap)
	}, time.Minute, time.Millisecond)
	stop()
	<-ended
	CollectEvery(t.Context(), nil, Retention{}, 0, nil) // never, and it does not wait
}

// What is deleted while somebody lists what there is, is not waited for; what changes meanwhile
// is seen.
func TestListsWhileTheyChange(t *testing.T) {
	n := newNetwork(t)
	ann, bob := n.Client("ann").(*Service), n.Client("bob")
	g := delivery.Stream{Group: "g"}
	for _, s := range []delivery.Service{ann, bob} {
		require.NoError(t, s.Acknowledge(t.Context(), g, 1))
		require.NoError(t, s.Publish(t.Context(), delivery.Stock{Add: keyPackages(0, 3, time.Hour)}))
	}
	var seen []string
	err := visit(t.Context(), ann.js, bucketStream(acksBucket), jetstream.OrderedConsumerConfig{}, func(m jetstream.Msg, _ *jetstream.MsgMetadata) error {
		if seen == nil {
			require.NoError(t, ann.Acknowledge(t.Context(), g, 2))
			require.NoError(t, bob.Acknowledge(t.Context(), g, 2))
		}
		seen = append(seen, m.Subject())
		return nil
	})
	require.NoError(t, err)
	for _, client := range []string{"ann", "bob"} {
		require.Contains(t, seen, inBucket(acksBucket, ackKey(client, g)))
	}
	first := true
	err = visit(t.Context(), ann.js, bucketStream(keysBucket), jetstream.OrderedConsumerConfig{}, func(jetstream.Msg, *jetstream.MsgMetadata) error {
		if first {
			require.NoError(t, ann.stock.Purge(t.Context()))
		}
		first = false
		return nil
	})
	require.NoError(t, err)
}
