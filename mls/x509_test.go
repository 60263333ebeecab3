package mls

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// certificates returns an X.509 credential of DER certificates.
func certificates(chain ...[]byte) message.Credential {
	c, err := message.X509Credential(chain)
	if err != nil {
		panic(err) // too long for a vector
	}
	return c
}

// certificateOf returns a credential of one certificate, by some authority, of an
// Ed25519 public key, which need not be a point.
func certificateOf(signatureKey []byte) message.Credential {
	_, authority, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err)
	}
	der, err := newCertificate(ed25519.PublicKey(signatureKey), authority)
	if err != nil {
		panic(err)
	}
	return certificates(der)
}

// newCertificate certifies any public key that crypto/x509 knows.
func newCertificate(public any, authority ed25519.PrivateKey) ([]byte, error) {
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "authority"}}
	return x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "client"},
		NotBefore:    insiderTime.Add(-time.Hour),
		NotAfter:     insiderTime.Add(time.Hour),
	}, issuer, public, authority)
}

// certificateOfAny is a certificate of a public key that crypto/x509 does not know in
// every Go release, such as one of Ed448 (RFC 8410) or ML-DSA (RFC 9881).
func certificateOfAny(t *testing.T, algorithm asn1.ObjectIdentifier, key []byte) []byte {
	t.Helper()
	chain, err := certificateOf(make([]byte, ed25519.PublicKeySize)).Certificates()
	require.NoError(t, err)
	var certificate struct {
		TBS struct {
			Version            int `asn1:"explicit,tag:0"`
			Serial             *big.Int
			SignatureAlgorithm pkix.AlgorithmIdentifier
			Issuer             asn1.RawValue
			Validity           asn1.RawValue
			Subject            asn1.RawValue
			PublicKey          struct {
				Algorithm pkix.AlgorithmIdentifier
				PublicKey asn1.BitString
			}
			Extensions asn1.RawValue `asn1:"optional,explicit,tag:3"`
		}
		SignatureAlgorithm pkix.AlgorithmIdentifier
		Signature          asn1.BitString
	}
	_, err = asn1.Unmarshal(chain[0], &certificate)
	require.NoError(t, err)
	info := &certificate.TBS.PublicKey
	info.Algorithm.Algorithm = algorithm
	info.PublicKey = asn1.BitString{Bytes: key, BitLength: 8 * len(key)}
	der, err := asn1.Marshal(certificate)
	require.NoError(t, err)
	_, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	return der
}

// x509Client gives a client of the suite an X.509 credential.
func x509Client(t *testing.T, id suite.ID) Config {
	t.Helper()
	s, cfg := mlstest.Suite(t, id), client(t, id, "")
	cfg.Suites = mlstest.SuitesWith(t, id)
	_, authority, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	var key crypto.Signer
	switch info := s.Info().Signature; info.Scheme {
	case 0x0807:
		_, key, err = ed25519.GenerateKey(nil)
	case 0x0403:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case 0x0503:
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case 0x0603:
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	default:
		algorithm := asn1.ObjectIdentifier{1, 3, 101, 113} // id-Ed448
		switch {
		case info.Hybrid(): // id-MLDSA44-Ed25519-SHA512 and up
			algorithm = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 6, int(info.Scheme - 0xFE00)}
		case info.PostQuantum != "": // id-ml-dsa-44 and up
			algorithm = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 17 + int(info.Scheme-0x0904)}
		}
		cfg.Credential = certificates(certificateOfAny(t, algorithm, cfg.Signer.PublicKey()))
		return cfg
	}
	require.NoError(t, err)
	cfg.Signer, err = s.NewSigner(key)
	require.NoError(t, err)
	der, err := newCertificate(key.Public(), authority)
	require.NoError(t, err)
	cfg.Credential = certificates(der)
	return cfg
}

// Clients with X.509 credentials share a group, whatever the signature scheme.
func TestX509Credentials(t *testing.T) {
	ids := mlstest.AllSuites().IDs()
	for _, d := range mlstest.ExperimentalDefinitions() {
		ids = append(ids, d.ID)
	}
	for _, id := range ids {
		t.Run(mlstest.Suite(t, id).Info().Name, func(t *testing.T) {
			g, err := CreateGroup(t.Context(), insiderTime, x509Client(t, id), nil)
			require.NoError(t, err)
			k, err := NewKeyPackage(t.Context(), insiderTime, x509Client(t, id), KeyPackageOptions{})
			require.NoError(t, err)
			c, err := g.Commit(t.Context(), insiderTime, CommitOptions{ForcePath: true}, message.Add{KeyPackage: k.KeyPackage})
			require.NoError(t, err)
			joined, err := adopted(k.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{}))
			require.NoError(t, err)
			g, err = c.Adopt()
			require.NoError(t, err)
			groups := []*Group{g, joined}
			c, err = joined.Commit(t.Context(), insiderTime, CommitOptions{})
			require.NoError(t, err)
			follow(t, groups, 1, c)
		})
	}
}

// A client whose certificate is of another key makes no leaf.
func TestConfigOfAnotherCertificateIsRefused(t *testing.T) {
	cfg := x509Client(t, 0x0001)
	cfg.Credential = x509Client(t, 0x0001).Credential
	want := fault.Violation("5.3", "subjectPublicKeyInfo of the end-entity certificate")
	_, err := NewKeyPackage(t.Context(), insiderTime, cfg, KeyPackageOptions{})
	requireRefused(t, want, err)
	_, err = CreateGroup(t.Context(), insiderTime, cfg, nil)
	requireRefused(t, want, err)
	cfg.Credential = certificates([]byte("certificate"))
	_, err = NewKeyPackage(t.Context(), insiderTime, cfg, KeyPackageOptions{})
	requireRefused(t, fault.Violation("5.3", "X.509 credential does not begin with"), err)
	require.ErrorIs(t, err, message.ErrMalformed)
}
