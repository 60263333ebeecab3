package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
)

func TestVectorsTranscriptHashes(t *testing.T) {
	vectors.OfficialAndOwn(t, "transcript-hashes", func(t *testing.T, c *vectors.TranscriptHashes) {
		s := testSuite(t, c.CipherSuite)
		var ac authenticatedContent
		require.NoError(t, wire.Parse(c.AuthenticatedContent, "AuthenticatedContent", ac.unmarshal))
		require.Equal(t, ContentCommit, ac.content.contentType)

		confirmed, err := confirmedTranscriptHash(s, c.InterimBefore, &ac)
		require.NoError(t, err)
		require.Equal(t, []byte(c.ConfirmedAfter), confirmed)
		interim, err := interimTranscriptHash(s, confirmed, ac.auth.confirmationTag)
		require.NoError(t, err)
		require.Equal(t, []byte(c.InterimAfter), interim)
		e := &epochSecrets{confirmation: c.ConfirmationKey}
		require.NoError(t, checkConfirmationTag(s, e, confirmed, ac.auth.confirmationTag))
	})
}
