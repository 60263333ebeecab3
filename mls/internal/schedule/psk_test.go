package schedule

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/mls/message"
)

func TestVectorsPSKSecret(t *testing.T) {
	vectors.OfficialAndOwn(t, "psk_secret", func(t *testing.T, c *vectors.PSKSecret) {
		s := mlstest.Suite(t, c.CipherSuite)
		var ids []message.PreSharedKeyID
		var keys [][]byte
		for _, p := range c.PSKs {
			ids = append(ids, message.PreSharedKeyID{ID: p.ID, Nonce: p.Nonce})
			keys = append(keys, p.PSK)
		}
		secret, err := PSKSecret(s, ids, keys)
		require.NoError(t, err)
		require.Equal(t, []byte(c.PSKSecret), secret)
	})
}

func TestPSKSecretRefuses(t *testing.T) {
	s := mlstest.Suite(t, 1)
	id := message.PreSharedKeyID{ID: []byte("id"), Nonce: make([]byte, 32)}
	_, err := PSKSecret(s, []message.PreSharedKeyID{id}, nil)
	require.Error(t, err)
	_, err = PSKSecret(s, make([]message.PreSharedKeyID, 1<<16), make([][]byte, 1<<16))
	require.ErrorIs(t, err, message.ErrInvalid)
	_, err = PSKSecret(s, []message.PreSharedKeyID{{Usage: 9}}, [][]byte{{1}})
	require.ErrorIs(t, err, message.ErrMalformed)
}

// The order, the identifier and the nonce all count.
func TestPSKSecretBinds(t *testing.T) {
	s := mlstest.Suite(t, 1)
	a := message.PreSharedKeyID{ID: []byte("a"), Nonce: make([]byte, 32)}
	b := message.PreSharedKeyID{Usage: message.ResumptionPSKApplication, GroupID: []byte("g"), Epoch: 7, Nonce: make([]byte, 32)}
	fresh := a
	fresh.Nonce = mlstest.Flipped(a.Nonce, 31)
	seen := map[string]bool{}
	for _, ids := range [][]message.PreSharedKeyID{{}, {a}, {fresh}, {b}, {a, b}, {b, a}} {
		psks := make([][]byte, len(ids))
		for i := range psks {
			psks[i] = []byte("the same key")
		}
		secret, err := PSKSecret(s, ids, psks)
		require.NoError(t, err)
		require.False(t, seen[string(secret)])
		seen[string(secret)] = true
	}
}
