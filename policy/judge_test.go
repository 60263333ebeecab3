package policy_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/fast"
	"github.com/mlsuite/mlsuite/suite"
)

var uses = []suite.Use{suite.Start, suite.Continue, suite.Receive, suite.Leave}

// own returns the policy of a profile with the given lines after its head.
func own(t testing.TB, lines string) *policy.Policy {
	t.Helper()
	if strings.Contains(lines, "source: test") {
		lines = "sources:\n  test: {document: Test, section: \"1\", date: 2026, checked: 2026-11-21}\n" + lines
	}
	l, err := policy.Builtin().Add(policy.File{Name: "own.yaml", Data: []byte("profile: own\ntitle: Of the test\n" + lines)})
	require.NoError(t, err)
	p, err := l.Policy("own")
	require.NoError(t, err)
	return p
}

func TestExisting(t *testing.T) {
	const rules = `
rules:
  - {id: kem, source: test, force: law, wanted: no X25519, allow: [{kem.classical: {not: X25519}}]}
  - {id: credential, source: test, force: law, wanted: X.509, allow: [{credential.type: x509}]}
`
	for existing, want := range map[string][]bool{ // allowed for start, continue, receive, leave
		"":                       {false, true, true, true},
		"existing: report":       {false, true, true, true},
		"existing: receive-only": {false, false, true, true},
		"existing: refuse":       {false, false, false, true},
	} {
		p := own(t, existing+rules)
		for i, use := range uses {
			err := policy.Ask(p, suites()["1"], use, tableDate)
			require.Equal(t, want[i], err == nil, "%s: %s: %v", existing, use, err)
			err = policy.Ask(p, message.CredentialBasic, use, tableDate)
			require.Equal(t, want[i], err == nil, "%s: %s: %v", existing, use, err)
			require.NoError(t, policy.Ask(p, message.CredentialX509, use, tableDate))
		}
		// A use that nobody knows is judged as a start.
		require.Error(t, policy.Ask(p, suites()["1"], suite.Leave+1, tableDate))
	}
}

func TestExistingNames(t *testing.T) {
	require.Equal(t, "report", policy.Report.String())
	require.Equal(t, "receive-only", policy.ReceiveOnly.String())
	require.Equal(t, "refuse", policy.Refuse.String())
	require.Equal(t, "Existing(3)", (policy.Refuse + 1).String())
	require.Equal(t, "Existing(-1)", policy.Existing(-1).String())
}

// Each of several policies has its own word on groups that exist.
func TestExistingOfSeveral(t *testing.T) {
	mild := load(t, "pq-confidential")
	strict := own(t, "existing: refuse\nrules:\n  - {id: hash, source: test, force: law, wanted: SHA-384, allow: [{hash: SHA-384}]}\n")
	both := policy.All(mild, strict)
	require.Equal(t, policy.Report, mild.Existing())
	require.Equal(t, policy.Refuse, both.Existing())
	// 7 fails pq-confidential alone, which only reports; 1 fails both.
	require.NoError(t, policy.Ask(both, suites()["7"], suite.Continue, tableDate))
	require.Error(t, policy.Ask(both, suites()["7"], suite.Start, tableDate))
	refusal := policy.Refused(both, suites()["1"], suite.Receive, tableDate)
	require.NotNil(t, refusal)
	require.Equal(t, []string{"own"}, policiesOf(refusal))
	require.Equal(t, []string{"pq-confidential", "own"}, policiesOf(policy.Refused(both, suites()["1"], suite.Start, tableDate)))
}

func policiesOf(r *policy.Refusal) []string {
	var names []string
	for _, reason := range r.Reasons() {
		names = append(names, reason.Policy)
	}
	return names
}

func TestRefusal(t *testing.T) {
	p := load(t, "cnsa-2.0-transition")
	err := policy.Ask(p, suites()["1"], suite.Start, tableDate)
	require.ErrorIs(t, err, policy.ErrRefused)
	var refusal *policy.Refusal
	require.ErrorAs(t, err, &refusal)
	const faq = "NSA, The Commercial National Security Algorithm Suite 2.0 and Quantum Computing FAQ (U/OO/194427-22, PP-24-4014), version 2.1, "
	const csa = "NSA, Announcing the Commercial National Security Algorithm Suite 2.0 (Cybersecurity Advisory; reissued 2025-05-30, which was not seen), 2022-09"
	reason := func(rule, source, force, otherwise, found, wanted string) policy.Reason {
		return policy.Reason{
			Policy: "cnsa-2.0-transition", Rule: rule, Source: source + " (checked 2026-11-28)", Found: found, Wanted: wanted,
			Force: force, Otherwise: otherwise,
		}
	}
	require.Equal(t, []policy.Reason{
		reason("kem", csa, "mapping", "prohibited", "KEM X25519", "ML-KEM-1024 alone; in a system acquired before 2027-01-01 also ECDH P-384 until category-date"),
		reason("signature", faq+"page 6, 2024-12", "mapping", "prohibited", "signature Ed25519", "ML-DSA-87 alone; in a system acquired before 2027-01-01 also ECDSA P-384 until 2031-12-31"),
		reason("aead", faq+"pages 2 and 3, 2024-12", "law", "not listed", "AEAD AES-128-GCM", "AES-256"),
		reason("hash", faq+"pages 2 and 3, 2024-12", "law", "not listed", "hash SHA-256", "SHA-384 or SHA-512"),
	}, refusal.Reasons())
	require.Equal(t, []policy.Choice{
		{ID: 0x0007, Name: "MLS_256_DHKEMP384_AES256GCM_SHA384_P384"},
		{Name: "MLS_192_MLKEM1024_AES256GCM_SHA384_P384"},
		{Name: "MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87"},
	}, refusal.Instead, "of the documents")
	require.Equal(t, []policy.Choice{
		{ID: 0x0007, Name: "MLS_256_DHKEMP384_AES256GCM_SHA384_P384"},
		{ID: 0xF008, Name: "MLS_192_MLKEM1024_AES256GCM_SHA384_P384"},
		{ID: 0xF00B, Name: "MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87"},
	}, policy.Choices(all.Registry().Allowed(p, refusal.Use, refusal.At)), "of a registry")
	require.Equal(t, suite.ID(1), refusal.Suite)
	require.Equal(t, suite.Start, refusal.Use)
	require.Equal(t, tableDate, refusal.At)
	require.Empty(t, refusal.With)

	refusal = policy.Refused(p, suites()["T5"], suite.Start, tableDate)
	require.Equal(t, "hybrid", refusal.With)
	require.Equal(t, "KEM ML-KEM-1024 with ECDH P-384", refusal.Found)

	refusal = policy.Refused(p, suites()["7"], suite.Start, day("2031-01-01"))
	require.Equal(t, "KEM ECDH P-384, allowed until 2030-12-31", refusal.Found)

	// What is for a list, or where it matters who provides a suite, names none.
	q := suite.Question{Use: suite.Start, Time: tableDate, Subject: suites()["1"], Listing: true}
	require.Nil(t, policy.RefusalOf(q, p.Judge(q)).Instead)
	require.Nil(t, policy.Refused(load(t, "fips-140-3-module"), suites()["1"], suite.Start, tableDate).Instead)
}

// What a verdict says is what the policy does for a new group, for every profile,
// suite and date.
func TestJudgeAgreesWithVerdict(t *testing.T) {
	for name := range table() {
		p := load(t, name)
		for short, info := range suites() {
			for _, at := range []time.Time{tableDate, day("2030-12-31"), day("2031-01-01"), day("2036-01-01")} {
				require.Equal(t, p.Verdict(info, at).Allow, policy.Ask(p, info, suite.Start, at) == nil, "%s: %s", name, short)
			}
		}
	}
}

func TestRulesBesideSuites(t *testing.T) {
	p := own(t, `
existing: refuse
rules:
  - {id: credential, source: test, force: law, wanted: X.509 or 0xF000, allow: [{credential.type: [x509, "0xf000"]}]}
  - {id: lifetime, source: test, force: law, wanted: 90 days at most, allow: [{key-package.lifetime: {max: 90d}}]}
  - {id: psk, source: test, force: law, wanted: 32 bytes, when: {psk.type: external}, allow: [{psk.bytes: {min: 32}}]}
  - {id: format, source: test, force: law, wanted: PrivateMessage, allow: [{wire-format: private}]}
`)
	const days = 24 * 60 * 60
	for _, c := range []struct {
		name string
		err  error
		text string // "" is allowed
	}{
		{"x509", policy.Ask(p, message.CredentialX509, suite.Start, tableDate), ""},
		{"private type", policy.Ask(p, message.CredentialType(0xF000), suite.Start, tableDate), ""},
		{
			"basic", policy.Ask(p, message.CredentialBasic, suite.Start, tableDate),
			"policy: credential refused for start by policy own: credential: found credential type basic, wanted X.509 or 0xF000; see Test, 1, 2026 (checked 2026-11-21)",
		},
		{"90 days", policy.Ask(p, message.Lifetime{NotBefore: 1000, NotAfter: 1000 + 90*days}, suite.Start, tableDate), ""},
		{
			"longer", policy.Ask(p, message.Lifetime{NotBefore: 1000, NotAfter: 1001 + 90*days}, suite.Continue, tableDate),
			"policy: key package lifetime refused for continue by policy own: lifetime: found lifetime 7776001s, wanted 90 days at most; see Test, 1, 2026 (checked 2026-11-21)",
		},
		{"backwards", policy.Ask(p, message.Lifetime{NotBefore: 1000, NotAfter: 0}, suite.Start, tableDate), ""},
		{
			"for ever", policy.Ask(p, message.Lifetime{NotAfter: 1<<64 - 1}, suite.Start, tableDate),
			"policy: key package lifetime refused for start by policy own: lifetime: found lifetime 4611686018427387904s, wanted 90 days at most; see Test, 1, 2026 (checked 2026-11-21)",
		},
		{"long PSK", policy.Ask(p, suite.PSKInfo{Type: "external", Length: 32}, suite.Start, tableDate), ""},
		{"resumption PSK", policy.Ask(p, suite.PSKInfo{Type: "resumption", Length: 1}, suite.Start, tableDate), ""},
		{
			"short PSK", policy.Ask(p, suite.PSKInfo{Type: "external", Length: 31}, suite.Receive, tableDate),
			"policy: pre-shared key refused for receive by policy own: psk: found PSK of 31 bytes, wanted 32 bytes; see Test, 1, 2026 (checked 2026-11-21)",
		},
		{"private", policy.Ask(p, message.WireFormatPrivateMessage, suite.Continue, tableDate), ""},
		{
			"public", policy.Ask(p, message.WireFormatPublicMessage, suite.Continue, tableDate),
			"policy: wire format refused for continue by policy own: format: found wire format mls_public_message, wanted PrivateMessage; see Test, 1, 2026 (checked 2026-11-21)",
		},
	} {
		if c.text == "" {
			require.NoError(t, c.err, c.name)
			continue
		}
		require.EqualError(t, c.err, c.text, c.name)
		require.ErrorIs(t, c.err, policy.ErrRefused)
	}
	basic := own(t, `rules: [{id: r, source: test, force: law, wanted: basic, allow: [{credential.type: "0x0001"}]}]`+"\n")
	require.NoError(t, policy.Ask(basic, message.CredentialBasic, suite.Start, tableDate))
	require.Error(t, policy.Ask(basic, message.CredentialX509, suite.Start, tableDate))
	require.Error(t, policy.Ask(basic, message.CredentialType(0xF000), suite.Start, tableDate))
	require.Equal(t, []string{"credential.type: basic"}, basic.Rules()[0].Allow)
	for _, use := range uses {
		require.NoError(t, policy.Ask(load(t, "any"), suite.PSKInfo{Type: "external", Length: 0}, use, tableDate))
		require.NoError(t, policy.Ask(p, suite.PSKInfo{Type: "external", Length: 0}, suite.Leave, tableDate))
	}
}

// NIST's rule on short keys is the FIPS profiles' own.
func TestShortPSKs(t *testing.T) {
	for _, name := range []string{"fips-140-3-algorithms", "fips-140-3-module"} {
		p := load(t, name)
		require.NoError(t, policy.Ask(p, suite.PSKInfo{Type: "external", Length: 14}, suite.Start, tableDate))
		var refusal *policy.Refusal
		require.ErrorAs(t, policy.Ask(p, suite.PSKInfo{Type: "external", Length: 13}, suite.Start, tableDate), &refusal)
		require.Equal(t, "psk-length", refusal.Rule)
		require.Equal(t, "pre-shared key", refusal.Subject)
	}
}

// The verdict of fips-140-3-module depends on the provider of a primitive.
func TestModule(t *testing.T) {
	for _, version := range []string{"v1.0.0", "v1.0.0-c2097c7c", "v1.26.0", "latest"} {
		p := load(t, "fips-140-3-module").OnModule(version)
		require.Equal(t, expected(t, onModule(version)), judge(p, tableDate), version)
	}
	// T10 and T11 are there with crypto/mldsa, where the module has it, and with no other ML-DSA.
	info := suites()["T11"]
	info.Signature.Provenance = suite.ProvidedBy(suite.Provided{Primitive: "ML-DSA-87", Package: "crypto/mldsa"})
	for version, want := range map[string]bool{
		"v1.0.0": false, "v1.25.9": false, "v1.26.0": true, "v1.27.1": true, "v2.0.0": true, "latest": true, "": false, "v1": false,
	} {
		p := load(t, "fips-140-3-module").OnModule(version)
		require.Equal(t, want, p.Verdict(info, tableDate).Allow, version)
		elsewhere := info
		elsewhere.Signature.Provenance = suite.ProvidedBy(suite.Provided{Primitive: "ML-DSA-87", Package: "filippo.io/mldsa"})
		require.False(t, p.Verdict(elsewhere, tableDate).Allow, version)
		// X-Wing counts from the same module on.
		on, err := p.With("auxiliary-x25519")
		require.NoError(t, err)
		require.Equal(t, want, on.Verdict(suites()["T2"], tableDate).Allow, version)
	}
	// Another implementation of an approved algorithm is not the module's, and the
	// word of a foreign suite is no evidence.
	r, err := fast.New()
	require.NoError(t, err)
	p := load(t, "fips-140-3-module")
	for i := range r.All() {
		if i.KEM.PostQuantum != "" {
			require.False(t, p.Verdict(i, tableDate).Allow, i.Name)
		}
	}
	foreign := suites()["7"]
	require.True(t, p.Verdict(foreign, tableDate).Allow)
	foreign.AEAD.Provenance = foreign.AEAD.Provenance.SelfDeclared("AES-256-GCM")
	require.False(t, p.Verdict(foreign, tableDate).Allow)
	// Nor is silence, of one primitive or of all.
	for name, silent := range map[string]func(*suite.Info){
		"KEM":       func(i *suite.Info) { i.KEM.Provenance = suite.Providers{} },
		"KDF":       func(i *suite.Info) { i.KDF.Provenance = suite.Providers{} },
		"AEAD":      func(i *suite.Info) { i.AEAD.Provenance = suite.Providers{} },
		"hash":      func(i *suite.Info) { i.Hash.Provenance = suite.Providers{} },
		"signature": func(i *suite.Info) { i.Signature.Provenance = suite.Providers{} },
	} {
		info := suites()["7"]
		silent(&info)
		require.False(t, p.Verdict(info, tableDate).Allow, name)
		silent(&foreign)
	}
	require.False(t, p.Verdict(foreign, tableDate).Allow)
}

// A set is what a document defines, not what somebody calls so.
func TestImpostorsAreOfNoSet(t *testing.T) {
	p := load(t, "rfc9420")
	info := suites()["7"]
	require.True(t, p.Verdict(info, tableDate).Allow)
	for name, change := range map[string]func(*suite.Info){
		"code point": func(i *suite.Info) { i.ID = 0xF123 },
		"name":       func(i *suite.Info) { i.Name = "MLS_256_OWN" },
		"level":      func(i *suite.Info) { i.Level = 128 },
		"KEM":        func(i *suite.Info) { i.KEM.ID = 0x0010 },
		"derivation": func(i *suite.Info) { i.KEM.Derivation = suite.DerivationUnlabelled },
		"KDF":        func(i *suite.Info) { i.KDF.ID = 0x0001 },
		"AEAD":       func(i *suite.Info) { i.AEAD.ID = 0x0003 },
		"hash":       func(i *suite.Info) { i.Hash = suites()["1"].Hash },
		"signature":  func(i *suite.Info) { i.Signature.Scheme = 0x0403 },
	} {
		impostor := info
		change(&impostor)
		require.False(t, p.Verdict(impostor, tableDate).Allow, name)
	}
	// A draft's suite is of its set under every code point, if it derives as the draft says.
	r, err := all.New(registry.WithCodePoints(registry.OpenMLS().DraftCodePoints()))
	require.NoError(t, err)
	drafts := own(t, "rules:\n  - {id: set, source: test, force: law, wanted: the draft, allow: [{suite.set: draft-ietf-mls-pq-ciphersuites-06}]}\n")
	for i := range r.All() {
		require.Equal(t, i.ID > 7, drafts.Verdict(i, tableDate).Allow, i.Name)
		i.KEM.Derivation = suite.DerivationUnlabelled
		require.False(t, drafts.Verdict(i, tableDate).Allow, i.Name)
	}
}

func TestUnverifiedNeverChangesAVerdict(t *testing.T) {
	p := own(t, `
rules:
  - {id: doubt, source: test, force: guidance, certainty: U, wanted: SHA-512, allow: [{hash: SHA-512}]}
notes:
  - {text: a doubt, certainty: U, when: {hash: SHA-256}}
`)
	for short, info := range suites() {
		v := p.Verdict(info, tableDate)
		require.True(t, v.Allow, short)
		require.NoError(t, policy.Ask(p, info, suite.Start, tableDate))
	}
	v := p.Verdict(suites()["1"], tableDate)
	require.Equal(t, []string{"[U] a doubt", "[U] own/doubt would want SHA-512"}, v.Notes)
	require.False(t, v.Findings[0].Passed)
	require.Empty(t, p.Verdict(suites()["5"], tableDate).Notes)
	var downgrade *policy.Downgrade
	require.False(t, errors.As(policy.Ask(p, suite.Move{From: suites()["1"], To: suites()["1"]}, suite.Start, tableDate), &downgrade))
}
