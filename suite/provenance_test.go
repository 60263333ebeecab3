package suite_test

import (
	"crypto/ed25519"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/suite"
)

// A suite derives its provenance from the parts of this module alone; what the others
// say of themselves is marked, and so is all that a foreign Suite says.
func TestProvenance(t *testing.T) {
	s, err := suite.New(someParts())
	require.NoError(t, err)
	want := []suite.Provided{
		{Primitive: "X25519", Package: "crypto/ecdh", SelfDeclared: true}, // of a foreign HPKE scheme
		{Primitive: "HKDF-SHA256", Package: providerOf("crypto/hkdf")},
		{Primitive: "HMAC-SHA-256", Package: providerOf("crypto/hmac")},
		{SelfDeclared: true}, // its KDF, of which it says nothing
		{Primitive: "AES-128-GCM", Package: "crypto/aes"},
		{Primitive: "AES-128-GCM", Package: "crypto/aes", SelfDeclared: true},
		{Primitive: "SHA-256", Package: "crypto/sha256"},
		{Primitive: "Ed25519", Package: "crypto/ed25519"},
	}
	require.Equal(t, want, suite.Provenance(s))
	require.Equal(t, s.Info(), suite.Describe(s))
	for _, p := range suite.Provenance(foreignSuite{s}) {
		require.True(t, p.SelfDeclared, p)
	}
}

// foreignAEAD embeds one of this module.
type foreignAEAD struct{ suite.AEAD }

// The scheme that others make has no proof, whatever it says of itself.
func TestSignatureSchemeOfOthers(t *testing.T) {
	p := someParts()
	p.Signature = suite.NewSignatureScheme(suite.SignatureAlgorithm[ed25519.PrivateKey]{Info: suite.Ed25519().SignatureInfo()})
	p.AEAD = foreignAEAD{p.AEAD}
	s, err := suite.New(p)
	require.NoError(t, err)
	require.Equal(t, []suite.Provided{{Primitive: "Ed25519", Package: "crypto/ed25519", SelfDeclared: true}}, s.Info().Signature.Provenance.List())
	require.True(t, s.Info().AEAD.Provenance.List()[0].SelfDeclared)
}

// Nobody changes what a suite says of itself, and nobody exchanges a part of it.
func TestSuiteCannotBeChanged(t *testing.T) {
	list := []suite.Provided{{Primitive: "A", Package: "a"}}
	p := suite.ProvidedBy(list...)
	list[0].Package = "b"
	p.List()[0].Package = "c"
	more := p.With(suite.ProvidedBy(suite.Provided{Primitive: "B"}))
	marked := more.SelfDeclared("A")
	require.Equal(t, []suite.Provided{{Primitive: "A", Package: "a"}}, p.List())
	require.Equal(t, []suite.Provided{{Primitive: "A", Package: "a"}, {Primitive: "B"}}, more.List())
	require.Equal(t, 2, marked.Len())
	require.False(t, marked.Equal(more))
	require.Equal(t, []suite.Provided{{Primitive: "A", SelfDeclared: true}}, suite.Providers{}.SelfDeclared("A").List())

	s, err := suite.New(someParts())
	require.NoError(t, err)
	fields := reflect.ValueOf(s).Elem()
	for i := range fields.NumField() {
		require.False(t, fields.Field(i).CanSet(), fields.Type().Field(i).Name)
	}
}
