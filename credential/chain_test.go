package credential_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/credential"
	"github.com/mlsuite/mlsuite/mls/message"
)

var testTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// party has a certificate.
type party struct {
	key  crypto.Signer
	cert *x509.Certificate
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	return newKeyOn(t, elliptic.P256())
}

func newKeyOn(t testing.TB, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	require.NoError(t, err)
	return key
}

// certify issues a certificate by p, or a self-signed one if p is nil.
func (p *party) certify(t testing.TB, name string, key crypto.Signer, adjust ...func(*x509.Certificate)) *party {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             testTime.Add(-time.Hour),
		NotAfter:              testTime.Add(time.Hour),
		BasicConstraintsValid: true,
		DNSNames:              []string{name},
	}
	for _, f := range adjust {
		f(template)
	}
	issuer := p
	if p == nil {
		issuer = &party{key, template}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.cert, key.Public(), issuer.key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &party{key, cert}
}

func authority(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign }

func credentialOf(t testing.TB, parties ...*party) message.Credential {
	t.Helper()
	var chain [][]byte
	for _, p := range parties {
		chain = append(chain, p.cert.Raw)
	}
	c, err := message.X509Credential(chain)
	require.NoError(t, err)
	return c
}

func TestParse(t *testing.T) {
	root := (*party)(nil).certify(t, "root", newKey(t), authority)
	middle := root.certify(t, "middle", newKey(t), authority)
	alice := middle.certify(t, "alice.example", newKey(t))
	for _, parties := range [][]*party{{alice}, {alice, middle}, {alice, middle, root}} {
		chain, err := credential.Parse(credentialOf(t, parties...))
		require.NoError(t, err)
		require.Len(t, chain, len(parties))
		for i, p := range parties {
			require.True(t, chain[i].Equal(p.cert))
		}
		point, err := alice.key.Public().(*ecdsa.PublicKey).Bytes()
		require.NoError(t, err)
		require.NoError(t, chain.Certifies(point))
		point[1] ^= 1
		var fault *credential.Error
		require.ErrorAs(t, chain.Certifies(point), &fault)
	}
	require.Error(t, credential.Chain(nil).Certifies(nil))
}

func TestParseRefuses(t *testing.T) {
	root := (*party)(nil).certify(t, "root", newKey(t), authority)
	twin := (*party)(nil).certify(t, "root", newKey(t), authority)
	middle := root.certify(t, "middle", newKey(t), authority)
	alice := middle.certify(t, "alice.example", newKey(t))
	leafIssuer := root.certify(t, "leaf", newKey(t))
	byLeaf := leafIssuer.certify(t, "alice.example", newKey(t))
	noSigning := root.certify(t, "no signing", newKey(t), authority,
		func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature })
	byNoSigning := noSigning.certify(t, "alice.example", newKey(t))
	changed := &party{cert: &x509.Certificate{Raw: slices.Clone(alice.cert.Raw)}}
	changed.cert.Raw[len(changed.cert.Raw)-1] ^= 1
	long := []*party{root}
	for range credential.MaxCertificates {
		long = slices.Insert(long, 0, long[0].certify(t, "next", newKey(t), authority))
	}
	for name, row := range map[string]struct {
		parties []*party
		at      int
		rule    string
	}{
		"no certificate":             {nil, 0, "chain has no end-entity certificate"},
		"too many":                   {long, credential.MaxCertificates, "chain has more than 10 certificates"},
		"no DER":                     {[]*party{{cert: &x509.Certificate{Raw: []byte("certificate")}}}, 0, "DER"},
		"an empty one":               {[]*party{{cert: &x509.Certificate{}}}, 0, "DER"},
		"no DER after one":           {[]*party{alice, {cert: &x509.Certificate{Raw: []byte{0x30, 0}}}}, 1, "DER"},
		"bytes after one":            {[]*party{{cert: &x509.Certificate{Raw: append(slices.Clone(alice.cert.Raw), 0)}}}, 0, "DER"},
		"the wrong order":            {[]*party{middle, alice}, 0, "issuer is not the subject"},
		"one left out in the middle": {[]*party{alice, root}, 0, "issuer is not the subject"},
		"one of no relation at end":  {[]*party{alice, middle, alice}, 1, "issuer is not the subject"},
		"another of that name":       {[]*party{middle, twin}, 0, "authority that signed it"},
		"a signature changed":        {[]*party{changed, middle}, 0, "authority that signed it"},
		"no authority":               {[]*party{byLeaf, leafIssuer, root}, 0, "authority that signed it"},
		"an authority of no signing": {[]*party{byNoSigning, noSigning}, 0, "authority that signed it"},
	} {
		t.Run(name, func(t *testing.T) {
			chain, err := credential.Parse(credentialOf(t, row.parties...))
			require.Nil(t, chain)
			var fault *credential.Error
			require.ErrorAs(t, err, &fault)
			require.Equal(t, row.at, fault.Certificate)
			require.ErrorContains(t, err, row.rule)
		})
	}
	_, err := credential.Parse(credentialOf(t, long[1:]...))
	require.NoError(t, err, "the longest chain")
	_, err = credential.Parse(message.BasicCredential([]byte("alice")))
	require.ErrorIs(t, err, message.ErrUnsupported)
	_, err = credential.Parse(message.Credential{Type: message.CredentialX509, Content: []byte{5}})
	require.ErrorIs(t, err, message.ErrMalformed)
}

// An end entity's key may be of any algorithm; a signature has to be of one that
// crypto/x509 knows.
func TestSignaturesOfUnknownAlgorithms(t *testing.T) {
	root := (*party)(nil).certify(t, "root", newKey(t), authority)
	_, ed, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	alice := root.certify(t, "alice.example", ed)
	ofEd25519, ofEd448 := []byte{0x06, 0x03, 0x2b, 0x65, 0x70}, []byte{0x06, 0x03, 0x2b, 0x65, 0x71}
	unknownKey := replaced(t, alice.cert.Raw, ofEd25519, ofEd448)
	chain, err := credential.Parse(credentialOf(t, &party{cert: &x509.Certificate{Raw: unknownKey}}))
	require.NoError(t, err)
	require.Nil(t, chain[0].PublicKey)
	require.NoError(t, chain.Certifies(ed.Public().(ed25519.PublicKey)))

	edRoot := (*party)(nil).certify(t, "root", ed, authority)
	bob := edRoot.certify(t, "bob.example", newKey(t))
	unknownSignature := replaced(t, bob.cert.Raw, ofEd25519, ofEd448)
	_, err = credential.Parse(credentialOf(t, &party{cert: &x509.Certificate{Raw: unknownSignature}}, edRoot))
	require.ErrorIs(t, err, x509.ErrUnsupportedAlgorithm)
}

// replaced returns b with from replaced by to, which is as long, wherever it is.
func replaced(t *testing.T, b, from, to []byte) []byte {
	t.Helper()
	require.Len(t, to, len(from))
	require.True(t, bytes.Contains(b, from))
	return bytes.ReplaceAll(b, from, to)
}
