package suitetest

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/mldsa"
)

// brokenPart is a part of a composite with some methods replaced, under all contexts.
type brokenPart struct {
	suite.SignatureScheme
	signs       func(message []byte) []byte // what is signed of a message
	withContext func(context string) (suite.SignatureScheme, error)
	check       func(s suite.SignatureScheme, pub []byte) error
	verify      func(s suite.SignatureScheme, pub, message, sig []byte) error
}

func (p brokenPart) WithContext(context string) (suite.SignatureScheme, error) {
	if p.withContext != nil {
		return p.withContext(context)
	}
	under, err := p.SignatureScheme.(suite.ContextScheme).WithContext(context)
	p.SignatureScheme = under
	return p, err
}

func (p brokenPart) GenerateSigner() (suite.Signer, error) {
	return p.wrap(p.SignatureScheme.GenerateSigner())
}

func (p brokenPart) ParseSigner(b []byte) (suite.Signer, error) {
	return p.wrap(p.SignatureScheme.ParseSigner(b))
}

func (p brokenPart) wrap(signer suite.Signer, err error) (suite.Signer, error) {
	if err != nil || p.signs == nil {
		return signer, err
	}
	return &brokenSigner{Signer: signer, sign: func(ctx context.Context, message []byte) ([]byte, error) {
		return signer.Sign(ctx, p.signs(message))
	}}, nil
}

func (p brokenPart) CheckSignatureKey(pub []byte) error {
	if p.check != nil {
		return p.check(p.SignatureScheme, pub)
	}
	return p.SignatureScheme.CheckSignatureKey(pub)
}

func (p brokenPart) Verify(pub, message, sig []byte) error {
	if p.signs != nil {
		message = p.signs(message)
	}
	if p.verify != nil {
		return p.verify(p.SignatureScheme, pub, message, sig)
	}
	return p.SignatureScheme.Verify(pub, message, sig)
}

// compositeFaults are composites, and schemes with contexts, that are broken.
func compositeFaults(t *testing.T) []fault[signing] {
	t.Helper()
	compose := func(p hybrid.CompositeParams) signing {
		s, err := hybrid.NewComposite(p)
		require.NoError(t, err)
		return newSigning(s)
	}
	params := func() hybrid.CompositeParams {
		p := hybrid.MLDSA65ECDSAP256Params()
		p.PQ = mldsa.MLDSA65()
		return p
	}
	withPQ := func(part brokenPart) signing {
		p := params()
		part.SignatureScheme = p.PQ
		p.PQ = part
		return compose(p)
	}
	withClassical := func(p hybrid.CompositeParams, part brokenPart) signing {
		part.SignatureScheme = p.Classical
		p.Classical = part
		return compose(p)
	}
	edwards := func() hybrid.CompositeParams {
		p := hybrid.MLDSA44Ed25519Params()
		p.PQ = mldsa.MLDSA44()
		return p
	}
	require.Empty(t, failures(signatureChecks(), compose(params())))
	require.Empty(t, failures(signatureChecks(), compose(edwards())))
	pure := newSigning(mldsa.MLDSA44())
	require.Empty(t, failures(signatureChecks(), pure))

	prefix := func(message []byte) []byte { return message[:min(len(message), 16)] }
	anything := func(suite.SignatureScheme, []byte) error { return nil }
	return []fault[signing]{
		{"the ML-DSA half is of any message", withPQ(brokenPart{signs: prefix}), []string{"halves"}},
		{"the classical half is of any message", withClassical(params(), brokenPart{signs: prefix}), []string{"halves"}},
		{
			"the ML-DSA half is not verified",
			withPQ(brokenPart{verify: func(suite.SignatureScheme, []byte, []byte, []byte) error { return nil }}),
			[]string{"malformed public keys", "tampered signatures", "malformed signatures", "halves"},
		},
		{
			"the classical half is raw or DER",
			withClassical(params(), brokenPart{verify: func(s suite.SignatureScheme, pub, message, sig []byte) error {
				return verifyRaw(s)(pub, message, sig)
			}}),
			[]string{"malformed signatures"},
		},
		{
			"the classical half has any S",
			withClassical(edwards(), brokenPart{verify: func(s suite.SignatureScheme, pub, message, sig []byte) error {
				return verifyAnyS(s)(pub, message, sig)
			}}),
			[]string{"malformed signatures"},
		},
		{"points of any order are classical halves", withClassical(edwards(), brokenPart{check: anything}), []string{"malformed public keys"}},
		{
			"points off the curve are classical halves",
			withClassical(params(), brokenPart{verify: func(s suite.SignatureScheme, pub, message, sig []byte) error {
				return verifyOffCurve(s)(pub, message, sig)
			}}),
			[]string{"malformed public keys"},
		},
		{
			"contexts are ignored",
			signing{brokenPart{SignatureScheme: mldsa.MLDSA44(), withContext: func(string) (suite.SignatureScheme, error) {
				return mldsa.MLDSA44(), nil
			}}, pure.info},
			[]string{"contexts"},
		},
		{
			"contexts are cut",
			signing{brokenPart{SignatureScheme: mldsa.MLDSA44(), withContext: func(context string) (suite.SignatureScheme, error) {
				return mldsa.MLDSA44().(suite.ContextScheme).WithContext(context[:min(len(context), suite.MaxContext)])
			}}, pure.info},
			[]string{"contexts"},
		},
		{
			"a context has other keys",
			signing{brokenPart{SignatureScheme: mldsa.MLDSA44(), withContext: func(context string) (suite.SignatureScheme, error) {
				return mldsa.MLDSA65().(suite.ContextScheme).WithContext(context)
			}}, pure.info},
			[]string{"contexts"},
		},
		{
			"there are no contexts",
			signing{brokenPart{SignatureScheme: mldsa.MLDSA44(), withContext: func(string) (suite.SignatureScheme, error) {
				return nil, errors.New("no contexts")
			}}, pure.info},
			[]string{"contexts"},
		},
	}
}

// The kit knows the halves of the composites, and none of other sizes or with one part.
func TestHalvesAreKnown(t *testing.T) {
	p := hybrid.MLDSA65ECDSAP256Params()
	p.PQ = mldsa.MLDSA65()
	s, err := hybrid.NewComposite(p)
	require.NoError(t, err)
	info := s.SignatureInfo()
	h, ok := halvesOf(info)
	require.True(t, ok)
	require.Equal(t, halves{suite.SignatureRow(0x0403).Info, 1952, 3309}, h)
	curve, at := classicalKey(info)
	require.Equal(t, "P-256", curve)
	require.Equal(t, span{1952, 2017}, at)
	require.Empty(t, badSignatures(info, make([]byte, 3309)), "without a classical half")
	sig := bytes.Repeat([]byte{1}, 3381)
	require.Len(t, badSignatures(info, sig), 7, "the classical half is no ECDSA signature to vary")

	longer := info
	longer.PublicKey++
	_, ok = halvesOf(longer)
	require.False(t, ok)
	curve, _ = classicalKey(longer)
	require.Empty(t, curve)
	_, ok = halvesOf(mldsa.MLDSA65().SignatureInfo())
	require.False(t, ok)
}
