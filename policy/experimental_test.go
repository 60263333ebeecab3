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

// A composite signature is judged by both of its parts: it is a hybrid to profiles that ask
// for one, post-quantum to those that ask for that, and no ML-DSA alone to those that allow
// nothing else. No profile needs to know the suites.
func TestCompositesAreJudgedByTheirParts(t *testing.T) {
	set, err := experimental.Build(all.Parts(), experimental.PrivateUse())
	require.NoError(t, err)
	require.Len(t, set, 2)
	for _, s := range set {
		info := suite.Describe(s)
		for _, name := range fields("any pq-confidential pq-authentic nist-curves anssi ncsc-uk fips-140-3-algorithms") {
			require.Equal(t, "allow", load(t, name).Verdict(info, tableDate).String(), name)
		}
		for _, name := range fields("rfc9420 cnsa-1.0 cnsa-2.0 cnsa-2.0-transition asd-ism asd-ism-top-secret") {
			verdict := load(t, name).Verdict(info, tableDate).String()
			require.True(t, strings.HasPrefix(verdict, "deny"), "%s: %s", name, verdict)
		}
		// To the module, ML-DSA in a composite is as ML-DSA alone.
		module := load(t, "fips-140-3-module")
		require.Equal(t, module.Verdict(suites()["T10"], tableDate).String(), module.Verdict(info, tableDate).String())
	}
	var refused []string
	for _, f := range load(t, "cnsa-2.0").Verdict(suite.Describe(set[1]), tableDate).Findings {
		if !f.Passed {
			refused = append(refused, f.Found)
		}
	}
	require.Contains(t, refused, "signature ML-DSA-87 with ECDSA P-384")
}

// The way to a composite is no way down: its post-quantum part is as strong as ML-DSA alone.
func TestCompositesAreNotWeakerThanTheirParts(t *testing.T) {
	set, err := experimental.Build(all.Parts(), experimental.PrivateUse())
	require.NoError(t, err)
	require.Empty(t, policy.Weaker(suites()["T10"], set[0].Info()))
	require.Empty(t, policy.Weaker(suites()["T11"], set[1].Info()))
	require.Empty(t, policy.Weaker(suites()["7"], set[1].Info()))
	require.NotEmpty(t, policy.Weaker(set[1].Info(), set[0].Info()))
	require.NotEmpty(t, policy.Weaker(set[1].Info(), suites()["T5"]))
}
