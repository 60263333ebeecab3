package suite

import "fmt"

// ReferencedKey is implemented by a [PrivateKey] that cannot give its bytes but can be
// found again, such as a key that hardware keeps under a name or hands out wrapped. With
// it, a state that holds the key can be saved.
type ReferencedKey interface {
	PrivateKey

	// Reference returns the reference by which [OpenReference] finds the key until
	// somebody destroys the key, by whichever of its handles. It is opaque, and as secret as
	// the provider says.
	Reference() ([]byte, error)
}

// ReferenceOpener is implemented by a [Suite], or by the [HPKEScheme] in one, whose
// private keys are [ReferencedKey]s.
type ReferenceOpener interface {
	// OpenReference returns the key that a reference names. It returns [ErrNotExportable]
	// if the provider has no references, and a [*KeyError] if the reference names no key.
	OpenReference(reference []byte) (PrivateKey, error)
}

// Reference returns the reference of a key, or [ErrNotExportable] if it has none.
func Reference(key PrivateKey) ([]byte, error) {
	if k, ok := key.(ReferencedKey); ok {
		return k.Reference()
	}
	return nil, fmt.Errorf("%w: it has no reference either", ErrNotExportable)
}

// OpenReference returns the key that a reference names, which a key of s gave. It returns
// [ErrNotExportable] if s has no references, and a [*KeyError] if the reference names no
// key.
func OpenReference(s Suite, reference []byte) (PrivateKey, error) {
	if o, ok := s.(ReferenceOpener); ok {
		return o.OpenReference(reference)
	}
	return nil, fmt.Errorf("%w: %s has no references", ErrNotExportable, s.Info().ID)
}

// OpenReference passes the reference to the HPKE scheme.
func (c *composed) OpenReference(reference []byte) (PrivateKey, error) {
	if o, ok := c.hpkePart.(ReferenceOpener); ok {
		return o.OpenReference(reference)
	}
	return nil, fmt.Errorf("%w: %s has no references", ErrNotExportable, c.info.ID)
}
