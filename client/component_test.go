package client_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery/guard"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
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

// extensionOf returns an app_data_dictionary of a GroupContext.
func extensionOf(t testing.TB, d message.AppDataDictionary) message.Extension {
	data, err := message.Marshal(&d)
	require.NoError(t, err)
	return message.Extension{Type: message.CodePoints{}.Complete().AppDataDictionary, Data: data}
}

// safely is the extension of a group in which authenticated data is that of components.
func safely(t testing.TB) message.Extension {
	return extensionOf(t, message.AppDataDictionary{{ID: message.CodePoints{}.Complete().SafeAAD, Data: []byte{0}}})
}

const note message.ComponentID = 0x8002

// messages returns the messages of others in events.
func messages(events []client.Event) []*client.Message { return of[*client.Message](events) }

// Components say something with messages, of full and of partial members, also if these wait
// through a restart. All others read it, in the order of the components.
func TestItemsOfComponents(t *testing.T) {
	w := newWorld(t)
	w.guarded(func(cfg *guard.Config) { cfg.MLS.Components = components })
	ann, bob := w.actor("ann", inPublic, withComponents), w.actor("bob", inPublic, withComponents)
	phone := w.actor("phone", partially, withComponents)
	sync(t, ann, bob, phone)
	g, err := ann.CreateGroup(ctx, "", []string{"bob", "phone"}, safely(t))
	require.NoError(t, err)
	sync(t, bob, phone, ann)
	want := message.SafeAAD{{ID: poll, Data: []byte("p")}, {ID: note, Data: []byte("n")}}
	all := []*actor{ann, bob, phone}
	for _, from := range []*actor{ann, phone} {
		for _, a := range all {
			a.events()
		}
		_, err := from.Send(ctx, g, []byte("with items"), want[1], want[0])
		require.NoError(t, err)
		_, err = from.Send(ctx, g, []byte("without"))
		require.NoError(t, err)
		from.restart()
		sync(t, from)
		sync(t, all...)
		for _, a := range all {
			if a == from {
				sent := of[*client.Sent](a.events())
				require.Len(t, sent, 2)
				require.Equal(t, want, sent[0].Items)
				require.Empty(t, sent[1].Items)
				continue
			}
			got := messages(a.events())
			require.Len(t, got, 2, a.name)
			require.Equal(t, want, got[0].Items, a.name)
			require.Empty(t, got[1].Items, a.name)
			require.Equal(t, got[0].Generation+1, got[1].Generation)
		}
	}
}

// What components say twice is refused at once, and what a group has not agreed on when its
// turn comes.
func TestItemsThatAreNotSent(t *testing.T) {
	w := newWorld(t)
	ann := w.actor("ann", withComponents, func(cfg *client.Config) { cfg.Bounds.Message = 8 })
	g, err := ann.CreateGroup(ctx, "", nil)
	require.NoError(t, err)
	item := message.ComponentData{ID: poll, Data: []byte("poll")}
	_, err = ann.Send(ctx, g, nil, item, item)
	require.ErrorIs(t, err, message.ErrMalformed)
	var limit *client.LimitError
	_, err = ann.Send(ctx, g, []byte("longer"), item)
	require.ErrorAs(t, err, &limit)
	id, err := ann.Send(ctx, g, []byte("text"), item)
	require.NoError(t, err)
	sync(t, ann)
	require.Equal(t, []*client.Unsent{{
		ID: id, Data: []byte("text"), Items: message.SafeAAD{item}, Why: client.ErrNoItems.Error(),
	}}, of[*client.Unsent](ann.events()))
}

// Those who are let in are told what the application has for them, whoever lets them in: as
// the first members, as partial ones, into a pair, and in the place of a lost leaf. It is asked
// for no other commit.
func TestJoinersAreToldWhatComponentsHave(t *testing.T) {
	told := message.AppDataDictionary{{ID: poll, Data: []byte("welcome to epoch 0")}}
	asked := 0
	telling := func(cfg *client.Config) {
		withComponents(cfg)
		cfg.JoinerData = func(_ context.Context, g *mls.Group) (message.AppDataDictionary, error) {
			asked++
			return message.AppDataDictionary{{ID: poll, Data: fmt.Appendf(nil, "welcome to epoch %d", g.Epoch())}}, nil
		}
	}
	t.Run("groups", func(t *testing.T) {
		w := newWorld(t)
		w.guarded(func(cfg *guard.Config) { cfg.MLS.Components = components })
		ann, bob := w.actor("ann", inPublic, telling), w.actor("bob", inPublic, withComponents)
		phone := w.actor("phone", partially, withComponents)
		sync(t, ann, bob, phone)
		asked = 0
		g, err := ann.CreateGroup(ctx, "", []string{"bob", "phone"})
		require.NoError(t, err)
		sync(t, bob, phone, ann)
		for _, a := range []*actor{bob, phone} {
			joined := of[*client.Joined](a.events())
			require.Len(t, joined, 1, a.name)
			require.Equal(t, told, joined[0].Data, a.name)
		}
		require.Equal(t, 1, asked)
		require.NoError(t, ann.Update(ctx, g))
		require.Equal(t, 1, asked)
	})
	t.Run("pairs", func(t *testing.T) {
		w := newWorld(t)
		ann, bob := w.actor("ann", inPairs, telling), w.actor("bob", inPairs, withComponents)
		sync(t, ann, bob)
		_, err := ann.CreatePair(ctx, "", []string{"bob"})
		require.NoError(t, err)
		sync(t, bob, ann)
		joined := of[*client.Joined](bob.events())
		require.Len(t, joined, 1)
		require.Equal(t, told, joined[0].Data)
	})
	t.Run("recovery", func(t *testing.T) {
		w := newWorld(t)
		ann := w.actor("ann", telling)
		bob := w.actor("bob", withComponents, func(cfg *client.Config) { cfg.Recovery = client.RecoverByAdd })
		sync(t, ann, bob)
		g, err := ann.CreateGroup(ctx, "", []string{"bob"})
		require.NoError(t, err)
		sync(t, bob, ann)
		bob.events()
		bob.rollBack(func() { require.NoError(t, bob.Update(ctx, g)) })
		var trouble *client.TroubleError
		require.ErrorAs(t, bob.Sync(ctx), &trouble)
		require.NoError(t, ann.Replace(ctx, g, "bob"))
		sync(t, bob, ann)
		recovered := of[*client.Recovered](bob.events())
		require.Len(t, recovered, 1)
		require.Equal(t, poll, recovered[0].Data[0].ID)
	})
}

// Where the application has nothing for those who join, or what no Welcome can have, nobody
// joins.
func TestJoinerDataThatIsRefused(t *testing.T) {
	nothing := errors.New("nothing")
	for name, c := range map[string]struct {
		data message.AppDataDictionary
		err  error
		want error
	}{
		"error":    {nil, nothing, nothing},
		"twice":    {message.AppDataDictionary{{ID: poll}, {ID: poll}}, nil, message.ErrMalformed},
		"reserved": {message.AppDataDictionary{{ID: 0x1A1A}}, nil, message.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ann := w.actor("ann", withComponents, func(cfg *client.Config) {
				cfg.JoinerData = func(context.Context, *mls.Group) (message.AppDataDictionary, error) { return c.data, c.err }
			})
			bob := w.actor("bob", withComponents)
			sync(t, ann, bob)
			g, err := ann.CreateGroup(ctx, "", nil)
			require.NoError(t, err)
			require.ErrorIs(t, ann.Add(ctx, g, "bob"), c.want)
			require.NoError(t, ann.Update(ctx, g))
		})
	}
	w := newWorld(t)
	cfg := w.actor("ann").cfg
	cfg.JoinerData = func(context.Context, *mls.Group) (message.AppDataDictionary, error) { return nil, nil }
	_, err := client.Open(ctx, cfg)
	require.ErrorContains(t, err, "JoinerData needs MLS.Components")
}

// A member that has nothing for those whom others propose lets the proposals wait, whatever its
// reason: another member commits them.
func TestProposalsWaitForJoinerData(t *testing.T) {
	w := newWorld(t)
	ann, bob, carl := w.actor("ann", withComponents), w.actor("bob", withComponents), w.actor("carl", withComponents)
	sync(t, carl, bob, ann)
	extension, propose := w.office()
	g, err := ann.CreateGroup(ctx, "", []string{"bob"}, extension)
	require.NoError(t, err)
	sync(t, bob, ann)
	ann.cfg.JoinerData = func(context.Context, *mls.Group) (message.AppDataDictionary, error) { return nil, message.ErrInvalid }
	ann.restart()
	propose(g, "carl")
	for range 2 {
		require.ErrorIs(t, ann.Sync(ctx), message.ErrInvalid)
	}
	require.Empty(t, ann.failures())
	sync(t, bob, ann, carl)
	agree(t, g, ann, bob, carl)
}

// A change that adds members goes on after a call that ends while the application looks for what
// it has for them.
func TestChangeGoesOnWhereJoinerDataStopped(t *testing.T) {
	w := newWorld(t)
	var ask func(context.Context) error
	ann := w.actor("ann", withComponents, func(cfg *client.Config) {
		cfg.JoinerData = func(ctx context.Context, _ *mls.Group) (message.AppDataDictionary, error) { return nil, ask(ctx) }
	})
	bob := w.actor("bob", withComponents)
	sync(t, ann, bob)
	g, err := ann.CreateGroup(ctx, "", nil)
	require.NoError(t, err)
	ask = func(context.Context) error { ann.disk.Kill(); return nil }
	require.Error(t, ann.Add(ctx, g, "bob"))
	ann.open()
	ends, end := context.WithCancel(ctx)
	ask = func(ctx context.Context) error { end(); return ctx.Err() }
	require.ErrorIs(t, ann.Sync(ends), context.Canceled)
	ask = func(context.Context) error { return nil }
	sync(t, ann, bob)
	require.Empty(t, ann.failures())
	agree(t, g, ann, bob)
}

// The exported secret of a component is taken once, durably, with what the application writes
// beside it. If that fails, it is not taken.
func TestClientsExportSafely(t *testing.T) {
	exporting := func(cfg *client.Config) { cfg.MLS.SafeExporter = true }
	w := newWorld(t)
	w.guarded(func(*guard.Config) {})
	ann, bob := w.actor("ann", inPublic, exporting), w.actor("bob", inPublic, exporting)
	phone := w.actor("phone", partially, exporting)
	sync(t, ann, bob, phone)
	g, err := ann.CreateGroup(ctx, "", []string{"bob", "phone"})
	require.NoError(t, err)
	sync(t, bob, phone, ann)
	full := errors.New("disk full")
	_, err = ann.SafeExportSecret(ctx, g, poll, func(store.Writer, []byte) error { return full })
	require.ErrorIs(t, err, full)
	kept := []byte("secret")
	want, err := ann.SafeExportSecret(ctx, g, poll, func(w store.Writer, secret []byte) error { return w.Put(kept, secret) })
	require.NoError(t, err)
	require.NoError(t, ann.Read(ctx, func(r store.Reader) error {
		got, err := r.Get(kept)
		require.Equal(t, want, got)
		return err
	}))
	for _, a := range []*actor{bob, phone} {
		got, err := a.SafeExportSecret(ctx, g, poll)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, a := range []*actor{ann, bob, phone} {
		a.restart()
		_, err = a.SafeExportSecret(ctx, g, poll)
		require.ErrorIs(t, err, mls.ErrConsumed)
		other, err := a.SafeExportSecret(ctx, g, note)
		require.NoError(t, err)
		require.NotEqual(t, want, other)
	}
	_, err = ann.SafeExportSecret(ctx, "no group", poll)
	require.ErrorIs(t, err, client.ErrNoGroup)
}

// In a pair, the exported secret is that of the T group.
func TestClientsOfPairsExportSafely(t *testing.T) {
	w := newWorld(t)
	both := w.alike([]string{"ann", "bob"}, inPairs, func(cfg *client.Config) { cfg.MLS.SafeExporter = true })
	ann, bob := both[0], both[1]
	g, err := ann.CreatePair(ctx, "", []string{"bob"})
	require.NoError(t, err)
	sync(t, bob, ann)
	got, err := ann.SafeExportSecret(ctx, g, poll)
	require.NoError(t, err)
	export := func(look func(context.Context, string, func(*mls.Group) error) error) (secret []byte) {
		require.NoError(t, look(ctx, g, func(g *mls.Group) (err error) {
			secret, err = g.SafeExportSecret(poll)
			return err
		}))
		return secret
	}
	require.Equal(t, export(bob.View), got)
	require.NotEqual(t, export(bob.ViewPQ), got)
}

// acknowledging brings the component of acknowledgements, as an application has it.
func acknowledging(cfg *client.Config) {
	cfg.MLS.Components = []mls.Component{{
		ID: cfg.MLS.CodePoints.Complete().AppAck,
		Ephemeral: func(_ *mls.ComponentCommit, _ message.Sender, data []byte) error {
			_, err := message.Parse[message.AppAck](data)
			return err
		},
	}}
}

// From the events of a client, an application knows what it has received, tells the others, and
// finds what others have received and it has not.
func TestApplicationsAcknowledge(t *testing.T) {
	w := newWorld(t)
	ann, bob, carl := w.actor("ann", acknowledging), w.actor("bob", acknowledging), w.actor("carl", acknowledging)
	sync(t, ann, bob, carl)
	g, err := ann.CreateGroup(ctx, "", []string{"bob", "carl"})
	require.NoError(t, err)
	sync(t, bob, carl, ann)
	for _, text := range []string{"one", "two", "three"} {
		_, err := ann.Send(ctx, g, []byte(text))
		require.NoError(t, err)
	}
	sync(t, ann, bob, carl)
	received := func(a *actor, without string) (ack message.AppAck) {
		for _, e := range a.events() {
			if m, ok := e.What.(*client.Message); ok && string(m.Data) != without {
				ack = ack.With(m.From.Leaf, m.Generation)
			}
		}
		return ack
	}
	bobs, carls := received(bob, ""), received(carl, "two")
	data, err := message.Marshal(&bobs)
	require.NoError(t, err)
	app := message.CodePoints{}.Complete().AppAck
	require.NoError(t, bob.Propose(ctx, g, message.AppEphemeral{Component: app, Data: data}))
	sync(t, carl)
	heard := told(t, carl.events(), "bob")
	require.Len(t, heard, 1)
	ack, err := message.Parse[message.AppAck](heard[0].Data)
	require.NoError(t, err)
	missing := carls.Missing(*ack)
	require.Len(t, missing, 1)
	require.Equal(t, missing[0].First, missing[0].Last)
	require.Equal(t, bobs[0].First+1, missing[0].First)
	require.Empty(t, bobs.Missing(*ack))
}
