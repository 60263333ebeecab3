package circl

import (
	"crypto"
	"testing"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/stretchr/testify/require"
)

// A key of ML-DSA signs a message and takes no digest for one.
func TestMLDSASignsNoDigests(t *testing.T) {
	signed := false
	l := &mldsaLibrary[mldsa65.PublicKey, mldsa65.PrivateKey]{
		sign: func(*mldsa65.PrivateKey, []byte, []byte, bool, []byte) error {
			signed = true
			return nil
		},
	}
	key := &mldsaKey[mldsa65.PublicKey, mldsa65.PrivateKey]{library: l, signatureSize: 1}
	_, err := key.Sign(nil, make([]byte, 64), crypto.SHA512)
	require.ErrorContains(t, err, "not digests")
	require.False(t, signed)
	_, err = key.Sign(nil, make([]byte, 64), crypto.Hash(0))
	require.NoError(t, err)
	require.True(t, signed)
}
