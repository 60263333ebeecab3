package gate

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
)

// A submission that is repeated is taken as it was the first time, and lets nobody at
// another group.
func TestRepeatedSubmissionAdmitsNobodyElse(t *testing.T) {
	d := deploy(t, "ann", "mal", "eve")
	begin(t, d.Client("ann"), "g")
	mal := d.Client("mal")
	begin(t, mal, "mine")
	again := delivery.Submission{
		ID:       "begin",
		Commits:  []delivery.Commit{{Group: "g", Message: []byte("commit")}},
		Welcomes: []delivery.Welcome{{Clients: []string{"eve"}, Group: "g", Message: []byte("welcome")}},
	}
	_, err := mal.Submit(t.Context(), again)
	require.Error(t, err)
	again.Commits = append(again.Commits, delivery.Commit{Group: "mine", Message: []byte("commit"), GroupInfo: []byte("info")})
	_, err = mal.Submit(t.Context(), again)
	require.Error(t, err)
	for _, s := range []delivery.Service{mal, d.Client("eve")} {
		_, err = s.Fetch(t.Context(), delivery.Stream{Group: "g"}, 0, 0)
		require.ErrorIs(t, err, delivery.ErrNoGroup)
	}
}

// A subject of NATS has a length, and a server closes the connection that breaks it.
func TestIDOfAGroupThatIsTooLongBreaksNothing(t *testing.T) {
	d := deploy(t, "ann", "mal")
	ann, mal := d.Client("ann"), d.Client("mal")
	begin(t, ann, "g")
	for _, group := range []string{strings.Repeat("g", 5000), ""} {
		of := delivery.Stream{Group: group}
		_, err := mal.Submit(t.Context(), delivery.Submission{ID: "x", Commits: []delivery.Commit{{Group: group, Message: []byte("commit"), GroupInfo: []byte("info")}}})
		require.ErrorContains(t, err, "refused")
		_, err = mal.Send(t.Context(), delivery.Message{ID: "y", Group: group, Message: []byte("m")})
		require.Error(t, err)
		_, err = mal.GroupInfo(t.Context(), group)
		require.Error(t, err)
		_, err = mal.Fetch(t.Context(), of, 0, 0)
		require.Error(t, err)
		_, err = mal.Acknowledged(t.Context(), of)
		require.Error(t, err)
		require.Error(t, mal.Acknowledge(t.Context(), of, 1))
		require.Error(t, mal.Leave(t.Context(), of))
	}
	require.Zero(t, d.gates[0].nc.Stats().Reconnects)
	begun := time.Now()
	_, err := ann.Fetch(t.Context(), delivery.Stream{Group: "g"}, 0, 0)
	require.NoError(t, err)
	require.Less(t, time.Since(begun), 5*time.Second)
}
