package circl_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/wycheproof"
	"github.com/mlsuite/mlsuite/suite/circl"
)

func TestWycheproofSignatures(t *testing.T) {
	require.Equal(t, wycheproof.Counts{Valid: 17, Invalid: 70}, wycheproof.Verify(t, "ed448_test.json", circl.Ed448()))
	require.Equal(t, wycheproof.Counts{Valid: 77, Invalid: 103}, wycheproof.Verify(t, "mldsa_44_verify_test.json", circl.MLDSA44()))
	require.Equal(t, wycheproof.Counts{Valid: 79, Invalid: 131}, wycheproof.Verify(t, "mldsa_65_verify_test.json", circl.MLDSA65()))
	require.Equal(t, wycheproof.Counts{Valid: 71, Invalid: 170}, wycheproof.Verify(t, "mldsa_87_verify_test.json", circl.MLDSA87()))
}
