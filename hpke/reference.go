package hpke

import (
	"fmt"

	"github.com/mlsuite/mlsuite/suite"
)

// ReferencedKEMKey is implemented by a [KEMPrivateKey] that cannot give its bytes but can
// be found again: see [suite.ReferencedKey].
type ReferencedKEMKey interface {
	KEMPrivateKey

	// Reference returns the reference by which the KEM's OpenReference finds the key.
	Reference() ([]byte, error)
}

// ReferenceKEM is a [KEM] whose private keys are [ReferencedKEMKey]s: see
// [suite.ReferenceOpener].
type ReferenceKEM interface {
	KEM

	// OpenReference returns the key that a reference names, or a [*suite.KeyError] if it
	// names none.
	OpenReference(reference []byte) (KEMPrivateKey, error)
}

// OpenReference implements [suite.ReferenceOpener] where the KEM does.
func (s *scheme) OpenReference(reference []byte) (suite.PrivateKey, error) {
	kem, ok := s.kem().(ReferenceKEM)
	if !ok {
		return nil, fmt.Errorf("%w: %s has no references", suite.ErrNotExportable, s.KEMInfo().Name)
	}
	return s.private(kem.OpenReference(reference))
}

// Reference implements [suite.ReferencedKey] where the KEM's key does.
func (k *privateKey) Reference() ([]byte, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	switch key := k.key.(type) {
	case nil:
		return nil, suite.ErrDestroyed
	case ReferencedKEMKey:
		return key.Reference()
	}
	return nil, fmt.Errorf("%w: it has no reference either", suite.ErrNotExportable)
}
