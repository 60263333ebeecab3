package evidence

import (
	"iter"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/experimental"
	"github.com/mlsuite/mlsuite/suite"
)

// day returns a moment of a day.
func day(text string) time.Time { return mustDate(text).Time().Add(time.Hour) }

// on returns a program on a version of the module, as a build with it would be.
func on(module, mode string) Program {
	build := &debug.BuildInfo{GoVersion: "go1.26.8", Path: "example.com/agency/chat", Main: debug.Module{Path: "example.com/agency", Version: "v1.2.3"}, Deps: []*debug.Module{
		{Path: "github.com/mlsuite/mlsuite", Version: "v0.9.0"}, {Path: "filippo.io/mldsa", Version: "v1.0.0"},
		{Path: "github.com/cloudflare/circl", Version: "v1.6.5", Replace: &debug.Module{Path: "example.com/fork", Version: "v1.6.6"}},
		{Path: "filippo.io/edwards25519", Version: "v1.2.0", Replace: &debug.Module{Path: "../edwards25519"}},
	}}
	for _, c := range certificates() {
		if c.version == module {
			build.Settings = []debug.BuildSetting{{Key: "GOFIPS140", Value: c.build}}
		}
	}
	return Program{Build: build, Module: module, Enabled: mode == "on"}
}

var everything = sync.OnceValue(func() *registry.Registry {
	parts, err := experimental.Parts(all.Parts())
	if err != nil {
		panic(err)
	}
	r, err := parts.Registry(registry.WithPeerSet(experimental.PeerSet()))
	if err != nil {
		panic(err)
	}
	return r
})

func reportOn(t testing.TB, program Program, at string, names ...string) *Report {
	t.Helper()
	return reportOf(t, everything().All(), program, at, names...)
}

func reportOf(t testing.TB, suites iter.Seq[suite.Info], program Program, at string, names ...string) *Report {
	t.Helper()
	var policies []*policy.Policy
	for _, name := range names {
		p, err := policy.Builtin().Policy(name)
		require.NoError(t, err)
		policies = append(policies, p)
	}
	r, err := New(policy.All(policies...), suites, day(at), program)
	require.NoError(t, err)
	return r
}

func find(t testing.TB, r *Report, name string) *asset {
	t.Helper()
	i := slices.IndexFunc(r.assets, func(a *asset) bool { return a.name == name })
	require.GreaterOrEqual(t, i, 0, name)
	return r.assets[i]
}

// write returns what one of the forms writes.
func write(t testing.TB, form func(w *strings.Builder) error) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, form(&b))
	return b.String()
}

func (r *Report) forms() map[string]func(*strings.Builder) error {
	return map[string]func(*strings.Builder) error{
		"cyclonedx": func(b *strings.Builder) error { return r.WriteCycloneDX(b) },
		"oscal":     func(b *strings.Builder) error { return r.WriteOSCAL(b) },
		"markdown":  func(b *strings.Builder) error { return r.WriteMarkdown(b) },
	}
}

// What each form says under CNSA 2.0: its one suite, by the draft's number too, the digest of
// the profile, and that the module has no certificate.
func TestFormsNameTheSuiteThePolicyAndTheModule(t *testing.T) {
	p, err := policy.Builtin().Policy("cnsa-2.0")
	require.NoError(t, err)
	r := reportOn(t, on("v1.26.0", "on"), "2026-11-28", "cnsa-2.0")
	require.Len(t, r.Left(), 1)
	for name, form := range r.forms() {
		text := write(t, form)
		for _, want := range []string{
			"MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87", "TBD11", "no certificate", "v1.26.0",
			p.Profiles()[0].Digest, "2026-11-28", "ML-KEM-1024", "ML-DSA-87", "HKDF-SHA-384", "example.com/agency/chat", "v1.2.3",
		} {
			require.Contains(t, text, want, name)
		}
		require.NotContains(t, text, levelFIPS, name)
	}
}

// A parameter of the policy is in each form, and changes what it says.
func TestFormsNameParameters(t *testing.T) {
	p, err := policy.Builtin().Policy("cnsa-2.0-transition")
	require.NoError(t, err)
	p, err = p.With("hybrid")
	require.NoError(t, err)
	r, err := New(p, everything().All(), day("2026-11-28"), on("v1.0.0", "on"))
	require.NoError(t, err)
	for name, form := range r.forms() {
		text := write(t, form)
		require.Contains(t, text, "hybrid=on", name)
		require.Contains(t, text, "MLKEM1024-P384", name)
		require.Contains(t, text, "allow until 2031-12-31", name)
	}
}

func TestSameReportSameBytes(t *testing.T) {
	write := func(at string, names ...string) map[string]string {
		texts := map[string]string{}
		for name, form := range reportOn(t, on("v1.0.0", "on"), at, names...).forms() {
			texts[name] = write(t, form)
		}
		return texts
	}
	one := write("2026-11-28", "asd-ism")
	require.Equal(t, one, write("2026-11-28", "asd-ism"))
	identifier := regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	for _, other := range []map[string]string{write("2026-11-29", "asd-ism"), write("2026-11-28", "asd-ism-top-secret")} {
		for name, text := range other {
			require.NotEqual(t, one[name], text, name)
			if name != "markdown" {
				require.NotEqual(t, identifier.FindString(one[name]), identifier.FindString(text), name)
			}
		}
	}
}

// A policy that leaves nothing has its report too.
func TestNothingLeft(t *testing.T) {
	r := reportOn(t, on("latest", "off"), "2026-11-28", "cnsa-2.0", "bsi-tr-02102-1")
	require.Empty(t, r.Left())
	require.Empty(t, r.assets)
	for name, form := range r.forms() {
		require.Contains(t, write(t, form), "cnsa-2.0 + bsi-tr-02102-1", name)
	}
	_, err := New(policy.All(), everything().All(), time.Time{}.AddDate(-1, 0, 0), on("latest", "off"))
	require.ErrorContains(t, err, "no day")
}

// What runs inside of the module is what the standard library provides and the module has. A
// certificate covers that alone, in its time, on its build and in FIPS 140-3 mode.
func TestCertificationLevel(t *testing.T) {
	certified := reportOn(t, on("v1.0.0", "on"), "2026-11-28", "any")
	levels := map[string]string{}
	for _, a := range certified.assets {
		levels[a.name] = certified.where(a) + " " + certified.level(a)
	}
	for name, want := range map[string]string{
		"AES-256-GCM": "inside fips140-3-l1", "SHA-384": "inside fips140-3-l1", "ML-KEM-768": "inside fips140-3-l1",
		"ECDH-P-384": "inside fips140-3-l1", "ECDSA-P-384-SHA-384": "inside fips140-3-l1", "Ed25519": "inside fips140-3-l1", "SHAKE256": "inside fips140-3-l1",
		"x25519": "outside none", "x448": "outside none", "Ed448": "outside none", "ChaCha20-Poly1305": "outside none",
		"MLKEM768-P256": "outside, on its parts none", "MLKEM768-X25519": "outside, on its parts none",
		"HPKE-ML-KEM-1024-HKDF-SHA-384-AES-256-GCM": "outside, on its parts none",
		"DHKEM-P-384-HKDF-SHA-384":                  "outside, on its parts none",
		"MLDSA87-ECDSA-P384-SHA512":                 "outside, on its parts none",
	} {
		require.Equal(t, want, levels[name], name)
	}
	for name, want := range map[string][]string{
		"AES-256-GCM": {ownNonce}, "SHAKE256": {calledFromOutside}, "SHA3-256": {calledFromOutside}, "SHA-384": nil,
	} {
		require.Equal(t, want, certified.remarks(find(t, certified, name)), name)
	}

	wrong := on("v1.0.0", "on")
	wrong.Build.Settings[0].Value = "v1.0.0-00000000"
	for status, r := range map[string]*Report{
		"in process at the CMVP: no certificate; FIPS 140-3 mode is on":                                                 reportOn(t, on("v1.26.0", "on"), "2026-11-28", "any"),
		"the source in the toolchain, which is no frozen module: no certificate; FIPS 140-3 mode is on":                 reportOn(t, on("latest", "on"), "2026-11-28", "any"),
		"not known here: no certificate; FIPS 140-3 mode is on":                                                         reportOn(t, on("v1.99.0", "on"), "2026-11-28", "any"),
		"FIPS 140-3 mode is off, so that CMVP certificate #5247 does not apply: no certificate; FIPS 140-3 mode is off": reportOn(t, on("v1.0.0", "off"), "2026-11-28", "any"),
		"no certificate at 2026-04-26: CMVP certificate #5247 is of 2026-04-27 to 2031-04-26; FIPS 140-3 mode is on":    reportOn(t, on("v1.0.0", "on"), "2026-04-26", "any"),
		"no certificate at 2031-04-27: CMVP certificate #5247 is of 2026-04-27 to 2031-04-26; FIPS 140-3 mode is on":    reportOn(t, on("v1.0.0", "on"), "2031-04-27", "any"),
		"built as v1.0.0-00000000, not as v1.0.0-c2097c7c: no certificate; FIPS 140-3 mode is on":                       reportOn(t, wrong, "2026-11-28", "any"),
	} {
		require.Equal(t, status, r.program.moduleStatus(r.at))
		for _, a := range r.assets {
			require.Equal(t, levelNone, r.level(a), "%s: %s", status, a.name)
		}
	}
	for _, at := range []string{"2026-04-27", "2031-04-26"} {
		r := reportOn(t, on("v1.0.0", "on"), at, "any")
		require.Equal(t, levelFIPS, r.level(find(t, r, "SHA-384")), at)
	}
}

// What somebody's own word says is not inside, whatever it says, and is marked.
func TestSelfDeclaredIsNoEvidence(t *testing.T) {
	suites := func(yield func(suite.Info) bool) {
		for info := range everything().All() {
			info.AEAD.Provenance = info.AEAD.Provenance.SelfDeclared(info.AEAD.Name)
			info.Hash.Provenance = suite.ProvidedBy().SelfDeclared(info.Hash.Name)
			if !yield(info) {
				return
			}
		}
	}
	r := reportOf(t, suites, on("v1.0.0", "on"), "2026-11-28", "any")
	for _, name := range []string{"AES-256-GCM", "SHA-384"} {
		i := slices.IndexFunc(r.assets, func(a *asset) bool { return a.name == name && a.selfDeclared() })
		require.GreaterOrEqual(t, i, 0, name)
		a := r.assets[i]
		require.Equal(t, "outside none", r.where(a)+" "+r.level(a), name)
		require.Equal(t, []string{"Who provides it is the provider's own word."}, r.remarks(a), name)
	}
	require.Contains(t, write(t, r.forms()["markdown"]), "| SHA-384 | hash, tree hash, transcript | FIPS 180-4 | not said | outside | none |")
}

// A pair of groups is judged whole, and its notes are numbered with those of the suites.
func TestPairsHaveVerdicts(t *testing.T) {
	program := on("v1.0.0", "on")
	by := func(id suite.ID) suite.Info {
		s, err := everything().Suite(id)
		require.NoError(t, err)
		return suite.Describe(s)
	}
	program.Pairs = []suite.PairInfo{{T: by(7), PQ: by(0xF00B), Mode: 1}, {T: by(1), PQ: by(0xF006)}}
	r := reportOn(t, program, "2026-11-28", "cnsa-2.0-transition")
	require.True(t, r.pairs[0].verdict.Allow)
	require.False(t, r.pairs[1].verdict.Allow)
	var page, oscal strings.Builder
	require.NoError(t, r.WriteMarkdown(&page))
	require.Regexp(t, `(?m)^\| pair of 0x0007 .* and 0xF00B .* in mode 1 \| allow until 2030-12-31 \| [0-9, ]+ \|$`, page.String())
	require.Regexp(t, `(?m)^\| pair of 0x0001 .* in mode 0 \| deny \| `, page.String())
	require.Regexp(t, `(?m)^[0-9]+\. A pair is judged by the suites of both groups`, page.String())
	require.NoError(t, r.WriteOSCAL(&oscal))
	require.Contains(t, oscal.String(), "allow until 2030-12-31")
	require.Contains(t, oscal.String(), "Pair of groups")
	program.Pairs = nil
	page.Reset()
	require.NoError(t, reportOn(t, program, "2026-11-28", "cnsa-2.0-transition").WriteMarkdown(&page))
	require.NotContains(t, page.String(), "Pairs of groups")
}

// A token is a module of its own: what it is stands there as its owner's word, with the verdict of
// the policy.
func TestTokensAreStatements(t *testing.T) {
	program := on("v1.0.0", "on")
	program.Tokens = []suite.Token{{Name: "Box 3", Certificate: "4962"}, {Name: "Box 4"}}
	p, err := policy.Builtin().Policy("fips-140-3-module")
	require.NoError(t, err)
	p, err = p.With("token-certificates=4962")
	require.NoError(t, err)
	r, err := New(p, everything().All(), day("2026-11-28"), program)
	require.NoError(t, err)
	require.Len(t, r.tokens, 2)
	require.True(t, r.tokens[0].verdict.Allow)
	require.False(t, r.tokens[1].verdict.Allow)
	for name, form := range r.forms() {
		text := strings.ReplaceAll(write(t, form), `\"`, `"`)
		require.Contains(t, text, `token "Box 3" with CMVP certificate 4962 (stated by the caller)`, name)
		require.Contains(t, text, `token "Box 4" with no certificate (stated by the caller)`, name)
	}
}

// An algorithm that nobody here knows has the name that it has, what it is for, and no family.
func TestForeignAlgorithms(t *testing.T) {
	by := func(name string) suite.Providers {
		return suite.ProvidedBy(suite.Provided{Primitive: name, Package: "example.com/" + name, SelfDeclared: true})
	}
	foreign := suite.Info{
		ID: 0xF100, Name: "MLS_192_FRODO976_ASCON_SHA384_MAYO",
		KEM: suite.KEMInfo{Name: "FrodoKEM-976", PostQuantum: "FrodoKEM-976", Provenance: by("FrodoKEM-976")}, KDF: suite.KDFInfo{Name: "HKDF-SHA384", Provenance: by("HKDF-SHA384")},
		AEAD: suite.AEADInfo{Name: "Ascon", Provenance: by("Ascon")}, Hash: suite.HashInfo{Name: "SHA-384", Provenance: by("SHA-384")},
		Signature: suite.SignatureInfo{Name: "mayo2", Provenance: by("mayo2")},
	}
	other := foreign
	other.ID, other.Name, other.KEM = 0xF101, "MLS_OTHER", suite.KEMInfo{Name: "NTRU", Provenance: by("NTRU")}
	r := reportOf(t, slices.Values([]suite.Info{foreign, other}), on("v1.0.0", "on"), "2026-11-28", "any")
	for name, primitive := range map[string]string{"FrodoKEM-976": "kem", "NTRU": "kem", "Ascon": "ae", "mayo2": "signature"} {
		a := find(t, r, name)
		require.Equal(t, primitive, string(a.primitive), name)
		require.Empty(t, a.family, name)
		require.Equal(t, noCategory, a.category, name)
		require.Equal(t, "outside none", r.where(a)+" "+r.level(a), name)
		require.Equal(t, []string{"example.com/" + name}, a.packages())
	}
	find(t, r, "HPKE-FrodoKEM-976-HKDF-SHA-384-Ascon")
	find(t, r, "HPKE-NTRU-HKDF-SHA-384-Ascon")
	require.Contains(t, write(t, r.forms()["markdown"]), "Who provides it is the provider's own word.")
}

// The providers are those of the provenance, and the report names no other.
func TestProvidersAreThoseOfTheProvenance(t *testing.T) {
	r := reportOn(t, on("v1.0.0", "on"), "2026-11-28", "any")
	want := map[string]bool{}
	for info := range everything().All() {
		for p := range info.Providers().All() {
			want[p.Package] = true
		}
	}
	got := map[string]bool{}
	for _, l := range r.libraries() {
		got[l.pkg] = true
	}
	require.Equal(t, want, got)

	// One algorithm of two providers is two assets, with references of their own.
	info, err := everything().Named("MLS_256_DHKEMP384_AES256GCM_SHA384_P384")
	require.NoError(t, err)
	one, two := suite.Describe(info), suite.Describe(info)
	two.ID, two.Name = 0xF777, "MLS_OTHER"
	two.Hash.Provenance = suite.ProvidedBy(suite.Provided{Primitive: "SHA-384", Package: "example.com/sha2"})
	r = reportOf(t, slices.Values([]suite.Info{one, two}), on("v1.0.0", "on"), "2026-11-28", "any")
	require.Equal(t, "algorithm:SHA-384", find(t, r, "SHA-384").ref)
	require.Equal(t, "algorithm:SHA-384#2", r.named["MLS_OTHER"][3].ref)
}

func TestVersionsOfPackages(t *testing.T) {
	p := on("v1.0.0", "on")
	for pkg, want := range map[string]string{
		"crypto/mlkem": "std 1.26.8", "filippo.io/mldsa": "filippo.io/mldsa v1.0.0",
		"github.com/mlsuite/mlsuite/internal/hkdf": "github.com/mlsuite/mlsuite v0.9.0", "example.com/agency/own": "example.com/agency v1.2.3",
		"github.com/cloudflare/circl/dh/x448": "example.com/fork v1.6.6", "filippo.io/edwards25519": "../edwards25519 ", "example.com/agencyother": " ",
	} {
		o := p.originOf(pkg)
		require.Equal(t, want, o.module+" "+o.version, pkg)
	}
	require.True(t, older("v1.0.0", "v1.26.0"))
	require.True(t, older("v1.3.0", "v1.26.0"))
	require.False(t, older("v1.26.0", "v1.26.0"))
	require.False(t, older("v2.0.0", "v1.26.0"))
	require.True(t, older("none", "v1.0.0"))
	require.False(t, p.hasVersion(""))
}

// What the code says of certificates is what FIPS.md says.
func TestCertificatesAreThoseOfTheDocument(t *testing.T) {
	text, err := os.ReadFile("../FIPS.md")
	require.NoError(t, err)
	row := func(title string) []string {
		found := regexp.MustCompile(`(?m)^\| ` + title + ` \|([^|]*)\|([^|]*)\|$`).FindStringSubmatch(string(text))
		require.NotNil(t, found, title)
		return found[1:]
	}
	require.Len(t, certificates(), 2)
	for i, c := range certificates() {
		require.Contains(t, row("Version in a build")[i], c.build+" ")
		if c.number == 0 {
			require.Contains(t, row("Status")[i], "in process, no certificate")
			continue
		}
		require.Contains(t, row("Status")[i], "certificate #5247")
		require.Equal(t, 5247, c.number)
		require.Contains(t, row("Level")[i], "1 ")
		require.Contains(t, row("Validity")[i], c.from+" to "+c.sunset)
	}
}
