package credential_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/credential"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/suite"
)

// A policy sees each certificate of a chain with its place, its key and who signed it how.
func TestAlgorithms(t *testing.T) {
	ec := func(curve elliptic.Curve) crypto.Signer {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		require.NoError(t, err)
		return key
	}
	_, ed, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	modulus, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	by := func(a x509.SignatureAlgorithm) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.SignatureAlgorithm, c.IsCA = a, true }
	}
	root := (*party)(nil).certify(t, "root", ec(elliptic.P384()), by(x509.ECDSAWithSHA384))
	first := root.certify(t, "first", modulus, by(x509.ECDSAWithSHA256))
	second := first.certify(t, "second", ed, by(x509.SHA384WithRSAPSS))
	third := second.certify(t, "third", ec(elliptic.P521()), by(x509.PureEd25519))
	leaf := third.certify(t, "leaf", ec(elliptic.P256()), by(x509.ECDSAWithSHA512))
	old := first.certify(t, "old", ed, by(x509.SHA256WithRSA))
	chain := credential.Chain{leaf.cert, third.cert, second.cert, first.cert, root.cert}
	infos := chain.Algorithms()
	require.Equal(t, []suite.CertificateInfo{
		{Position: "leaf", Key: "P-256", Signature: "ECDSA", Hash: "SHA-512"},
		{Position: "intermediate", Key: "P-521", Signature: "Ed25519"},
		{Position: "intermediate", Key: "Ed25519", Signature: "RSA-PSS", Hash: "SHA-384"},
		{Position: "intermediate", Key: "RSA", KeyBits: 2048, Signature: "ECDSA", Hash: "SHA-256"},
		{Position: "root", Key: "P-384", Signature: "ECDSA", Hash: "SHA-384"},
	}, infos)
	require.Equal(t, []suite.CertificateInfo{{Position: "leaf", Key: "Ed25519", Signature: "RSA-PKCS1", Hash: "SHA-256"}}, credential.Chain{old.cert}.Algorithms())
	require.Empty(t, credential.Chain(nil).Algorithms())

	p, err := policy.Load("cnsa-1.0")
	require.NoError(t, err)
	for i, info := range infos {
		require.Equal(t, i == 4, suite.Question{Use: suite.Start, Time: testTime, Subject: info}.Ask(p) == nil, info)
	}
}

// A certificate of ML-DSA has its algorithms by their object identifiers, whether or not
// crypto/x509 knows them, and an unknown algorithm is its identifier.
func TestAlgorithmsThatX509NeedNotKnow(t *testing.T) {
	name := asn1.RawValue{Tag: asn1.TagSequence, Class: asn1.ClassUniversal, IsCompound: true}
	type algorithm struct{ ID asn1.ObjectIdentifier }
	type key struct {
		Algorithm algorithm
		Key       asn1.BitString
	}
	type body struct {
		Version   int `asn1:"explicit,tag:0"`
		Serial    int
		Algorithm algorithm
		Issuer    asn1.RawValue
		Validity  struct{ NotBefore, NotAfter time.Time }
		Subject   asn1.RawValue
		Key       key
	}
	type signed struct {
		Body      body
		Algorithm algorithm
		Signature asn1.BitString
	}
	for want, c := range map[string]struct {
		id   asn1.ObjectIdentifier
		size int
	}{
		"ML-DSA-44": {asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 17}, 1312},
		"ML-DSA-65": {asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 18}, 1952},
		"ML-DSA-87": {asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 19}, 2592},
		"1.2.3.4":   {asn1.ObjectIdentifier{1, 2, 3, 4}, 10},
	} {
		content := signed{
			Body: body{
				Version: 2, Serial: 1, Algorithm: algorithm{c.id}, Issuer: name, Subject: name,
				Key: key{algorithm{c.id}, asn1.BitString{Bytes: make([]byte, c.size), BitLength: 8 * c.size}},
			},
			Algorithm: algorithm{c.id}, Signature: asn1.BitString{Bytes: []byte{0}, BitLength: 8},
		}
		content.Body.Validity.NotBefore, content.Body.Validity.NotAfter = testTime, testTime.Add(time.Hour)
		der, err := asn1.Marshal(content)
		require.NoError(t, err)
		cert, err := x509.ParseCertificate(der)
		require.NoError(t, err, want)
		require.Equal(t, []suite.CertificateInfo{{Position: "leaf", Key: want, Signature: want}}, credential.Chain{cert}.Algorithms())
	}
}
