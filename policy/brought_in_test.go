package policy_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
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
	s, err := all.Registry().Suite(id, suite.Leave, today)
	require.NoError(t, err)
	signer, err := s.GenerateSigner()
	require.NoError(t, err)
	cfg := mls.Config{
		Suites: all.Registry(), Suite: id, Credential: mls.BasicCredential([]byte(name)), Signer: signer,
		PSKs: passwords{"short": make([]byte, 8), "long": make([]byte, 32)},
	}
	if p != nil {
		cfg.Suites, cfg.Rules = all.Registry().Restrict(p.Refuse), p
	}
	return cfg
}

// join lets a group add a client.
func join(t testing.TB, g *mls.Group, cfg mls.Config) (first, second *mls.Group) {
	k, err := mls.NewKeyPackage(t.Context(), today, cfg)
	require.NoError(t, err)
	c, err := g.Commit(t.Context(), today, mls.Add(k.KeyPackage))
	require.NoError(t, err)
	second, err = k.Join(t.Context(), today, c.Welcome)
	require.NoError(t, err)
	first, err = c.Adopt()
	require.NoError(t, err)
	return first, second
}

func requireDenied(t testing.TB, err error) {
	t.Helper()
	var refusal *registry.Refusal
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
	_, err = strict.Propose(t.Context(), today, mls.ExternalPSK([]byte("short")), nil)
	requireDenied(t, err)
	_, err = strict.Commit(t.Context(), today, mls.ExternalPSK([]byte("short")))
	requireDenied(t, err)
	_, err = strict.Commit(t.Context(), today, mls.ExternalPSK([]byte("long")))
	require.NoError(t, err)

	m, err := g.Propose(t.Context(), today, mls.ExternalPSK([]byte("short")), nil)
	require.NoError(t, err)
	_, err = strict.Process(t.Context(), today, m)
	require.NoError(t, err)
	c, err := strict.Commit(t.Context(), today)
	require.NoError(t, err)
	require.Empty(t, c.Proposals())
}
