package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// foreign is a signature scheme of somebody else, on one of ours.
type foreign struct {
	suite.SignatureScheme
	verify func() error
}

func (f foreign) SignatureInfo() suite.SignatureInfo {
	i := f.SignatureScheme.SignatureInfo()
	i.Provenance = suite.ProvidedBy(suite.Provided{Primitive: i.Name, Package: "example.com/foreign"})
	return i
}

func (f foreign) Verify(pub, message, signature []byte) error {
	if f.verify != nil {
		return f.verify()
	}
	return f.SignatureScheme.Verify(pub, message, signature)
}

// foreignSet is a set with that scheme alone.
func foreignSet(verify func() error) registry.ProviderSet {
	parts := all.Parts()
	parts.Signatures = []suite.SignatureScheme{foreign{suite.Ed25519(), verify}}
	return registry.ProviderSet{Name: "foreign", About: "somebody else's", Parts: func() registry.Parts { return parts }}
}

// A set that anybody names stands beside that of the suites, in tables and in values.
func TestAForeignProviderSetIsPricedToo(t *testing.T) {
	p := program{registry: all.Registry(), providers: []registry.ProviderSet{foreignSet(nil)}}
	run := func(args ...string) string {
		var out, stderr bytes.Buffer
		require.Zero(t, p.execute(t.Context(), append(args, "--suites", "1,2", "--rounds", "5", "--budget", "0s", "--sample", "0s"), &out, &stderr), stderr.String())
		return out.String()
	}
	text := run("providers")
	require.Contains(t, text, "\nforeign      somebody else's\n")
	require.Regexp(t, `(?m)^PRIMITIVE +own +± +foreign +±  FASTEST +OF OWN$`, text)
	require.Contains(t, text, "\nOn the first set alone: 0x0002.\n")

	var r result.Results
	require.NoError(t, json.Unmarshal([]byte(run("run", "--sizes", "2", "--format", "json")), &r))
	require.Equal(t, []string{"own", "foreign"}, []string{r.ProviderSets[0].Name, r.ProviderSets[1].Name})
	require.Empty(t, r.Suites[1].Alternatives)
	require.Len(t, r.Suites[0].Alternatives, 1)
	a := r.Suites[0].Alternatives[0]
	require.Equal(t, "foreign", a.Set)
	require.Contains(t, a.Providers, "ed25519: example.com/foreign")
	require.Positive(t, a.Prices["Sign"].Value)
	require.Len(t, a.Ratios, 5, "Sign, Verify and VerifyFirst and their bytes alone have another provider")
	for _, c := range r.Cells {
		require.Equal(t, c.ID == 1, c.LimitFastest != nil)
		require.Equal(t, c.ID == 1, c.RatioFastest != nil)
	}
}

// Suites may keep tables of the members' keys, which who joins has never seen.
func TestWhoJoinsHasSuitesOfItsOwn(t *testing.T) {
	var made int
	verified := map[int]int{} // by whose parts
	set := foreignSet(nil)
	set.Parts = func() registry.Parts {
		made++
		of := made
		return foreignSet(func() error { verified[of]++; return nil }).Parts()
	}
	s := settings{Config: Config{Registry: all.Registry()}}
	require.NoError(t, s.moveTo(program{providers: []registry.ProviderSet{set}}, "foreign"))
	s.Suites, s.Sizes, s.Operations, s.Rounds = []suite.ID{1}, []int{2}, []string{"join"}, 1
	_, err := Run(t.Context(), s.Config)
	require.NoError(t, err)
	require.Len(t, verified, 2, "the members' suite and that of who joins")
}

// A set whose suite differs on the wire would compare two things.
func TestASetThatDoesNotAgreeIsRefused(t *testing.T) {
	broken := errors.New("no signature is good enough")
	_, err := Run(t.Context(), Config{
		Registry: all.Registry(), Suites: []suite.ID{1}, Sizes: []int{2}, Rounds: 1,
		Providers: []registry.ProviderSet{foreignSet(func() error { return broken })},
	})
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "provider set foreign: MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519: it does not verify")

	own, err := all.Registry().Suite(0xF001)
	require.NoError(t, err)
	unlabelled, err := all.Parts().Build(registry.OpenMLS09().Definitions[0])
	require.NoError(t, err)
	require.EqualError(t, sameSuite(t.Context(), own, unlabelled[0]), "it derives other keys")
	require.NoError(t, sameSuite(t.Context(), own, own))
}

// What cannot be priced is in the results with its reason, and the run goes on.
func TestMissingProviderSetsSayWhy(t *testing.T) {
	other := map[string]string{"on": "off", "off": "on"}[fipsMode()]
	sets := []registry.ProviderSet{
		{Name: "refused", Parts: all.Parts, Check: func() error { return errors.New("not in this build") }},
		{Name: "same", Parts: all.Parts},
		{Name: "mode", Parts: all.Parts, FIPS140: other},
		{Name: "none"},
	}
	c := Config{Registry: all.Registry(), Suites: []suite.ID{2}, Sizes: []int{2}, Rounds: 1, Providers: sets}
	missing := func() map[string]string {
		r, err := Run(t.Context(), c)
		require.NoError(t, err)
		require.Len(t, r.Cells, 2)
		require.Empty(t, r.Suites[0].Alternatives)
		found := map[string]string{}
		for _, set := range r.ProviderSets {
			found[set.Name] = set.Missing
		}
		return found
	}
	want := map[string]string{
		"own": "", "refused": "not in this build", "same": "it provides these suites as the sets before it, or not at all",
		"mode": "it needs a process of its own, with FIPS 140-3 mode " + other, "none": "it provides these suites as the sets before it, or not at all",
	}
	require.Equal(t, want, missing())

	// Nor does it matter what the process does in place of answering.
	p := program{start: func(ctx context.Context, _ string, _ ...string) (*exec.Cmd, error) {
		return exec.CommandContext(ctx, "/no such program"), nil
	}}
	c.elsewhere = p.elsewhere("")
	require.Contains(t, missing()["mode"], "/no such program")
	p.start = func(ctx context.Context, mode string, _ ...string) (*exec.Cmd, error) {
		return itself(ctx, mode, "-test.run=^$", "-test.paniconexit0")
	}
	c.elsewhere = p.elsewhere("")
	require.Contains(t, missing()["mode"], "its process does not answer: ")
}

// A child answers each ask by a line, and ends with its input.
func TestAChildPricesSuitesByTheLine(t *testing.T) {
	p := suites()
	child := func(set, asks string) []string {
		root := p.root()
		var out bytes.Buffer
		root.SetArgs([]string{childCommand, set, "--suites", "0x0001,0xF00B"})
		root.SetIn(strings.NewReader(asks))
		root.SetOut(&out)
		require.NoError(t, root.ExecuteContext(t.Context()))
		return strings.Split(strings.TrimSpace(out.String()), "\n")
	}
	answers := child("crypto-hpke", `{"Suite":"MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"} {"Suite":"other"}`)
	require.Len(t, answers, 3)
	require.Equal(t, "{}", answers[0])
	require.Regexp(t, `^\{"Prices":\[[0-9.e+-]+,.*\],"Loop":[0-9.e+]+,"Used":[0-9]+\}$`, answers[1])
	require.Equal(t, `{"Error":"unknown suite other"}`, answers[2])

	require.Equal(t, []string{`{"Error":"registry: MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519: the provider has no KEM 0x0020"}`},
		child(map[string]string{"on": "mode", "off": "fips-off"}[fipsMode()], ""))
	require.Equal(t, []string{`{"Error":"FIPS 140-3 mode is ` + fipsMode() + `"}`}, child(map[string]string{"off": "mode", "on": "fips-off"}[fipsMode()], ""))
}

func TestGODEBUGKeepsItsOtherSettings(t *testing.T) {
	require.Equal(t, "fips140=on", withMode("", "on"))
	require.Equal(t, "a=1,b=2,fips140=off", withMode("a=1,fips140=only,b=2", "off"))
}
