package credential_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"testing"

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
