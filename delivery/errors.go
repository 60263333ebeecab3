package delivery

import (
	"errors"
	"fmt"
	"time"
)

// Errors of every implementation.
var (
	// ErrUnavailable says that the service was not reached and has done nothing.
	ErrUnavailable = errors.New("delivery: service is unavailable")

	// ErrUnknown says that a request may have taken effect. Repeat it with the same ID, or
	// look for the ID in the stream.
	ErrUnknown = errors.New("delivery: outcome of the request is unknown")

	// ErrSelfRemoves says that an external commit does not cover a SelfRemove of the epoch: it
	// came after the GroupInfo. Ask for the GroupInfo again, and make another commit.
	ErrSelfRemoves = errors.New("delivery: an external commit leaves out a SelfRemove")

	ErrNoGroup      = errors.New("delivery: no such group")
	ErrNoKeyPackage = errors.New("delivery: client has no key package of the suite")
	ErrTooLarge     = errors.New("delivery: message is too large for the service")

	// ErrFull says that the service has no room for what it was handed, and has done nothing.
	// It may have room later, when others have read what it keeps, or its operator has made
	// some.
	ErrFull = errors.New("delivery: service has no room")
)

// EpochError says that a group is in another epoch than a request is for. It wraps
// nothing: for a commit it means that another one has won.
type EpochError struct {
	Group           string
	Epoch           uint64 // of the request
	Current         uint64 // in which the group is; 0 if it does not exist
	CurrentPosition Position
}

func (e *EpochError) Error() string {
	return fmt.Sprintf("delivery: group %x is in epoch %d, the request is for %d", e.Group, e.Current, e.Epoch)
}

// GapError says that entries of a stream are no longer kept.
type GapError struct {
	Stream Stream
	After  Position // that was asked for
	Oldest Position // of the entries that are kept; 0 if there are none
	Kept   Position // behind which all entries are kept
}

func (e *GapError) Error() string {
	return fmt.Sprintf("delivery: entries after position %d are no longer kept; the oldest is at %d", e.After, e.Oldest)
}

// RefusalError says that the service does not take what it was handed, and never will.
type RefusalError struct {
	Rule string // that the request breaks
	Err  error  // what lies below, or nil
}

func (e *RefusalError) Error() string {
	if e.Err == nil {
		return "delivery: refused: " + e.Rule
	}
	return fmt.Sprintf("delivery: refused: %s: %v", e.Rule, e.Err)
}

func (e *RefusalError) Unwrap() error { return e.Err }

// LimitError says that the client asks for more than the service gives it.
type LimitError struct {
	What  string        // such as "claims of key packages"
	Retry time.Duration // after which it is worth asking again
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("delivery: limit on %s reached; again after %v", e.What, e.Retry)
}
