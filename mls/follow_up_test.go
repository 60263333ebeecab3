package mls

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
)

// A ReInit to a group that nobody could make is refused, however it comes: it would
// end the group for nothing (RFC 9420, Section 12.1.5).
func TestReInitCanBeFollowed(t *testing.T) {
	required := func(r message.RequiredCapabilities) message.Extension {
		data, err := message.Marshal(&r)
		require.NoError(t, err)
		return message.Extension{Type: message.ExtensionRequiredCapabilities, Data: data}
	}
	grease := fault.Violation("13.5", "ReInit asks members to support a GREASE value")
	to := func(x ...message.Extension) message.ReInit {
		return message.ReInit{GroupID: []byte("next"), Version: codepoint.VersionMLS10, CipherSuite: 0x0001, Extensions: x}
	}
	newer := to()
	newer.Version = codepoint.VersionMLS10 + 1
	for name, c := range map[string]struct {
		to   message.ReInit
		want error
	}{
		"version":               {newer, message.ErrUnsupported},
		"malformed requirement": {to(message.Extension{Type: message.ExtensionRequiredCapabilities, Data: []byte{9}}), message.ErrMalformed},
		"malformed senders":     {to(message.Extension{Type: message.ExtensionExternalSenders, Data: []byte{9}}), message.ErrMalformed},
		"extension":             {to(message.Extension{Type: 0x0A0A}), grease},
		"required extension":    {to(required(message.RequiredCapabilities{Extensions: []message.ExtensionType{0x1A1A}})), grease},
		"required proposal":     {to(required(message.RequiredCapabilities{Proposals: []message.ProposalType{0x2A2A}})), grease},
		"required credential":   {to(required(message.RequiredCapabilities{Credentials: []message.CredentialType{0x3A3A}})), grease},
	} {
		t.Run(name, func(t *testing.T) {
			groups := clique(t, 0x0001, 4, publicHandshake)
			g, m := groups[2], insider{t, groups[1]}
			requireUnmoved(t, g, c.want, func() error {
				_, err := g.Propose(t.Context(), insiderTime, c.to, nil)
				return err
			})
			msg, _ := m.propose(c.to)
			requireUnprocessed(t, g, c.want, msg)
			want := c.want
			if v, ok := errors.AsType[*message.ValidationError](want); ok {
				blamed := *v
				blamed.Proposal = 0
				want = &blamed
			}
			requireUnmoved(t, g, want, func() error {
				_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, c.to)
				return err
			})
			requireUnprocessed(t, g, want, m.commit(forgery{proposals: m.byValue(c.to)}).message)
		})
	}
}

// A plain commit covers a ReInit that arrived if there is nothing else, and says so.
func TestPendingReInitGoesAlone(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	m, err := groups[1].Propose(t.Context(), insiderTime, message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0001}, nil)
	require.NoError(t, err)
	g := groups[0]
	_, err = g.Process(t.Context(), insiderTime, m)
	require.NoError(t, err)
	c, err := g.Commit(t.Context(), insiderTime, CommitOptions{ForcePath: true})
	require.NoError(t, err)
	require.Len(t, c.Proposals(), 1)
	require.EqualValues(t, codepoint.ProposalReInit, message.TypeOf(c.Proposals()[0].Proposal))
	empty, err := g.Commit(t.Context(), insiderTime, CommitOptions{WithoutPending: true})
	require.NoError(t, err)
	other, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, message.Remove{Removed: 2})
	require.NoError(t, err)
	for _, c := range []*Candidate{empty, other} {
		for _, p := range c.Proposals() {
			require.NotEqual(t, codepoint.ProposalReInit, message.TypeOf(p.Proposal))
		}
	}
}
