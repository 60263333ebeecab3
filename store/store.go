// Package store keeps what a client has to keep: the records of its groups, its key
// packages, its outbox, its place in the streams of a delivery service.
//
// A [Store] is a set of byte strings under byte strings with transactions, so that any
// embedded database can be one. Package bolt, below this one, is the default, and package
// storetest checks an implementation. What stands under which key is the client's matter:
// see [Key].
package store

import (
	"context"
	"errors"
	"iter"
)

// Store keeps values under keys, in the order of the keys' bytes. It is safe for
// concurrent use.
//
// Whoever restores a client that has lost a part of its state may use a key and a nonce
// twice, or lose a group. So an implementation promises three things, and nothing else
// that it does is of use without them:
//
//   - Whole or not at all. After an Update that returned nil, each of its writes is there.
//     After one that returned an error, or in which the process ended, all are there or
//     none is.
//   - Durable. An Update that returned nil outlives the loss of power.
//   - Alone. No two Stores are open on the same data at once: the second is refused with
//     [ErrLocked].
//
// A Store holds secrets. An implementation that writes to a disk encrypts the values, and
// binds each to its key.
type Store interface {
	// View calls read with the state as the last Update left it. Updates meanwhile do not
	// change what read sees. View returns what read returns.
	//
	// An Update may wait, whatever its ctx says, until the Views that are open have ended, and
	// other calls behind it. So read must not call the Store, nor wait for what does: it hands
	// nothing to a caller before it has returned.
	View(ctx context.Context, read func(Reader) error) error

	// Update calls write, alone of all Updates, and then makes what it wrote durable. If
	// write returns an error or panics, nothing is written, and Update returns the error
	// or panics on. Write must not call the Store, nor wait for what does.
	//
	// If ctx ends while Update waits for its turn, Update returns its error and does not
	// call write. An error other than of write and ctx says that nothing was written, or
	// wraps [ErrUnknown].
	Update(ctx context.Context, write func(Writer) error) error

	// Close waits for the calls in progress. The Store answers [ErrClosed] from then on.
	Close() error
}

// Reader is a state of a Store inside View or Update. It is no longer valid when the
// function that it was handed to has returned, and belongs to one goroutine.
type Reader interface {
	// Get returns the value under key, or nil if there is none. The caller owns it.
	// An empty value is not nil.
	Get(key []byte) ([]byte, error)

	// Scan iterates over the entries whose keys begin with prefix and are not before
	// from, in increasing order. A nil from stands for the first one. It ends after an
	// error, which stands beside an entry without meaning. The caller owns the entries.
	// Nothing may be written before Scan ends.
	Scan(prefix, from []byte) iter.Seq2[Entry, error]
}

// Writer is a Reader that sees its own writes.
type Writer interface {
	Reader

	// Put stores value under key, and replaces what was there. The key is from 1 to
	// MaxKey bytes, the value at most MaxValue. Put keeps neither.
	Put(key, value []byte) error

	// Delete deletes all entries whose keys begin with prefix, be there any or not.
	// An empty prefix deletes everything.
	Delete(prefix []byte) error
}

// Entry is a key with its value.
type Entry struct{ Key, Value []byte }

// Bounds on what a Store takes, in bytes. A group of 100,000 members has no record of more
// than a few kilobytes; a key package or a commit that waits may be a megabyte.
const (
	MaxKey   = 4096
	MaxValue = 64 << 20
)

// Check returns [ErrTooLong] if a Store takes no such key and value.
func Check(key, value []byte) error {
	if len(key) == 0 || len(key) > MaxKey || len(value) > MaxValue {
		return ErrTooLong
	}
	return nil
}

// Errors of every implementation.
var (
	ErrClosed  = errors.New("store: closed")
	ErrLocked  = errors.New("store: another process has it open")
	ErrKey     = errors.New("store: the key does not open it")
	ErrDamaged = errors.New("store: damaged")
	ErrVersion = errors.New("store: written by a later version")
	ErrTooLong = errors.New("store: key or value is empty or too long")

	// ErrUnknown says that a failed Update may have become durable. The Store answers
	// nothing else until it is opened again, and then shows what is so.
	ErrUnknown = errors.New("store: the outcome of the update is unknown")
)
