package certificate_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/certificate"
)

func selfSigned(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0x1001),
		Subject:      pkix.Name{CommonName: "alice", Organization: []string{"Example"}},
		NotBefore:    time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		DNSNames:     []string{"alice.example"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return der
}

func testKeys(t testing.TB) map[string]crypto.Signer {
	t.Helper()
	_, ed, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	keys := map[string]crypto.Signer{"Ed25519": ed}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		keys[curve.Params().Name], err = ecdsa.GenerateKey(curve, rand.Reader)
		require.NoError(t, err)
	}
	keys["RSA"], err = rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return keys
}

// bits returns the public key of a SubjectPublicKeyInfo. Keys are whole octets.
func bits(t testing.TB, spki []byte) []byte {
	t.Helper()
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		PublicKey asn1.BitString
	}
	rest, err := asn1.Unmarshal(spki, &info)
	require.NoError(t, err)
	require.Empty(t, rest)
	if info.PublicKey.BitLength%8 != 0 {
		t.Skip("not octets")
	}
	return info.PublicKey.RightAlign()
}

func TestPublicKey(t *testing.T) {
	for name, key := range testKeys(t) {
		t.Run(name, func(t *testing.T) {
			der := selfSigned(t, key)
			parsed, err := x509.ParseCertificate(der)
			require.NoError(t, err)
			got, err := certificate.PublicKey(der)
			require.NoError(t, err)
			require.Equal(t, bits(t, parsed.RawSubjectPublicKeyInfo), got)
			switch public := key.Public().(type) {
			case ed25519.PublicKey:
				require.Equal(t, []byte(public), got)
			case *ecdsa.PublicKey:
				point, err := public.Bytes()
				require.NoError(t, err)
				require.Equal(t, point, got, "the uncompressed point")
			}
			want := bytes.Clone(got)
			clear(der)
			require.Equal(t, want, got, "the key is a copy")
		})
	}
}

// The algorithms are those of the certificate, named by their object identifiers.
func TestAlgorithms(t *testing.T) {
	keys := testKeys(t)
	for name, want := range map[string][2]string{
		"Ed25519": {"1.3.101.112", "1.3.101.112"},
		"P-256":   {"1.2.840.10045.2.1", "1.2.840.10045.4.3.2"},
		"P-384":   {"1.2.840.10045.2.1", "1.2.840.10045.4.3.3"},
		"P-521":   {"1.2.840.10045.2.1", "1.2.840.10045.4.3.4"},
		"RSA":     {"1.2.840.113549.1.1.1", "1.2.840.113549.1.1.11"},
	} {
		der := selfSigned(t, keys[name])
		key, signature, err := certificate.Algorithms(der)
		require.NoError(t, err)
		require.Equal(t, want, [2]string{key, signature}, name)
		for n := range der {
			_, _, err := certificate.Algorithms(der[:n])
			require.ErrorIs(t, err, certificate.ErrMalformed, "the first %d bytes", n)
		}
	}
}

// The names are those that crypto/x509 reads.
func TestNamesOf(t *testing.T) {
	der := selfSigned(t, testKeys(t)["Ed25519"])
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	names, err := certificate.NamesOf(der)
	require.NoError(t, err)
	require.Equal(t, certificate.Names{Serial: parsed.SerialNumber, Issuer: parsed.RawIssuer, Subject: parsed.RawSubject}, names)
	for n := range der {
		_, err := certificate.NamesOf(der[:n])
		require.ErrorIs(t, err, certificate.ErrMalformed, "the first %d bytes", n)
	}
	padded := bytes.Replace(der, []byte{2, 2, 0x10, 1}, []byte{2, 2, 0, 1}, 1)
	_, err = certificate.NamesOf(padded)
	require.ErrorIs(t, err, certificate.ErrMalformed, "an octet too many is no DER")
	_, err = certificate.PublicKey(padded)
	require.NoError(t, err)
}

func TestPublicKeyRefuses(t *testing.T) {
	der := selfSigned(t, testKeys(t)["Ed25519"])
	for n := range der {
		_, err := certificate.PublicKey(der[:n])
		require.ErrorIs(t, err, certificate.ErrMalformed, "the first %d bytes", n)
	}
	_, err := certificate.PublicKey(append(der[:len(der):len(der)], 0))
	require.ErrorIs(t, err, certificate.ErrMalformed, "a byte more")
	key, err := certificate.PublicKey(der)
	require.NoError(t, err)
	require.Len(t, key, ed25519.PublicKeySize)
	spki := parsedSPKI(t, der)
	_, err = certificate.PublicKey(spki)
	require.ErrorIs(t, err, certificate.ErrMalformed, "a bare key")
}

func parsedSPKI(t testing.TB, der []byte) []byte {
	t.Helper()
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return parsed.RawSubjectPublicKeyInfo
}

// Whatever crypto/x509 takes for a certificate has a key here too, and the same.
func FuzzPublicKey(f *testing.F) {
	for _, key := range testKeys(f) {
		f.Add(selfSigned(f, key))
	}
	f.Add([]byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, der []byte) {
		parsed, parseErr := x509.ParseCertificate(der)
		key, err := certificate.PublicKey(der)
		if parseErr != nil {
			return
		}
		want := bits(t, parsed.RawSubjectPublicKeyInfo)
		require.NoError(t, err)
		require.Equal(t, want, key)
	})
}
