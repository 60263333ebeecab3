package policy_test

import (
	"encoding/json"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

func explanation(t testing.TB, p *policy.Policy, subject any, use suite.Use, suites iter.Seq[suite.Info], at time.Time) *policy.Explanation {
	t.Helper()
	e, err := p.Explain(suite.Question{Use: use, Time: at, Subject: subject}, suites)
	require.NoError(t, err)
	return e
}

func explain(t testing.TB, p *policy.Policy, subject any, suites iter.Seq[suite.Info], at time.Time) string {
	return explanation(t, p, subject, suite.Start, suites, at).String()
}

func TestExplain(t *testing.T) {
	p := load(t, "bsi-tr-02102-1", "cfrg-combiner")
	r, err := all.Registry().Select(suites()["1"].Name, suites()["7"].Name, suites()["T5"].Name)
	require.NoError(t, err)
	const document = "BSI TR-02102-1, Cryptographic Mechanisms, Recommendations and Key Lengths, version 2026-01, "
	require.Equal(t, `0x0007 MLS_256_DHKEMP384_AES256GCM_SHA384_P384 under bsi-tr-02102-1 at 2032-01-01: deny, was allowed until 2031-12-31

  FAIL  bsi-tr-02102-1/kem
    found   KEM ECDH P-384, allowed until 2031-12-31
    wanted  ML-KEM-768 or ML-KEM-1024 in a hybrid with a NIST P-curve; until 2031-12-31 (2030-12-31 for very high protection) also ECDH on one alone
    source  `+document+`Sections 2.1, 2.2 and 2.4.3, tables 2.1 and 2.7, 2026-01-23 [S]
    force   guidance: not recommended, checked 2026-11-28

  pass  bsi-tr-02102-1/signature until 2035-12-31
    found   signature ECDSA P-384
    by      signature.kind: classical, signature.classical: [P-256, P-384, P-521]; until: 2035-12-31
    source  `+document+`Sections 2.1 and 5.3.4, table 5.7, 2026-01-23 [S]
    force   guidance, checked 2026-11-28

  pass  bsi-tr-02102-1/aead
    found   AEAD AES-256-GCM
    by      aead: [AES-128-GCM, AES-256-GCM]
    source  `+document+`Section 2.1, 2026-01-23 [S]
    force   guidance, checked 2026-11-28

  pass  bsi-tr-02102-1/hash
    found   hash SHA-384
    by      hash: [SHA-256, SHA-384, SHA-512]
    source  `+document+`table 4.1, 2026-01-23 [S]
    force   guidance, checked 2026-11-28

Notes:
  [U] The guideline's own text on the P-curves was not seen. Its orders of 250 bits and its Brainpool curves are quoted.

Suites that would do:
  0xF005 MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384 until 2035-12-31
`, explain(t, p, suites()["7"], r.All(), day("2032-01-01")))

	text := explain(t, p, suites()["T5"], r.All(), tableDate)
	require.Contains(t, text, "at 2026-11-28: allow until 2035-12-31\n")
	require.Contains(t, text, "\nNotes:\n  The combiner is none that the guideline recommends")
	require.NotContains(t, text, "would do")
	require.Contains(t, explain(t, load(t, "rfc9420"), suites()["T1"], r.All(), tableDate), "found   a suite of set draft-ietf-mls-pq-ciphersuites-06\n")
	none, err := r.Select()
	require.NoError(t, err)
	require.Contains(t, explain(t, p, suites()["1"], none.All(), tableDate), "\nNo suite of the registry would do.\n")
	doubt := own(t, "rules:\n  - {id: r, source: test, force: law, certainty: U, wanted: SHA-512, allow: [{hash: SHA-512}]}\n")
	require.Contains(t, explain(t, doubt, suites()["1"], none.All(), tableDate), "\n  note  own/r\n")
	require.Contains(t, explain(t, load(t, "any"), suites()["1"], none.All(), tableDate), "\nNo rule is about it.\n")
}

// A rule that passes says by which of its ways, under which parameters and until when:
// nothing that the subject is not.
func TestExplainSaysWhyARulePasses(t *testing.T) {
	p := load(t, "cnsa-2.0-transition", "hybrid", "category-date=2028-06-30")
	passed := func(info suite.Info, at time.Time) map[string]policy.Finding {
		found := map[string]policy.Finding{}
		for _, f := range explanation(t, p, info, suite.Start, all.Registry().All(), at).Rules.Findings {
			if f.Passed {
				found[f.Rule] = f
			} else {
				require.Empty(t, f.By)
			}
		}
		return found
	}
	f := passed(suites()["T5"], tableDate)["kem"]
	require.Equal(t, "KEM ML-KEM-1024 with ECDH P-384", f.Found)
	require.Equal(t, "kem.kind: hybrid, kem.post-quantum: ML-KEM-1024, kem.classical: P-384; with: hybrid; given: {acquired (2026-12-31): {max: 2026-12-31}}", f.By)
	f = passed(suites()["7"], tableDate)["kem"]
	require.Equal(t, "kem.kind: classical, kem.classical: P-384; until: category-date (2028-06-30); given: {acquired (2026-12-31): {max: 2026-12-31}}", f.By)
	require.NotContains(t, passed(suites()["7"], day("2028-07-01")), "kem")

	// Of several ways it is the one that lasts.
	p = own(t, `
rules:
  - id: r
    source: test
    force: law
    wanted: SHA-256
    allow:
      - {hash: SHA-256, until: 2028-06-30}
      - {hash: SHA-256, from: 2020-01-01}
`)
	require.Equal(t, "hash: SHA-256; from: 2020-01-01", passed(suites()["1"], tableDate)["r"].By)
}

// What the rules deny, an existing group may go on with, or not, as existing says.
func TestExplainUses(t *testing.T) {
	const rules = "rules:\n  - {id: r, source: test, force: law, wanted: SHA-512, otherwise: prohibited, allow: [{hash: SHA-512}]}\n"
	for existing, allowed := range map[string]map[suite.Use]string{
		"report":       {suite.Continue: "lets", suite.Receive: "lets", suite.Leave: "nothing denies"},
		"receive-only": {suite.Continue: "does not let", suite.Receive: "lets", suite.Leave: "nothing denies"},
		"refuse":       {suite.Continue: "does not let", suite.Receive: "does not let", suite.Leave: "nothing denies"},
	} {
		p := own(t, "existing: "+existing+"\n"+rules)
		require.False(t, explanation(t, p, suites()["1"], suite.Start, all.Registry().All(), tableDate).Allow)
		for use, says := range allowed {
			e := explanation(t, p, suites()["1"], use, all.Registry().All(), tableDate)
			require.Equal(t, policy.Ask(p, suites()["1"], use, tableDate) == nil, e.Allow)
			require.False(t, e.Rules.Allow)
			require.Contains(t, e.String(), says, "%s, %s", existing, use)
			require.Contains(t, e.String(), "force   law: prohibited, checked")
			e = explanation(t, p, suites()["5"], use, all.Registry().All(), tableDate)
			require.True(t, e.Allow)
			require.Contains(t, e.String(), "The rules allow it to begin: allow.")
		}
	}
}

// Subjects other than suites have the rules that are about them, and no suites instead.
func TestExplainSubjects(t *testing.T) {
	p := own(t, `
rules:
  - {id: type, source: test, force: law, wanted: X.509, allow: [{credential.type: x509}]}
  - {id: life, source: test, force: law, wanted: short, allow: [{key-package.lifetime: {max: 30d}}]}
  - {id: psk, source: test, force: law, wanted: long, allow: [{psk.bytes: {min: 32}}]}
  - {id: chain, source: test, force: law, wanted: SHA-384, allow: [{certificate.hash: SHA-384}]}
  - {id: box, source: test, force: law, wanted: Box 3, allow: [{token.name: Box 3}]}
`)
	cert := suite.CertificateInfo{Position: "leaf", Key: "P-256", Signature: "ECDSA", Hash: "SHA-256"}
	for _, c := range []struct {
		subject any
		rule    string // that fails, or "" if none does
		text    string
	}{
		{message.CredentialBasic, "type", "credential of type basic under own at 2026-11-28: deny\n"},
		{message.CredentialX509, "", "credential of type x509 under own at 2026-11-28: allow\n"},
		{message.Lifetime{NotBefore: 0, NotAfter: 31 * 86400}, "life", "key package with a lifetime of 31d under own"},
		{suite.PSKInfo{Type: "external", Length: 31}, "psk", "external PSK of 31 bytes under own"},
		{suite.PSKInfo{Type: "external", Length: 32}, "", "external PSK of 32 bytes under own"},
		{cert, "chain", "leaf certificate for a key of P-256, signed by ECDSA with SHA-256 under own"},
		{suite.Token{Name: "Box 4", Certificate: "1"}, "box", `token "Box 4" with CMVP certificate 1 (stated by the caller) under own at 2026-11-28: deny`},
		{message.WireFormatPublicMessage, "", "\nNo rule is about it.\n"},
	} {
		e := explanation(t, p, c.subject, suite.Start, all.Registry().All(), tableDate)
		require.Contains(t, e.String(), c.text)
		require.NotContains(t, e.String(), "uites")
		require.Equal(t, c.rule == "", e.Allow)
		for _, f := range e.Rules.Findings {
			require.Equal(t, c.rule == "", f.Passed)
			require.Contains(t, []string{c.rule, "type", "psk"}, f.Rule)
		}
	}
	_, err := p.Explain(suite.Question{Use: suite.Start, Time: tableDate, Subject: suite.Move{}}, all.Registry().All())
	var unknown *suite.UnknownSubjectError
	require.ErrorAs(t, err, &unknown)
}

func TestExplanationAsJSON(t *testing.T) {
	r, err := all.Registry().Select(suites()["7"].Name, suites()["T11"].Name)
	require.NoError(t, err)
	p := own(t, "existing: refuse\nrules:\n  - {id: r, source: test, force: law, wanted: ML-DSA, otherwise: prohibited, allow: [{signature.kind: post-quantum, until: 2030-12-31}]}\n")
	text, err := json.Marshal(explanation(t, p, suites()["7"], suite.Continue, r.All(), tableDate))
	require.NoError(t, err)
	require.JSONEq(t, `{
		"policy": "own", "about": "cipher suite", "subject": "0x0007 MLS_256_DHKEMP384_AES256GCM_SHA384_P384",
		"use": "continue", "at": "2026-11-28", "verdict": "deny", "rules": {"verdict": "deny"}, "existing": "refuse",
		"findings": [{
			"policy": "own", "rule": "r", "passed": false, "found": "signature ECDSA P-384", "wanted": "ML-DSA", "otherwise": "prohibited",
			"force": "law", "certainty": "S", "source": {"document": "Test", "section": "1", "date": "2026", "checked": "2026-11-21"}
		}],
		"instead": [{"id": "0xF00B", "name": "MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87", "until": "2030-12-31"}]
	}`, string(text))
}
