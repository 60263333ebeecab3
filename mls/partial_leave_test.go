package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/message"
)

// joinOver lets a client join from outside, and returns the commit as the partial member at
// leaf 6 gets it from its maker, from a full member and from somebody without secrets.
func (m *mixedGroup) joinOver(cfg Config, options ExternalJoinOptions) []byte {
	m.t.Helper()
	info, err := m.full[0].GroupInfo(m.t.Context(), insiderTime, true)
	require.NoError(m.t, err)
	c, err := ExternalJoin(m.t.Context(), insiderTime, cfg, info, options)
	require.NoError(m.t, err)
	require.EqualValues(m.t, 6, c.leaf) // it takes the place of the one who goes
	made, err := c.AnnotateCommit(c.Message, 6)
	require.NoError(m.t, err)
	r, err := m.full[1].Process(m.t.Context(), insiderTime, c.Message)
	require.NoError(m.t, err)
	seen, err := m.public.Process(m.t.Context(), insiderTime, c.Message, options.Proposals...)
	require.NoError(m.t, err)
	for _, annotate := range []func([]byte, message.LeafIndex) ([]byte, error){r.Commit.AnnotateCommit, seen.Commit.AnnotateCommit} {
		annotated, err := annotate(c.Message, 6)
		require.NoError(m.t, err)
		require.Equal(m.t, made, annotated)
	}
	other, err := r.Commit.AnnotateCommit(c.Message, 5) // for one who stays
	require.NoError(m.t, err)
	_, err = framing.ParseAnnotatedCommit(other, message.CodePoints{}.Complete())
	require.NoError(m.t, err)
	return made
}

// TestNewMembersRemovePartialMembers has the commits from outside that take a partial member
// out: with its SelfRemove, and with its own client in its place.
func TestNewMembersRemovePartialMembers(t *testing.T) {
	h := new(heard)
	hear := func(cfg *Config) { cfg.Observer, cfg.Authenticator = h, h }
	m := newMixedGroup(t, 1, 6, publicHandshake, selfRemove)
	p := m.joinPartially(0, selfRemove, hear)
	own := string(p.member.cfg.Credential.Content)
	m.propose(6, func() ([]byte, error) { return p.Propose(t.Context(), insiderTime, message.SelfRemove{}, nil) })
	_ = h.names()
	outside := client(t, 1, "outside", publicHandshake, selfRemove)
	over := m.joinOver(outside, ExternalJoinOptions{Proposals: m.unsent})
	back := m.joinOver(*p.member.cfg, ExternalJoinOptions{Remove: new(message.LeafIndex(6))})
	_ = h.names()

	for _, c := range []struct {
		commit []byte
		who    string
	}{{over, "outside"}, {back, own}} {
		before := fingerprint(p.member)
		next, err := p.ProcessCommit(t.Context(), insiderTime, c.commit)
		require.NoError(t, err)
		require.Equal(t, []string{c.who}, h.names())
		require.True(t, next.Removed())
		require.Equal(t, c.who, string(next.Author().Credential.Content))
		next.Discard()
		require.Equal(t, before, fingerprint(p.member))
		h.refuses = c.who
		requireRefusal(t, p, fault.Violation("5.3.1", "authentication service refuses the credential"), func() error {
			_, err := p.ProcessCommit(t.Context(), insiderTime, c.commit)
			return err
		})
		h.refuses = ""
		_ = h.names()
	}

	a := &attack{insider{t, m.full[1]}, m.full, m.full[2]}
	remove := func(e *framing.Commit) {
		e.Proposals = append(e.Proposals, framing.ProposalOrRef{Proposal: message.Remove{Removed: 6}})
	}
	member, err := m.full[1].Commit(t.Context(), insiderTime, CommitOptions{WithoutPending: true}, message.Remove{Removed: 6})
	require.NoError(t, err)
	p.member.cfg.Authenticator = nil // which may allow another client
	for name, c := range map[string]struct {
		commit []byte
		want   error
	}{
		"of another client":       {a.externalCommit(outside, ExternalJoinOptions{}, remove), fault.Violation("12.2", "external commit removes a leaf of another client").AtLeaf(6)},
		"that does not remove it": {a.externalCommit(outside, ExternalJoinOptions{}, func(*framing.Commit) {}), fault.Violation(partialCommit, "annotations say otherwise than the commit whether it removes this member").AtLeaf(6)},
		"with a leaf that does not list the version": {a.externalCommit(outside, ExternalJoinOptions{Proposals: m.unsent}, func(e *framing.Commit) { e.Path.LeafNode.Capabilities.Versions = nil }),
			fault.Violation("7.2", "capabilities do not list the group's protocol version")},
		"of a member": {member.Message, message.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			requireRefusal(t, p, c.want, func() error {
				_, err := p.ProcessCommit(t.Context(), insiderTime, c.commit)
				return err
			})
		})
	}

	next, err := p.ProcessCommit(t.Context(), insiderTime, over)
	require.NoError(t, err)
	_, err = next.Adopt()
	require.ErrorIs(t, err, ErrRemoved)
	left, ok := h.events[len(h.events)-1].(event.GroupLeft)
	require.True(t, ok)
	require.Equal(t, "outside", string(left.Author.Credential.Content))
}

// TestNobodyElseLeavesForAPartialMember has an external commit with a SelfRemove of its own,
// which names no leaf, before the partial member at leaf 0.
func TestNobodyElseLeavesForAPartialMember(t *testing.T) {
	m := newMixedGroup(t, 1, 4, publicHandshake, selfRemove)
	m.commit(1, CommitOptions{}, message.Remove{Removed: 0})
	p := m.joinPartially(1, selfRemove)
	require.Zero(t, p.OwnLeaf())
	a := &attack{insider{t, m.full[1]}, m.full[1:], m.full[2]}
	commit := a.externalCommit(client(t, 1, "outside", publicHandshake, selfRemove), ExternalJoinOptions{}, func(e *framing.Commit) {
		e.Proposals = append(e.Proposals, framing.ProposalOrRef{Proposal: message.SelfRemove{}})
	})
	requireRefusal(t, p, fault.Extensions("6.3", "SelfRemove is not from a member").AtProposal(1), func() error {
		_, err := p.ProcessCommit(t.Context(), insiderTime, commit)
		return err
	})
}
