package suite_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/wycheproof"
	"github.com/mlsuite/mlsuite/suite"
)

func TestWycheproofSignatures(t *testing.T) {
	require.Equal(t, wycheproof.Counts{Valid: 88, Invalid: 63}, wycheproof.Verify(t, "ed25519_test.json", suite.Ed25519()))
	require.Equal(t, wycheproof.Counts{Valid: 174, Invalid: 310}, wycheproof.Verify(t, "ecdsa_secp256r1_sha256_test.json", suite.ECDSAP256()))
	require.Equal(t, wycheproof.Counts{Valid: 194, Invalid: 310}, wycheproof.Verify(t, "ecdsa_secp384r1_sha384_test.json", suite.ECDSAP384()))
	require.Equal(t, wycheproof.Counts{Valid: 232, Invalid: 310}, wycheproof.Verify(t, "ecdsa_secp521r1_sha512_test.json", suite.ECDSAP521()))
}
