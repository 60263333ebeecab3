package label

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

func TestVectorsCryptoBasics(t *testing.T) {
	vectors.WithExperimental(t, "crypto-basics", func(t *testing.T, c *vectors.CryptoBasics) {
		s := mlstest.Suite(t, c.CipherSuite)

		ref, err := RefHash(s, c.RefHash.Label, func(w *wire.Writer) { w.Raw(c.RefHash.Value) })
		require.NoError(t, err)
		require.Equal(t, []byte(c.RefHash.Out), ref)

		e := c.ExpandWithLabel
		out, err := Expand(s, e.Secret, e.Label, e.Context, e.Length)
		require.NoError(t, err)
		require.Equal(t, []byte(e.Out), out)

		d := c.DeriveSecret
		out, err = DeriveSecret(s, d.Secret, d.Label)
		require.NoError(t, err)
		require.Equal(t, []byte(d.Out), out)

		g := c.DeriveTreeSecret
		out, err = DeriveTreeSecret(s, g.Secret, g.Label, g.Generation, g.Length)
		require.NoError(t, err)
		require.Equal(t, []byte(g.Out), out)

		v := c.SignWithLabel
		require.NoError(t, Verify(s, v.Pub, v.Label, v.Content, v.Signature))
		signer, err := s.ParseSigner(v.Priv.Scalar(s.Info().Signature.PrivateKey))
		require.NoError(t, err)
		require.Equal(t, []byte(v.Pub), signer.PublicKey())
		sig, err := Sign(t.Context(), signer, v.Label, v.Content)
		require.NoError(t, err)
		require.NoError(t, Verify(s, v.Pub, v.Label, v.Content, sig))
		require.ErrorIs(t, Verify(s, v.Pub, v.Label+"x", v.Content, sig), suite.ErrVerify)
		require.ErrorIs(t, Verify(s, v.Pub, v.Label, mlstest.Flipped(v.Content, 0), sig), suite.ErrVerify)

		x := c.EncryptWithLabel
		key, err := s.ParsePrivateKey(x.Priv.Scalar(s.Info().KEM.Nsk))
		require.NoError(t, err)
		require.Equal(t, []byte(x.Pub), key.PublicKey())
		plaintext, err := Open(key, x.Label, x.Context, x.KEMOutput, x.Ciphertext)
		require.NoError(t, err)
		require.Equal(t, []byte(x.Plaintext), plaintext)
		sealer, err := PrepareSeal(s, x.Label, x.Context)
		require.NoError(t, err)
		enc, ciphertext, err := sealer.Seal(x.Pub, nil, x.Plaintext)
		require.NoError(t, err)
		plaintext, err = Open(key, x.Label, x.Context, enc, ciphertext)
		require.NoError(t, err)
		require.Equal(t, []byte(x.Plaintext), plaintext)
		_, err = Open(key, x.Label+"x", x.Context, enc, ciphertext)
		require.ErrorIs(t, err, ErrDecrypt)
		_, err = Open(key, x.Label, mlstest.Flipped(x.Context, 0), enc, ciphertext)
		require.ErrorIs(t, err, ErrDecrypt)
		_, err = Open(key, x.Label, x.Context, enc[1:], ciphertext)
		require.ErrorIs(t, err, ErrDecrypt)
	})
}

func TestExpandWithLabelRefuses(t *testing.T) {
	s := mlstest.Suite(t, 1)
	secret := make([]byte, s.Info().KDF.Nh)
	for _, length := range []int{-1, math.MaxUint16 + 1, 255*len(secret) + 1} {
		_, err := Expand(s, secret, "label", nil, length)
		require.Error(t, err, length)
	}
	_, err := DeriveSecret(s, nil, "label")
	require.ErrorIs(t, err, ErrRetired)
}
