package hpke_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/hpke/hpketest"
	"github.com/mlsuite/mlsuite/internal/hpkevectors"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wycheproof"
	"github.com/mlsuite/mlsuite/suite"
)

type dhTest struct{ Public, Private, Shared vectors.Hex }

func TestWycheproofECDH(t *testing.T) {
	for _, row := range []struct {
		file   string
		group  hpke.Group
		counts wycheproof.Counts
	}{
		{"ecdh_secp256r1_ecpoint_test.json", hpke.P256(), wycheproof.Counts{Valid: 330, Acceptable: 1, Invalid: 24}},
		{"ecdh_secp384r1_ecpoint_test.json", hpke.P384(), wycheproof.Counts{Valid: 771, Acceptable: 1, Invalid: 18}},
		{"ecdh_secp521r1_ecpoint_test.json", hpke.P521(), wycheproof.Counts{Valid: 632, Acceptable: 1, Invalid: 28}},
	} {
		counts := wycheproof.Each(t, row.file, func(t *testing.T, c wycheproof.Case, _ struct{}, test dhTest) {
			private := test.Private
			if n := row.group.Info().Nsk; len(private) > n { // a leading zero of a signed integer
				private = private[len(private)-n:]
			}
			private = append(make([]byte, row.group.Info().Nsk-len(private)), private...)
			key, err := row.group.ParsePrivateKey(private)
			require.NoError(t, err, "case %d", c.ID)
			shared, err := key.DH(test.Public)
			check := row.group.CheckPublicKey(test.Public)
			if c.Result == "valid" {
				require.NoError(t, check, "case %d", c.ID)
				require.NoError(t, err, "case %d", c.ID)
				require.EqualValues(t, test.Shared, shared, "case %d", c.ID)
				return
			}
			// RFC 9180 takes uncompressed points alone.
			require.True(t, c.Result == "invalid" || slices.Contains(c.Flags, "CompressedPublic"), "case %d: %s", c.ID, c.Comment)
			require.ErrorIs(t, check, suite.ErrInvalidKey, "case %d", c.ID)
			require.ErrorIs(t, err, suite.ErrInvalidKey, "case %d", c.ID)
		})
		require.Equal(t, row.counts, counts, row.file)
	}
}

func TestWycheproofX25519(t *testing.T) {
	group := hpke.X25519()
	counts := wycheproof.Each(t, "x25519_test.json", func(t *testing.T, c wycheproof.Case, _ struct{}, test dhTest) {
		key, err := group.ParsePrivateKey(test.Private)
		require.NoError(t, err, "case %d", c.ID)
		shared, err := key.DH(test.Public)
		check := group.CheckPublicKey(test.Public)
		if slices.Contains(c.Flags, "ZeroSharedSecret") {
			require.ErrorIs(t, check, suite.ErrInvalidKey, "case %d", c.ID)
			require.ErrorIs(t, err, suite.ErrInvalidKey, "case %d", c.ID)
			return
		}
		require.NoError(t, check, "case %d", c.ID)
		require.NoError(t, err, "case %d", c.ID)
		require.EqualValues(t, test.Shared, shared, "case %d", c.ID)
	})
	require.Equal(t, wycheproof.Counts{Valid: 264, Acceptable: 254}, counts)
}

func TestWycheproofMLKEM(t *testing.T) {
	require.Equal(t, hpkevectors.MLKEMCounts{
		Keys: wycheproof.Counts{Valid: 100}, Encap: wycheproof.Counts{Valid: 133, Invalid: 132}, Decap: wycheproof.Counts{Valid: 153, Invalid: 40},
	}, hpkevectors.WycheproofMLKEM(t, "768", hpketest.MLKEM768()))
	require.Equal(t, hpkevectors.MLKEMCounts{
		Keys: wycheproof.Counts{Valid: 100}, Encap: wycheproof.Counts{Valid: 133, Invalid: 136}, Decap: wycheproof.Counts{Valid: 153, Invalid: 40},
	}, hpkevectors.WycheproofMLKEM(t, "1024", hpketest.MLKEM1024()))
}
