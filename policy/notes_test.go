package policy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The notes that the documents ask for stand on the suites that they concern, and on no
// others. What is not verified is marked.
func TestNotes(t *testing.T) {
	const everything = classical + " " + draft
	for _, c := range []struct{ profile, suites, note string }{
		{"cnsa-2.0", draft, "The suite is an Internet-Draft's"},
		{"cnsa-2.0", draft, "[U] The KEM derives key pairs with SHAKE256"},
		{"cnsa-2.0-transition", draft, "The suite is an Internet-Draft's"},
		{"cnsa-2.0-transition", draft, "[U] The KEM derives key pairs with SHAKE256"},
		{"cnsa-2.0-transition", "7", "A plain reading of the FAQ lets ECDH P-384 be used until 2031-12-31"},
		{"cnsa-2.0-transition", "T1 T2 T3 T4 T5 T9", "Hybrids are not required"},
		{"fips-140-3-algorithms", "1 2 4 5 7 T1 T2 T3 T4 T5 T6 T7 T8 T10 T11", "AES-GCM under the nonces that MLS and HPKE derive is not an approved service"},
		{"fips-140-3-module", "1 2 4 5 7 T1 T2 T3 T4 T5 T6 T7 T8 T10 T11", "AES-GCM under the nonces that MLS and HPKE derive is not an approved service"},
		{"fips-140-3-module", "T1 T2 T9", "X25519 is outside the module"},
		{"fips-140-3-algorithms", "T1 T2 T3 T4 T5 T9", "[U] SP 800-227 asks for an approved combiner"},
		{"fips-140-3-algorithms", "T1 T2 T9", "X-Wing is an example"},
		{"fips-140-3-algorithms", classical + " T1 T2 T3 T4 T5 T6 T7 T8", "IR 8547"},
		{"us-eo-14412", "T1 T2 T3 T4 T5 T9", "The word hybrid does not occur"},
		{"us-eo-14412", everything, "A rule for contractors"},
		{"bsi-tr-02102-1", "T1 T2 T3 T4 T5 T9", "The combiner is none that the guideline recommends"},
		{"bsi-tr-02102-1", "2 5 7 T3 T4 T5 T7 T8", "[U] The guideline's own text on the P-curves"},
		{"bsi-tr-02102-1", "1 3 4 6 T1 T2 T9", "X25519 and X448 are not in the guideline's list"},
		{"anssi", "T1 T2 T3 T4 T5 T9", "The combiner is SHA3-256. It misses RecoPQHachage"},
		{"anssi", "T1 T2 T9", "Curve25519 is one of the recommended curves"},
		{"anssi", "T6 T7 T8 T10 T11", "Post-quantum mechanisms alone are not considered"},
		{"anssi-restreint", "T1 T2 T3 T4 T5 T9", "The combiner is SHA3-256. It misses RecoPQHachage"},
		{"ncsc-uk", draft, "no final RFC's"},
		{"ncsc-uk", "T1 T2 T3 T4 T5 T9", "A hybrid is an interim measure"},
		{"ncsc-uk", "T9", "ML-DSA-44 is below"},
		{"asd-ism", everything, "MLS is none of the protocols that the manual approves (ISM-0481"},
		{"asd-ism", everything, "Consumers of software get a bill"},
		{"asd-ism", "1 3 4 6 T1 T2 T6 T9", "The list of approved algorithms is closed"},
		{"asd-ism", "1 3 4 6 T1 T2 T9", "ISM-1761 names P-curves alone"},
		{"asd-ism", draft, "The KEM derives key pairs with SHAKE256. The manual"},
		{"asd-ism", "T1 T2 T3 T4 T5 T9", "The combiner of the hybrid is SHA3-256"},
		{"asd-ism-top-secret", everything, "MLS is none of the protocols"},
		{"asd-ism-protected", everything, "MLS is none of the protocols"},
		{"asd-ism-protected", "1 3 4 6 T1 T2 T9", "[U] ISM-0474 asks for 224 bits"},
		{"eccg-acm-2", everything, "[U] Which curves and AEADs are agreed on"},
		{"ca-itsm-40-001", classical + " T1 T2 T3 T4 T5 T6 T7 T8 T9", "[U] Which curves are listed"},
		{"ca-itsm-40-001", "T1 T2 T3 T4 T5 T9", "ITSP.40.111 does not mention hybrids"},
		{"nl-pqc-handbook", classical + " T1 T2 T3 T4 T5 T6 T7 T8", "The handbook states no end"},
		{"eu-roadmap", "T6 T7 T8 T9 T10 T11", "The roadmap recommends hybrids"},
	} {
		p := load(t, c.profile)
		for name, info := range suites() {
			noted := false
			for _, n := range p.Verdict(info, tableDate).Notes {
				noted = noted || strings.HasPrefix(n, c.note) || strings.Contains(n, c.note) && !strings.HasPrefix(n, "[U] ")
			}
			require.Equal(t, contains(c.suites, name), noted, "%s: %s: %s", c.profile, name, c.note)
		}
	}
}

// What the corrections of the sources say is in force: a rule of ASD that the catalog itself
// states is law, and what is this project's reading of dates is a mapping.
func TestForces(t *testing.T) {
	for _, c := range []struct{ profile, rule, force, otherwise string }{
		{"asd-ism", "kem-from-2031", "law", "prohibited"},
		{"asd-ism", "kem", "law", "not listed"},
		{"cnsa-2.0", "kem", "law", "not listed"},
		{"cnsa-2.0-transition", "kem", "mapping", "prohibited"},
		{"cnsa-2.0-transition", "signature", "mapping", "prohibited"},
		{"bsi-tr-02102-1", "combiner", "guidance", "not recommended"},
		{"anssi", "classical-end", "mapping", "not recommended"},
		{"anssi", "post-quantum-hash", "guidance", "not recommended"},
		{"anssi-restreint", "kem", "law", "prohibited"},
		{"us-eo-14412", "post-quantum-kem", "law", "prohibited"},
		{"eu-roadmap", "migrated", "guidance", "not recommended"},
		{"ncsc-uk", "migrated", "guidance", "not recommended"},
	} {
		found := false
		for _, r := range load(t, c.profile).Rules() {
			if r.ID == c.rule {
				found = true
				require.Equal(t, c.force, string(r.Force), "%s/%s", c.profile, c.rule)
				require.Equal(t, c.otherwise, r.Otherwise, "%s/%s", c.profile, c.rule)
			}
		}
		require.True(t, found, "%s/%s", c.profile, c.rule)
	}
}
