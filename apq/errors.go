package apq

import (
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/mls/message"
)

// Leg is one of the two groups.
type Leg uint8

// The legs. The zero Leg stands for both.
const (
	T  Leg = 1 // the traditional group, which has the application messages
	PQ Leg = 2 // the post-quantum group
)

// String returns "T", "PQ", or "both legs" for the zero Leg.
func (l Leg) String() string {
	switch l {
	case T:
		return "T"
	case PQ:
		return "PQ"
	}
	return "both legs"
}

// RuleError says which rule of draft-ietf-mls-combiner is broken, and in which leg. It
// matches [message.ErrInvalid].
type RuleError struct {
	Section string // of the draft, such as "5.1.1"
	Leg     Leg    // the leg at fault, or 0 if the fault is in both or between them
	Fault   string // what is wrong
	Err     error  // the underlying error, or nil
}

// Error returns the leg, the fault and the rule, such as "apq: T: commit adds a member
// without the PQ group (draft-ietf-mls-combiner, Section 3)".
func (e *RuleError) Error() string {
	s := "apq: "
	if e.Leg != 0 {
		s += e.Leg.String() + ": "
	}
	s += fmt.Sprintf("%s (draft-ietf-mls-combiner, Section %s)", e.Fault, e.Section)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns [message.ErrInvalid], and the underlying error if there is one.
func (e *RuleError) Unwrap() []error {
	if e.Err == nil {
		return []error{message.ErrInvalid}
	}
	return []error{message.ErrInvalid, e.Err}
}

// broken returns a RuleError.
func broken(section string, leg Leg, format string, args ...any) *RuleError {
	return &RuleError{Section: section, Leg: leg, Fault: fmt.Sprintf(format, args...)}
}

// LegError says in which group something failed. It wraps the group's error.
type LegError struct {
	Leg  Leg
	Err  error
	Lost bool // the group cannot go on
}

// Error returns the leg and the error. If the group cannot go on, it names the way out.
func (e *LegError) Error() string {
	s := "apq: " + e.Leg.String() + ": " + e.Err.Error()
	if e.Lost {
		s += "; rejoin both groups with ExternalJoin and Resync"
	}
	return s
}

// Unwrap returns the group's error, and [ErrLegLost] if the group cannot go on.
func (e *LegError) Unwrap() []error {
	if e.Lost {
		return []error{e.Err, ErrLegLost}
	}
	return []error{e.Err}
}

// ErrLegLost says that one of the two groups cannot go on, so that this member can no
// longer follow the combined group. A [*LegError] says which. The way out is
// [ExternalJoin] with Resync, which replaces this member in both groups.
var ErrLegLost = errors.New("apq: one of the two groups is lost")
