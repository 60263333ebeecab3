package circl

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"

	"github.com/cloudflare/circl/ecc/goldilocks"
	"github.com/cloudflare/circl/sign/ed448"

	"github.com/mlsuite/mlsuite/internal/provenance"
	"github.com/mlsuite/mlsuite/suite"
)

// Ed448 returns ed448, TLS SignatureScheme 0x0808: public keys of 57 bytes, signatures of
// 114, private keys as 57-byte seeds (RFC 8032, Section 5.2.5). The context is empty.
//
// CheckSignatureKey refuses the points of small order and what RFC 8032, Section 5.2.3,
// does not decode. Points whose order is that of the group times 2 or 4 pass.
//
// Verify accepts keys as circl does. It tells a key of a wrong length from a bad
// signature; for 57 bytes that encode no point, the error is ErrVerify.
func Ed448() suite.SignatureScheme {
	info := suite.SignatureRow(0x0808).Info
	info.Provenance = suite.ProvidedBy(suite.Provided{Primitive: info.Classical, Package: "github.com/cloudflare/circl/sign/ed448"})
	return suite.NewSignatureScheme(suite.SignatureAlgorithm[ed448.PrivateKey]{
		Own:  provenance.This(),
		Info: info,
		Generate: func() (ed448.PrivateKey, error) {
			_, key, err := ed448.GenerateKey(nil)
			return key, err
		},
		Parse: func(seed []byte) (ed448.PrivateKey, error) { return ed448.NewKeyFromSeed(seed), nil },
		Bytes: func(key ed448.PrivateKey) ([]byte, error) {
			// NewSigner may be given anything, and Seed and Public panic.
			if len(key) != ed448.PrivateKeySize {
				return nil, fmt.Errorf("length %d, want %d", len(key), ed448.PrivateKeySize)
			}
			return key.Seed(), nil
		},
		EncodePublic: func(key crypto.PublicKey) ([]byte, error) {
			pub, ok := key.(ed448.PublicKey)
			if !ok {
				return nil, fmt.Errorf("type %T, want %T", key, pub)
			}
			return bytes.Clone(pub), nil
		},
		CheckPublic: checkEd448,
		Verify: func(pub, message, sig []byte) error {
			if !ed448.Verify(pub, message, sig, "") {
				return suite.ErrVerify
			}
			return nil
		},
	})
}

// checkEd448 returns the rule that pub, 57 bytes, breaks as a public key: it is the
// encoding of a point of edwards448 (RFC 8032, Section 5.2.3), whose order is not 1, 2
// or 4.
func checkEd448(pub []byte) error {
	if _, err := goldilocks.FromBytes(pub); err != nil {
		return errors.New("no point of the curve, or one whose coordinate is not reduced")
	}
	if unitOrZero448(pub[:56]) { // y: the points (0, 1), (0, -1), (1, 0) and (-1, 0)
		return errors.New("a point of small order")
	}
	return nil
}
