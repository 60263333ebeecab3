package memory

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/deliverytest"
)

// network keeps nothing over a restart.
type network struct{ *Server }

func (network) Restart() {}

func TestMemory(t *testing.T) {
	deliverytest.Run(t, func(*testing.T) deliverytest.Network { return network{NewServer(Options{})} })
}

func TestClaimsAreLimited(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	server := NewServer(Options{Now: func() time.Time { return now }, Claims: 2, Window: time.Hour})
	require.NoError(t, server.Client("ann").Publish(t.Context(), delivery.Stock{LastResort: []delivery.KeyPackage{
		{Ref: []byte("last"), Suite: 1, Expires: now.Add(24 * time.Hour), Message: []byte("package")},
	}}))
	claim := func(name string) error {
		_, err := server.Client(name).Claim(t.Context(), "ann", 1)
		return err
	}
	require.NoError(t, claim("bob"))
	now = now.Add(20 * time.Minute)
	require.NoError(t, claim("bob"))
	var limit *delivery.LimitError
	require.ErrorAs(t, claim("bob"), &limit)
	require.Equal(t, 40*time.Minute, limit.Retry)
	require.NoError(t, claim("carl"))
	now = now.Add(limit.Retry)
	require.NoError(t, claim("bob"))
}

func TestAcknowledgedEntriesAreCollected(t *testing.T) {
	server := NewServer(Options{})
	ann, bob := server.Client("ann"), server.Client("bob")
	g := delivery.Stream{Group: "g"}
	position, err := ann.Submit(t.Context(), delivery.Submission{ID: "1", Commits: []delivery.Commit{{Group: "g", Message: []byte("commit")}}})
	require.NoError(t, err)
	server.Collect()
	require.Len(t, server.Entries(g), 1, "nobody has read it")
	require.NoError(t, ann.Acknowledge(t.Context(), g, position))
	require.NoError(t, bob.Acknowledge(t.Context(), g, 0))
	server.Collect()
	require.Len(t, server.Entries(g), 1, "bob has not read it")
	require.NoError(t, bob.Leave(t.Context(), g))
	server.Collect()
	require.Empty(t, server.Entries(g))
}

// Welcomes that do not come with their submission come when it is repeated, each once.
func TestWelcomesFollow(t *testing.T) {
	server := NewServer(Options{AtOnce: 2})
	ann := server.Client("ann")
	sub := delivery.Submission{
		ID: "1", Commits: []delivery.Commit{{Group: "g", Message: []byte("commit")}},
		Welcomes: []delivery.Welcome{
			{Clients: []string{"bob"}, Group: "g", Message: []byte("one")},
			{Clients: []string{"carl", "dan", "eve"}, Group: "g", Message: []byte("others")},
		},
	}
	there := func() (n []int) {
		for _, name := range []string{"bob", "carl", "dan", "eve"} {
			n = append(n, len(server.Entries(delivery.Stream{Client: name})))
		}
		return n
	}
	_, err := ann.Submit(t.Context(), sub)
	require.ErrorIs(t, err, delivery.ErrUnknown)
	require.Equal(t, []int{1, 1, 0, 0}, there())
	restore := server.Backup()
	for range 2 {
		position, err := ann.Submit(t.Context(), sub)
		require.NoError(t, err)
		require.Equal(t, server.Entries(delivery.Stream{Client: "carl"})[0].Position, position)
		require.Equal(t, []int{1, 1, 1, 1}, there())
	}
	require.Equal(t, delivery.Position(1), server.Entries(delivery.Stream{Client: "eve"})[0].Start)
	restore()
	require.Equal(t, []int{1, 1, 0, 0}, there())
	_, err = ann.Submit(t.Context(), sub)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1, 1, 1}, there())
	_, err = ann.Submit(t.Context(), delivery.Submission{
		ID: "2", Commits: []delivery.Commit{{Group: "g", Epoch: 1, Message: []byte("commit")}},
		Welcomes: []delivery.Welcome{{Clients: []string{"fay", "gus"}, Group: "g", Message: []byte("two")}},
	})
	require.NoError(t, err, "so many come at once")
}

// A submission welcomes so many clients at most, to however many groups they are.
func TestRecipientsAreBounded(t *testing.T) {
	names := make([]string, delivery.MaxRecipients)
	for i := range names {
		names[i] = fmt.Sprint("m", i)
	}
	server := NewServer(Options{})
	sub := delivery.Submission{
		ID: "1", Commits: []delivery.Commit{{Group: "g", Message: []byte("commit")}},
		Welcomes: []delivery.Welcome{
			{Clients: names, Group: "g", Message: []byte("many")},
			{Clients: []string{"bob"}, Group: "g", Message: []byte("one more")},
		},
	}
	_, err := server.Client("ann").Submit(t.Context(), sub)
	require.ErrorIs(t, err, delivery.ErrTooLarge)
	require.Empty(t, server.Entries(delivery.Stream{Group: "g"}))
	sub.Welcomes = sub.Welcomes[:1]
	_, err = server.Client("ann").Submit(t.Context(), sub)
	require.NoError(t, err)
}
