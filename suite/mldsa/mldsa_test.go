package mldsa_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/wycheproof"
	"github.com/mlsuite/mlsuite/suite/mldsa"
)

func TestWycheproofSignatures(t *testing.T) {
	require.Equal(t, wycheproof.Counts{Valid: 77, Invalid: 103}, wycheproof.Verify(t, "mldsa_44_verify_test.json", mldsa.MLDSA44()))
	require.Equal(t, wycheproof.Counts{Valid: 79, Invalid: 131}, wycheproof.Verify(t, "mldsa_65_verify_test.json", mldsa.MLDSA65()))
	require.Equal(t, wycheproof.Counts{Valid: 71, Invalid: 170}, wycheproof.Verify(t, "mldsa_87_verify_test.json", mldsa.MLDSA87()))
}
