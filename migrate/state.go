package migrate

import (
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// The records of a saved Migration: states of package mls, encoded.
const (
	recordKeyPackage = "key package"
	recordMade       = "made"
)

// Save returns the Migration's state, with its secrets: see [mls.Record]. If the
// Migration has made a group, the state holds the group and the Welcome, and is O(n). The
// error is [ErrEntered] or [ErrDestroyed] if the Migration is over.
func (m *Migration) Save() (mls.Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over != nil {
		return nil, m.over
	}
	var s mls.Snapshot
	put := func(key string, save func() (mls.Snapshot, error)) error {
		state, err := save()
		if err != nil {
			return err
		}
		defer state.Destroy()
		value, err := state.Marshal()
		if err != nil {
			return err
		}
		s = append(s, mls.Record{Key: []byte(key), Value: value})
		return nil
	}
	err := put(recordKeyPackage, m.own.Save)
	if err == nil && m.made != nil {
		err = put(recordMade, m.made.Save)
	}
	if err != nil {
		s.Destroy()
		return nil, err
	}
	return s, nil
}

// Restore returns the Migration that [Migration.Save] saved. cfg is that of [Prepare].
// The errors are those of [mls.RestoreKeyPackage] and [mls.RestoreCandidate].
func Restore(now time.Time, cfg mls.Config, state mls.Snapshot) (*Migration, error) {
	m := &Migration{cfg: cfg}
	for i, r := range state {
		inner, err := mls.ParseSnapshot(r.Value)
		if err != nil {
			return nil, err
		}
		defer inner.Destroy()
		switch key := string(r.Key); {
		case i == 0 && key == recordKeyPackage:
			m.own, err = mls.RestoreKeyPackage(now, cfg, inner)
		case i == 1 && key == recordMade:
			m.made, err = mls.RestoreCandidate(now, cfg, inner)
		default:
			err = fmt.Errorf("migrate: saved migration is %w: record %q has no place in it", message.ErrMalformed, key)
		}
		if err != nil {
			return nil, err
		}
	}
	if m.own == nil {
		return nil, fmt.Errorf("migrate: saved migration is %w: there is no key package", message.ErrMalformed)
	}
	return m, nil
}
