package memory

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/store"
	"github.com/mlsuite/mlsuite/store/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Fixture { return NewDisk() })
}

func TestCopyStaysAsItIs(t *testing.T) {
	disk := NewDisk()
	s, err := disk.Open()
	require.NoError(t, err)
	write := func(value string) {
		require.NoError(t, s.Update(t.Context(), func(w store.Writer) error { return w.Put([]byte("a"), []byte(value)) }))
	}
	write("1")
	backup := disk.Copy()
	write("2")
	old, err := backup.Open()
	require.NoError(t, err)
	require.NoError(t, old.View(t.Context(), func(r store.Reader) error {
		value, err := r.Get([]byte("a"))
		require.Equal(t, "1", string(value))
		return err
	}))
}
