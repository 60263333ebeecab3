package deliverytest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
)

// full returns a Submission that ends an epoch of each of two groups, with one message in
// the stream of the first.
func full(id string, t, pq uint64) delivery.Submission {
	sub := commit(id, "t", t)
	sub.Commits[0].Message = fmt.Appendf(nil, "%d %d", t, pq)
	sub.Commits = append(sub.Commits, commit(id, "pq", pq).Commits...)
	sub.Commits[1].Message = nil
	return sub
}

// Two groups are a pair: one message ends an epoch of both, or of neither.
func testPairs(t *testing.T, n Network) {
	ann, bob := n.Client("ann"), n.Client("bob")
	inT, inPQ := delivery.Stream{Group: "t"}, delivery.Stream{Group: "pq"}
	info := func(group string) delivery.GroupInfo {
		info, err := bob.GroupInfo(t.Context(), group)
		require.NoError(t, err)
		return info
	}
	submit(t, ann, full("begin", 0, 0))
	began := info("pq").Position
	submit(t, ann, commit("alone", "t", 1)) // one of them goes on
	// In another epoch is the first, the second, or both; also if the second is named first.
	for _, c := range []struct {
		t, pq, current uint64
		group          string
	}{{1, 1, 2, "t"}, {3, 1, 2, "t"}, {2, 0, 1, "pq"}, {2, 2, 1, "pq"}} {
		for _, turned := range []bool{false, true} {
			sub := full("lost", c.t, c.pq)
			if turned {
				sub.Commits[0], sub.Commits[1] = sub.Commits[1], sub.Commits[0]
			}
			sub.Welcomes = []delivery.Welcome{{Clients: []string{"carl"}, Group: "t", Message: []byte("welcome")}}
			_, err := bob.Submit(t.Context(), sub)
			lost := requireEpochError(t, err, c.current)
			require.Equal(t, c.group, lost.Group)
			require.Equal(t, info(c.group).Position, lost.CurrentPosition)
		}
	}
	require.Len(t, fetch(t, ann, inT, 0), 2)
	require.Empty(t, fetch(t, n.Client("carl"), delivery.Stream{Client: "carl"}, 0))
	require.Equal(t, []any{uint64(2), uint64(1)}, []any{info("t").Epoch, info("pq").Epoch}, "nothing has changed")

	sub := full("both", 2, 1)
	sub.Welcomes = []delivery.Welcome{{Clients: []string{"carl"}, Group: "t", Message: []byte("welcome")}}
	position := submit(t, bob, sub)
	entries := fetch(t, ann, inT, 0)
	require.Equal(t, []string{"0 0", "commit alone of t in 1", "2 1"}, texts(entries))
	require.LessOrEqual(t, entries[2].Position, position)
	require.Empty(t, fetch(t, ann, inPQ, 0), "its commits are in the other stream")
	require.Len(t, fetch(t, n.Client("carl"), delivery.Stream{Client: "carl"}, 0), 1)
	pq := info("pq")
	require.Equal(t, []any{uint64(2), "info 2 of both"}, []any{pq.Epoch, string(pq.Message)})
	require.Greater(t, pq.Position, began)
	require.LessOrEqual(t, pq.Position, position)
	require.Equal(t, uint64(3), info("t").Epoch)

	n.Restart()
	ann, bob = n.Client("ann"), n.Client("bob")
	require.Equal(t, position, submit(t, bob, sub), "repeated, it has taken effect once")
	other := sub
	other.Commits = sub.Commits[:1]
	_, err := bob.Submit(t.Context(), other)
	require.Error(t, err)
	requireRefusal(t, err) // of the pair, one half
	submit(t, ann, full("again", 3, 2))

	none := full("none", 4, 3)
	none.Commits[0].Message = nil
	_, err = ann.Submit(t.Context(), none)
	require.Error(t, err)
	requireRefusal(t, err)
}

// Clients commit at once, some of them in one group and some in both of a pair. In the end
// the stream has one commit for each epoch of the first group, and among them one for each
// epoch of the second.
func testPairRace(t *testing.T, n Network) {
	const clients, epochs = 4, 8
	submit(t, n.Client("ann"), full("begin", 0, 0))
	var wait sync.WaitGroup
	for i := range clients {
		s := Faulty(n.Client(fmt.Sprint("racer", i)), Faults{LostRequest: 0.1, LostAnswer: 0.1, Twice: 0.1}, rand.New(rand.NewPCG(2, uint64(i))))
		wait.Go(func() { assert.NoError(t, pairRacer(t.Context(), s, epochs)) })
	}
	wait.Wait()
	next := map[string]uint64{}
	for _, e := range fetch(t, n.Client("ann"), delivery.Stream{Group: "t"}, 0) {
		require.Equal(t, next["t"], e.Epoch)
		next["t"]++
		var inT, inPQ uint64
		if _, err := fmt.Sscanf(string(e.Message), "%d %d", &inT, &inPQ); err == nil {
			require.Equal(t, e.Epoch, inT)
			require.Equal(t, next["pq"], inPQ)
			next["pq"]++
		}
	}
	require.Equal(t, uint64(epochs), next["pq"])
	for _, group := range []string{"t", "pq"} {
		info, err := n.Client("ann").GroupInfo(t.Context(), group)
		require.NoError(t, err)
		require.Equal(t, next[group], info.Epoch)
	}
}

// pairRacer commits until the second group is in an epoch, every other time in both.
func pairRacer(ctx context.Context, s delivery.Service, epochs uint64) error {
	at := map[string]uint64{"t": 1, "pq": 1}
	for attempt := 0; at["pq"] < epochs; attempt++ {
		sub := full(fmt.Sprint("full", attempt), at["t"], at["pq"])
		if attempt%2 == 1 {
			sub = commit(fmt.Sprint("partial", attempt), "t", at["t"])
		}
		err := repeat(func() error { _, err := s.Submit(ctx, sub); return err })
		var lost *delivery.EpochError
		switch {
		case err == nil:
			for _, c := range sub.Commits {
				at[c.Group]++
			}
		case errors.As(err, &lost):
			at[lost.Group] = lost.Current
		default:
			return err
		}
	}
	return nil
}
