package policy_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// today is a day within the policies of these tests.
var today = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// passwords is a store of external PSKs.
type passwords map[string][]byte

func (p passwords) ExternalPSK(_ context.Context, id []byte) ([]byte, error) {
	return p[string(id)], nil
}
func (p passwords) Group([]byte) *mls.Group { return nil }

// under is the Config of a client under a policy, or under none if it is nil.
func under(t testing.TB, p *policy.Policy, id suite.ID, name string) mls.Config {
	s, err := all.Registry().Suite(id)
	require.NoError(t, err)
	signer, err := s.GenerateSigner()
	require.NoError(t, err)
	cfg := mls.Config{
		Suites: all.Registry(), Suite: id, Credential: message.BasicCredential([]byte(name)), Signer: signer,
		PSKs: passwords{"short": make([]byte, 8), "long": make([]byte, 32)},
	}
	if p != nil {
		cfg.Policy = p
	}
	return cfg
}

// join lets a group add a client.
func join(t testing.TB, g *mls.Group, cfg mls.Config) (first, second *mls.Group) {
	k, err := mls.NewKeyPackage(t.Context(), today, cfg, mls.KeyPackageOptions{})
	require.NoError(t, err)
	c, err := g.Commit(t.Context(), today, mls.CommitOptions{}, message.Add{KeyPackage: k.KeyPackage})
	require.NoError(t, err)
	second, err = adopted(k.Join(t.Context(), today, c.Welcome, mls.JoinOptions{}))
	require.NoError(t, err)
	first, err = c.Adopt()
	require.NoError(t, err)
	return first, second
}

// adopted is for a join that the client takes as it comes.
func adopted(c *mls.Candidate, err error) (*mls.Group, error) {
	if err != nil {
		return nil, err
	}
	return c.Adopt()
}

func requireDenied(t testing.TB, err error) {
	t.Helper()
	var refusal *policy.Refusal
	require.ErrorAs(t, err, &refusal)
}

// A pre-shared key that a rule denies is new in a group that exists, whoever proposes
// it: a member under the policy does not inject it.
func TestShortPSKIsNotInjected(t *testing.T) {
	p, err := policy.Load("fips-140-3-algorithms")
	require.NoError(t, err)
	g, err := mls.CreateGroup(t.Context(), today, under(t, nil, 0x0002, "free"), nil)
	require.NoError(t, err)
	g, strict := join(t, g, under(t, p, 0x0002, "strict"))
	_, err = strict.Propose(t.Context(), today, externalPSK("short"), nil)
	requireDenied(t, err)
	_, err = strict.Commit(t.Context(), today, mls.CommitOptions{}, externalPSK("short"))
	requireDenied(t, err)
	_, err = strict.Commit(t.Context(), today, mls.CommitOptions{}, externalPSK("long"))
	require.NoError(t, err)

	m, err := g.Propose(t.Context(), today, externalPSK("short"), nil)
	require.NoError(t, err)
	_, err = strict.Process(t.Context(), today, m)
	require.NoError(t, err)
	c, err := strict.Commit(t.Context(), today, mls.CommitOptions{})
	require.NoError(t, err)
	require.Empty(t, c.Proposals())
}

func externalPSK(id string) message.PreSharedKey {
	return message.PreSharedKey{PSK: message.PreSharedKeyID{ID: []byte(id)}}
}

// A date between a ReInit and the group that follows strands nobody: what the ReInit
// announced was allowed when it ended the old group. Nothing else begins after it.
func TestDateAfterAReInit(t *testing.T) {
	p, err := policy.Load("cnsa-2.0-transition")
	require.NoError(t, err)
	last := time.Date(2030, 12, 31, 23, 0, 0, 0, time.UTC)
	next := last.Add(2 * time.Hour)
	keyPackage := func(now time.Time, cfg mls.Config, options mls.KeyPackageOptions) *mls.OwnKeyPackage {
		k, err := mls.NewKeyPackage(t.Context(), now, cfg, options)
		require.NoError(t, err)
		return k
	}
	adopt := func(c *mls.Candidate) *mls.Group {
		g, err := c.Adopt()
		require.NoError(t, err)
		return g
	}
	first, second := under(t, p, 0x0007, "first"), under(t, p, 0x0007, "second")
	a, err := mls.CreateGroup(t.Context(), last, first, nil)
	require.NoError(t, err)
	k := keyPackage(last, second, mls.KeyPackageOptions{})
	c, err := a.Commit(t.Context(), last, mls.CommitOptions{}, message.Add{KeyPackage: k.KeyPackage})
	require.NoError(t, err)
	b, err := adopted(k.Join(t.Context(), last, c.Welcome, mls.JoinOptions{}))
	require.NoError(t, err)
	a = adopt(c)
	early := keyPackage(last, second, mls.KeyPackageOptions{})
	c, err = a.Commit(t.Context(), last, mls.CommitOptions{}, message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0007})
	require.NoError(t, err)
	got, err := b.Process(t.Context(), last, c.Message)
	require.NoError(t, err)
	a, b = adopt(c), adopt(got.Commit)

	_, err = mls.NewKeyPackage(t.Context(), next, second, mls.KeyPackageOptions{})
	requireDenied(t, err)
	_, err = mls.CreateGroup(t.Context(), next, first, nil)
	requireDenied(t, err)
	late := keyPackage(next, second, mls.KeyPackageOptions{Follows: b})
	for _, k := range []*mls.OwnKeyPackage{early, late} {
		c, err = a.Reinitialize(t.Context(), next, first, []*message.KeyPackage{k.KeyPackage}, mls.FollowUpOptions{})
		require.NoError(t, err)
		saved, err := c.Save()
		require.NoError(t, err)
		c, err = mls.RestoreCandidate(next, first, saved)
		require.NoError(t, err)
		g, err := adopted(k.Join(t.Context(), next, c.Welcome, mls.JoinOptions{Follows: b}))
		require.NoError(t, err)
		_, err = g.Encrypt(t.Context(), next, nil, nil)
		require.NoError(t, err)
	}
}

// A join that was saved before the policy denied the group begins no more.
func TestSavedJoinIsDenied(t *testing.T) {
	g, err := mls.CreateGroup(t.Context(), today, under(t, nil, 0x0001, "first"), nil)
	require.NoError(t, err)
	info, err := g.GroupInfo(t.Context(), today, true)
	require.NoError(t, err)
	cfg := under(t, nil, 0x0001, "second")
	c, err := mls.ExternalJoin(t.Context(), today, cfg, info, mls.ExternalJoinOptions{})
	require.NoError(t, err)
	saved, err := c.Save()
	require.NoError(t, err)
	_, err = mls.RestoreCandidate(today, cfg, saved)
	require.NoError(t, err)
	p, err := policy.Load("cnsa-2.0")
	require.NoError(t, err)
	cfg.Policy = p
	_, err = mls.RestoreCandidate(today, cfg, saved)
	requireDenied(t, err)
}

// notes keeps the events of a client.
type notes []event.Event

func (n *notes) Observe(e event.Event) { *n = append(*n, e) }

// What the policies refuse a member is told with its group and the one whom it concerns.
func TestRefusedActIsObserved(t *testing.T) {
	p := own(t, "rules:\n  - {id: short, source: test, force: law, wanted: short, allow: [{key-package.lifetime: {max: 30d}}]}\n")
	var seen notes
	cfg := under(t, p, 0x0002, "first")
	cfg.Lifetimes.Own, cfg.Observer = 20*24*time.Hour, &seen
	g, err := mls.CreateGroup(t.Context(), today, cfg, []byte("group"))
	require.NoError(t, err)
	k, err := mls.NewKeyPackage(t.Context(), today, under(t, nil, 0x0002, "second"), mls.KeyPackageOptions{})
	require.NoError(t, err)
	for name, run := range map[string]func() error{
		"commit": func() error {
			_, err := g.Commit(t.Context(), today, mls.CommitOptions{}, message.Add{KeyPackage: k.KeyPackage})
			return err
		},
		"propose": func() error {
			_, err := g.Propose(t.Context(), today, message.Add{KeyPackage: k.KeyPackage}, nil)
			return err
		},
	} {
		seen = nil
		requireDenied(t, run())
		require.Len(t, seen, 1, name)
		e, ok := seen[0].(event.ActRefused)
		require.True(t, ok, name)
		require.Equal(t, []byte("group"), e.Group.ID)
		require.Equal(t, k.Ref, e.Err.KeyPackage)
	}
}

// Who configures as many days as the rule allows satisfies it.
func TestLifetimeOfAsManyDays(t *testing.T) {
	for _, days := range []int{1, 30, 90} {
		p := own(t, fmt.Sprintf("rules:\n  - {id: short, source: test, force: law, wanted: short, allow: [{key-package.lifetime: {max: %dd}}]}\n", days))
		cfg := under(t, p, 0x0002, "client")
		cfg.Lifetimes.Own = time.Duration(days) * 24 * time.Hour
		_, err := mls.NewKeyPackage(t.Context(), today, cfg, mls.KeyPackageOptions{})
		require.NoError(t, err, "%d days", days)
		_, err = mls.CreateGroup(t.Context(), today, cfg, nil)
		require.NoError(t, err, "%d days", days)
		cfg.Lifetimes.Own += time.Second
		_, err = mls.NewKeyPackage(t.Context(), today, cfg, mls.KeyPackageOptions{})
		requireDenied(t, err)
	}
}
