package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/suite"
)

func TestVectorsTranscriptHashes(t *testing.T) {
	type hex = vectors.Hex
	var cases []struct {
		CipherSuite          suite.ID `json:"cipher_suite"`
		ConfirmationKey      hex      `json:"confirmation_key"`
		AuthenticatedContent hex      `json:"authenticated_content"`
		InterimBefore        hex      `json:"interim_transcript_hash_before"`
		ConfirmedAfter       hex      `json:"confirmed_transcript_hash_after"`
		InterimAfter         hex      `json:"interim_transcript_hash_after"`
	}
	vectors.Load(t, "mls/transcript-hashes.json", &cases)
	t.Logf("transcript-hashes: %d cases", len(cases))
	for _, c := range cases {
		t.Run(c.CipherSuite.String(), func(t *testing.T) {
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
}
