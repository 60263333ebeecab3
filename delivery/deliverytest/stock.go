package deliverytest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/suite"
)

func keyPackage(ref string, of suite.ID, lasts time.Duration) delivery.KeyPackage {
	return delivery.KeyPackage{Ref: []byte(ref), Suite: of, Expires: time.Now().Add(lasts), Message: []byte("package " + ref)}
}

func testStock(t *testing.T, n Network) {
	ann, bob := n.Client("ann"), n.Client("bob")
	_, err := bob.Claim(t.Context(), "ann", 1)
	require.ErrorIs(t, err, delivery.ErrNoKeyPackage)
	stock := delivery.Stock{
		Add:        []delivery.KeyPackage{keyPackage("a", 1, time.Hour), keyPackage("b", 1, time.Hour), keyPackage("c", 2, time.Hour)},
		LastResort: []delivery.KeyPackage{keyPackage("last", 1, time.Hour)},
	}
	require.NoError(t, ann.Publish(t.Context(), stock))
	require.NoError(t, ann.Publish(t.Context(), stock))
	refs, err := ann.Stocked(t.Context())
	require.NoError(t, err)
	require.ElementsMatch(t, [][]byte{[]byte("a"), []byte("b"), []byte("c")}, refs)

	var claimed []string
	for range 2 {
		kp, err := bob.Claim(t.Context(), "ann", 1)
		require.NoError(t, err)
		claimed = append(claimed, string(kp))
	}
	require.ElementsMatch(t, []string{"package a", "package b"}, claimed)
	require.NoError(t, ann.Publish(t.Context(), stock), "what was handed out does not come back")
	n.Restart()
	bob = n.Client("bob")
	for range 3 {
		kp, err := bob.Claim(t.Context(), "ann", 1)
		require.NoError(t, err)
		require.Equal(t, "package last", string(kp))
	}
	kp, err := bob.Claim(t.Context(), "ann", 2)
	require.NoError(t, err)
	require.Equal(t, "package c", string(kp))
	_, err = bob.Claim(t.Context(), "ann", 2)
	require.ErrorIs(t, err, delivery.ErrNoKeyPackage)
	_, err = bob.Claim(t.Context(), "carl", 1)
	require.ErrorIs(t, err, delivery.ErrNoKeyPackage)
}

func testExpiry(t *testing.T, n Network) {
	ann, bob := n.Client("ann"), n.Client("bob")
	require.NoError(t, ann.Publish(t.Context(), delivery.Stock{
		Add:        []delivery.KeyPackage{keyPackage("old", 1, -time.Hour), keyPackage("new", 1, time.Hour)},
		LastResort: []delivery.KeyPackage{keyPackage("last", 2, -time.Hour)},
	}))
	kp, err := bob.Claim(t.Context(), "ann", 1)
	require.NoError(t, err)
	require.Equal(t, "package new", string(kp))
	for _, of := range []suite.ID{1, 2} {
		_, err = bob.Claim(t.Context(), "ann", of)
		require.ErrorIs(t, err, delivery.ErrNoKeyPackage)
	}
}

func testRemoval(t *testing.T, n Network) {
	ann, bob := n.Client("ann"), n.Client("bob")
	require.NoError(t, ann.Publish(t.Context(), delivery.Stock{
		Add:        []delivery.KeyPackage{keyPackage("a", 1, time.Hour), keyPackage("b", 1, time.Hour)},
		LastResort: []delivery.KeyPackage{keyPackage("last", 1, time.Hour)},
	}))
	require.NoError(t, bob.Publish(t.Context(), delivery.Stock{Remove: [][]byte{[]byte("b")}}), "of others, nothing")
	require.NoError(t, ann.Publish(t.Context(), delivery.Stock{
		Remove:     [][]byte{[]byte("a"), []byte("unknown")},
		LastResort: []delivery.KeyPackage{keyPackage("next", 1, time.Hour)},
	}))
	for _, want := range []string{"package b", "package next"} {
		kp, err := bob.Claim(t.Context(), "ann", 1)
		require.NoError(t, err)
		require.Equal(t, want, string(kp))
	}
	require.NoError(t, ann.Publish(t.Context(), delivery.Stock{Remove: [][]byte{[]byte("next")}}))
	_, err := bob.Claim(t.Context(), "ann", 1)
	require.ErrorIs(t, err, delivery.ErrNoKeyPackage)
}
