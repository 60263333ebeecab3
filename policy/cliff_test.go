package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// Lint warns of a day after which no suite is left, which is no mistake.
func TestLintWarnsOfACliff(t *testing.T) {
	file := func(text string) policy.File {
		return policy.File{Name: "own.yaml", Data: []byte("profile: own\ntitle: t\n" + text)}
	}
	const sources = "sources: {s: {document: D, date: 2026, checked: 2026}}\n"
	for name, c := range map[string]struct{ text, want string }{
		"parent":    {"extends: bsi-tr-02102-1\n", "own.yaml:3:1: extends: after 2031-12-31 no suite is left"},
		"refuse":    {"extends: bsi-tr-02102-1\nexisting: refuse\n", "own.yaml:3:1: extends: after 2031-12-31 no suite is left, and under existing: refuse a group can then only be left"},
		"parameter": {"extends: bsi-tr-02102-1\nset: {very-high-protection: on}\n", "own.yaml:3:1: extends: after 2030-12-31 no suite is left"},
		"switch":    {"extends: bsi-tr-02102-1\nset: {cfrg-combiner: on}\n", "own.yaml:3:1: extends: after 2035-12-31 no suite is left"},
		"two":       {"extends: [anssi, asd-ism]\n", "own.yaml:3:1: extends: after 2030-12-31 no suite is left"},
		"end":       {"ends: 2027-12-31\n", "own.yaml:1:1: after 2027-12-31 no suite is left"},
		"a last day of a later time": {
			sources + "rules: [{id: r, source: s, force: law, wanted: w, allow: [{hash: SHA-256, until: 2027-01-01}, {hash: SHA-384, from: 2028-01-01, until: 2028-06-30}]}]\n",
			"own.yaml:4:1: rules: after 2028-06-30 no suite is left",
		},
		"before another begins to be demanded": {
			sources + "rules:\n  - {id: a, source: s, force: law, wanted: w, allow: [{hash: SHA-256}]}\n  - {id: b, source: s, force: law, wanted: w, allow: [{until: 2027-06-30}, {kem.kind: post-quantum, signature.kind: post-quantum}]}\n",
			"own.yaml:4:1: rules: after 2027-06-30 no suite is left",
		},
		"something is left":  {"extends: asd-ism\nexisting: refuse\n", ""},
		"no date":            {"extends: cnsa-1.0\n", ""},
		"a gap, and it goes": {sources + "rules: [{id: r, source: s, force: law, wanted: w, allow: [{hash: SHA-256, until: 2027-01-01}, {hash: SHA-384, from: 2028-01-01}]}]\n", ""},
		"providers":          {"extends: fips-140-3-module\n", ""},
		"not verified":       {sources + "rules: [{id: r, source: s, force: law, certainty: U, wanted: w, allow: [{hash: SHA-256, until: 2027-01-01}]}]\n", ""},
	} {
		found := policy.Builtin().Lint(file(c.text))
		require.Empty(t, found.Wrong, name)
		if c.want == "" {
			require.Empty(t, found.Warnings, name)
			continue
		}
		require.Len(t, found.Warnings, 1, name)
		require.Equal(t, c.want, found.Warnings[0].String(), name)
	}
	require.Empty(t, policy.Builtin().Lint(file("ends: soon\n")).Warnings, "what is wrong comes first")

	// A suite that the registry has beside the documents' can be what is left.
	composite := suites()["T5"]
	composite.Name, composite.KEM.Combiner = "MLS_OWN", "CatKDF"
	composite.Signature.PostQuantum = "ML-DSA-87"
	known := policy.Builtin().Knowing(func(yield func(suite.Info) bool) { yield(composite) })
	require.Empty(t, known.Lint(file("extends: bsi-tr-02102-1\n")).Warnings)
	require.NotEmpty(t, policy.Builtin().Knowing(all.Registry().All()).Lint(file("extends: bsi-tr-02102-1\n")).Warnings)
}
