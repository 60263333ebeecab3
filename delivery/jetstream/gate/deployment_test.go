package gate

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	service "github.com/mlsuite/mlsuite/delivery/jetstream"
)

// With a user of the system account, the sample configuration tells an operator that writes are
// durable, and that what clients store is bounded. All else that check says of it is good, but
// that one server has one copy.
func TestSampleConfigurationIsChecked(t *testing.T) {
	d := deploy(t)
	found, err := service.Check(t.Context(), d.conn("gate"), d.conn("operator"))
	require.NoError(t, err)
	var lacks []string
	for _, f := range found {
		if !f.Good {
			lacks = append(lacks, f.What)
		}
	}
	require.Equal(t, []string{"the stream has 1 copies; it takes three to outlive a server"}, lacks)
	require.Equal(t, service.Finding{Good: true, What: "server mls-1, version " + server.VERSION + ", makes each write durable before it answers"}, found[len(found)-1])

	// Who is of the system account is not let at what clients have, nor the other way round.
	_, err = service.Connect(t.Context(), d.conn("operator"), "ann")
	require.ErrorIs(t, err, delivery.ErrUnavailable)
	nothing, err := service.Check(t.Context(), d.conn("gate"), d.conn("gate"))
	require.NoError(t, err)
	require.Equal(t, service.Finding{What: "no server answers the system account"}, nothing[len(nothing)-1])
}

// The sample configuration takes as many subscriptions as a client with the most groups has, and
// as much of the disk as the default limits say.
func TestSampleConfigurationHasRoom(t *testing.T) {
	d := deploy(t, "ann")
	v, err := d.server.Varz(nil)
	require.NoError(t, err)
	require.Equal(t, 2*MaxWatched+8, v.MaxSubs, "two watches, answers, and some to spare")
	require.Equal(t, int64(10<<30), v.JetStream.Config.MaxStore)
	ann := d.Client("ann")
	var streams []delivery.Stream
	const groups = 1500 // more than NATS had been told to take
	for i := range groups {
		streams = append(streams, delivery.Stream{Group: fmt.Sprint("group", i)})
	}
	told, err := ann.Watch(t.Context(), streams...)
	require.NoError(t, err)
	for range groups {
		<-told // each may have something
	}
	last := streams[groups-1]
	begin(t, ann, last.Group)
	select {
	case of := <-told:
		require.Equal(t, last, of)
	case <-time.After(20 * time.Second):
		t.Fatal("the service does not tell of the last group")
	}
}

// Behind a guard, a gate takes nothing of a member that was removed, which still reads up to that.
func TestRemovedMemberBehindAGate(t *testing.T) {
	d := deploy(t, "ann", "bob")
	d.guarded()
	ann, bob := d.member("ann", nil), d.member("bob", nil)
	g, err := ann.CreateGroup(t.Context(), "", []string{"bob"})
	require.NoError(t, err)
	require.NoError(t, bob.Sync(t.Context()))
	_, err = bob.Send(t.Context(), g, []byte("hello"))
	require.NoError(t, err)
	require.NoError(t, bob.Sync(t.Context()))

	s, of := d.Client("bob"), delivery.Stream{Group: g}
	entries, err := s.Fetch(t.Context(), of, 0, 0)
	require.NoError(t, err)
	hello := entries[len(entries)-1]
	send := func(id string) error {
		_, err := s.Send(t.Context(), delivery.Message{ID: id, Group: g, Epoch: hello.Epoch, Message: hello.Message})
		return err
	}
	require.NoError(t, send("as a member"))
	require.NoError(t, ann.Sync(t.Context()))
	require.NoError(t, ann.Remove(t.Context(), g, "bob"))
	_, err = ann.Send(t.Context(), g, []byte("bob does not read this"))
	require.NoError(t, err)
	require.NoError(t, ann.Sync(t.Context()))
	var refusal *delivery.RefusalError
	require.ErrorAs(t, send("removed"), &refusal)
	require.Contains(t, refusal.Rule, "who sends to a group is a member")
	read, err := s.Fetch(t.Context(), of, hello.Position, 0)
	require.NoError(t, err)
	require.Len(t, read, 2, "the message again, and the commit that removed bob")
	require.Equal(t, delivery.KindCommit, read[1].Kind)
}
