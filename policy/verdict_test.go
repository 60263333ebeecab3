package policy_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
)

func TestVerdictJSON(t *testing.T) {
	end, err := policy.ParseDate("2031-12-31")
	require.NoError(t, err)
	for want, v := range map[string]policy.Verdict{
		`{"verdict":"deny"}`:                                            {},
		`{"verdict":"allow"}`:                                           {Allow: true, Findings: []policy.Finding{{Rule: "kem"}}},
		`{"verdict":"allow","until":"2031-12-31"}`:                      {Allow: true, Until: end},
		`{"verdict":"deny","until":"2031-12-31","with":"hybrid"}`:       {Until: end, With: "hybrid"},
		`{"verdict":"allow","notes":["[U] a \"doubt\"","another"]}`:     {Allow: true, Notes: []string{`[U] a "doubt"`, "another"}},
		`{"verdict":"deny","until":"2031-12-31","notes":["no longer"]}`: {Until: end, Notes: []string{"no longer"}},
	} {
		got, err := json.Marshal(v)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
}

// The matrix has the shape that machines read, and the verdicts of the table.
func TestMatrix(t *testing.T) {
	r := all.Registry()
	m := policy.NewMatrix(policiesNamed(t, policy.Builtin().Names()...), r.All(), tableDate)
	text, err := json.Marshal(m)
	require.NoError(t, err)
	var back map[string]map[string]struct {
		Verdict, Until, With string
		Notes                []string
	}
	require.NoError(t, json.Unmarshal(text, &back))
	require.Len(t, back, 22)
	for name, cells := range table() {
		require.Len(t, back[name], 18)
		for short, want := range expected(t, cells) {
			got := back[name][suites()[short].Name]
			text := got.Verdict
			if got.With != "" {
				text += ", allowed with " + got.With
			}
			if got.Until != "" {
				text += " until " + got.Until
			}
			require.Equal(t, want, text, "%s: %s", name, short)
		}
	}
}

func contains(list, name string) bool {
	for _, f := range fields(list) {
		if f == name {
			return true
		}
	}
	return false
}

// TestVerdictsHold checks what a verdict promises, for every profile and suite, at
// any day and under any setting of the switches.
func TestVerdictsHold(t *testing.T) {
	names := policy.Builtin().Names()
	shorts := fields(classical + " " + draft)
	rapid.Check(t, func(r *rapid.T) {
		var policies []*policy.Policy
		for range rapid.IntRange(1, 3).Draw(r, "policies") {
			p, err := policy.Builtin().Policy(rapid.SampledFrom(names).Draw(r, "profile"))
			require.NoError(r, err)
			for _, d := range p.Parameters() {
				if d.Kind == policy.SwitchParameter && rapid.Bool().Draw(r, d.Name) {
					p, err = p.With(d.Name)
					require.NoError(r, err)
				}
			}
			policies = append(policies, p)
		}
		p := policy.All(policies...)
		info := suites()[rapid.SampledFrom(shorts).Draw(r, "suite")]
		at := tableDate.AddDate(0, 0, rapid.IntRange(-400, 4000).Draw(r, "day"))
		v := p.Verdict(info, at)

		each := true
		for _, q := range policies {
			each = each && q.Verdict(info, at).Allow
		}
		require.Equal(r, each, v.Allow, "together they allow what each allows")
		failed := false
		for _, f := range v.Findings {
			failed = failed || !f.Passed
			require.NotEmpty(r, f.Found)
		}
		require.Equal(r, !v.Allow, failed, "a denial has its rule")

		today := policy.DateOf(at)
		switch {
		case v.Allow && !v.Until.IsZero():
			require.GreaterOrEqual(r, v.Until.Compare(today), 0)
			require.True(r, p.Verdict(info, v.Until.Time()).Allow)
			require.True(r, p.Verdict(info, v.Until.Time().Add(24*time.Hour-1)).Allow)
			require.False(r, p.Verdict(info, v.Until.Time().Add(24*time.Hour)).Allow)
		case v.With != "":
			on, err := p.With(strings.Split(v.With, "+")...)
			require.NoError(r, err)
			allowed := on.Verdict(info, at)
			require.True(r, allowed.Allow)
			require.Equal(r, v.Until, allowed.Until)
		case !v.Allow && !v.Until.IsZero():
			require.Negative(r, v.Until.Compare(today))
			require.True(r, p.Verdict(info, v.Until.Time()).Allow)
		}
	})
}

// A rule can allow at several times; what ends is the one around the day.
func TestSeveralTimes(t *testing.T) {
	p := own(t, `
rules:
  - id: r
    source: test
    force: law
    wanted: SHA-256 at times
    allow:
      - {hash: SHA-256, from: 2029-01-01, until: 2029-06-30}
      - {hash: SHA-256, until: 2028-06-30}
      - hash: SHA-512
`)
	for at, want := range map[string]string{
		"2028-06-30": "allow until 2028-06-30",
		"2028-07-01": "deny, was allowed until 2028-06-30",
		"2029-01-01": "allow until 2029-06-30",
		"2031-01-01": "deny, was allowed until 2029-06-30",
	} {
		require.Equal(t, want, p.Verdict(suites()["1"], day(at)).String(), at)
	}
}

func TestDescribe(t *testing.T) {
	p := own(t, `
extends: any
version: "3"
date: 2026-11
text: What the test wants, in a text that is so long that it does not fit on one line of eighty-eight characters.
existing: refuse
parameters:
  end: {kind: date, default: 2030-12-31, text: The end of it.}
rules:
  - id: r
    source: test
    section: Annex A
    force: law
    wanted: SHA-512
    when: {kem.kind: classical}
    allow:
      - hash: SHA-512
      - {hash: {not: SHA-256}, hash.bits: {min: 256, max: 384}, until: end}
moves:
  - {from: MLS_256_DHKEMP521_AES256GCM_SHA512_P521, to: MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87, reason: Because.}
notes:
  - {text: A doubt., certainty: U}
`)
	p, err := p.With("end=2031-12-31")
	require.NoError(t, err)
	profiles := p.Profiles()
	require.Equal(t, `any: Everything that the registry has
  date      2026-11-28
  existing  report
  digest    `+profiles[0].Digest+`

  No rule. It is what a deployment without a mandate runs under.

own: Of the test
  version   3
  date      2026-11
  extends   any
  existing  refuse
  digest    `+profiles[1].Digest+`

  What the test wants, in a text that is so long that it does not fit on one line of eighty-eight characters.

  parameter end: 2031-12-31
    The end of it.

  rule r (cipher suite, law)
    wanted  SHA-512
    when    kem.kind: classical
    allow   hash: SHA-512
    allow   hash: {not: SHA-256}, hash.bits: {min: 256, max: 384}; until: end
    source  Test, Annex A, 2026 [S], checked 2026-11-21

  move from MLS_256_DHKEMP521_AES256GCM_SHA512_P521 to MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87
    Because.

  note
    [U] A doubt.
`, p.Describe())
}

// Every built-in rule says where it is from.
func TestBuiltinsStateTheirSources(t *testing.T) {
	for _, name := range policy.Builtin().Names() {
		p := load(t, name)
		require.Equal(t, name, p.Name())
		require.Equal(t, policy.Report, p.Existing(), name)
		for _, q := range p.Profiles() {
			require.NotEmpty(t, q.Text, q.Name)
			if q.Name != "any" && q.Name != "rfc9420" && q.Name != "nist-curves" && !strings.HasPrefix(q.Name, "pq-") {
				require.NotEmpty(t, q.Audience, q.Name)
			}
			require.Contains(t, []string{"2026-11-28", "2026-11-29"}, q.Date)
		}
		for _, r := range p.Rules() {
			require.NotEmpty(t, r.Source.Document, "%s/%s", r.Profile, r.ID)
			require.NotEmpty(t, r.Source.Date)
			require.Contains(t, []string{"2026-11-28", "2026-11-29"}, r.Source.Checked)
			require.NotEmpty(t, r.Otherwise, "%s/%s", r.Profile, r.ID)
			if r.About != "pair of groups" { // what the sources say of these is not verified everywhere
				require.Contains(t, []policy.Certainty{policy.Primary, policy.Secondary}, r.Certainty)
			}
			require.NotEmpty(t, r.Allow)
		}
	}
}

// Rules that are returned are the caller's.
func TestRulesAreCopied(t *testing.T) {
	p := load(t, "cnsa-1.0")
	p.Rules()[0].Allow[0] = "changed"
	require.NotEqual(t, "changed", p.Rules()[0].Allow[0])
}
