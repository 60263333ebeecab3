package wiretest

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
)

// Costly is about how many bytes a list has that [AllocatesLittle] reads.
const Costly = 1 << 18

// AllocatesLittle shows that reading what parts make allocates at most a small multiple of
// its length, whatever it holds. What a valid message may hold still parses.
func AllocatesLittle(t *testing.T, name string, valid bool, read func(b []byte) error, parts ...[]byte) {
	t.Helper()
	in := slices.Concat(parts...)
	var err error
	used := mlstest.LeastAllocated(func() { err = read(in) })
	require.LessOrEqual(t, used, mlstest.ParsedAtMost(len(in)), "%s: %d bytes for %d", name, used, len(in))
	if valid {
		require.NoError(t, err, name)
	}
	t.Logf("%-60s %8d bytes: %5.2f times that (%v)", name, len(in), float64(used)/float64(len(in)), err)
}

// The parts of long structures are as long as those that a valid message has the least.

// Long returns a hash or a key behind its length.
func Long() []byte { return append([]byte{32}, make([]byte, 32)...) }

// LongLeaf returns a LeafNode of an update.
func LongLeaf(t testing.TB) []byte {
	return slices.Concat(Long(), Long(), mlstest.Unhex(t, HexCredential+HexCapabilities+"02 00"), Long())
}

// LongKeyPackage returns a KeyPackage.
func LongKeyPackage(t testing.TB) []byte {
	return slices.Concat(mlstest.Unhex(t, "0001 0001"), Long(), Long(), Long(),
		mlstest.Unhex(t, HexCredential+HexCapabilities+"01"+HexZero8+HexZero8+"00"), Long(), []byte{0}, Long())
}

// EmptyExtensions returns a list of about n bytes of empty extensions, each of another type.
func EmptyExtensions(t testing.TB, n int) []byte {
	var all []byte
	for i := range n / 3 {
		all = append(binary.BigEndian.AppendUint16(all, uint16(i)), 0)
	}
	return mlstest.Vector(t, all)
}

// FullCapabilities returns Capabilities of about n bytes.
func FullCapabilities(t testing.TB, n int) []byte {
	var all []byte
	for _, value := range []string{"0a0a", "0001", "1a1a", "2a2a", "0002"} {
		all = append(all, mlstest.FilledWith(t, n/5, mlstest.Unhex(t, value))...)
	}
	return all
}
