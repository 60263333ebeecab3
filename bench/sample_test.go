package bench

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/measure"
)

// Of a sample that fails in the middle, such as at an interrupt, nothing is kept: its
// repetitions have no loop to be told by.
func TestFailedSampleKeepsNoRepetition(t *testing.T) {
	stop := errors.New("stopped")
	failing := false
	c := &cell{batches: []int{3}, task: single(measure.Operation{Do: func(i int) error {
		if failing && i == 1 {
			return stop
		}
		return nil
	}}, nil)}
	r := &run{Config: Config{Sample: time.Second}}
	require.NoError(t, r.sample(c))
	require.Len(t, c.singles, 3)
	failing = true
	require.ErrorIs(t, r.sample(c), stop)
	require.Len(t, c.singles, 3)
	require.Len(t, c.samples, 1)
}
