package fips_test

import (
	"crypto/fips140"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/fips"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/mldsa"
)

var today = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

// mlDSA reports whether ML-DSA is the module's in this build.
func mlDSA() bool { return mldsa.Library == "crypto/mldsa" }

// ids returns the code points of the set in this build, without those of AuxiliaryX25519.
func ids() []suite.ID {
	set := []suite.ID{2, 5, 7, 0xF003, 0xF004, 0xF005, 0xF006, 0xF007, 0xF008}
	if mlDSA() {
		set = append(set, 0xF00A, 0xF00B)
	}
	return set
}

// The suites are those of registry/all, and the standard library provides every primitive.
func TestSuites(t *testing.T) {
	r, err := fips.NewUnchecked()
	require.NoError(t, err)
	require.Equal(t, ids(), r.IDs())
	for _, s := range r.Suites() {
		same, err := all.Registry().Suite(s.Info().ID)
		require.NoError(t, err)
		require.Equal(t, same.Info(), s.Info())
		for _, p := range suite.Provenance(s) {
			if !fips140.Enabled() && (p.Primitive == s.Info().KDF.Name || p.Primitive == "HMAC-"+s.Info().Hash.Name) {
				continue // crypto/hkdf and crypto/hmac provide them in FIPS mode
			}
			require.True(t, strings.HasPrefix(p.Package, "crypto/"), "%s is of %s", p.Primitive, p.Package)
		}
	}
}

func TestCodePoints(t *testing.T) {
	r, err := fips.NewUnchecked(fips.WithCodePoints(registry.MLSPlusPlus().DraftCodePoints()))
	require.NoError(t, err)
	require.Equal(t, []suite.ID{2, 5, 7, 9, 10}, r.IDs())
	r, err = fips.NewUnchecked(fips.WithCodePoints(registry.MLSPlusPlus().DraftCodePoints()), fips.AuxiliaryX25519())
	require.NoError(t, err)
	require.Equal(t, []suite.ID{2, 5, 7, 8, 9, 10}, r.IDs())
	_, err = fips.NewUnchecked(fips.WithCodePoints(registry.CodePoints{"a": 1}))
	require.Error(t, err)
}

// X-Wing is crypto/hpke's, whatever has the other KEMs.
func TestAuxiliaryX25519(t *testing.T) {
	for _, opts := range [][]fips.Option{{fips.AuxiliaryX25519()}, {fips.AuxiliaryX25519(), fips.StandardHPKE()}} {
		r, err := fips.NewUnchecked(opts...)
		require.NoError(t, err)
		require.Equal(t, append([]suite.ID{2, 5, 7, 0xF001, 0xF002}, ids()[3:]...), r.IDs())
		for _, s := range r.Suites() {
			xWing := s.Info().KEM.Classical == "X25519"
			require.Equal(t, xWing, s.Info().ID == 0xF001 || s.Info().ID == 0xF002)
			require.Equal(t, xWing || len(opts) > 1, slices.Contains(suite.Provenance(s),
				suite.Provided{Primitive: s.Info().KEM.Name, Package: "crypto/hpke"}), s.Info().Name)
		}
	}
}

// The two HPKEs are one: keys and ciphertexts of either serve the other.
func TestStandardHPKE(t *testing.T) {
	own, err := fips.NewUnchecked()
	require.NoError(t, err)
	standard, err := fips.NewUnchecked(fips.StandardHPKE())
	require.NoError(t, err)
	require.Equal(t, own.IDs(), standard.IDs())
	auxiliary, err := fips.NewUnchecked(fips.StandardHPKE(), fips.AuxiliaryX25519())
	require.NoError(t, err)
	for _, s := range auxiliary.Suites() {
		require.Contains(t, suite.Provenance(s),
			suite.Provided{Primitive: s.Info().KEM.Name, Package: "crypto/hpke"})
		from := all.Registry()
		if slices.Contains(own.IDs(), s.Info().ID) {
			from = own
		}
		same, err := from.Suite(s.Info().ID)
		require.NoError(t, err)
		for _, pair := range [][2]suite.Suite{{s, same}, {same, s}} {
			key, err := pair[0].DeriveKey([]byte("ikm"))
			require.NoError(t, err)
			enc, ciphertext, err := pair[1].Seal(key.PublicKey(), []byte("info"), []byte("aad"), []byte("text"))
			require.NoError(t, err)
			text, err := key.Open(enc, []byte("info"), []byte("aad"), ciphertext)
			require.NoError(t, err)
			require.Equal(t, "text", string(text))
			b, err := key.Bytes()
			require.NoError(t, err)
			parsed, err := pair[1].ParsePrivateKey(b)
			require.NoError(t, err)
			require.Equal(t, key.PublicKey(), parsed.PublicKey())
		}
	}
}
