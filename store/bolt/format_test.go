package bolt

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/mlsuite/mlsuite/store"
)

func TestVersionsMigrateOneByOne(t *testing.T) {
	s, path := testStore(t, 3)
	require.NoError(t, s.Close())
	var ran []string
	step := func(name string, err error) migration {
		return func(tx *bbolt.Tx) error {
			ran = append(ran, name)
			return errors.Join(err, tx.Bucket(dataBucket).Delete([]byte("key 00000")))
		}
	}
	reopen := func(steps ...migration) error {
		db, err := openFile(path, testOptions(1))
		require.NoError(t, err)
		defer db.Close()
		return (&Store{db: db}).begin(testOptions(1).Key, steps)
	}
	fails := errors.New("disk is full")
	require.ErrorIs(t, reopen(step("1 to 2", nil), step("2 to 3", fails)), fails)
	require.NoError(t, reopen(), "a migration that failed has changed nothing")

	ran = nil
	require.NoError(t, reopen(step("1 to 2", nil), step("2 to 3", nil)))
	require.Equal(t, []string{"1 to 2", "2 to 3"}, ran)
	require.NoError(t, reopen(step("1 to 2", nil), step("2 to 3", nil)))
	require.Len(t, ran, 2, "each runs once")
	_, err := Open(path, testOptions(1))
	require.ErrorIs(t, err, store.ErrVersion, "the file is of version 3")
}

func TestDataKeyIsReplacedInTime(t *testing.T) {
	s, path := testStore(t, 3)
	s.sealer.sealed = maxSealed
	refused := errors.New("refused")
	require.ErrorIs(t, s.Update(t.Context(), func(w store.Writer) error {
		require.NoError(t, w.Put([]byte("key 00000"), []byte("secret value of the second key")))
		return refused
	}), refused)
	require.Equal(t, uint32(1), s.sealer.id, "an update that failed replaces nothing")
	fill(t, s, 1)
	require.Equal(t, sealer{2, 1}, s.sealer)
	require.Equal(t, 3, count(t, s))
	require.NoError(t, s.Close())

	s, err := Open(path, testOptions(1))
	require.NoError(t, err)
	defer s.Close()
	require.Equal(t, sealer{2, 1}, s.sealer)
	require.Equal(t, 3, count(t, s))
	require.NoError(t, s.View(t.Context(), func(store.Reader) error {
		return s.db.View(func(tx *bbolt.Tx) error {
			require.Equal(t, uint32(2), binary.BigEndian.Uint32(tx.Bucket(dataBucket).Get([]byte("key 00000"))))
			require.Equal(t, uint32(1), binary.BigEndian.Uint32(tx.Bucket(dataBucket).Get([]byte("key 00001"))))
			return nil
		})
	}))
}
