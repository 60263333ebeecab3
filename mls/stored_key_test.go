package mls_test

import (
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

func (v *vault) size() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.keys)
}

// inVault returns a group of one member, whose private keys are in a vault.
func inVault(t *testing.T, adjust ...func(*mls.Config)) (*vault, mls.Config, *mls.Group) {
	t.Helper()
	v := newVault()
	cfg := config(t, 0x0001, "a")
	cfg.Suites = newVaultSuites(t, v)
	for _, f := range adjust {
		f(&cfg)
	}
	g, err := mls.CreateGroup(t.Context(), testTime, cfg, nil)
	require.NoError(t, err)
	require.Equal(t, 1, v.size())
	return v, cfg, g
}

var errSwitchedOff = errors.New("switched off")

// switched is a policy that refuses all credentials while it is off.
type switched struct{ off bool }

func (s *switched) Judge(q suite.Question) error {
	if _, ok := q.Subject.(message.CredentialType); ok && s.off {
		return errSwitchedOff
	}
	return nil
}

// confused is a vault that opens another of its keys than the reference says.
type confused struct{ *vault }

func (c confused) OpenReference(reference []byte) (hpke.KEMPrivateKey, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, key := range c.keys {
		if name != string(reference) {
			return key, nil
		}
	}
	return nil, errors.New("vault has no other key")
}

// A state that is not restored, for whatever reason, leaves the keys to which it refers
// in their provider: it may be restored later.
func TestFailedRestoreLeavesTheProvidersKeys(t *testing.T) {
	policy := new(switched)
	v, cfg, g := inVault(t, func(cfg *mls.Config) { cfg.Policy = policy })
	_, err := g.ProposeUpdate(t.Context(), testTime, mls.LeafOptions{}, nil)
	require.NoError(t, err)
	state, err := storeAll(g)
	require.NoError(t, err)
	c, err := g.Commit(t.Context(), testTime, mls.CommitOptions{})
	require.NoError(t, err)
	candidate, err := c.Save()
	require.NoError(t, err)
	keys := v.size()
	require.Greater(t, keys, 2)
	policy.off = true
	_, err = mls.RestoreGroup(testTime, cfg, state)
	require.ErrorIs(t, err, errSwitchedOff)
	require.Equal(t, keys, v.size())
	_, err = g.RestoreCandidate(testTime, candidate)
	require.ErrorIs(t, err, errSwitchedOff)
	require.Equal(t, keys, v.size())
	policy.off = false
	other := cfg
	other.Suites = newVaultSuites(t, confused{v})
	_, err = mls.RestoreGroup(testTime, other, state)
	require.ErrorIs(t, err, message.ErrMalformed)
	require.ErrorContains(t, err, "not that of the public key")
	require.Equal(t, keys, v.size())
	_, err = mls.RestoreGroup(testTime, cfg, state)
	require.NoError(t, err)
	restored, err := g.RestoreCandidate(testTime, candidate)
	require.NoError(t, err)
	require.NotNil(t, restored)
	runtime.KeepAlive(c)
}

// Of candidates that their owner dropped, the collector deletes the keys of one that was
// not saved, and leaves those of one that was: it can be restored.
func TestSavedCandidateOutlivesItsHandle(t *testing.T) {
	v, _, g := inVault(t)
	state := func() mls.Snapshot {
		saved, err := g.Commit(t.Context(), testTime, mls.CommitOptions{})
		require.NoError(t, err)
		state, err := saved.Save()
		require.NoError(t, err)
		other, err := g.Commit(t.Context(), testTime, mls.CommitOptions{})
		require.NoError(t, err)
		require.Equal(t, 3, v.size())
		runtime.KeepAlive(saved)
		runtime.KeepAlive(other)
		return state
	}()
	for range 1000 {
		if runtime.GC(); v.size() < 3 {
			break
		}
		runtime.Gosched()
	}
	require.Equal(t, 2, v.size())
	c, err := g.RestoreCandidate(testTime, state)
	require.NoError(t, err)
	next, err := c.Adopt()
	require.NoError(t, err)
	require.Equal(t, 1, v.size())
	_, err = storeAll(next)
	require.NoError(t, err)
	next.Destroy()
	require.Zero(t, v.size())
}
