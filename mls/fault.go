package mls

import (
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/suite"
)

// The sentinels of the engine's packages. Package mls says what they mean.
var (
	ErrDecrypt     = label.ErrDecrypt
	ErrRetired     = label.ErrRetired
	ErrWrongGroup  = errors.New("mls: message is for another group")
	ErrWrongEpoch  = errors.New("mls: message is for another epoch")
	ErrFutureEpoch = fmt.Errorf("%w, ahead of the group's", ErrWrongEpoch)
	ErrPastEpoch   = fmt.Errorf("%w, behind the group's", ErrWrongEpoch)
	ErrPathSecret  = errors.New("mls: commit keeps its epoch from this member")
	ErrDerivation  = errors.New("mls: the committer derives keys as another version of the draft does")
	ErrConsumed    = errors.New("mls: message key is consumed")
	ErrGeneration  = errors.New("mls: message generation is too far ahead")
	ErrUnusablePSK = fmt.Errorf("%w: pre-shared key that the cipher suite cannot use", ErrUnsupported)
)

// violated is a ValidationError to which its maker adds who is at fault, and why.
type violated struct{ *ValidationError }

// violation returns a ValidationError that names no leaf and no proposal yet.
func violation(section, format string, args ...any) *violated {
	return &violated{&ValidationError{Section: section, Rule: fmt.Sprintf(format, args...), Leaf: -1, Proposal: -1}}
}

func (v *violated) atLeaf(i LeafIndex) *violated {
	v.Leaf = int64(i)
	return v
}

func (v *violated) atProposal(i int) *violated {
	v.Proposal = i
	return v
}

func (v *violated) because(err error) *violated {
	v.Err = err
	return v
}

// Unwrap returns the ValidationError.
func (v *violated) Unwrap() error { return v.ValidationError }

// otherDerivation returns the likely cause of two faults: a path secret that gives other
// keys, and an init secret that was not sent to the external key of this member's group.
// It returns nil if an RFC says how the suite's KEM derives key pairs.
func otherDerivation(s suite.Suite) error {
	derivation := s.Info().KEM.Derivation
	if derivation == "" {
		return nil
	}
	return fmt.Errorf("%w, perhaps: here it is %q", ErrDerivation, derivation)
}
