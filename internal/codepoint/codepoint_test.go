package codepoint

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// The code points are those that the RFC lists, and no other is one.
func TestGreaseValues(t *testing.T) {
	want := []uint16{
		0x0A0A, 0x1A1A, 0x2A2A, 0x3A3A, 0x4A4A, 0x5A5A, 0x6A6A, 0x7A7A,
		0x8A8A, 0x9A9A, 0xAAAA, 0xBABA, 0xCACA, 0xDADA, 0xEAEA,
	}
	var are []uint16
	for v := range math.MaxUint16 + 1 {
		if IsGrease(uint16(v)) {
			are = append(are, uint16(v))
		}
	}
	require.Equal(t, want, are)
	for n := range math.MaxUint8 + 1 {
		require.Equal(t, want[n%len(want)], Grease[uint16](byte(n)))
	}
}
