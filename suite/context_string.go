package suite

import (
	"crypto"
	"fmt"

	"github.com/mlsuite/mlsuite/internal/provenance"
)

// ContextScheme is implemented by a [SignatureScheme] whose signatures can be bound to a
// context string, as those of ML-DSA can (FIPS 204, Section 5.2). MLS signs under the empty
// string. A scheme that has ML-DSA as a part may sign under another.
type ContextScheme interface {
	SignatureScheme

	// WithContext returns the scheme of the same keys that signs and verifies under a
	// context string of at most 255 bytes. A signature under one string is none under
	// another. It returns an error for a longer string.
	WithContext(context string) (SignatureScheme, error)
}

// MaxContext is the length of the longest context string, in bytes (FIPS 204, Section 5.2).
const MaxContext = 255

// contextScheme is a signatureScheme whose algorithm has contexts.
type contextScheme[K crypto.Signer] struct{ *signatureScheme[K] }

// Own implements what package provenance asks.
func (s *contextScheme[K]) Own() provenance.Proof { return s.proofOf(s) }

// WithContext implements [ContextScheme].
func (s *contextScheme[K]) WithContext(context string) (SignatureScheme, error) {
	if len(context) > MaxContext {
		return nil, fmt.Errorf("suite: a context string of %s has at most %d bytes, not %d", s.alg.Info.Name, MaxContext, len(context))
	}
	return NewSignatureScheme(s.alg.WithContext(context)), nil
}
