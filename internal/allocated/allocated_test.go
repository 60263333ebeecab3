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

// What a function allocates is counted to the byte, in however deep a call and
// whatever the rest of the process does meanwhile.
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
		require.EqualValues(t, n, By(func() { allocate(n, depth) }))
		require.EqualValues(t, 1000*16, By(func() {
			for range 1000 {
				allocate(16, depth)
			}
		}))
		large := func() { allocate(n, depth) }
		require.Zero(t, Beyond(n, large, nil))
		require.EqualValues(t, 1, Beyond(n-1, large, func() func() { return large }))
	}
	require.Zero(t, By(func() {}))
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
