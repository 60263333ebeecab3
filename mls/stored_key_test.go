package mls_test

import (
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
)

func (v *vault) size() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.keys)
}

// A state that is not restored, for whatever reason, leaves the keys to which it refers
// in their provider: it may be restored later.
func TestFailedRestoreLeavesTheProvidersKeys(t *testing.T) {
	v := newVault()
	cfg := config(t, 0x0001, "a")
	cfg.Suites = newVaultSuites(t, v)
	g, err := mls.CreateGroup(t.Context(), testTime, cfg, nil)
	require.NoError(t, err)
	_, err = g.ProposeUpdate(t.Context(), testTime, nil)
	require.NoError(t, err)
	state, err := g.Save()
	require.NoError(t, err)
	c, err := g.Commit(t.Context(), testTime)
	require.NoError(t, err)
	candidate, err := c.Save()
	require.NoError(t, err)
	keys := v.size()
	failed := 0
	for i := range state {
		if _, err := mls.RestoreGroup(testTime, cfg, slices.Delete(slices.Clone(state), i, i+1)); err != nil {
			failed++
		}
		require.Equal(t, keys, v.size())
	}
	for i := range candidate {
		_, err := g.RestoreCandidate(testTime, slices.Delete(slices.Clone(candidate), i, i+1))
		require.Error(t, err)
		require.Equal(t, keys, v.size())
	}
	require.Positive(t, failed)
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
	v := newVault()
	cfg := config(t, 0x0001, "a")
	cfg.Suites = newVaultSuites(t, v)
	g, err := mls.CreateGroup(t.Context(), testTime, cfg, nil)
	require.NoError(t, err)
	require.Equal(t, 1, v.size())
	state := func() mls.Snapshot {
		saved, err := g.Commit(t.Context(), testTime)
		require.NoError(t, err)
		state, err := saved.Save()
		require.NoError(t, err)
		other, err := g.Commit(t.Context(), testTime)
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
	_, err = next.Save()
	require.NoError(t, err)
	next.Destroy()
	require.Zero(t, v.size())
}
