package client_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
)

// refuser is a service that refuses to show some groups to those who join.
type refuser struct {
	delivery.Service
	refuses func(group string) bool
}

func (r refuser) GroupInfo(ctx context.Context, group string) (delivery.GroupInfo, error) {
	if r.refuses(group) {
		return delivery.GroupInfo{}, &delivery.RefusalError{Rule: "this client does not come back"}
	}
	return r.Service.GroupInfo(ctx, group)
}

func (a *actor) refused(refuses func(group string) bool) {
	a.delivery = func(s delivery.Service) delivery.Service { return refuser{s, refuses} }
	a.restart()
}

func everyGroup(string) bool { return true }

// A refusal ends a join: it is not repeated for as long as the context allows.
func TestJoinExternalReturnsARefusal(t *testing.T) {
	ann, _, _, g := three(t)
	mal := ann.w.actor("mal")
	mal.refused(everyGroup)
	err := mal.JoinExternal(ctx, g)
	var refusal *delivery.RefusalError
	require.ErrorAs(t, err, &refusal)
	require.NotErrorIs(t, err, client.ErrUndecided)
	require.Empty(t, mal.Groups())
}

// The same of the PQ group of a pair.
func TestJoinExternalReturnsARefusalOfThePQGroup(t *testing.T) {
	w := newWorld(t)
	ann := w.actor("ann", withHybrid, inPairs)
	g, err := ann.CreatePair(ctx, "", nil)
	require.NoError(t, err)
	sync(t, ann)
	mal := w.actor("mal", withHybrid, inPairs)
	mal.refused(func(group string) bool { return group != g })
	var refusal *delivery.RefusalError
	require.ErrorAs(t, mal.JoinExternal(ctx, g), &refusal)
}

// A recovery that is refused leaves the group in its trouble, which says why.
func TestRefusedRecoveryIsATrouble(t *testing.T) {
	ann, bob, carl, g := three(t)
	require.NoError(t, bob.Update(ctx, g))
	sync(t, bob, carl)
	entries := ann.w.server.Entries(delivery.Stream{Group: g})
	ann.w.server.Drop(entries[len(entries)-1].Position)
	require.NoError(t, bob.Update(ctx, g))
	ann.refused(everyGroup)
	err := ann.Sync(ctx)
	var trouble *client.TroubleError
	var refusal *delivery.RefusalError
	require.ErrorAs(t, err, &trouble)
	require.Equal(t, client.Gap, trouble.Trouble)
	require.ErrorAs(t, err, &refusal)
	require.ErrorAs(t, ann.Resync(ctx, g), &refusal)
}
