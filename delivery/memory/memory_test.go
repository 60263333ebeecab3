package memory

import (
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
