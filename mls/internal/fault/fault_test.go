package fault

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/message"
)

// A violation is a ValidationError for whoever gets it, however it is wrapped.
func TestViolation(t *testing.T) {
	cause := errors.New("cause")
	v := Violation("10.1", "KeyPackage signature does not %s", "verify")
	require.EqualError(t, v, "mls: KeyPackage signature does not verify (RFC 9420, Section 10.1)")
	v.AtLeaf(3).Because(cause)
	require.EqualError(t, v, "mls: leaf 3: KeyPackage signature does not verify (RFC 9420, Section 10.1): cause")
	v.AtProposal(2)
	wrapped := fmt.Errorf("outside: %w", v)
	require.EqualError(t, wrapped,
		"outside: mls: proposal 2: leaf 3: KeyPackage signature does not verify (RFC 9420, Section 10.1): cause")
	require.ErrorIs(t, wrapped, message.ErrInvalid)
	require.ErrorIs(t, wrapped, cause)
	got, ok := errors.AsType[*message.ValidationError](wrapped)
	require.True(t, ok)
	require.Equal(t, &message.ValidationError{
		Section: "10.1", Fault: "KeyPackage signature does not verify", Leaf: 3, Proposal: 2, Err: cause,
	}, got)
	require.NotErrorIs(t, Violation("7.3", "other"), cause)
	require.EqualError(t, Extensions("4.7", "no entry").AtProposal(1), "mls: proposal 1: no entry (draft-ietf-mls-extensions-10, Section 4.7)")
}

// The text of an error with its place names the package once, in front.
func TestAt(t *testing.T) {
	for text, err := range map[string]error{
		"mls: pre-shared key 2: unsupported: suite":            fmt.Errorf("%w: suite", message.ErrUnsupported),
		"mls: pre-shared key 2: disk is gone":                  errors.New("disk is gone"),
		"mls: pre-shared key 2: other (RFC 9420, Section 7.3)": Violation("7.3", "other"),
		"mls: pre-shared key 2: proposal 1: disk is gone":      At(errors.New("disk is gone"), "proposal", 1),
	} {
		at := At(err, "pre-shared key", 2)
		require.EqualError(t, at, text)
		require.ErrorIs(t, at, err)
	}
	require.NoError(t, At(nil, "proposal", 1))
}

// Where an RFC says how a suite derives key pairs, nobody derives them otherwise.
func TestOtherDerivation(t *testing.T) {
	require.NoError(t, OtherDerivation(mlstest.Suite(t, 0x0001)))
	for _, p := range mlstest.Peers() {
		err := OtherDerivation(mlstest.Suite(t, p.IDs[0]))
		require.ErrorIs(t, err, ErrDerivation)
		require.ErrorContains(t, err, mlstest.Suite(t, p.IDs[0]).Info().KEM.Derivation)
	}
}

func TestEpochsAheadAndBehind(t *testing.T) {
	require.ErrorIs(t, ErrFutureEpoch, ErrWrongEpoch)
	require.ErrorIs(t, ErrPastEpoch, ErrWrongEpoch)
	require.NotErrorIs(t, ErrPastEpoch, ErrFutureEpoch)
	require.ErrorIs(t, ErrUnusablePSK, message.ErrUnsupported)
}
