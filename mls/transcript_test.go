package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
)

func TestVectorsTranscriptHashes(t *testing.T) {
	vectors.OfficialAndOwn(t, "transcript-hashes", func(t *testing.T, c *vectors.TranscriptHashes) {
		s := testSuite(t, c.CipherSuite)
		var ac authenticatedContent
		require.NoError(t, parse(c.AuthenticatedContent, "AuthenticatedContent", &ac))
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
