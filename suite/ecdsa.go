package suite

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/internal/provenance"
)

// ECDSAP256 returns ecdsa_secp256r1_sha256, TLS SignatureScheme 0x0403: public keys of 65
// bytes, private keys of 32, signatures of up to 72.
//
// The three ECDSA schemes are those of crypto/ecdsa. Public keys are uncompressed points
// (RFC 9420, Section 5.1.1), signatures are DER (Section 5.1.2), and private keys are
// big-endian scalars of the field's length, with leading zeros.
func ECDSAP256() SignatureScheme {
	return newECDSA(elliptic.P256(), crypto.SHA256, SignatureRow(0x0403).Info)
}

// ECDSAP384 returns ecdsa_secp384r1_sha384, TLS SignatureScheme 0x0503: public
// keys of 97 bytes, private keys of 48, signatures of up to 104. See [ECDSAP256].
func ECDSAP384() SignatureScheme {
	return newECDSA(elliptic.P384(), crypto.SHA384, SignatureRow(0x0503).Info)
}

// ECDSAP521 returns ecdsa_secp521r1_sha512, TLS SignatureScheme 0x0603: public
// keys of 133 bytes, private keys of 66, signatures of up to 139. See [ECDSAP256].
func ECDSAP521() SignatureScheme {
	return newECDSA(elliptic.P521(), crypto.SHA512, SignatureRow(0x0603).Info)
}

func newECDSA(curve elliptic.Curve, hash crypto.Hash, info SignatureInfo) SignatureScheme {
	info.Provenance = ProvidedBy(Provided{Primitive: "ECDSA " + info.Classical, Package: "crypto/ecdsa"})
	parse := func(pub []byte) (*ecdsa.PublicKey, error) {
		key, err := ecdsa.ParseUncompressedPublicKey(curve, pub)
		if err != nil {
			return nil, errors.New("no uncompressed point of the curve")
		}
		return key, nil
	}
	return NewSignatureScheme(SignatureAlgorithm[*ecdsa.PrivateKey]{
		Own:  provenance.This(),
		Info: info,
		Hash: hash,
		Generate: func() (*ecdsa.PrivateKey, error) {
			return ecdsa.GenerateKey(curve, rand.Reader)
		},
		Parse: func(b []byte) (*ecdsa.PrivateKey, error) {
			key, err := ecdsa.ParseRawPrivateKey(curve, b)
			if err != nil {
				return nil, errors.New("no scalar in [1, order)")
			}
			return key, nil
		},
		Bytes: func(key *ecdsa.PrivateKey) ([]byte, error) {
			//lint:ignore SA1019 Bytes of a key with a part missing panics
			if key == nil || key.D == nil || key.X == nil || key.Y == nil {
				return nil, errors.New("no key")
			}
			if key.Curve != curve {
				return nil, errors.New("not on " + info.Classical)
			}
			return key.Bytes()
		},
		EncodePublic: func(key crypto.PublicKey) ([]byte, error) {
			pub, ok := key.(*ecdsa.PublicKey)
			if !ok {
				return nil, fmt.Errorf("type %T, want %T", key, pub)
			}
			//lint:ignore SA1019 Bytes of a key with a part missing panics
			if pub == nil || pub.X == nil || pub.Y == nil {
				return nil, errors.New("no key")
			}
			if pub.Curve != curve {
				return nil, errors.New("not on " + info.Classical)
			}
			return pub.Bytes()
		},
		CheckPublic: func(pub []byte) error {
			_, err := parse(pub)
			return err
		},
		CheckVerified: func([]byte) error { return nil }, // Verify has parsed it
		Verify: func(pub, message, sig []byte) error {
			key, err := parse(pub)
			if err != nil {
				return &KeyError{Algorithm: info.Name, Rule: err.Error()}
			}
			h := hash.New()
			h.Write(message)
			if !ecdsa.VerifyASN1(key, h.Sum(nil), sig) {
				return ErrVerify
			}
			return nil
		},
	})
}
