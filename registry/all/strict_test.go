package all_test

import (
	"crypto/fips140"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/internal/fipsmode"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/fast"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/curve25519"
)

// TestStrictMode runs TestRefusalsOfTheEnvironment in strict FIPS 140-3 mode.
func TestStrictMode(t *testing.T) {
	fipsmode.Run(t, "only", "TestRefusalsOfTheEnvironment")
}

// What the mode does not allow is refused by its name and with the cause, by each call
// that needs it, and no key or message is blamed for it. The others work.
func TestRefusalsOfTheEnvironment(t *testing.T) {
	if fipsmode.Wanted() == "" {
		for _, s := range all.Registry().Suites() {
			require.NoError(t, suite.Probe(s))
		}
		return
	}
	require.True(t, fips140.Enforced())
	refused := 0
	for _, r := range []*registry.Registry{all.Registry(), fast.Registry()} {
		for _, s := range r.Suites() {
			info := s.Info()
			requireRefused := func(algorithm string, err error) {
				t.Helper()
				require.ErrorIs(t, err, suite.ErrEnvironment, info.Name)
				require.NotErrorIs(t, err, suite.ErrInvalidKey, info.Name)
				require.NotErrorIs(t, err, suite.ErrDecrypt, info.Name)
				require.ErrorContains(t, err, algorithm+" is not allowed in FIPS 140-3 mode", info.Name)
				require.NotContains(t, err.Error(), "no block", info.Name)
			}
			x25519 := info.KEM.Classical == "X25519"
			chacha := info.AEAD.ID == 0x0003
			if !x25519 && !chacha {
				require.NoError(t, suite.Probe(s), info.Name)
				continue
			}
			refused++
			if x25519 {
				_, err := s.GenerateKey()
				requireRefused("X25519", err)
				_, err = s.DeriveKey(make([]byte, 32))
				requireRefused("X25519", err)
				_, err = s.ParsePrivateKey(make([]byte, info.KEM.Nsk))
				requireRefused("X25519", err)
				pub := make([]byte, info.KEM.Npk) // reduced, and of no low order
				pub[info.KEM.Npk-32] = 9
				require.NoError(t, s.CheckPublicKey(pub), info.Name)
				_, _, err = s.Seal(pub, nil, nil, nil)
				requireRefused("X25519", err)
				_, _, err = s.Export(pub, nil, nil, 32)
				requireRefused("X25519", err)
				requireRefused("X25519", suite.Probe(s))
			} else {
				requireRefused("ChaCha20-Poly1305", suite.Probe(s))
			}
			_, err := s.NewAEAD(make([]byte, info.AEAD.Nk))
			if chacha {
				requireRefused("ChaCha20-Poly1305", err)
			} else {
				require.NoError(t, err, info.Name)
			}
			_, err = s.Extract(nil, []byte("short"))
			requireRefused(info.KDF.Name, err)
			require.True(t, strings.HasPrefix(err.Error(), "suite: "), err)
		}
	}
	// A key from before the mode was enforced is of no use in it either.
	var key hpke.GroupPrivateKey
	fips140.WithoutEnforcement(func() {
		var err error
		key, err = curve25519.X25519().GenerateKey()
		require.NoError(t, err)
	})
	_, err := key.DH(key.PublicKey())
	require.ErrorIs(t, err, suite.ErrEnvironment)
	require.Equal(t, 2*6, refused) // 1, 3, 6, TBD1, TBD2, TBD9
}
