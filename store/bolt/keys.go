package bolt

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"

	"go.etcd.io/bbolt"

	"github.com/mlsuite/mlsuite/store"
)

// A file has data keys, which seal values, and which the caller's key seals. A data key
// seals maxSealed values and is then replaced, since the nonces are random and NIST SP
// 800-38D, Section 8.3, lets a key seal 2^32 values.
//
//	struct {
//	    uint32 data_key;
//	    opaque nonce[12];
//	    opaque ciphertext[];        // with the tag; additional data: label, key of the entry
//	} SealedValue;
const maxSealed = 1 << 31

const (
	labelValue   = "mlsuite store/bolt value "
	labelDataKey = "mlsuite store/bolt data key "
)

// dataKeys are the keys of a file. Its writers are one at a time, and a key stays here even
// if the file has it no more, for those who still read an older state.
type dataKeys struct {
	caller cipher.AEAD

	mu  sync.RWMutex
	all map[uint32]cipher.AEAD
}

// sealer is the data key that an Update uses.
type sealer struct {
	id     uint32
	sealed uint64 // values so far
}

func newDataKeys(callersKey []byte) (*dataKeys, error) {
	caller, err := newAEAD(callersKey)
	return &dataKeys{caller: caller, all: map[uint32]cipher.AEAD{}}, err
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// read adds the keys that a file has.
func (k *dataKeys) read(tx *bbolt.Tx) error {
	return tx.Bucket(keysBucket).ForEach(func(name, sealed []byte) error {
		if len(name) != 4 {
			return fmt.Errorf("%w: number of a data key", store.ErrDamaged)
		}
		key, err := k.caller.Open(nil, nil, sealed, append([]byte(labelDataKey), name...))
		if err != nil {
			return store.ErrKey
		}
		defer clear(key)
		return k.add(binary.BigEndian.Uint32(name), key)
	})
}

func (k *dataKeys) add(id uint32, key []byte) error {
	aead, err := newAEAD(key)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all[id] = aead
	return nil
}

// next makes the data key with the number id, as part of an Update. If that fails, the
// next one makes another.
func (k *dataKeys) next(tx *bbolt.Tx, id uint32) (sealer, error) {
	key := make([]byte, 32)
	defer clear(key)
	rand.Read(key)
	if err := k.add(id, key); err != nil {
		return sealer{}, err
	}
	name := binary.BigEndian.AppendUint32(nil, id)
	sealed := k.caller.Seal(nil, nil, key, append([]byte(labelDataKey), name...))
	return sealer{id: id}, tx.Bucket(keysBucket).Put(name, sealed)
}

func (k *dataKeys) get(id uint32) cipher.AEAD {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.all[id]
}

// seal returns the SealedValue of value under key.
func (k *dataKeys) seal(with *sealer, key, value []byte) []byte {
	with.sealed++
	out := binary.BigEndian.AppendUint32(make([]byte, 0, 4+12+len(value)+16), with.id)
	return k.get(with.id).Seal(out, nil, value, append([]byte(labelValue), key...))
}

// open is the reverse of seal. What it returns is not nil.
func (k *dataKeys) open(key, sealed []byte) ([]byte, error) {
	if len(sealed) < 4 {
		return nil, fmt.Errorf("%w: short value", store.ErrDamaged)
	}
	aead := k.get(binary.BigEndian.Uint32(sealed))
	if aead == nil {
		return nil, fmt.Errorf("%w: value of an unknown data key", store.ErrDamaged)
	}
	value, err := aead.Open([]byte{}, nil, sealed[4:], append([]byte(labelValue), key...))
	if err != nil {
		return nil, fmt.Errorf("%w: a value is not what was written in its place", store.ErrDamaged)
	}
	return value, nil
}
