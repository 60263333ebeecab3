package measure

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The loop does its work: a compiler that left it out would not know the result.
func TestWorkHasAKnownResult(t *testing.T) {
	for steps, want := range map[int]uint64{0: 0x1, 1: 0x7b, 2: 0x3cdc2efe2282887f, 1000: 0xfa50ff343edc3775} {
		require.Equal(t, want, Work(1, steps), "%d steps", steps)
	}
}

// A sample knows what the loop took before it and behind it.
func TestSampleHasTheLoopBesideIt(t *testing.T) {
	times := []time.Duration{0, 300, 1000, 1700, 5000, 5500} // before the loop, behind it, ...
	reads := 0
	plan := Plan{Count: 1, Now: func() time.Duration { reads++; return times[reads-1] }}
	s, err := plan.Take(Operation{Do: func(int) error { return nil }}, 7)
	require.NoError(t, err)
	require.InDelta(t, 100, s.CPU, 0)
	require.InDelta(t, 400, s.Loop, 0)
	require.InDelta(t, 300, s.QuickLoop, 0)
	require.Equal(t, 6, reads)
}

// A repetition that is disturbed while the batch is sought makes no batch small.
func TestBatchIsThatOfAnUndisturbedSample(t *testing.T) {
	var took time.Duration
	runs := 0
	plan := Plan{Count: 1, Time: time.Millisecond, Now: func() time.Duration { return took }}
	n, err := plan.Batch(t.Context(), Operation{Do: func(int) error {
		took += 100 * time.Microsecond
		if runs++; runs == 1 {
			took += 2 * time.Millisecond
		}
		return nil
	}})
	require.NoError(t, err)
	require.Equal(t, 11, n)
}

// Each repetition is told, and what telling takes is none of the sample's.
func TestEachRepetitionIsTold(t *testing.T) {
	var took time.Duration
	var told []time.Duration
	plan := Plan{Count: 1, Now: func() time.Duration { return took }, Each: func(one time.Duration) {
		told = append(told, one)
		took += time.Second
	}}
	s, err := plan.Take(Operation{Do: func(i int) error { took += time.Duration(i+1) * time.Millisecond; return nil }}, 3)
	require.NoError(t, err)
	require.Equal(t, []time.Duration{time.Millisecond, 2 * time.Millisecond, 3 * time.Millisecond}, told)
	require.InDelta(t, 2e6, s.CPU, 0)
}
