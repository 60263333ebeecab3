package client_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery/guard"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

const poll message.ComponentID = 0x8001

// components is a part of the application whose entry of the dictionary is replaced.
var components = []mls.Component{{
	ID: poll, Update: mls.ReplaceData,
	Ephemeral: func(*mls.ComponentCommit, message.Sender, []byte) error { return nil },
}}

// withComponents gives clients the component.
func withComponents(cfg *client.Config) { cfg.MLS.Components = components }

// told returns what the epochs of events say to components, without who said it.
func told(t testing.TB, events []client.Event, from string) (all []client.ComponentProposal) {
	for _, e := range epochs(events) {
		for _, p := range e.Components {
			require.Equal(t, from, p.From.Name)
			p.From = client.Person{}
			all = append(all, p)
		}
	}
	return all
}

func epochs(events []client.Event) []*client.EpochChanged { return of[*client.EpochChanged](events) }

// The proposals of components are committed, by whoever makes them, and all members learn of
// them.
func TestComponents(t *testing.T) {
	update := message.AppDataUpdate{Component: poll, Update: []byte("open")}
	ephemeral := message.AppEphemeral{Component: poll, Data: []byte("a vote")}
	remove := message.AppDataUpdate{Component: poll, Remove: true}
	want := []client.ComponentProposal{
		{Component: poll, Data: []byte("open")}, {Component: poll, Ephemeral: true, Data: []byte("a vote")}, {Component: poll, Remove: true},
	}
	for name, numbers := range map[string]message.CodePoints{
		"suggested numbers": {},
		"other numbers":     {AppDataDictionary: 0xF006, AppDataUpdate: 0xF008, AppEphemeral: 0xF009},
	} {
		t.Run(name, func(t *testing.T) {
			numbered := func(cfg *client.Config) { cfg.MLS.CodePoints = numbers }
			w := newWorld(t)
			w.guarded(func(cfg *guard.Config) { cfg.MLS.Components, cfg.MLS.CodePoints = components, numbers })
			ann, bob := w.actor("ann", inPublic, withComponents, numbered), w.actor("bob", inPublic, withComponents, numbered)
			phone := w.actor("phone", partially, withComponents, numbered)
			sync(t, ann, bob, phone)
			g, err := ann.CreateGroup(ctx, "", []string{"bob", "phone"})
			require.NoError(t, err)
			sync(t, bob, phone, ann)
			for _, p := range []message.Proposal{update, ephemeral, remove} {
				require.NoError(t, ann.Propose(ctx, g, p))
			}
			sync(t, bob, phone, ann)
			for _, a := range []*actor{ann, bob, phone} {
				require.Equal(t, want, told(t, a.events(), "ann"), a.name)
			}
			within(t, func() error { return phone.Propose(ctx, g, update) }, ann)
			sync(t, bob, phone, ann)
			for _, a := range []*actor{ann, bob, phone} {
				require.Equal(t, want[:1], told(t, a.events(), "phone"), a.name)
			}
			agree(t, g, ann, bob)
			require.Equal(t, ann.authenticator(g), phone.partialAuthenticator(g))
			require.ErrorIs(t, ann.Propose(ctx, g, message.AppDataUpdate{Component: poll + 1}), message.ErrUnsupported)
			require.ErrorIs(t, ann.Propose(ctx, g, message.ReInit{}), message.ErrUnsupported)
		})
	}
}

// In a pair, the proposals of components are for the T group, and the combiner's own are not
// for the application.
func TestComponentsOfPairs(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.actor("ann", inPairs, withComponents), w.actor("bob", inPairs, withComponents)
	sync(t, ann, bob)
	g, err := ann.CreatePair(ctx, "", []string{"bob"})
	require.NoError(t, err)
	sync(t, bob, ann)
	require.NoError(t, ann.Propose(ctx, g, message.AppDataUpdate{Component: poll, Update: []byte("open")}))
	require.NoError(t, ann.Propose(ctx, g, message.AppEphemeral{Component: poll, Data: []byte("a vote")}))
	sync(t, bob, ann)
	require.Equal(t, []client.ComponentProposal{
		{Component: poll, Data: []byte("open")}, {Component: poll, Ephemeral: true, Data: []byte("a vote")},
	}, told(t, bob.events(), "ann"))
	require.Error(t, ann.Propose(ctx, g, message.AppDataUpdate{Component: ann.cfg.MLS.CodePoints.Complete().APQInfo, Remove: true}))
	agree(t, g, ann, bob)
}
