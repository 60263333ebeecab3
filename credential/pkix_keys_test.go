package credential_test

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/credential"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/suite"
)

// certifyAny issues a certificate by p, whose key is on P-384, for a key that crypto/x509
// need not know.
func (p *party) certifyAny(t testing.TB, name string, algorithm asn1.ObjectIdentifier, key []byte) *party {
	t.Helper()
	var c struct {
		TBS struct {
			Version            int `asn1:"explicit,tag:0"`
			Serial             asn1.RawValue
			SignatureAlgorithm asn1.RawValue
			Issuer             asn1.RawValue
			Validity           asn1.RawValue
			Subject            asn1.RawValue
			PublicKey          struct {
				Algorithm pkix.AlgorithmIdentifier
				PublicKey asn1.BitString
			}
			Extensions asn1.RawValue `asn1:"optional,explicit,tag:3"`
		}
		SignatureAlgorithm asn1.RawValue
		Signature          asn1.BitString
	}
	_, err := asn1.Unmarshal(p.certify(t, name, newKey(t)).cert.Raw, &c)
	require.NoError(t, err)
	c.TBS.PublicKey.Algorithm = pkix.AlgorithmIdentifier{Algorithm: algorithm}
	c.TBS.PublicKey.PublicKey = asn1.BitString{Bytes: key, BitLength: 8 * len(key)}
	tbs, err := asn1.Marshal(c.TBS)
	require.NoError(t, err)
	digest := crypto.SHA384.New()
	digest.Write(tbs)
	signature, err := p.key.Sign(rand.Reader, digest.Sum(nil), crypto.SHA384)
	require.NoError(t, err)
	c.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	der, err := asn1.Marshal(c)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &party{cert: cert}
}

// An authority on P-384 certifies members of each signature scheme that crypto/x509 does not
// know on every toolchain: ML-DSA, Ed448 and composites.
func TestPKIXOfOtherKeys(t *testing.T) {
	ed448 := asn1.ObjectIdentifier{1, 3, 101, 113}
	composite := func(arc int) asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 6, arc} }
	mlDSA := func(arc int) asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, arc} }
	algorithms := map[string]asn1.ObjectIdentifier{
		"Ed448": ed448, "ML-DSA-44": mlDSA(17), "ML-DSA-65": mlDSA(18), "ML-DSA-87": mlDSA(19),
		"ML-DSA-44 Ed25519": composite(39), "ML-DSA-65 P-256": composite(45), "ML-DSA-65 Ed25519": composite(48), "ML-DSA-87 P-384": composite(49),
	}
	root := (*party)(nil).certify(t, "root", newKeyOn(t, elliptic.P384()), authority)
	middle := root.certify(t, "middle", newKeyOn(t, elliptic.P384()), authority)
	p := pki{root, middle}.pkix(t)
	judged := map[string]bool{}
	ids := mlstest.AllSuites().IDs()
	for _, d := range mlstest.ExperimentalDefinitions() {
		ids = append(ids, d.ID)
	}
	for _, id := range ids {
		s := mlstest.Suite(t, id)
		info := s.Info().Signature
		name := info.Classical
		switch {
		case info.Hybrid():
			name = info.PostQuantum + " " + info.Classical
		case info.PostQuantum != "":
			name = info.PostQuantum
		}
		algorithm, ok := algorithms[name]
		if !ok || judged[name] {
			continue
		}
		judged[name] = true
		t.Run(name, func(t *testing.T) {
			signer, err := s.GenerateSigner()
			require.NoError(t, err)
			alice := middle.certifyAny(t, "alice", algorithm, signer.PublicKey())
			on := event.Occasion{Group: event.GroupState{Suite: s.Info()}, Use: suite.Start}
			change := event.Change{Credential: credentialOf(t, alice, middle), SignatureKey: signer.PublicKey()}
			require.Nil(t, verdict(t, p, testTime, on, change))
			other := composite(1)
			change.Credential = credentialOf(t, middle.certifyAny(t, "alice", other, signer.PublicKey()), middle)
			require.ErrorContains(t, verdict(t, p, testTime, on, change), "not of the suite's signature scheme")

			cfg := mls.Config{
				Suites: mlstest.SuitesWith(t, id), Suite: id, Signer: signer, Credential: credentialOf(t, alice, middle), Authenticator: p,
			}
			g, err := mls.CreateGroup(t.Context(), testTime, cfg, nil)
			require.NoError(t, err)
			found, err := credential.Recheck(t.Context(), testTime, g, p)
			require.NoError(t, err)
			require.Empty(t, found)
		})
	}
	require.GreaterOrEqual(t, len(judged), 6)
}
