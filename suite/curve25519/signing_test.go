package curve25519

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha512"
	"testing"

	"github.com/stretchr/testify/require"
)

// Ed25519 signs messages, not digests, and messages of every length alike, on the stack or
// not.
func TestSigningKey(t *testing.T) {
	standard := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	key := expand(standard)
	digest := sha512.Sum512(nil)
	_, err := key.Sign(nil, digest[:], crypto.SHA512)
	require.ErrorContains(t, err, "not digests")
	v := newVerifier(key.public)
	for _, length := range []int{0, 1, 1983, 1984, 1985, 2015, 2016, 2017, 5000} {
		message := make([]byte, length)
		sig, err := key.Sign(nil, message, crypto.Hash(0))
		require.NoError(t, err)
		require.Equal(t, ed25519.Sign(standard, message), sig, length)
		require.NoError(t, v.verify(message, sig), length)
	}
}
