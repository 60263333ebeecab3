package suite_test

import (
	"crypto"
	"crypto/hkdf"
	"crypto/hmac"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// HMAC and HKDF agree with the standard library's for keys and messages of every
// length around a block and beyond the scratch space.
func TestHMACAgainstStandardLibrary(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	bytes := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	lengths := []int{0, 1, 31, 32, 48, 63, 64, 65, 127, 128, 129, 200, 383, 384, 385, 511, 512, 513, 5000}
	for _, hash := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		s := withHash(t, hash)
		for _, k := range lengths {
			for _, n := range lengths {
				key, message := bytes(k), bytes(n)
				m := hmac.New(hash.New, key)
				m.Write(message)
				require.Equal(t, m.Sum(nil), s.MAC(key, message), "%v, key of %d, message of %d", hash, k, n)
				prk, err := hkdf.Extract(hash.New, message, key)
				require.NoError(t, err)
				got, err := s.Extract(key, message)
				require.NoError(t, err)
				require.Equal(t, prk, got)
				for _, length := range []int{0, 1, 12, hash.Size(), hash.Size() + 1, 255 * hash.Size()} {
					want, err := hkdf.Expand(hash.New, prk, string(message), length)
					require.NoError(t, err)
					got, err := s.Expand(prk, message, length)
					require.NoError(t, err)
					require.Equal(t, want, got, "%v, info of %d, length %d", hash, n, length)
				}
			}
		}
		_, err := s.Expand(bytes(hash.Size()), nil, 255*hash.Size()+1)
		require.Error(t, err)
	}
}
