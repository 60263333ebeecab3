package page

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot/vg"

	"github.com/mlsuite/mlsuite/bench/result"
)

func TestNumbersAsPeopleReadThem(t *testing.T) {
	for ns, want := range map[float64]string{0: "0 ns", 12: "12.0 ns", 1234: "1.23 µs", 384000: "384 µs", 1e6: "1.00 ms", 12345678: "12.3 ms", 1234567890123: "1,235 s"} {
		require.Equal(t, want, duration(ns))
	}
	for n, want := range map[float64]string{1: "1", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -0.2: "0"} {
		require.Equal(t, want, grouped(n))
	}
	require.Equal(t, "2 kB", tickBytes(2000))
	require.Equal(t, "500 µs", tickDuration(5e5))
	require.Equal(t, "a, b and c", enumerate([]string{"a", "b", "c"}))
	require.Equal(t, "1 suite", count(1, "suite", "suites"))
}

// The half-width is that of the farther end, and never rounded down.
func TestPlusMinus(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      string
	}{
		{100, 100, "±0 %"}, {98, 101, "±2 %"}, {100, 102.01, "±2.1 %"}, {80, 100, "±20 %"}, {100, 120.1, "±21 %"},
		{0, 0, "± unknown"}, {100, 0, "± unknown"}, {101, 102, "± unknown"},
	} {
		require.Equal(t, c.want, plusMinus(result.Figure{Value: 100, Low: c.low, High: c.high}))
	}
}

// Names keep their order and their distance, move no more than they must, and stay within
// bounds while there is room.
func TestNamesDoNotOverlap(t *testing.T) {
	require.Equal(t, []vg.Length{10, 50, 30}, spread([]vg.Length{10, 50, 30}, 10, 0, 100))
	require.Equal(t, []vg.Length{45, 55}, spread([]vg.Length{50, 50}, 10, 0, 100))
	require.Equal(t, []vg.Length{90, 100, 80}, spread([]vg.Length{98, 99, 97}, 10, 0, 100))
	require.Equal(t, []vg.Length{0, 10, 20, 30}, spread([]vg.Length{1, 2, 3, 29}, 10, 0, 100))
	require.Empty(t, spread(nil, 10, 0, 100))
}

// A wide interval does not press the figures together.
func TestAxesReachForFigures(t *testing.T) {
	at := func(low, value, high float64) series {
		return series{points: []point{{y: result.Figure{Low: low, Value: value, High: high}}}}
	}
	low, high := reach([]series{at(90, 100, 110), at(1, 200, 9000)})
	require.Equal(t, []float64{50, 400}, []float64{low, high})
	low, high = reach([]series{at(90, 100, 110), at(190, 200, 210)})
	require.Equal(t, []float64{90, 210}, []float64{low, high})
}
