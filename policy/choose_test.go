package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/mldsa"
)

func member(name string, short ...string) policy.Member {
	m := policy.Member{Name: name}
	for _, s := range short {
		m.Suites = append(m.Suites, suites()[s].ID)
	}
	return m
}

func policiesNamed(t testing.TB, names ...string) []*policy.Policy {
	var all []*policy.Policy
	for _, name := range names {
		all = append(all, load(t, name))
	}
	return all
}

func TestChoose(t *testing.T) {
	preferring := func(short ...string) *registry.Registry {
		var names []string
		for _, s := range short {
			names = append(names, suites()[s].Name)
		}
		r, err := all.Registry().Select(names...)
		require.NoError(t, err)
		return r
	}
	everything := fields(classical + " " + draft)
	for _, c := range []struct {
		name     string
		registry *registry.Registry
		members  []policy.Member
		policies []string
		want     string
	}{
		{"nobody asks", all.Registry(), nil, nil, "1"},
		{"the registry's order", preferring("T2", "1"), nil, nil, "T2"},
		{"not a member's", preferring("T2", "1"), []policy.Member{member("ann", "1", "T2"), member("bob", "T2", "1")}, nil, "T2"},
		{"the common one", preferring("T11", "T2", "1"), []policy.Member{member("ann", "1", "T2"), member("bob", "1")}, nil, "1"},
		{"a policy", all.Registry(), []policy.Member{member("ann", everything...)}, []string{"nist-curves"}, "2"},
		{"policies", all.Registry(), []policy.Member{member("ann", everything...)}, []string{"nist-curves", "pq-authentic"}, "T10"},
		{"a strict policy", all.Registry(), nil, []string{"cnsa-1.0"}, "7"},
	} {
		info, err := policy.Choose(c.registry, c.members, policy.All(policiesNamed(t, c.policies...)...), tableDate)
		require.NoError(t, err, c.name)
		require.Equal(t, suites()[c.want].Name, info.Name, c.name)
	}
	// After its date a suite is not chosen.
	transition := policy.All(policiesNamed(t, "cnsa-2.0-transition")...)
	info, err := policy.Choose(preferring("7", "T11"), nil, transition, day("2031-01-01"))
	require.NoError(t, err)
	require.Equal(t, suites()["T11"].Name, info.Name)
}

func TestNoSuite(t *testing.T) {
	r, err := all.Registry().Select(suites()["1"].Name, suites()["7"].Name, suites()["T5"].Name)
	require.NoError(t, err)
	members := []policy.Member{member("ann", "1", "7", "T5"), {Name: "bob", Suites: []suite.ID{0x0001, 0x0A0A, 0xF0F0}}}
	_, err = policy.Choose(r, members, policy.All(policiesNamed(t, "cnsa-2.0-transition", "pq-confidential")...), tableDate)
	require.ErrorIs(t, err, policy.ErrRefused)
	require.EqualError(t, err, "policy: no suite for all: of 3 in the registry, excluded by policy cnsa-2.0-transition 2, policy pq-confidential 2, member bob 2")
	var none *policy.NoSuite
	require.ErrorAs(t, err, &none)
	require.Equal(t, []suite.ID{0x0A0A, 0xF0F0}, none.Unknown)
	require.Len(t, none.Obstacles, 3)
	require.Empty(t, none.Obstacles[0].Missing)
	require.Equal(t, []string{"bob"}, none.Obstacles[1].Missing)
	require.Equal(t, "hybrid", none.Obstacles[2].Refusals[0].With)
	require.Equal(t, `No suite suits all members and policies at 2026-11-28.

policy cnsa-2.0-transition excludes 2 of 3
policy pq-confidential excludes 2 of 3
member bob excludes 2 of 3

0x0001 MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519
  cnsa-2.0-transition/kem: found KEM X25519, wanted ML-KEM-1024 alone; in a system acquired before 2027-01-01 also ECDH P-384 until category-date
  cnsa-2.0-transition/signature: found signature Ed25519, wanted ML-DSA-87 alone; in a system acquired before 2027-01-01 also ECDSA P-384 until 2031-12-31
  cnsa-2.0-transition/aead: found AEAD AES-128-GCM, wanted AES-256
  cnsa-2.0-transition/hash: found hash SHA-256, wanted SHA-384 or SHA-512
  pq-confidential/kem: found KEM X25519, wanted a KEM with a post-quantum part

0x0007 MLS_256_DHKEMP384_AES256GCM_SHA384_P384
  not of members: bob
  pq-confidential/kem: found KEM ECDH P-384, wanted a KEM with a post-quantum part

0xF005 MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384
  not of members: bob
  cnsa-2.0-transition/kem: found KEM ML-KEM-1024 with ECDH P-384, wanted ML-KEM-1024 alone; in a system acquired before 2027-01-01 also ECDH P-384 until category-date
  cnsa-2.0-transition would allow it with hybrid

Members have suites that the registry has not: 0x0A0A, 0xF0F0
`, none.Explain())

	require.Equal(t, []policy.Blocker{
		{Policy: "cnsa-2.0-transition", Excludes: []suite.ID{1, 0xF005}},
		{Policy: "pq-confidential", Excludes: []suite.ID{1, 7}},
		{Member: "bob", Excludes: []suite.ID{7, 0xF005}},
	}, none.Blockers())

	// Who alone stands in the way is the one to talk to.
	_, err = policy.Choose(r, members, policy.All(policiesNamed(t, "pq-confidential")...), tableDate)
	require.ErrorAs(t, err, &none)
	require.Equal(t, []policy.Blocker{
		{Policy: "pq-confidential", Excludes: []suite.ID{1, 7}, Alone: []suite.ID{1}},
		{Member: "bob", Excludes: []suite.ID{7, 0xF005}, Alone: []suite.ID{0xF005}},
	}, none.Blockers())
	require.Contains(t, none.Explain(), "\nmember bob excludes 2 of 3, and alone 0xF005\n")

	// Members alone are no refusal.
	_, err = policy.Choose(r, []policy.Member{member("ann", "2")}, nil, tableDate)
	require.ErrorAs(t, err, &none)
	require.NotErrorIs(t, err, policy.ErrRefused)
	require.EqualError(t, err, "policy: no suite for all: of 3 in the registry, excluded by member ann 3")
	empty, err := r.Select()
	require.NoError(t, err)
	_, err = policy.Choose(empty, nil, nil, tableDate)
	require.EqualError(t, err, "policy: no suite for all: the registry has none")
}

// CNSA 2.0 has no suite in the FIPS module of Go 1.26 and none in v1.0.0, and the error says
// so. With Go 1.27 and v1.26.0 it has T11, with the note that this module has no certificate.
func TestCNSAUnderTheModule(t *testing.T) {
	both := policy.All(policiesNamed(t, "cnsa-2.0", "fips-140-3-module")...)
	for _, version := range []string{"v1.26.0", "latest"} {
		choice, err := policy.Choose(all.Registry(), nil, both.OnModule(version), tableDate)
		if mldsa.Library != "crypto/mldsa" {
			require.Error(t, err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, suites()["T11"].ID, choice.ID)
		require.Contains(t, strings.Join(load(t, "fips-140-3-module").OnModule(version).Verdict(choice, tableDate).Notes, "\n"), "no certificate")
	}
	_, err := policy.Choose(all.Registry(), nil, both.OnModule("v1.0.0"), tableDate)
	var none *policy.NoSuite
	require.ErrorAs(t, err, &none)
	last := none.Obstacles[len(none.Obstacles)-1]
	require.Equal(t, suites()["T11"].Name, last.Name)
	require.Len(t, last.Refusals, 1)
	require.Equal(t, "fips-140-3-module", last.Refusals[0].Policy)
	require.Contains(t, last.Refusals[0].Found, "ML-DSA-87 from "+mldsa.Library)
	require.Contains(t, last.Refusals[0].Wanted, "crypto/mldsa, of Go 1.27")
}

func TestMembers(t *testing.T) {
	capabilities := message.Capabilities{CipherSuites: []suite.ID{2, 1}}
	ann := policy.Capable("ann", capabilities)
	require.Equal(t, policy.Member{Name: "ann", Suites: []suite.ID{2, 1}}, ann)
	ann.Suites[0] = 7
	require.Equal(t, suite.ID(2), capabilities.CipherSuites[0], "the list of the leaf was changed")
	packages := []*message.KeyPackage{{CipherSuite: 1}, {CipherSuite: 7}, {CipherSuite: 1}}
	require.Equal(t, policy.Member{Name: "bob", Suites: []suite.ID{1, 7}, KeyPackages: packages}, policy.Ready("bob", packages...))
}

// A key package that is not valid, or that a policy refuses, makes nobody ready.
func TestChooseJudgesKeyPackages(t *testing.T) {
	p := own(t, `
rules:
  - {id: credential, source: test, force: law, wanted: X.509, allow: [{credential.type: x509}]}
  - {id: lifetime, source: test, force: law, wanted: 30 days, allow: [{key-package.lifetime: {max: 30d}}]}
`)
	const days = 24 * 60 * 60
	now := uint64(tableDate.Unix())
	of := func(id suite.ID, c message.CredentialType, before, after uint64) *message.KeyPackage {
		kp := &message.KeyPackage{CipherSuite: id}
		kp.LeafNode.Credential.Type, kp.LeafNode.Lifetime = c, message.Lifetime{NotBefore: now - before, NotAfter: now + after}
		return kp
	}
	short := of(2, message.CredentialX509, days, 29*days)
	basic := of(1, message.CredentialBasic, days, 29*days)
	long := of(1, message.CredentialX509, days, 30*days)
	choose := func(at time.Time, packages ...*message.KeyPackage) (suite.Info, error) {
		return policy.Choose(all.Registry(), []policy.Member{policy.Ready("bob", packages...), member("ann", "1", "2")}, p, at)
	}
	info, err := choose(tableDate, basic, long, short)
	require.NoError(t, err)
	require.Equal(t, suite.ID(2), info.ID)
	info, err = choose(tableDate, basic, short, of(1, message.CredentialX509, 0, 0))
	require.NoError(t, err, "one of them will do, in the second in which it is valid")
	require.Equal(t, suite.ID(1), info.ID)

	var none *policy.NoSuite
	_, err = choose(tableDate, basic, of(2, message.CredentialBasic, days, 30*days))
	require.ErrorAs(t, err, &none)
	require.ErrorIs(t, err, policy.ErrRefused)
	require.Len(t, none.Obstacles[0].Refusals, 1)
	require.Equal(t, "credential", none.Obstacles[0].Refusals[0].Subject)
	require.Len(t, none.Obstacles[1].Refusals, 2)
	require.Equal(t, "key package lifetime", none.Obstacles[1].Refusals[1].Subject)

	for _, at := range []time.Time{
		tableDate.AddDate(0, 0, 29).Add(time.Second), tableDate.AddDate(0, 0, -1).Add(-time.Second), {}, time.Unix(-1, 0),
	} {
		_, err = choose(at, short)
		require.ErrorAs(t, err, &none)
		require.Equal(t, []string{"bob"}, none.Obstacles[1].Expired)
		require.Empty(t, none.Obstacles[1].Refusals)
		require.Contains(t, none.Explain(), "  key packages not valid then, of members: bob\n")
		require.Equal(t, "member bob", none.Blockers()[0].String())
	}
}
