package curve25519

import (
	"crypto/rand"
	"testing"

	"filippo.io/edwards25519"
	"github.com/stretchr/testify/require"
)

// Products by a table are those of the library, for scalars whose digits carry and for those
// of few bits, in tables of every shape.
func TestMultiples(t *testing.T) {
	var scalars []*edwards25519.Scalar
	one, err := edwards25519.NewScalar().SetCanonicalBytes(append([]byte{1}, make([]byte, 31)...))
	require.NoError(t, err)
	scalars = append(scalars, edwards25519.NewScalar(), one, edwards25519.NewScalar().Negate(one))
	for power := one; len(scalars) < 256; {
		power = edwards25519.NewScalar().Add(power, power)
		scalars = append(scalars, power)
	}
	for range 50 {
		var b [64]byte
		rand.Read(b[:])
		s, err := edwards25519.NewScalar().SetUniformBytes(b[:])
		require.NoError(t, err)
		scalars = append(scalars, s)
	}
	point := new(edwards25519.Point).ScalarBaseMult(scalars[len(scalars)-1])
	for _, shape := range [][2]int{{4, 1}, {4, 8}, {4, 64}, {5, 1}, {5, 4}, {6, 3}, {7, 2}, {8, 1}} {
		m := newMultiples(new(edwards25519.Point).Set(point), shape[0], shape[1])
		for _, s := range scalars {
			want := new(edwards25519.Point).ScalarMult(s, point)
			got := edwards25519.NewIdentityPoint()
			m.addTo(got, s)
			require.Equal(t, 1, want.Equal(got), "digits of %d bits, rows of %d, scalar %x", shape[0], shape[1], s.Bytes())
		}
	}
	for _, s := range scalars {
		want := new(edwards25519.Point).ScalarBaseMult(s)
		got := new(edwards25519.Point).Set(point)
		ofBase().addTo(got, s)
		require.Equal(t, 1, want.Add(want, point).Equal(got))
	}
}
