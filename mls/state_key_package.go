package mls

import (
	"bytes"
	"errors"
	"time"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// savedKeyPackage is a KeyPackage with its private parts.
//
//	struct {
//	    KeyPackage key_package;
//	    SavedKey init_key;
//	    SavedKey leaf_key;
//	    uint8 last_resort;                  // 0 or 1
//	    select (SavedKeyPackage.last_resort) {
//	        case 1: opaque joined<V><V>;    // confirmation tags of the epochs that it joined
//	    };
//	} SavedKeyPackage;
type savedKeyPackage struct {
	keyPackage       message.KeyPackage
	initKey, leafKey savedKey
	lastResort       bool
	joined           [][]byte
}

func (k *savedKeyPackage) marshal(w *wire.Writer) {
	message.Write(w, &k.keyPackage)
	size := k.initKey.size() + k.leafKey.size() + 1 + 4
	for _, tag := range k.joined {
		size += wire.SizeOfVector(len(tag))
	}
	w.Grow(size) // or the keys would stay behind in an outgrown buffer
	k.initKey.marshal(w)
	k.leafKey.marshal(w)
	if w.Optional(k.lastResort) {
		w.Vector(func(w *wire.Writer) {
			for _, tag := range k.joined {
				w.Bytes(tag)
			}
		})
	}
}

func (k *savedKeyPackage) unmarshal(r *wire.Reader) {
	message.Read(r, &k.keyPackage)
	k.initKey.unmarshal(r)
	k.leafKey.unmarshal(r)
	if k.lastResort = r.Optional(); k.lastResort {
		for v := r.Vector(); !v.Empty(); {
			k.joined = append(k.joined, v.Bytes())
		}
	}
}

// Save returns the KeyPackage with its private parts, from which [RestoreKeyPackage]
// restores it. After Save, a group that is joined by the KeyPackage has to be saved before
// it sends: see [ErrUnsaved].
//
// Errors:
//
//   - [ErrKeyPackageUsed]: an adopted join has used the private parts, or they were
//     deleted.
//   - the suite's own: a private key cannot be saved.
func (k *OwnKeyPackage) Save() (Snapshot, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.initKey == nil {
		return nil, ErrKeyPackageUsed
	}
	initKey, err := saveKey(k.initKey)
	if err != nil {
		return nil, err
	}
	defer clear(initKey.key)
	leafKey, err := saveKey(k.leafKey)
	if err != nil {
		return nil, err
	}
	defer clear(leafKey.key)
	value, err := wire.Marshal((&savedKeyPackage{*k.KeyPackage, initKey, leafKey, k.lastResort, k.joined}).marshal)
	if err != nil {
		return nil, err
	}
	k.saved = true
	return Snapshot{{recordKeyPackage.key(), value}}, nil
}

// RestoreKeyPackage returns the KeyPackage that [OwnKeyPackage.Save] saved. cfg is the
// client's, with the signer of the KeyPackage; cfg.Suite has to be the KeyPackage's cipher
// suite. RestoreKeyPackage asks the policy whether the KeyPackage may be read.
//
// Errors:
//
//   - those of [RestoreGroup].
func RestoreKeyPackage(now time.Time, cfg Config, state Snapshot) (*OwnKeyPackage, error) {
	s, err := cfg.suite(suite.Receive, now)
	if err != nil {
		return nil, err
	}
	if len(state) != 1 || !bytes.Equal(state[0].Key, recordKeyPackage.key()) {
		return nil, badState("it is not that of a key package")
	}
	saved, err := wire.ParseNew(state[0].Value, "key package", (*savedKeyPackage).unmarshal)
	if err != nil {
		return nil, err
	}
	defer clear(saved.initKey.key)
	defer clear(saved.leafKey.key)
	kp := &saved.keyPackage
	if err := check.KeyPackage(kp, s); err != nil {
		return nil, err
	}
	if !bytes.Equal(cfg.Signer.PublicKey(), kp.LeafNode.SignatureKey) {
		return nil, errors.New("mls: Config.Signer does not have the signature key of the key package")
	}
	q := cfg.ask(suite.Receive, now)
	if err := q.keyPackage(s, kp); err != nil {
		return nil, err
	}
	if err := q.token(cfg.Signer); err != nil {
		return nil, err
	}
	k := &OwnKeyPackage{KeyPackage: kp, cfg: cfg, suite: s, lastResort: saved.lastResort, joined: saved.joined, saved: true}
	if k.Ref, err = check.KeyPackageRef(s, kp); err != nil {
		return nil, err
	}
	if k.initKey, err = openPairedKey(s, &saved.initKey, kp.InitKey); err != nil {
		return nil, err
	}
	if k.leafKey, err = openPairedKey(s, &saved.leafKey, kp.LeafNode.EncryptionKey); err != nil {
		k.initKey.Abandon()
		return nil, err
	}
	return k, nil
}
