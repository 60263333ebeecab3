package message

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// The classes of errors of structures. Compare with [errors.Is].
var (
	// ErrMalformed says that bytes do not parse as what they should be.
	ErrMalformed = wire.ErrMalformed
	// ErrUnsupported says that something is well formed but not supported here.
	ErrUnsupported = errors.New("mls: unsupported")
	// ErrInvalid is the class of every [*ValidationError].
	ErrInvalid = errors.New("mls: invalid")
)

// ValidationError says what is wrong, which rule of RFC 9420 forbids it, and who is at
// fault. It matches [ErrInvalid].
type ValidationError struct {
	Section  string // of RFC 9420, such as "12.2"
	Fault    string // what is wrong, in our words
	Leaf     int64  // leaf index of the member at fault, or -1
	Proposal int    // index of the proposal at fault in the commit's list, or -1
	Err      error  // the underlying error, or nil
}

// Error returns the culprit, the fault and the rule, such as "mls: leaf 3: KeyPackage
// signature does not verify (RFC 9420, Section 10.1)", and behind it the underlying
// error.
func (e *ValidationError) Error() string {
	var b strings.Builder
	b.WriteString("mls: ")
	if e.Proposal >= 0 {
		fmt.Fprintf(&b, "proposal %d: ", e.Proposal)
	}
	if e.Leaf >= 0 {
		fmt.Fprintf(&b, "leaf %d: ", e.Leaf)
	}
	fmt.Fprintf(&b, "%s (RFC 9420, Section %s)", e.Fault, e.Section)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns [ErrInvalid] and the underlying error.
func (e *ValidationError) Unwrap() []error { return []error{ErrInvalid, e.Err} }

// PolicyError says that a client's policy refuses something, and whom it concerns. It
// wraps the policy's own error.
type PolicyError struct {
	Subject    string // such as "credential type basic"
	Use        suite.Use
	Leaf       int64  // leaf index of the member concerned, or -1
	Proposal   int    // index in the commit's proposals, or -1
	KeyPackage []byte // KeyPackageRef of the key package concerned, or nil
	Err        error  // the policy's error
}

// Error returns the member, proposal or key package concerned, what is refused for which
// use, and the policy's own error.
func (e *PolicyError) Error() string {
	var b strings.Builder
	b.WriteString("mls: ")
	if e.Proposal >= 0 {
		fmt.Fprintf(&b, "proposal %d: ", e.Proposal)
	}
	if e.Leaf >= 0 {
		fmt.Fprintf(&b, "leaf %d: ", e.Leaf)
	}
	if e.KeyPackage != nil {
		fmt.Fprintf(&b, "key package %x: ", e.KeyPackage)
	}
	fmt.Fprintf(&b, "%s is refused for %s: %v", e.Subject, e.Use, e.Err)
	return b.String()
}

// Unwrap returns the policy's own error.
func (e *PolicyError) Unwrap() error { return e.Err }
