package mls

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mlsuite/mlsuite/suite"
)

// The classes of failure. Compare with [errors.Is]; a [*ValidationError] matches
// ErrInvalid and says more.
var (
	// ErrMalformed says that bytes do not parse as what they should be.
	ErrMalformed = errors.New("mls: malformed")
	// ErrInvalid is the class of every [*ValidationError].
	ErrInvalid = errors.New("mls: invalid")
	// ErrUnsupported says that something is well formed and not supported here.
	ErrUnsupported = errors.New("mls: unsupported")
	// ErrWrongGroup says that a message is for another group.
	ErrWrongGroup = errors.New("mls: message is for another group")
	// ErrWrongEpoch says that a message is for an epoch that the group has not, or
	// no longer, the keys of.
	ErrWrongEpoch = errors.New("mls: message is for another epoch")
	// ErrDecrypt says that a ciphertext is not authentic. It carries no detail.
	ErrDecrypt = errors.New("mls: decryption failed")
	// ErrConsumed says that the key of a message is gone: the message was opened
	// before, or is older than the window of skipped keys.
	ErrConsumed = errors.New("mls: message key is consumed")
	// ErrGeneration says that a message's generation is further ahead than the
	// configured limit.
	ErrGeneration = errors.New("mls: message generation is too far ahead")
	// ErrRetired says that the group has moved to its next epoch, and this handle
	// holds no secrets any more.
	ErrRetired = errors.New("mls: epoch is retired")
	// ErrOwnMessage says that a message is this member's own.
	ErrOwnMessage = errors.New("mls: message is this member's own")
	// ErrUnknownPSK says that a pre-shared key that is needed is not here.
	ErrUnknownPSK = errors.New("mls: unknown pre-shared key")
	// ErrReInit says that the group has ended by a ReInit and waits for its
	// follow-up.
	ErrReInit = errors.New("mls: group has ended by a ReInit")
	// ErrNotRecipient says that a Welcome holds nothing for the key package.
	ErrNotRecipient = errors.New("mls: Welcome is not for this key package")
)

// ValidationError says which rule of RFC 9420 is violated, and by whom.
type ValidationError struct {
	Section  string // of RFC 9420, such as "12.2"
	Rule     string // in our words
	Leaf     int64  // leaf index of the culprit, or -1
	Proposal int    // index of the culprit in the commit's proposals, or -1
	Err      error  // what lies below, or nil
}

// violation returns a ValidationError that blames nobody yet.
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

// PolicyError says that the client's policies, its [Suites] or its [Rules], refuse
// something, and whom it concerns. It wraps their own error.
type PolicyError struct {
	Subject    string // such as "credential type basic"
	Use        suite.Use
	Leaf       int64  // leaf index of the member concerned, or -1
	Proposal   int    // index in the commit's proposals, or -1
	KeyPackage []byte // KeyPackageRef of the one concerned, or nil
	Err        error  // of Suites or Rules
}

func (e *PolicyError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "mls: refused for %s: %s", e.Use, e.Subject)
	if e.Leaf >= 0 {
		fmt.Fprintf(&b, ", leaf %d", e.Leaf)
	}
	if e.Proposal >= 0 {
		fmt.Fprintf(&b, ", proposal %d", e.Proposal)
	}
	if e.KeyPackage != nil {
		fmt.Fprintf(&b, ", key package %x", e.KeyPackage)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	return b.String()
}

func (e *PolicyError) Unwrap() error { return e.Err }
