package policy_test

import (
	"crypto/fips140"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/mldsa"
)

var tableDate = day("2026-11-28")

// day returns noon of a day.
func day(s string) time.Time {
	d, err := policy.ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d.Time().Add(12 * time.Hour)
}

// suites returns the eighteen suites under short names: 1 to 7, T1 to T11.
var suites = sync.OnceValue(func() map[string]suite.Info {
	short := map[string]suite.Info{}
	for info := range all.Registry().All() {
		name := fmt.Sprint(uint16(info.ID))
		if info.ID >= 0xF000 {
			name = fmt.Sprint("T", uint16(info.ID-0xF000))
		}
		short[name] = info
	}
	return short
})

func load(t testing.TB, name string, with ...string) *policy.Policy {
	t.Helper()
	p, err := policy.Builtin().Policy(name)
	require.NoError(t, err)
	p, err = p.With(with...)
	require.NoError(t, err)
	return p
}

const (
	classical = "1 2 3 4 5 6 7"
	draft     = "T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11"
)

// cell is a verdict and the suites that have it.
type cell struct {
	suites  string
	verdict string // as Verdict.String
}

// table is the verdict of each profile on each suite at 2026-11-28. What a profile
// does not list is denied.
func table() map[string][]cell {
	fips := func(allowed string) []cell {
		return []cell{{allowed, "allow"}, {"T1 T2", "deny, allowed with auxiliary-x25519"}}
	}
	asd := []cell{
		{"T11", "allow"},
		{"2 5 7 T7 T8 T10", "allow until 2030-12-31"},
		{"T3 T4 T5", "deny, allowed with hybrid until 2030-12-31"},
	}
	return map[string][]cell{
		"any":             {{classical + " " + draft, "allow"}},
		"rfc9420":         {{classical, "allow"}},
		"pq-confidential": {{draft, "allow"}},
		"pq-authentic":    {{"T9 T10 T11", "allow"}},
		"cnsa-1.0":        {{"7", "allow"}},
		"cnsa-2.0":        {{"T11", "allow"}},
		"cnsa-2.0-transition": {
			{"T11", "allow"},
			{"T8", "allow until 2031-12-31"},
			{"7", "allow until 2030-12-31"},
			{"T5", "deny, allowed with hybrid until 2031-12-31"},
		},
		"fips-140-3-algorithms": fips("2 5 7 T3 T4 T5 T6 T7 T8 T10 T11"),
		"fips-140-3-module":     onModule(fips140.Version()),
		"nist-curves":           {{"2 5 7 T3 T4 T5 T7 T8 T10 T11", "allow"}},
		"bsi-tr-02102-1": {
			{"T3 T4 T5", "deny, allowed with cfrg-combiner until 2035-12-31"},
			{"2 5 7", "allow until 2031-12-31"},
		},
		"anssi": {{"T2 T4 T5", "allow"}, {classical, "allow until 2030-12-31"}},
		"ncsc-uk": {
			{"T9 T10 T11", "allow"},
			{classical + " T1 T2 T3 T4 T5 T6 T7 T8", "allow until 2035-12-31"},
		},
		"asd-ism":           asd,
		"asd-ism-protected": asd,
		"asd-ism-top-secret": {
			{"T11", "allow"},
			{"5 7 T8 T10", "allow until 2030-12-31"},
			{"T5", "deny, allowed with hybrid until 2030-12-31"},
		},
		"anssi-restreint": {{"T2 T4 T5", "allow"}},
		"us-eo-14412": {
			{"T10 T11", "allow"},
			{"2 5 7", "allow until 2030-12-31"},
			{"T3 T4 T5 T6 T7 T8", "allow until 2031-12-31"},
			{"T1 T2", "deny, allowed with auxiliary-x25519 until 2031-12-31"},
		},
		"eu-roadmap": {
			{"T9 T10 T11", "allow"},
			{classical + " T1 T2 T3 T4 T5 T6 T7 T8", "allow until 2035-12-31"},
		},
		"eccg-acm-2":      {{classical + " T1 T2 T3 T4 T5", "allow"}},
		"nl-pqc-handbook": {{classical + " T1 T2 T3 T4 T5", "allow"}},
		"ca-itsm-40-001": {
			{"T10 T11", "allow"},
			{"1 2 4 5 7 T1 T2 T3 T4 T5 T6 T7 T8", "allow until 2035-12-31"},
		},
	}
}

// onModule is the row of fips-140-3-module with a version of the module.
func onModule(version string) []cell {
	const always = "2 5 7 T3 T4 T5 T6 T7 T8"
	switch {
	case strings.HasPrefix(version, "v1.0.0"):
		return []cell{{always, "allow"}}
	case mldsa.Library == "crypto/mldsa": // Go 1.27
		return []cell{{always + " T10 T11", "allow"}, {"T1 T2", "deny, allowed with auxiliary-x25519"}}
	}
	return []cell{{always, "allow"}, {"T1 T2", "deny, allowed with auxiliary-x25519"}}
}

// expected spreads cells over the eighteen suites.
func expected(t testing.TB, cells []cell) map[string]string {
	t.Helper()
	verdicts := map[string]string{}
	for name := range suites() {
		verdicts[name] = "deny"
	}
	require.Len(t, verdicts, 18)
	for _, c := range cells {
		for _, name := range fields(c.suites) {
			require.Equal(t, "deny", verdicts[name], "%s stands twice", name)
			verdicts[name] = c.verdict
		}
	}
	return verdicts
}

func judge(p *policy.Policy, at time.Time) map[string]string {
	verdicts := map[string]string{}
	for name, info := range suites() {
		verdicts[name] = p.Verdict(info, at).String()
	}
	return verdicts
}

func TestVerdictTable(t *testing.T) {
	require.Len(t, table(), 22)
	require.ElementsMatch(t, policy.Builtin().Names(), keys(table()))
	for name, cells := range table() {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, expected(t, cells), judge(load(t, name), tableDate))
		})
	}
}

func keys[V any](m map[string]V) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	return all
}

func fields(s string) []string { return strings.Fields(s) }
