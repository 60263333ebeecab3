package mlstest

import (
	"encoding/hex"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/allocated"
	"github.com/mlsuite/mlsuite/internal/wire"
)

// Unhex returns the bytes of hexadecimal digits, which spaces may part.
func Unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

// HexVector returns content, of less than 64 bytes, behind its length.
func HexVector(content ...string) string {
	all := strings.ReplaceAll(strings.Join(content, ""), " ", "")
	return fmt.Sprintf("%02x%s", len(all)/2, all)
}

// Vector returns content behind its length.
func Vector(t testing.TB, content ...[]byte) []byte {
	t.Helper()
	b, err := wire.Marshal(func(w *wire.Writer) { w.Bytes(slices.Concat(content...)) })
	require.NoError(t, err)
	return b
}

// FilledWith returns a vector of about n bytes of one element.
func FilledWith(t testing.TB, n int, element []byte) []byte {
	t.Helper()
	return Vector(t, slices.Repeat(element, n/len(element)))
}

// ParsedAtMost is what parsing n bytes may allocate: 64 KiB and seven times n, and an
// eighth of that more, which allocators lose by the sizes of their blocks.
func ParsedAtMost(n int) int { return 64<<10 + 7*n*9/8 }

// LeastAllocated returns how many bytes f allocates. What else the process does only
// adds to a run, so the least of several is that of f.
func LeastAllocated(f func()) int {
	least := uint64(1 << 62)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return int(least)
}

// MayAllocate is what the handling of n bytes may allocate: in proportion to them (an
// empty vector, one byte, becomes a slice), however they are filled, and a megabyte.
func MayAllocate(n int) uint64 { return uint64(1<<20 + 256*n) }

// CheckAllocation runs what handles n bytes, and checks what it allocates. It may run it
// once more.
func CheckAllocation(t testing.TB, n int, run func()) {
	t.Helper()
	require.Zero(t, allocated.Beyond(MayAllocate(n), run, nil), "beyond what %d bytes may cost", n)
}

// AllocatedBytes returns the bytes that f allocates in the mean of rounds calls.
func AllocatedBytes(rounds int, f func(round int)) float64 {
	all := allocated.By(func() {
		for r := range rounds {
			f(r)
		}
	})
	return float64(all) / float64(rounds)
}
