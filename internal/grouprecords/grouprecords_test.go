package grouprecords

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/store"
	"github.com/mlsuite/mlsuite/store/memory"
)

// What is stored is what Snapshot.Apply says, and nothing beside it changes.
func TestStatesBelowPrefixes(t *testing.T) {
	s, err := memory.NewDisk().Open()
	require.NoError(t, err)
	a, b := store.Key([]byte("a")), store.Key([]byte("b"))
	record := func(key, value string) mls.Record { return mls.Record{Key: []byte(key), Value: []byte(value)} }
	first := mls.Snapshot{record("n1", "1"), record("n2", "2"), record("s", "3")}
	delta := &mls.Delta{Delete: [][]byte{[]byte("n")}, Put: []mls.Record{record("n3", "4"), record("s", "5")}}
	require.NoError(t, s.Update(t.Context(), func(w store.Writer) error {
		require.NoError(t, Put(w, a, mls.Snapshot{record("old", "0")}))
		require.NoError(t, Put(w, a, first))
		require.NoError(t, Put(w, b, first))
		return Apply(w, a, delta)
	}))
	var undo *mls.Delta
	require.NoError(t, s.View(t.Context(), func(r store.Reader) (err error) {
		back := &mls.Delta{Delete: [][]byte{[]byte("n3"), []byte("n9")}, Put: []mls.Record{record("n1", "6"), record("n3", "7"), record("s", "8")}}
		undo, err = Undo(r, a, back)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(first.Apply(delta), first.Apply(delta).Apply(back).Apply(undo)))
		require.Equal(t, [][]byte{[]byte("n1")}, undo.Delete)
		undo, err = Undo(r, a, &mls.Delta{Delete: [][]byte{nil}, Put: []mls.Record{record("new", "9")}})
		require.Equal(t, first.Apply(delta), mls.Snapshot(undo.Put))
		return err
	}))
	require.NoError(t, s.View(t.Context(), func(r store.Reader) error {
		for prefix, want := range map[string]mls.Snapshot{string(a): first.Apply(delta), string(b): first, "c": nil} {
			got, err := Get(r, []byte(prefix))
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(want, got))
		}
		return nil
	}))
}
