package mldsa_test

import (
	"crypto"
	"crypto/fips140"
	"go/build"
	"io"
	"reflect"
	"slices"
	"testing"

	filippo "filippo.io/mldsa"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wycheproof"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/mldsa"
)

type parameters struct {
	scheme suite.SignatureScheme
	params filippo.Parameters
	want   suite.SignatureInfo
}

func all() []parameters {
	return []parameters{
		{mldsa.MLDSA44(), filippo.MLDSA44(), suite.SignatureInfo{
			Scheme: 0x0904, Name: "mldsa44", Level: 128, PostQuantum: "ML-DSA-44", PublicKey: 1312, PrivateKey: 32, Signature: 2420,
		}},
		{mldsa.MLDSA65(), filippo.MLDSA65(), suite.SignatureInfo{
			Scheme: 0x0905, Name: "mldsa65", Level: 192, PostQuantum: "ML-DSA-65", PublicKey: 1952, PrivateKey: 32, Signature: 3309,
		}},
		{mldsa.MLDSA87(), filippo.MLDSA87(), suite.SignatureInfo{
			Scheme: 0x0906, Name: "mldsa87", Level: 256, PostQuantum: "ML-DSA-87", PublicKey: 2592, PrivateKey: 32, Signature: 4627,
		}},
	}
}

// The standard library provides ML-DSA where it has it and the Go Cryptographic Module of the
// build is v1.26.0 or later, so that it runs in the module.
func TestLibraryFollowsTheBuild(t *testing.T) {
	want := "filippo.io/mldsa"
	if slices.Contains(build.Default.ReleaseTags, "go1.27") && fips140.Version() != "v1.0.0" {
		want = "crypto/mldsa"
	}
	require.Equal(t, want, mldsa.Library)
	key, err := filippo.GenerateKey(filippo.MLDSA44())
	require.NoError(t, err)
	require.Equal(t, mldsa.Library, reflect.TypeOf(key).Elem().PkgPath(), "a key of filippo.io/mldsa is the library's")
}

func TestWycheproofSignatures(t *testing.T) {
	require.Equal(t, wycheproof.Counts{Valid: 77, Invalid: 103}, wycheproof.Verify(t, "mldsa_44_verify_test.json", mldsa.MLDSA44()))
	require.Equal(t, wycheproof.Counts{Valid: 79, Invalid: 131}, wycheproof.Verify(t, "mldsa_65_verify_test.json", mldsa.MLDSA65()))
	require.Equal(t, wycheproof.Counts{Valid: 71, Invalid: 170}, wycheproof.Verify(t, "mldsa_87_verify_test.json", mldsa.MLDSA87()))
	require.Equal(t, wycheproof.Counts{Valid: 101, Invalid: 4}, wycheproof.SignSeed(t, "mldsa_65_sign_seed_test.json", mldsa.MLDSA65()))
}

func TestRoundTrip(t *testing.T) {
	for _, p := range all() {
		info := p.scheme.SignatureInfo()
		require.Equal(t, suite.ProvidedBy(suite.Provided{Primitive: p.want.PostQuantum, Package: mldsa.Library}), info.Provenance)
		info.Provenance = suite.Providers{}
		require.Equal(t, p.want, info)

		s, err := p.scheme.GenerateSigner()
		require.NoError(t, err)
		b, err := s.Bytes()
		require.NoError(t, err)
		parsed, err := p.scheme.ParseSigner(b)
		require.NoError(t, err)
		require.Equal(t, s.PublicKey(), parsed.PublicKey())
		sig, err := parsed.Sign(t.Context(), []byte("m"))
		require.NoError(t, err)
		require.Equal(t, []int{info.PublicKey, info.PrivateKey, info.Signature}, []int{len(s.PublicKey()), len(b), len(sig)})
		require.NoError(t, p.scheme.Verify(s.PublicKey(), []byte("m"), sig))
		require.ErrorIs(t, p.scheme.Verify(s.PublicKey(), []byte("n"), sig), suite.ErrVerify)
		require.ErrorIs(t, p.scheme.Verify(s.PublicKey(), []byte("m"), append(sig, 0)), suite.ErrVerify)
		require.ErrorIs(t, p.scheme.Verify(append(s.PublicKey(), 0), []byte("m"), sig), suite.ErrInvalidKey)
		for _, n := range []int{0, 31, 33, 64} {
			_, err = p.scheme.ParseSigner(make([]byte, n))
			require.ErrorIs(t, err, suite.ErrInvalidKey)
		}
		again, err := parsed.Sign(t.Context(), []byte("m"))
		require.NoError(t, err)
		require.NotEqual(t, sig, again, "not hedged")
	}
}

// kms is a key that lives elsewhere: it hides the type of the library's key.
type kms struct{ crypto.Signer }

func TestNewSigner(t *testing.T) {
	for _, p := range all() {
		for _, q := range all() {
			key, err := filippo.GenerateKey(q.params)
			require.NoError(t, err)
			own, ownErr := p.scheme.NewSigner(key)
			foreign, foreignErr := p.scheme.NewSigner(kms{key})
			if p.params != q.params {
				require.ErrorIs(t, ownErr, suite.ErrInvalidKey)
				require.ErrorContains(t, ownErr, q.params.String()+", want "+p.params.String())
				require.ErrorIs(t, foreignErr, suite.ErrInvalidKey)
				continue
			}
			require.NoError(t, ownErr)
			require.NoError(t, foreignErr)
			b, err := own.Bytes()
			require.NoError(t, err)
			require.Equal(t, key.Bytes(), b)
			_, err = foreign.Bytes()
			require.ErrorIs(t, err, suite.ErrNotExportable)
			sig, err := foreign.Sign(t.Context(), nil)
			require.NoError(t, err)
			require.NoError(t, p.scheme.Verify(own.PublicKey(), nil, sig))
		}
		_, err := p.scheme.NewSigner((*filippo.PrivateKey)(nil))
		require.ErrorIs(t, err, suite.ErrInvalidKey)
		_, err = p.scheme.NewSigner(noPublic{})
		require.ErrorIs(t, err, suite.ErrInvalidKey)
		_, err = p.scheme.NewSigner(otherPublic{})
		require.ErrorIs(t, err, suite.ErrInvalidKey)
		require.ErrorContains(t, err, "type string, want")
	}
}

// contextual returns a scheme under a context string.
func contextual(t *testing.T, s suite.SignatureScheme, context string) suite.SignatureScheme {
	t.Helper()
	under, err := s.(suite.ContextScheme).WithContext(context)
	require.NoError(t, err)
	return under
}

// Keys and signatures under a context are those of the LAMPS working group's vectors, and
// what a context says of its provider is this module's word.
func TestContextVectors(t *testing.T) {
	var v vectors.Composite
	vectors.Load(t, "composite/testvectors.json", &v)
	for _, p := range all() {
		under := contextual(t, p.scheme, string(v.Ctx))
		require.Equal(t, p.scheme.SignatureInfo(), under.SignatureInfo())
		require.Equal(t, under.SignatureInfo().Provenance, under.SignatureInfo().Provenance.SaidBy(under, "ML-DSA"))
		i := slices.IndexFunc(v.Tests, func(c vectors.CompositeCase) bool { return c.TcID == "id-"+p.want.PostQuantum })
		c := v.Tests[i]
		require.NoError(t, p.scheme.Verify(c.PK, v.M, c.S))
		require.NoError(t, under.Verify(c.PK, v.M, c.SWithContext))
		require.ErrorIs(t, under.Verify(c.PK, v.M, c.S), suite.ErrVerify)
		require.ErrorIs(t, p.scheme.Verify(c.PK, v.M, c.SWithContext), suite.ErrVerify)
		s, err := under.ParseSigner(c.SK)
		require.NoError(t, err)
		require.Equal(t, c.PK, s.PublicKey())
		sig, err := s.Sign(t.Context(), v.M)
		require.NoError(t, err)
		require.NoError(t, under.Verify(c.PK, v.M, sig))
		require.NoError(t, contextual(t, contextual(t, p.scheme, "other"), string(v.Ctx)).Verify(c.PK, v.M, sig), "the last context counts")
	}
}

// watching is a key elsewhere that remembers what it was given beside the message.
type watching struct {
	kms
	opts *crypto.SignerOpts
}

func (k watching) Sign(random io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	*k.opts = opts
	return k.kms.Sign(random, message, opts)
}

// A key elsewhere is given the context as the library's options, and no options if there is
// none.
func TestForeignKeysAreGivenTheContext(t *testing.T) {
	key, err := filippo.GenerateKey(filippo.MLDSA65())
	require.NoError(t, err)
	for _, c := range []struct {
		scheme suite.SignatureScheme
		want   crypto.SignerOpts
	}{
		{mldsa.MLDSA65(), crypto.Hash(0)},
		{contextual(t, mldsa.MLDSA65(), ""), crypto.Hash(0)},
		{contextual(t, mldsa.MLDSA65(), "context"), &filippo.Options{Context: "context"}},
	} {
		var opts crypto.SignerOpts
		s, err := c.scheme.NewSigner(watching{kms{key}, &opts})
		require.NoError(t, err)
		sig, err := s.Sign(t.Context(), nil)
		require.NoError(t, err)
		require.NoError(t, c.scheme.Verify(s.PublicKey(), nil, sig))
		require.Equal(t, c.want, opts)
	}
}

// otherPublic is a signer whose public key is not the library's.
type otherPublic struct{ crypto.Signer }

func (otherPublic) Public() crypto.PublicKey { return "key" }

// noPublic is a signer without a public key.
type noPublic struct{ crypto.Signer }

func (noPublic) Public() crypto.PublicKey { return (*filippo.PublicKey)(nil) }
