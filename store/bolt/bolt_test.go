package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/mlsuite/mlsuite/store"
	"github.com/mlsuite/mlsuite/store/storetest"
)

// A copy of the file is what a process leaves that ends now.
type fixture struct {
	t    *testing.T
	path string
	kept []*Store
}

func (f *fixture) Open() (store.Store, error) {
	s, err := Open(f.path, testOptions(1))
	if err != nil {
		return nil, err
	}
	f.kept = append(f.kept, s)
	return s, nil
}

func (f *fixture) Kill() {
	content, err := os.ReadFile(f.path)
	require.NoError(f.t, err)
	f.path += "."
	require.NoError(f.t, os.WriteFile(f.path, content, 0o600))
}

// testOptions are those of the key that consists of a byte.
func testOptions(key byte) Options {
	return Options{Key: bytes.Repeat([]byte{key}, KeySize), NoSync: true}
}

func TestBolt(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Fixture {
		f := &fixture{t: t, path: filepath.Join(t.TempDir(), "store")}
		t.Cleanup(func() {
			for _, s := range f.kept {
				require.NoError(t, s.Close())
			}
		})
		return f
	})
}

// testStore returns a store with n entries, and its path.
func testStore(t *testing.T, n int) (*Store, string) {
	path := filepath.Join(t.TempDir(), "store")
	s, err := Open(path, testOptions(1))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	fill(t, s, n)
	return s, path
}

func fill(t *testing.T, s *Store, n int) {
	require.NoError(t, s.Update(t.Context(), func(w store.Writer) error {
		for i := range n {
			if err := w.Put(fmt.Appendf(nil, "key %05d", i), fmt.Appendf(nil, "secret value %d", i)); err != nil {
				return err
			}
		}
		return nil
	}))
}

func count(t *testing.T, s *Store) (n int) {
	require.NoError(t, s.View(t.Context(), func(r store.Reader) error {
		for e, err := range r.Scan(nil, nil) {
			require.NoError(t, err)
			require.Contains(t, string(e.Value), "secret value")
			n++
		}
		return nil
	}))
	return n
}

func TestFileIsItsOwnersAndShowsNoValue(t *testing.T) {
	s, path := testStore(t, 10)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	require.NoError(t, s.Close())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(content), "secret value")
	require.NotContains(t, string(content), string(testOptions(1).Key))
}

func TestWrongKeyIsRefused(t *testing.T) {
	s, path := testStore(t, 1)
	require.NoError(t, s.Close())
	_, err := Open(path, testOptions(2))
	require.ErrorIs(t, err, store.ErrKey)
	_, err = Open(path, Options{Key: []byte("short")})
	require.ErrorContains(t, err, "key has 5 bytes")
	s, err = Open(path, testOptions(1))
	require.NoError(t, err)
	require.Equal(t, 1, count(t, s))
	require.NoError(t, s.Close())
}

func TestValuesAreBoundToTheirPlace(t *testing.T) {
	s, _ := testStore(t, 2)
	require.NoError(t, s.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(dataBucket)
		return b.Put([]byte("key 00000"), bytes.Clone(b.Get([]byte("key 00001"))))
	}))
	require.NoError(t, s.View(t.Context(), func(r store.Reader) error {
		_, err := r.Get([]byte("key 00000"))
		require.ErrorIs(t, err, store.ErrDamaged)
		value, err := r.Get([]byte("key 00001"))
		require.Equal(t, "secret value 1", string(value))
		return err
	}))
	require.ErrorIs(t, s.Verify(t.Context()), store.ErrDamaged)
}

// Whatever byte is wrong, and wherever the file ends, the process goes on, and no value is
// another one.
func TestDamageIsRefused(t *testing.T) {
	s, path := testStore(t, 200)
	require.NoError(t, s.Close())
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	damaged := filepath.Join(t.TempDir(), "damaged")
	check := func(content []byte) error {
		require.NoError(t, os.WriteFile(damaged, content, 0o600))
		s, err := Open(damaged, testOptions(1))
		if err != nil {
			return err
		}
		defer s.Close()
		return errors.Join(s.Verify(t.Context()), s.View(t.Context(), func(r store.Reader) error {
			for e, err := range r.Scan(nil, nil) {
				if err != nil {
					return err
				}
				require.Equal(t, "secret value", string(e.Value[:12]))
			}
			return nil
		}))
	}
	require.NoError(t, check(good))
	found := 0
	for at := 0; at < len(good); at += 211 {
		content := bytes.Clone(good)
		content[at] ^= 0x41
		if err := check(content); err != nil {
			found++
			require.True(t, errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrKey) || errors.Is(err, store.ErrVersion), "byte %d: %v", at, err)
		}
	}
	require.Greater(t, found, 30, "of %d", len(good)/211)
	for _, size := range []int{1, 100, 4096, 8192, 16384, len(good) - 4096, len(good) - 1} {
		require.Error(t, check(good[:size]), "%d bytes of %d", size, len(good))
	}
}

func TestFileThatIsCutWhileOpenIsAnError(t *testing.T) {
	s, path := testStore(t, 2000)
	require.NoError(t, os.Truncate(path, 8192))
	require.ErrorIs(t, s.Verify(t.Context()), store.ErrDamaged)
	require.ErrorIs(t, s.View(t.Context(), func(r store.Reader) error {
		_, err := r.Get([]byte("key 01000"))
		return err
	}), store.ErrDamaged)
}
