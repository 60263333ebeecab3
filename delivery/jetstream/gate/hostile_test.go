package gate

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls/message"
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

// Each client may listen to all hints, and learns no group from them: who knows the id of a
// group gets its GroupInfo.
func TestHintsDoNotShowGroups(t *testing.T) {
	d := deploy(t, "ann", "mal")
	mal := d.conn("mal")
	sub, err := mal.SubscribeSync("mlsh.g.*")
	require.NoError(t, err)
	require.NoError(t, mal.Flush())
	id := "a group that mal does not know"
	begin(t, d.Client("ann"), id)
	hint, err := sub.NextMsg(10 * time.Second)
	require.NoError(t, err)
	require.NotContains(t, hint.Subject, base64.RawURLEncoding.EncodeToString([]byte(id)))
	require.Empty(t, hint.Data)
}

// What one client has sent of requests that are not complete leaves room for others.
func TestPiecesOfOneClientLeaveRoom(t *testing.T) {
	d := deploy(t, "ann", "mal")
	d.gates[0].cfg.MaxRequest, d.gates[0].cfg.MaxPending = 2<<20, 8<<20
	mal := d.conn("mal")
	for i := range 16 {
		m := nats.NewMsg("mlsd." + d.gates[0].name + ".mal.send")
		m.Header.Set(requestHeader, fmt.Sprint(i))
		m.Header.Set(offsetHeader, "0")
		m.Header.Set(sizeHeader, fmt.Sprint(2<<20))
		m.Data = make([]byte, 900<<10)
		_, err := mal.RequestMsg(m, 10*time.Second)
		require.NoError(t, err)
	}
	ann := d.Client("ann")
	begin(t, ann, "g")
	_, err := ann.Send(t.Context(), delivery.Message{ID: "large", Group: "g", Epoch: 1, Message: make([]byte, 3<<19)})
	require.NoError(t, err)
}

// externalCommit is what a gate reads of an external commit, in a PublicMessage that parses.
func externalCommit(group string, epoch byte) []byte {
	return []byte("\x00\x01\x00\x01" + string(rune(len(group))) + group + "\x00\x00\x00\x00\x00\x00\x00" + string(rune(epoch)) +
		"\x04" + "\x00" + "\x03" + // new_member_commit, no authenticated_data, commit
		"\x00" + "\x00" + // no proposals, no path
		"\x01s" + "\x01c") // signature, confirmation_tag
}

// Who joins two groups by one pair of external commits is let at both. A leg is good for the
// group that it is of and for no other, and the pair for no group without a leg in it.
func TestJoinByAPair(t *testing.T) {
	d := deploy(t, "ann", "mal")
	ann, mal := d.Client("ann"), d.Client("mal")
	_, err := ann.Submit(t.Context(), delivery.Submission{ID: "begin", Commits: []delivery.Commit{
		{Group: "t", Message: []byte("commit")}, {Group: "pq"}, {Group: "x"},
	}})
	require.NoError(t, err)
	pair, err := (&apq.MessagePair{T: externalCommit("t", 1), PQ: externalCommit("pq", 1)}).Marshal(message.CodePoints{})
	require.NoError(t, err)
	submit := func(id string, groups ...string) error {
		sub := delivery.Submission{ID: id}
		for i, group := range groups {
			c := delivery.Commit{Group: group, Epoch: 1}
			if i == 0 {
				c.Message = pair
			}
			sub.Commits = append(sub.Commits, c)
		}
		_, err := mal.Submit(t.Context(), sub)
		return err
	}
	for i, groups := range [][]string{{"x", "pq"}, {"x"}, {"pq", "t"}, {"t", "x"}, {"t", "pq", "x"}} {
		require.ErrorIs(t, submit(fmt.Sprint(i), groups...), delivery.ErrNoGroup, "%q", groups)
	}
	require.NoError(t, submit("both", "t", "pq"))
	for _, group := range []string{"t", "pq"} {
		_, err := mal.Fetch(t.Context(), delivery.Stream{Group: group}, 0, 0)
		require.NoError(t, err)
	}
	_, err = mal.Fetch(t.Context(), delivery.Stream{Group: "x"}, 0, 0)
	require.ErrorIs(t, err, delivery.ErrNoGroup)
}

// Whom a pair of Welcomes invites may hand in commits of both groups, and whom a Welcome to one
// of them invites, or a pair beside commits of another group, of no group but that.
func TestInvitationToAPair(t *testing.T) {
	d := deploy(t, "ann", "bob", "mal")
	ann := d.Client("ann")
	welcomes, err := (&apq.MessagePair{T: emptyWelcome(1), PQ: emptyWelcome(2)}).Marshal(message.CodePoints{})
	require.NoError(t, err)
	commits, err := (&apq.MessagePair{T: externalCommit("t", 1), PQ: externalCommit("pq", 1)}).Marshal(message.CodePoints{})
	require.NoError(t, err)
	_, err = ann.Submit(t.Context(), delivery.Submission{
		ID:      "begin",
		Commits: []delivery.Commit{{Group: "t", Message: commits}, {Group: "pq"}, {Group: "x"}},
		Welcomes: []delivery.Welcome{
			{Clients: []string{"bob"}, Group: "t", Message: welcomes},
			{Clients: []string{"mal"}, Group: "t", Message: emptyWelcome(1)},
			{Clients: []string{"mal"}, Group: "x", Message: welcomes},
		},
	})
	require.NoError(t, err)
	for client, may := range map[string]map[string]bool{
		"bob": {"t": true, "pq": true, "x": false}, "mal": {"t": true, "pq": false, "x": true},
	} {
		for group, allowed := range may {
			_, err := d.Client(client).Fetch(t.Context(), delivery.Stream{Group: group}, 0, 0)
			if allowed {
				require.NoError(t, err, "%s, %s", client, group)
			} else {
				require.ErrorIs(t, err, delivery.ErrNoGroup, "%s, %s", client, group)
			}
		}
	}
}

// emptyWelcome is a Welcome of a suite for nobody.
func emptyWelcome(suite byte) []byte {
	return []byte("\x00\x01\x00\x03\x00" + string(rune(suite)) + "\x00\x00")
}
