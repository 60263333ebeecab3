package client_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
)

// meddler does something just before a client's request reaches the service.
type meddler struct {
	delivery.Service
	afterSubmit  func()
	beforeSend   func(delivery.Message)
	beforeSubmit func(delivery.Submission)
}

func (m *meddler) Send(ctx context.Context, msg delivery.Message) (delivery.Position, error) {
	if f := m.beforeSend; f != nil {
		f(msg)
	}
	return m.Service.Send(ctx, msg)
}

func (m *meddler) Submit(ctx context.Context, s delivery.Submission) (delivery.Position, error) {
	if f := m.beforeSubmit; f != nil {
		f(s)
	}
	if f := m.afterSubmit; f != nil {
		defer f()
	}
	return m.Service.Submit(ctx, s)
}

// meddled returns two clients in one group, and what sits before the first one's service.
func meddled(t *testing.T) (ann, bob *actor, m *meddler, group string) {
	w := newWorld(t)
	m = &meddler{}
	ann = w.actor("ann")
	ann.delivery = func(s delivery.Service) delivery.Service { m.Service = s; return m }
	ann.restart()
	bob = w.clients("bob")[0]
	group, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	sync(t, ann, bob)
	return ann, bob, m, group
}

// A message that waited in the outbox while epochs went by is encrypted for the epoch that
// there is when it is sent.
func TestOutboxDoesNotGoStale(t *testing.T) {
	ann, bob, m, g := meddled(t)
	_, err := ann.Send(ctx, g, []byte("patient"))
	require.NoError(t, err)
	for range 10 {
		require.NoError(t, bob.Update(ctx, g))
	}
	ann.restart()
	require.NoError(t, ann.Sync(ctx))
	sync(t, bob)
	require.Equal(t, []string{"ann: patient"}, bob.texts())

	// Epochs go by even between the encryption and the service: it is sent again.
	_, err = ann.Send(ctx, g, []byte("overtaken"))
	require.NoError(t, err)
	m.beforeSend = func(delivery.Message) {
		m.beforeSend = nil
		for range 5 {
			require.NoError(t, bob.Update(ctx, g))
		}
	}
	require.NoError(t, ann.Flush(ctx, g))
	sync(t, bob)
	require.Equal(t, []string{"ann: overtaken"}, bob.texts())
	sent := of[*client.Sent](ann.events())
	require.Len(t, sent, 2)
	require.Empty(t, of[*client.Refused](bob.events()))
}

// A change is tried again as often as others are faster.
func TestChangeIsRetriedAsOftenAsItLoses(t *testing.T) {
	ann, bob, m, g := meddled(t)
	carl := ann.w.clients("carl")[0]
	lost := 0
	m.beforeSubmit = func(delivery.Submission) {
		if lost++; lost <= 30 {
			require.NoError(t, bob.Update(ctx, g))
		}
	}
	require.NoError(t, ann.Add(ctx, g, "carl"))
	require.Equal(t, 31, lost)
	sync(t, ann, bob, carl)
	agree(t, g, ann, bob, carl)
}

// What somebody else has done meanwhile is not done again.
func TestChangeIsExaminedInTheNewEpoch(t *testing.T) {
	ann, bob, m, g := meddled(t)
	carl := ann.w.clients("carl")[0]
	submitted := 0
	m.beforeSubmit = func(delivery.Submission) {
		if submitted++; submitted == 1 {
			require.NoError(t, bob.Add(ctx, g, "carl"))
		}
	}
	require.NoError(t, ann.Add(ctx, g, "carl"))
	require.Equal(t, 1, submitted)
	submitted = 10
	m.beforeSubmit = func(delivery.Submission) {
		if submitted++; submitted == 11 {
			require.NoError(t, bob.Remove(ctx, g, "carl"))
		}
	}
	require.NoError(t, ann.Remove(ctx, g, "carl"))
	require.Equal(t, 11, submitted)
	sync(t, ann, bob, carl)
	agree(t, g, ann, bob)
	require.Empty(t, carl.Groups())
}

// Proposals of others do not keep messages back: they are committed first, however many
// come.
func TestProposalsAreCommittedBeforeMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann, bob, _, g := meddled(t)
		carl := ann.w.clients("carl")[0]
		require.NoError(t, ann.Add(ctx, g, "carl"))
		sync(t, bob, carl)
		short, cancel := shortly()
		defer cancel()
		require.ErrorIs(t, carl.Leave(short, g), client.ErrUndecided)
		_, err := ann.Send(ctx, g, []byte("after carl"))
		require.NoError(t, err)
		require.NoError(t, ann.Flush(ctx, g))
		sync(t, bob, carl)
		require.Equal(t, []string{"ann: after carl"}, bob.texts())
		require.Empty(t, carl.texts())
		require.Empty(t, carl.Groups())
	})
}

// A call whose context ends leaves nothing behind if its commit has lost, and says so if
// it may have won.
func TestEndedContextWithdrawsAChange(t *testing.T) {
	ann, bob, m, g := meddled(t)
	ann.w.clients("carl", "dan")
	short, cancel := context.WithCancel(ctx)
	m.beforeSubmit = func(delivery.Submission) { require.NoError(t, bob.Update(ctx, g)) }
	m.afterSubmit = cancel
	err := ann.Add(short, g, "carl")
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, client.ErrUndecided)
	m.beforeSubmit = nil
	sync(t, ann, bob)
	info, err := bob.Group(g)
	require.NoError(t, err)
	require.Equal(t, 2, info.Members)

	short, cancel = context.WithCancel(ctx)
	m.beforeSubmit, m.afterSubmit = func(delivery.Submission) { cancel() }, nil
	require.ErrorIs(t, ann.Add(short, g, "dan"), client.ErrUndecided)
	m.beforeSubmit = nil
	sync(t, ann, bob)
	info, err = bob.Group(g)
	require.NoError(t, err)
	require.Equal(t, 3, info.Members)
}
