package publiccommit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func config(t *testing.T) mls.Config {
	suites := mlstest.SuitesWith(t, 1)
	s, err := suites.Suite(1)
	require.NoError(t, err)
	signer, err := s.GenerateSigner()
	require.NoError(t, err)
	return mls.Config{Suites: suites, Suite: 1, Signer: signer, PublicHandshake: true, Credential: message.BasicCredential([]byte("a"))}
}

func parsed(t *testing.T, b []byte) *message.Message {
	m, err := message.Parse[message.Message](b)
	require.NoError(t, err)
	return m
}

// Commits of a member and of a client that joins have the tag of the GroupInfo of the epoch
// that they begin, and of no other one.
func TestCommitsShowTheirSenderAndTag(t *testing.T) {
	group, err := mls.CreateGroup(t.Context(), noon, config(t), []byte("a group with an id of more than 63 bytes, so that its length takes two"))
	require.NoError(t, err)
	by := map[bool]*mls.Candidate{}
	by[false], err = group.Commit(t.Context(), noon, mls.CommitOptions{})
	require.NoError(t, err)
	info, err := group.GroupInfo(t.Context(), noon, true)
	require.NoError(t, err)
	by[true], err = mls.ExternalJoin(t.Context(), noon, config(t), info, mls.ExternalJoinOptions{})
	require.NoError(t, err)
	tags := map[bool][]byte{}
	for external, c := range by {
		info, err := c.GroupInfo(t.Context(), noon, false)
		require.NoError(t, err)
		tags[external] = parsed(t, info).GroupInfo.ConfirmationTag
	}
	for external, c := range by {
		m := parsed(t, c.Message)
		require.Equal(t, external, External(m))
		require.True(t, Confirmed(m, tags[external]))
		require.False(t, Confirmed(m, tags[!external]))
		require.False(t, Confirmed(m, mlstest.Flipped(tags[external], 0)))
		require.False(t, Confirmed(m, make([]byte, len(c.Message))))
	}
	proposal, err := group.ProposeUpdate(t.Context(), noon, mls.LeafOptions{}, nil)
	require.NoError(t, err)
	require.False(t, External(parsed(t, proposal)))
	require.False(t, External(parsed(t, info)))
}

// A SelfRemove shows as such under its number, and nothing else does.
func TestSelfRemovesShow(t *testing.T) {
	cfg := config(t)
	cfg.SelfRemove = true
	group, err := mls.CreateGroup(t.Context(), noon, cfg, []byte("g"))
	require.NoError(t, err)
	numbers := message.CodePoints{}.Complete()
	shows := func(msg []byte, err error) bool {
		t.Helper()
		require.NoError(t, err)
		return SelfRemove(parsed(t, msg), numbers)
	}
	require.False(t, shows(group.Propose(t.Context(), noon, message.GroupContextExtensions{}, []byte("data"))))
	require.False(t, shows(group.GroupInfo(t.Context(), noon, true)))
	c, err := group.Commit(t.Context(), noon, mls.CommitOptions{})
	require.NoError(t, err)
	require.False(t, shows(c.Message, nil))
	msg, err := group.Propose(t.Context(), noon, message.SelfRemove{}, []byte("data"))
	require.True(t, shows(msg, err))
	numbers.SelfRemove++
	require.False(t, shows(msg, nil))

	s, err := cfg.Suites.Suite(1)
	require.NoError(t, err)
	outside := mls.ExternalProposer{Suite: s, GroupID: []byte("g")}
	require.False(t, shows(outside.Propose(t.Context(), cfg.Signer, 0, message.Remove{Removed: 0})))
}
