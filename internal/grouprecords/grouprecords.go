// Package grouprecords keeps the saved state of groups in a store.
package grouprecords

import (
	"bytes"
	"maps"
	"slices"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/store"
)

// Apply changes the state below prefix as delta says. The caller calls Stored once the
// transaction is durable.
func Apply(w store.Writer, prefix []byte, delta *mls.Delta) error {
	for _, gone := range delta.Delete {
		if err := w.Delete(below(prefix, gone)); err != nil {
			return err
		}
	}
	for _, r := range delta.Put {
		if err := w.Put(below(prefix, r.Key), r.Value); err != nil {
			return err
		}
	}
	return nil
}

// Put replaces what is below prefix by a whole state.
func Put(w store.Writer, prefix []byte, state mls.Snapshot) error {
	return Apply(w, prefix, &mls.Delta{Delete: [][]byte{nil}, Put: state})
}

// Get returns the state below prefix, or nil if there is none.
func Get(r store.Reader, prefix []byte) (mls.Snapshot, error) {
	var state mls.Snapshot
	for e, err := range r.Scan(prefix, nil) {
		if err != nil {
			state.Destroy()
			return nil, err
		}
		state = append(state, mls.Record{Key: e.Key[len(prefix):], Value: e.Value})
	}
	return state, nil
}

func below(prefix, key []byte) []byte { return append(bytes.Clone(prefix), key...) }

// Undo returns what takes the state below prefix back to what it is, when Apply has changed it
// as delta says: the records that are to be put back, and the keys of those that are to go,
// which stand for themselves alone.
func Undo(r store.Reader, prefix []byte, delta *mls.Delta) (*mls.Delta, error) {
	before := map[string][]byte{}
	undo := &mls.Delta{}
	for _, gone := range delta.Delete {
		for e, err := range r.Scan(below(prefix, gone), nil) {
			if err != nil {
				return nil, err
			}
			before[string(e.Key[len(prefix):])] = e.Value
		}
	}
	for _, put := range delta.Put {
		if _, known := before[string(put.Key)]; known {
			continue
		}
		value, err := r.Get(below(prefix, put.Key))
		if err != nil {
			return nil, err
		}
		if value != nil {
			before[string(put.Key)] = value
		} else {
			undo.Delete = append(undo.Delete, put.Key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(before)) {
		undo.Put = append(undo.Put, mls.Record{Key: []byte(key), Value: before[key]})
	}
	return undo, nil
}
