package hybrid

import (
	"crypto"
	"crypto/sha512"
	"errors"
	"fmt"
	"slices"

	"github.com/mlsuite/mlsuite/internal/provenance"
	"github.com/mlsuite/mlsuite/suite"
)

// NewComposite returns the composite of ML-DSA and a classical scheme that p describes, as in
// draft-ietf-lamps-pq-composite-sigs. Both sign the message representative (Section 2.2)
//
//	"CompositeAlgorithmSignatures2025" || Label || len(ctx) || ctx || SHA-512(message)
//
// and ML-DSA does so under the context string Label. The application's own ctx is empty; the
// scheme is a [suite.ContextScheme] for programs that need one.
//
// A public key, a private key or a signature is that of ML-DSA with the classical one behind
// it (Section 4). Classical public keys and signatures are those of RFC 9420, Sections 5.1.1
// and 5.1.2. The private key of ML-DSA is its seed of 32 bytes, that of EdDSA its seed, and
// that of ECDSA an ECPrivateKey (RFC 5915) that names the curve and leaves out the public key.
// Other encodings of these keys are refused.
//
// A signature is valid if both halves are, so nobody forges one who cannot forge both. It
// can still be changed into another of the same message: one half of each of two signatures
// makes a third, and anybody can turn an ECDSA signature into another (Section 9.2.2).
//
// NewSigner takes a [CompositeKey]. NewComposite returns an error if a part is missing or is
// not what p wants.
func NewComposite(p CompositeParams) (suite.SignatureScheme, error) {
	c, err := newComposite(p)
	if err != nil {
		return nil, fmt.Errorf("hybrid: %s: %w", p.Name, err)
	}
	return c.under(""), nil
}

// newComposite returns the composite without a context.
func newComposite(p CompositeParams) (*composite, error) {
	if p.PQ == nil || p.Classical == nil {
		return nil, fmt.Errorf("%s or the scheme on %s is missing", p.MLDSA, p.Curve)
	}
	if p.Scheme == 0 || p.Name == "" || p.Label == "" {
		return nil, errors.New("the code point, the name or the label is missing")
	}
	contexts, ok := p.PQ.(suite.ContextScheme)
	if !ok {
		return nil, fmt.Errorf("%s takes no context string", p.PQ.SignatureInfo().Name)
	}
	labelled, err := contexts.WithContext(p.Label)
	if err != nil {
		return nil, err
	}
	pq, classical := labelled.SignatureInfo(), p.Classical.SignatureInfo()
	if pq.PostQuantum != p.MLDSA || pq.Classical != "" || pq.PrivateKey != seedSize {
		return nil, fmt.Errorf("%s is not %s with seeds of %d bytes as private keys", pq.Name, p.MLDSA, seedSize)
	}
	if classical.Classical != p.Curve || classical.PostQuantum != "" {
		return nil, fmt.Errorf("%s is not on %s", classical.Name, p.Curve)
	}
	encoding, err := encodingOf(classical)
	if err != nil {
		return nil, err
	}
	return &composite{
		info: suite.SignatureInfo{
			Scheme: p.Scheme, Name: p.Name, Level: max(pq.Level, classical.Level),
			Classical: p.Curve, PostQuantum: p.MLDSA, Hash: "SHA-512",
			PublicKey:  pq.PublicKey + classical.PublicKey,
			PrivateKey: seedSize + encoding.size(classical.PrivateKey),
			Signature:  pq.Signature + classical.Signature,
			Provenance: pq.Provenance.SaidBy(labelled, pq.Name).With(
				classical.Provenance.SaidBy(p.Classical, classical.Name),
				suite.ProvidedBy(suite.Provided{Primitive: "SHA-512", Package: "crypto/sha512"})),
		},
		pq: labelled, pqInfo: pq, classical: p.Classical, classicalInfo: classical,
		encoding: encoding, label: p.Label,
	}, nil
}

// composite is a scheme of two parts.
type composite struct {
	info                  suite.SignatureInfo
	pq, classical         suite.SignatureScheme // pq signs under the label
	pqInfo, classicalInfo suite.SignatureInfo
	encoding              keyEncoding // of the classical private key

	label  string
	before []byte // of the message representative: what stands before the hash
}

func (c *composite) Own() provenance.Proof { return provenance.Of(c) }

func (c *composite) SignatureInfo() suite.SignatureInfo { return c.info }

// WithContext implements [suite.ContextScheme]: it returns the scheme of the same keys with
// the application's ctx of at most 255 bytes (Section 2.2). MLS has none.
func (c *composite) WithContext(context string) (suite.SignatureScheme, error) {
	if len(context) > suite.MaxContext {
		return nil, fmt.Errorf("hybrid: a context string of %s has at most %d bytes, not %d", c.info.Name, suite.MaxContext, len(context))
	}
	return c.under(context), nil
}

// under returns the scheme with a ctx of at most 255 bytes.
func (c *composite) under(context string) *composite {
	const prefix = "CompositeAlgorithmSignatures2025"
	d := *c
	d.before = slices.Concat([]byte(prefix+c.label), []byte{byte(len(context))}, []byte(context))
	return &d
}

// representative is M' of a message (Section 2.2).
func (c *composite) representative(message []byte) []byte {
	digest := sha512.Sum512(message)
	return slices.Concat(c.before, digest[:])
}

func (c *composite) CheckSignatureKey(pub []byte) error {
	pq, classical, err := c.split(pub)
	if err != nil {
		return err
	}
	if err := c.pq.CheckSignatureKey(pq); err != nil {
		return err
	}
	return c.classical.CheckSignatureKey(classical)
}

func (c *composite) split(pub []byte) (pq, classical []byte, err error) {
	if len(pub) != c.info.PublicKey {
		return nil, nil, c.keyError(false, fmt.Sprintf("length %d, want %d", len(pub), c.info.PublicKey))
	}
	n := c.pqInfo.PublicKey
	return pub[:n:n], pub[n:], nil
}

func (c *composite) Verify(pub, message, sig []byte) error {
	return c.verify(suite.Signature.Verify, pub, message, sig)
}

// VerifyFirst implements [suite.FirstVerifier].
func (c *composite) VerifyFirst(pub, message, sig []byte) error {
	return c.verify(suite.VerifyFirst, pub, message, sig)
}

// verify verifies both halves with a function. What is too short for the half of ML-DSA has
// none of the classical part.
func (c *composite) verify(half func(s suite.Signature, pub, message, sig []byte) error, pub, message, sig []byte) error {
	pq, classical, err := c.split(pub)
	if err != nil {
		return err
	}
	n := min(len(sig), c.pqInfo.Signature)
	representative := c.representative(message)
	if err := half(c.classical, classical, representative, sig[n:]); err != nil {
		if keyErr := c.pq.CheckSignatureKey(pq); keyErr != nil && errors.Is(err, suite.ErrVerify) {
			return keyErr
		}
		return err
	}
	return half(c.pq, pq, representative, sig[:n:n])
}

func (c *composite) GenerateSigner() (suite.Signer, error) {
	pq, err := c.pq.GenerateSigner()
	if err != nil {
		return nil, err
	}
	classical, err := c.classical.GenerateSigner()
	if err != nil {
		return nil, err
	}
	return c.signer(pq, classical)
}

func (c *composite) ParseSigner(b []byte) (suite.Signer, error) {
	if len(b) != c.info.PrivateKey {
		return nil, c.keyError(true, fmt.Sprintf("length %d, want %d", len(b), c.info.PrivateKey))
	}
	key, ok := c.encoding.decode(b[seedSize:])
	if !ok {
		return nil, c.keyError(true, "the classical half is no ECPrivateKey of "+c.info.Classical+" without a public key")
	}
	pq, err := c.pq.ParseSigner(b[:seedSize:seedSize])
	if err != nil {
		return nil, err
	}
	classical, err := c.classical.ParseSigner(key)
	if err != nil {
		return nil, err
	}
	return c.signer(pq, classical)
}

func (c *composite) NewSigner(key crypto.Signer) (suite.Signer, error) {
	k, ok := key.(CompositeKey)
	if !ok {
		return nil, c.keyError(true, fmt.Sprintf("type %T, want %T", key, k))
	}
	pq, err := c.pq.NewSigner(k.PQ)
	if err != nil {
		return nil, err
	}
	classical, err := c.classical.NewSigner(k.Classical)
	if err != nil {
		return nil, err
	}
	return c.signer(pq, classical)
}

func (c *composite) keyError(private bool, rule string) error {
	return &suite.KeyError{Algorithm: c.info.Name, Private: private, Rule: rule}
}
