package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/migrate"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/store"
	"github.com/mlsuite/mlsuite/suite"
)

// Errors of a Client. Compare with errors.Is.
var (
	// ErrClosed says that Close was called.
	ErrClosed = errors.New("client: closed")
	// ErrNoGroup says that the client is in no such group.
	ErrNoGroup = errors.New("client: not in that group")
	// ErrExists says that the client, or the delivery service, has such a group already.
	ErrExists = errors.New("client: group exists already")
	// ErrEnded says that a ReInit has ended the group, and that it takes no such change.
	ErrEnded = errors.New("client: group has ended, and moves to another one")
	// ErrLeft says that the client left the group, or was removed, before the call was done.
	ErrLeft = errors.New("client: no longer a member of the group")
	// ErrSelf says that a client cannot remove itself: see [Client.Leave].
	ErrSelf = errors.New("client: a member leaves by Leave")
	// ErrNotWithdrawn says that a client was deleted, but that its delivery service may still
	// hand out its key packages: see [Client.DeleteAll].
	ErrNotWithdrawn = errors.New("client: deleted, but the key packages at the delivery service are not withdrawn")
	// ErrUndecided says that the context ended while the outcome was open. The change
	// stays under way, and may still become part of the group. It comes with the error of
	// the context.
	ErrUndecided = errors.New("client: the change is still under way")
)

// Trouble is why a client can no longer follow a group, or why it cannot trust its state.
type Trouble string

// Troubles.
const (
	// Gap says that the delivery service no longer has entries that the client has not
	// read.
	Gap Trouble = "gap"
	// Fork says that other members are in another epoch of the same number.
	Fork Trouble = "fork"
	// ServiceRolledBack says that the delivery service has lost what it had accepted, as after
	// a loss of power or when it was restored from a backup: it no longer has what the client
	// has read, or is in an earlier epoch than the client.
	ServiceRolledBack Trouble = "service rolled back"
	// Missing says that the delivery service does not know the group any more, or does not
	// let the client read it.
	Missing Trouble = "group missing at the service"
	// RolledBack says that the client's store is older than what the client did: an old
	// backup was restored.
	RolledBack Trouble = "rolled back"
	// Unreadable says that the delivery service accepted a commit that this client cannot
	// follow: it does not open, or refers to proposals that the client does not have and the
	// service no longer has.
	Unreadable Trouble = "unreadable commit"
	// Refuses says that the policy or the authenticator refuses a commit that the delivery
	// service accepted. The client does not recover from it by itself.
	Refuses Trouble = "refused commit"
	// Unannotated says that the delivery service does not annotate for a partial member what
	// this has to read: see [delivery.Annotator].
	Unannotated Trouble = "no annotations"
	// Damaged says that the stored state of the group cannot be restored.
	Damaged Trouble = "damaged state"
)

// TroubleError says that a client cannot go on with a group until it has recovered: see
// [Recovery].
type TroubleError struct {
	Group   string
	Trouble Trouble
	Err     error // what showed it, or nil
}

func (e *TroubleError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("client: group %x: %s", e.Group, e.Trouble)
	}
	return fmt.Sprintf("client: group %x: %s: %v", e.Group, e.Trouble, e.Err)
}

func (e *TroubleError) Unwrap() error { return e.Err }

// LimitError says that a bound of [Bounds] is reached, or that a message or an id is too
// long. Where something is full, try again when there is room: messages were sent, events
// confirmed.
type LimitError struct {
	What  string // such as "outbox"
	Limit int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("client: limit of %d is reached: %s", e.Limit, e.What)
}

// againError says that a step has to be repeated after a pause.
type againError struct{ err error }

func (e *againError) Error() string { return "client: to be repeated: " + e.err.Error() }
func (e *againError) Unwrap() error { return e.err }

// fatal reports whether err ends the client.
func fatal(err error) bool {
	return errors.Is(err, ErrClosed) || errors.Is(err, store.ErrClosed) || errors.Is(err, store.ErrUnknown) || errors.Is(err, store.ErrDamaged)
}

// transient reports whether err may be gone later.
func transient(err error) bool {
	if fatal(err) {
		return false
	}
	var again *againError
	var full *LimitError
	var limit *delivery.LimitError
	return errors.As(err, &again) || errors.As(err, &full) || errors.As(err, &limit) ||
		errors.Is(err, delivery.ErrUnavailable) || errors.Is(err, delivery.ErrUnknown) || errors.Is(err, delivery.ErrFull)
}

// final reports whether err stays however often what failed with it is repeated.
func final(err error) bool {
	if transient(err) {
		return false
	}
	if fatal(err) || verdict(err) {
		return true
	}
	var refused *delivery.RefusalError
	var trouble *TroubleError
	var waiting *migrate.NotReady
	var noSuite *policy.NoSuite
	if errors.As(err, &refused) || errors.As(err, &trouble) || errors.As(err, &waiting) || errors.As(err, &noSuite) {
		return true
	}
	for _, sentinel := range []error{
		ErrNoGroup, ErrExists, ErrEnded, ErrLeft, ErrSelf, errNotAccepted, errNoJoinerData,
		delivery.ErrNoKeyPackage, delivery.ErrTooLarge, registry.ErrUnknown,
	} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	return false
}

// undecided makes err transient, unless it is final: where nothing and nobody has given a
// verdict, as a service, a signer or an authenticator that was not reached, it is worth
// another try.
func undecided(err error) error {
	if err == nil || final(err) || transient(err) {
		return err
	}
	return &againError{err}
}

// verdict reports whether err says of what was judged that it is wrong, and not that no
// verdict was reached.
func verdict(err error) bool {
	var refused *suite.PolicyError
	if isAnnotation(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	if errors.As(err, &refused) {
		return true
	}
	for _, sentinel := range []error{
		message.ErrMalformed, message.ErrUnsupported, message.ErrInvalid,
		mls.ErrWrongGroup, mls.ErrFutureEpoch, mls.ErrPastEpoch, mls.ErrDecrypt, mls.ErrConsumed, mls.ErrGeneration,
		mls.ErrOwnMessage, mls.ErrUnknownPSK, mls.ErrUnusablePSK, mls.ErrReInit, mls.ErrNotRecipient, mls.ErrKeyPackageUsed,
		apq.ErrLegLost,
	} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	return false
}

// refusal reports whether err is a policy's or an authenticator's.
func refusal(err error) bool {
	var refused *suite.PolicyError
	var invalid *message.ValidationError
	return errors.As(err, &refused) || errors.As(err, &invalid) && invalid.Section == authentication
}

// authentication is the section of RFC 9420 by which an authenticator's refusal is known.
const authentication = "5.3.1"

// storeFailed says what a failed update means for the client.
func storeFailed(err error) error {
	if errors.Is(err, store.ErrClosed) {
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return err
}
