package hybrid_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/hybrid"
)

// watchedGroup remembers the shared secrets of its keys.
type watchedGroup struct {
	hpke.Group
	secrets *[][]byte
}

func (g watchedGroup) GenerateKey() (hpke.GroupPrivateKey, error) {
	key, err := g.Group.GenerateKey()
	return watchedGroupKey{key, g.secrets}, err
}

func (g watchedGroup) ParsePrivateKey(b []byte) (hpke.GroupPrivateKey, error) {
	key, err := g.Group.ParsePrivateKey(b)
	return watchedGroupKey{key, g.secrets}, err
}

type watchedGroupKey struct {
	hpke.GroupPrivateKey
	secrets *[][]byte
}

func (k watchedGroupKey) DH(pub []byte) ([]byte, error) {
	secret, err := k.GroupPrivateKey.DH(pub)
	*k.secrets = append(*k.secrets, secret)
	return secret, err
}

// watchedKEM remembers the shared secrets of the post-quantum half.
type watchedKEM struct {
	hpke.KEM
	secrets *[][]byte
}

func (k watchedKEM) Encap(pub []byte) (sharedSecret, enc []byte, err error) {
	sharedSecret, enc, err = k.KEM.Encap(pub)
	*k.secrets = append(*k.secrets, sharedSecret)
	return sharedSecret, enc, err
}

func (k watchedKEM) ParsePrivateKey(b []byte) (hpke.KEMPrivateKey, error) {
	key, err := k.KEM.ParsePrivateKey(b)
	return watchedKEMKey{key, k.secrets}, err
}

type watchedKEMKey struct {
	hpke.KEMPrivateKey
	secrets *[][]byte
}

func (k watchedKEMKey) Decap(enc []byte) ([]byte, error) {
	secret, err := k.KEMPrivateKey.Decap(enc)
	*k.secrets = append(*k.secrets, secret)
	return secret, err
}

var errToken = errors.New("the token is gone")

// failingKEM is a post-quantum KEM whose keys fail.
type failingKEM struct{ hpke.KEM }

func (k failingKEM) Encap([]byte) (sharedSecret, enc []byte, err error) { return nil, nil, errToken }

func (k failingKEM) ParsePrivateKey(b []byte) (hpke.KEMPrivateKey, error) {
	key, err := k.KEM.ParsePrivateKey(b)
	return failingKey{key}, err
}

type failingKey struct{ hpke.KEMPrivateKey }

func (failingKey) Decap([]byte) ([]byte, error) { return nil, errToken }

// The secrets of both halves are overwritten when they are combined, and that of the
// group when the other half fails.
func TestHalfSecretsAreErased(t *testing.T) {
	for fails, want := range map[bool]int{false: 4, true: 2} {
		var secrets [][]byte
		params := hybrid.MLKEM768X25519Params()
		params.Group = watchedGroup{params.Group, &secrets}
		params.PQ = watchedKEM{params.PQ, &secrets}
		if fails {
			params.PQ = failingKEM{params.PQ}
		}
		kem, err := hybrid.New(params)
		require.NoError(t, err)
		key, err := kem.GenerateKey()
		require.NoError(t, err)
		_, enc, err := kem.Encap(key.PublicKey())
		if fails {
			require.ErrorIs(t, err, errToken)
			enc = append(make([]byte, kem.Info().Nenc-32), key.PublicKey()[kem.Info().Npk-32:]...)
		}
		_, err = key.Decap(enc)
		require.Equal(t, fails, errors.Is(err, errToken), "%v", err)
		require.Len(t, secrets, want)
		for _, secret := range secrets {
			require.Equal(t, make([]byte, 32), secret)
		}
	}
}
