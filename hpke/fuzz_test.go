package hpke_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/suite"
)

// FuzzKEM gives any bytes to what parses: whatever CheckPublicKey accepts can be
// sealed to, a private key that parses gives a public key that is accepted and
// survives serialization, and what opens was sealed.
func FuzzKEM(f *testing.F) {
	type target struct {
		scheme suite.HPKEScheme
		key    suite.PrivateKey
	}
	var targets []target
	for i, kem := range kems() {
		scheme, err := hpke.NewScheme(kem, hpke.HKDFSHA256(), suite.AES128GCM())
		require.NoError(f, err)
		key, err := scheme.DeriveKey([]byte{byte(i)})
		require.NoError(f, err)
		targets = append(targets, target{scheme, key})
		serialized, err := key.Bytes()
		require.NoError(f, err)
		enc, ciphertext, err := scheme.Seal(key.PublicKey(), nil, nil, nil)
		require.NoError(f, err)
		f.Add(uint8(i), key.PublicKey(), ciphertext)
		f.Add(uint8(i), serialized, ciphertext)
		f.Add(uint8(i), enc, ciphertext[:len(ciphertext)-1])
	}
	f.Fuzz(func(t *testing.T, which uint8, a, b []byte) {
		x := targets[int(which)%len(targets)]
		_, _, err := x.scheme.Seal(a, nil, nil, nil)
		require.Equal(t, x.scheme.CheckPublicKey(a) == nil, err == nil)
		if err != nil {
			require.ErrorIs(t, err, suite.ErrInvalidKey)
		}
		if key, err := x.scheme.ParsePrivateKey(a); err == nil {
			require.NoError(t, x.scheme.CheckPublicKey(key.PublicKey()))
			serialized, err := key.Bytes()
			require.NoError(t, err)
			again, err := x.scheme.ParsePrivateKey(serialized)
			require.NoError(t, err)
			require.Equal(t, key.PublicKey(), again.PublicKey())
		} else {
			require.ErrorIs(t, err, suite.ErrInvalidKey)
		}
		if _, err := x.key.Open(a, nil, nil, b); err != nil {
			require.ErrorIs(t, err, suite.ErrDecrypt)
		}
	})
}
