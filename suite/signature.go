package suite

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"fmt"

	"github.com/mlsuite/mlsuite/internal/provenance"
)

// SignatureAlgorithm is a library's signature scheme: functions over its private key type
// K. [NewSignatureScheme] makes a scheme from it, with the adapter over [crypto.Signer]
// that all schemes share.
//
// The functions are safe for concurrent use and keep no argument.
type SignatureAlgorithm[K crypto.Signer] struct {
	Info SignatureInfo

	// Hash is the hash whose digest K signs, or 0 if K signs the message itself.
	Hash crypto.Hash

	// Options is what K is given when it signs, and has the HashFunc Hash. If it is nil, K
	// is given Hash itself.
	Options crypto.SignerOpts

	// Generate returns a new private key.
	Generate func() (K, error)

	// Parse returns the private key whose bytes Bytes returned, Info.PrivateKey bytes.
	// Its error is the broken rule. Users see the error, so it holds no key material.
	Parse func(b []byte) (K, error)

	// Bytes returns the private key, Info.PrivateKey bytes. It returns an error for a key
	// of the type K that belongs to another algorithm or is damaged.
	Bytes func(key K) ([]byte, error)

	// EncodePublic returns the public key in the encoding of RFC 9420, Section 5.1.1,
	// Info.PublicKey bytes. Its error is the rule that key breaks. It may be given a key
	// of any type.
	EncodePublic func(key crypto.PublicKey) ([]byte, error)

	// CheckPublic returns, as its error, the rule by which [Signature.CheckSignatureKey]
	// refuses pub, which has Info.PublicKey bytes. It may be nil if a signer can have
	// every key of that length.
	CheckPublic func(pub []byte) error

	// CheckVerified, if not nil, is CheckPublic for a pub with which Verify has accepted a
	// signature. It need not look for what Verify refuses.
	CheckVerified func(pub []byte) error

	// Verify is [Signature.Verify] for a pub of Info.PublicKey bytes.
	Verify func(pub, message, sig []byte) error

	// VerifyAgain is Verify with a key that is likely to come again, such as that of somebody
	// who sends messages: it may keep what it computes of some keys. [Signature.Verify] calls
	// it, and [VerifyFirst] calls Verify. If it is nil, Verify is called for all keys.
	VerifyAgain func(pub, message, sig []byte) error

	// WithContext returns the algorithm that signs and verifies under a context string of at
	// most 255 bytes, with the same keys and sizes: see [ContextScheme]. If it is nil, the
	// algorithm has no contexts.
	WithContext func(context string) SignatureAlgorithm[K]

	// Expand returns what signs as key does, with what can be computed ahead of a message.
	// If it is nil, key signs itself.
	Expand func(key K) crypto.Signer

	// Own is for this module. Without it, what a scheme says of its provenance is marked
	// [Provided.SelfDeclared].
	Own provenance.Mark
}

// NewSignatureScheme returns the scheme of an algorithm. It is a [ContextScheme] if the
// algorithm has contexts.
//
// Its NewSigner treats a K as if ParseSigner had parsed it; any other [crypto.Signer] is
// foreign. A foreign key gets the message if it implements [crypto.MessageSigner], as
// [crypto.SignMessage] says, and cannot give its bytes. Sign verifies the signature of a
// foreign key under the key's public key before it returns it. A malformed signature, or
// one by another key of the same token, is therefore an error of Sign and not of every
// receiver. As crypto.Signer takes no context, Sign looks at ctx before and after the
// call. A remote signer that can be interrupted implements [Signer] itself.
func NewSignatureScheme[K crypto.Signer](a SignatureAlgorithm[K]) SignatureScheme {
	if a.WithContext != nil {
		return &contextScheme[K]{&signatureScheme[K]{a}}
	}
	return &signatureScheme[K]{a}
}

type signatureScheme[K crypto.Signer] struct{ alg SignatureAlgorithm[K] }

// Own implements what package provenance asks.
func (s *signatureScheme[K]) Own() provenance.Proof { return s.proofOf(s) }

// proofOf returns the proof of part, which is s or has no algorithm but that of s.
func (s *signatureScheme[K]) proofOf(part any) provenance.Proof {
	if s.alg.Own.Valid() {
		return provenance.Of(part)
	}
	return provenance.Proof{}
}

func (s *signatureScheme[K]) SignatureInfo() SignatureInfo { return s.alg.Info }

func (s *signatureScheme[K]) CheckSignatureKey(pub []byte) error {
	if err := s.checkPublicLength(pub); err != nil || s.alg.CheckPublic == nil {
		return err
	}
	if err := s.alg.CheckPublic(pub); err != nil {
		return s.keyError(false, err.Error())
	}
	return nil
}

func (s *signatureScheme[K]) Verify(pub, message, sig []byte) error {
	if err := s.checkPublicLength(pub); err != nil {
		return err
	}
	if s.alg.VerifyAgain != nil {
		return s.alg.VerifyAgain(pub, message, sig)
	}
	return s.alg.Verify(pub, message, sig)
}

func (s *signatureScheme[K]) GenerateSigner() (Signer, error) {
	key, err := s.alg.Generate()
	if err != nil {
		return nil, s.failure(err, fmt.Errorf("suite: generating a key for %s: %w", s.alg.Info.Name, err))
	}
	return s.own(key)
}

func (s *signatureScheme[K]) ParseSigner(b []byte) (Signer, error) {
	if err := s.checkLength(true, len(b), s.alg.Info.PrivateKey); err != nil {
		return nil, err
	}
	key, err := s.alg.Parse(b)
	if err != nil {
		return nil, s.failure(err, s.keyError(true, err.Error()))
	}
	return s.own(key)
}

func (s *signatureScheme[K]) NewSigner(key crypto.Signer) (Signer, error) {
	if key == nil {
		return nil, s.keyError(true, "no key")
	}
	own, ok := key.(K)
	if !ok {
		return s.signer(key, nil)
	}
	// Parsed again, so that a damaged key is found now and the caller may erase
	// its own.
	b, err := s.alg.Bytes(own)
	if err != nil {
		return nil, s.keyError(true, err.Error())
	}
	defer clear(b)
	parsed, err := s.ParseSigner(b)
	if err != nil {
		return nil, err
	}
	pub, err := s.alg.EncodePublic(own.Public())
	if err != nil {
		return nil, s.keyError(false, err.Error())
	}
	if !bytes.Equal(pub, parsed.PublicKey()) {
		return nil, s.keyError(true, "its public key is of another private key")
	}
	return parsed, nil
}

// own returns the signer of a key of the library.
func (s *signatureScheme[K]) own(key K) (Signer, error) {
	if s.alg.Expand == nil {
		return s.signer(key, &key)
	}
	return s.signer(s.alg.Expand(key), &key)
}

// signer returns the signer by key. The private key is nil if it lives elsewhere.
func (s *signatureScheme[K]) signer(key crypto.Signer, private *K) (Signer, error) {
	pub, err := s.alg.EncodePublic(key.Public())
	if err != nil {
		return nil, s.keyError(false, err.Error())
	}
	if err := s.CheckSignatureKey(pub); err != nil {
		return nil, err
	}
	return &signer[K]{alg: &s.alg, key: key, private: private, public: pub}, nil
}

func (s *signatureScheme[K]) checkPublicLength(pub []byte) error {
	return s.checkLength(false, len(pub), s.alg.Info.PublicKey)
}

func (s *signatureScheme[K]) checkLength(private bool, got, want int) error {
	if got != want {
		return s.keyError(private, fmt.Sprintf("length %d, want %d", got, want))
	}
	return nil
}

// failure returns the meaning of an error of the library: the program may not use the
// scheme where it runs, or otherwise.
func (s *signatureScheme[K]) failure(err, otherwise error) error {
	return Failure(s.alg.Info.Name, err, otherwise)
}

func (s *signatureScheme[K]) keyError(private bool, rule string) error {
	return &KeyError{Algorithm: s.alg.Info.Name, Private: private, Rule: rule}
}

// signer adapts a crypto.Signer.
type signer[K crypto.Signer] struct {
	alg     *SignatureAlgorithm[K]
	key     crypto.Signer
	private *K // nil if it lives elsewhere
	public  []byte
}

func (s *signer[K]) PublicKey() []byte { return bytes.Clone(s.public) }

func (s *signer[K]) Bytes() ([]byte, error) {
	if s.private == nil {
		return nil, ErrNotExportable
	}
	return s.alg.Bytes(*s.private)
}

func (s *signer[K]) Sign(ctx context.Context, message []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	opts := s.alg.Options
	if opts == nil {
		opts = s.alg.Hash
	}
	sig, err := crypto.SignMessage(s.key, rand.Reader, message, opts)
	if err != nil {
		return nil, fmt.Errorf("suite: signing with %s: %w", s.alg.Info.Name, err)
	}
	if s.private != nil {
		return sig, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.alg.Verify(s.public, message, sig); err != nil {
		return nil, fmt.Errorf("suite: the signer returned no signature of %s under its public key: %w", s.alg.Info.Name, err)
	}
	return sig, nil
}
