package message

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mlsuite/mlsuite/internal/wire"
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
	Section  string // of RFC 9420, such as "12.2", or of a draft that it names
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
	if strings.HasPrefix(e.Section, "draft-") {
		fmt.Fprintf(&b, "%s (%s)", e.Fault, e.Section)
	} else {
		fmt.Fprintf(&b, "%s (RFC 9420, Section %s)", e.Fault, e.Section)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns [ErrInvalid] and the underlying error.
func (e *ValidationError) Unwrap() []error { return []error{ErrInvalid, e.Err} }
