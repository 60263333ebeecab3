// Package fault makes the errors of the engine: a broken rule of RFC 9420, with the
// member or proposal at fault, and what else goes wrong below package mls.
package fault

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// The sentinels of the engine's packages. Package mls says what they mean.
var (
	ErrWrongGroup       = errors.New("mls: message is for another group")
	ErrWrongEpoch       = errors.New("mls: message is for another epoch")
	ErrFutureEpoch      = fmt.Errorf("%w, ahead of the group's", ErrWrongEpoch)
	ErrPastEpoch        = fmt.Errorf("%w, behind the group's", ErrWrongEpoch)
	ErrMissingProposals = errors.New("mls: commit refers to proposals that are not here")
	ErrPathSecret       = errors.New("mls: commit keeps its epoch from this member")
	ErrDerivation       = errors.New("mls: the committer derives keys as another version of the draft does")
	ErrOwnMessage       = errors.New("mls: message is this member's own")
	ErrConsumed         = errors.New("mls: message key is consumed")
	ErrGeneration       = errors.New("mls: message generation is too far ahead")
	ErrUnusablePSK      = fmt.Errorf("%w: cipher suite cannot use the pre-shared key", message.ErrUnsupported)
)

// Violated is a ValidationError to which its maker adds who is at fault, and why. The
// receiver of the error finds the ValidationError with [errors.As].
type Violated struct{ *message.ValidationError }

// Violation returns a ValidationError that names no leaf and no proposal yet.
func Violation(section, format string, args ...any) *Violated {
	return &Violated{&message.ValidationError{Section: section, Fault: fmt.Sprintf(format, args...), Leaf: -1, Proposal: -1}}
}

// extensionsDraft is the revision of draft-ietf-mls-extensions that the engine follows.
const extensionsDraft = "draft-ietf-mls-extensions-10"

// Extensions is [Violation] of a rule of draft-ietf-mls-extensions.
func Extensions(section, format string, args ...any) *Violated {
	return Violation(extensionsDraft+", Section "+section, format, args...)
}

// AtLeaf says that the member at a leaf is at fault.
func (v *Violated) AtLeaf(i message.LeafIndex) *Violated {
	v.Leaf = int64(i)
	return v
}

// AtProposal says that the proposal at an index of the commit's list is at fault.
func (v *Violated) AtProposal(i int) *Violated {
	v.Proposal = i
	return v
}

// Because adds the underlying error.
func (v *Violated) Because(err error) *Violated {
	v.Err = err
	return v
}

// Unwrap returns the ValidationError.
func (v *Violated) Unwrap() error { return v.ValidationError }

// At says at which of several things an error came up, such as "pre-shared key 3". The
// text has the name of package mls once, in front. At returns nil for nil.
func At(err error, thing string, i int) error {
	if err == nil {
		return nil
	}
	return &located{thing, i, err}
}

type located struct {
	thing string
	i     int
	err   error
}

func (l *located) Error() string {
	return fmt.Sprintf("mls: %s %d: %s", l.thing, l.i, strings.TrimPrefix(l.err.Error(), "mls: "))
}

func (l *located) Unwrap() error { return l.err }

// OtherDerivation returns the likely cause of two faults: a path secret that gives other
// keys, and an init secret that was not sent to the external key of this member's group.
// It returns nil if an RFC says how the suite's KEM derives key pairs.
func OtherDerivation(s suite.Suite) error {
	derivation := s.Info().KEM.Derivation
	if derivation == "" {
		return nil
	}
	return fmt.Errorf("%w, perhaps: this client uses %q", ErrDerivation, derivation)
}
