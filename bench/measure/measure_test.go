package measure

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRunMeasuresAllocations(t *testing.T) {
	var kept []byte
	var took time.Duration
	plan := Plan{Count: 5, Time: 5 * time.Millisecond, Now: func() time.Duration { return took }}
	samples, err := Run(t.Context(), plan, Operation{
		Do: func(int) error { kept = make([]byte, 4096); took += 700; return nil },
	})
	require.NoError(t, err)
	require.Len(t, samples, 5)
	require.NotEmpty(t, kept)
	median := Median(samples)
	require.InDelta(t, 1, median.Allocs, 0.1)
	require.InDelta(t, 4096, median.AllocBytes, 200)
	require.InDelta(t, 700, median.CPU, 0)
}

// What waits costs no CPU time; what works costs at least as long as it works.
func TestRunMeasuresCPUTime(t *testing.T) {
	if Clock != "process CPU time" {
		t.Skipf("this system has no fine CPU clock; times are %s", Clock)
	}
	const wait = 20 * time.Millisecond
	samples, err := Run(t.Context(), Plan{Count: 3}, Operation{
		Do: func(int) error { time.Sleep(wait); return nil },
	})
	require.NoError(t, err)
	require.Less(t, Median(samples).CPU, float64(wait)/2)

	samples, err = Run(t.Context(), Plan{Count: 3}, Operation{
		Do: func(int) error {
			for start := cpuTime(); cpuTime()-start < wait; {
			}
			return nil
		},
	})
	require.NoError(t, err)
	require.GreaterOrEqual(t, Median(samples).CPU, float64(wait))
}

// Every repetition is one that Prepare readied, and none is run twice.
func TestRunPreparesEveryRepetition(t *testing.T) {
	var ready, batches int
	var done []bool
	_, err := Run(t.Context(), Plan{Count: 4, Time: time.Millisecond}, Operation{
		Prepare: func(n int) error {
			batches++
			for _, d := range done {
				require.True(t, d)
			}
			ready, done = n, make([]bool, n)
			return nil
		},
		Do: func(i int) error {
			require.Less(t, i, ready)
			require.False(t, done[i])
			done[i] = true
			return nil
		},
	})
	require.NoError(t, err)
	require.Greater(t, batches, 4) // the warm-up came first
}

func TestRunStops(t *testing.T) {
	broken := errors.New("broken")
	plan := Plan{Count: 3, Time: time.Millisecond}
	_, err := Run(t.Context(), plan, Operation{Do: func(int) error { return broken }})
	require.ErrorIs(t, err, broken)
	_, err = Run(t.Context(), plan, Operation{Prepare: func(int) error { return broken }, Do: func(int) error { return nil }})
	require.ErrorIs(t, err, broken)

	ctx, cancel := context.WithCancel(t.Context())
	_, err = Run(ctx, plan, Operation{Do: func(int) error { cancel(); return nil }})
	require.ErrorIs(t, err, context.Canceled)
}

func TestMedian(t *testing.T) {
	require.Equal(t, Sample{}, Median(nil))
	require.Equal(t, Sample{CPU: 2, Allocs: 5, AllocBytes: 7}, Median([]Sample{
		{CPU: 9, Allocs: 5, AllocBytes: 7}, {CPU: 1, Allocs: 9, AllocBytes: 8}, {CPU: 2, Allocs: 1, AllocBytes: 6},
	}))
	require.InDelta(t, 1.5, Median([]Sample{{CPU: 2}, {CPU: 1}}).CPU, 0)
}

func TestGrow(t *testing.T) {
	require.Equal(t, 100, grow(1, 0, time.Millisecond))                       // too short to see
	require.Equal(t, 11, grow(1, 100*time.Microsecond, time.Millisecond))     // fills the share
	require.Equal(t, 101, grow(100, time.Millisecond-1, time.Millisecond))    // at least one more
	require.Equal(t, maxBatch, grow(maxBatch-1, time.Nanosecond, time.Hour))  // bounded
	require.Equal(t, 300, grow(3, time.Nanosecond, time.Second))              // at most a hundredfold
	require.Equal(t, 5, grow(2, 600*time.Microsecond, 1200*time.Microsecond)) // int(4)+1
}

// An operation that bounds its repetitions is never readied for more.
func TestBatchIsBounded(t *testing.T) {
	var took time.Duration
	n, err := Plan{Count: 1, Time: time.Second, Now: func() time.Duration { return took }}.Batch(t.Context(), Operation{
		Prepare: func(n int) error {
			require.LessOrEqual(t, n, 7)
			return nil
		},
		Do:   func(int) error { took += time.Microsecond; return nil },
		Most: 7,
	})
	require.NoError(t, err)
	require.Equal(t, 7, n)
}
