package scratch

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/allocated"
)

func TestMemoryHasTheRoom(t *testing.T) {
	for _, size := range []int{0, 1, 4096, most, most + 1, 10 * most} {
		m := Borrow(size)
		require.Empty(t, m.Bytes)
		require.GreaterOrEqual(t, cap(m.Bytes), size)
		m.Bytes = append(m.Bytes, 1)
		m.Return()
	}
}

// Nobody has what another borrower has not returned.
func TestMemoryIsLentOnce(t *testing.T) {
	a, b := Borrow(8), Borrow(8)
	x, y := append(a.Bytes, "AAAAAAAA"...), append(b.Bytes, "BBBBBBBB"...)
	require.Equal(t, "AAAAAAAA", string(x))
	require.Equal(t, "BBBBBBBB", string(y))
	a.Return()
	b.Return()
}

// A large piece is not kept for somebody who needs little.
func TestLargeMemoryIsNotKept(t *testing.T) {
	Borrow(most + 1).Return()
	for range 100 {
		m := Borrow(0)
		defer m.Return()
		require.LessOrEqual(t, cap(m.Bytes), most)
	}
}

// Who needs a large piece takes no kept one from others.
func TestLargeMemoryIsBesideTheKept(t *testing.T) {
	if !allocated.Exact {
		t.Skip("under the race detector the pool forgets at random")
	}
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		Borrow(100).Return()
		Borrow(most + 1).Return()
	}), 2.0)
}

// Whoever still reads what he has returned notices it under the race detector.
func TestReturnedMemoryIsOverwritten(t *testing.T) {
	if !overwritten {
		t.Skip("only under the race detector")
	}
	m := Borrow(8)
	b := append(m.Bytes, "AAAAAAAA"...)
	m.Return()
	require.NotContains(t, string(b), "A")
}
