package hybrid_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"

	filippo "filippo.io/mldsa"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/mldsa"
)

// token is a key that lives elsewhere: it hides the type of the library's key, and may fail.
type token struct {
	crypto.Signer
	err error
}

func (k token) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if k.err != nil {
		return nil, k.err
	}
	return k.Signer.Sign(random, digest, opts)
}

func libraryKeys(t *testing.T) (pq *filippo.PrivateKey, classical *ecdsa.PrivateKey) {
	t.Helper()
	pq, err := filippo.GenerateKey(filippo.MLDSA65())
	require.NoError(t, err)
	classical, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return pq, classical
}

// Each half may live elsewhere. The composite can give its bytes if both can.
func TestACompositeKeyMayLiveElsewhere(t *testing.T) {
	s := composites(t)["MLDSA65-ECDSA-P256-SHA512"]
	pq, classical := libraryKeys(t)
	for _, c := range []struct {
		key        hybrid.CompositeKey
		exportable bool
	}{
		{hybrid.CompositeKey{PQ: pq, Classical: classical}, true},
		{hybrid.CompositeKey{PQ: pq, Classical: token{Signer: classical}}, false},
		{hybrid.CompositeKey{PQ: token{Signer: pq}, Classical: classical}, false},
		{hybrid.CompositeKey{PQ: token{Signer: pq}, Classical: token{Signer: classical}}, false},
	} {
		require.Equal(t, hybrid.CompositePublicKey{PQ: pq.Public(), Classical: classical.Public()}, c.key.Public())
		signer, err := s.NewSigner(c.key)
		require.NoError(t, err)
		require.NoError(t, s.Verify(signer.PublicKey(), []byte("m"), sign(t, signer, []byte("m"))))
		b, err := signer.Bytes()
		if !c.exportable {
			require.ErrorIs(t, err, suite.ErrNotExportable)
			require.Nil(t, b)
			continue
		}
		require.NoError(t, err)
		parsed, err := s.ParseSigner(b)
		require.NoError(t, err)
		require.Equal(t, signer.PublicKey(), parsed.PublicKey())
	}
}

// A half that fails, or that belongs to another algorithm, fails the whole.
func TestBothHalvesOfACompositeKeyAreNeeded(t *testing.T) {
	s := composites(t)["MLDSA65-ECDSA-P256-SHA512"]
	pq, classical := libraryKeys(t)
	gone := errors.New("the token is gone")
	for _, key := range []hybrid.CompositeKey{
		{PQ: token{pq, gone}, Classical: classical}, {PQ: pq, Classical: token{classical, gone}},
	} {
		signer, err := s.NewSigner(key)
		require.NoError(t, err)
		sig, err := signer.Sign(t.Context(), nil)
		require.ErrorIs(t, err, gone)
		require.Nil(t, sig)
	}
	for _, key := range []crypto.Signer{
		nil, pq, classical, token{Signer: pq}, &hybrid.CompositeKey{PQ: pq, Classical: classical},
		hybrid.CompositeKey{}, hybrid.CompositeKey{PQ: pq}, hybrid.CompositeKey{Classical: classical},
		hybrid.CompositeKey{PQ: classical, Classical: pq},
	} {
		_, err := s.NewSigner(key)
		var keyErr *suite.KeyError
		require.ErrorAs(t, err, &keyErr)
	}
	require.Equal(t, hybrid.CompositePublicKey{}, hybrid.CompositeKey{}.Public())
	_, err := hybrid.CompositeKey{PQ: pq, Classical: classical}.Sign(rand.Reader, nil, crypto.Hash(0))
	require.ErrorContains(t, err, "NewSigner of its scheme")
}

// countedSigner is a signer that can be destroyed, and counts it.
type countedSigner struct {
	suite.Signer
	destroyed *int
	short     bool // of signatures
}

func (s countedSigner) Destroy() { *s.destroyed++ }

func (s countedSigner) Sign(ctx context.Context, message []byte) ([]byte, error) {
	sig, err := s.Signer.Sign(ctx, message)
	if s.short {
		sig = sig[1:]
	}
	return sig, err
}

// countedScheme makes such signers, with or without a context.
type countedScheme struct {
	suite.SignatureScheme
	destroyed *int
	short     bool
}

func (s countedScheme) GenerateSigner() (suite.Signer, error) {
	signer, err := s.SignatureScheme.GenerateSigner()
	return countedSigner{signer, s.destroyed, s.short}, err
}

func (s countedScheme) WithContext(context string) (suite.SignatureScheme, error) {
	under, err := s.SignatureScheme.(suite.ContextScheme).WithContext(context)
	return countedScheme{under, s.destroyed, s.short}, err
}

func TestDestroyingACompositeDestroysItsHalves(t *testing.T) {
	destroyed := 0
	p := hybrid.MLDSA65ECDSAP256Params()
	p.PQ, p.Classical = countedScheme{mldsa.MLDSA65(), &destroyed, false}, countedScheme{p.Classical, &destroyed, false}
	s, err := hybrid.NewComposite(p)
	require.NoError(t, err)
	signer := generate(t, s)
	pub := signer.PublicKey()
	suite.Destroy(signer)
	require.Equal(t, 2, destroyed)
	require.Equal(t, pub, signer.PublicKey())
	_, err = signer.Bytes()
	require.ErrorIs(t, err, suite.ErrDestroyed)
	_, err = signer.Sign(t.Context(), nil)
	require.ErrorIs(t, err, suite.ErrDestroyed)
}

// Where the halves meet depends on the length of ML-DSA's, so another length is an error of
// the signer and not of every receiver.
func TestASignatureHalfOfAnotherLengthIsAnError(t *testing.T) {
	p := hybrid.MLDSA65ECDSAP256Params()
	p.PQ = countedScheme{mldsa.MLDSA65(), new(int), true}
	s, err := hybrid.NewComposite(p)
	require.NoError(t, err)
	_, err = generate(t, s).Sign(t.Context(), nil)
	require.EqualError(t, err, "hybrid: a signature of mldsa65 has 3308 bytes, want 3309")
}

// renamed is a scheme that says something else of itself.
type renamed struct {
	suite.SignatureScheme
	info suite.SignatureInfo
}

func (s renamed) SignatureInfo() suite.SignatureInfo { return s.info }

func TestPartsHaveToFit(t *testing.T) {
	longKeys := renamed{suite.ECDSAP256(), suite.ECDSAP256().SignatureInfo()}
	longKeys.info.PrivateKey = 33
	for text, change := range map[string]func(p *hybrid.CompositeParams){
		"ML-DSA-65 or the scheme on P-256 is missing":  func(p *hybrid.CompositeParams) { p.PQ = nil },
		"ML-DSA-65 or the scheme on P-256 is missing ": func(p *hybrid.CompositeParams) { p.Classical = nil },
		"the code point, the name or the label":        func(p *hybrid.CompositeParams) { p.Scheme = 0 },
		"the code point, the name or the label ":       func(p *hybrid.CompositeParams) { p.Label = "" },
		"the code point, the name or the label  ":      func(p *hybrid.CompositeParams) { p.Name = "" },
		"ed25519 takes no context string":              func(p *hybrid.CompositeParams) { p.PQ = suite.Ed25519() },
		"mldsa65 takes no context string":              func(p *hybrid.CompositeParams) { p.PQ = foreign{p.PQ} },
		"at most 255 bytes, not 256":                   func(p *hybrid.CompositeParams) { p.Label = strings.Repeat("l", 256) },
		"mldsa44 is not ML-DSA-65":                     func(p *hybrid.CompositeParams) { p.PQ = mldsa.MLDSA44() },
		"ecdsa_secp384r1_sha384 is not on P-256":       func(p *hybrid.CompositeParams) { p.Classical = suite.ECDSAP384() },
		"mldsa65 is not on P-256":                      func(p *hybrid.CompositeParams) { p.Classical = mldsa.MLDSA65() },
		"private keys of ecdsa_secp256r1_sha256":       func(p *hybrid.CompositeParams) { p.Classical = longKeys },
		"private keys of somebody's": func(p *hybrid.CompositeParams) {
			p.Curve = "brainpoolP256r1"
			p.Classical = renamed{p.Classical, suite.SignatureInfo{Name: "somebody's", Classical: p.Curve, PrivateKey: 32}}
		},
	} {
		p := hybrid.MLDSA65ECDSAP256Params()
		p.PQ = mldsa.MLDSA65()
		change(&p)
		_, err := hybrid.NewComposite(p)
		require.ErrorContains(t, err, strings.TrimSpace(text))
	}
}
