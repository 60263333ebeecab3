package schedule

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/message"
)

func TestVectorsKeySchedule(t *testing.T) {
	vectors.WithPeers(t, "key-schedule", func(t *testing.T, c *vectors.KeySchedule) {
		s := mlstest.Suite(t, c.CipherSuite)
		init := []byte(c.InitialInitSecret)
		for i, v := range c.Epochs {
			groupContext, err := message.Marshal(&message.GroupContext{
				Version:                 codepoint.VersionMLS10,
				CipherSuite:             c.CipherSuite,
				GroupID:                 c.GroupID,
				Epoch:                   uint64(i),
				TreeHash:                v.TreeHash,
				ConfirmedTranscriptHash: v.ConfirmedTranscriptHash,
			})

			require.NoError(t, err)
			require.Equal(t, []byte(v.GroupContext), groupContext)

			joiner, err := NewJoinerSecret(s, init, v.CommitSecret, groupContext)
			require.NoError(t, err)
			require.Equal(t, []byte(v.JoinerSecret), joiner)
			welcome, err := WelcomeSecret(s, joiner, v.PSKSecret)
			require.NoError(t, err)
			require.Equal(t, []byte(v.WelcomeSecret), welcome)

			e, err := NewEpochSecrets(s, joiner, v.PSKSecret, groupContext, false)
			require.NoError(t, err)
			require.Equal(t, &EpochSecrets{
				SenderData:    v.SenderDataSecret,
				Encryption:    v.EncryptionSecret,
				Exporter:      v.ExporterSecret,
				External:      v.ExternalSecret,
				Confirmation:  v.ConfirmationKey,
				Membership:    v.MembershipKey,
				Resumption:    v.ResumptionPSK,
				Authenticator: v.EpochAuthenticator,
				Init:          v.InitSecret,
			}, e)

			key, err := s.DeriveKey(e.External)
			require.NoError(t, err)
			require.Equal(t, []byte(v.ExternalPub), key.PublicKey())
			exported, err := e.Export(s, v.Exporter.Label, v.Exporter.Context, v.Exporter.Length)
			require.NoError(t, err)
			require.Equal(t, []byte(v.Exporter.Secret), exported)

			init = e.Init
		}
	})
}

func TestEpochSecretsDestroyed(t *testing.T) {
	s := mlstest.Suite(t, 1)
	e, err := DeriveEpochSecrets(s, bytes.Repeat([]byte{1}, s.Info().KDF.Nh), false)
	require.NoError(t, err)
	copied := e.Clone()
	require.Equal(t, e, copied)

	encryption := e.TakeEncryption()
	require.Equal(t, copied.Encryption, encryption, "handed on as it was")
	require.Nil(t, e.Encryption)

	var held [][]byte
	for _, row := range e.Table() {
		held = append(held, *row.Secret)
	}
	e.Destroy()
	for _, secret := range held {
		require.Equal(t, bytes.Repeat([]byte{0}, len(secret)), append([]byte{}, secret...))
	}
	require.Equal(t, &EpochSecrets{}, e)
	for _, row := range copied.Table() {
		require.NotEqual(t, make([]byte, s.Info().KDF.Nh), *row.Secret, "the copy lives on: %s", row.Label)
	}

	_, err = e.Export(s, "label", nil, 16)
	require.ErrorIs(t, err, label.ErrRetired)
	_, err = ConfirmationTag(s, e, nil)
	require.ErrorIs(t, err, label.ErrRetired)
	require.ErrorIs(t, CheckConfirmationTag(s, e, nil, nil), label.ErrRetired)
	_, err = NewJoinerSecret(s, e.Init, []byte("commit"), nil)
	require.ErrorIs(t, err, label.ErrRetired)
}

// The application_export_secret derives from the epoch_secret as the secrets of Table 4 do,
// where somebody asks for it, and is handed on once.
func TestApplicationExportSecret(t *testing.T) {
	s := mlstest.Suite(t, 1)
	epochSecret := bytes.Repeat([]byte{1}, s.Info().KDF.Nh)
	without, err := DeriveEpochSecrets(s, epochSecret, false)
	require.NoError(t, err)
	require.Nil(t, without.ApplicationExport)
	e, err := DeriveEpochSecrets(s, epochSecret, true)
	require.NoError(t, err)
	want, err := label.DeriveSecret(s, epochSecret, "application_export")
	require.NoError(t, err)
	require.Equal(t, want, e.ApplicationExport)

	copied := e.Clone()
	require.Equal(t, want, copied.ApplicationExport)
	held := copied.ApplicationExport
	copied.Destroy()
	require.Equal(t, make([]byte, len(held)), held)
	require.Equal(t, &EpochSecrets{}, copied)

	require.Equal(t, want, e.TakeApplicationExport())
	require.Nil(t, e.TakeApplicationExport())
	require.Equal(t, without, e, "all others are the same")
}

func TestConfirmationTag(t *testing.T) {
	s := mlstest.Suite(t, 1)
	e, err := DeriveEpochSecrets(s, bytes.Repeat([]byte{1}, s.Info().KDF.Nh), false)
	require.NoError(t, err)
	hash := s.Hash([]byte("transcript"))
	tag, err := ConfirmationTag(s, e, hash)
	require.NoError(t, err)
	require.NoError(t, CheckConfirmationTag(s, e, hash, tag))
	for i := range tag {
		require.ErrorIs(t, CheckConfirmationTag(s, e, hash, mlstest.Flipped(tag, i)), message.ErrInvalid)
	}
	for _, wrong := range [][]byte{nil, {}, tag[1:], append(bytes.Clone(tag), 0)} {
		require.ErrorIs(t, CheckConfirmationTag(s, e, hash, wrong), message.ErrInvalid)
	}
	require.ErrorIs(t, CheckConfirmationTag(s, e, mlstest.Flipped(hash, 0), tag), message.ErrInvalid)
}

func TestExportSeparates(t *testing.T) {
	s := mlstest.Suite(t, 1)
	e, err := DeriveEpochSecrets(s, bytes.Repeat([]byte{1}, s.Info().KDF.Nh), false)
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, label := range []string{"a", "b"} {
		for _, context := range []string{"", "x", "y"} {
			for _, length := range []int{16, 32, 100} {
				out, err := e.Export(s, label, []byte(context), length)
				require.NoError(t, err)
				require.Len(t, out, length)
				require.False(t, seen[string(out[:16])])
				seen[string(out[:16])] = true
			}
		}
	}
	_, err = e.Export(s, "a", nil, 255*s.Info().KDF.Nh+1)
	require.Error(t, err)
}
