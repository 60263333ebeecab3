package deliverytest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
)

var groupG = delivery.Stream{Group: "g"}

func testOneCommit(t *testing.T, n Network) {
	ann, bob := n.Client("ann"), n.Client("bob")
	_, err := bob.Submit(t.Context(), commit("early", "g", 1))
	requireEpochError(t, err, 0)
	began := begin(t, ann, "g")
	_, err = bob.Submit(t.Context(), commit("bob", "g", 0))
	lost := requireEpochError(t, err, 1)
	require.Equal(t, began, lost.CurrentPosition)
	require.Equal(t, "g", lost.Group)

	next := submit(t, bob, commit("bob", "g", 1))
	require.Greater(t, next, began)
	for _, epoch := range []uint64{0, 1, 3} {
		_, err = ann.Submit(t.Context(), commit("late", "g", epoch))
		requireEpochError(t, err, 2)
	}
	entries := fetch(t, ann, groupG, 0)
	require.Len(t, entries, 2)
	for i, want := range []delivery.Entry{
		{Position: began, Kind: delivery.KindCommit, ID: "begin g", From: "ann", Epoch: 0},
		{Position: next, Kind: delivery.KindCommit, ID: "bob", From: "bob", Epoch: 1},
	} {
		got := entries[i]
		require.Equal(t, want, delivery.Entry{Position: got.Position, Kind: got.Kind, ID: got.ID, From: got.From, Epoch: got.Epoch})
	}
}

func testIDs(t *testing.T, n Network) {
	ann, bob := n.Client("ann"), n.Client("bob")
	began := begin(t, ann, "g")
	sub := commit("1", "g", 1)
	sub.Welcomes = []delivery.Welcome{{Clients: []string{"carl"}, Group: "g", Message: []byte("welcome")}}
	first := submit(t, ann, sub)
	require.Equal(t, first, submit(t, ann, sub))
	submit(t, bob, commit("1", "g", 2)) // IDs are a client's own
	require.Equal(t, first, submit(t, ann, sub), "even in a later epoch")
	require.Equal(t, began, begin(t, ann, "g"))
	for name, change := range map[string]func(*delivery.Submission){
		"another group":     func(s *delivery.Submission) { s.Commits[0].Group, s.Welcomes = "h", nil },
		"another epoch":     func(s *delivery.Submission) { s.Commits[0].Epoch = 2 },
		"another commit":    func(s *delivery.Submission) { s.Commits[0].Message = []byte("commit") },
		"somebody welcomed": func(s *delivery.Submission) { s.Welcomes[0].Clients = []string{"mal"} },
		"one more group":    func(s *delivery.Submission) { s.Commits = append(s.Commits, commit("1", "h", 0).Commits...) },
	} {
		other := commit("1", "g", 1)
		other.Welcomes = []delivery.Welcome{{Clients: []string{"carl"}, Group: "g", Message: []byte("welcome")}}
		change(&other)
		_, err := ann.Submit(t.Context(), other)
		require.Error(t, err, name)
		requireRefusal(t, err)
	}
	sub.Commits[0].GroupInfo = []byte("signed anew")
	require.Equal(t, first, submit(t, ann, sub))

	m := message("m", "g")
	sent := send(t, ann, m)
	require.Equal(t, sent, send(t, ann, m))
	require.Greater(t, send(t, bob, m), sent)
	require.Len(t, fetch(t, ann, groupG, 0), 5)
	require.Len(t, fetch(t, n.Client("carl"), delivery.Stream{Client: "carl"}, 0), 1)
}

func testWhole(t *testing.T, n Network) {
	ann := n.Client("ann")
	begin(t, ann, "g")
	begin(t, ann, "h")
	lost := commit("lost", "g", 1)
	lost.Commits = append(lost.Commits, commit("lost", "h", 7).Commits...)
	lost.Welcomes = []delivery.Welcome{{Clients: []string{"bob"}, Group: "g", Message: []byte("welcome")}}
	_, err := ann.Submit(t.Context(), lost)
	require.Equal(t, "h", requireEpochError(t, err, 1).Group)
	require.Len(t, fetch(t, ann, groupG, 0), 1)
	require.Empty(t, fetch(t, n.Client("bob"), delivery.Stream{Client: "bob"}, 0))
	info, err := ann.GroupInfo(t.Context(), "g")
	require.NoError(t, err)
	require.Equal(t, uint64(1), info.Epoch)
	lost.Commits[1].Epoch = 1
	submit(t, ann, lost) // an ID that had no effect is free
}

func testMalformed(t *testing.T, n Network) {
	ann := n.Client("ann")
	begin(t, ann, "g")
	for name, change := range map[string]func(*delivery.Submission){
		"no commit":        func(s *delivery.Submission) { s.Commits = nil },
		"no ID":            func(s *delivery.Submission) { s.ID = "" },
		"long ID":          func(s *delivery.Submission) { s.ID = strings.Repeat("x", delivery.MaxID+1) },
		"no ID of a group": func(s *delivery.Submission) { s.Commits[0].Group, s.Commits[0].Epoch, s.Welcomes = "", 0, nil },
		"long ID of a group": func(s *delivery.Submission) {
			s.Commits[0].Group, s.Commits[0].Epoch, s.Welcomes = strings.Repeat("g", delivery.MaxGroup+1), 0, nil
		},
		"no message":              func(s *delivery.Submission) { s.Commits[0].Message = nil },
		"two commits of a group":  func(s *delivery.Submission) { s.Commits = append(s.Commits, s.Commits[0]) },
		"Welcome to another one":  func(s *delivery.Submission) { s.Welcomes[0].Group = "h" },
		"Welcome without message": func(s *delivery.Submission) { s.Welcomes[0].Message = nil },
	} {
		sub := commit("1", "g", 1)
		sub.Welcomes = []delivery.Welcome{{Clients: []string{"bob"}, Group: "g", Message: []byte("welcome")}}
		change(&sub)
		_, err := ann.Submit(t.Context(), sub)
		require.Error(t, err, name)
		requireRefusal(t, err)
	}
	for _, id := range []string{"", strings.Repeat("x", delivery.MaxID+1)} {
		_, err := ann.Send(t.Context(), message(id, "g"))
		requireRefusal(t, err)
	}
	for _, group := range []string{"", strings.Repeat("g", delivery.MaxGroup+1)} {
		_, err := ann.Send(t.Context(), message("m", group))
		if !errors.Is(err, delivery.ErrNoGroup) {
			requireRefusal(t, err)
		}
	}
	require.Len(t, fetch(t, ann, groupG, 0), 1)
}

func testWelcomedGroup(t *testing.T, n Network) {
	ann, bob := n.Client("ann"), n.Client("bob")
	follow := delivery.Submission{
		ID: "1", Commits: []delivery.Commit{{Group: "next"}},
		Welcomes: []delivery.Welcome{{Clients: []string{"ann", "bob"}, Group: "next", Message: []byte("welcome")}},
	}
	position := submit(t, ann, follow)
	_, err := bob.Submit(t.Context(), follow)
	requireEpochError(t, err, 1)
	for _, s := range []delivery.Service{ann, bob} {
		entries := fetch(t, s, delivery.Stream{Client: s.Client()}, 0)
		require.Len(t, entries, 1)
		require.Equal(t, uint64(1), entries[0].Epoch)
		require.Equal(t, "next", entries[0].Group)
		require.LessOrEqual(t, entries[0].Position, position)
	}
	require.Empty(t, fetch(t, bob, delivery.Stream{Group: "next"}, 0))
	submit(t, bob, commit("2", "next", 1))
}

// The Welcomes of a pair of groups go to more clients than a service may take at once. Each has
// one, however often the submission is repeated, and nobody has one of a submission that loses.
func testRecipients(t *testing.T, n Network) {
	ann, bob := n.Client("ann"), n.Client("bob")
	large := func(id string, recipients int) delivery.Submission {
		names := make([]string, recipients)
		for i := range names {
			names[i] = "other-" + strconv.Itoa(i)
		}
		names[0], names[recipients-1] = "bob", "carl"
		sub := commit(id, "t", 0)
		sub.Commits = append(sub.Commits, commit(id, "pq", 0).Commits...)
		sub.Welcomes = []delivery.Welcome{
			{Clients: names[:recipients-200], Group: "t", Message: []byte("welcome of " + id)},
			{Clients: names[recipients-200:], Group: "t", Message: make([]byte, 100_000), Tree: make([]byte, 50_000)},
		}
		return sub
	}
	_, err := ann.Submit(t.Context(), large("0", delivery.MaxRecipients+1))
	require.ErrorIs(t, err, delivery.ErrTooLarge)
	sub := large("1", 2100)
	lossy := Faulty(ann, Faults{LostAnswer: 1, Twice: 1}, rand.New(rand.NewPCG(1, 1)))
	_, err = lossy.Submit(t.Context(), sub)
	require.ErrorIs(t, err, delivery.ErrUnknown)
	position := submit(t, ann, sub)
	_, err = bob.Submit(t.Context(), large("2", 2100))
	requireEpochError(t, err, 1)
	require.Less(t, position, send(t, bob, message("1", "t")))
	n.Restart()
	ann = n.Client("ann")
	require.Equal(t, position, submit(t, ann, sub))
	for i, name := range []string{"bob", "carl"} {
		s := n.Client(name)
		entries := fetch(t, s, delivery.Stream{Client: name}, 0)
		require.Len(t, entries, 1, name)
		e, welcome := entries[0], sub.Welcomes[i]
		require.Equal(t, "ann 1 t 1", fmt.Sprint(e.From, " ", e.ID, " ", e.Group, " ", e.Epoch), name)
		require.True(t, bytes.Equal(welcome.Message, e.Message) && bytes.Equal(welcome.Tree, e.Tree), name)
		require.LessOrEqual(t, e.Start, e.Position, name)
		behind := fetch(t, s, delivery.Stream{Group: "t"}, cmp.Or(e.Start, e.Position))
		require.Equal(t, []string{"message 1"}, texts(behind), name)
	}
}

func testTogether(t *testing.T, n Network) {
	ann, bob := n.Client("ann"), n.Client("bob")
	both := func(id string, epoch uint64) delivery.Submission {
		sub := commit(id, "t", epoch)
		sub.Commits = append(sub.Commits, commit(id, "pq", epoch).Commits...)
		return sub
	}
	submit(t, ann, both("1", 0))
	submit(t, bob, both("2", 1))
	_, err := ann.Submit(t.Context(), both("3", 1))
	requireEpochError(t, err, 2)
	submit(t, ann, commit("4", "t", 2)) // one of them may go on alone
	_, err = bob.Submit(t.Context(), both("5", 2))
	require.Equal(t, "t", requireEpochError(t, err, 3).Group)
	require.Len(t, fetch(t, bob, delivery.Stream{Group: "pq"}, 0), 2)
}

func testGroupInfos(t *testing.T, n Network) {
	ann, bob := n.Client("ann"), n.Client("bob")
	_, err := bob.GroupInfo(t.Context(), "g")
	require.ErrorIs(t, err, delivery.ErrNoGroup)
	began := begin(t, ann, "g")
	info, err := bob.GroupInfo(t.Context(), "g")
	require.NoError(t, err)
	require.Equal(t, delivery.GroupInfo{Epoch: 1, Position: began, Message: []byte("info 1 of begin g"), Tree: info.Tree}, info)
	require.Empty(t, info.Tree)

	sub := commit("2", "g", 1)
	sub.Commits[0].Tree = []byte("tree")
	submit(t, ann, sub)
	info, err = bob.GroupInfo(t.Context(), "g")
	require.NoError(t, err)
	require.Equal(t, "tree", string(info.Tree))
	require.Equal(t, uint64(2), info.Epoch)

	sub = commit("3", "g", 2)
	sub.Commits[0].GroupInfo = nil
	submit(t, ann, sub)
	_, err = bob.GroupInfo(t.Context(), "g")
	require.ErrorIs(t, err, delivery.ErrNoGroup, "an old one would lead nowhere")
}

// SelfRemoves come with the GroupInfo of their epoch, also when all others have read them.
func testSelfRemoves(t *testing.T, n Network) {
	ann, bob := n.Client("ann"), n.Client("bob")
	pending := func() []string {
		t.Helper()
		info, err := n.Client("carl").GroupInfo(t.Context(), "g")
		require.NoError(t, err)
		said := []string{}
		for _, m := range info.SelfRemoves {
			said = append(said, string(m))
			clear(m) // the caller owns it
		}
		return said
	}
	leaves := func(id string, epoch uint64) delivery.Message {
		m := message(id, "g")
		m.Epoch, m.SelfRemove = epoch, true
		return m
	}
	began := begin(t, ann, "g")
	require.Empty(t, pending())
	send(t, ann, message("1", "g"))
	first := send(t, bob, leaves("2", 1))
	require.Equal(t, first, send(t, bob, leaves("2", 1)))
	last := send(t, ann, leaves("3", 1))
	require.Equal(t, []string{"message 2", "message 3"}, pending())
	require.Equal(t, pending(), pending())
	require.Equal(t, []string{"message 1", "message 2", "message 3"}, texts(fetch(t, bob, groupG, began)), "they are in the stream too")
	for _, s := range []delivery.Service{ann, bob} {
		require.NoError(t, s.Acknowledge(t.Context(), groupG, last))
	}
	n.Restart()
	ann, bob = n.Client("ann"), n.Client("bob")
	require.Equal(t, []string{"message 2", "message 3"}, pending())
	submit(t, ann, commit("4", "g", 1))
	require.Empty(t, pending())
	send(t, bob, leaves("5", 1)) // of an epoch that is over
	require.Empty(t, pending())
	send(t, bob, leaves("6", 2))
	require.Equal(t, []string{"message 6"}, pending())
}
