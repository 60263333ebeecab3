package apq

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/suite"
)

// Policies are asked about the pair where a group by itself would ask about its suite, and
// a refusal keeps the client out of both groups.
func TestPoliciesJudgeThePair(t *testing.T) {
	no := errors.New("no")
	var asked []suite.PairInfo
	judge := func(refuse suite.Use) func(*Config) {
		p := suite.PolicyFunc(func(q suite.Question) error {
			if i, ok := q.Subject.(suite.Info); ok && !q.Listing {
				return errors.New("asked about " + i.ID.String() + " alone")
			}
			if pair, ok := q.Subject.(suite.PairInfo); ok {
				asked = append(asked, pair)
				if q.Use == refuse && !q.Listing {
					return no
				}
			}
			return nil
		})
		return func(c *Config) { c.T.Policy, c.PQ.Policy = p, p }
	}
	w := newWorld(t, small, []string{"ann", "bob"}, judge(suite.Use(99)))
	w.commit("bob", CommitOptions{Full: true})
	w.commit("ann", CommitOptions{})
	w.talk("ann")
	require.NotEmpty(t, asked)
	for _, p := range asked {
		require.Equal(t, suite.ID(0x0001), p.T.ID)
		require.Equal(t, suite.ID(0xF006), p.PQ.ID)
		require.EqualValues(t, ConfidentialityOnly, p.Mode)
	}
	cfg := client(t, small, "cid", judge(suite.Start))
	_, err := Create(t.Context(), noon, cfg, CreateOptions{})
	require.ErrorIs(t, err, no)
	_, err = NewKeyPackage(t.Context(), noon, cfg, mls.KeyPackageOptions{})
	require.ErrorIs(t, err, no)
	_, err = ExternalJoin(t.Context(), noon, cfg, w.groupInfo("ann"), ExternalJoinOptions{})
	require.ErrorIs(t, err, no)
}
