// Package memory is a store in memory, for tests: of what a client does when its process
// ends, when an old backup is restored, and when two processes open one store.
package memory

import (
	"bytes"
	"context"
	"iter"
	"sync"

	"github.com/google/btree"

	"github.com/mlsuite/mlsuite/store"
)

// Disk is what outlives the Stores that are opened on it.
type Disk struct {
	mu    sync.Mutex
	state *btree.BTreeG[store.Entry] // never changed once it is here
	open  *opened                    // or nil
}

// NewDisk returns an empty Disk.
func NewDisk() *Disk { return &Disk{state: newTree()} }

func newTree() *btree.BTreeG[store.Entry] {
	return btree.NewG(32, func(a, b store.Entry) bool { return bytes.Compare(a.Key, b.Key) < 0 })
}

// Open returns the Store on d. The error is [store.ErrLocked] while another one is open.
func (d *Disk) Open() (store.Store, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open != nil {
		return nil, store.ErrLocked
	}
	d.open = &opened{disk: d}
	return d.open, nil
}

// Kill does to the open Store, if any, what the end of its process does: it answers
// [store.ErrClosed], and an Update that has not returned writes nothing.
func (d *Disk) Kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open = nil
}

// Copy returns another Disk with what is on d now, as a backup has it.
func (d *Disk) Copy() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &Disk{state: d.state}
}

// opened is a Store. It is closed if it is not the one that its Disk has open.
type opened struct {
	disk     *Disk
	updating sync.Mutex
}

// current returns the state of the disk, or ErrClosed.
func (s *opened) current() (*btree.BTreeG[store.Entry], error) {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	if s.disk.open != s {
		return nil, store.ErrClosed
	}
	return s.disk.state, nil
}

func (s *opened) View(ctx context.Context, read func(store.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	state, err := s.current()
	if err != nil {
		return err
	}
	return read(&transaction{state})
}

func (s *opened) Update(ctx context.Context, write func(store.Writer) error) error {
	s.updating.Lock()
	defer s.updating.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	state, err := s.current()
	if err != nil {
		return err
	}
	s.disk.mu.Lock() // Clone is not for two at once
	next := state.Clone()
	s.disk.mu.Unlock()
	if err := write(&transaction{next}); err != nil {
		return err
	}
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	if s.disk.open != s {
		return store.ErrClosed
	}
	s.disk.state = next
	return nil
}

func (s *opened) Close() error {
	s.updating.Lock()
	defer s.updating.Unlock()
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	if s.disk.open == s {
		s.disk.open = nil
	}
	return nil
}

// transaction implements Reader and Writer on a state.
type transaction struct{ state *btree.BTreeG[store.Entry] }

func (t *transaction) Get(key []byte) ([]byte, error) {
	found, ok := t.state.Get(store.Entry{Key: key})
	if !ok {
		return nil, nil
	}
	return owned(found.Value), nil
}

func (t *transaction) Scan(prefix, from []byte) iter.Seq2[store.Entry, error] {
	start := prefix
	if bytes.Compare(from, prefix) > 0 {
		start = from
	}
	return func(yield func(store.Entry, error) bool) {
		t.state.AscendGreaterOrEqual(store.Entry{Key: start}, func(e store.Entry) bool {
			return bytes.HasPrefix(e.Key, prefix) && yield(store.Entry{Key: owned(e.Key), Value: owned(e.Value)}, nil)
		})
	}
}

func (t *transaction) Put(key, value []byte) error {
	if err := store.Check(key, value); err != nil {
		return err
	}
	t.state.ReplaceOrInsert(store.Entry{Key: owned(key), Value: owned(value)})
	return nil
}

func (t *transaction) Delete(prefix []byte) error {
	var gone []store.Entry
	t.state.AscendGreaterOrEqual(store.Entry{Key: prefix}, func(e store.Entry) bool {
		if !bytes.HasPrefix(e.Key, prefix) {
			return false
		}
		gone = append(gone, e)
		return true
	})
	for _, e := range gone {
		t.state.Delete(e)
	}
	return nil
}

// owned returns a copy of b that is not nil.
func owned(b []byte) []byte { return append([]byte{}, b...) }
