package mls

import (
	"bytes"
	"crypto/cipher"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
)

// A member forgets past epochs but for the latest: their secrets are overwritten, and
// are gone from the saved state, too.
func TestForgetPastEpochs(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	var late [][]byte
	for range 3 {
		m, err := groups[0].Encrypt(t.Context(), insiderTime, []byte("late"), nil)
		require.NoError(t, err)
		late = append(late, m)
		c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		follow(t, groups, 0, c)
	}
	g := groups[1]
	require.Len(t, g.inbox.past, 3)
	state, err := storeAll(g)
	require.NoError(t, err)
	secrets := map[string][]byte{}
	for i, p := range g.inbox.past[:2] {
		secrets["sender data "+string(rune('0'+i))] = bytes.Clone(p.senderData)
		for n, secret := range p.ratchets.Nodes {
			secrets[string(rune('0'+i))+nodeName(n)] = bytes.Clone(secret)
		}
	}
	dropped := g.inbox.past[0]
	require.Len(t, reachable(secrets, map[string]any{"group": g}), len(secrets))

	require.NoError(t, g.ForgetPastEpochs(5))
	require.Len(t, g.inbox.past, 3)
	require.NoError(t, g.ForgetPastEpochs(1))
	require.Empty(t, reachable(secrets, map[string]any{"group": g, "past": dropped}))
	requireUnprocessed(t, g, fault.ErrWrongEpoch, late[0])
	delta, err := storeDelta(g)
	require.NoError(t, err)
	state = state.Apply(delta)
	require.Empty(t, reachable(secrets, map[string]any{"state": state}))
	whole, err := storeAll(g)
	require.NoError(t, err)
	require.Equal(t, len(whole), len(state))
	restored, err := RestoreGroup(insiderTime, *g.cfg, state)
	require.NoError(t, err)
	for _, g := range []*Group{g, restored} {
		r, err := g.Process(t.Context(), insiderTime, late[2])
		require.NoError(t, err)
		require.Equal(t, "late", string(r.Application.Data))
		require.NoError(t, g.ForgetPastEpochs(-1))
		require.Empty(t, g.inbox.past)
	}
	g.Destroy()
	require.ErrorIs(t, g.ForgetPastEpochs(0), ErrRetired)
}

// A late message whose epoch is forgotten while it is read came too late, and the group goes
// on: before its key is looked up, and before the key is used up.
func TestForgetPastEpochsWhileReading(t *testing.T) {
	var do func()
	i := interrupt{do: &do}
	for name, with := range map[string]func(*Config){
		"before the key is found": withAEAD(func(a cipher.AEAD) cipher.AEAD {
			i.now()
			return a
		}),
		"before the key is used up": func(cfg *Config) { cfg.Authenticator = interruptedJudge{i} },
	} {
		t.Run(name, func(t *testing.T) {
			groups := clique(t, 0x0001, 2, with)
			late, err := groups[0].Encrypt(t.Context(), insiderTime, []byte("late"), nil)
			require.NoError(t, err)
			c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
			require.NoError(t, err)
			follow(t, groups, 0, c)
			g := groups[1]
			do = func() { require.NoError(t, g.ForgetPastEpochs(0)) }
			_, err = g.Process(t.Context(), insiderTime, late)
			require.ErrorIs(t, err, ErrPastEpoch)
			require.Nil(t, do)
			_, err = g.Encrypt(t.Context(), insiderTime, []byte("more"), nil)
			require.NoError(t, err)
		})
	}
}

// A member forgets the proposals of its epoch and the keys of its own Updates, and
// sends data again.
func TestForgetProposals(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	g := groups[1]
	proposeUpdate(t, groups, 1, LeafOptions{})
	proposeUpdate(t, groups, 0, LeafOptions{})
	state, err := storeAll(g)
	require.NoError(t, err)
	var key []byte
	for _, own := range g.inbox.updates {
		key = privateBytes(t, own.key)
	}
	secrets := map[string][]byte{"key of an Update": key}
	_, err = g.Encrypt(t.Context(), insiderTime, []byte("text"), nil)
	require.ErrorIs(t, err, ErrPendingProposals)
	c, err := groups[2].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Len(t, reachable(secrets, map[string]any{"group": g}), 1)
	require.Len(t, reachable(secrets, map[string]any{"state": state}), 1)

	require.NoError(t, g.ForgetProposals())
	require.Empty(t, reachable(secrets, map[string]any{"group": g}))
	delta, err := storeDelta(g)
	require.NoError(t, err)
	state = state.Apply(delta)
	require.Empty(t, reachable(secrets, map[string]any{"state": state}))
	_, err = RestoreGroup(insiderTime, *g.cfg, state)
	require.NoError(t, err)
	_, err = g.Encrypt(t.Context(), insiderTime, []byte("text"), nil)
	require.NoError(t, err)
	requireUnprocessed(t, g, fault.ErrMissingProposals, c.Message)
	mine, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Empty(t, mine.Proposals())
	delta, err = storeDelta(g)
	require.NoError(t, err)
	state = state.Apply(delta)
	proposeUpdate(t, groups, 1, LeafOptions{}) // counts anew in the saved state
	delta, err = storeDelta(g)
	require.NoError(t, err)
	_, err = RestoreGroup(insiderTime, *g.cfg, state.Apply(delta))
	require.NoError(t, err)
	g.Destroy()
	require.ErrorIs(t, g.ForgetProposals(), ErrRetired)
}

// A candidate that covers an own Update keeps the key that it needs.
func TestCandidateOutlivesForgottenProposals(t *testing.T) {
	groups := clique(t, 0x0001, 2)
	proposeUpdate(t, groups, 1, LeafOptions{})
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	r, err := groups[1].Process(t.Context(), insiderTime, c.Message)
	require.NoError(t, err)
	require.NoError(t, groups[1].ForgetProposals())
	groups[0], err = c.Adopt()
	require.NoError(t, err)
	groups[1], err = r.Commit.Adopt()
	require.NoError(t, err)
	next, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	follow(t, groups, 0, next)
}

// Without room for skipped keys, a message that another has overtaken is not opened.
func TestNoSkippedKeys(t *testing.T) {
	groups := clique(t, 0x0001, 2, func(cfg *Config) { cfg.Limits.MaxSkippedKeys = -1 })
	var messages [][]byte
	for range 2 {
		m, err := groups[0].Encrypt(t.Context(), insiderTime, []byte("text"), nil)
		require.NoError(t, err)
		messages = append(messages, m)
	}
	_, err := groups[1].Process(t.Context(), insiderTime, messages[1])
	require.NoError(t, err)
	requireUnprocessed(t, groups[1], ErrConsumed, messages[0])
}

// A Welcome says which key packages it is for.
func TestWelcomeNamesItsKeyPackages(t *testing.T) {
	g := clique(t, 0x0001, 1)[0]
	a, b := ownKeyPackage(t, 0x0001, "a"), ownKeyPackage(t, 0x0001, "b")
	c, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: a.KeyPackage}, message.Add{KeyPackage: b.KeyPackage})
	require.NoError(t, err)
	m, err := message.Parse[message.Message](c.Welcome)
	require.NoError(t, err)
	var refs [][]byte
	for _, s := range m.Welcome.Secrets {
		refs = append(refs, s.NewMember)
	}
	require.Equal(t, [][]byte{a.Ref, b.Ref}, refs)
	clear(refs[0])
	_, err = adopted(a.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{}))
	require.NoError(t, err)
}
