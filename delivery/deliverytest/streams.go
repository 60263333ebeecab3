package deliverytest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
)

func testMessages(t *testing.T, n Network) {
	ann, bob := n.Client("ann"), n.Client("bob")
	_, err := bob.Send(t.Context(), message("1", "g"))
	require.ErrorIs(t, err, delivery.ErrNoGroup)
	began := begin(t, ann, "g")
	first := send(t, bob, message("1", "g"))
	require.Greater(t, first, began)
	early := message("2", "g")
	early.Epoch = 2
	_, err = bob.Send(t.Context(), early)
	requireEpochError(t, err, 1)
	submit(t, ann, commit("c", "g", 1))
	second := send(t, bob, early)
	late := send(t, ann, message("3", "g")) // of epoch 1
	entries := fetch(t, ann, groupG, 0)
	require.Equal(t, []string{"commit begin g of g in 0", "message 1", "commit c of g in 1", "message 2", "message 3"}, texts(entries))
	require.Equal(t, []delivery.Position{began, first, second, late}, []delivery.Position{
		entries[0].Position, entries[1].Position, entries[3].Position, entries[4].Position,
	})
	require.Equal(t, delivery.KindMessage, entries[4].Kind)
	require.Equal(t, []any{"ann", "3", uint64(1)}, []any{entries[4].From, entries[4].ID, entries[4].Epoch})
}

func testFetch(t *testing.T, n Network) {
	ann := n.Client("ann")
	_, err := ann.Fetch(t.Context(), groupG, 0, 0)
	require.ErrorIs(t, err, delivery.ErrNoGroup)
	begin(t, ann, "g")
	begin(t, ann, "h")
	var positions []delivery.Position
	for _, id := range []string{"1", "2", "3", "4", "5"} {
		send(t, ann, message("other "+id, "h"))
		positions = append(positions, send(t, ann, message(id, "g")))
	}
	some, err := ann.Fetch(t.Context(), groupG, positions[0], 2)
	require.NoError(t, err)
	require.Equal(t, []string{"message 2", "message 3"}, texts(some))
	some, err = ann.Fetch(t.Context(), groupG, positions[2]-1, 1)
	require.NoError(t, err)
	require.Equal(t, []string{"message 3"}, texts(some), "a position between entries is one")
	some, err = ann.Fetch(t.Context(), groupG, positions[4], 0)
	require.NoError(t, err)
	require.Empty(t, some)
	require.Len(t, fetch(t, ann, groupG, positions[1]), 3)
	some, err = ann.Fetch(t.Context(), groupG, positions[0], 1)
	require.NoError(t, err)
	clear(some[0].Message) // the caller owns it
	require.Equal(t, "message 2", texts(fetch(t, ann, groupG, positions[0]))[0])
}

func testInboxes(t *testing.T, n Network) {
	ann, bob := n.Client("ann"), n.Client("bob")
	inbox := delivery.Stream{Client: "bob"}
	require.Empty(t, fetch(t, bob, inbox, 0))
	sub := commit("1", "g", 0)
	sub.Welcomes = []delivery.Welcome{
		{Clients: []string{"bob", "carl"}, Group: "g", Message: []byte("welcome"), Tree: []byte("tree")},
		{Clients: []string{"bob"}, Group: "g", Message: []byte("another")},
	}
	position := submit(t, ann, sub)
	entries := fetch(t, bob, inbox, 0)
	require.Equal(t, []string{"welcome", "another"}, texts(entries))
	require.Equal(t, []any{"tree", "ann", "g", uint64(1), "1"}, []any{string(entries[0].Tree), entries[0].From, entries[0].Group, entries[0].Epoch, entries[0].ID})
	require.Empty(t, entries[1].Tree)
	require.LessOrEqual(t, entries[1].Position, position)
	// Who joins reads on behind its Welcome, and misses nothing.
	send(t, ann, message("m", "g"))
	require.Equal(t, []string{"message m"}, texts(fetch(t, bob, groupG, entries[0].Position)))
	require.Equal(t, []string{"another"}, texts(fetch(t, bob, inbox, entries[0].Position)))

	_, err := ann.Fetch(t.Context(), inbox, 0, 0)
	require.ErrorIs(t, err, delivery.ErrNoGroup, "another's inbox")
	require.ErrorIs(t, ann.Acknowledge(t.Context(), inbox, 1), delivery.ErrNoGroup)
}

func testAcknowledgements(t *testing.T, n Network) {
	ann, bob := n.Client("ann"), n.Client("bob")
	began := begin(t, ann, "g")
	acked := func(s delivery.Service) delivery.Position {
		position, err := s.Acknowledged(t.Context(), groupG)
		require.NoError(t, err)
		return position
	}
	require.Zero(t, acked(ann))
	second := send(t, ann, message("1", "g"))
	require.NoError(t, ann.Acknowledge(t.Context(), groupG, second))
	require.NoError(t, ann.Acknowledge(t.Context(), groupG, began))
	require.Equal(t, second, acked(ann))
	require.Zero(t, acked(bob))
	n.Restart()
	ann = n.Client("ann")
	require.Equal(t, second, acked(ann))
	require.NoError(t, ann.Leave(t.Context(), groupG))
	require.NoError(t, ann.Leave(t.Context(), groupG))
}

func testGaps(t *testing.T, n Network) {
	ann := n.Client("ann")
	began := begin(t, ann, "g")
	first, second := send(t, ann, message("1", "g")), send(t, ann, message("2", "g"))
	n.Drop(first)
	_, err := ann.Fetch(t.Context(), groupG, began, 0)
	var gap *delivery.GapError
	require.ErrorAs(t, err, &gap)
	require.Equal(t, delivery.GapError{Stream: groupG, After: began, Oldest: second, Kept: first}, *gap)
	require.Equal(t, []string{"message 2"}, texts(fetch(t, ann, groupG, gap.Kept)))
	_, err = ann.Submit(t.Context(), commit("old", "g", 0))
	requireEpochError(t, err, 1)
	submit(t, ann, commit("new", "g", 1))
}

// A watch tells of each new entry in time, if not of each by itself.
func testWatch(t *testing.T, n Network) {
	ann, bob := n.Client("ann"), n.Client("bob")
	began := begin(t, ann, "g")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	told, err := bob.Watch(ctx, groupG, delivery.Stream{Client: "bob"})
	require.NoError(t, err)
	seen := began
	for _, id := range []string{"1", "2", "3"} {
		sent := send(t, ann, message(id, "g"))
		for seen < sent {
			select {
			case of, ok := <-told:
				require.True(t, ok)
				if of == groupG {
					for _, e := range fetch(t, bob, groupG, seen) {
						seen = e.Position
					}
				}
			case <-time.After(time.Minute):
				require.Fail(t, "nobody told of a message")
			}
		}
	}
	cancel()
	for range told {
	}
}

func testLarge(t *testing.T, n Network) {
	ann, bob := n.Client("ann"), n.Client("bob")
	large := make([]byte, 3<<20) // beyond what messaging systems carry in one piece
	for i := range large {
		large[i] = byte(i / 1000)
	}
	sub := commit("1", "g", 0)
	sub.Commits[0].Tree = large
	sub.Welcomes = []delivery.Welcome{{Clients: []string{"bob"}, Group: "g", Message: large, Tree: large}}
	submit(t, ann, sub)
	entries := fetch(t, bob, delivery.Stream{Client: "bob"}, 0)
	require.Len(t, entries, 1)
	require.Equal(t, large, entries[0].Message)
	require.Equal(t, large, entries[0].Tree)
	info, err := bob.GroupInfo(t.Context(), "g")
	require.NoError(t, err)
	require.Equal(t, large, info.Tree)
}

func testRestart(t *testing.T, n Network) {
	ann := n.Client("ann")
	began := begin(t, ann, "g")
	sent := send(t, ann, message("1", "g"))
	n.Restart()
	ann = n.Client("ann")
	require.Equal(t, began, begin(t, ann, "g"), "IDs are kept")
	require.Equal(t, sent, send(t, ann, message("1", "g")))
	require.Len(t, fetch(t, ann, groupG, 0), 2)
	submit(t, ann, commit("2", "g", 1))
}

func testClosed(t *testing.T, n Network) {
	ann := n.Client("ann")
	health, err := ann.Health(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, health.Implementation)
	require.True(t, health.Durable || len(health.Warnings) > 0)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = ann.Send(ended, message("1", "g"))
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, ann.Close())
	_, err = ann.Health(t.Context())
	require.ErrorIs(t, err, delivery.ErrUnavailable)
	_, err = ann.Submit(t.Context(), commit("1", "g", 0))
	require.ErrorIs(t, err, delivery.ErrUnavailable)
}

// Ids of groups are bytes, and need be no text.
func testGroupIDs(t *testing.T, n Network) {
	ann := n.Client("ann")
	for i, group := range []string{"\xff\x00 .*>", "\xff\x00 .*", "0", strings.Repeat("\xfe", 64)} {
		sub := commit(fmt.Sprintf("begin %d", i), group, 0)
		sub.Welcomes = []delivery.Welcome{{Clients: []string{"bob"}, Group: group, Message: []byte("welcome")}}
		at := submit(t, ann, sub)
		send(t, ann, message(fmt.Sprintf("m %d", i), group))
		entries := fetch(t, ann, delivery.Stream{Group: group}, 0)
		require.Len(t, entries, 2)
		require.Equal(t, group, entries[0].Group)
		welcomes := fetch(t, n.Client("bob"), delivery.Stream{Client: "bob"}, at-1)
		require.Len(t, welcomes, 1)
		require.Equal(t, group, welcomes[0].Group)
		_, err := ann.GroupInfo(t.Context(), group)
		require.NoError(t, err)
		_, err = ann.Submit(t.Context(), commit("late", group, 0))
		require.Equal(t, group, requireEpochError(t, err, 1).Group)
	}
}
