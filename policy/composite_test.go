package policy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/experimental"
	"github.com/mlsuite/mlsuite/suite"
)

// composites are the suites of registry/experimental.
func composites(t *testing.T) map[string]suite.Info {
	t.Helper()
	set, err := experimental.Build(all.Parts(), experimental.PrivateUse())
	require.NoError(t, err)
	require.Len(t, set, 2)
	return map[string]suite.Info{"small": suite.Describe(set[0]), "large": suite.Describe(set[1])}
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
			for name, info := range composites(t) {
				got := load(t, profile).Verdict(info, tableDate).String()
				require.Equal(t, verdict, got, "%s: %s", profile, name)
			}
		}
	}
	for name, info := range composites(t) {
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

// What a profile finds names both parts of a composite, and to a module ML-DSA in a composite is
// as ML-DSA alone.
func TestFindingsNameBothPartsOfAComposite(t *testing.T) {
	var refused []string
	for _, f := range load(t, "cnsa-2.0").Verdict(composites(t)["large"], tableDate).Findings {
		if !f.Passed {
			refused = append(refused, f.Found)
		}
	}
	require.Contains(t, refused, "signature ML-DSA-87 with ECDSA P-384")
	module := load(t, "fips-140-3-module")
	require.Equal(t, module.Verdict(suites()["T10"], tableDate).String(), module.Verdict(composites(t)["small"], tableDate).String())
}

// The way to a composite is no way down: its post-quantum part is as strong as ML-DSA alone.
func TestCompositesAreNotWeakerThanTheirParts(t *testing.T) {
	small, large := composites(t)["small"], composites(t)["large"]
	require.Empty(t, policy.Weaker(suites()["T10"], small))
	require.Empty(t, policy.Weaker(suites()["T11"], large))
	require.Empty(t, policy.Weaker(suites()["7"], large))
	require.NotEmpty(t, policy.Weaker(large, small))
	require.NotEmpty(t, policy.Weaker(large, suites()["T5"]))
}
