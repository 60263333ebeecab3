package policy_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/suite"
)

// A token is a module of its own: fips-140-3-module takes it only by a certificate that the
// user lists, whatever its name. Other profiles have no rule about it.
func TestModuleTakesTokensThatTheUserLists(t *testing.T) {
	box := suite.Token{Name: "Box 3", Certificate: "4962"}
	for with, allowed := range map[string][]string{
		"token-certificates=":            nil,
		"token-certificates=4962":        {"4962"},
		"token-certificates=5000, 4962":  {"4962", "5000"},
		"token-certificates=496,49620":   {"496", "49620"},
		"token-certificates=Box 3":       {"Box 3"},
		"token-certificates=4962,4962,1": {"1", "4962"},
	} {
		p := load(t, "fips-140-3-module", with)
		for _, number := range []string{"", "none", "4962", "5000", "496", "49620", "1", "Box 3"} {
			box.Certificate = number
			err := policy.Ask(p, box, suite.Start, tableDate)
			require.Equal(t, slices.Contains(allowed, number), err == nil, "%s: %q", with, number)
			require.NoError(t, policy.Ask(p, box, suite.Leave, tableDate))
		}
	}
	for _, name := range policy.Builtin().Names() {
		err := policy.Ask(load(t, name), box, suite.Start, tableDate)
		require.Equal(t, name != "fips-140-3-module", err == nil, name)
	}
}

// A refusal says what was stated, by whom, and what would have done.
func TestRefusedTokenIsNamed(t *testing.T) {
	p := load(t, "fips-140-3-module", "token-certificates=5000")
	refusal := policy.Refused(p, suite.Token{Name: "Box 3", Certificate: "4962"}, suite.Start, tableDate)
	require.Equal(t, "token", refusal.Subject)
	require.Equal(t, "token", refusal.Rule)
	require.Equal(t, `token "Box 3" with CMVP certificate 4962 (stated by the caller)`, refusal.Found)
	require.Contains(t, refusal.Wanted, "token-certificates")
	e := explanation(t, p, suite.Token{Name: "Box 3", Certificate: "5000"}, suite.Start, nil, tableDate)
	require.True(t, e.Allow)
	require.Equal(t, "token.certificate: {in: token-certificates}", e.Rules.Findings[0].By)
}

func TestParameterThatIsAList(t *testing.T) {
	p := load(t, "fips-140-3-module", "token-certificates=5000, 4962 ,4962")
	for _, d := range p.Parameters() {
		if d.Name == "token-certificates" {
			require.Equal(t, policy.ListParameter, d.Kind)
			require.Equal(t, "4962,5000", d.Value)
			again, err := load(t, "fips-140-3-module").With(d.Name + "=" + d.Value)
			require.NoError(t, err)
			require.Equal(t, p.Parameters(), again.Parameters())
		}
	}
	for with, text := range map[string]string{
		"token-certificates=1,,2":  `policy: fips-140-3-module: parameter token-certificates is a list of names or numbers with commas, and none of them is ""`,
		"token-certificates=none":  `policy: fips-140-3-module: parameter token-certificates is a list of names or numbers with commas, and none of them is "none"`,
		"token-certificates=1\x00": `policy: fips-140-3-module: parameter token-certificates is a list of names or numbers with commas, and none of them is "1\x00"`,
	} {
		_, err := load(t, "fips-140-3-module").With(with)
		require.EqualError(t, err, text)
	}
	text, err := json.Marshal(explanation(t, p, suite.Token{Name: "Box 3"}, suite.Continue, nil, tableDate))
	require.NoError(t, err)
	require.Contains(t, string(text), `"subject":"token \"Box 3\" with no certificate (stated by the caller)"`)
}

// An organisation sets the list for good, and has rules of its own on tokens.
func TestOrganisationsTokens(t *testing.T) {
	p := own(t, `extends: fips-140-3-module
set: {token-certificates: [4962, 5000]}
parameters:
  boxes: {kind: list, default: [Box 3, Box 5], text: Products that were bought.}
rules:
  - {id: box, source: test, force: law, wanted: a product of the list or any until 2027, allow: [{token.name: {in: boxes}}, {until: 2027-12-31, token.name: {not: Box 9}}]}
`)
	ask := func(p *policy.Policy, name, certificate, at string) bool {
		return policy.Ask(p, suite.Token{Name: name, Certificate: certificate}, suite.Start, day(at)) == nil
	}
	require.True(t, ask(p, "Box 3", "4962", "2028-01-01"))
	require.True(t, ask(p, "Box 4", "5000", "2027-12-31"))
	require.False(t, ask(p, "Box 4", "5000", "2028-01-01"))
	require.False(t, ask(p, "Box 9", "5000", "2027-12-31"))
	require.False(t, ask(p, "Box 3", "4963", "2027-12-31"))
	_, err := p.With("token-certificates=4962")
	require.EqualError(t, err, "policy: own: parameter fips-140-3-module:token-certificates is set to 4962,5000 for good")
	_, err = p.With("token-certificates=5000,4962")
	require.NoError(t, err, "the same")
	changed, err := p.With("boxes=Box 9")
	require.NoError(t, err)
	require.True(t, ask(changed, "Box 9", "4962", "2028-01-01"))
	require.False(t, ask(changed, "Box 3", "4962", "2028-01-01"))
}

func TestLintOfLists(t *testing.T) {
	const list = "parameters:\n  boxes: {kind: list, default: [], text: Boxes.}\n"
	for name, c := range map[string]struct{ file, want string }{
		"good":              {rule("allow: [{token.name: {in: boxes}}]") + list, ""},
		"everything listed": {rule("allow: [{token.name: {in: boxes}}, {token.name: {not: Box 3}}]") + list, ""},
		"everything":        {rule("allow: [{token.name: Box 3}, {token.name: {not: Box 3}}]"), "6:5: rules[0]: together its ways allow everything"},
		"nothing listed":    {rule("allow: [{token.certificate: {in: boxes}, token.name: none}]") + list, ""},
		"none is in none":   {rule("when: {token.name: none}|allow: [{token.name: {in: boxes}}]") + list, "11:13: rules[0].allow[0]: no token of any kind satisfies it"},
		"no parameter":      {rule("allow: [{token.name: {in: boxes}}]"), "10:27: rules[0].allow[0].token.name.in: there is no parameter boxes"},
		"a switch":          {rule("allow: [{token.name: {in: boxes}}]") + "parameters:\n  boxes: {kind: switch, default: off, text: Boxes.}\n", "10:27: rules[0].allow[0].token.name.in: parameter boxes is a switch, not a list"},
		"as a switch":       {rule("allow: [{token.name: Box 3, with: boxes}]") + list, "10:33: rules[0].allow[0].with: parameter boxes is a list, not a switch"},
		"in when":           {rule("when: {token.name: {in: boxes}}|allow: [{token.certificate: 1}]") + list, "10:25: rules[0].when.token.name.in: a list of the user's says what is allowed, and not what a rule is about"},
		"of a word":         {rule("allow: [{hash: {in: boxes}}]") + list, "10:14: rules[0].allow[0].hash: want a word, a list of words, or {not: ...}"},
		"another key":       {rule("allow: [{token.name: {only: boxes}}]"), "10:14: rules[0].allow[0].token.name: want a text, a list of texts, {not: ...} or {in: PARAMETER}"},
		"mixed":             {rule("allow: [{token.name: Box 3, hash: SHA-256}]"), "10:33: rules[0].allow[0].hash: a rule about a token cannot ask for hash"},
		"default":           {rule("allow: [{token.name: {in: boxes}}]") + "parameters:\n  boxes: {kind: list, default: [none], text: Boxes.}\n", `12:33: parameters.boxes.default[0]: "none" can be no item of a list`},
		"list of a switch":  {rule("allow: [{hash: SHA-256, with: pilot}]") + "parameters:\n  pilot: {kind: switch, default: [on], text: Pilot.}\n", "12:25: parameters.pilot.default: parameter pilot is a switch, not a list"},
		"latest":            {rule("allow: [{token.name: {in: boxes}}]") + "parameters:\n  boxes: {kind: list, default: [], latest: 2030-12-31, text: Boxes.}\n", "12:3: parameters.boxes: latest is for dates"},
		"set a switch":      {head + "extends: asd-ism\nset: {hybrid: [on]}\n", "6:7: set.hybrid: parameter hybrid is a switch, not a list"},
		"set to nothing":    {head + "extends: fips-140-3-module\nset: {token-certificates: [\"1,2\"]}\n", `6:28: set.token-certificates[0]: "1,2" can be no item of a list`},
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
