package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/suite"
)

type transcriptHashesCase struct {
	CipherSuite          suite.ID    `json:"cipher_suite"`
	ConfirmationKey      vectors.Hex `json:"confirmation_key"`
	AuthenticatedContent vectors.Hex `json:"authenticated_content"`
	InterimBefore        vectors.Hex `json:"interim_transcript_hash_before"`
	ConfirmedAfter       vectors.Hex `json:"confirmed_transcript_hash_after"`
	InterimAfter         vectors.Hex `json:"interim_transcript_hash_after"`
}

func TestVectorsTranscriptHashes(t *testing.T) {
	vectors.OfficialAndOwn(t, "transcript-hashes", func(t *testing.T, c *transcriptHashesCase) {
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
