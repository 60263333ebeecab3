package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
)

func TestVectorsPSKSecret(t *testing.T) {
	vectors.OfficialAndOwn(t, "psk_secret", func(t *testing.T, c *vectors.PSKSecret) {
		s := testSuite(t, c.CipherSuite)
		var ids []PreSharedKeyID
		var keys [][]byte
		for _, p := range c.PSKs {
			ids = append(ids, PreSharedKeyID{Type: PSKExternal, ID: p.ID, Nonce: p.Nonce})
			keys = append(keys, p.PSK)
		}
		secret, err := pskSecret(s, ids, keys)
		require.NoError(t, err)
		require.Equal(t, []byte(c.PSKSecret), secret)
	})
}

func TestPSKSecretRefuses(t *testing.T) {
	s := testSuite(t, 1)
	id := PreSharedKeyID{Type: PSKExternal, ID: []byte("id"), Nonce: make([]byte, 32)}
	_, err := pskSecret(s, []PreSharedKeyID{id}, nil)
	require.Error(t, err)
	_, err = pskSecret(s, make([]PreSharedKeyID, 1<<16), make([][]byte, 1<<16))
	require.ErrorIs(t, err, ErrInvalid)
	_, err = pskSecret(s, []PreSharedKeyID{{Type: 9}}, [][]byte{{1}})
	require.ErrorIs(t, err, ErrMalformed)
}

// The order, the identifier and the nonce all count.
func TestPSKSecretBinds(t *testing.T) {
	s := testSuite(t, 1)
	a := PreSharedKeyID{Type: PSKExternal, ID: []byte("a"), Nonce: make([]byte, 32)}
	b := PreSharedKeyID{Type: PSKResumption, Usage: ResumptionPSKApplication, GroupID: []byte("g"), Epoch: 7, Nonce: make([]byte, 32)}
	fresh := a
	fresh.Nonce = flipped(a.Nonce, 31)
	seen := map[string]bool{}
	for _, ids := range [][]PreSharedKeyID{{}, {a}, {fresh}, {b}, {a, b}, {b, a}} {
		psks := make([][]byte, len(ids))
		for i := range psks {
			psks[i] = []byte("the same key")
		}
		secret, err := pskSecret(s, ids, psks)
		require.NoError(t, err)
		require.False(t, seen[string(secret)])
		seen[string(secret)] = true
	}
}
