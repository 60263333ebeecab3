package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/message"
)

// TestProposalRegistry has the table of RFC 9420, Section 17.4.
func TestProposalRegistry(t *testing.T) {
	for _, c := range []struct {
		value          message.ProposalType
		name           string
		external, path bool
	}{
		{0x0001, "add", true, false},
		{0x0002, "update", false, true},
		{0x0003, "remove", true, true},
		{0x0004, "psk", true, false},
		{0x0005, "reinit", true, false},
		{0x0006, "external_init", false, true},
		{0x0007, "group_context_extensions", true, true},
	} {
		require.Equal(t, c.name, c.value.String())
		require.Equal(t, c.external, framing.FromOutside(c.value), c.name)
		require.Equal(t, c.path, check.NeedsPath(c.value), c.name)
	}
	require.Equal(t, "0x0008", message.ProposalType(8).String())
}

// What a caller leaves out of a proposal is completed, the same way whether the proposal
// is sent by itself or in a commit. What it sets is kept.
func TestProposalsAreCompletedWhenTheyAreSent(t *testing.T) {
	s := mlstest.Suite(t, 0x0001)
	nonce := func(p message.Proposal) []byte { return p.(message.PreSharedKey).PSK.Nonce }
	psk := externalPSK("id")
	first, second := withDefaults(psk, s), withDefaults(psk, s)
	require.Len(t, nonce(first), s.Info().KDF.Nh)
	require.NotEqual(t, nonce(first), nonce(second), "each injection has a nonce of its own")
	require.Equal(t, first, withDefaults(first, s))
	require.Nil(t, psk.PSK.Nonce)

	reInit := message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0001, Extensions: message.Extensions{}}
	want := reInit
	want.Version = codepoint.VersionMLS10
	newer := reInit
	newer.Version = codepoint.VersionMLS10 + 1
	require.Equal(t, newer, withDefaults(newer, s))

	groups := clique(t, 0x0001, 2, publicHandshake)
	message, err := groups[0].Propose(t.Context(), insiderTime, reInit, nil)
	require.NoError(t, err)
	received, err := groups[1].Process(t.Context(), insiderTime, message)
	require.NoError(t, err)
	require.Equal(t, want, received.Proposal.Proposal)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, reInit)
	require.NoError(t, err)
	require.Equal(t, want, c.Proposals()[0].Proposal)
}
