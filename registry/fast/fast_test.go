package fast_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/fast"
)

// The suites are those of registry/all, with the set of a peer as without.
func TestSameSuites(t *testing.T) {
	for _, opts := range [][]registry.Option{nil, {registry.WithPeerSet(registry.OpenMLS09())}, {registry.WithCodePoints(registry.MLSPlusPlus().DraftCodePoints())}} {
		want, err := all.New(opts...)
		require.NoError(t, err)
		got, err := fast.New(opts...)
		require.NoError(t, err)
		require.Equal(t, want.IDs(), got.IDs())
		for info := range want.All() {
			s, err := got.Suite(info.ID)
			require.NoError(t, err)
			require.Equal(t, registry.DefinitionOf(info), registry.DefinitionOf(s.Info()))
		}
	}
	_, err := fast.New(registry.WithCodePoints(registry.CodePoints{"a": 0xF001}))
	require.ErrorContains(t, err, `no suite "a"`)
}

// A program takes the faster primitives by its import alone.
func Example() {
	suites := fast.Registry()
	s, err := suites.Suite(0x0001)
	if err != nil {
		panic(err)
	}
	for p := range s.Info().Signature.Provenance.All() {
		fmt.Println(p.Primitive, "from", p.Package)
	}
	// Output:
	// Ed25519 from filippo.io/edwards25519
	// Ed25519 from crypto/ed25519
}
