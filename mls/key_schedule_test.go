package mls

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
)

func TestVectorsKeySchedule(t *testing.T) {
	vectors.WithPeers(t, "key-schedule", func(t *testing.T, c *vectors.KeySchedule) {
		s := testSuite(t, c.CipherSuite)
		init := []byte(c.InitialInitSecret)
		for i, v := range c.Epochs {
			groupContext, err := Marshal(&GroupContext{
				Version:                 VersionMLS10,
				CipherSuite:             c.CipherSuite,
				GroupID:                 c.GroupID,
				Epoch:                   uint64(i),
				TreeHash:                v.TreeHash,
				ConfirmedTranscriptHash: v.ConfirmedTranscriptHash,
			})

			require.NoError(t, err)
			require.Equal(t, []byte(v.GroupContext), groupContext)

			joiner, err := newJoinerSecret(s, init, v.CommitSecret, groupContext)
			require.NoError(t, err)
			require.Equal(t, []byte(v.JoinerSecret), joiner)
			welcome, err := welcomeSecret(s, joiner, v.PSKSecret)
			require.NoError(t, err)
			require.Equal(t, []byte(v.WelcomeSecret), welcome)

			e, err := newEpochSecrets(s, joiner, v.PSKSecret, groupContext)
			require.NoError(t, err)
			require.Equal(t, &epochSecrets{
				senderData:    v.SenderDataSecret,
				encryption:    v.EncryptionSecret,
				exporter:      v.ExporterSecret,
				external:      v.ExternalSecret,
				confirmation:  v.ConfirmationKey,
				membership:    v.MembershipKey,
				resumption:    v.ResumptionPSK,
				authenticator: v.EpochAuthenticator,
				init:          v.InitSecret,
			}, e)

			key, err := externalKey(s, e)
			require.NoError(t, err)
			require.Equal(t, []byte(v.ExternalPub), key.PublicKey())
			exported, err := e.export(s, v.Exporter.Label, v.Exporter.Context, v.Exporter.Length)
			require.NoError(t, err)
			require.Equal(t, []byte(v.Exporter.Secret), exported)

			init = e.init
		}
	})
}

func TestEpochSecretsDestroyed(t *testing.T) {
	s := testSuite(t, 1)
	e, err := deriveEpochSecrets(s, bytes.Repeat([]byte{1}, s.Info().KDF.Nh))
	require.NoError(t, err)
	copied := e.clone()
	require.Equal(t, e, copied)

	encryption := e.takeEncryption()
	require.Equal(t, copied.encryption, encryption, "handed on as it was")
	require.Nil(t, e.encryption)

	var held [][]byte
	for _, row := range e.table() {
		held = append(held, *row.secret)
	}
	e.destroy()
	for _, secret := range held {
		require.Equal(t, bytes.Repeat([]byte{0}, len(secret)), append([]byte{}, secret...))
	}
	require.Equal(t, &epochSecrets{}, e)
	for _, row := range copied.table() {
		require.NotEqual(t, make([]byte, s.Info().KDF.Nh), *row.secret, "the copy lives on: %s", row.label)
	}

	_, err = e.export(s, "label", nil, 16)
	require.ErrorIs(t, err, ErrRetired)
	_, err = externalKey(s, e)
	require.ErrorIs(t, err, ErrRetired)
	_, err = confirmationTag(s, e, nil)
	require.ErrorIs(t, err, ErrRetired)
	require.ErrorIs(t, checkConfirmationTag(s, e, nil, nil), ErrRetired)
	_, err = newJoinerSecret(s, e.init, []byte("commit"), nil)
	require.ErrorIs(t, err, ErrRetired)
}

func TestConfirmationTag(t *testing.T) {
	s := testSuite(t, 1)
	e, err := deriveEpochSecrets(s, bytes.Repeat([]byte{1}, s.Info().KDF.Nh))
	require.NoError(t, err)
	hash := s.Hash([]byte("transcript"))
	tag, err := confirmationTag(s, e, hash)
	require.NoError(t, err)
	require.NoError(t, checkConfirmationTag(s, e, hash, tag))
	for i := range tag {
		require.ErrorIs(t, checkConfirmationTag(s, e, hash, flipped(tag, i)), ErrInvalid)
	}
	for _, wrong := range [][]byte{nil, {}, tag[1:], append(bytes.Clone(tag), 0)} {
		require.ErrorIs(t, checkConfirmationTag(s, e, hash, wrong), ErrInvalid)
	}
	require.ErrorIs(t, checkConfirmationTag(s, e, flipped(hash, 0), tag), ErrInvalid)
}

func TestExportSeparates(t *testing.T) {
	s := testSuite(t, 1)
	e, err := deriveEpochSecrets(s, bytes.Repeat([]byte{1}, s.Info().KDF.Nh))
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, label := range []string{"a", "b"} {
		for _, context := range []string{"", "x", "y"} {
			for _, length := range []int{16, 32, 100} {
				out, err := e.export(s, label, []byte(context), length)
				require.NoError(t, err)
				require.Len(t, out, length)
				require.False(t, seen[string(out[:16])])
				seen[string(out[:16])] = true
			}
		}
	}
	_, err = e.export(s, "a", nil, 255*s.Info().KDF.Nh+1)
	require.Error(t, err)
}
