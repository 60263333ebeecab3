package framing

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/message"
)

func TestVectorsTranscriptHashes(t *testing.T) {
	vectors.OfficialAndOwn(t, "transcript-hashes", func(t *testing.T, c *vectors.TranscriptHashes) {
		s := mlstest.Suite(t, c.CipherSuite)
		var ac AuthenticatedContent
		require.NoError(t, wire.Parse(c.AuthenticatedContent, "AuthenticatedContent", ac.unmarshal))
		require.Equal(t, message.ContentCommit, ac.Content.ContentType)

		confirmed, err := ConfirmedTranscriptHash(s, c.InterimBefore, &ac)
		require.NoError(t, err)
		require.Equal(t, []byte(c.ConfirmedAfter), confirmed)
		interim, err := InterimTranscriptHash(s, confirmed, ac.Auth.ConfirmationTag)
		require.NoError(t, err)
		require.Equal(t, []byte(c.InterimAfter), interim)
		e := &schedule.EpochSecrets{Confirmation: c.ConfirmationKey}
		require.NoError(t, schedule.CheckConfirmationTag(s, e, confirmed, ac.Auth.ConfirmationTag))
	})
}
