package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/allocated"
)

// mayAllocate is what the handling of n bytes may allocate: in proportion to them (an
// empty vector, one byte, becomes a slice), however they are filled, and a megabyte.
func mayAllocate(n int) uint64 { return uint64(1<<20 + 256*n) }

// checkAllocation runs what handles n bytes, and checks what it allocates. It may run
// it once more.
func checkAllocation(t testing.TB, n int, run func()) {
	t.Helper()
	require.Zero(t, allocated.Beyond(mayAllocate(n), run, nil), "beyond what %d bytes may cost", n)
}
