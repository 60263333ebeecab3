package fast

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/internal/hpkevectors"
)

// RFC 9180's vectors and those of draft-ietf-hpke-pq hold for the KEMs that the suites are
// built of: the hybrids with X25519 of package curve25519 and ML-KEM of circl among them.
func TestHPKEVectors(t *testing.T) {
	var all []hpke.DeterministicKEM
	for _, kem := range kems() {
		d, ok := kem.(hpke.DeterministicKEM)
		require.True(t, ok, kem.Info().Name)
		all = append(all, d)
	}
	// 16 of each of P-256, P-521, X25519 and X448.
	t.Run("rfc9180", func(t *testing.T) { require.Equal(t, 64, hpkevectors.Run(t, hpkevectors.Circl(t), all...)) })
	t.Run("hpke-pq", func(t *testing.T) { require.Equal(t, 13, hpkevectors.Run(t, hpkevectors.Draft(t), all...)) })
}
