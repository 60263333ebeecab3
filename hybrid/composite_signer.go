package hybrid

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/mlsuite/mlsuite/suite"
)

// CompositeKey is a private key of a composite whose halves live elsewhere, such as one in a
// PKCS #11 token and one in a KMS (draft-ietf-lamps-pq-composite-sigs, Section 3.2). NewSigner
// of the composite takes it, and gives each half to NewSigner of its part.
//
// Each half is of this key alone: whoever uses it by itself, or in another composite, allows
// forgeries (Section 9.3).
type CompositeKey struct{ PQ, Classical crypto.Signer }

// Public returns both public keys in a [CompositePublicKey].
func (k CompositeKey) Public() crypto.PublicKey {
	var pub CompositePublicKey
	if k.PQ != nil {
		pub.PQ = k.PQ.Public()
	}
	if k.Classical != nil {
		pub.Classical = k.Classical.Public()
	}
	return pub
}

// Sign returns an error: the halves of a composite sign what its scheme tells them.
func (k CompositeKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("hybrid: a composite key signs by the signer that NewSigner of its scheme returns")
}

// CompositePublicKey is the public key of a [CompositeKey].
type CompositePublicKey struct{ PQ, Classical crypto.PublicKey }

// keyEncoding is what the draft has around the private key of a part (Section 4).
type keyEncoding struct{ before, after []byte }

// encodingOf returns the encoding of the classical private keys of a scheme.
func encodingOf(classical suite.SignatureInfo) (keyEncoding, error) {
	var curve []byte // object identifier, in DER
	size := 0
	switch classical.Classical {
	case "Ed25519", "Ed448":
		return keyEncoding{}, nil
	case "P-256":
		size, curve = 32, []byte{0x06, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7} // 1.2.840.10045.3.1.7
	case "P-384":
		size, curve = 48, []byte{0x06, 5, 0x2B, 0x81, 4, 0, 34} // 1.3.132.0.34
	case "P-521":
		size, curve = 66, []byte{0x06, 5, 0x2B, 0x81, 4, 0, 35} // 1.3.132.0.35
	}
	if size == 0 || classical.PrivateKey != size {
		return keyEncoding{}, fmt.Errorf("private keys of %s have no known form", classical.Name)
	}
	parameters := append([]byte{0xA0, byte(len(curve))}, curve...)
	// SEQUENCE { INTEGER 1, OCTET STRING, [0] curve }: each length is below 128.
	content := 3 + 2 + size + len(parameters)
	return keyEncoding{before: []byte{0x30, byte(content), 0x02, 1, 1, 0x04, byte(size)}, after: parameters}, nil
}

func (e keyEncoding) size(key int) int { return len(e.before) + key + len(e.after) }

func (e keyEncoding) decode(b []byte) (key []byte, ok bool) {
	if !bytes.HasPrefix(b, e.before) || !bytes.HasSuffix(b, e.after) {
		return nil, false
	}
	end := len(b) - len(e.after)
	return b[len(e.before):end:end], true
}

// signer returns the signer by both halves.
func (c *composite) signer(pq, classical suite.Signer) (suite.Signer, error) {
	p, q := pq.PublicKey(), classical.PublicKey()
	if len(p) != c.pqInfo.PublicKey || len(q) != c.classicalInfo.PublicKey {
		return nil, c.keyError(false, fmt.Sprintf("halves of %d and %d bytes, want %d and %d",
			len(p), len(q), c.pqInfo.PublicKey, c.classicalInfo.PublicKey))
	}
	return &compositeSigner{composite: c, pq: pq, classical: classical, public: slices.Concat(p, q)}, nil
}

// compositeSigner signs by both halves.
type compositeSigner struct {
	composite     *composite
	pq, classical suite.Signer
	public        []byte
	destroyed     atomic.Bool
}

func (s *compositeSigner) PublicKey() []byte { return bytes.Clone(s.public) }

func (s *compositeSigner) Bytes() ([]byte, error) {
	if s.destroyed.Load() {
		return nil, suite.ErrDestroyed
	}
	seed, err := s.pq.Bytes()
	if err != nil {
		return nil, err
	}
	defer clear(seed)
	key, err := s.classical.Bytes()
	if err != nil {
		return nil, err
	}
	defer clear(key)
	e := s.composite.encoding
	return slices.Concat(seed, e.before, key, e.after), nil
}

func (s *compositeSigner) Sign(ctx context.Context, message []byte) ([]byte, error) {
	if s.destroyed.Load() {
		return nil, suite.ErrDestroyed
	}
	representative := s.composite.representative(message)
	pq, err := s.pq.Sign(ctx, representative)
	if err != nil {
		return nil, err
	}
	if want := s.composite.pqInfo.Signature; len(pq) != want {
		return nil, fmt.Errorf("hybrid: a signature of %s has %d bytes, want %d", s.composite.pqInfo.Name, len(pq), want)
	}
	classical, err := s.classical.Sign(ctx, representative)
	if err != nil {
		return nil, err
	}
	return slices.Concat(pq, classical), nil
}

// Destroy implements [suite.Destroyer]: it destroys the halves that can be destroyed.
func (s *compositeSigner) Destroy() {
	s.destroyed.Store(true)
	suite.Destroy(s.pq)
	suite.Destroy(s.classical)
}
