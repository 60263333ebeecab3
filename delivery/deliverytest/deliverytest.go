// Package deliverytest checks implementations of a delivery service, and has one that fails
// as networks do, for the tests of clients.
package deliverytest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
)

// Network is a delivery service that a test has for itself.
type Network interface {
	// Client returns the service as a client of that name sees it. Names consist of
	// letters and digits.
	Client(name string) delivery.Service

	// Drop deletes the entries up to position from all streams, as a service does with
	// what is too old.
	Drop(position delivery.Position)

	// Restart ends the service and starts it again on what it kept, while clients are
	// connected. A service that keeps nothing does nothing.
	Restart()
}

// Run checks the services of what start returns: each time, a Network without groups.
func Run(t *testing.T, start func(t *testing.T) Network) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Network)
	}{
		{"one commit ends an epoch", testOneCommit},
		{"an ID takes effect once", testIDs},
		{"a submission is whole or not at all", testWhole},
		{"malformed submissions", testMalformed},
		{"messages", testMessages},
		{"fetch", testFetch},
		{"inboxes", testInboxes},
		{"group infos", testGroupInfos},
		{"SelfRemoves", testSelfRemoves},
		{"ids of groups", testGroupIDs},
		{"a group that only a Welcome announces", testWelcomedGroup},
		{"a group that welcomes many", testRecipients},
		{"groups that move together", testTogether},
		{"groups that are a pair", testPairs},
		{"acknowledgements", testAcknowledgements},
		{"gaps", testGaps},
		{"watch", testWatch},
		{"large messages", testLarge},
		{"restart", testRestart},
		{"closed", testClosed},
		{"key packages are handed out once", testStock},
		{"key packages expire", testExpiry},
		{"key packages are taken back", testRemoval},
		{"race", testRace},
		{"race with faults", testRaceWithFaults},
		{"race of pairs", testPairRace},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, start(t)) })
	}
}

// commit returns a Submission of one commit that makes room for others.
func commit(id, group string, epoch uint64) delivery.Submission {
	return delivery.Submission{ID: id, Commits: []delivery.Commit{{
		Group: group, Epoch: epoch,
		Message: fmt.Appendf(nil, "commit %s of %s in %d", id, group, epoch), GroupInfo: fmt.Appendf(nil, "info %d of %s", epoch+1, id),
	}}}
}

// submit hands in a Submission that has to win.
func submit(t *testing.T, s delivery.Service, sub delivery.Submission) delivery.Position {
	t.Helper()
	position, err := s.Submit(t.Context(), sub)
	require.NoError(t, err)
	require.NotZero(t, position)
	return position
}

// begin makes a group of a name, which is in epoch 1 then.
func begin(t *testing.T, s delivery.Service, group string) delivery.Position {
	t.Helper()
	return submit(t, s, commit("begin "+group, group, 0))
}

// message returns a message of epoch 1.
func message(id, group string) delivery.Message {
	return delivery.Message{ID: id, Group: group, Epoch: 1, Message: []byte("message " + id)}
}

func send(t *testing.T, s delivery.Service, m delivery.Message) delivery.Position {
	t.Helper()
	position, err := s.Send(t.Context(), m)
	require.NoError(t, err)
	return position
}

// fetch returns all entries of a stream, and checks what holds of each.
func fetch(t *testing.T, s delivery.Service, of delivery.Stream, after delivery.Position) []delivery.Entry {
	t.Helper()
	var all []delivery.Entry
	for {
		some, err := s.Fetch(t.Context(), of, after, 0)
		require.NoError(t, err)
		if len(some) == 0 {
			return all
		}
		for _, e := range some {
			require.Greater(t, e.Position, after, "positions grow")
			require.False(t, e.Time.IsZero())
			if of.Group != "" {
				require.Equal(t, of.Group, e.Group)
			} else {
				require.Equal(t, delivery.KindWelcome, e.Kind)
			}
			after = e.Position
		}
		all = append(all, some...)
	}
}

// texts returns what the entries say.
func texts(entries []delivery.Entry) []string {
	said := []string{}
	for _, e := range entries {
		said = append(said, string(e.Message))
	}
	return said
}

func requireEpochError(t *testing.T, err error, current uint64) *delivery.EpochError {
	t.Helper()
	var e *delivery.EpochError
	require.ErrorAs(t, err, &e)
	require.Equal(t, current, e.Current)
	return e
}

func requireRefusal(t *testing.T, err error) {
	t.Helper()
	var e *delivery.RefusalError
	require.ErrorAs(t, err, &e)
	require.NotEmpty(t, e.Rule)
}
