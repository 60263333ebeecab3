package mls

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

// ValidationError says which rule of RFC 9420 is violated, and by whom. It matches
// [ErrInvalid].
type ValidationError struct {
	Section  string // of RFC 9420, such as "12.2"
	Rule     string // in our words
	Leaf     int64  // leaf index of the member at fault, or -1
	Proposal int    // index of the proposal at fault in the commit's list, or -1
	Err      error  // the underlying error, or nil
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
