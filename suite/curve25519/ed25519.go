package curve25519

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha512"
	"errors"
	"io"

	"filippo.io/edwards25519"

	"github.com/mlsuite/mlsuite/internal/frequent"
	"github.com/mlsuite/mlsuite/suite"
)

// Ed25519 returns ed25519, TLS SignatureScheme 0x0807, with the sizes, signatures and verdicts
// of [suite.Ed25519]. Signers keep their keys expanded. The scheme keeps a table for each of
// up to 512 public keys that it verifies with often: 10 kB each.
func Ed25519() suite.SignatureScheme {
	a := suite.Ed25519Algorithm()
	a.Info.Provenance = suite.ProvidedBy(
		suite.Provided{Primitive: a.Info.Classical, Package: "filippo.io/edwards25519"},
		suite.Provided{Primitive: a.Info.Classical, Package: "crypto/ed25519"})
	a.Expand = func(key ed25519.PrivateKey) crypto.Signer { return expand(key) }
	const slots, after = 512, 3 // a table takes as long as three of the checks that it shortens
	keys, verify := frequent.New(slots, after, newVerifier), a.Verify
	a.Verify = func(pub, message, sig []byte) error {
		if v := keys.Peek(pub); v != nil {
			return v.verify(message, sig)
		}
		return verify(pub, message, sig)
	}
	a.VerifyAgain = func(pub, message, sig []byte) error {
		if v := keys.Use(pub); v != nil {
			return v.verify(message, sig)
		}
		return verify(pub, message, sig)
	}
	return suite.NewSignatureScheme(a)
}

// signingKey is a private key that is hashed and multiplied out (RFC 8032, Section 5.1.5).
type signingKey struct {
	scalar edwards25519.Scalar // s
	prefix [32]byte
	public ed25519.PublicKey // A
}

func expand(key ed25519.PrivateKey) *signingKey {
	h := sha512.Sum512(key.Seed())
	defer clear(h[:])
	k := &signingKey{prefix: [32]byte(h[32:]), public: key.Public().(ed25519.PublicKey)}
	if _, err := k.scalar.SetBytesWithClamping(h[:32]); err != nil {
		panic(err) // which is for another length
	}
	return k
}

func (k *signingKey) Public() crypto.PublicKey { return k.public }

// Sign is RFC 8032, Section 5.1.6.
func (k *signingKey) Sign(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() != 0 {
		return nil, errors.New("curve25519: Ed25519 signs messages, not digests")
	}
	sig := make([]byte, ed25519.SignatureSize)
	var nonce, challenge edwards25519.Scalar
	hashTo(&nonce, k.prefix[:], nil, message)
	copy(sig, new(edwards25519.Point).ScalarBaseMult(&nonce).Bytes())
	hashTo(&challenge, sig[:32], k.public, message)
	copy(sig[32:], challenge.MultiplyAdd(&challenge, &k.scalar, &nonce).Bytes())
	nonce.Set(edwards25519.NewScalar())
	return sig, nil
}

// hashTo sets s to the SHA-512 hash of three parts as a number modulo the order of the group.
// Of short messages it hashes a copy on the stack.
func hashTo(s *edwards25519.Scalar, a, b, message []byte) {
	var digest [sha512.Size]byte
	var room [2048]byte
	if len(a)+len(b)+len(message) <= len(room) {
		digest = sha512.Sum512(append(append(append(room[:0], a...), b...), message...))
		clear(room[:len(a)+len(b)])
	} else {
		digest = hashed(a, b, message)
	}
	defer clear(digest[:])
	if _, err := s.SetUniformBytes(digest[:]); err != nil {
		panic(err) // which is for another length
	}
}

func hashed(parts ...[]byte) [sha512.Size]byte {
	h := sha512.New()
	for _, p := range parts {
		h.Write(p)
	}
	return [sha512.Size]byte(h.Sum(nil))
}

// verifier verifies with one public key.
type verifier struct {
	public   [ed25519.PublicKeySize]byte // A
	negative *multiples                  // of -A
}

// newVerifier returns nil for 32 bytes that encode no point.
func newVerifier(pub []byte) *verifier {
	a, err := new(edwards25519.Point).SetBytes(pub)
	if err != nil {
		return nil
	}
	const spread = 8 // 64 points
	return &verifier{[ed25519.PublicKeySize]byte(pub), newMultiples(a.Negate(a), 4, spread)}
}

// verify is RFC 8032, Section 5.1.7, without the cofactor, as crypto/ed25519 has it: S is
// reduced, and R is compared as it is encoded.
func (v *verifier) verify(message, sig []byte) error {
	if len(sig) != ed25519.SignatureSize {
		return suite.ErrVerify
	}
	var s, challenge edwards25519.Scalar
	if _, err := s.SetCanonicalBytes(sig[32:]); err != nil {
		return suite.ErrVerify
	}
	hashTo(&challenge, sig[:32], v.public[:], message)
	r := edwards25519.NewIdentityPoint()
	v.negative.addTo(r, &challenge)
	ofBase().addTo(r, &s)
	if [32]byte(r.Bytes()) != [32]byte(sig) {
		return suite.ErrVerify
	}
	return nil
}
