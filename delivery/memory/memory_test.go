package memory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
)

func TestOneCommitEndsAnEpoch(t *testing.T) {
	server := NewServer(Options{})
	ann, bob := server.Client("ann"), server.Client("bob")
	commit := func(s delivery.Service, id string, epoch uint64) (delivery.Position, error) {
		return s.Submit(t.Context(), delivery.Submission{
			ID:       id,
			Commits:  []delivery.Commit{{Group: "g", Epoch: epoch, Message: []byte("commit " + id)}},
			Welcomes: []delivery.Welcome{{Clients: []string{"carl"}, Group: "g", Message: []byte("welcome " + id)}},
		})
	}
	won, err := commit(ann, "1", 0)
	require.NoError(t, err)
	again, err := commit(ann, "1", 0)
	require.NoError(t, err)
	require.Equal(t, won, again, "an ID takes effect once")

	_, err = commit(bob, "1", 0)
	var lost *delivery.EpochError
	require.ErrorAs(t, err, &lost)
	require.Equal(t, uint64(1), lost.Current)
	_, err = commit(bob, "2", 1)
	require.NoError(t, err)

	entries, err := bob.Fetch(t.Context(), delivery.Stream{Group: "g"}, 0, 0)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	require.Equal(t, "commit 1", string(entries[0].Message))
	require.Equal(t, "ann", entries[0].From)
	entries, err = server.Client("carl").Fetch(t.Context(), delivery.Stream{Client: "carl"}, won, 0)
	require.NoError(t, err)
	require.Len(t, entries, 1, "the first Welcome is at the position that ann was told")
	require.Equal(t, uint64(2), entries[0].Epoch)
	_, err = bob.Fetch(t.Context(), delivery.Stream{Client: "carl"}, 0, 0)
	require.ErrorIs(t, err, delivery.ErrNoGroup, "another's inbox")

	server.Drop(won)
	_, err = bob.Fetch(t.Context(), delivery.Stream{Group: "g"}, 0, 0)
	var gap *delivery.GapError
	require.ErrorAs(t, err, &gap)
}

func TestKeyPackageIsHandedOutOnce(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	server := NewServer(Options{Now: func() time.Time { return now }, Claims: 3, Window: time.Hour})
	ann, bob := server.Client("ann"), server.Client("bob")
	kp := func(ref string) delivery.KeyPackage {
		return delivery.KeyPackage{Ref: []byte(ref), Suite: 1, Expires: now.Add(24 * time.Hour), Message: []byte("package " + ref)}
	}
	stock := delivery.Stock{Add: []delivery.KeyPackage{kp("1")}, LastResort: []delivery.KeyPackage{kp("last")}}
	require.NoError(t, ann.Publish(t.Context(), stock))
	for _, want := range []string{"package 1", "package last", "package last"} {
		got, err := bob.Claim(t.Context(), "ann", 1)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
		require.NoError(t, ann.Publish(t.Context(), stock), "what is published again stays handed out")
	}
	_, err := bob.Claim(t.Context(), "ann", 1)
	var limit *delivery.LimitError
	require.ErrorAs(t, err, &limit)
	require.Equal(t, time.Hour, limit.Retry)
	_, err = server.Client("carl").Claim(t.Context(), "ann", 2)
	require.ErrorIs(t, err, delivery.ErrNoKeyPackage)
}
