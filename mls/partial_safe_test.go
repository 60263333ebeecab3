package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// A partial member has the exported secrets that full ones have, from the join on, each once,
// and what it gave stays gone after a restart.
func TestPartialMembersExportTheSameSecrets(t *testing.T) {
	for _, format := range []func(*Config){publicHandshake, privateHandshake} {
		m := newMixedGroup(t, 1, 3, format, safeExporter)
		leaf := m.joinPartially(0, format, safeExporter).OwnLeaf()
		requireExported(t, mustExport(t, m.full[2], journal), m.partial[leaf], journal)
		m.commit(1, CommitOptions{})
		requireExported(t, mustExport(t, m.full[2], journal), m.partial[leaf], journal)
		m.restart(leaf)
		requireConsumed(t, m.partial[leaf], journal)
		requireExported(t, mustExport(t, m.full[2], 7), m.partial[leaf], 7)
	}
}

// The candidates of a partial member give the secrets of their epoch, as those of a full one,
// and show the entries that components have in it.
func TestPartialCandidatesExportSafely(t *testing.T) {
	adjust := []func(*Config){publicHandshake, safeExporter, withComponents}
	m := newMixedGroup(t, 1, 3, adjust...)
	p := m.joinPartially(0, adjust...)
	c, err := m.full[1].Commit(t.Context(), insiderTime, CommitOptions{}, entry("one"))
	require.NoError(t, err)
	annotated, err := c.AnnotateCommit(c.Message, p.OwnLeaf())
	require.NoError(t, err)
	next, err := p.ProcessCommit(t.Context(), insiderTime, annotated)
	require.NoError(t, err)
	other, err := p.ProcessCommit(t.Context(), insiderTime, annotated)
	require.NoError(t, err)
	require.Equal(t, c.Dictionary(), next.Dictionary())
	require.Equal(t, c.Epoch(), next.Epoch())
	require.NotEqual(t, c.Dictionary(), p.Dictionary())

	want := mustExport(t, c, journal)
	requireExported(t, want, next, journal)
	requireExported(t, want, other, journal)
	adopted, err := next.Adopt()
	require.NoError(t, err)
	require.Equal(t, c.Dictionary(), adopted.Dictionary())
	requireConsumed(t, adopted, journal)
	requireExported(t, mustExport(t, c, 7), adopted, 7)
	for _, ended := range []safeExporting{p, next, other} {
		_, err = ended.SafeExportSecret(8)
		require.ErrorIs(t, err, ErrRetired)
	}
}

// A candidate that removes a partial member exports nothing, and answers for the epoch that
// ends.
func TestRemovedPartialMembersExportNothing(t *testing.T) {
	m := newMixedGroup(t, 1, 3, publicHandshake, safeExporter)
	p := m.joinPartially(0, safeExporter)
	c, err := m.full[1].Commit(t.Context(), insiderTime, CommitOptions{}, message.Remove{Removed: p.OwnLeaf()})
	require.NoError(t, err)
	annotated, err := c.AnnotateCommit(c.Message, p.OwnLeaf())
	require.NoError(t, err)
	next, err := p.ProcessCommit(t.Context(), insiderTime, annotated)
	require.NoError(t, err)
	require.True(t, next.Removed())
	require.Equal(t, p.Epoch(), next.Epoch())
	_, err = next.SafeExportSecret(journal)
	require.ErrorIs(t, err, ErrRemoved)
}

// What a partial member signs for a component verifies with the key of its leaf, and what is
// encrypted to its leaf or to the epoch opens.
func TestPartialMembersHaveSafeLabels(t *testing.T) {
	m, p := populatedMixedGroup(t)
	s := p.Suite()
	signature, err := p.SafeSignWithLabel(t.Context(), insiderTime, journal, "name", []byte("content"))
	require.NoError(t, err)
	key := m.full[0].Leaf(p.OwnLeaf())
	require.NoError(t, SafeVerifyWithLabel(s, key.SignatureKey, journal, "name", []byte("content"), signature))
	require.ErrorIs(t, SafeVerifyWithLabel(s, key.SignatureKey, sealed, "name", []byte("content"), signature), suite.ErrVerify)
	requireSafelySealed(t, s, key.EncryptionKey, p)
	external, err := externalPubOf(s, m.full[0].secrets)
	require.NoError(t, err)
	requireSafelySealed(t, s, external, p)
	p.Destroy()
	_, err = p.SafeSignWithLabel(t.Context(), insiderTime, journal, "name", nil)
	require.ErrorIs(t, err, ErrRetired)
	_, err = p.SafeDecryptWithLabel(external, journal, "name", nil, nil, nil)
	require.ErrorIs(t, err, ErrRetired)
}

// A partial member is told of what it exports as a full one is.
func TestPartialMembersTellOfExports(t *testing.T) {
	h := new(heard)
	m := newMixedGroup(t, 1, 3, safeExporter)
	p := m.joinPartially(0, safeExporter, func(cfg *Config) { cfg.Observer = h })
	mustExport(t, p, journal)
	told, ok := h.events[len(h.events)-1].(event.SecretExported)
	require.True(t, ok)
	component := journal
	require.Equal(t, &component, told.Component)
}

// A commit may inject the pre-shared key of a component that a partial member is handed with
// it.
func TestPartialMembersAreHandedApplicationPSKs(t *testing.T) {
	m, p := populatedMixedGroup(t, publicHandshake)
	psk := handed(6, "x", componentSecret)
	c, err := m.full[1].Commit(t.Context(), insiderTime, CommitOptions{ApplicationPSKs: psk}, applicationPSK(6, "x"))
	require.NoError(t, err)
	annotated, err := c.AnnotateCommit(c.Message, p.OwnLeaf())
	require.NoError(t, err)
	requireUnmoved(t, p.member, ErrUnknownPSK, func() error {
		_, err := p.ProcessCommit(t.Context(), insiderTime, annotated)
		return err
	})
	_, err = p.ProcessCommitWithPSKs(t.Context(), insiderTime, handed(6, "x", anotherSecret), annotated)
	require.ErrorIs(t, err, message.ErrInvalid, "confirmation tag")
	next, err := p.ProcessCommitWithPSKs(t.Context(), insiderTime, psk, annotated)
	require.NoError(t, err)
	want, err := c.EpochAuthenticator()
	require.NoError(t, err)
	got, err := next.EpochAuthenticator()
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// A partial member forgets proposals, the keys of its own Updates too, and sends again. A
// commit of one that it has forgotten has to bring it along.
func TestPartialMembersForgetProposals(t *testing.T) {
	m := newMixedGroup(t, 1, 3, publicHandshake)
	p := m.joinPartially(0)
	m.propose(p.OwnLeaf(), func() ([]byte, error) { return p.ProposeUpdate(t.Context(), insiderTime, LeafOptions{}, nil) })
	m.propose(2, func() ([]byte, error) {
		return m.full[2].Propose(t.Context(), insiderTime, message.GroupContextExtensions{}, nil)
	})
	var key []byte
	for _, own := range p.member.inbox.updates {
		key = privateBytes(t, own.key)
	}
	secrets := map[string][]byte{"key of an Update": key}
	require.Len(t, reachable(secrets, map[string]any{"group": p}), 1)
	require.NoError(t, m.saved(p))
	_, err := p.Encrypt(t.Context(), insiderTime, []byte("text"), nil)
	require.ErrorIs(t, err, ErrPendingProposals)

	require.NoError(t, p.ForgetProposals())
	require.Empty(t, reachable(secrets, map[string]any{"group": p}))
	require.NoError(t, m.saved(p))
	require.Empty(t, reachable(secrets, map[string]any{"state": m.states[p.OwnLeaf()]}))
	_, err = p.Encrypt(t.Context(), insiderTime, []byte("text"), nil)
	require.NoError(t, err)

	c, err := m.full[1].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Len(t, c.Proposals(), 2)
	annotated, err := c.AnnotateCommit(c.Message, p.OwnLeaf())
	require.NoError(t, err)
	_, err = p.ProcessCommit(t.Context(), insiderTime, annotated, m.unsent...)
	require.Error(t, err, "the key of its new leaf is gone")
	p.Destroy()
	require.ErrorIs(t, p.ForgetProposals(), ErrRetired)
}

// A partial member forgets the keys of late messages of past epochs.
func TestPartialMembersForgetPastEpochs(t *testing.T) {
	m, _ := populatedMixedGroup(t)
	late, err := m.full[3].Encrypt(t.Context(), insiderTime, []byte("late"), nil)
	require.NoError(t, err)
	late, err = m.full[3].AnnotateMessage(late, 3)
	require.NoError(t, err)
	m.commit(1, CommitOptions{})
	p := m.partial[6]
	require.NoError(t, p.ForgetPastEpochs(0))
	_, err = p.Process(t.Context(), insiderTime, late)
	require.ErrorIs(t, err, ErrPastEpoch)
	p.Destroy()
	require.ErrorIs(t, p.ForgetPastEpochs(0), ErrRetired)
}
