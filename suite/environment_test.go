package suite_test

import (
	"crypto/fips140"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/suite"
)

// An environment's refusal is told from what a library says of a key, whatever wraps it.
func TestFailure(t *testing.T) {
	bad := &suite.KeyError{Algorithm: "X25519", Rule: "low order"}
	refusal := errors.New("crypto/ecdh: use of X25519 is not allowed in FIPS 140-only mode")
	require.NoError(t, suite.Failure("X25519", nil, bad))
	require.Equal(t, bad, suite.Failure("X25519", errors.New("crypto/ecdh: bad X25519 remote ECDH input: low order point"), bad))
	err := suite.Failure("X25519", fmt.Errorf("wrapped: %w", refusal), bad)
	if !fips140.Enforced() {
		require.Equal(t, bad, err, "nothing is enforced")
		err = &suite.EnvironmentError{Algorithm: "X25519", Cause: refusal}
	}
	require.ErrorIs(t, err, suite.ErrEnvironment)
	require.ErrorIs(t, err, refusal)
	require.NotErrorIs(t, err, suite.ErrInvalidKey)
	require.ErrorContains(t, err, "suite: X25519 is not allowed in FIPS 140-3 mode: ")
	require.Equal(t, err, suite.Failure("another", fmt.Errorf("hpke: %w", err), bad), "the first to know says so")
}
