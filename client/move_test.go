package client_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/migrate"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
)

// movable returns clients in one group that have key packages of the hybrid too.
func movable(t *testing.T, change ...func(*client.Config)) (actors []*actor, group string) {
	w := newWorld(t)
	actors = w.alike([]string{"ann", "bob", "carl"}, append(change, withHybrid)...)
	group, err := actors[0].CreateGroup(ctx, "", []string{"bob", "carl"})
	require.NoError(t, err)
	sync(t, actors...)
	return actors, group
}

// moved returns the group that all have moved to.
func moved(t *testing.T, old string, actors ...*actor) string {
	t.Helper()
	next := ""
	for _, a := range actors {
		groups := a.Groups()
		require.Len(t, groups, 1, a.name)
		require.Equal(t, hybrid, groups[0].Suite, a.name)
		require.NotEqual(t, old, groups[0].Group)
		next = groups[0].Group
	}
	agree(t, next, actors...)
	return next
}

func TestGroupMoves(t *testing.T) {
	counts := &counter{}
	actors, g := movable(t, func(cfg *client.Config) { cfg.Metrics = counts })
	ann, bob, carl := actors[0], actors[1], actors[2]
	_, err := carl.Send(ctx, g, []byte("waits"))
	require.NoError(t, err)
	next, err := ann.Move(ctx, g, hybrid)
	require.NoError(t, err)
	_, err = bob.Send(ctx, g, []byte("waits too"))
	require.NoError(t, err)
	sync(t, actors...)
	require.Equal(t, next, moved(t, g, actors...))
	require.Equal(t, int64(4), counts.of("key_packages_claimed"), "of each other member, for each of the groups")
	events := ann.events()
	moves := of[*client.Moved](events)
	require.Len(t, moves, 1)
	require.Equal(t, g, string(moves[0].From))
	var texts []string
	for _, m := range of[*client.Message](events) {
		texts = append(texts, string(m.Data))
	}
	require.ElementsMatch(t, []string{"waits", "waits too"}, texts)
	_, err = ann.Send(ctx, g, nil)
	require.ErrorIs(t, err, client.ErrNoGroup)
	info, err := bob.w.server.Client("bob").GroupInfo(ctx, next)
	require.NoError(t, err)
	require.NotEmpty(t, info.Message, "who loses its state can join the new group")
}

// fewRecipients is a service that takes Welcomes for a few clients at once.
type fewRecipients struct {
	delivery.Service
	limit int
}

func (s fewRecipients) Submit(ctx context.Context, sub delivery.Submission) (delivery.Position, error) {
	for _, w := range sub.Welcomes {
		if len(w.Clients) > s.limit {
			return 0, delivery.ErrTooLarge
		}
	}
	return s.Service.Submit(ctx, sub)
}

// A group that no Welcome could bring to the next one does not end.
func TestMoveOfTooManyMembers(t *testing.T) {
	w := newWorld(t)
	counts := &counter{}
	ann := w.actor("ann", withHybrid, func(cfg *client.Config) { cfg.Bounds.Recipients, cfg.Metrics = 2, counts })
	ann.delivery = func(s delivery.Service) delivery.Service { return fewRecipients{s, 2} }
	ann.restart()
	g, err := ann.CreateGroup(ctx, "", nil)
	require.NoError(t, err)
	actors := []*actor{ann}
	for _, name := range []string{"bob", "carl", "dan"} {
		a := w.actor(name, withHybrid)
		actors = append(actors, a)
		sync(t, a)
		require.NoError(t, ann.Add(ctx, g, name))
	}
	sync(t, actors...)
	claimed := counts.of("key_packages_claimed")
	_, err = ann.Move(ctx, g, hybrid)
	require.ErrorIs(t, err, delivery.ErrTooLarge)
	require.ErrorContains(t, err, "3 clients, of at most 2")
	require.Equal(t, claimed, counts.of("key_packages_claimed"))
	info, err := ann.Group(g)
	require.NoError(t, err)
	require.Equal(t, client.Active, info.State)
	for _, a := range actors {
		require.NoError(t, a.Update(ctx, g), a.name)
	}
	require.NoError(t, ann.Remove(ctx, g, "dan"))
	sync(t, actors...)
	_, err = ann.Move(ctx, g, hybrid)
	require.NoError(t, err)
	sync(t, actors...)
	moved(t, g, actors[:3]...)
}

func TestTooManyAtOnce(t *testing.T) {
	w := newWorld(t)
	counts := &counter{}
	ann := w.actor("ann", func(cfg *client.Config) { cfg.Bounds.Recipients, cfg.Metrics = 1, counts })
	w.clients("bob", "carl")
	_, err := ann.CreateGroup(ctx, "g", []string{"bob", "carl"})
	require.ErrorIs(t, err, delivery.ErrTooLarge)
	require.Empty(t, ann.Groups())
	_, err = ann.CreateGroup(ctx, "g", []string{"bob"})
	require.NoError(t, err)
	claimed := counts.of("key_packages_claimed")
	require.ErrorIs(t, ann.Add(ctx, "g", "carl", "dan"), delivery.ErrTooLarge)
	require.ErrorIs(t, ann.Replace(ctx, "g", "bob", "carl"), delivery.ErrTooLarge)
	require.Equal(t, claimed, counts.of("key_packages_claimed"))
	require.NoError(t, ann.Add(ctx, "g", "bob", "carl"), "who is there already is not let in")

	ann.cfg.Bounds.Recipients = delivery.MaxRecipients + 1 // which no service takes
	ann.restart()
	claimed = counts.of("key_packages_claimed")
	many := make([]string, delivery.MaxRecipients+1)
	for i := range many {
		many[i] = fmt.Sprint("m", i)
	}
	require.ErrorIs(t, ann.Add(ctx, "g", many...), delivery.ErrTooLarge)
	require.Equal(t, claimed, counts.of("key_packages_claimed"))
}

func TestMoveWaitsForKeyPackages(t *testing.T) {
	w := newWorld(t)
	ann := w.actor("ann", withHybrid)
	w.clients("bob")
	g, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	_, err = ann.Move(ctx, g, hybrid)
	var notReady *migrate.NotReady
	require.ErrorAs(t, err, &notReady)
	require.Equal(t, "bob", notReady.Members[0].Name)
	require.NoError(t, ann.Update(ctx, g), "nothing has happened")
}

// Two members end the group at once: one wins, and the other goes along.
func TestRaceOfMoves(t *testing.T) {
	actors, g := movable(t)
	ann, bob := actors[0], actors[1]
	m := &meddler{}
	ann.delivery = func(s delivery.Service) delivery.Service { m.Service = s; return m }
	ann.restart()
	m.beforeSubmit = func(delivery.Submission) {
		m.beforeSubmit = nil
		_, err := bob.Move(ctx, g, hybrid)
		require.NoError(t, err)
	}
	_, err := ann.Move(ctx, g, hybrid)
	require.ErrorIs(t, err, client.ErrEnded)
	sync(t, actors...)
	moved(t, g, actors...)
}

// diesMoving ends a group by a move, and the process before the group that follows is there.
func (a *actor) diesMoving(group string) {
	k, _ := a.mortal(8, diesAfter)
	a.restart()
	_, err := a.Move(ctx, group, hybrid)
	require.Error(a.w.t, err)
	require.True(a.w.t, k.dead)
}

// The one that ended the group does not come back: another makes the new one.
func TestMoveIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		actors, g := movable(t, func(cfg *client.Config) { cfg.Schedule.TakeOver = time.Hour })
		ann, bob, carl := actors[0], actors[1], actors[2]
		ended := func() bool {
			sync(t, bob)
			info, err := bob.Group(g)
			require.NoError(t, err)
			return info.State == client.Ended
		}
		ann.diesMoving(g)
		require.True(t, ended())
		_, err := bob.Send(ctx, g, []byte("waits"))
		require.NoError(t, err)
		require.ErrorIs(t, bob.Add(ctx, g, "dan"), client.ErrEnded)
		sync(t, bob, carl)
		require.True(t, ended())
		time.Sleep(2 * time.Hour)
		sync(t, bob, carl)
		moved(t, g, bob, carl)
		ann.store, ann.delivery = nil, nil
		ann.open()
		sync(t, bob, carl, ann)
		moved(t, g, actors...)
		require.Equal(t, []string{"bob: waits"}, carl.texts())
		require.Equal(t, []string{"bob: waits"}, ann.texts())
	})
}

func TestProposalsOfTheApplication(t *testing.T) {
	_, ann, bob, g := pair(t)
	require.NoError(t, ann.Propose(ctx, g, message.GroupContextExtensions{}))
	require.ErrorIs(t, ann.Propose(ctx, g, message.ReInit{}), message.ErrUnsupported)
	sync(t, ann, bob)
	agree(t, g, ann, bob)
}

// A message that reaches the service behind the end of its group counts for nobody there,
// and is sent in the group that follows.
func TestMessageOvertakenByTheEndOfItsGroup(t *testing.T) {
	actors, g := movable(t)
	ann, bob, carl := actors[0], actors[1], actors[2]
	m := &meddler{}
	carl.delivery = func(s delivery.Service) delivery.Service { m.Service = s; return m }
	carl.restart()
	m.beforeSend = func(delivery.Message) {
		m.beforeSend = nil
		_, err := ann.Move(ctx, g, hybrid)
		require.NoError(t, err)
	}
	id, err := carl.Send(ctx, g, []byte("too late"))
	require.NoError(t, err)
	sync(t, carl, bob, ann)
	moved(t, g, actors...)
	for _, a := range []*actor{ann, bob} {
		require.Equal(t, []string{"carl: too late"}, a.texts(), a.name)
	}
	sent := of[*client.Sent](carl.events())
	require.Len(t, sent, 1)
	require.Equal(t, id, sent[0].ID)
}

// office returns the extension of groups to whose members an office that is none proposes clients,
// and what proposes one in the first epoch of a group that has others.
func (w *world) office() (extension message.Extension, propose func(group, name string)) {
	s, err := all.Registry().Suite(classic)
	require.NoError(w.t, err)
	signer, err := s.GenerateSigner()
	require.NoError(w.t, err)
	senders, err := message.Marshal(&message.ExternalSenders{{SignatureKey: signer.PublicKey(), Credential: message.BasicCredential([]byte("office"))}})
	require.NoError(w.t, err)
	return message.Extension{Type: message.ExtensionExternalSenders, Data: senders}, func(group, name string) {
		office := w.server.Client("office")
		claimed, err := office.Claim(ctx, name, classic)
		require.NoError(w.t, err)
		kp, err := message.Parse[message.Message](claimed)
		require.NoError(w.t, err)
		outside := mls.ExternalProposer{Suite: s, GroupID: []byte(group), Epoch: 1}
		proposal, err := outside.Propose(ctx, signer, 0, message.Add{KeyPackage: kp.KeyPackage})
		require.NoError(w.t, err)
		_, err = office.Send(ctx, delivery.Message{ID: "1", Group: group, Epoch: 1, Message: proposal})
		require.NoError(w.t, err)
	}
}

// A proposal from outside the group is committed, and whom it adds gets the Welcome.
func TestOutsiderProposesAMember(t *testing.T) {
	w := newWorld(t)
	actors := w.clients("ann", "bob", "carl")
	extension, propose := w.office()
	g, err := actors[0].CreateGroup(ctx, "", []string{"bob"}, extension)
	require.NoError(t, err)
	sync(t, actors...)
	propose(g, "carl")
	sync(t, actors...)
	agree(t, g, actors...)
}

// What was said before a move belongs to the group that follows, for who moved it and for who
// entered it by its Welcome.
func TestHistoryOutlivesMoves(t *testing.T) {
	actors, g := movable(t, func(cfg *client.Config) { cfg.Bounds.History = 2 })
	ann, bob := actors[0], actors[1]
	talk := func(what string) {
		_, err := ann.Send(ctx, g, []byte(what))
		require.NoError(t, err)
		sync(t, actors...)
	}
	talk("too old")
	talk("1")
	talk("2")
	first := g
	g, err := ann.Move(ctx, g, hybrid)
	require.NoError(t, err)
	sync(t, actors...)
	second := g
	g, err = bob.Move(ctx, g, hybrid) // in which nothing was said
	require.NoError(t, err)
	sync(t, actors...)
	talk("3")

	all := []string{"1", "2", "3"}
	for _, a := range actors {
		require.Equal(t, all, history(t, a, g), a.name)
	}
	var file bytes.Buffer
	require.NoError(t, ann.Export(ctx, &file))
	require.Equal(t, 1+1+len(all), bytes.Count(file.Bytes(), []byte("\n")), "the client, the group, and its messages once")
	phone := bob.w.actor("phone", func(cfg *client.Config) { cfg.Bounds.History = 10 })
	groups, err := phone.Import(ctx, &file)
	require.NoError(t, err)
	require.Equal(t, []string{g}, groups, "the groups that have ended are none to join")
	require.Equal(t, all, history(t, phone, g))

	require.NoError(t, ann.Delete(ctx, g))
	require.NoError(t, bob.Delete(ctx, second), "and what came before it")
	require.Equal(t, []string{"3"}, history(t, bob, g))
	for _, a := range []*actor{ann, bob} {
		for _, id := range []string{first, second} {
			require.Empty(t, history(t, a, id), a.name)
		}
	}
	require.Empty(t, history(t, ann, g))
	require.Empty(t, of[*client.Sent](ann.events()), "what nobody has confirmed goes too")
	require.Equal(t, []string{"ann: 3"}, bob.texts())
}
