package migrate_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/migrate"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// reachableBy makes members list suites in the old group, and beside them nothing.
func reachableBy(ids ...suite.ID) func(*client) {
	return func(c *client) {
		c.was.Suites, c.will.Suites = all.Registry(), all.Registry()
		c.was.Reachable = append([]suite.ID{}, ids...)
	}
}

// A plan finds members who list what Reachable returns ready for every suite to which their
// policy lets them move, and for no other than their own.
func TestReachableKeepsEveryMovePossible(t *testing.T) {
	for _, from := range []suite.ID{classic, hybrid768, nist} {
		for _, profile := range []string{"pq-confidential", "cnsa-2.0-transition"} {
			p := load(t, profile)
			ids := migrate.Reachable(all.Registry(), p, testTime, from)
			require.Less(t, len(ids), len(all.Registry().IDs()))
			w := newWorld(t, 2, from, cnsa2, profile, reachableBy(ids...))
			plan := w.plan(func(o *migrate.Options) { o.Registry = all.Registry() })
			for _, target := range plan.Targets {
				if target.Suite.ID == from {
					continue
				}
				require.Equal(t, target.Refusal == nil, len(target.Waiting()) == 0, "%s to %s under %s", from, target.Suite.ID, profile)
			}
		}
	}
}

// Without a policy, all but downgrades are reachable; a suite that is not in the registry
// leads nowhere.
func TestReachableWithoutPolicy(t *testing.T) {
	weaker := func(to suite.ID) bool {
		return len(policy.Weaker(suiteOf(t, hybrid768).Info(), suiteOf(t, to).Info())) > 0
	}
	want := slices.DeleteFunc(slices.Clone(all.Registry().IDs()), weaker)
	require.Contains(t, want, hybrid768)
	require.Equal(t, want, migrate.Reachable(all.Registry(), nil, testTime, hybrid768))
	require.Equal(t, []suite.ID{}, migrate.Reachable(all.Registry(), nil, testTime, 0x7777))
	require.Equal(t, []suite.ID{}, migrate.Reachable(all.Registry(), nil, testTime))
	both := migrate.Reachable(all.Registry(), nil, testTime, classic, hybrid768)
	require.Subset(t, both, want)
	require.Contains(t, both, classic)
}

// Members who list their own suite alone move all the same, once they have key packages of
// the other: these are found to be theirs by their credentials.
func TestMoveOfMembersWhoListOneSuite(t *testing.T) {
	w := newWorld(t, 3, classic, hybrid768, "pq-confidential", reachableBy())
	for leaf, n := range w.clients[0].old.Members() {
		require.Equal(t, []suite.ID{classic}, slices.DeleteFunc(slices.Clone(n.Capabilities.CipherSuites), func(id suite.ID) bool { return id&0x0F0F == 0x0A0A }), "leaf %d", leaf)
	}
	target := w.target(w.plan(), hybrid768)
	require.Equal(t, map[string]migrate.Obstacle{
		"member 0": migrate.NotAdvertised, "member 1": migrate.NotAdvertised, "member 2": migrate.NotAdvertised,
	}, waiting(target))
	var packages []*message.KeyPackage
	for _, c := range w.clients[1:] {
		m, err := migrate.Prepare(t.Context(), testTime, c.will, mls.KeyPackageOptions{})
		require.NoError(t, err)
		packages = append(packages, m.KeyPackage())
	}
	plan := w.plan(with(packages...))
	require.NotNil(t, plan.To, "%v", plan.Failure)
	require.Equal(t, hybrid768, plan.To.Suite.ID)
	require.Empty(t, plan.To.Waiting())
	require.Empty(t, plan.Strangers)
	w.run()
	w.requireMoved()
}
