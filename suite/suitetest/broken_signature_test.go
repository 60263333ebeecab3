package suitetest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/suite"
)

// brokenSignature is sound with some methods replaced.
type brokenSignature struct {
	suite.Signature
	parse  func(b []byte) (suite.Signer, error)
	adapt  func(key crypto.Signer) (suite.Signer, error)
	check  func(pub []byte) error
	verify func(pub, message, sig []byte) error
	signer func(suite.Signer) suite.Signer // wraps all signers
}

func (b *brokenSignature) wrap(signer suite.Signer, err error) (suite.Signer, error) {
	if err != nil || b.signer == nil {
		return signer, err
	}
	return b.signer(signer), nil
}

func (b *brokenSignature) GenerateSigner() (suite.Signer, error) {
	return b.wrap(b.Signature.GenerateSigner())
}

func (b *brokenSignature) ParseSigner(k []byte) (suite.Signer, error) {
	if b.parse != nil {
		return b.wrap(b.parse(k))
	}
	return b.wrap(b.Signature.ParseSigner(k))
}

func (b *brokenSignature) NewSigner(key crypto.Signer) (suite.Signer, error) {
	if b.adapt != nil {
		return b.wrap(b.adapt(key))
	}
	return b.wrap(b.Signature.NewSigner(key))
}

func (b *brokenSignature) CheckSignatureKey(pub []byte) error {
	if b.check != nil {
		return b.check(pub)
	}
	return b.Signature.CheckSignatureKey(pub)
}

func (b *brokenSignature) Verify(pub, message, sig []byte) error {
	if b.verify != nil {
		return b.verify(pub, message, sig)
	}
	return b.Signature.Verify(pub, message, sig)
}

// brokenSigner is sound with some methods replaced.
type brokenSigner struct {
	suite.Signer
	public func() []byte
	bytes  func() ([]byte, error)
	sign   func(ctx context.Context, message []byte) ([]byte, error)
}

func (b *brokenSigner) PublicKey() []byte {
	if b.public != nil {
		return b.public()
	}
	return b.Signer.PublicKey()
}

func (b *brokenSigner) Bytes() ([]byte, error) {
	if b.bytes != nil {
		return b.bytes()
	}
	return b.Signer.Bytes()
}

func (b *brokenSigner) Sign(ctx context.Context, message []byte) ([]byte, error) {
	if b.sign != nil {
		return b.sign(ctx, message)
	}
	return b.Signer.Sign(ctx, message)
}

type undestroyedSigner struct{ suite.Signer }

func (undestroyedSigner) Destroy() {}

// verifyAnyS verifies Ed25519 with S + order taken for S.
func verifyAnyS(s suite.Signature) func(pub, message, sig []byte) error {
	order := new(big.Int).Lsh(big.NewInt(1), 252)
	order.Add(order, decimal("27742317777372353535851937790883648493"))
	return func(pub, message, sig []byte) error {
		if len(sig) == 64 {
			scalar := slices.Clone(sig[32:])
			slices.Reverse(scalar)
			n := new(big.Int).SetBytes(scalar)
			if n.Cmp(order) >= 0 && n.Sub(n, order).Cmp(order) < 0 {
				n.FillBytes(scalar)
				slices.Reverse(scalar)
				sig = slices.Concat(sig[:32], scalar)
			}
		}
		return s.Verify(pub, message, sig)
	}
}

// verifyRaw verifies ECDSA signatures that are r || s, as others encode them.
func verifyRaw(s suite.Signature) func(pub, message, sig []byte) error {
	return func(pub, message, sig []byte) error {
		if len(sig) == 64 {
			der, err := asn1.Marshal([]*big.Int{new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])})
			if err == nil && s.Verify(pub, message, der) == nil {
				return nil
			}
		}
		return s.Verify(pub, message, sig)
	}
}

// verifyOffCurve verifies under P-256 points whose curve it does not check.
func verifyOffCurve(s suite.Signature) func(pub, message, sig []byte) error {
	return func(pub, message, sig []byte) error {
		if _, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), pub); err != nil && len(pub) == 65 {
			return suite.ErrVerify
		}
		return s.Verify(pub, message, sig)
	}
}

func newSigning(scheme suite.SignatureScheme) signing {
	return signing{scheme, scheme.SignatureInfo()}
}

func TestSignatureChecksFail(t *testing.T) {
	s, p256 := newSigning(suite.Ed25519()), newSigning(suite.ECDSAP256())
	require.Empty(t, failures(signatureChecks(), s))
	require.Empty(t, failures(signatureChecks(), p256))

	of := func(s signing, b *brokenSignature) signing {
		b.Signature = s.Signature
		return signing{b, s.info}
	}
	broken := func(b *brokenSignature) signing { return of(s, b) }
	withSigner := func(f func(b *brokenSigner)) signing {
		return broken(&brokenSignature{signer: func(signer suite.Signer) suite.Signer {
			b := &brokenSigner{Signer: signer}
			f(b)
			return b
		}})
	}
	withInfo := func(f func(i *suite.SignatureInfo)) signing {
		c := s
		f(&c.info)
		return c
	}
	var busy exclusive

	requireFound(t, signatureChecks(), slices.Concat(compositeFaults(t), reuseFaultsOfSignatures(s), []fault[signing]{
		{"no name", withInfo(func(i *suite.SignatureInfo) { i.Name = "" }), []string{"info", "tables"}},
		{"the level of another", withInfo(func(i *suite.SignatureInfo) { i.Level = 256 }), []string{"tables"}},
		{"wrong public key size", withInfo(func(i *suite.SignatureInfo) { i.PublicKey++ }), []string{"tables", "round trip"}},
		{"wrong signature size", withInfo(func(i *suite.SignatureInfo) { i.Signature++ }), []string{"tables", "round trip"}},
		{"wrong private key size", withInfo(func(i *suite.SignatureInfo) { i.PrivateKey++ }), []string{"tables", "signer handles"}},
		{
			"long messages are refused",
			withSigner(func(b *brokenSigner) {
				b.sign = func(ctx context.Context, message []byte) ([]byte, error) {
					if len(message) > 1<<16 {
						return nil, errors.New("too long")
					}
					return b.Signer.Sign(ctx, message)
				}
			}),
			[]string{"round trip"},
		},
		{
			"ParseSigner ignores what follows",
			broken(&brokenSignature{parse: func(b []byte) (suite.Signer, error) {
				return s.ParseSigner(b[:min(len(b), s.info.PrivateKey)])
			}}),
			[]string{"malformed private keys"},
		},
		{
			"ParseSigner restores leading zeros",
			of(p256, &brokenSignature{parse: func(b []byte) (suite.Signer, error) {
				return p256.ParseSigner(append(make([]byte, max(0, p256.info.PrivateKey-len(b))), b...))
			}}),
			[]string{"malformed private keys"},
		},
		{
			"no public key is ErrVerify",
			broken(&brokenSignature{verify: func(pub, message, sig []byte) error {
				if s.Verify(pub, message, sig) != nil {
					return suite.ErrVerify
				}
				return nil
			}}),
			[]string{"malformed public keys"},
		},
		{
			"points off the curve are keys",
			of(p256, &brokenSignature{verify: verifyOffCurve(p256)}),
			[]string{"malformed public keys"},
		},
		{
			"every public key is one that signers have",
			broken(&brokenSignature{check: func(pub []byte) error { return nil }}),
			[]string{"malformed public keys"},
		},
		{
			"points off the curve are ones that signers have",
			of(p256, &brokenSignature{check: func(pub []byte) error {
				if len(pub) == p256.info.PublicKey {
					return nil
				}
				return p256.CheckSignatureKey(pub)
			}}),
			[]string{"malformed public keys"},
		},
		{
			"no public key is one that signers have",
			broken(&brokenSignature{check: func(pub []byte) error {
				return &suite.KeyError{Algorithm: s.info.Name, Rule: "unknown"}
			}}),
			[]string{"round trip", "arguments", "reused memory", "concurrent use"},
		},
		{
			"CheckSignatureKey clears its argument",
			broken(&brokenSignature{check: func(pub []byte) error {
				defer clear(pub)
				return s.CheckSignatureKey(pub)
			}}),
			[]string{"round trip", "arguments", "reused memory", "concurrent use"},
		},
		{
			"foreign keys are not checked",
			broken(&brokenSignature{adapt: func(key crypto.Signer) (suite.Signer, error) {
				if k, ok := key.(tokenOf); ok {
					return s.NewSigner(k.token)
				}
				return s.NewSigner(key)
			}}),
			[]string{"foreign signers"},
		},
		{
			"the first bytes are signed",
			broken(&brokenSignature{
				verify: func(pub, message, sig []byte) error { return s.Verify(pub, message[:min(32, len(message))], sig) },
				signer: func(signer suite.Signer) suite.Signer {
					return &brokenSigner{Signer: signer, sign: func(ctx context.Context, message []byte) ([]byte, error) {
						return signer.Sign(ctx, message[:min(32, len(message))])
					}}
				},
			}),
			[]string{"wrong message or key"},
		},
		{
			"Verify ignores what follows",
			broken(&brokenSignature{verify: func(pub, message, sig []byte) error {
				return s.Verify(pub, message, sig[:min(len(sig), s.info.Signature)])
			}}),
			[]string{"tampered signatures"},
		},
		{
			"small orders verify everything", broken(&brokenSignature{verify: func(pub, message, sig []byte) error {
				if bytes.Equal(pub, append([]byte{1}, make([]byte, 31)...)) {
					return nil
				}
				return s.Verify(pub, message, sig)
			}}),
			[]string{"malformed public keys"},
		},
		{"unreduced S", broken(&brokenSignature{verify: verifyAnyS(s)}), []string{"malformed signatures"}},
		{"raw ECDSA", of(p256, &brokenSignature{verify: verifyRaw(p256)}), []string{"malformed signatures"}},
		{
			"the context is ignored",
			withSigner(func(b *brokenSigner) {
				b.sign = func(_ context.Context, message []byte) ([]byte, error) {
					return b.Signer.Sign(context.Background(), message)
				}
			}),
			[]string{"cancelled context"},
		},
		{
			"foreign keys are refused",
			broken(&brokenSignature{adapt: func(key crypto.Signer) (suite.Signer, error) {
				if _, ok := key.(token); ok {
					return nil, &suite.KeyError{Algorithm: s.info.Name, Private: true, Rule: "unknown type"}
				}
				return s.NewSigner(key)
			}}),
			[]string{"foreign signers"},
		},
		{
			"any key is a signer",
			broken(&brokenSignature{adapt: func(key crypto.Signer) (suite.Signer, error) {
				signer, err := s.NewSigner(key)
				if err != nil {
					return s.GenerateSigner()
				}
				return signer, nil
			}}),
			[]string{"foreign signers", "keys of other schemes"},
		},
		{
			"Verify appends to the message",
			broken(&brokenSignature{verify: func(pub, message, sig []byte) error {
				scratch := append(message, 0)
				return s.Verify(pub, scratch[:len(message)], sig)
			}}),
			[]string{"arguments"},
		},
		{
			"ParseSigner clears its argument",
			broken(&brokenSignature{parse: func(b []byte) (suite.Signer, error) {
				defer clear(b)
				return s.ParseSigner(b)
			}}),
			[]string{"signer handles", "arguments"},
		},
		{
			"PublicKey gives its own memory",
			withSigner(func(b *brokenSigner) {
				pub := b.Signer.PublicKey()
				b.public = func() []byte { return pub }
			}),
			[]string{"results"},
		},
		{
			"Bytes gives its own memory",
			withSigner(func(b *brokenSigner) {
				private, err := b.Signer.Bytes()
				b.bytes = func() ([]byte, error) { return private, err }
			}),
			[]string{"results"},
		},
		{
			"Sign is for one caller at a time",
			withSigner(func(b *brokenSigner) {
				b.sign = func(ctx context.Context, message []byte) ([]byte, error) {
					if err := busy.enter(); err != nil {
						return nil, err
					}
					return b.Signer.Sign(ctx, message)
				}
			}),
			[]string{"concurrent use"},
		},
		{
			"Destroy does nothing",
			broken(&brokenSignature{signer: func(signer suite.Signer) suite.Signer { return undestroyedSigner{signer} }}),
			[]string{"destroyed signers"},
		},
	}))
}

func TestBadSignatures(t *testing.T) {
	for _, scheme := range []suite.SignatureScheme{suite.Ed25519(), suite.ECDSAP256(), suite.ECDSAP384(), suite.ECDSAP521()} {
		info := scheme.SignatureInfo()
		signer, err := scheme.GenerateSigner()
		require.NoError(t, err)
		sig, err := signer.Sign(t.Context(), []byte("m"))
		require.NoError(t, err)
		bad := badSignatures(info, sig)
		require.NotEmpty(t, bad, info.Name)
		for _, v := range bad {
			require.False(t, bytes.Equal(v.bytes, sig), v.fault)
		}
	}
	// What the variants of ECDSA are made with gives the signature itself.
	n := big.NewInt(0x80)
	require.Equal(t, []byte{0x30, 8, 2, 2, 0, 0x80, 2, 2, 0, 0x80}, derSignature(n, n))
}
