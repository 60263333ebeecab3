// Package storetest checks implementations of a store.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/store"
)

// Fixture is data on which Stores can be opened, one after the other.
type Fixture interface {
	// Open opens the Store on the data, as a program that starts does.
	Open() (store.Store, error)

	// Kill does to the open Store what the end of its process does.
	Kill()
}

// Run checks the Stores of what empty returns: each time, a Fixture without data.
func Run(t *testing.T, empty func(t *testing.T) Fixture) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Fixture)
	}{
		{"values", testValues},
		{"ownership", testOwnership},
		{"scan", testScan},
		{"delete", testDelete},
		{"bounds", testBounds},
		{"failed update writes nothing", testFailedUpdate},
		{"snapshot", testSnapshot},
		{"views while the store grows", testGrowth},
		{"concurrent updates", testConcurrent},
		{"context", testContext},
		{"closed", testClosed},
		{"alone", testAlone},
		{"durable", testDurable},
		{"killed in an update", testKilled},
		{"model", testModel},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, empty(t)) })
	}
}

func open(t *testing.T, f Fixture) store.Store {
	s, err := f.Open()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// put stores pairs of a key and a value in one Update.
func put(t *testing.T, s store.Store, pairs ...string) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), func(w store.Writer) error {
		for pair := range slices.Chunk(pairs, 2) {
			if err := w.Put([]byte(pair[0]), []byte(pair[1])); err != nil {
				return err
			}
		}
		return nil
	}))
}

// pairs returns what Scan finds, as pairs of a key and a value.
func pairs(t *testing.T, r store.Reader, prefix, from string) []string {
	t.Helper()
	found := []string{}
	for e, err := range r.Scan([]byte(prefix), []byte(from)) {
		require.NoError(t, err)
		found = append(found, string(e.Key), string(e.Value))
	}
	return found
}

// content returns all entries, as pairs.
func content(t *testing.T, s store.Store) (found []string) {
	t.Helper()
	require.NoError(t, s.View(t.Context(), func(r store.Reader) error {
		found = pairs(t, r, "", "")
		return nil
	}))
	return found
}

func equal(t *testing.T, want, got []string) {
	t.Helper()
	require.Empty(t, cmp.Diff(want, got))
}

func testValues(t *testing.T, f Fixture) {
	s := open(t, f)
	put(t, s, "a", "1", "empty", "")
	put(t, s, "a", "2", "b", "3")
	require.NoError(t, s.Update(t.Context(), func(w store.Writer) error {
		require.NoError(t, w.Put([]byte("c"), []byte("4")))
		for key, want := range map[string][]byte{"a": []byte("2"), "b": []byte("3"), "c": []byte("4"), "empty": {}, "d": nil} {
			got, err := w.Get([]byte(key))
			require.NoError(t, err)
			require.Equal(t, want, got, "%q, in the Update that wrote the last one", key)
		}
		return nil
	}))
	require.NoError(t, s.View(t.Context(), func(r store.Reader) error {
		got, err := r.Get([]byte("empty"))
		require.NoError(t, err)
		require.Equal(t, []byte{}, got)
		got, err = r.Get([]byte("nothing"))
		require.NoError(t, err)
		require.Nil(t, got)
		return nil
	}))
}

func testOwnership(t *testing.T, f Fixture) {
	s := open(t, f)
	key, value := []byte("key"), []byte("value")
	require.NoError(t, s.Update(t.Context(), func(w store.Writer) error {
		require.NoError(t, w.Put(key, value))
		copy(key, "xxx")
		copy(value, "xxxxx")
		return nil
	}))
	overwrite := func(r store.Reader) {
		got, err := r.Get([]byte("key"))
		require.NoError(t, err)
		require.Equal(t, "value", string(got))
		clear(got)
		for e, err := range r.Scan(nil, nil) {
			require.NoError(t, err)
			clear(e.Key)
			clear(e.Value)
		}
	}
	require.NoError(t, s.Update(t.Context(), func(w store.Writer) error { overwrite(w); return nil }))
	require.NoError(t, s.View(t.Context(), func(r store.Reader) error { overwrite(r); return nil }))
	equal(t, []string{"key", "value"}, content(t, s))
}

func testScan(t *testing.T, f Fixture) {
	s := open(t, f)
	put(t, s, "b", "2", "a", "1", "ba", "3", "bb", "4", "c", "5", "b\xff", "6", "\xff", "7", "\xff\xff", "8")
	check := func(r store.Reader) {
		equal(t, []string{"a", "1", "b", "2", "ba", "3", "bb", "4", "b\xff", "6", "c", "5", "\xff", "7", "\xff\xff", "8"}, pairs(t, r, "", ""))
		equal(t, []string{"b", "2", "ba", "3", "bb", "4", "b\xff", "6"}, pairs(t, r, "b", ""))
		equal(t, []string{"bb", "4", "b\xff", "6"}, pairs(t, r, "b", "bb"))
		equal(t, []string{"b\xff", "6"}, pairs(t, r, "b", "bc"))
		equal(t, []string{"b", "2", "ba", "3", "bb", "4", "b\xff", "6"}, pairs(t, r, "b", "a"))
		equal(t, []string{"\xff", "7", "\xff\xff", "8"}, pairs(t, r, "\xff", ""))
		equal(t, []string{}, pairs(t, r, "b", "c"))
		equal(t, []string{}, pairs(t, r, "d", ""))
		for e, err := range r.Scan([]byte("b"), nil) { // and no further
			require.NoError(t, err)
			require.Equal(t, "b", string(e.Key))
			break
		}
	}
	require.NoError(t, s.View(t.Context(), func(r store.Reader) error { check(r); return nil }))
	require.NoError(t, s.Update(t.Context(), func(w store.Writer) error { check(w); return nil }))
}

func testDelete(t *testing.T, f Fixture) {
	s := open(t, f)
	put(t, s, "a", "1", "b", "2", "ba", "3", "b\xff", "4", "c", "5")
	require.NoError(t, s.Update(t.Context(), func(w store.Writer) error {
		require.NoError(t, w.Put([]byte("bnew"), nil))
		require.NoError(t, w.Delete([]byte("b")))
		require.NoError(t, w.Delete([]byte("nothing")))
		equal(t, []string{"a", "1", "c", "5"}, pairs(t, w, "", ""))
		return w.Put([]byte("ba"), []byte("6"))
	}))
	equal(t, []string{"a", "1", "ba", "6", "c", "5"}, content(t, s))
	require.NoError(t, s.Update(t.Context(), func(w store.Writer) error { return w.Delete(nil) }))
	equal(t, []string{}, content(t, s))
}

func testBounds(t *testing.T, f Fixture) {
	s := open(t, f)
	long := make([]byte, store.MaxKey)
	require.NoError(t, s.Update(t.Context(), func(w store.Writer) error {
		require.ErrorIs(t, w.Put(nil, []byte("1")), store.ErrTooLong)
		require.ErrorIs(t, w.Put(append(long, 0), nil), store.ErrTooLong)
		require.ErrorIs(t, w.Put([]byte("a"), make([]byte, store.MaxValue+1)), store.ErrTooLong)
		return w.Put(long, make([]byte, 1<<20))
	}))
	require.Len(t, content(t, s), 2, "the longest key is one")
}

func testFailedUpdate(t *testing.T, f Fixture) {
	s := open(t, f)
	put(t, s, "a", "1", "b", "2")
	change := func(w store.Writer) {
		require.NoError(t, w.Put([]byte("a"), []byte("3")))
		require.NoError(t, w.Delete([]byte("b")))
	}
	refused := errors.New("refused")
	require.ErrorIs(t, s.Update(t.Context(), func(w store.Writer) error { change(w); return refused }), refused)
	require.ErrorIs(t, s.View(t.Context(), func(store.Reader) error { return refused }), refused)
	require.PanicsWithValue(t, "panic of write", func() {
		_ = s.Update(t.Context(), func(w store.Writer) error { change(w); panic("panic of write") })
	})
	equal(t, []string{"a", "1", "b", "2"}, content(t, s))
	put(t, s, "c", "4") // the Store is good for more
	equal(t, []string{"a", "1", "b", "2", "c", "4"}, content(t, s))
}

// large is more than what an implementation has mapped, or has room for, of an empty store.
const large = 4 << 20

func testSnapshot(t *testing.T, f Fixture) {
	s := open(t, f)
	for i, size := range []int{1, large} { // the second one may wait for the View
		put(t, s, "a", "1")
		updated := make(chan error, 1)
		require.NoError(t, s.View(t.Context(), func(r store.Reader) error {
			go func() {
				updated <- s.Update(context.Background(), func(w store.Writer) error {
					return w.Put([]byte("a"), make([]byte, size))
				})
			}()
			for range 1000 {
				got, err := r.Get([]byte("a"))
				require.NoError(t, err)
				require.Equal(t, "1", string(got), "what an Update wrote is seen by a View that began before it")
				runtime.Gosched()
			}
			equal(t, []string{"a", "1"}, pairs(t, r, "", ""))
			return nil
		}))
		require.NoError(t, <-updated, "update %d", i)
		require.Len(t, content(t, s)[1], size, "the View after an Update sees it")
	}
}

// testGrowth lets Views begin and end while Updates make the store larger. Each View sees all
// of an Update or nothing.
func testGrowth(t *testing.T, f Fixture) {
	s := open(t, f)
	put(t, s, "a", "0", "z", "0")
	grown := make(chan struct{})
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for last := 0; ; {
				done := false
				select {
				case <-grown:
					done = true
				default:
				}
				var first, second []byte
				err := s.View(context.Background(), func(r store.Reader) (err error) {
					if first, err = r.Get([]byte("a")); err == nil {
						runtime.Gosched()
						second, err = r.Get([]byte("z"))
					}
					return err
				})
				n, failed := strconv.Atoi(string(first))
				if err = errors.Join(err, failed); err != nil || !bytes.Equal(first, second) || n < last {
					t.Errorf("a View sees %q and %q after %d: %v", first, second, last, err)
					return
				}
				if last = n; done {
					return
				}
			}
		})
	}
	const updates = 8
	for n := 1; n <= updates; n++ {
		require.NoError(t, s.Update(t.Context(), func(w store.Writer) error {
			for _, k := range []string{"a", "z"} {
				if err := w.Put([]byte(k), []byte(strconv.Itoa(n))); err != nil {
					return err
				}
			}
			return w.Put([]byte{'b', byte(n)}, make([]byte, large/updates))
		}))
	}
	close(grown)
	wait.Wait()
	require.Len(t, content(t, s), 2*(2+updates))
}

func testConcurrent(t *testing.T, f Fixture) {
	s := open(t, f)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 10 {
				if err := s.Update(context.Background(), increment); err != nil {
					t.Error(err)
				}
				if err := s.View(context.Background(), func(r store.Reader) error { _, err := r.Get([]byte("n")); return err }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	equal(t, []string{"n", "80"}, content(t, s))
}

func increment(w store.Writer) error {
	value, err := w.Get([]byte("n"))
	if err != nil {
		return err
	}
	n, _ := strconv.Atoi(string(value)) // nothing is zero
	return w.Put([]byte("n"), []byte(strconv.Itoa(n+1)))
}

func testContext(t *testing.T, f Fixture) {
	s := open(t, f)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.View(ended, func(store.Reader) error { t.Error("called"); return nil }), context.Canceled)
	require.ErrorIs(t, s.Update(ended, func(store.Writer) error { t.Error("called"); return nil }), context.Canceled)
}

func testClosed(t *testing.T, f Fixture) {
	s, err := f.Open()
	require.NoError(t, err)
	put(t, s, "a", "1")
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.View(t.Context(), func(store.Reader) error { return nil }), store.ErrClosed)
	require.ErrorIs(t, s.Update(t.Context(), func(store.Writer) error { return nil }), store.ErrClosed)
	require.NoError(t, s.Close())
}

func testAlone(t *testing.T, f Fixture) {
	s, err := f.Open()
	require.NoError(t, err)
	_, err = f.Open()
	require.ErrorIs(t, err, store.ErrLocked)
	put(t, s, "a", "1") // the first goes on
	require.NoError(t, s.Close())
	equal(t, []string{"a", "1"}, content(t, open(t, f)))
}

func testDurable(t *testing.T, f Fixture) {
	for i := range 5 {
		s, err := f.Open()
		require.NoError(t, err)
		require.NoError(t, s.Update(t.Context(), increment))
		if i%2 == 0 {
			f.Kill()
			continue
		}
		require.NoError(t, s.Close())
	}
	equal(t, []string{"n", "5"}, content(t, open(t, f)))
}

func testKilled(t *testing.T, f Fixture) {
	s, err := f.Open()
	require.NoError(t, err)
	put(t, s, "a", "1", "b", "2")
	_ = s.Update(t.Context(), func(w store.Writer) error {
		require.NoError(t, w.Put([]byte("a"), []byte("3")))
		require.NoError(t, w.Delete([]byte("b")))
		f.Kill()
		return nil
	})
	equal(t, []string{"a", "1", "b", "2"}, content(t, open(t, f)))
}
