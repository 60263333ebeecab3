package allocated

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/parallel"
)

var sink []byte

//go:noinline
func allocate(n, depth int) {
	if depth > 0 {
		allocate(n, depth-1)
		return
	}
	sink = make([]byte, n)
}

// slack is more than the runtime allocates for itself while it serves a function, when it
// begins a collection.
const slack = 1 << 10

// What a function allocates is counted, in however deep a call and whatever the rest of
// the process does meanwhile.
func TestOthersDoNotCount(t *testing.T) {
	stop, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				noise := make([]byte, 1<<20)
				noise[0] = 1
			}
		}
	}()
	for _, depth := range []int{0, 60} {
		const n = 3 << 20
		counts := func(want int, got uint64) {
			t.Helper()
			require.GreaterOrEqual(t, got, uint64(want))
			require.LessOrEqual(t, got, uint64(want+slack))
		}
		counts(n, By(func() { allocate(n, depth) }))
		counts(1000*16, By(func() {
			for range 1000 {
				allocate(16, depth)
			}
		}))
		large := func() { allocate(n, depth) }
		require.Zero(t, Beyond(n+slack, large, nil))
		counts(2*slack, Beyond(n-2*slack, large, func() func() { return large }))
	}
	require.LessOrEqual(t, By(func() {}), uint64(slack))
	close(stop)
	<-stopped
}

// What a function lets others do for it is counted too.
func TestParallelWorkCounts(t *testing.T) {
	const n, each = 64, 1 << 20
	blocks := make([][]byte, n)
	got := By(func() {
		_ = parallel.For(n, func(i int) error {
			blocks[i] = make([]byte, each)
			return nil
		})
	})
	require.InDelta(t, n*each, got, 1<<16)
}
