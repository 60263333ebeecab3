package client_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/guard"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	storememory "github.com/mlsuite/mlsuite/store/memory"
)

// guarded puts a guard before the world's service, for the clients that are opened from then
// on.
func (w *world) guarded(change ...func(*guard.Config)) {
	disk, err := storememory.NewDisk().Open()
	require.NoError(w.t, err)
	cfg := guard.Config{
		MLS: mls.Config{Suites: all.Registry()}, Service: w.server.Client("guard"), Store: disk,
		NameOf: func(c message.Credential) (string, error) {
			name, _ := c.Identity()
			return string(name), nil
		},
	}
	for _, f := range change {
		f(&cfg)
	}
	w.guard, err = guard.New(cfg)
	require.NoError(w.t, err)
}

// inPublic is the configuration of clients behind a guard.
func inPublic(cfg *client.Config) { cfg.MLS.PublicHandshake, cfg.TreeAtService = true, true }

// partially is that of clients which are partial members.
func partially(cfg *client.Config) {
	inPublic(cfg)
	cfg.Partial = &client.Partial{}
}

func upgrading(cfg *client.Config) { cfg.Partial.Upgrade = true }

// mixed returns clients behind a guard, of which the one with the name phone joins groups as a
// partial member.
func mixed(t testing.TB, phone ...func(*client.Config)) (w *world, ann, bob, phoned *actor) {
	w = newWorld(t)
	w.guarded()
	ann, bob = w.actor("ann", inPublic), w.actor("bob", inPublic)
	phoned = w.actor("phone", append([]func(*client.Config){partially}, phone...)...)
	for _, a := range []*actor{ann, bob, phoned} {
		require.NoError(t, a.Sync(ctx))
	}
	return w, ann, bob, phoned
}

// partialAuthenticator is authenticator of a partial member.
func (a *actor) partialAuthenticator(group string) (s string) {
	a.w.t.Helper()
	require.NoError(a.w.t, a.ViewPartial(ctx, group, func(g *mls.PartialGroup) error {
		b, err := g.EpochAuthenticator()
		s = epochName(g.GroupContext().Epoch, b)
		return err
	}))
	return s
}

// A partial member joins, talks, follows whoever comes and goes, is restored, and leaves, and
// never loads the tree.
func TestPartialMembers(t *testing.T) {
	w, ann, bob, phone := mixed(t)
	carl := w.actor("carl", inPublic)
	require.NoError(t, carl.Sync(ctx))
	g, err := ann.CreateGroup(ctx, "", []string{"bob", "phone"})
	require.NoError(t, err)
	sync(t, phone, ann, bob)
	info, err := phone.Group(g)
	require.NoError(t, err)
	require.True(t, info.Partial)
	require.Equal(t, 4, info.Leaves)
	require.Equal(t, event.UncheckedByPartial(), info.Unchecked)
	joined := of[*client.Joined](phone.events())
	require.Len(t, joined, 1)
	require.Equal(t, "ann", joined[0].By.Name)
	require.True(t, joined[0].Partial)
	require.ErrorIs(t, phone.View(ctx, g, nil), client.ErrPartial)
	_, err = phone.Members(ctx, g)
	require.ErrorIs(t, err, client.ErrPartial)
	require.ErrorIs(t, ann.ViewPartial(ctx, g, nil), client.ErrNoGroup)

	_, err = phone.Send(ctx, g, []byte("from the street"))
	require.NoError(t, err)
	_, err = bob.Send(ctx, g, []byte("hello phone"))
	require.NoError(t, err)
	sync(t, phone, bob, ann)
	require.Contains(t, ann.texts(), "phone: from the street")
	require.Equal(t, []string{"bob: hello phone"}, phone.texts())
	require.NoError(t, ann.Add(ctx, g, "carl"))
	require.NoError(t, bob.Update(ctx, g))
	sync(t, phone, ann, bob, carl)
	changes := of[*client.MembershipChanged](phone.events())
	require.Len(t, changes, 1)
	require.Equal(t, "carl", changes[0].Changes[0].Name)
	require.Equal(t, ann.authenticator(g), phone.partialAuthenticator(g))

	phone.restart()
	require.NoError(t, carl.Remove(ctx, g, "bob"))
	sync(t, phone, bob, ann)
	require.Equal(t, carl.authenticator(g), phone.partialAuthenticator(g))
	removed := of[*client.MembershipChanged](phone.events())
	require.Equal(t, []client.MemberChange{{Person: client.Person{Leaf: 1}, Reason: event.Removed}}, removed[0].Changes)
	for _, err := range []error{
		phone.Add(ctx, g, "bob"), phone.Remove(ctx, g, "carl"), phone.Replace(ctx, g, "carl"),
		func() error { _, err := phone.Move(ctx, g, hybrid); return err }(),
	} {
		require.ErrorIs(t, err, client.ErrPartial)
	}

	within(t, func() error { return phone.Update(ctx, g) }, ann, carl)
	require.Equal(t, carl.authenticator(g), phone.partialAuthenticator(g))
	within(t, func() error { return phone.Leave(ctx, g) }, ann, carl)
	_, err = phone.Group(g)
	require.ErrorIs(t, err, client.ErrNoGroup)
	sync(t, ann, carl)
	agree(t, g, ann, carl)
}

// within runs a call that others have to take part in.
func within(t testing.TB, call func() error, others ...*actor) {
	t.Helper()
	done := make(chan error)
	go func() { done <- call() }()
	for {
		for _, a := range others {
			require.NoError(t, a.Sync(ctx))
		}
		select {
		case err := <-done:
			require.NoError(t, err)
			return
		default:
		}
	}
}

// A partial member that is to make a change becomes a full member, if it may.
func TestPartialMembersUpgrade(t *testing.T) {
	_, ann, bob, phone := mixed(t, upgrading)
	g, err := ann.CreateGroup(ctx, "", []string{"phone"})
	require.NoError(t, err)
	sync(t, phone, ann)
	require.NoError(t, phone.Add(ctx, g, "bob"))
	sync(t, phone, ann, bob)
	info, err := phone.Group(g)
	require.NoError(t, err)
	require.False(t, info.Partial)
	require.Zero(t, info.Leaves)
	require.Empty(t, info.Unchecked)
	agree(t, g, ann, bob, phone)
	phone.restart()
	require.NoError(t, phone.Update(ctx, g))
	_, err = phone.Send(ctx, g, []byte("in full"))
	require.NoError(t, err)
	sync(t, phone, ann, bob)
	require.Contains(t, bob.texts(), "phone: in full")
	agree(t, g, ann, bob, phone)
}

// hooked is a service that calls a function before each message is sent.
type hooked struct {
	delivery.Annotator
	before func()
}

func (h *hooked) Send(ctx context.Context, m delivery.Message) (delivery.Position, error) {
	h.before()
	return h.Annotator.Send(ctx, m)
}

// A proposal that comes behind the commit of its epoch is made again, and is still the
// client's own when the stream shows it: also if the commit covers another one like it.
func TestProposalsOfPartialMembersThatComeTooLate(t *testing.T) {
	_, ann, _, phone := mixed(t)
	h := &hooked{before: func() {}}
	phone.delivery = func(s delivery.Service) delivery.Service {
		h.Annotator = s.(delivery.Annotator)
		return h
	}
	phone.restart()
	g, err := ann.CreateGroup(ctx, "", []string{"phone"})
	require.NoError(t, err)
	sync(t, phone, ann)
	require.NoError(t, phone.soon(phone.Update, g, 20*time.Millisecond))
	h.before = func() { require.NoError(t, ann.Sync(ctx)) } // commits the first, before the second is there
	require.NoError(t, phone.soon(phone.Update, g, 20*time.Millisecond))
	h.before = func() {}
	for range 3 {
		sync(t, phone, ann)
	}
	events := phone.events()
	require.Empty(t, of[*client.InTrouble](events))
	require.Empty(t, of[*client.Failed](events))
	require.Equal(t, ann.authenticator(g), phone.partialAuthenticator(g))
	_, err = phone.Send(ctx, g, []byte("still here"))
	require.NoError(t, err)
	sync(t, phone, ann)
	require.Contains(t, ann.texts(), "phone: still here")
}
