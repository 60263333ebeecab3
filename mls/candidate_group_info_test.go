package mls_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// storesAtOnce requires that a delivery service takes a commit together with the
// GroupInfo of the epoch that it begins, with and without the tree, and serves the
// latter to joiners.
func storesAtOnce(t *testing.T, service *mls.PublicGroup, c *mls.Candidate) *mls.PublicGroup {
	t.Helper()
	r, err := service.Process(t.Context(), testTime, c.Message)
	require.NoError(t, err)
	next := r.Commit.Adopt()
	for _, withTree := range []bool{true, false} {
		info, err := c.GroupInfo(t.Context(), testTime, withTree)
		require.NoError(t, err)
		require.ErrorIs(t, service.SetGroupInfo(info), fault.ErrWrongEpoch)
		require.NoError(t, next.SetGroupInfo(info))
		require.Equal(t, info, next.GroupInfo())
	}
	return next
}

// joinedBy lets a client join by what the delivery service serves, without the tree in
// the GroupInfo, and everybody follow.
func (w *world) joinedBy(service *mls.PublicGroup, name string) *mls.Candidate {
	w.t.Helper()
	tree, err := service.RatchetTree()
	require.NoError(w.t, err)
	c, err := mls.ExternalJoin(w.t.Context(), testTime, w.config(name), service.GroupInfo(), mls.ExternalJoinOptions{RatchetTree: tree})
	require.NoError(w.t, err)
	return c
}

func TestGroupInfoOfCandidate(t *testing.T) {
	for _, id := range []suite.ID{0x0001, 0x0007, 0xF00B} {
		t.Run(id.String(), func(t *testing.T) {
			w := newStateWorld(t, id, func(cfg *mls.Config) { cfg.PublicHandshake = true }, "a", "b")
			info, err := w.groups["a"].GroupInfo(t.Context(), testTime, true)
			require.NoError(t, err)
			service, err := mls.NewPublicGroup(t.Context(), testTime, mls.Config{Suites: w.configs["a"].Suites}, info, nil)
			require.NoError(t, err)

			signer, err := w.groups["a"].Suite().GenerateSigner()
			require.NoError(t, err)
			c, err := w.groups["a"].Commit(t.Context(), testTime, mls.CommitOptions{Leaf: mls.LeafOptions{Signer: signer}})
			require.NoError(t, err)
			service = storesAtOnce(t, service, c)
			w.adopt("a", c)

			joining := w.joinedBy(service, "c")
			service = storesAtOnce(t, service, joining) // before anybody has followed the joiner
			w.adopt("c", joining)
			w.groups["c"] = w.joined(joining)

			// That of another member's commit, and of one that was restored.
			r, err := w.groups["c"].Commit(t.Context(), testTime, mls.CommitOptions{})
			require.NoError(t, err)
			received, err := w.groups["b"].Process(t.Context(), testTime, r.Message)
			require.NoError(t, err)
			received.Commit.Message = r.Message
			service = storesAtOnce(t, service, received.Commit)
			received.Commit.Message = nil
			w.adopt("c", r)
			w.agree()

			c, err = w.groups["c"].Commit(t.Context(), testTime, mls.CommitOptions{})
			require.NoError(t, err)
			state, err := c.Save()
			require.NoError(t, err)
			restored, err := w.groups["c"].RestoreCandidate(testTime, state)
			require.NoError(t, err)
			service = storesAtOnce(t, service, restored)
			w.adopt("c", c)

			joining = w.joinedBy(service, "d")
			state, err = joining.Save()
			require.NoError(t, err)
			again, err := mls.RestoreCandidate(testTime, w.configs["d"], state)
			require.NoError(t, err)
			storesAtOnce(t, service, again)
			w.adopt("d", joining)
			w.groups["d"] = w.joined(joining)
			w.agree()
		})
	}
}

func TestGroupInfoOfCandidateThatLeadsNowhere(t *testing.T) {
	w := newWorld(t, 0x0001, nil, "a", "b", "c")
	groupInfo := func(c *mls.Candidate) error {
		info, err := c.GroupInfo(t.Context(), testTime, true)
		require.Equal(t, err == nil, info != nil)
		return err
	}
	commit := func(proposals ...message.Proposal) *mls.Candidate {
		c, err := w.groups["a"].Commit(t.Context(), testTime, mls.CommitOptions{}, proposals...)
		require.NoError(t, err)
		return c
	}
	removes := commit(message.Remove{Removed: w.groups["b"].OwnLeaf()})
	r, err := w.groups["b"].Process(t.Context(), testTime, removes.Message)
	require.NoError(t, err)
	require.ErrorIs(t, groupInfo(r.Commit), mls.ErrRemoved)
	require.NoError(t, groupInfo(removes))

	discarded, lost, won := commit(), commit(), commit()
	discarded.Discard()
	require.ErrorIs(t, groupInfo(discarded), mls.ErrRetired)
	ends := commit(message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0001})
	require.ErrorIs(t, groupInfo(ends), mls.ErrReInit)
	require.NoError(t, groupInfo(lost))
	w.adopt("a", won)
	require.ErrorIs(t, groupInfo(lost), mls.ErrRetired)
	require.ErrorIs(t, groupInfo(won), mls.ErrRetired)
}
