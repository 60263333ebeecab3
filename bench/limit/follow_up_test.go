package limit_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// The engine makes the calls of the formula where a group follows another.
func TestEngineMeetsLimitOfFollowUp(t *testing.T) {
	for _, id := range []suite.ID{0x0001, 0xF002, 0xF00B} {
		for _, members := range []int{2, 3, 8, 21} {
			t.Run(fmt.Sprintf("%s/%d", id, members), func(t *testing.T) {
				b := newBench(t, id, "blank", members)
				b.followUp(limit.Group{Suite: b.counter.Info(), Tree: limit.Blank(members, 0)})
			})
		}
	}
}

func (b bench) followUp(g limit.Group) {
	c, err := b.member(0).Commit(b.Context(), now, mls.CommitOptions{}, message.ReInit{GroupID: []byte("next"), CipherSuite: b.suite})
	require.NoError(b, err)
	old, err := c.Adopt()
	require.NoError(b, err)
	config := func(credential message.Credential) mls.Config {
		signer, err := b.counter.GenerateSigner()
		require.NoError(b, err)
		return mls.Config{Suites: b.suites, Suite: b.suite, Signer: signer, Credential: credential}
	}
	var others []*message.KeyPackage
	var joiner *mls.OwnKeyPackage
	for i, leaf := range old.Members() {
		if i == old.OwnLeaf() {
			continue
		}
		joiner, err = mls.NewKeyPackage(b.Context(), now, config(leaf.Credential), mls.KeyPackageOptions{})
		require.NoError(b, err)
		others = append(others, joiner.KeyPackage)
	}
	cfg := config(old.Leaf(old.OwnLeaf()).Credential)
	made := b.counter.of(func() {
		c, err = old.Reinitialize(b.Context(), now, cfg, others, mls.FollowUpOptions{})
		require.NoError(b, err)
	})
	require.Equal(b, calls(g.FollowUp()), calls(made), "follow-up")
	require.Equal(b, calls(g.JoinFollowUp()), b.calls(func() {
		_, err := adopted(joiner.Join(b.Context(), now, c.Welcome, mls.JoinOptions{Follows: old}))
		require.NoError(b, err)
	}), "join")

	near := func(least float64, message []byte, parts int) {
		b.Helper()
		require.LessOrEqual(b, least, float64(len(message)))
		require.Less(b, float64(len(message)), least+float64(200*(parts+1)), "it leaves out some hundred bytes of each")
	}
	near(g.WelcomeBytes(), c.Welcome, g.Tree.Members)
	near(g.FirstCommitBytes(), c.Message, g.Tree.Members)
	kp, err := message.Marshal(joiner.KeyPackage)
	require.NoError(b, err)
	near(g.KeyPackageBytes(), kp, 1)
	next, err := c.Adopt()
	require.NoError(b, err)
	c, err = next.Commit(b.Context(), now, mls.CommitOptions{})
	require.NoError(b, err)
	near(g.CommitBytes(), c.Message, g.Tree.Members)
}
