package mls_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

func TestGroupLife(t *testing.T) {
	forAllSuites(t, func(t *testing.T, id suite.ID) {
		for _, public := range []bool{false, true} {
			t.Run(fmt.Sprintf("public=%t", public), func(t *testing.T) {
				w := newWorld(t, id, func(c *mls.Config) { c.PublicHandshake = public }, "a", "b", "c")
				w.talk()
				w.commit("b") // an empty commit
				w.agree()
				w.add("c", "d", "e")
				w.commit("e")
				w.talk()

				// Proposals by reference: an Update, an Add and a Remove.
				m, err := w.groups["d"].ProposeUpdate(t.Context(), testTime, mls.LeafOptions{}, nil)
				require.NoError(t, err)
				w.propose("d", m)
				kp, err := mls.NewKeyPackage(t.Context(), testTime, w.config("f"), mls.KeyPackageOptions{})
				require.NoError(t, err)
				m, err = w.groups["c"].Propose(t.Context(), testTime, message.Add{KeyPackage: kp.KeyPackage}, nil)
				require.NoError(t, err)
				w.propose("c", m)
				m, err = w.groups["a"].Propose(t.Context(), testTime, message.Remove{Removed: w.groups["b"].OwnLeaf()}, nil)
				require.NoError(t, err)
				w.propose("a", m)
				_, err = w.groups["a"].Encrypt(t.Context(), testTime, []byte("too early"), nil)
				require.ErrorIs(t, err, mls.ErrPendingProposals)
				c := w.commit("e")
				require.Len(t, c.Proposals(), 3)
				require.NotContains(t, w.groups, "b")
				w.groups["f"], err = adopted(kp.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{}))
				require.NoError(t, err)
				w.agree()
				w.commit("d")
				w.commit("f", message.Remove{Removed: w.groups["a"].OwnLeaf()})
				w.agree()
				w.talk()
			})
		}
	})
}

func TestCandidatesUntilOneIsAdopted(t *testing.T) {
	w := newWorld(t, 0x0001, nil, "a", "b", "c")
	a, b := w.groups["a"], w.groups["b"]
	before, err := a.EpochAuthenticator()
	require.NoError(t, err)
	lost, err := a.Commit(t.Context(), testTime, mls.CommitOptions{})
	require.NoError(t, err)
	won, err := b.Commit(t.Context(), testTime, mls.CommitOptions{})
	require.NoError(t, err)
	after, err := a.EpochAuthenticator()
	require.NoError(t, err)
	require.Equal(t, before, after, "a commit leaves the group as it was")

	r, err := a.Process(t.Context(), testTime, won.Message)
	require.NoError(t, err)
	want, err := won.EpochAuthenticator()
	require.NoError(t, err)
	got, err := r.Commit.EpochAuthenticator()
	require.NoError(t, err)
	require.Equal(t, want, got, "a candidate can be inspected")
	_, err = r.Commit.Adopt()
	require.NoError(t, err)
	_, err = lost.Adopt()
	require.ErrorIs(t, err, mls.ErrRetired, "the race is lost")
	_, err = a.Encrypt(t.Context(), testTime, []byte("late"), nil)
	require.ErrorIs(t, err, mls.ErrRetired)
	_, err = a.Export("label", nil, 32)
	require.ErrorIs(t, err, mls.ErrRetired)
}

func TestLateMessagesOfPastEpochs(t *testing.T) {
	w := newWorld(t, 0x0001, func(c *mls.Config) { c.Limits.PastEpochs = 2 }, "a", "b")
	send := func() []byte {
		m, err := w.groups["a"].Encrypt(t.Context(), testTime, fmt.Appendf(nil, "epoch %d", w.groups["a"].Epoch()), nil)
		require.NoError(t, err)
		return m
	}
	var late [][]byte
	for range 3 {
		late = append(late, send(), send())
		w.commit("b")
	}
	b := w.groups["b"]
	for i, m := range late {
		r, err := b.Process(t.Context(), testTime, m)
		if i < 2 {
			require.ErrorIs(t, err, fault.ErrWrongEpoch, "the window is two epochs")
			continue
		}
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("epoch %d", r.Application.Epoch), string(r.Application.Data))
		_, err = b.Process(t.Context(), testTime, m)
		require.ErrorIs(t, err, mls.ErrConsumed)
	}
	// What was opened stays opened when the window moves on.
	w.commit("a")
	_, err := w.groups["b"].Process(t.Context(), testTime, late[5])
	require.ErrorIs(t, err, mls.ErrConsumed)
}

func TestOwnMessagesAreNotForOneself(t *testing.T) {
	for _, public := range []bool{false, true} {
		w := newWorld(t, 0x0001, func(c *mls.Config) { c.PublicHandshake = public }, "a", "b")
		c, err := w.groups["a"].Commit(t.Context(), testTime, mls.CommitOptions{})
		require.NoError(t, err)
		_, err = w.groups["a"].Process(t.Context(), testTime, c.Message)
		require.ErrorIs(t, err, mls.ErrOwnMessage)
		m, err := w.groups["b"].Encrypt(t.Context(), testTime, []byte("mine"), nil)
		require.NoError(t, err)
		_, err = w.groups["b"].Process(t.Context(), testTime, m)
		require.ErrorIs(t, err, mls.ErrOwnMessage)
	}
}

func TestWelcomeWithoutTree(t *testing.T) {
	w := newWorld(t, 0x0001, nil, "a", "b")
	kp, err := mls.NewKeyPackage(t.Context(), testTime, w.config("c"), mls.KeyPackageOptions{})
	require.NoError(t, err)
	c := w.commitWith("a", mls.CommitOptions{WithoutTree: true, ForcePath: true}, message.Add{KeyPackage: kp.KeyPackage})
	_, err = kp.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{})
	require.ErrorIs(t, err, message.ErrUnsupported)
	tree, err := w.groups["a"].RatchetTree()
	require.NoError(t, err)
	early, err := c.RatchetTree()
	require.NoError(t, err)
	require.Equal(t, tree, early)
	w.groups["c"], err = adopted(kp.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{RatchetTree: tree}))
	require.NoError(t, err)
	w.agree()
	w.talk()
	_, err = kp.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{RatchetTree: tree})
	require.ErrorIs(t, err, mls.ErrKeyPackageUsed, "a key package is used once")
}

// Proposals that do not fit beside each other stop nobody from committing.
func TestUnfitProposalsAreLeftOut(t *testing.T) {
	w := newWorld(t, 0x0001, nil, "a", "b", "c")
	propose := func(by string, p message.Proposal) {
		m, err := w.groups[by].Propose(t.Context(), testTime, p, nil)
		require.NoError(t, err)
		w.propose(by, m)
	}
	keyPackage := func(cfg mls.Config) *message.KeyPackage {
		k, err := mls.NewKeyPackage(t.Context(), testTime, cfg, mls.KeyPackageOptions{})
		require.NoError(t, err)
		return k.KeyPackage
	}
	member := w.config("d")
	w.addClient("a", "d", member)
	stranger := w.config("e")
	_, err := w.groups["b"].Propose(t.Context(), testTime, message.Add{KeyPackage: keyPackage(member)}, nil)
	require.ErrorIs(t, err, message.ErrInvalid, "is in the group")
	propose("b", message.Add{KeyPackage: keyPackage(stranger)}) // fits
	propose("b", message.Add{KeyPackage: keyPackage(stranger)}) // the same client again
	propose("b", message.Remove{Removed: w.groups["c"].OwnLeaf()})
	propose("c", message.Remove{Removed: w.groups["c"].OwnLeaf()}) // the same leaf again
	propose("b", message.Remove{Removed: w.groups["a"].OwnLeaf()}) // the committer
	m, err := w.groups["c"].ProposeUpdate(t.Context(), testTime, mls.LeafOptions{}, nil)
	require.NoError(t, err)
	w.propose("c", m) // loses to its Remove
	c := w.commit("a")
	require.Len(t, c.Proposals(), 2)
	require.Len(t, c.Added(), 1)
	require.NotContains(t, w.groups, "c")
	w.agree()
}

func TestErrorsNameTheCulprit(t *testing.T) {
	w := newWorld(t, 0x0001, nil, "a", "b")
	_, err := w.groups["a"].Commit(context.Background(), testTime, mls.CommitOptions{}, message.Remove{Removed: 7})
	v, ok := errors.AsType[*message.ValidationError](err)
	require.True(t, ok, err)
	require.Equal(t, "12.1.3", v.Section)
	require.EqualValues(t, 7, v.Leaf)
	require.Equal(t, 0, v.Proposal)
	require.ErrorIs(t, err, message.ErrInvalid)
}
