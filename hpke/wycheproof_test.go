package hpke_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/hpke/hpketest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/suite"
)

type wycheproofCase struct {
	TcID    int `json:"tcId"`
	Comment string
	Flags   []string
	Result  string

	Public, Private, Shared vectors.Hex // Diffie-Hellman

	Seed, EK, M, C, K vectors.Hex // ML-KEM
}

// wycheproof runs test for each case of the files, each a subtest.
func wycheproof(t *testing.T, file string, least int, test func(t *testing.T, c wycheproofCase)) {
	var all struct {
		TestGroups []struct{ Tests []wycheproofCase }
	}
	vectors.Load(t, "wycheproof/"+file+"_test.json", &all)
	ran := 0
	for _, group := range all.TestGroups {
		for _, c := range group.Tests {
			ran++
			t.Run(fmt.Sprintf("%s/%d", file, c.TcID), func(t *testing.T) { test(t, c) })
		}
	}
	require.GreaterOrEqual(t, ran, least)
}

func TestWycheproofECDH(t *testing.T) {
	for _, row := range []struct {
		file  string
		group hpke.Group
	}{
		{"ecdh_secp256r1_ecpoint", hpke.P256()},
		{"ecdh_secp384r1_ecpoint", hpke.P384()},
		{"ecdh_secp521r1_ecpoint", hpke.P521()},
	} {
		wycheproof(t, row.file, 300, func(t *testing.T, c wycheproofCase) {
			private := c.Private
			if n := row.group.Info().Nsk; len(private) > n { // a leading zero of a signed integer
				private = private[len(private)-n:]
			}
			private = append(make([]byte, row.group.Info().Nsk-len(private)), private...)
			key, err := row.group.ParsePrivateKey(private)
			require.NoError(t, err)
			shared, err := key.DH(c.Public)
			check := row.group.CheckPublicKey(c.Public)
			if c.Result == "valid" {
				require.NoError(t, check)
				require.NoError(t, err)
				require.EqualValues(t, c.Shared, shared)
				return
			}
			// RFC 9180 takes uncompressed points alone.
			require.True(t, c.Result == "invalid" || slices.Contains(c.Flags, "CompressedPublic"), c.Comment)
			require.ErrorIs(t, check, suite.ErrInvalidKey)
			require.ErrorIs(t, err, suite.ErrInvalidKey)
		})
	}
}

func TestWycheproofX25519(t *testing.T) {
	group := hpke.X25519()
	wycheproof(t, "x25519", 500, func(t *testing.T, c wycheproofCase) {
		key, err := group.ParsePrivateKey(c.Private)
		require.NoError(t, err)
		shared, err := key.DH(c.Public)
		check := group.CheckPublicKey(c.Public)
		if slices.Contains(c.Flags, "ZeroSharedSecret") {
			require.ErrorIs(t, check, suite.ErrInvalidKey)
			require.ErrorIs(t, err, suite.ErrInvalidKey)
			return
		}
		require.NotEqual(t, "invalid", c.Result)
		require.NoError(t, check)
		require.NoError(t, err)
		require.EqualValues(t, c.Shared, shared)
	})
}

func TestWycheproofMLKEM(t *testing.T) {
	for _, row := range []struct {
		set string
		kem hpke.DeterministicKEM
	}{
		{"mlkem_768", hpketest.MLKEM768()},
		{"mlkem_1024", hpketest.MLKEM1024()},
	} {
		wycheproof(t, row.set+"_keygen_seed", 100, func(t *testing.T, c wycheproofCase) {
			key, err := row.kem.ParsePrivateKey(c.Seed)
			require.NoError(t, err)
			require.EqualValues(t, c.EK, key.PublicKey())
		})
		wycheproof(t, row.set+"_encaps", 200, func(t *testing.T, c wycheproofCase) {
			secret, enc, err := row.kem.EncapDeterministic(c.EK, c.M)
			check := row.kem.CheckPublicKey(c.EK)
			if c.Result == "invalid" {
				require.ErrorIs(t, check, suite.ErrInvalidKey)
				require.ErrorIs(t, err, suite.ErrInvalidKey)
				_, _, err = row.kem.Encap(c.EK)
				require.ErrorIs(t, err, suite.ErrInvalidKey)
				return
			}
			require.NoError(t, check)
			require.NoError(t, err)
			require.EqualValues(t, c.C, enc)
			require.EqualValues(t, c.K, secret)
		})
		wycheproof(t, row.set, 150, func(t *testing.T, c wycheproofCase) {
			key, err := row.kem.ParsePrivateKey(c.Seed)
			var secret []byte
			if err == nil {
				secret, err = key.Decap(c.C)
			}
			if c.Result == "invalid" {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			require.EqualValues(t, c.K, secret)
			if c.EK != nil {
				require.EqualValues(t, c.EK, key.PublicKey())
			}
		})
	}
}
