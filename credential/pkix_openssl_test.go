package credential_test

import (
	"crypto/x509"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/credential"
	"github.com/mlsuite/mlsuite/internal/certificate"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// opensslPKI runs testdata/pki.sh and returns a function that reads what it made. Nothing of
// it is committed, so that no private key is and OpenSSL's own certificates are judged; its
// dates are fixed, so that the test has none.
func opensslPKI(t *testing.T) func(name string) []byte {
	t.Helper()
	version, err := exec.Command("openssl", "version").Output()
	if err != nil || !strings.HasPrefix(string(version), "OpenSSL 3") {
		t.Skipf("no OpenSSL 3: %s %v", version, err)
	}
	folder := t.TempDir()
	out, err := exec.Command("sh", "testdata/pki.sh", folder).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		return data
	}
}

// What OpenSSL issues is judged as what this module's tests issue.
func TestPKIXOfOpenSSL(t *testing.T) {
	read := opensslPKI(t)
	cert := func(name string) *x509.Certificate {
		c, err := x509.ParseCertificate(read(name + ".der"))
		require.NoError(t, err)
		return c
	}
	p384 := event.Occasion{Group: event.GroupState{Suite: suite.Info{Signature: suite.SignatureInfo{Scheme: 0x0503, Classical: "P-384"}}}, Use: suite.Start}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	p, err := credential.NewPKIX(credential.PKIXOptions{
		Roots: []*x509.Certificate{cert("root")}, RequireStatus: true, Identity: credential.DNSIdentity,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	require.NoError(t, err)
	for name, row := range map[string]struct {
		by   string
		kind event.LapseKind
		text string
	}{
		"good":      {"authority", "", ""},
		"revoked":   {"authority", event.Revoked, "by CRL 1: keyCompromise"},
		"expired":   {"authority", event.Expired, "expired"},
		"agreement": {"authority", event.Untrusted, "digitalSignature"},
		"server":    {"authority", event.Untrusted, "incompatible key usage"},
		"inside":    {"constrained", event.Unknown, "no current CRL"},
		"outside":   {"constrained", event.Untrusted, `"elsewhere.example" is not permitted`},
	} {
		t.Run(name, func(t *testing.T) {
			presented, err := message.X509Credential([][]byte{read(name + ".der"), read(row.by + ".der")})
			require.NoError(t, err)
			key, err := certificate.PublicKey(read(name + ".der"))
			require.NoError(t, err)
			for _, issuer := range []string{"root", "authority"} {
				require.NoError(t, p.AddCRL(read(issuer+".crl"), cert(issuer)))
			}
			lapse := verdict(t, p, now, p384, event.Change{Credential: presented, SignatureKey: key})
			if row.kind == "" {
				require.Nil(t, lapse)
				identity, err := p.Identity(presented)
				require.NoError(t, err)
				require.Equal(t, "good.agency.example", identity)
				return
			}
			require.NotNil(t, lapse)
			require.Equal(t, row.kind, lapse.Kind)
			require.ErrorContains(t, lapse, row.text)
		})
	}
}
