package mls_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

func TestStateOfCandidates(t *testing.T) {
	forStateSuites(t, func(t *testing.T, id suite.ID) {
		w := newStateWorld(t, id, nil, "a", "b", "c", "d")
		w.commit("c")
		w.save()
		m, err := w.groups["b"].ProposeUpdate(t.Context(), testTime, mls.LeafOptions{}, nil)
		require.NoError(t, err)
		w.propose("b", m)
		kp, err := mls.NewKeyPackage(t.Context(), testTime, w.config("e"), mls.KeyPackageOptions{})
		require.NoError(t, err)
		made, err := w.groups["a"].Commit(t.Context(), testTime, mls.CommitOptions{}, message.Add{KeyPackage: kp.KeyPackage})
		require.NoError(t, err)
		w.save()
		lost, err := w.groups["a"].Commit(t.Context(), testTime, mls.CommitOptions{})
		require.NoError(t, err)

		candidates := map[string]*mls.Candidate{"a": made}
		for _, name := range []string{"b", "c", "d"} {
			r, err := w.groups[name].Process(t.Context(), testTime, made.Message)
			require.NoError(t, err)
			candidates[name] = r.Commit
		}
		lostState, err := lost.Save()
		require.NoError(t, err)
		w.save()
		for name, c := range candidates {
			state, err := c.Save()
			require.NoError(t, err)
			b := bytesOf(t, state)
			g := restored(t, w.configs[name], bytesOf(t, w.states[name]))
			again, err := g.RestoreCandidate(testTime, parsedState(t, b))
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(c.GroupContext(), again.GroupContext(), cmpopts.EquateEmpty()))
			require.Equal(t, c.Committer(), again.Committer())
			require.Equal(t, c.Added(), again.Added())
			require.Equal(t, c.Message, again.Message)
			require.Equal(t, c.Welcome, again.Welcome)
			require.Len(t, again.Proposals(), 2)
			state, err = again.Save()
			require.NoError(t, err)
			require.Equal(t, b, bytesOf(t, state))
			if name == "a" {
				lost, err = g.RestoreCandidate(testTime, lostState)
				require.NoError(t, err)
			}
			_, err = mls.RestoreCandidate(testTime, w.configs[name], state)
			require.ErrorIs(t, err, message.ErrMalformed, "it needs its group")
			w.groups[name], err = again.Adopt()
			require.NoError(t, err)
			_, err = again.Save()
			require.ErrorIs(t, err, mls.ErrRetired)
			_, err = w.groups[name].RestoreCandidate(testTime, state)
			require.ErrorIs(t, err, message.ErrMalformed, "its epoch is over")
		}
		_, err = lost.EpochAuthenticator()
		require.ErrorIs(t, err, mls.ErrRetired, "it ended with the epoch")
		w.groups["e"], err = adopted(kp.Join(t.Context(), testTime, made.Welcome, mls.JoinOptions{}))
		require.NoError(t, err)
		w.agree()
		w.save()
		w.talk()
		w.commit("b") // with the key of its Update
		w.save()
		w.talk()

		leaving, err := w.groups["a"].Commit(t.Context(), testTime, mls.CommitOptions{}, message.Remove{Removed: w.groups["d"].OwnLeaf()})
		require.NoError(t, err)
		r, err := w.groups["d"].Process(t.Context(), testTime, leaving.Message)
		require.NoError(t, err)
		_, err = r.Commit.Save()
		require.ErrorIs(t, err, mls.ErrRemoved)
	})
}

func TestStateOfExternalJoin(t *testing.T) {
	w := newStateWorld(t, 0x0001, nil, "a", "b")
	info, err := w.groups["a"].GroupInfo(t.Context(), testTime, true)
	require.NoError(t, err)
	joiner := w.config("c")
	c, err := mls.ExternalJoin(t.Context(), testTime, joiner, info, mls.ExternalJoinOptions{})
	require.NoError(t, err)
	state, err := c.Save()
	require.NoError(t, err)
	again, err := mls.RestoreCandidate(testTime, joiner, parsedState(t, bytesOf(t, state)))
	require.NoError(t, err)
	w.adopt("c", c)
	w.groups["c"] = w.joined(again)
	w.agree()
	w.save()
	w.talk()
}

func TestStateOfKeyPackages(t *testing.T) {
	forStateSuites(t, func(t *testing.T, id suite.ID) {
		w := newStateWorld(t, id, nil, "a")
		for i, lastResort := range []bool{false, true} {
			name := fmt.Sprint("joiner ", i)
			cfg := w.config(name)
			kp, err := mls.NewKeyPackage(t.Context(), testTime, cfg, mls.KeyPackageOptions{LastResort: lastResort})
			require.NoError(t, err)
			state, err := kp.Save()
			require.NoError(t, err)
			b := bytesOf(t, state)
			again, err := mls.RestoreKeyPackage(testTime, cfg, parsedState(t, b))
			require.NoError(t, err)
			require.Equal(t, kp.Ref, again.Ref)
			state, err = again.Save()
			require.NoError(t, err)
			require.Equal(t, b, bytesOf(t, state))
			c := w.commit("a", message.Add{KeyPackage: kp.KeyPackage})
			w.groups[name], err = adopted(again.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{}))
			require.NoError(t, err)
			w.save()
			w.talk()
			_, err = again.Save()
			if !lastResort {
				require.ErrorIs(t, err, mls.ErrKeyPackageUsed, "its private parts are gone")
			} else {
				require.NoError(t, err)
			}
			other := cfg
			other.Signer = w.configs["a"].Signer
			_, err = mls.RestoreKeyPackage(testTime, other, state)
			require.ErrorContains(t, err, "Signer")
			_, err = mls.RestoreGroup(testTime, cfg, state)
			require.ErrorIs(t, err, message.ErrMalformed)
			_, err = mls.RestoreKeyPackage(testTime, cfg, append(slices.Clone(state), mls.Record{Key: []byte("z")}))
			require.ErrorIs(t, err, message.ErrMalformed)
			_, err = mls.RestoreKeyPackage(testTime, cfg, w.states["a"])
			require.ErrorIs(t, err, message.ErrMalformed)
		}
	})
}
