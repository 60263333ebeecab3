package bolt

import (
	"bytes"
	"fmt"
	"iter"

	"go.etcd.io/bbolt"

	"github.com/mlsuite/mlsuite/store"
)

// transaction implements Reader and Writer. A call of bbolt stands in a function that
// refuses its panics, and a function of the caller in none.
type transaction struct {
	data   *bbolt.Bucket
	keys   *dataKeys
	sealer sealer // of an Update
}

// dataOf returns the bucket of the entries.
func dataOf(tx *bbolt.Tx) (data *bbolt.Bucket, err error) {
	defer refuse(&err)
	if data = tx.Bucket(dataBucket); data == nil {
		return nil, fmt.Errorf("%w: no entries", store.ErrDamaged)
	}
	return data, nil
}

func (t *transaction) Get(key []byte) (value []byte, err error) {
	defer refuse(&err)
	sealed := t.data.Get(key)
	if sealed == nil {
		return nil, nil
	}
	return t.keys.open(key, sealed)
}

func (t *transaction) Put(key, value []byte) (err error) {
	defer refuse(&err)
	if err := store.Check(key, value); err != nil {
		return err
	}
	if err := t.data.Put(key, t.keys.seal(&t.sealer, key, value)); err != nil {
		return fmt.Errorf("store/bolt: %w", err)
	}
	return nil
}

func (t *transaction) Delete(prefix []byte) (err error) {
	defer refuse(&err)
	c := t.data.Cursor()
	for key, _ := c.Seek(prefix); key != nil && bytes.HasPrefix(key, prefix); key, _ = c.Seek(prefix) {
		if err := c.Delete(); err != nil {
			return fmt.Errorf("store/bolt: %w", err)
		}
	}
	return nil
}

func (t *transaction) Scan(prefix, from []byte) iter.Seq2[store.Entry, error] {
	start := prefix
	if bytes.Compare(from, prefix) > 0 {
		start = from
	}
	return func(yield func(store.Entry, error) bool) {
		c := t.data.Cursor()
		e, err := t.entry(func() ([]byte, []byte) { return c.Seek(start) })
		for err == nil && e.Key != nil && bytes.HasPrefix(e.Key, prefix) {
			if !yield(e, nil) {
				return
			}
			e, err = t.entry(c.Next)
		}
		if err != nil {
			yield(store.Entry{}, err)
		}
	}
}

// entry returns the entry to which a cursor moves, or one without a key behind the last.
func (t *transaction) entry(move func() (key, sealed []byte)) (e store.Entry, err error) {
	defer refuse(&err)
	key, sealed := move()
	if key == nil {
		return store.Entry{}, nil
	}
	value, err := t.keys.open(key, sealed)
	return store.Entry{Key: bytes.Clone(key), Value: value}, err
}
