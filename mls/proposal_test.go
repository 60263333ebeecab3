package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
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
	require.Equal(t, "0x000B", message.ProposalType(0x000B).String())
}

// What a caller leaves out of a proposal is completed, the same way whether the proposal
// is sent by itself or in a commit. What it sets is kept.
func TestProposalsAreCompletedWhenTheyAreSent(t *testing.T) {
	s := mlstest.Suite(t, 0x0001)
	nonce := func(p message.Proposal) []byte { return p.(message.PreSharedKey).PSK.Nonce }
	psk := externalPSK("id")
	first, second := withDefaults(psk, s, message.CodePoints{}), withDefaults(psk, s, message.CodePoints{})
	require.Len(t, nonce(first), s.Info().KDF.Nh)
	require.NotEqual(t, nonce(first), nonce(second), "each injection has a nonce of its own")
	require.Equal(t, first, withDefaults(first, s, message.CodePoints{}))
	require.Nil(t, psk.PSK.Nonce)

	reInit := message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0001, Extensions: message.Extensions{}}
	want := reInit
	want.Version = codepoint.VersionMLS10
	newer := reInit
	newer.Version = codepoint.VersionMLS10 + 1
	require.Equal(t, newer, withDefaults(newer, s, message.CodePoints{}))

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

// A member does not propose what no commit could cover, and is as it was: it can send, and
// its commit covers nothing.
func TestProposalsThatDoNotFitAreNotMade(t *testing.T) {
	g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", strange, publicHandshake), nil,
		message.Extension{Type: strangeExtension})
	require.NoError(t, err)
	groups := gather(t, g, 4, strange, publicHandshake)
	a := &attack{insider{t, groups[1]}, groups, groups[2]}
	again, err := NewKeyPackage(t.Context(), insiderTime, *groups[0].cfg, KeyPackageOptions{})
	require.NoError(t, err)
	required, err := message.Marshal(&message.RequiredCapabilities{Extensions: []message.ExtensionType{0xF0AA}})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		proposal message.Proposal
		section  string
		leaf     int64
	}{
		"Add of a member":              {message.Add{KeyPackage: again.KeyPackage}, "7.3", 0},
		"Add with a member's key":      {a.addWithKey(a.public.tree.Leaf(0).EncryptionKey(), strange), "7.3", -1},
		"Add that lacks the extension": {message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "poor").KeyPackage}, "13.4", -1},
		"Add with a strange credential": {message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "", strange, func(cfg *Config) {
			cfg.Credential = message.Credential{Type: 0xF0FF, Content: []byte("name")}
		}).KeyPackage}, "7.3", -1},
		"extension that is unknown": {
			message.GroupContextExtensions{Extensions: message.Extensions{{Type: 0xF0AA}}}, "13.4", -1,
		},
		"capabilities that nobody has": {
			message.GroupContextExtensions{Extensions: message.Extensions{{Type: message.ExtensionRequiredCapabilities, Data: required}}}, "11.1", -1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			byValue := func() error {
				_, err := groups[2].Commit(t.Context(), insiderTime, CommitOptions{}, c.proposal)
				return err
			}
			require.ErrorIs(t, byValue(), message.ErrInvalid, "by value")
			want := fault.Violation(c.section, "")
			want.Leaf = c.leaf
			requireUnmoved(t, groups[2], want, func() error {
				_, err := groups[2].Propose(t.Context(), insiderTime, c.proposal, nil)
				return err
			})
		})
	}
	_, err = groups[2].Encrypt(t.Context(), insiderTime, nil, nil)
	require.NoError(t, err)

	// The member's earlier leaf makes room for it.
	_, err = groups[2].Propose(t.Context(), insiderTime, message.Remove{Removed: 0}, nil)
	require.NoError(t, err)
	_, err = groups[2].Propose(t.Context(), insiderTime, message.Add{KeyPackage: again.KeyPackage}, nil)
	require.NoError(t, err)
	c, err := groups[2].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Len(t, c.Proposals(), 2)
	_, err = again.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{})
	require.NoError(t, err)
}
