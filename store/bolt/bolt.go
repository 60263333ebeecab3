// Package bolt is the store of a client in one file, by go.etcd.io/bbolt: the embedded
// default.
//
// Values are encrypted under a key from the caller, and each is bound to its place: whoever
// can write to the file cannot read them, change them or exchange two of them unnoticed.
// The keys of the entries are not encrypted: they show the ids of groups, and when what was
// written.
//
// Whoever can write to the file can also put an older file in its place, put an earlier
// value of one entry back, or take an entry out. The store does not find that out. A client
// finds an older file out from its delivery service, and the package of the client says
// how. Nothing promises to find a single entry that is missing or older than the others.
//
// The encryption is AES-256-GCM with random nonces, as crypto/cipher has it in FIPS 140-3
// mode too (NewGCMWithRandomNonce).
package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/mlsuite/mlsuite/store"
)

// KeySize is the size of the caller's key in bytes.
const KeySize = 32

// Options is what Open needs beside a path.
type Options struct {
	// Key is the caller's key, of KeySize bytes, chosen uniformly at random: of a key
	// store, or derived from a password by a function that is made for that.
	Key []byte

	// NoSync leaves out the calls that make writes outlive the loss of power. It is for
	// simulations. What is written outlives the end of the process nevertheless.
	NoSync bool
}

// Store is a store in one file.
type Store struct {
	db     *bbolt.DB
	keys   *dataKeys
	broken atomic.Bool   // an Update may be durable or not
	turn   chan struct{} // of one place: taken by the Update in progress
	sealer sealer        // of the last Update; the one in progress changes it
}

var _ store.Store = (*Store)(nil)

// Open opens the file at path, or makes one with an empty store, readable for its owner
// alone. It deletes what a [Rewrite] or a [Restore] left behind in whose midst a process ended,
// unless it may not list the folder.
//
// Errors:
//
//   - [store.ErrLocked]: it is open already, in this process or in another one.
//   - [store.ErrKey]: it was made with another key.
//   - [store.ErrVersion]: a later version of this package made it.
//   - [store.ErrDamaged].
func Open(path string, o Options) (_ *Store, err error) {
	if len(o.Key) != KeySize {
		return nil, fmt.Errorf("store/bolt: key has %d bytes, not %d", len(o.Key), KeySize)
	}
	defer faultsPanic()()
	_, statErr := os.Stat(path)
	db, err := openFile(path, o)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, turn: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			_ = db.Close()
		}
	}()
	if err := s.checkSize(path); err != nil {
		return nil, err
	}
	if err := s.begin(o.Key, migrations()); err != nil {
		return nil, err
	}
	if err := removeUnfinished(path); err != nil {
		return nil, err
	}
	if errors.Is(statErr, os.ErrNotExist) {
		if err := syncFolder(filepath.Dir(path)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func openFile(path string, o Options) (db *bbolt.DB, err error) {
	var file *os.File
	defer func() {
		if err != nil && file != nil {
			_ = file.Close() // bbolt leaves it open, and locked, when it panics
		}
	}()
	defer refuse(&err)
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:      time.Nanosecond, // 0 waits for ever
		NoSync:       o.NoSync,
		FreelistType: bbolt.FreelistMapType,
		OpenFile: func(path string, flag int, mode os.FileMode) (_ *os.File, err error) {
			file, err = os.OpenFile(path, flag, mode)
			return file, err
		},
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, store.ErrLocked
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return nil, fmt.Errorf("%w: %w", store.ErrDamaged, err)
	case err != nil:
		return nil, fmt.Errorf("store/bolt: %w", err)
	}
	return db, nil
}

// checkSize finds a file that was cut: reading what is not there would be a fault.
func (s *Store) checkSize(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return s.db.View(func(tx *bbolt.Tx) error {
		if info.Size() < tx.Size() {
			return fmt.Errorf("%w: file has %d bytes of %d", store.ErrDamaged, info.Size(), tx.Size())
		}
		return nil
	})
}

// syncFolder makes durable that a folder has a new file.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

// View implements [store.Store]. An Update that lets the file grow beyond what is mapped waits
// for the Views that are open, and later Views wait for it.
func (s *Store) View(ctx context.Context, read func(store.Reader) error) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	defer faultsPanic()()
	tx, err := s.db.Begin(false)
	if err != nil {
		return closed(err)
	}
	defer func() { _ = tx.Rollback() }()
	data, err := dataOf(tx)
	if err != nil {
		return err
	}
	return read(&transaction{data: data, keys: s.keys})
}

// Update implements [store.Store].
func (s *Store) Update(ctx context.Context, write func(store.Writer) error) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := s.usable(ctx); err != nil {
		return err
	}
	defer faultsPanic()()
	tx, err := s.db.Begin(true)
	if err != nil {
		return closed(err)
	}
	defer func() { _ = tx.Rollback() }() // nothing after a commit
	data, err := dataOf(tx)
	if err != nil {
		return err
	}
	t := &transaction{data: data, keys: s.keys, sealer: s.sealer}
	if t.sealer.sealed >= maxSealed {
		if t.sealer, err = s.keys.next(tx, t.sealer.id+1); err != nil {
			return err
		}
	}
	if err := write(t); err != nil {
		return err
	}
	if err := commit(tx, t.sealer); err != nil {
		s.broken.Store(true)
		return fmt.Errorf("%w: %w", store.ErrUnknown, err)
	}
	s.sealer = t.sealer
	return nil
}

func commit(tx *bbolt.Tx, used sealer) (err error) {
	defer refuse(&err)
	if err := used.save(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func (s *Store) usable(ctx context.Context) error {
	if s.broken.Load() {
		return store.ErrUnknown
	}
	return ctx.Err()
}

// Close implements [store.Store].
func (s *Store) Close() error { return s.db.Close() }

func closed(err error) error {
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return store.ErrClosed
	}
	return err
}

// faultsPanic lets this goroutine panic where it reads a page that the file no longer has,
// in place of ending the process. The function that it returns undoes that.
func faultsPanic() func() {
	before := debug.SetPanicOnFault(true)
	return func() { debug.SetPanicOnFault(before) }
}

// refuse turns a panic of bbolt, which trusts its pages, into an error.
func refuse(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: %v", store.ErrDamaged, p)
	}
}
