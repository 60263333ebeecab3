package policy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/suite"
)

// composites are suites with a composite signature, whatever their code points.
func composites() map[string]suite.Info {
	small, large := suites()["T4"], suites()["T5"]
	small.Name, large.Name = "MLS_192_MLKEM768P256_AES256GCM_SHA384_MLDSA65P256", "MLS_256_MLKEM1024P384_AES256GCM_SHA384_MLDSA87P384"
	small.Signature = suite.SignatureInfo{Scheme: 0xFE01, Name: "MLDSA65-ECDSA-P256-SHA512", Level: 192, Classical: "P-256", PostQuantum: "ML-DSA-65", Hash: "SHA-512"}
	large.Signature = suite.SignatureInfo{Scheme: 0xFE02, Name: "MLDSA87-ECDSA-P384-SHA512", Level: 256, Classical: "P-384", PostQuantum: "ML-DSA-87", Hash: "SHA-512"}
	return map[string]suite.Info{"small": small, "large": large}
}

// A composite of ML-DSA and ECDSA beside a hybrid KEM is what most agencies of Europe want, and
// what CNSA and ASD do not have.
func TestComposites(t *testing.T) {
	for verdict, profiles := range map[string]string{
		"allow":                            "any pq-confidential pq-authentic nist-curves anssi anssi-restreint eccg-acm-2 eu-roadmap nl-pqc-handbook ncsc-uk fips-140-3-algorithms us-eo-14412 ca-itsm-40-001",
		"deny, allowed with cfrg-combiner": "bsi-tr-02102-1",
		"deny":                             "rfc9420 cnsa-1.0 cnsa-2.0 cnsa-2.0-transition",
	} {
		for _, profile := range fields(profiles) {
			for name, info := range composites() {
				got := load(t, profile).Verdict(info, tableDate).String()
				require.Equal(t, verdict, got, "%s: %s", profile, name)
			}
		}
	}
	for name, info := range composites() {
		require.Equal(t, "allow", load(t, "bsi-tr-02102-1", "cfrg-combiner").Verdict(info, tableDate).String(), name)
		require.Equal(t, "deny", load(t, "cnsa-2.0-transition", "hybrid").Verdict(info, tableDate).String(), name)
		for _, profile := range []string{"nl-pqc-handbook", "ncsc-uk", "eu-roadmap"} {
			require.True(t, load(t, profile).Verdict(info, day("2036-01-01")).Allow, "%s: %s", profile, name)
		}
		for _, profile := range []string{"asd-ism", "asd-ism-protected", "asd-ism-top-secret"} {
			require.False(t, load(t, profile).Verdict(info, tableDate).Allow, "%s: %s", profile, name)
		}
		require.Contains(t, strings.Join(load(t, "fips-140-3-algorithms").Verdict(info, tableDate).Notes, "\n"), "[U] Each part of the composite signature is approved")
		require.Contains(t, load(t, "ncsc-uk").Verdict(info, tableDate).Notes, "A hybrid is an interim measure.")
	}
}
