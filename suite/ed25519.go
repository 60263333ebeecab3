package suite

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"fmt"

	"github.com/mlsuite/mlsuite/internal/provenance"
)

// Ed25519 returns ed25519, TLS SignatureScheme 0x0807, from crypto/ed25519: public keys
// of 32 bytes, signatures of 64, private keys as 32-byte seeds (RFC 8032, Section 5.1.5).
//
// CheckSignatureKey refuses the points of small order and what RFC 8032, Section 5.1.3,
// does not decode. Points whose order is that of the group times 2, 4 or 8 pass.
//
// Verify gives the verdicts of crypto/ed25519, which accepts the keys that
// CheckSignatureKey refuses. It tells a key of a wrong length from a bad signature; for
// 32 bytes that encode no point, the error is ErrVerify.
func Ed25519() SignatureScheme { return NewSignatureScheme(Ed25519Algorithm()) }

// Ed25519Algorithm returns the functions of [Ed25519], for schemes that differ in some of
// them.
func Ed25519Algorithm() SignatureAlgorithm[ed25519.PrivateKey] {
	info := SignatureRow(0x0807).Info
	info.Provenance = ProvidedBy(Provided{Primitive: info.Classical, Package: "crypto/ed25519"})
	return SignatureAlgorithm[ed25519.PrivateKey]{
		Own:  provenance.This(),
		Info: info,
		Generate: func() (ed25519.PrivateKey, error) {
			_, key, err := ed25519.GenerateKey(nil)
			return key, err
		},
		Parse: func(seed []byte) (ed25519.PrivateKey, error) { return ed25519.NewKeyFromSeed(seed), nil },
		Bytes: func(key ed25519.PrivateKey) ([]byte, error) {
			// NewSigner may be given anything, and Seed and Public panic.
			if len(key) != ed25519.PrivateKeySize {
				return nil, fmt.Errorf("length %d, want %d", len(key), ed25519.PrivateKeySize)
			}
			return key.Seed(), nil
		},
		EncodePublic: func(key crypto.PublicKey) ([]byte, error) {
			pub, ok := key.(ed25519.PublicKey)
			if !ok {
				return nil, fmt.Errorf("type %T, want %T", key, pub)
			}
			return bytes.Clone(pub), nil
		},
		CheckPublic: checkEd25519,
		// Verify has decoded the point.
		CheckVerified: checkEncodingEd25519,
		Verify: func(pub, message, sig []byte) error {
			if !ed25519.Verify(pub, message, sig) {
				return ErrVerify
			}
			return nil
		},
	}
}
