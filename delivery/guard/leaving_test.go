package guard

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// leavable returns ann and bob in a group whose members may leave by SelfRemoves.
func leavable(w *world) (ann, bob *member) {
	ann, bob = w.member("ann", 1, true), w.member("bob", 1, true)
	ann.cfg.SelfRemove, bob.cfg.SelfRemove = true, true
	require.NoError(w.t, ann.begin("g"))
	ann.add(bob)
	return ann, bob
}

// leave sends a member's SelfRemove.
func (m *member) leave() delivery.Message {
	m.w.t.Helper()
	msg, err := m.group.Propose(m.w.t.Context(), noon, message.SelfRemove{}, nil)
	require.NoError(m.w.t, err)
	sent := delivery.Message{ID: m.name + " leaves", Group: string(m.group.GroupID()), Epoch: m.group.Epoch(), Message: msg, SelfRemove: true}
	require.NoError(m.w.t, err2(m.service().Send(m.w.t.Context(), sent)))
	return sent
}

// joins returns a commit by which a client joins group g from outside.
func (m *member) joins(info delivery.GroupInfo, options mls.ExternalJoinOptions) candidate {
	m.w.t.Helper()
	options.RatchetTree = info.Tree
	c, err := mls.ExternalJoin(m.w.t.Context(), noon, m.cfg, info.Message, options)
	require.NoError(m.w.t, err)
	return m.submission(c, info.Epoch)
}

func TestJoinersCoverSelfRemoves(t *testing.T) {
	w := newWorld(t, nil)
	ann, bob := leavable(w)
	carl := w.member("carl", 1, true)
	shown := func() delivery.GroupInfo {
		t.Helper()
		info, err := carl.service().GroupInfo(t.Context(), "g")
		require.NoError(t, err)
		return info
	}
	early := carl.joins(shown(), mls.ExternalJoinOptions{})
	update := ann.commit()
	bob.leave()
	w.restart() // the guard reads it from the stream
	info := shown()
	require.Len(t, info.SelfRemoves, 1)
	for name, c := range map[string]candidate{
		"made before":       early,
		"left out":          carl.joins(info, mls.ExternalJoinOptions{}),
		"removed otherwise": w.again("bob", bob).joins(info, mls.ExternalJoinOptions{Remove: leafOf(1)}),
	} {
		_, err := carl.service().Submit(t.Context(), c.Submission)
		require.ErrorIs(t, err, delivery.ErrSelfRemoves, name)
	}
	require.Equal(t, uint64(2), w.known("g").Epoch())
	require.NoError(t, carl.submit(carl.joins(info, mls.ExternalJoinOptions{Proposals: info.SelfRemoves})))
	require.Equal(t, uint64(3), w.known("g").Epoch())
	require.Equal(t, 2, w.known("g").Size())
	require.Empty(t, shown().SelfRemoves)
	_, err := ann.service().Submit(t.Context(), update.Submission)
	var epoch *delivery.EpochError
	require.ErrorAs(t, err, &epoch)
}

// again returns another process of a client, which has lost its state.
func (w *world) again(name string, m *member) *member {
	lost := *m
	lost.name, lost.group = name, nil
	return &lost
}

func leafOf(i message.LeafIndex) *message.LeafIndex { return &i }

// A member's commit may be made before it has read a SelfRemove, as before any proposal.
func TestMembersCommitBesideSelfRemoves(t *testing.T) {
	w := newWorld(t, nil)
	ann, bob := leavable(w)
	c := ann.commit()
	bob.leave()
	require.NoError(t, ann.submit(c))
}

// The service hands out what is sent as a SelfRemove, and only that.
func TestSelfRemovesAreSentAsSuch(t *testing.T) {
	for _, public := range []bool{true, false} {
		w := newWorld(t, nil)
		ann, bob := w.member("ann", 1, public), w.member("bob", 1, public)
		ann.cfg.SelfRemove, bob.cfg.SelfRemove = true, true
		require.NoError(t, ann.begin("g"))
		ann.add(bob)
		send := func(msg []byte, selfRemove bool) error {
			w.ids++
			return err2(bob.service().Send(t.Context(), delivery.Message{ID: "x", Group: "g", Epoch: 2, Message: msg, SelfRemove: selfRemove}))
		}
		text, err := bob.group.Encrypt(t.Context(), noon, []byte("text"), nil)
		require.NoError(t, err)
		w.requireRefused(send(text, true), ruleSelfRemove)
		update, err := bob.group.ProposeUpdate(t.Context(), noon, mls.LeafOptions{}, nil)
		require.NoError(t, err)
		w.requireRefused(send(update, true), ruleSelfRemove)
		leaves, err := bob.group.Propose(t.Context(), noon, message.SelfRemove{}, nil)
		require.NoError(t, err)
		w.requireRefused(send(leaves, false), ruleSelfRemove)
		require.NoError(t, send(leaves, true))
	}
}

// A SelfRemove would take a member out of one group of a pair.
func TestNobodyLeavesOneGroupOfAPair(t *testing.T) {
	w := pairWorld(t, nil)
	ann, bob := w.pairMember("ann", true), w.pairMember("bob", true)
	for _, m := range []*pairMember{ann, bob} {
		m.cfg.T.SelfRemove, m.cfg.PQ.SelfRemove = true, true
	}
	ann.begin("t", "pq")
	own := must(apq.NewKeyPackage(t.Context(), noon, bob.cfg, mls.KeyPackageOptions{}))(t)
	sub := ann.submit(apq.CommitOptions{Add: []apq.KeyPackages{must(apq.ParseKeyPackages(own.Message, message.CodePoints{}))(t)}})
	join := must(own.Join(t.Context(), noon, sub.Welcomes[0].Message, apq.JoinOptions{}))(t)
	bob.group = must(join.Adopt())(t)
	leaves := must(bob.group.T().Propose(t.Context(), noon, message.SelfRemove{}, nil))(t)
	epoch := bob.group.T().Epoch()
	_, err := bob.service().Send(t.Context(), delivery.Message{ID: "1", Group: "t", Epoch: epoch, Message: leaves, SelfRemove: true})
	w.requireRefused(err, ruleProposal)
	require.ErrorIs(t, err, errHalf)

	// One that went past the guard is not committed either.
	_, err = w.server.Client("bob").Send(t.Context(), delivery.Message{ID: "2", Group: "t", Epoch: epoch, Message: leaves})
	require.NoError(t, err)
	_, err = ann.group.T().Process(t.Context(), noon, leaves)
	require.NoError(t, err)
	c := must(ann.group.T().Commit(t.Context(), noon, mls.CommitOptions{}))(t)
	_, err = ann.service().Submit(t.Context(), ann.submission(ann.describe(c, c.Message)))
	w.requireRefused(err, ruleCommit)
	require.ErrorIs(t, err, errHalf)
}
