package mls

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/suite"
)

func TestVectorsCryptoBasics(t *testing.T) {
	vectors.OfficialAndOwn(t, "crypto-basics", func(t *testing.T, c *vectors.CryptoBasics) {
		s := testSuite(t, c.CipherSuite)

		ref, err := refHash(s, c.RefHash.Label, c.RefHash.Value)
		require.NoError(t, err)
		require.Equal(t, []byte(c.RefHash.Out), ref)

		e := c.ExpandWithLabel
		out, err := expandWithLabel(s, e.Secret, e.Label, e.Context, e.Length)
		require.NoError(t, err)
		require.Equal(t, []byte(e.Out), out)

		d := c.DeriveSecret
		out, err = deriveSecret(s, d.Secret, d.Label)
		require.NoError(t, err)
		require.Equal(t, []byte(d.Out), out)

		g := c.DeriveTreeSecret
		out, err = deriveTreeSecret(s, g.Secret, g.Label, g.Generation, g.Length)
		require.NoError(t, err)
		require.Equal(t, []byte(g.Out), out)

		v := c.SignWithLabel
		require.NoError(t, verifyWithLabel(s, v.Pub, v.Label, v.Content, v.Signature))
		signer, err := s.ParseSigner(v.Priv.Scalar(s.Info().Signature.PrivateKey))
		require.NoError(t, err)
		require.Equal(t, []byte(v.Pub), signer.PublicKey())
		sig, err := signWithLabel(t.Context(), signer, v.Label, v.Content)
		require.NoError(t, err)
		require.NoError(t, verifyWithLabel(s, v.Pub, v.Label, v.Content, sig))
		require.ErrorIs(t, verifyWithLabel(s, v.Pub, v.Label+"x", v.Content, sig), suite.ErrVerify)
		require.ErrorIs(t, verifyWithLabel(s, v.Pub, v.Label, flipped(v.Content, 0), sig), suite.ErrVerify)

		x := c.EncryptWithLabel
		key, err := s.ParsePrivateKey(x.Priv.Scalar(s.Info().KEM.Nsk))
		require.NoError(t, err)
		require.Equal(t, []byte(x.Pub), key.PublicKey())
		plaintext, err := openWithLabel(key, x.Label, x.Context, x.KEMOutput, x.Ciphertext)
		require.NoError(t, err)
		require.Equal(t, []byte(x.Plaintext), plaintext)
		sealer, err := prepareSealWithLabel(s, x.Label, x.Context)
		require.NoError(t, err)
		enc, ciphertext, err := sealer.Seal(x.Pub, nil, x.Plaintext)
		require.NoError(t, err)
		plaintext, err = openWithLabel(key, x.Label, x.Context, enc, ciphertext)
		require.NoError(t, err)
		require.Equal(t, []byte(x.Plaintext), plaintext)
		_, err = openWithLabel(key, x.Label+"x", x.Context, enc, ciphertext)
		require.ErrorIs(t, err, ErrDecrypt)
		_, err = openWithLabel(key, x.Label, flipped(x.Context, 0), enc, ciphertext)
		require.ErrorIs(t, err, ErrDecrypt)
		_, err = openWithLabel(key, x.Label, x.Context, enc[1:], ciphertext)
		require.ErrorIs(t, err, ErrDecrypt)
	})
}

func TestExpandWithLabelRefuses(t *testing.T) {
	s := testSuite(t, 1)
	secret := make([]byte, s.Info().KDF.Nh)
	for _, length := range []int{-1, math.MaxUint16 + 1, 255*len(secret) + 1} {
		_, err := expandWithLabel(s, secret, "label", nil, length)
		require.Error(t, err, length)
	}
	_, err := deriveSecret(s, nil, "label")
	require.ErrorIs(t, err, ErrRetired)
}
