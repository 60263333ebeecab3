package credential_test

import (
	"crypto/x509"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/credential"
	"github.com/mlsuite/mlsuite/internal/certificate"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// pkitsCase is a test of NIST's Public Key Interoperability Test Suite, as the Go toolchain
// brings it.
type pkitsCase struct {
	Name                        string
	CertPath                    []string // from the trust anchor to the end entity
	InitialPolicySet            []string
	InitialPolicyMappingInhibit bool
	InitialExplicitPolicy       bool
	InitialAnyPolicyInhibit     bool
	ShouldValidate              bool
}

// pkitsFolder returns where the toolchain has the suite, or skips the test.
func pkitsFolder(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skipf("no go command: %v", err)
	}
	folder := filepath.Join(strings.TrimSpace(string(out)), "src/crypto/x509/testdata/nist-pkits")
	if _, err := os.Stat(filepath.Join(folder, "vectors.json")); err != nil {
		t.Skipf("the toolchain does not bring NIST's suite: %v", err)
	}
	return folder
}

// NIST's path validation tests. Where the verdict is another than NIST's, strictPKITS and
// laxPKITS say why. What is accepted, crypto/x509 accepts by itself too.
func TestPKITS(t *testing.T) {
	folder := pkitsFolder(t)
	data, err := os.ReadFile(filepath.Join(folder, "vectors.json"))
	require.NoError(t, err)
	var cases []pkitsCase
	require.NoError(t, json.Unmarshal(data, &cases))
	require.Greater(t, len(cases), 200)
	strict, lax := strictPKITS(), laxPKITS()
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			lapse := judgePKITS(t, folder, c)
			number, _, _ := strings.Cut(c.Name, " ")
			listed := lax
			if c.ShouldValidate {
				listed = strict
			}
			reason, ok := listed[number]
			delete(listed, number)
			if c.ShouldValidate != ok {
				require.Nil(t, lapse)
			} else {
				require.NotNil(t, lapse)
			}
			if ok {
				t.Logf("NIST's verdict is another: %s", reason)
			}
		})
	}
	require.Empty(t, strict, "every test that is listed has run")
	require.Empty(t, lax)
}

// judgePKITS returns the verdict of a PKIX that has what a case gives it.
func judgePKITS(t *testing.T, folder string, c pkitsCase) *event.Lapse {
	t.Helper()
	read := func(name string) []byte {
		der, err := os.ReadFile(filepath.Join(folder, "certs", name))
		require.NoError(t, err)
		return der
	}
	if c.InitialPolicyMappingInhibit || c.InitialExplicitPolicy || c.InitialAnyPolicyInhibit {
		t.Skip("crypto/x509 has no such input")
	}
	root, err := x509.ParseCertificate(read(c.CertPath[0]))
	require.NoError(t, err)
	options := credential.PKIXOptions{
		Roots:    []*x509.Certificate{root},
		Identity: func(*x509.Certificate) (string, error) { return "", nil }, // some have no subject
	}
	for _, name := range c.InitialPolicySet {
		if name == "anyPolicy" {
			continue
		}
		arc, ok := strings.CutPrefix(name, "NIST-test-policy-")
		require.True(t, ok)
		policy, err := x509.ParseOID("2.16.840.1.101.3.2.1.48." + arc)
		require.NoError(t, err)
		options.CertificatePolicies = append(options.CertificatePolicies, policy)
	}
	p, err := credential.NewPKIX(options)
	require.NoError(t, err)

	var chain [][]byte
	for _, name := range c.CertPath[1:] {
		chain = append(chain, read(name))
	}
	slices.Reverse(chain)
	presented, err := message.X509Credential(chain)
	require.NoError(t, err)
	key, err := certificate.PublicKey(chain[0])
	require.NoError(t, err)
	verdicts, err := p.Authenticate(t.Context(), testTime, event.Occasion{Use: suite.Start}, []event.Change{{Credential: presented, SignatureKey: key}})
	require.NoError(t, err)
	if verdicts[0] == nil {
		requirePath(t, options, chain)
		return nil
	}
	t.Log(verdicts[0])
	return verdicts[0].(*event.Lapse)
}

// strictPKITS are the reasons why a valid path is refused, by the numbers of the tests.
func strictPKITS() map[string]string {
	return reasons(map[string][]string{
		"crypto/x509 has no DSA": {
			"4.1.4", "4.1.5",
		},
		"crypto/x509 compares names byte by byte": {
			"4.3.3", "4.3.4", "4.3.5", "4.3.10", "4.3.11",
		},
		"the listed path has a certificate for CRLs, which certifies nothing": {
			"4.4.19", "4.5.4", "4.5.6", "4.14.24", "4.14.25", "4.14.28", "4.14.30", "4.14.33",
		},
		"crypto/x509 counts self-issued certificates": {
			"4.6.15", "4.6.17",
		},
		"crypto/x509 does not read constraints on directory names, which are critical": {
			"4.13.1", "4.13.4", "4.13.5", "4.13.6", "4.13.11", "4.13.14", "4.13.18", "4.13.19", "4.13.27",
		},
		"crypto/x509 applies constraints on hosts to the domains below them": {
			"4.13.25", "4.13.36",
		},
		"crypto/x509 does not read relative names of distribution points": {
			"4.14.4", "4.14.5", "4.14.29",
		},
	})
}

// laxPKITS are the reasons why an invalid path is accepted, by the numbers of the tests.
func laxPKITS() map[string]string {
	return reasons(map[string][]string{
		"the toolchain brings no CRLs, and only one would say so": {
			"4.4.1", "4.4.2", "4.4.3", "4.4.4", "4.4.5", "4.4.6", "4.4.8", "4.4.9", "4.4.10", "4.4.11", "4.4.12",
			"4.4.18", "4.5.2", "4.7.4", "4.7.5", "4.14.2", "4.14.3", "4.14.8", "4.14.9", "4.14.11", "4.14.12",
			"4.14.14", "4.14.15", "4.14.16", "4.14.17", "4.14.20", "4.14.21", "4.14.23", "4.14.34", "4.14.35",
			"4.15.1", "4.15.3", "4.15.4", "4.15.6", "4.15.9", "4.15.10",
		},
		"crypto/x509 applies constraints on hosts to the domains below them": {
			"4.13.24",
		},
	})
}

func reasons(tests map[string][]string) map[string]string {
	byTest := make(map[string]string)
	for reason, numbers := range tests {
		for _, n := range numbers {
			byTest[n] = reason
		}
	}
	return byTest
}

// requirePath requires that crypto/x509 by itself accepts a chain.
func requirePath(t *testing.T, options credential.PKIXOptions, ders [][]byte) {
	t.Helper()
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(options.Roots[0])
	for _, der := range ders[1:] {
		c, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		between.AddCert(c)
	}
	leaf, err := x509.ParseCertificate(ders[0])
	require.NoError(t, err)
	_, err = leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: testTime, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		CertificatePolicies: options.CertificatePolicies,
	})
	require.NoError(t, err)
}
