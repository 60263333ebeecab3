package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/suite"
)

// A suite of another's make is judged by what it says that it is made of.
func TestUnknownPrimitives(t *testing.T) {
	make := func(kem, signature [2]string) suite.Info { // classical and post-quantum part
		info := suites()["T8"]
		info.ID, info.Name = 0xF777, "MLS_192_OWN"
		info.KEM.Classical, info.KEM.PostQuantum = kem[0], kem[1]
		info.Signature.Classical, info.Signature.PostQuantum = signature[0], signature[1]
		return info
	}
	approved := [][2]string{{"P-384", ""}, {"", "ML-KEM-1024"}, {"P-384", "ML-KEM-1024"}}
	p384 := [2]string{"P-384", ""}
	names := []string{
		"fips-140-3-algorithms", "fips-140-3-module", "asd-ism", "asd-ism-top-secret",
		"cnsa-1.0", "cnsa-2.0", "cnsa-2.0-transition", "anssi", "bsi-tr-02102-1", "rfc9420",
	}
	for _, name := range names {
		p := load(t, name)
		for _, info := range []suite.Info{
			make([2]string{"", "FrodoKEM-976"}, p384),
			make([2]string{"X25519", "FrodoKEM-976"}, p384),
			make([2]string{"P-384", "FrodoKEM-976"}, p384),
			make(approved[1], [2]string{"", "Falcon-512"}),
			make(approved[2], [2]string{"P-384", "Falcon-512"}),
			make(approved[0], [2]string{"", "Falcon-512"}),
		} {
			require.False(t, p.Verdict(info, tableDate).Allow, "%s allows %s with %s", name, info.KEM, info.Signature)
		}
		if on, err := p.With("auxiliary-x25519"); err == nil {
			require.False(t, on.Verdict(make([2]string{"X25519", "FrodoKEM-976"}, p384), tableDate).Allow, name)
			require.True(t, on.Verdict(suites()["T2"], tableDate).Allow, name)
		}
	}
	fips := load(t, "fips-140-3-algorithms")
	for _, kem := range approved {
		require.True(t, fips.Verdict(make(kem, p384), tableDate).Allow, "%s", kem)
		require.True(t, fips.Verdict(make(kem, [2]string{"P-384", "ML-DSA-65"}), tableDate).Allow, "%s", kem)
	}
	// What declares no part satisfies no rule, whatever the rule is about.
	for name := range table() {
		p := load(t, name)
		for _, info := range []suite.Info{make([2]string{}, p384), make(approved[1], [2]string{}), make([2]string{}, [2]string{})} {
			v := p.Verdict(info, tableDate)
			require.Equal(t, name == "any", v.Allow, name)
			require.Equal(t, "", v.With, name)
			for _, f := range v.Findings {
				require.False(t, f.Passed, "%s/%s", f.Policy, f.Rule)
				require.Contains(t, f.Found, "declares no part")
			}
		}
	}
}

// What is not a suite is refused with the switch that would allow it, as suites are.
func TestRefusalsNameTheSwitch(t *testing.T) {
	p := own(t, `
parameters:
  pilot: {kind: switch, default: off, text: The group is of the pilot.}
rules:
  - {id: c, source: test, force: law, wanted: X.509, allow: [{credential.type: x509}, {credential.type: basic, with: pilot}]}
  - {id: l, source: test, force: law, wanted: 30 days, allow: [{key-package.lifetime: {max: 30d}}, {key-package.lifetime: {max: 90d}, with: pilot}]}
  - {id: p, source: test, force: law, wanted: 32 bytes, allow: [{psk.bytes: {min: 32}}, {psk.bytes: {min: 16}, with: pilot}]}
  - {id: w, source: test, force: law, wanted: private, allow: [{wire-format: private}, {wire-format: public, with: pilot}]}
`)
	const days = 24 * 60 * 60
	for _, c := range []struct {
		err  error
		with string
	}{
		{policy.Ask(p, message.CredentialBasic, suite.Start, tableDate), "pilot"},
		{policy.Ask(p, message.CredentialType(0xF000), suite.Start, tableDate), ""},
		{policy.Ask(p, message.Lifetime{NotAfter: 60 * days}, suite.Start, tableDate), "pilot"},
		{policy.Ask(p, message.Lifetime{NotAfter: 91 * days}, suite.Start, tableDate), ""},
		{policy.Ask(p, suite.PSKInfo{Type: "external", Length: 16}, suite.Start, tableDate), "pilot"},
		{policy.Ask(p, suite.PSKInfo{Type: "external", Length: 15}, suite.Start, tableDate), ""},
		{policy.Ask(p, message.WireFormatPublicMessage, suite.Start, tableDate), "pilot"},
	} {
		var refusal *policy.Refusal
		require.ErrorAs(t, c.err, &refusal)
		require.Equal(t, c.with, refusal.With, "%v", c.err)
	}
}
