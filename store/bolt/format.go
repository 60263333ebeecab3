package bolt

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/mlsuite/mlsuite/store"
)

// The file is a bbolt database with three buckets:
//
//	data    SealedValues under the keys of the entries
//	keys    data keys under their numbers, 4 bytes, sealed under the caller's key
//	about   "version", 4 bytes, and "sealer": number of the data key in use, 4 bytes, and of
//	        values that it has sealed, 8 bytes
var (
	dataBucket  = []byte("data")
	keysBucket  = []byte("keys")
	aboutBucket = []byte("about")

	versionKey = []byte("version")
	sealerKey  = []byte("sealer")
)

// migration brings a file from one version to the next, inside a transaction.
type migration func(*bbolt.Tx) error

// migrations has one for each version but the current one, which is their number plus 1.
func migrations() []migration { return nil }

// begin reads what a file says of itself, migrates it, or makes it.
func (s *Store) begin(callersKey []byte, steps []migration) error {
	keys, err := newDataKeys(callersKey)
	if err != nil {
		return err
	}
	s.keys = keys
	fresh := false
	err = s.db.View(func(tx *bbolt.Tx) (err error) {
		defer refuse(&err)
		about, keysAt, data := tx.Bucket(aboutBucket), tx.Bucket(keysBucket), tx.Bucket(dataBucket)
		if about == nil && keysAt == nil && data == nil {
			fresh = true
			return nil
		}
		if about == nil || keysAt == nil || data == nil || len(about.Get(versionKey)) != 4 {
			return fmt.Errorf("%w: it does not say what it is", store.ErrDamaged)
		}
		version := about.Get(versionKey)
		if v := binary.BigEndian.Uint32(version); v > uint32(len(steps)+1) {
			return fmt.Errorf("%w: version %d", store.ErrVersion, v)
		}
		if err := keys.read(tx); err != nil {
			return err
		}
		return s.readSealer(about.Get(sealerKey))
	})
	if err != nil {
		return err
	}
	return s.db.Update(func(tx *bbolt.Tx) (err error) {
		defer refuse(&err)
		if fresh {
			return s.make(tx, uint32(len(steps)+1))
		}
		return migrate(tx, steps)
	})
}

func (s *Store) readSealer(b []byte) error {
	if len(b) != 12 {
		return fmt.Errorf("%w: data key in use", store.ErrDamaged)
	}
	s.sealer = sealer{binary.BigEndian.Uint32(b), binary.BigEndian.Uint64(b[4:])}
	if s.keys.get(s.sealer.id) == nil {
		return fmt.Errorf("%w: the data key in use is not there", store.ErrDamaged)
	}
	return nil
}

// make makes an empty store.
func (s *Store) make(tx *bbolt.Tx, version uint32) error {
	for _, name := range [][]byte{dataBucket, keysBucket, aboutBucket} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	var err error
	if s.sealer, err = s.keys.next(tx, 1); err != nil {
		return err
	}
	if err := s.sealer.save(tx); err != nil {
		return err
	}
	return saveVersion(tx, version)
}

func saveVersion(tx *bbolt.Tx, version uint32) error {
	return tx.Bucket(aboutBucket).Put(versionKey, binary.BigEndian.AppendUint32(nil, version))
}

func (s sealer) save(tx *bbolt.Tx) error {
	return tx.Bucket(aboutBucket).Put(sealerKey,
		binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, s.id), s.sealed))
}

// migrate brings a file to the version behind the last step.
func migrate(tx *bbolt.Tx, steps []migration) error {
	version := binary.BigEndian.Uint32(tx.Bucket(aboutBucket).Get(versionKey))
	if version == 0 {
		return fmt.Errorf("%w: version 0", store.ErrDamaged)
	}
	for _, step := range steps[version-1:] {
		if err := step(tx); err != nil {
			return fmt.Errorf("store/bolt: from version %d: %w", version, err)
		}
		version++
	}
	return saveVersion(tx, version)
}
