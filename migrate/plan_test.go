package migrate_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/migrate"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// plan is that of member 0.
func (w *world) plan(adjust ...func(*migrate.Options)) *migrate.Plan {
	w.Helper()
	c := w.clients[0]
	o := migrate.Options{
		Registry: w.registry, Policy: w.policy, Authenticator: c.was.Authenticator,
	}
	for _, f := range adjust {
		f(&o)
	}
	p, err := migrate.NewPlan(w.Context(), testTime, c.old, o)
	require.NoError(w, err)
	return p
}

func with(packages ...*message.KeyPackage) func(*migrate.Options) {
	return func(o *migrate.Options) { o.KeyPackages = packages }
}

// waiting returns the obstacles of the members who are not ready, by their names.
func waiting(t *migrate.Target) map[string]migrate.Obstacle {
	all := map[string]migrate.Obstacle{}
	for _, m := range t.Waiting() {
		all[m.Name] = m.Obstacle
	}
	return all
}

func (w *world) target(p *migrate.Plan, id suite.ID) *migrate.Target {
	w.Helper()
	for i := range p.Targets {
		if p.Targets[i].Suite.ID == id {
			return &p.Targets[i]
		}
	}
	require.Fail(w, "no such target")
	return nil
}

func TestPlanByWhatMembersAdvertise(t *testing.T) {
	w := newWorld(t, 3, classic, hybrid768, "pq-confidential")
	p := w.plan()
	require.Equal(t, hybrid768, p.To.Suite.ID)
	require.Empty(t, p.To.Waiting())
	require.Nil(t, p.To.Refusal)
	require.Len(t, p.To.Members, 3)
	require.Equal(t, classic, p.From.ID)
	require.Equal(t, uint64(1), p.Epoch)
	require.Equal(t, "kem", w.target(p, classic).Refusal.Rule)
	r, err := p.ReInit(nil)
	require.NoError(t, err)
	require.Equal(t, hybrid768, r.CipherSuite)
	require.EqualValues(t, codepoint.VersionMLS10, r.Version)
	require.Len(t, r.GroupID, 48)
	x := message.Extension{Type: codepoint.ExtensionApplicationID, Data: []byte("x")}
	r, err = p.ReInit([]byte("id"), x)
	require.NoError(t, err)
	require.Equal(t, message.ReInit{GroupID: []byte("id"), Version: codepoint.VersionMLS10, CipherSuite: hybrid768, Extensions: message.Extensions{x}}, r)

	// One does not know the suite.
	w = newWorld(t, 3, classic, hybrid768, "pq-confidential", func(c *client) {
		if c.name == "member 1" {
			known, err := all.Registry().Select(nameOfSuite(t, classic))
			require.NoError(t, err)
			c.was.Suites = known
		}
	})
	p = w.plan()
	require.Nil(t, p.To)
	var none *policy.NoSuite
	require.ErrorAs(t, p.Failure, &none)
	require.Equal(t, []string{"member 1"}, none.Obstacles[0].Missing)
	require.Equal(t, map[string]migrate.Obstacle{"member 1": migrate.NotAdvertised}, waiting(w.target(p, hybrid768)))
	_, err = p.ReInit(nil)
	require.Equal(t, p.Failure, err)
	p = w.plan(func(o *migrate.Options) { o.Target = hybrid768 })
	require.NoError(t, p.Failure)
	_, err = p.ReInit(nil)
	var notReady *migrate.NotReady
	require.ErrorAs(t, err, &notReady)
	require.EqualError(t, err, "migrate: not ready for MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519: member 1 does not advertise the suite")
	require.Contains(t, p.Explain(), "waiting   member 1 does not advertise the suite\n")
	require.Contains(t, w.plan().Explain(), "It cannot move: policy: no suite for all")

	// It can all the same, once it has a key package: it was updated.
	m, err := migrate.Prepare(t.Context(), testTime, w.clients[1].will, mls.KeyPackageOptions{})
	require.NoError(t, err)
	p = w.plan(with(m.KeyPackage()))
	require.Equal(t, map[string]migrate.Obstacle{"member 2": migrate.NoKeyPackage}, waiting(w.target(p, hybrid768)))
}

func TestPlanByKeyPackages(t *testing.T) {
	w := newWorld(t, 6, nist, cnsa2, "cnsa-2.0-transition")
	made := func(i int, now time.Time, change ...func(*mls.Config)) *message.KeyPackage {
		cfg := w.clients[i].will
		for _, f := range change {
			f(&cfg)
		}
		m, err := migrate.Prepare(t.Context(), now, cfg, mls.KeyPackageOptions{})
		require.NoError(t, err)
		return m.KeyPackage()
	}
	stranger := func(cfg *mls.Config) { cfg.Credential = message.BasicCredential([]byte("stranger")) }
	unknown := func(cfg *mls.Config) {
		var err error
		cfg.Signer, err = suiteOf(t, cnsa2).GenerateSigner()
		require.NoError(t, err)
	}
	long := func(cfg *mls.Config) { cfg.Lifetimes = mls.LifetimePolicy{Own: 400 * 24 * time.Hour, MaxTotal: -1} }
	expired := made(1, testTime.Add(-100*24*time.Hour))
	forged := *made(2, testTime)
	forged.Signature = expired.Signature
	good := made(1, testTime)
	other := made(4, testTime, func(cfg *mls.Config) { cfg.Suite, cfg.Signer = nist, w.clients[4].was.Signer })
	packages := []*message.KeyPackage{
		expired, &forged, made(3, testTime, unknown), other, made(5, testTime, long), made(0, testTime, stranger),
	}
	p := w.plan(with(packages...))
	require.Nil(t, p.To)
	require.Equal(t, []*message.KeyPackage{packages[5]}, p.Strangers)
	target := w.target(p, cnsa2)
	require.Equal(t, map[string]migrate.Obstacle{
		"member 1": migrate.BadKeyPackage, "member 2": migrate.BadKeyPackage, "member 3": migrate.BadKeyPackage,
		"member 4": migrate.NoKeyPackage, "member 5": migrate.BadKeyPackage,
	}, waiting(target))
	for i, rule := range map[int]string{1: "current time is outside the lifetime", 2: "signature", 3: "unknown key", 5: "total lifetime"} {
		require.ErrorContains(t, target.Members[i].Err, rule)
		require.Nil(t, target.Members[i].KeyPackage)
	}
	p = w.plan(with(packages...), func(o *migrate.Options) { o.Target = cnsa2 })
	_, err := p.ReInit(nil)
	require.ErrorIs(t, err, message.ErrInvalid)
	require.ErrorContains(t, err, "member 1 has a key package that will not do: mls: ")
	require.ErrorContains(t, err, "; and 2 more")

	// All have one that will do, some beside one that will not.
	all := append(packages, good, made(2, testTime), made(3, testTime), made(4, testTime), made(5, testTime))
	p = w.plan(with(all...), func(o *migrate.Options) {
		o.Name = func(i message.LeafIndex, _ message.Credential) string { return string(rune('a' + i)) }
	})
	require.Equal(t, cnsa2, p.To.Suite.ID)
	require.Empty(t, p.To.Waiting())
	require.Same(t, good, p.To.Members[1].KeyPackage)
	require.NoError(t, p.To.Members[1].Err)
	require.Equal(t, "b", p.To.Members[1].Name)
	require.Nil(t, p.To.Members[0].KeyPackage, "who plans needs none")
	require.Contains(t, p.Explain(), "Left out: 1 key packages of others.")

	// A policy on key packages.
	short, err := policy.Parse("own.yaml", []byte(`profile: own
title: Short lives
extends: cnsa-2.0-transition
sources:
  rules: {document: Rules of ours, date: 2026-01, checked: 2026-11-21, certainty: P}
rules:
  - {id: lifetime, source: rules, force: guidance, wanted: at most 30 days, allow: [{key-package.lifetime: {max: 30d}}]}
`))
	require.NoError(t, err)
	p = w.plan(with(all...), func(o *migrate.Options) { o.Policy, o.Target = short, cnsa2 })
	require.Len(t, p.To.Waiting(), 5)
	require.Nil(t, p.To.Refusal, "the suite will do")
	var refusal *policy.Refusal
	require.ErrorAs(t, p.To.Members[4].Err, &refusal)
	require.Equal(t, "lifetime", refusal.Rule)

	// An authentication service that does not answer.
	_, err = migrate.NewPlan(t.Context(), testTime, w.clients[0].old, migrate.Options{
		Registry: w.registry, KeyPackages: all, Authenticator: silent{w.clients[0].was.Authenticator},
	})
	require.ErrorIs(t, err, errSilent)
	_, err = migrate.NewPlan(t.Context(), testTime, w.clients[0].old, migrate.Options{})
	require.ErrorContains(t, err, "Registry is missing")
	_, err = migrate.NewPlan(t.Context(), testTime, w.clients[0].old, migrate.Options{Registry: w.registry, Target: classic})
	require.ErrorIs(t, err, registry.ErrUnknown)
}

func TestPlanRefusesDowngrades(t *testing.T) {
	w := newWorld(t, 3, nist, classic, "any")
	p := w.plan()
	require.Equal(t, nist, p.To.Suite.ID, "it stays where it is, although the registry prefers the other")
	target := w.target(p, classic)
	require.Equal(t, "downgrade", target.Refusal.Rule)
	require.Equal(t, policy.Weaker(p.From, target.Suite), target.Weaker)
	require.Contains(t, p.Explain(), "It stays where it is")
	require.Contains(t, p.Explain(), "weaker    hash falls from SHA-384 to SHA-256\n")
	p = w.plan(func(o *migrate.Options) { o.Target, o.Policy = classic, nil })
	_, err := p.ReInit(nil)
	require.ErrorIs(t, err, policy.ErrRefused, "no policy allows it by name")
	require.ErrorContains(t, err, "migrate: not ready for "+nameOfSuite(t, classic)+": policy: 0x0001 ")
	require.ErrorContains(t, err, "downgrade: found ")

	p = w.plan(func(o *migrate.Options) { o.Policy = allowing(t, nist, classic) })
	require.Equal(t, classic, p.To.Suite.ID)
	require.NotEmpty(t, p.To.Weaker, "allowed, and said")
	_, err = p.ReInit(nil)
	require.NoError(t, err)
}

// allowing is a policy that allows one move by name.
func allowing(t testing.TB, from, to suite.ID) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("own.yaml", []byte("profile: own\ntitle: Own\nextends: any\nmoves:\n  - {from: "+
		nameOfSuite(t, from)+", to: "+nameOfSuite(t, to)+", reason: a test}\n"))
	require.NoError(t, err)
	return p
}

var errSilent = errors.New("no answer")

// silent is an authentication service that does not answer.
type silent struct{ mls.Authenticator }

func (silent) Authenticate(context.Context, time.Time, event.Occasion, []event.Change) ([]error, error) {
	return nil, errSilent
}

func TestCost(t *testing.T) {
	const size = 8
	w := newWorld(t, size, classic, hybrid768, "pq-confidential")
	prices := migrate.Prices{"VerifyFirst": 50_000, "Seal": 100_000, "HashedByte": 1}
	p := w.plan(func(o *migrate.Options) { o.Prices = map[suite.ID]migrate.Prices{hybrid768: prices} })
	cost := p.To.Cost
	require.Equal(t, 2.0*(size-1), cost.Create.Primitives["VerifyFirst"])
	require.Equal(t, 1.0*(size-1), cost.Create.Primitives["Seal"])
	require.Equal(t, 1.0*size, cost.Join.Primitives["VerifyFirst"])
	require.Equal(t, 1.0*(size-1), cost.Commit.Primitives["Seal"], "to a blank tree")
	require.Greater(t, cost.Create.CPU, 1400*time.Microsecond)
	require.Less(t, cost.Create.CPU, 1600*time.Microsecond)
	require.NotContains(t, cost.Join.Primitives, "Seal")
	require.Contains(t, p.Explain(), "bytes or more in 1.")
	require.Zero(t, w.target(p, classic).Cost.Create.CPU)
	require.NotZero(t, w.target(p, classic).Cost.Create.Primitives["VerifyFirst"])
	require.NotPanics(t, func() { migrate.CostOf(p.From, 0, nil) })

	// Against what is sent.
	w.run()
	require.LessOrEqual(t, cost.WelcomeBytes, len(w.welcome))
	require.Less(t, len(w.welcome), cost.WelcomeBytes+size*200)

	measured, err := migrate.Measure(t.Context(), suiteOf(t, classic), time.Millisecond)
	require.NoError(t, err)
	require.Greater(t, measured["Verify"], measured["Hash"])
	require.Contains(t, measured, "HashedByte")
	require.NotContains(t, measured, "unknown")
}

func TestNamesOfMembers(t *testing.T) {
	for identity, want := range map[string]string{"Zoë": "Zoë", "": "leaf 0", "a\nb": "leaf 0", "\xff": "leaf 0"} {
		cfg := mls.Config{Suites: all.Registry(), Suite: classic, Credential: message.BasicCredential([]byte(identity))}
		var err error
		cfg.Signer, err = suiteOf(t, classic).GenerateSigner()
		require.NoError(t, err)
		g, err := mls.CreateGroup(t.Context(), testTime, cfg, nil)
		require.NoError(t, err)
		p, err := migrate.NewPlan(t.Context(), testTime, g, migrate.Options{Registry: all.Registry()})
		require.NoError(t, err)
		require.Equal(t, want, p.To.Members[0].Name)
	}
}
