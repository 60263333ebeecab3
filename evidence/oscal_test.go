package evidence

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
)

func definition(t testing.TB, r *Report) oscalDefinition {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(write(t, r.forms()["oscal"])))
	decoder.DisallowUnknownFields()
	var d oscalDocument
	require.NoError(t, decoder.Decode(&d))
	return d.Definition
}

// controlsOf returns the status of each control.
func controlsOf(t testing.TB, d oscalDefinition) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, i := range d.Components[0].Implementations {
		for _, r := range i.Requirements {
			require.NotContains(t, all, r.ControlID)
			require.NotEmpty(t, r.Description)
			require.Equal(t, "status", r.Props[0].Name)
			all[r.ControlID] = r.Props[0].Value
		}
	}
	return all
}

func TestControlsOfNIST(t *testing.T) {
	d := definition(t, reportOn(t, on("v1.0.0", "on"), "2026-11-28", "cnsa-2.0"))
	require.Equal(t, "1.1.2", d.Metadata.OSCALVersion)
	require.Equal(t, map[string]string{"sc-12": "by-deployment", "sc-13": "by-deployment", "sc-8.1": "by-deployment", "ia-7": "by-deployment"}, controlsOf(t, d))
	require.Len(t, d.BackMatter.Resources, 1)
	require.Equal(t, "#"+d.BackMatter.Resources[0].UUID, d.Components[0].Implementations[0].Source)
}

// Under a profile of ASD its manual's controls are there, by classification, with what the
// suites that are left have to do with them.
func TestControlsOfASD(t *testing.T) {
	nist := []string{"sc-12", "sc-13", "sc-8.1", "ia-7"}
	always := map[string]string{
		"ism-0471": "not-met", "ism-0481": "not-met", "ism-1917": "met", "ism-1990": "by-deployment", "ism-1991": "met", "ism-1992": "met",
		"ism-1993": "not-applicable", "ism-1994": "not-applicable", "ism-1995": "met", "ism-1996": "not-applicable", "ism-2083": "by-deployment",
	}
	for profile, own := range map[string]map[string]string{
		"asd-ism-protected":  {"ism-1766": "met", "ism-1769": "met"},
		"asd-ism":            {"ism-1761": "met", "ism-1763": "met", "ism-1765": "not-applicable", "ism-1767": "met", "ism-1769": "met"},
		"asd-ism-top-secret": {"ism-1762": "met", "ism-1764": "met", "ism-1765": "not-applicable", "ism-1768": "met", "ism-1770": "met"},
	} {
		d := definition(t, reportOn(t, on("v1.0.0", "on"), "2026-11-28", profile))
		got := controlsOf(t, d)
		for _, id := range nist {
			require.Contains(t, got, id)
			delete(got, id)
		}
		want := map[string]string{}
		for _, one := range []map[string]string{always, own} {
			for id, is := range one {
				want[id] = is
			}
		}
		require.Equal(t, want, got, profile)
		require.Len(t, d.BackMatter.Resources, 2)
	}

	// After 2030 nothing classical is left, so that nothing of it applies.
	later := controlsOf(t, definition(t, reportOn(t, on("v1.0.0", "on"), "2031-01-01", "asd-ism")))
	require.Equal(t, "not-applicable", later["ism-1761"])
	require.Equal(t, "not-applicable", later["ism-1763"])
	require.Equal(t, "met", later["ism-1917"])

	// With hybrids there is one.
	p, err := policy.Builtin().Policy("asd-ism")
	require.NoError(t, err)
	p, err = p.With("hybrid")
	require.NoError(t, err)
	r, err := New(p, everything().All(), day("2026-11-28"), on("v1.0.0", "on"))
	require.NoError(t, err)
	require.Equal(t, "met", controlsOf(t, definition(t, r))["ism-1996"])
}

// A control that a suite breaks says which suite, and what it has.
func TestControlsAreJudged(t *testing.T) {
	r := reportOn(t, on("v1.0.0", "on"), "2026-11-28", "any")
	judged := map[string]control{}
	for _, c := range r.controlsISM([]string{classProtected, classSecret, classTopSecret}) {
		judged[c.id] = c
	}
	for id, broken := range map[string]string{
		"ism-0471": "0x0001 has X25519, Ed25519", "ism-1761": "0x0001 has X25519", "ism-1762": "0x0002 has P-256", "ism-1763": "0x0001 has Ed25519", "ism-1764": "0x0002 has P-256",
		"ism-1768": "0x0001 has SHA-256", "ism-1769": "0x0003 has ChaCha20-Poly1305", "ism-1770": "0x0001 has AES-128-GCM", "ism-1991": "0xF009 has ML-DSA-44",
	} {
		require.Equal(t, notMet, judged[id].is, id)
		require.Contains(t, judged[id].text, ": against it 0x", id)
		require.Contains(t, judged[id].text, " "+broken, id)
	}
	for _, id := range []string{"ism-1766", "ism-1767", "ism-1995", "ism-1996", "ism-1992"} {
		require.Equal(t, met, judged[id].is, id)
	}
	require.Contains(t, judged["ism-0471"].text, "0xF005 has SHAKE256 for key pairs from seeds, SHA3-256 in a combiner")

	none := reportOn(t, on("v1.0.0", "on"), "2026-11-28", "cnsa-1.0")
	judged = map[string]control{}
	for _, c := range none.controlsISM([]string{classSecret}) {
		judged[c.id] = c
	}
	require.Equal(t, notMet, judged["ism-1917"].is)
	require.Equal(t, notApplicable, judged["ism-1992"].is)
	require.Equal(t, met, judged["ism-0471"].is)
}

// Identifiers are of a version that OSCAL takes, each once but where one refers to another.
func TestIdentifiersAreUnique(t *testing.T) {
	d := definition(t, reportOn(t, on("v1.0.0", "on"), "2026-11-28", "asd-ism", "cnsa-2.0-transition"))
	seen := map[string]bool{}
	add := func(id string) {
		require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, id)
		require.False(t, seen[id])
		seen[id] = true
	}
	add(d.UUID)
	for _, c := range d.Components {
		add(c.UUID)
		for _, i := range c.Implementations {
			add(i.UUID)
			for _, r := range i.Requirements {
				add(r.UUID)
			}
		}
	}
	for _, r := range d.BackMatter.Resources {
		add(r.UUID)
	}
}

// Every verdict is a property: of what is denied, with the rules.
func TestVerdictsAreProperties(t *testing.T) {
	d := definition(t, reportOn(t, on("v1.0.0", "on"), "2026-11-28", "cnsa-2.0-transition"))
	verdicts := map[string]oscalProp{}
	for _, p := range d.Components[0].Props {
		if p.Name == "verdict" {
			verdicts[p.Class] = p
		}
	}
	require.Len(t, verdicts, 20)
	require.Equal(t, "allow until 2030-12-31", verdicts["MLS_256_DHKEMP384_AES256GCM_SHA384_P384"].Value)
	denied := verdicts["MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384"]
	require.Equal(t, "deny, allowed with hybrid until 2031-12-31", denied.Value)
	require.Equal(t, "0xF005 MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384 (TBD5): cnsa-2.0-transition/kem: KEM ML-KEM-1024 with ECDH P-384", denied.Remarks)
}
