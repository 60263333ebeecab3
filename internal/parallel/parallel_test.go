package parallel

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestForRunsEveryIndexOnce(t *testing.T) {
	for _, n := range []int{0, 1, 2, 1000} {
		seen := make([]atomic.Int32, n)
		require.NoError(t, For(n, func(i int) error { seen[i].Add(1); return nil }))
		for i := range seen {
			require.EqualValues(t, 1, seen[i].Load(), "index %d of %d", i, n)
		}
	}
}

func TestForReturnsTheLowestError(t *testing.T) {
	low, high := errors.New("low"), errors.New("high")
	for range 100 {
		err := For(64, func(i int) error {
			switch i {
			case 7:
				return low
			case 8, 40:
				return high
			}
			return nil
		})
		require.ErrorIs(t, err, low)
	}
}
