package policy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/suite"
)

// deciding returns the suites that one rule with one way allows.
func deciding(t *testing.T, conditions string) []string {
	t.Helper()
	p := own(t, "rules:\n  - {id: r, source: test, force: law, wanted: it, allow: [{"+conditions+"}]}\n")
	var allowed []string
	for _, name := range fields(classical + " " + draft) {
		if p.Verdict(suites()[name], tableDate).Allow {
			allowed = append(allowed, name)
		}
	}
	return allowed
}

// Rules can ask what is inside of a KEM and of a signature scheme.
func TestFactsInside(t *testing.T) {
	for conditions, want := range map[string]string{
		"kem.kdf: SHAKE256":                             draft,
		"kem.hash: SHAKE256":                            draft,
		"kem.hash: SHA-256":                             "1 2 3",
		"kem.kdf: HKDF-SHA512":                          "4 5 6",
		"kem.hash: {not: [SHA-256, SHA-512, SHAKE256]}": "7",
		"kem.combiner: C2PRI-SHA3-256":                  "T1 T2 T3 T4 T5 T9",
		"kem.combiner: none":                            classical + " T6 T7 T8 T10 T11",
		"signature.hash: SHA-256":                       "2 T3 T4 T7",
		"signature.hash: SHA-256, hash: SHA-384":        "T4 T7",
		"signature.hash: SHA-512":                       "1 3 5 T1 T2 T6",
		"signature.hash: SHAKE256":                      "4 6",
		"signature.hash: none":                          "T9 T10 T11",
	} {
		require.Equal(t, fields(want), deciding(t, conditions), conditions)
	}
}

// A primitive that does not say what is inside satisfies no word, not even none.
func TestSilenceInside(t *testing.T) {
	silent := suites()["T4"]
	silent.KEM.KDF, silent.KEM.Combiner, silent.Signature.Hash = "", "", ""
	for conditions, allowed := range map[string]bool{
		"kem.kdf: [HKDF-SHA256, HKDF-SHA384, HKDF-SHA512, SHAKE256]":                false,
		"kem.hash: [SHA-256, SHA-384, SHA-512, SHAKE256]":                           false,
		"kem.combiner: [none, C2PRI-SHA3-256, CatKDF, CasKDF, KeyCombine]":          false,
		"signature.hash: [none, SHA-256, SHA-384, SHA-512, SHAKE256]":               false,
		"kem.combiner: {not: [none, C2PRI-SHA3-256, CatKDF, CasKDF, KeyCombine]}":   true,
		"kem.kdf: {not: [HKDF-SHA256, HKDF-SHA384, HKDF-SHA512, SHAKE256]}":         true,
		"signature.hash: {not: [none, SHA-256, SHA-384, SHA-512, SHAKE256]}":        true,
		"kem.hash: {not: [SHA-256, SHA-384, SHA-512, SHAKE256]}, hash: SHA-384":     true,
		"kem.hash: {not: [SHA-256, SHA-384, SHA-512, SHAKE256]}, aead: AES-128-GCM": false,
	} {
		p := own(t, "rules:\n  - {id: r, source: test, force: law, wanted: it, allow: [{"+conditions+"}]}\n")
		v := p.Verdict(silent, tableDate)
		require.Equal(t, allowed, v.Allow, conditions)
		if !allowed {
			require.Contains(t, v.Findings[0].Found, "undeclared")
		}
	}
	require.Equal(t, "deny", load(t, "bsi-tr-02102-1", "cfrg-combiner").Verdict(silent, tableDate).String(), "no combiner is none that is recommended")
}

// A rule on certificates is asked about each certificate, and about nothing else.
func TestCertificates(t *testing.T) {
	ca := suite.CertificateInfo{Position: "root", Key: "P-384", Signature: "ECDSA", Hash: "SHA-384"}
	rsa := suite.CertificateInfo{Position: "root", Key: "RSA", KeyBits: 3072, Signature: "RSA-PSS", Hash: "SHA-384"}
	leaf := suite.CertificateInfo{Position: "leaf", Key: "ML-DSA-87", Signature: "ML-DSA-87"}
	mixed := suite.CertificateInfo{Position: "leaf", Key: "ML-DSA-87", Signature: "ECDSA", Hash: "SHA-384"}
	weak := suite.CertificateInfo{Position: "leaf", Key: "P-384", Signature: "ECDSA", Hash: "SHA-256"}
	asks := func(p *policy.Policy, c suite.CertificateInfo, at time.Time) bool {
		return policy.Ask(p, c, suite.Start, at) == nil
	}
	strict, transition := load(t, "cnsa-2.0"), load(t, "cnsa-2.0-transition")
	require.True(t, asks(strict, leaf, tableDate))
	require.False(t, asks(strict, mixed, tableDate))
	require.False(t, asks(strict, ca, tableDate))
	late := load(t, "cnsa-2.0-transition", "acquired=2027-01-01")
	for _, c := range []suite.CertificateInfo{ca, leaf, mixed, {Position: "leaf", Key: "P-384", Signature: "ML-DSA-87"}} {
		require.True(t, asks(transition, c, day("2031-12-31")), c)
		require.Equal(t, c == leaf, asks(transition, c, day("2032-01-01")), c)
		require.Equal(t, c == leaf, asks(late, c, tableDate), c)
	}
	require.False(t, asks(transition, weak, tableDate))
	require.True(t, asks(load(t, "nist-curves"), rsa, tableDate), "no rule is about it")

	p := own(t, "rules:\n  - {id: rsa, source: test, force: law, wanted: it, when: {certificate.key: RSA}, allow: [{certificate.key-bits: {min: 3072}}]}\n"+
		"  - {id: root, source: test, force: law, wanted: it, when: {certificate.position: root}, allow: [{certificate.hash: [none, SHA-384]}]}\n")
	require.True(t, asks(p, rsa, tableDate))
	rsa.KeyBits = 3071
	refusal := policy.Refused(p, rsa, suite.Start, tableDate)
	require.Equal(t, "root certificate for a key of RSA with 3071 bits", refusal.Found)
	require.Equal(t, "certificate", refusal.Subject)
	ca.Hash = "SHA-256"
	require.Equal(t, "root certificate signed by ECDSA with SHA-256", policy.Refused(p, ca, suite.Start, tableDate).Found)
	require.True(t, asks(p, weak, tableDate))
}

// Dates are days in the zone of the file that has them, and those of an extended profile
// in its own.
func TestZone(t *testing.T) {
	const rules = "rules:\n  - {id: r, source: test, force: law, wanted: it, allow: [{until: 2030-12-31}]}\n"
	moment := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339, s)
		require.NoError(t, err)
		return at
	}
	for zone, last := range map[string]string{
		"UTC":              "2030-12-31T23:59:59Z",
		"Europe/Berlin":    "2030-12-31T22:59:59Z",
		"America/New_York": "2031-01-01T04:59:59Z",
		"Australia/Sydney": "2030-12-31T12:59:59Z",
	} {
		p := own(t, "zone: "+zone+"\n"+rules)
		at := moment(last)
		v := p.Verdict(suites()["1"], at)
		require.Equal(t, "allow until 2030-12-31", v.String(), zone)
		require.Equal(t, "deny, was allowed until 2030-12-31", p.Verdict(suites()["1"], at.Add(time.Second)).String(), zone)
		require.Error(t, policy.Ask(p, suites()["1"], suite.Start, at.Add(time.Second)))
		require.Equal(t, zone, p.Profiles()[0].Zone)
		// What is combined with it keeps its own.
		together := policy.All(p, load(t, "anssi"))
		require.Equal(t, !at.After(moment("2030-12-31T23:59:59Z")), together.Verdict(suites()["1"], at).Allow)
		require.Equal(t, zone == "UTC" || zone == "America/New_York", together.Verdict(suites()["1"], moment("2030-12-31T23:59:59Z")).Allow, zone)
		// The zero time and the year 10000 are no days in any zone.
		require.False(t, p.Verdict(suites()["1"], time.Time{}).Allow)
		endless := own(t, "zone: "+zone+"\nrules:\n  - {id: r, source: test, force: law, wanted: it, allow: [{from: 2026-01-01}]}\n")
		require.True(t, endless.Verdict(suites()["1"], moment("9999-12-31T12:00:00Z")).Allow)
		require.False(t, endless.Verdict(suites()["1"], moment("9999-12-31T23:59:59Z").Add(time.Second)).Allow, zone)
	}
	for _, zone := range []string{"Local", "Europe/Bonn", "../../etc/passwd", "CEST+2"} {
		require.Len(t, lint(policy.File{Name: "own.yaml", Data: []byte(head + "zone: " + zone + "\n" + rules)}), 2, zone) // and the source of the head is not cited
	}
}

// After its end a file lets nothing begin, and existing governs the rest.
func TestEnds(t *testing.T) {
	p := own(t, "version: \"3\"\ndate: 2026-11-28\nends: 2027-12-31\nexisting: receive-only\n")
	require.Equal(t, "allow until 2027-12-31", p.Verdict(suites()["1"], tableDate).String())
	after := day("2028-01-01")
	require.Equal(t, "deny, was allowed until 2027-12-31", p.Verdict(suites()["1"], after).String())
	refusal := policy.Refused(p, suites()["1"], suite.Start, after)
	require.Equal(t, "ends", refusal.Rule)
	require.Equal(t, "a later version of the profile, which ends on 2027-12-31", refusal.Wanted)
	require.Equal(t, "any cipher suite, allowed until 2027-12-31", refusal.Found)
	require.Error(t, policy.Ask(p, suites()["1"], suite.Continue, after))
	require.NoError(t, policy.Ask(p, suites()["1"], suite.Receive, after))
	require.Equal(t, "2027-12-31", p.Profiles()[0].Ends.String())
	require.Contains(t, p.Describe(), "\n  ends      2027-12-31\n")

	require.EqualError(t, lint(policy.File{Name: "own.yaml", Data: []byte(
		"profile: own\ntitle: t\nsources: {s: {document: D, date: 2026, checked: 2026}}\nends: soon\n" +
			"rules: [{id: ends, source: s, force: law, wanted: w, allow: [{hash: SHA-256}]}]\n")}),
		`policy: own.yaml:4:1: ends: "soon" is no date, such as 2030-12-31
own.yaml:5:10: rules[0].id: the id ends is that of the key ends`)
}

// A file of a later format is refused as such, and not for the keys that it has.
func TestFormatVersion(t *testing.T) {
	own(t, "format: 1\n")
	own(t, "format: 2\n")
	own(t, "format: 4\n")
	for text, want := range map[string]string{
		"format: 5\nnew-key: 1\n": "policy: own.yaml:3:1: format: the file needs version 5 of the format, and this program reads 4",
		"format: 0\n":             `policy: own.yaml:3:1: format: "0" is no version of the format, which is a whole number from 1`,
		"format: two\n":           `policy: own.yaml:3:1: format: "two" is no version of the format, which is a whole number from 1`,
	} {
		require.EqualError(t, lint(policy.File{Name: "own.yaml", Data: []byte("profile: own\ntitle: t\n" + text)}), want)
	}
}

// A file can ask for the least date of what it extends.
func TestExtendsSince(t *testing.T) {
	file := func(extends string) policy.File {
		return policy.File{Name: "own.yaml", Data: []byte("profile: own\ntitle: t\nextends: [" + extends + "]\n")}
	}
	require.Empty(t, lint(file("{profile: asd-ism, since: 2026-11-28}")))
	require.Empty(t, lint(file("any, {profile: asd-ism}")))
	require.EqualError(t, lint(file("{profile: asd-ism, since: 2026-11-29}")),
		"policy: own.yaml:3:11: extends[0]: asd-ism is of 2026-11-28, and since wants 2026-11-29 or later")
	require.EqualError(t, lint(file("{since: 2026}")), "policy: own.yaml:3:11: extends[0]: what is extended needs the key profile, its name")
	require.EqualError(t, lint(file("{profile: any, version: 3}")), "policy: own.yaml:3:26: extends[0].version: unknown key; known here: profile, since")
}

// A condition on a parameter that is a date holds from its first day to its last.
func TestGiven(t *testing.T) {
	p := own(t, `
parameters:
  bought: {kind: date, default: 2026-12-31, text: The day on which it was bought.}
rules:
  - id: r
    source: test
    force: law
    wanted: SHA-384
    allow:
      - hash: SHA-384
      - {hash: SHA-256, given: {bought: {min: 2025-01-01, max: 2026-12-31}}}
`)
	for bought, allowed := range map[string]bool{
		"2024-12-31": false, "2025-01-01": true, "2026-12-31": true, "2027-01-01": false,
	} {
		q, err := p.With("bought=" + bought)
		require.NoError(t, err)
		v := q.Verdict(suites()["1"], tableDate)
		require.Equal(t, allowed, v.Allow, bought)
		require.True(t, q.Verdict(suites()["7"], tableDate).Allow)
		if !allowed {
			require.Equal(t, "hash SHA-256, bought "+bought, v.Findings[0].Found)
		}
	}
	require.Equal(t, []string{"hash: SHA-384", "hash: SHA-256; given: {bought: {min: 2025-01-01, max: 2026-12-31}}"}, p.Rules()[0].Allow)

	// It is a demand by itself.
	p = own(t, `
parameters:
  bought: {kind: date, default: 2027-06-30, text: The day on which it was bought.}
rules:
  - {id: r, source: test, force: law, wanted: SHA-384, allow: [{hash: SHA-384}, {given: {bought: {max: 2026-12-31}}}]}
`)
	require.False(t, p.Verdict(suites()["1"], tableDate).Allow)
	q, err := p.With("bought=2026-12-31")
	require.NoError(t, err)
	require.True(t, q.Verdict(suites()["1"], tableDate).Allow)

	for given, want := range map[string]string{
		"{sold: {max: 2026-12-31}}":                 "10:37: rules[0].allow[0].given.sold: there is no parameter sold",
		"{flag: {max: 2026-12-31}}":                 "10:37: rules[0].allow[0].given.flag: parameter flag is a switch, not a date",
		"{end: {min: 2026-12-31, max: 2025-12-31}}": "10:37: rules[0].allow[0].given.end: min is after max, so nothing satisfies it",
		"{end: {max: soon}}":                        `10:43: rules[0].allow[0].given.end.max: "soon" is no date, such as 2030-12-31`,
		"{end: {least: 2026-12-31}}":                "10:43: rules[0].allow[0].given.end.least: unknown key; known here: min, max",
		"[end]":                                     "10:29: rules[0].allow[0].given: want a mapping of keys to values, not a list",
	} {
		problems := lint(policy.File{Name: "own.yaml", Data: []byte(rule("allow: [{hash: SHA-256, given: "+given+"}]") +
			"parameters:\n  flag: {kind: switch, default: off, text: x}\n  end: {kind: date, default: 2026-12-31, text: x}\n")})
		var texts []string
		for _, p := range problems {
			texts = append(texts, p.String())
		}
		require.Contains(t, texts, "own.yaml:"+want)
	}
}

// otherwise is one of three words, and a profile shows whom it is for.
func TestOtherwiseAndAudience(t *testing.T) {
	require.EqualError(t, lint(policy.File{Name: "own.yaml", Data: []byte(rule("otherwise: forbidden|allow: [{hash: SHA-256}]"))}),
		`policy: own.yaml:10:5: rules[0].otherwise: "forbidden" is not one of: prohibited, not-recommended, not-listed`)
	p := own(t, "audience: the test\nclassification: none at all\nzone: Europe/Berlin\nrules:\n  - {id: r, source: test, force: law, wanted: it, otherwise: not-recommended, allow: [{hash: SHA-256}]}\n")
	text := p.Describe()
	require.Contains(t, text, "\n  for       the test\n  level     none at all\n  zone      Europe/Berlin\n")
	require.Contains(t, text, "\n    else    not recommended\n")
	require.Equal(t, "not recommended", policy.Refused(p, suites()["7"], suite.Start, tableDate).Otherwise)
	require.Contains(t, policy.Refused(p, suites()["7"], suite.Start, tableDate).Explain(), "\n    rest    not recommended\n")
}

// What a registry's own suites say of the inside of their parts, files can name.
func TestOwnNamesInside(t *testing.T) {
	odd := suites()["T4"]
	odd.Name, odd.KEM.KDF, odd.KEM.Combiner, odd.Signature.Hash = "MLS_ODD", "BLAKE3", "Chempat", "BLAKE2b"
	library := policy.Builtin().Knowing(func(yield func(suite.Info) bool) { yield(odd) })
	const file = "profile: own\ntitle: t\nsources: {s: {document: D, date: 2026, checked: 2026}}\nrules:\n" +
		"  - {id: r, source: s, force: law, wanted: w, allow: [{kem.kdf: BLAKE3, kem.hash: BLAKE3, kem.combiner: Chempat, signature.hash: BLAKE2b}]}\n"
	l, err := library.Add(policy.File{Name: "own.yaml", Data: []byte(file)})
	require.NoError(t, err)
	p, err := l.Policy("own")
	require.NoError(t, err)
	require.True(t, p.Verdict(odd, tableDate).Allow)
	require.False(t, p.Verdict(suites()["T4"], tableDate).Allow)
	require.Len(t, lint(policy.File{Name: "own.yaml", Data: []byte(file)}), 4)
}
