package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/suite"
)

// TestParameters changes the table by each parameter, at its date.
func TestParameters(t *testing.T) {
	merge := func(cells []cell, changes ...cell) []cell {
		changed := map[string]bool{}
		for _, c := range changes {
			for _, name := range fields(c.suites) {
				changed[name] = true
			}
		}
		for _, c := range cells {
			for _, name := range fields(c.suites) {
				if !changed[name] {
					changes = append(changes, cell{name, c.verdict})
				}
			}
		}
		return changes
	}
	for _, c := range []struct {
		profile, with string
		changes       []cell
	}{
		{"cnsa-2.0-transition", "hybrid", []cell{{"T5", "allow until 2031-12-31"}}},
		{"cnsa-2.0-transition", "hybrid=false", nil},
		{"cnsa-2.0-transition", "category-date=2033-12-31", []cell{{"7", "allow until 2031-12-31"}}},
		{"cnsa-2.0-transition", "category-date=2026-11-20", []cell{{"7", "deny, was allowed until 2026-11-20"}}},
		{"fips-140-3-algorithms", "auxiliary-x25519", []cell{{"T1 T2", "allow"}}},
		{"fips-140-3-module", "auxiliary-x25519", []cell{{"T1 T2", "allow"}}},
		{"bsi-tr-02102-1", "very-high-protection", []cell{{"2 5 7", "allow until 2030-12-31"}}},
		{"bsi-tr-02102-1", "cfrg-combiner", []cell{{"T3 T4 T5", "allow until 2035-12-31"}}},
		{"cnsa-2.0-transition", "acquired=2027-01-01", []cell{{"7 T8 T5", "deny"}}},
		{"ncsc-uk", "high-priority", []cell{{classical + " T1 T2 T3 T4 T5 T6 T7 T8", "allow until 2031-12-31"}}},
		{"ca-itsm-40-001", "high-priority", []cell{{"1 2 4 5 7 T1 T2 T3 T4 T5 T6 T7 T8", "allow until 2031-12-31"}}},
		{"eu-roadmap", "high-risk", []cell{{classical + " T1 T2 T3 T4 T5 T6 T7 T8", "allow until 2030-12-31"}}},
		{"us-eo-14412", "auxiliary-x25519", []cell{{"T1 T2", "allow until 2031-12-31"}}},
		{"asd-ism-protected", "hybrid", []cell{{"T3 T4 T5", "allow until 2030-12-31"}}},
		{"anssi", "classical-end=2027-12-31", []cell{{classical, "allow until 2027-12-31"}}},
		{"asd-ism", "hybrid", []cell{{"T3 T4 T5", "allow until 2030-12-31"}}},
		{"asd-ism-top-secret", "hybrid", []cell{{"T5", "allow until 2030-12-31"}}},
	} {
		t.Run(c.profile+" "+c.with, func(t *testing.T) {
			cells := table()[c.profile]
			if c.profile == "fips-140-3-module" { // the parameter is of no use with v1.0.0
				cells = onModule("v1.26.0")
			}
			want := expected(t, merge(cells, c.changes...))
			require.Equal(t, want, judge(load(t, c.profile, c.with).OnModule("v1.26.0"), tableDate))
		})
	}
}

func TestParametersAreListed(t *testing.T) {
	listed := map[string]string{}
	for _, name := range policy.Builtin().Names() {
		for _, d := range load(t, name).Parameters() {
			require.NotEmpty(t, d.Text)
			require.False(t, d.Fixed)
			listed[d.Profile+":"+d.Name] = d.Value
		}
	}
	require.Equal(t, map[string]string{
		"pq-authentic:outsiders":                 "off",
		"cnsa-2.0-transition:acquired":           "2026-12-31",
		"cnsa-2.0-transition:category-date":      "2030-12-31",
		"cnsa-2.0-transition:hybrid":             "off",
		"fips-140-3-algorithms:auxiliary-x25519": "off",
		"bsi-tr-02102-1:cfrg-combiner":           "off",
		"bsi-tr-02102-1:very-high-protection":    "off",
		"ca-itsm-40-001:high-priority":           "off",
		"ncsc-uk:high-priority":                  "off",
		"eu-roadmap:high-risk":                   "off",
		"asd-ism-protected:hybrid":               "off",
		"anssi:classical-end":                    "2030-12-31",
		"asd-ism:hybrid":                         "off",
		"fips-140-3-module:token-certificates":   "",
	}, listed)
	changed := load(t, "anssi", "classical-end=2028-01-31").Parameters()
	require.Equal(t, "2028-01-31", changed[0].Value)
}

func TestWithRefuses(t *testing.T) {
	for _, c := range []struct{ profile, with, text string }{
		{"any", "hybrid", "policy: any: there is no parameter hybrid"},
		{"asd-ism", "hybrid=2030-12-31", "policy: asd-ism: parameter hybrid is a switch: true or false, not 2030-12-31"},
		{"anssi", "classical-end", "policy: anssi: parameter classical-end is a date, such as 2030-12-31, not true"},
		{"cnsa-2.0-transition", "category-date=2034-01-01", "policy: cnsa-2.0-transition: parameter category-date can be at most 2033-12-31"},
	} {
		p := load(t, c.profile)
		before := judge(p, tableDate)
		_, err := p.With(c.with)
		require.EqualError(t, err, c.text)
		require.Equal(t, before, judge(p, tableDate))
	}
	_, err := policy.Load("cnsa-3.0")
	require.EqualError(t, err, `policy: there is no profile "cnsa-3.0"`)
}

// With leaves the policy that it is called on as it was.
func TestWithIsImmutable(t *testing.T) {
	p := load(t, "asd-ism")
	before := judge(p, tableDate)
	on, err := p.With("hybrid")
	require.NoError(t, err)
	require.NotEqual(t, before, judge(on, tableDate))
	require.Equal(t, before, judge(p, tableDate))
}

func TestAll(t *testing.T) {
	together := policy.All(load(t, "asd-ism"), load(t, "cnsa-2.0-transition"))
	require.Equal(t, "asd-ism + cnsa-2.0-transition", together.Name())
	require.Equal(t, expected(t, []cell{
		{"T11", "allow"},
		{"7 T8", "allow until 2030-12-31"},
		{"T5", "deny, allowed with asd-ism:hybrid+cnsa-2.0-transition:hybrid until 2030-12-31"},
	}), judge(together, tableDate))

	_, err := together.With("hybrid")
	require.EqualError(t, err, "policy: asd-ism + cnsa-2.0-transition: several profiles have a parameter hybrid: "+
		"write asd-ism:hybrid or cnsa-2.0-transition:hybrid")
	one, err := together.With("asd-ism:hybrid")
	require.NoError(t, err)
	require.Equal(t, "deny, allowed with cnsa-2.0-transition:hybrid until 2030-12-31", one.Verdict(suites()["T5"], tableDate).String())

	// No suite satisfies every profile.
	var policies []*policy.Policy
	for _, name := range policy.Builtin().Names() {
		policies = append(policies, load(t, name))
	}
	for short, v := range judge(policy.All(policies...), tableDate) {
		require.Equal(t, "deny", v, short)
	}

	// One profile under two settings is both.
	strict := policy.All(load(t, "asd-ism", "hybrid"), load(t, "asd-ism"))
	require.False(t, strict.Verdict(suites()["T5"], tableDate).Allow)

	none := policy.All()
	require.Equal(t, "any", none.Name())
	require.True(t, none.Verdict(suites()["1"], tableDate).Allow)
	require.NoError(t, policy.Ask(none, suites()["1"], suite.Start, tableDate))
}
