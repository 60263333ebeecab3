package bolt

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/store"
)

func TestBackupIsRestored(t *testing.T) {
	s, path := testStore(t, 100)
	var backup bytes.Buffer
	require.NoError(t, s.Backup(t.Context(), &backup))
	fill(t, s, 200) // not in the backup

	restored := filepath.Join(t.TempDir(), "restored")
	r, err := Restore(t.Context(), restored, bytes.NewReader(backup.Bytes()), testOptions(1))
	require.NoError(t, err)
	require.Equal(t, 100, count(t, r))
	require.NoError(t, r.Close())

	_, err = Restore(t.Context(), path, bytes.NewReader(backup.Bytes()), testOptions(1))
	require.ErrorIs(t, err, fs.ErrExist)
	require.Equal(t, 200, count(t, s))

	other := filepath.Join(t.TempDir(), "other")
	_, err = Restore(t.Context(), other, bytes.NewReader(backup.Bytes()), testOptions(2))
	require.ErrorIs(t, err, store.ErrKey)
	damaged := backup.Bytes()
	damaged[bytes.LastIndex(damaged, []byte("key 00050"))] ^= 1
	_, err = Restore(t.Context(), other, bytes.NewReader(damaged), testOptions(1))
	require.ErrorIs(t, err, store.ErrDamaged)
	left, err := os.ReadDir(filepath.Dir(other))
	require.NoError(t, err)
	require.Empty(t, left, "a backup that is refused leaves nothing")
}

// Where a process ended in the middle of a Rewrite or a Restore, the next Open deletes the copy,
// and nothing else.
func TestUnfinishedCopiesAreDeleted(t *testing.T) {
	s, path := testStore(t, 10)
	require.NoError(t, s.Close())
	folder := filepath.Dir(path)
	other := filepath.Join(folder, unfinished(path+"2")+"1")
	require.NoError(t, os.Mkdir(other, 0o700))
	for _, existing := range []bool{true, false} {
		require.Panics(t, func() {
			_ = replace(path, existing, func(temporary string) error {
				left := filepath.Dir(temporary) + "0" // which outlives the panic
				require.NoError(t, os.Mkdir(left, 0o700))
				require.NoError(t, os.WriteFile(filepath.Join(left, "store"), []byte("all that there is"), 0o600))
				panic("the process ends")
			})
		})
	}
	_, err := Open(path, testOptions(2))
	require.ErrorIs(t, err, store.ErrKey)
	names := func() (names []string) {
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	require.Len(t, names(), 4)
	s, err = Open(path, testOptions(1))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.ElementsMatch(t, []string{filepath.Base(path), filepath.Base(other)}, names())
}

func TestRewriteChangesTheKeyAndLeavesNoTrace(t *testing.T) {
	s, path := testStore(t, 2500)
	require.ErrorIs(t, Rewrite(t.Context(), path, testOptions(1), testOptions(2)), store.ErrLocked)
	require.NoError(t, s.Update(t.Context(), func(w store.Writer) error { return w.Delete([]byte("key 00")) }))
	require.NoError(t, s.Close())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(content), "key 00500", "a free page has what was deleted")

	require.ErrorIs(t, Rewrite(t.Context(), path, testOptions(3), testOptions(2)), store.ErrKey)
	require.NoError(t, Rewrite(t.Context(), path, testOptions(1), testOptions(2)))
	_, err = Open(path, testOptions(1))
	require.ErrorIs(t, err, store.ErrKey)
	s, err = Open(path, testOptions(2))
	require.NoError(t, err)
	require.Equal(t, 1500, count(t, s))
	require.NoError(t, s.Close())
	content, err = os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(content), "key 00500")
}
