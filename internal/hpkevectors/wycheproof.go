package hpkevectors

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wycheproof"
	"github.com/mlsuite/mlsuite/suite"
)

// MLKEMCounts are the cases of Project Wycheproof's files of one ML-KEM.
type MLKEMCounts struct{ Keys, Encap, Decap wycheproof.Counts }

// WycheproofMLKEM runs the files of ML-KEM of a size such as "768": public keys from
// seeds, encapsulation under given randomness, decapsulation.
func WycheproofMLKEM(t *testing.T, size string, kem hpke.DeterministicKEM) (counts MLKEMCounts) {
	t.Helper()
	type keyTest struct{ Seed, EK vectors.Hex }
	counts.Keys = wycheproof.Each(t, "mlkem_"+size+"_keygen_seed_test.json",
		func(t *testing.T, c wycheproof.Case, _ struct{}, test keyTest) {
			key, err := kem.ParsePrivateKey(test.Seed)
			require.NoError(t, err, "case %d", c.ID)
			require.EqualValues(t, test.EK, key.PublicKey(), "case %d", c.ID)
		})
	type encapTest struct{ M, EK, C, K vectors.Hex }
	counts.Encap = wycheproof.Each(t, "mlkem_"+size+"_encaps_test.json",
		func(t *testing.T, c wycheproof.Case, _ struct{}, test encapTest) {
			checked := kem.CheckPublicKey(test.EK)
			secret, enc, err := kem.EncapDeterministic(test.EK, test.M)
			if c.Result == "invalid" {
				require.ErrorIs(t, checked, suite.ErrInvalidKey, "case %d", c.ID)
				require.ErrorIs(t, err, suite.ErrInvalidKey, "case %d", c.ID)
				_, _, err = kem.Encap(test.EK)
				require.ErrorIs(t, err, suite.ErrInvalidKey, "case %d", c.ID)
				return
			}
			require.NoError(t, checked, "case %d", c.ID)
			require.NoError(t, err, "case %d", c.ID)
			require.EqualValues(t, test.K, secret, "case %d", c.ID)
			require.EqualValues(t, test.C, enc, "case %d", c.ID)
		})
	type decapTest struct{ Seed, EK, C, K vectors.Hex }
	counts.Decap = wycheproof.Each(t, "mlkem_"+size+"_test.json",
		func(t *testing.T, c wycheproof.Case, _ struct{}, test decapTest) {
			key, err := kem.ParsePrivateKey(test.Seed)
			var secret []byte
			if err == nil {
				secret, err = key.Decap(test.C)
			}
			if c.Result == "invalid" {
				require.Error(t, err, "case %d", c.ID)
				return
			}
			require.NoError(t, err, "case %d", c.ID)
			require.EqualValues(t, test.K, secret, "case %d", c.ID)
			if test.EK != nil {
				require.EqualValues(t, test.EK, key.PublicKey(), "case %d", c.ID)
			}
		})
	return counts
}
