package sortedset

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSets(t *testing.T) {
	for _, c := range []struct{ a, b, both, either []uint16 }{
		{nil, nil, nil, nil},
		{[]uint16{1}, nil, nil, []uint16{1}},
		{nil, []uint16{2}, nil, []uint16{2}},
		{[]uint16{1, 3, 5}, []uint16{2, 3}, []uint16{3}, []uint16{1, 2, 3, 5}},
		{[]uint16{1, 2}, []uint16{1, 2, 3}, []uint16{1, 2}, []uint16{1, 2, 3}},
		{[]uint16{4, 9}, []uint16{1, 4, 7, 9}, []uint16{4, 9}, []uint16{1, 4, 7, 9}},
	} {
		require.ElementsMatch(t, c.both, Intersection(c.a, c.b))
		require.ElementsMatch(t, c.both, Intersection(c.b, c.a))
		require.True(t, slices.Equal(c.either, Union(c.a, c.b)))
		require.True(t, slices.Equal(c.either, Union(c.b, c.a)))
	}
	unsorted := []uint16{3, 1, 3, 2}
	require.Equal(t, []uint16{1, 2, 3}, Of(unsorted))
	require.Equal(t, []uint16{3, 1, 3, 2}, unsorted)
}
