package mls

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/suite"
)

// The classes of failure. Compare with [errors.Is]; a [*ValidationError] matches
// ErrInvalid and says more.
var (
	// ErrMalformed says that bytes do not parse as what they should be.
	ErrMalformed = wire.ErrMalformed
	// ErrInvalid is the class of every [*ValidationError].
	ErrInvalid = errors.New("mls: invalid")
	// ErrUnsupported says that something is well formed but not supported here.
	ErrUnsupported = errors.New("mls: unsupported")
	// ErrWrongGroup says that a message is for another group.
	ErrWrongGroup = errors.New("mls: message is for another group")
	// ErrWrongEpoch says that a message is for an epoch whose keys the group does not
	// have, or no longer has. It is the class of ErrFutureEpoch and ErrPastEpoch.
	ErrWrongEpoch = errors.New("mls: message is for another epoch")
	// ErrFutureEpoch says that a message is for a later epoch than the group's. Try it
	// again when the commits before it are adopted. It wraps ErrWrongEpoch.
	ErrFutureEpoch = fmt.Errorf("%w, ahead of the group's", ErrWrongEpoch)
	// ErrPastEpoch says that a message is for an earlier epoch than the group's, whose
	// keys are gone: it came too late. It wraps ErrWrongEpoch.
	ErrPastEpoch = fmt.Errorf("%w, behind the group's", ErrWrongEpoch)
	// ErrPathSecret is the class of every [*PathSecretError].
	ErrPathSecret = errors.New("mls: commit keeps its epoch from this member")
	// ErrDerivation is the likely cause when a path secret gives other keys than its
	// sender shows and no RFC says how the suite derives key pairs
	// ([suite.KEMInfo.Derivation]): the sender may have the suite from another version of
	// the draft. A key package does not show that. Members who derive differently can
	// therefore join and read each other, and part at the first commit with a path. The
	// remedy is one derivation for all members, from a set of suites that all of them
	// have.
	ErrDerivation = errors.New("mls: the committer derives keys as another version of the draft does")
	// ErrDecrypt says that a ciphertext is not authentic. It carries no detail.
	ErrDecrypt = label.ErrDecrypt
	// ErrConsumed says that the key of a message is gone: the message was opened before,
	// or it is older than the window of skipped keys.
	ErrConsumed = errors.New("mls: message key is consumed")
	// ErrGeneration says that a message's generation is further ahead than the configured
	// limit, or that a ratchet of this member has no generation left to send with.
	ErrGeneration = errors.New("mls: message generation is too far ahead")
	// ErrRetired says that the group has moved to its next epoch, and that this handle no
	// longer holds secrets.
	ErrRetired = label.ErrRetired
	// ErrUnusablePSK says that the cipher suite refuses a pre-shared key that this client
	// has: a short one, for example, with [suite.ErrShortSecret]. No commit that injects
	// it can be made or followed. It wraps ErrUnsupported.
	ErrUnusablePSK = fmt.Errorf("%w: pre-shared key that the cipher suite cannot use", ErrUnsupported)
)

// ValidationError says which rule of RFC 9420 is violated, and by whom. It matches
// [ErrInvalid].
type ValidationError struct {
	Section  string // of RFC 9420, such as "12.2"
	Rule     string // in our words
	Leaf     int64  // leaf index of the member at fault, or -1
	Proposal int    // index of the proposal at fault in the commit's list, or -1
	Err      error  // the underlying error, or nil
}

// violation returns a ValidationError that names no leaf and no proposal yet.
func violation(section, format string, args ...any) *ValidationError {
	return &ValidationError{Section: section, Rule: fmt.Sprintf(format, args...), Leaf: -1, Proposal: -1}
}

func (e *ValidationError) atLeaf(i LeafIndex) *ValidationError {
	e.Leaf = int64(i)
	return e
}

func (e *ValidationError) atProposal(i int) *ValidationError {
	e.Proposal = i
	return e
}

func (e *ValidationError) because(err error) *ValidationError {
	e.Err = err
	return e
}

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

func (e *ValidationError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "mls: invalid (RFC 9420, Section %s): %s", e.Section, e.Rule)
	if e.Leaf >= 0 {
		fmt.Fprintf(&b, ", leaf %d", e.Leaf)
	}
	if e.Proposal >= 0 {
		fmt.Fprintf(&b, ", proposal %d", e.Proposal)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Is reports whether target is [ErrInvalid].
func (e *ValidationError) Is(target error) bool { return target == ErrInvalid }

func (e *ValidationError) Unwrap() error { return e.Err }

// PathSecretError says that a commit keeps its epoch from this member: the path secret
// that is encrypted to it does not open, or gives other keys than the commit shows. The
// commit's signature has been verified. Nobody but this member can see the fault, and MLS
// cannot prevent it (RFC 9420, Section 7.5): the others may well follow the commit, and
// this member is then in the tree of an epoch whose secrets it does not have.
//
// If the delivery service has accepted the commit, the way back is an external commit
// that removes this member's old leaf: [ExternalJoin] with a GroupInfo of another member
// and [Remove] of [Group.OwnLeaf]. If it has not, the group goes on as it is.
type PathSecretError struct {
	Committer LeafIndex // the committer's leaf, or the one that it joins at
	Node      NodeIndex // the lowest node of the path whose secret this member should get
	Err       error     // [ErrDecrypt] or a [*ValidationError]
}

func (e *PathSecretError) Error() string {
	return fmt.Sprintf("%v: path secret of node %d, from leaf %d: %v", ErrPathSecret, e.Node, e.Committer, e.Err)
}

// Is reports whether target is [ErrPathSecret].
func (e *PathSecretError) Is(target error) bool { return target == ErrPathSecret }

func (e *PathSecretError) Unwrap() error { return e.Err }
