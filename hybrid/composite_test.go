package hybrid_test

import (
	"encoding/asn1"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/internal/certificate"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/circl"
	"github.com/mlsuite/mlsuite/suite/curve25519"
	"github.com/mlsuite/mlsuite/suite/mldsa"
)

// composites returns the four composites on the parts of registry/all, by name.
func composites(t testing.TB) map[string]suite.SignatureScheme {
	return compositesOf(t, nil, mldsa.MLDSA44(), mldsa.MLDSA65(), mldsa.MLDSA87())
}

// fastComposites returns the same on the parts of registry/fast.
func fastComposites(t testing.TB) map[string]suite.SignatureScheme {
	return compositesOf(t, curve25519.Ed25519(), circl.MLDSA44(), circl.MLDSA65(), circl.MLDSA87())
}

func compositesOf(t testing.TB, ed25519 suite.SignatureScheme, pq ...suite.SignatureScheme) map[string]suite.SignatureScheme {
	all := map[string]suite.SignatureScheme{}
	for _, p := range hybrid.Composites() {
		for _, s := range pq {
			if s.SignatureInfo().PostQuantum == p.MLDSA {
				p.PQ = s
			}
		}
		if ed25519 != nil && p.Curve == "Ed25519" {
			p.Classical = ed25519
		}
		s, err := hybrid.NewComposite(p)
		require.NoError(t, err)
		all[p.Name] = s
	}
	require.Len(t, all, 4)
	return all
}

// otherComposites returns composites of the draft that this package has no parameters of.
func otherComposites(t testing.TB) map[string]suite.SignatureScheme {
	all := map[string]suite.SignatureScheme{}
	for _, p := range []hybrid.CompositeParams{
		{Scheme: 0xFE00 + 46, Name: "MLDSA65-ECDSA-P384-SHA512", MLDSA: "ML-DSA-65", PQ: mldsa.MLDSA65(), Curve: "P-384", Classical: suite.ECDSAP384()},
		{Scheme: 0xFE00 + 54, Name: "MLDSA87-ECDSA-P521-SHA512", MLDSA: "ML-DSA-87", PQ: mldsa.MLDSA87(), Curve: "P-521", Classical: suite.ECDSAP521()},
	} {
		p.Label = "COMPSIG-" + p.Name
		s, err := hybrid.NewComposite(p)
		require.NoError(t, err)
		all[p.Name] = s
	}
	return all
}

// The sizes, levels and object identifiers are those of Appendix A and Section 6.
func TestCompositesDescribeThemselves(t *testing.T) {
	want := map[string]suite.SignatureInfo{
		"MLDSA44-Ed25519-SHA512":    {Scheme: 0xFE00 + 39, Level: 128, Classical: "Ed25519", PostQuantum: "ML-DSA-44", PublicKey: 1344, PrivateKey: 64, Signature: 2484},
		"MLDSA65-ECDSA-P256-SHA512": {Scheme: 0xFE00 + 45, Level: 192, Classical: "P-256", PostQuantum: "ML-DSA-65", PublicKey: 2017, PrivateKey: 83, Signature: 3381},
		"MLDSA65-Ed25519-SHA512":    {Scheme: 0xFE00 + 48, Level: 192, Classical: "Ed25519", PostQuantum: "ML-DSA-65", PublicKey: 1984, PrivateKey: 64, Signature: 3373},
		"MLDSA87-ECDSA-P384-SHA512": {Scheme: 0xFE00 + 49, Level: 256, Classical: "P-384", PostQuantum: "ML-DSA-87", PublicKey: 2689, PrivateKey: 96, Signature: 4731},
	}
	for name, s := range composites(t) {
		got := s.SignatureInfo()
		expected := want[name]
		expected.Name, expected.Hash, expected.Provenance = name, "SHA-512", got.Provenance
		require.Equal(t, expected, got)
		require.True(t, got.Hybrid())
	}
}

// What a composite says of its providers is derived from its parts, and what somebody else's
// part says is marked.
func TestCompositesNameTheProvidersOfTheirParts(t *testing.T) {
	require.Equal(t, []suite.Provided{
		{Primitive: "ML-DSA-65", Package: mldsa.Library}, {Primitive: "ECDSA P-256", Package: "crypto/ecdsa"},
		{Primitive: "SHA-512", Package: "crypto/sha512"},
	}, composites(t)["MLDSA65-ECDSA-P256-SHA512"].SignatureInfo().Provenance.List())

	p := hybrid.MLDSA65ECDSAP256Params()
	p.PQ, p.Classical = mldsa.MLDSA65(), foreign{p.Classical}
	s, err := hybrid.NewComposite(p)
	require.NoError(t, err)
	require.Equal(t, []suite.Provided{
		{Primitive: "ML-DSA-65", Package: mldsa.Library}, {Primitive: "ECDSA P-256", Package: "crypto/ecdsa", SelfDeclared: true},
		{Primitive: "SHA-512", Package: "crypto/sha512"},
	}, s.SignatureInfo().Provenance.List())

	p = hybrid.MLDSA65ECDSAP256Params()
	p.PQ = countedScheme{mldsa.MLDSA65(), new(int), false}
	s, err = hybrid.NewComposite(p)
	require.NoError(t, err)
	require.Equal(t, suite.Provided{Primitive: "ML-DSA-65", Package: mldsa.Library, SelfDeclared: true}, s.SignatureInfo().Provenance.List()[0])
}

// foreign is somebody else's scheme.
type foreign struct{ suite.SignatureScheme }

// signed is a certificate of X.509, taken apart as far as its signature goes.
type signed struct {
	TBS       asn1.RawValue
	Algorithm struct{ ID asn1.ObjectIdentifier }
	Signature asn1.BitString
}

// TestOfficialComposites has what the draft's Appendix E lets implementers check: public keys,
// signatures with and without a context, self-signed certificates, and private keys.
func TestOfficialComposites(t *testing.T) {
	var v vectors.Composite
	vectors.Load(t, "composite/testvectors.json", &v)
	for provider, schemes := range map[string]map[string]suite.SignatureScheme{
		"all": composites(t), "fast": fastComposites(t), "others": otherComposites(t),
	} {
		checked := 0
		for _, c := range v.Tests {
			s, ok := schemes[strings.TrimPrefix(c.TcID, "id-")]
			if !ok {
				continue
			}
			checked++
			t.Run(provider+"/"+c.TcID, func(t *testing.T) {
				contextual, err := s.(suite.ContextScheme).WithContext(string(v.Ctx))
				require.NoError(t, err)
				require.NoError(t, s.CheckSignatureKey(c.PK))
				require.NoError(t, s.Verify(c.PK, v.M, c.S))
				require.NoError(t, suite.VerifyFirst(s, c.PK, v.M, c.S))
				require.NoError(t, contextual.Verify(c.PK, v.M, c.SWithContext))
				require.ErrorIs(t, s.Verify(c.PK, v.M, c.SWithContext), suite.ErrVerify)
				require.ErrorIs(t, contextual.Verify(c.PK, v.M, c.S), suite.ErrVerify)

				signer, err := s.ParseSigner(c.SK)
				require.NoError(t, err)
				require.Equal(t, c.PK, signer.PublicKey())
				again, err := signer.Bytes()
				require.NoError(t, err)
				require.Equal(t, c.SK, again)
				sig, err := signer.Sign(t.Context(), v.M)
				require.NoError(t, err)
				require.NoError(t, s.Verify(c.PK, v.M, sig))

				var own signed
				rest, err := asn1.Unmarshal(c.X5C, &own)
				require.NoError(t, err)
				require.Empty(t, rest)
				key, err := certificate.PublicKey(c.X5C)
				require.NoError(t, err)
				require.Equal(t, c.PK, key)
				arc := int(s.SignatureInfo().Scheme) - 0xFE00
				require.Equal(t, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 6, arc}, own.Algorithm.ID)
				require.NoError(t, s.Verify(c.PK, own.TBS.FullBytes, own.Signature.RightAlign()))

				var private struct {
					Version   int
					Algorithm struct{ ID asn1.ObjectIdentifier }
					Private   []byte
				}
				_, err = asn1.Unmarshal(c.PKCS8, &private)
				require.NoError(t, err)
				require.Equal(t, c.SK, private.Private)
			})
		}
		require.Equal(t, len(schemes), checked)
	}
}
