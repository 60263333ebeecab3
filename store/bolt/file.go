package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/mlsuite/mlsuite/store"
)

// Backup writes the store's file, as the last Update left it, to w. It opens with the key
// of the store. Updates go on meanwhile.
//
// A client that is restored from a backup must not go on as if nothing had happened since:
// it would use keys and nonces twice. Its delivery service tells it how far it had come.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	defer faultsPanic()()
	return closed(s.db.View(func(tx *bbolt.Tx) (err error) {
		defer refuse(&err)
		_, err = tx.WriteTo(w)
		return err
	}))
}

// Restore makes the file at path from a backup, verifies all of it, and returns its Store.
// It replaces no file: the error wraps io/fs.ErrExist if there is one.
func Restore(ctx context.Context, path string, backup io.Reader, o Options) (*Store, error) {
	err := replace(path, false, func(temporary string) error {
		if err := write(temporary, backup); err != nil {
			return err
		}
		s, err := Open(temporary, o)
		if err != nil {
			return err
		}
		return errors.Join(s.Verify(ctx), s.Close())
	})
	if err != nil {
		return nil, err
	}
	return Open(path, o)
}

func write(path string, content io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Sync(), f.Close())
}

// Rewrite replaces the file at path, which nobody has open, by one with the same entries
// under the key of to, which may be that of from. The new file has new data keys, and has
// none of the deleted and replaced values that a file keeps, encrypted, in its free pages
// until it uses them again.
//
// Whether the blocks of the old file can be read from the disk afterwards is a matter of
// the disk: destroy the old key.
func Rewrite(ctx context.Context, path string, from, to Options) error {
	old, err := Open(path, from)
	if err != nil {
		return err
	}
	defer old.Close() // after the new file has its name: nobody opens the old one in between
	return replace(path, true, func(temporary string) error {
		next, err := Open(temporary, to)
		if err != nil {
			return err
		}
		return errors.Join(copyAll(ctx, next, old), next.Close())
	})
}

// copyAll copies all entries, some at a time.
func copyAll(ctx context.Context, to, from *Store) error {
	const some = 1000
	return from.View(ctx, func(r store.Reader) error {
		for start := []byte{}; start != nil; {
			if err := to.Update(ctx, func(w store.Writer) error {
				n, first := 0, start
				start = nil
				for e, err := range r.Scan(nil, first) {
					if err != nil {
						return err
					}
					if n++; n > some {
						start = e.Key
						return nil
					}
					if err := w.Put(e.Key, e.Value); err != nil {
						return err
					}
					clear(e.Value)
				}
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// replace lets fill make a file, and gives it the name path once it is whole and durable.
func replace(path string, existing bool, fill func(temporary string) error) error {
	folder, err := os.MkdirTemp(filepath.Dir(path), unfinished(path)+"*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	temporary := filepath.Join(folder, "store")
	if err := fill(temporary); err != nil {
		return err
	}
	if !existing {
		// A link is made only if there is nothing of that name.
		if err := os.Link(temporary, path); err != nil {
			return err
		}
	} else if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// unfinished is how the names of folders begin in which replace makes a file for path.
func unfinished(path string) string { return "." + filepath.Base(path) + ".unfinished-" }

// removeUnfinished deletes what replace has left behind where the process ended in it: a copy of
// the store would keep what the store deletes from then on. The caller has the lock of path.
func removeUnfinished(path string) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), unfinished(path)) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(filepath.Dir(path), e.Name())))
		}
	}
	return err
}

// Verify reads the whole file: each value, and then its structure. The error wraps
// [store.ErrDamaged] if something is not as it was written. What it cannot find is that
// an entry is missing as a whole, or has an earlier value of its own.
func (s *Store) Verify(ctx context.Context) error {
	if err := s.View(ctx, func(r store.Reader) error { return verifyValues(ctx, r) }); err != nil {
		return err
	}
	// In a goroutine of its own, in which a page that is not there would end the process:
	// so it comes behind the values.
	return closed(s.db.View(func(tx *bbolt.Tx) (err error) {
		defer refuse(&err)
		for damage := range tx.Check() {
			err = errors.Join(err, fmt.Errorf("%w: %w", store.ErrDamaged, damage))
		}
		return err
	}))
}

func verifyValues(ctx context.Context, r store.Reader) error {
	var last []byte
	for e, err := range r.Scan(nil, nil) {
		if err != nil {
			return err
		}
		clear(e.Value)
		if bytes.Compare(e.Key, last) <= 0 {
			return fmt.Errorf("%w: entries are out of order", store.ErrDamaged)
		}
		last = e.Key
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}
