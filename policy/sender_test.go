package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/suite"
)

// A rule on senders refuses messages in existing groups, whatever the file says of those,
// and keeps nobody in. A file without one allows them.
func TestRulesOnSenders(t *testing.T) {
	revoked := suite.SenderInfo{Message: "application", Lapse: "revoked"}
	commit := suite.SenderInfo{Message: "commit", Lapse: "revoked"}
	expired := suite.SenderInfo{Message: "application", Lapse: "expired"}
	for _, name := range []string{"nist-curves", "cnsa-2.0", "any"} {
		p, err := policy.Load(name)
		require.NoError(t, err)
		require.NoError(t, policy.Ask(p, revoked, suite.Receive, tableDate), name)
	}
	const rule = "  - {id: revoked, source: test, force: law, wanted: no message of the revoked but commits, when: {sender.lapse: revoked}, allow: [{sender.message: commit}]}\n"
	for _, existing := range []string{"", "existing: receive-only\n", "existing: refuse\n"} {
		p := own(t, existing+"rules:\n"+rule)
		for _, use := range []suite.Use{suite.Start, suite.Continue, suite.Receive} {
			require.ErrorIs(t, policy.Ask(p, revoked, use, tableDate), policy.ErrRefused)
			require.NoError(t, policy.Ask(p, commit, use, tableDate))
			require.NoError(t, policy.Ask(p, expired, use, tableDate))
		}
		require.NoError(t, policy.Ask(p, revoked, suite.Leave, tableDate))
		refusal := policy.Refused(p, revoked, suite.Receive, tableDate)
		require.Equal(t, "sender", refusal.Subject)
		require.Equal(t, "application of a sender whose credential is revoked", refusal.Found)
	}
	p := own(t, "rules:\n  - {id: all, source: test, force: law, wanted: nothing, when: {sender.message: commit}, allow: [{sender.lapse: expired}]}\n")
	require.Error(t, policy.Ask(p, commit, suite.Receive, tableDate))
	require.NoError(t, policy.Ask(p, revoked, suite.Receive, tableDate))
	require.NoError(t, policy.Ask(p, suite.SenderInfo{Message: "commit", Lapse: "expired"}, suite.Receive, tableDate))
	require.Error(t, policy.Ask(p, suite.SenderInfo{Message: "commit", Lapse: "of a kind to come"}, suite.Receive, tableDate))
}
