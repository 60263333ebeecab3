package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/suite"
)

// pairOf returns a pair by the short names of its suites and its mode, such as "7+T11/1".
func pairOf(t testing.TB, text string) suite.PairInfo {
	t.Helper()
	names, mode, _ := strings.Cut(text, "/")
	a, b, _ := strings.Cut(names, "+")
	pair := suite.PairInfo{T: suites()[a], PQ: suites()[b]}
	require.NotZero(t, pair.T.ID, text)
	require.NotZero(t, pair.PQ.ID, text)
	_, err := fmt.Sscan(mode, &pair.Mode)
	require.NoError(t, err)
	return pair
}

// What every profile says of pairs: both groups have to be allowed, except where a rule on pairs
// says otherwise.
func TestVerdictsOnPairs(t *testing.T) {
	pairs := []string{"1+T6/0", "2+T7/0", "7+T8/0", "7+T11/0", "7+T11/1"}
	for name, want := range map[string][]string{
		"any":             {"allow", "allow", "allow", "allow", "allow"},
		"rfc9420":         {"deny", "deny", "deny", "deny", "deny"},
		"pq-confidential": {"allow", "allow", "allow", "allow", "allow"},
		"pq-authentic":    {"deny", "deny", "deny", "deny", "deny, allowed with outsiders"},
		"cnsa-1.0":        {"deny", "deny", "deny", "deny", "deny"},
		"cnsa-2.0":        {"deny", "deny", "deny", "deny", "deny"},
		"cnsa-2.0-transition": {
			"deny", "deny", "allow until 2030-12-31", "allow until 2030-12-31", "allow until 2030-12-31",
		},
		"fips-140-3-algorithms": {"deny", "allow", "allow", "allow", "allow"},
		"nist-curves":           {"deny", "allow", "allow", "allow", "allow"},
		"us-eo-14412": {
			"deny", "allow until 2030-12-31", "allow until 2030-12-31", "allow until 2030-12-31", "allow until 2030-12-31",
		},
		"anssi":              {"deny", "deny", "deny", "deny", "deny"},
		"anssi-restreint":    {"deny", "deny", "deny", "deny", "deny"},
		"bsi-tr-02102-1":     {"deny", "deny", "deny", "deny", "deny"},
		"eccg-acm-2":         {"deny", "deny", "deny", "deny", "deny"},
		"nl-pqc-handbook":    {"deny", "deny", "deny", "deny", "deny"},
		"asd-ism":            {"deny", "allow until 2030-12-31", "allow until 2030-12-31", "allow until 2030-12-31", "allow until 2030-12-31"},
		"asd-ism-top-secret": {"deny", "deny", "allow until 2030-12-31", "allow until 2030-12-31", "allow until 2030-12-31"},
		"asd-ism-protected":  {"deny", "allow until 2030-12-31", "allow until 2030-12-31", "allow until 2030-12-31", "allow until 2030-12-31"},
		"ncsc-uk":            {"allow until 2035-12-31", "allow until 2035-12-31", "allow until 2035-12-31", "allow until 2035-12-31", "allow until 2035-12-31"},
		"eu-roadmap":         {"allow until 2035-12-31", "allow until 2035-12-31", "allow until 2035-12-31", "allow until 2035-12-31", "allow until 2035-12-31"},
		"ca-itsm-40-001":     {"allow until 2035-12-31", "allow until 2035-12-31", "allow until 2035-12-31", "allow until 2035-12-31", "allow until 2035-12-31"},
	} {
		p := load(t, name)
		for i, pair := range pairs {
			info := pairOf(t, pair)
			v := p.VerdictOfPair(info, tableDate)
			require.Equal(t, want[i], v.String(), "%s: %s", name, pair)
			require.Equal(t, v.Allow, policy.Ask(p, info, suite.Start, tableDate) == nil, "%s: %s", name, pair)
			require.NoError(t, policy.Ask(p, info, suite.Leave, tableDate))
			require.NoError(t, policy.Ask(p, info, suite.Continue, tableDate), "existing: report")
			e, err := p.Explain(suite.Question{Use: suite.Start, Time: tableDate, Subject: info}, nil)
			require.NoError(t, err)
			require.Equal(t, v, e.Rules)
			require.Equal(t, "pair of groups", e.About)
		}
	}
	module := load(t, "fips-140-3-module").OnModule("v1.26.0")
	require.Equal(t, "allow", module.VerdictOfPair(pairOf(t, "2+T7/0"), tableDate).String())
	require.Equal(t, "deny", module.VerdictOfPair(pairOf(t, "1+T6/0"), tableDate).String())
}

// A CNSA transition runs 0x0007 with ML-KEM-1024 and ML-DSA-87 in both modes until the end of its
// classical group, in a system acquired before 2027, and says what is not verified.
func TestTransitionOfPairs(t *testing.T) {
	const unverified = "[U] cnsa-2.0-transition/pair would want an exception for hybrids that the NSA recommends by name, if a pair of groups is a hybrid; it names none"
	for _, mode := range []string{"0", "1"} {
		pair := pairOf(t, "7+T11/"+mode)
		v := load(t, "cnsa-2.0-transition").VerdictOfPair(pair, tableDate)
		require.Contains(t, v.Notes, unverified)
		require.Equal(t, 1, strings.Count(strings.Join(v.Notes, "\n"), "cnsa-2.0-transition/pair"))
		require.Contains(t, strings.Join(v.Notes, "\n"), "A pair is judged by the suites of both groups")
		require.Contains(t, strings.Join(v.Notes, "\n"), "A plain reading of the FAQ lets ECDH P-384", "a note on T")
		require.NotContains(t, load(t, "cnsa-2.0-transition", "hybrid").VerdictOfPair(pair, tableDate).Notes, unverified)
		require.Equal(t, "allow until 2031-12-31", load(t, "cnsa-2.0-transition", "category-date=2033-12-31").VerdictOfPair(pair, tableDate).String(), "T signs with P-384")
		require.Equal(t, "deny, was allowed until 2030-12-31", load(t, "cnsa-2.0-transition").VerdictOfPair(pair, day("2031-01-01")).String())
		require.Equal(t, "deny", load(t, "cnsa-2.0-transition", "acquired=2027-01-01").VerdictOfPair(pair, tableDate).String())
	}
	require.NotContains(t, load(t, "cnsa-2.0-transition").Verdict(suites()["7"], tableDate).Notes, unverified)
	refusal := policy.Refused(load(t, "cnsa-2.0"), pairOf(t, "7+T11/1"), suite.Start, tableDate)
	require.Equal(t, "pair of groups", refusal.Subject)
	require.Contains(t, refusal.Error(), "in T, KEM ECDH P-384")
}

// A rule on suites is asked of the groups that its legs name, and one on pairs of the pair.
func TestLegsOfRules(t *testing.T) {
	const file = "rules:\n  - {id: r, source: test, force: law, wanted: SHA-384, %sallow: [{hash: SHA-384}, {hash: SHA-256, with: old}]}\nparameters:\n  old: {kind: switch, default: off, text: Old.}\n"
	for legs, want := range map[string][2]bool{ // 1+T8, then 7+T8; T is SHA-256 in the first
		"":             {false, true},
		"legs: both, ": {false, true},
		"legs: t, ":    {false, true},
		"legs: pq, ":   {true, true},
		"legs: none, ": {true, true},
	} {
		p := own(t, fmt.Sprintf(file, legs))
		for i, pair := range []string{"1+T8/0", "7+T8/0"} {
			v := p.VerdictOfPair(pairOf(t, pair), tableDate)
			require.Equal(t, want[i], v.Allow, "%s%s", legs, pair)
			if !v.Allow {
				require.Equal(t, "old", v.With)
				require.Equal(t, "in T, hash SHA-256", v.Findings[0].Found)
			}
		}
		require.False(t, p.Verdict(suites()["1"], tableDate).Allow, "of a group alone, it is always asked")
	}
	p := own(t, fmt.Sprintf(file, "legs: pq, "))
	require.False(t, p.VerdictOfPair(pairOf(t, "7+1/0"), tableDate).Allow)
	require.Equal(t, "in PQ, hash SHA-256", p.VerdictOfPair(pairOf(t, "7+1/0"), tableDate).Findings[0].Found)
	require.Contains(t, p.Describe(), "    legs    pq\n")
	require.Equal(t, policy.LegPQ, p.Rules()[0].Legs)
	require.Equal(t, policy.BothLegs, own(t, fmt.Sprintf(file, "legs: both, ")).Rules()[0].Legs)

	p = own(t, "rules:\n  - {id: r, source: test, force: law, wanted: it, when: {pair.mode: authenticity}, allow: [{t.hash: SHA-384, pq.kem.level: {min: 256}}]}\n")
	for pair, want := range map[string]bool{"7+T11/1": true, "1+T11/1": false, "7+T10/1": false, "1+T10/0": true} {
		require.Equal(t, want, p.VerdictOfPair(pairOf(t, pair), tableDate).Allow, pair)
	}
	refusal := policy.Refused(p, pairOf(t, "1+T10/1"), suite.Start, tableDate)
	require.Equal(t, "T with hash SHA-256, PQ with KEM ML-KEM-768 (level 192)", refusal.Found)
	require.NoError(t, policy.Ask(p, suites()["1"], suite.Start, tableDate), "no rule is about suites")
}

// A pair whose mode nobody knows, or one of whose suites says nothing of itself, satisfies no rule
// that asks.
func TestUnknownPairs(t *testing.T) {
	p := load(t, "pq-confidential")
	silent := pairOf(t, "1+T6/0")
	silent.T.KEM.Classical = ""
	require.False(t, p.VerdictOfPair(silent, tableDate).Allow)
	silent = pairOf(t, "1+T6/0")
	silent.PQ.Signature.Classical = ""
	require.False(t, p.VerdictOfPair(silent, tableDate).Allow)
	unknown := pairOf(t, "7+T11/1")
	unknown.Mode = 2
	require.Equal(t, "deny", load(t, "pq-authentic", "outsiders").VerdictOfPair(unknown, tableDate).String())
	require.Equal(t, "allow", load(t, "pq-authentic", "outsiders").VerdictOfPair(pairOf(t, "7+T11/1"), tableDate).String())
}

// In a group of a pair, a policy is asked about the pair, and lets a classical T begin that alone
// it denies.
func TestPoliciesOfGroupsInPairs(t *testing.T) {
	p := load(t, "pq-confidential")
	pair := pairOf(t, "1+T6/0")
	in := suite.InPair(p, pair)
	require.Error(t, policy.Ask(p, pair.T, suite.Start, tableDate))
	require.NoError(t, policy.Ask(in, pair.T, suite.Start, tableDate))
	require.NoError(t, policy.Ask(in, pair.PQ, suite.Start, tableDate))
	require.Error(t, policy.Ask(in, suites()["2"], suite.Start, tableDate))
	require.Error(t, policy.Ask(in, suite.Move{From: pair.T, To: suites()["2"]}, suite.Start, tableDate))
	other := pairOf(t, "1+2/0")
	require.Error(t, policy.Ask(suite.InPair(p, other), other.T, suite.Start, tableDate))
}

// A profile can forbid partial members, or allow them in large groups.
func TestRulesOnMembers(t *testing.T) {
	partial := suite.MemberInfo{View: suite.ViewPartial, Leaves: 999}
	for _, name := range policy.Builtin().Names() {
		require.NoError(t, policy.Ask(load(t, name), partial, suite.Start, tableDate), name)
	}
	const member = "  - {id: member, source: test, force: law, wanted: full members, allow: [{member.view: full}%s]}\n"
	p := own(t, "existing: receive-only\nrules:\n"+fmt.Sprintf(member, ""))
	for _, use := range uses {
		err := policy.Ask(p, partial, use, tableDate)
		require.Equal(t, use == suite.Start || use == suite.Continue, err != nil, use)
		require.NoError(t, policy.Ask(p, suite.MemberInfo{View: suite.ViewFull}, use, tableDate))
	}
	refusal := policy.Refused(p, partial, suite.Start, tableDate)
	require.Equal(t, "member", refusal.Subject)
	require.Equal(t, "partial member of a group of 999 leaves", refusal.Found)
	p = own(t, "rules:\n"+fmt.Sprintf(member, ", {member.leaves: {min: 1000}}"))
	require.Error(t, policy.Ask(p, partial, suite.Start, tableDate))
	partial.Leaves = 1000
	require.NoError(t, policy.Ask(p, partial, suite.Start, tableDate))
	e, err := p.Explain(suite.Question{Use: suite.Start, Time: tableDate, Subject: partial}, nil)
	require.NoError(t, err)
	require.Equal(t, "member.leaves: {min: 1000}", e.Rules.Findings[0].By)
	require.Equal(t, "partial member of a group of 1000 leaves", e.Subject)
}

func TestLintOfPairs(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"good":            {rule("allow: [{t.kem.kind: classical, pq.kem.kind: post-quantum}]"), ""},
		"other code":      {rule("allow: [{t.suite.code-point: 0x0007, pq.suite.code-point: 0xF00B}]"), ""},
		"everything":      {rule("allow: [{pair.mode: authenticity}, {pair.mode: {not: authenticity}}]"), "6:5: rules[0]: together its ways allow everything"},
		"everything of T": {rule("allow: [{t.hash: SHA-384}, {t.hash: {not: SHA-384}}]"), "6:5: rules[0]: together its ways allow everything"},
		"not everything":  {rule("allow: [{t.hash: SHA-384}, {pq.hash: {not: SHA-384}}]"), ""},
		"nothing":         {rule("when: {t.kem.kind: classical}|allow: [{t.kem.post-quantum: ML-KEM-768}]"), "11:13: rules[0].allow[0]: no pair of groups of any kind satisfies it"},
		"two groups":      {rule("when: {t.kem.kind: classical}|allow: [{pq.kem.post-quantum: ML-KEM-768}]"), ""},
		"no such suite":   {rule("allow: [{pq.suite.set: rfc9420, pq.kem.kind: post-quantum}]"), "10:13: rules[0].allow[0]: no pair of groups of any kind satisfies it"},
		"mixed":           {rule("allow: [{pair.mode: authenticity, hash: SHA-384}]"), "a rule about a pair of groups cannot ask for hash"},
		"no provenance":   {rule("allow: [{pq.provenance: {only: [crypto/...]}}]"), "unknown key; known here: "},
		"members":         {rule("allow: [{member.view: full}, {member.leaves: {min: 1}}]"), ""},
		"all members":     {rule("allow: [{member.leaves: {min: 1}}, {member.leaves: 0}]"), "together its ways allow everything"},
		"legs":            {rule("legs: pq|allow: [{hash: SHA-384}]"), ""},
		"other legs":      {rule("legs: q|allow: [{hash: SHA-384}]"), `rules[0].legs: "q" is not one of: both, t, pq, none`},
		"legs of PSKs":    {rule("legs: pq|allow: [{psk.bytes: {min: 3}}]"), "rules[0].legs: legs is for a rule about a cipher suite, and not about a pre-shared key"},
		"contradiction":   {rule("allow: [{t.hash: SHA-384}]") + "  - {id: o, source: s, force: law, wanted: w, allow: [{t.hash: SHA-512}]}\n", "no pair of groups of any kind satisfies them all"},
		"note":            {rule("allow: [{hash: SHA-384}]") + "notes:\n  - {text: t, when: [{pair.mode: authenticity}, {hash: SHA-384}]}\n", ""},
		"mixed note":      {rule("allow: [{hash: SHA-384}]") + "notes:\n  - {text: t, when: {pair.mode: authenticity, hash: SHA-384}}\n", "conditions on a pair of groups cannot ask for hash"},
	} {
		problems := lint(policy.File{Name: "own.yaml", Data: []byte(c.file)})
		if c.want == "" {
			require.Empty(t, problems, name)
			continue
		}
		require.NotEmpty(t, problems, name)
		require.Contains(t, problems.Error(), c.want, name)
	}
}
