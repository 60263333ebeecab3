package client_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/store"
)

// three returns clients in one group, of which the first is configured by change.
func three(t *testing.T, change ...func(*client.Config)) (ann, bob, carl *actor, group string) {
	w := newWorld(t)
	ann = w.actor("ann", change...)
	others := w.clients("bob", "carl")
	group, err := ann.CreateGroup(ctx, "", []string{"bob", "carl"})
	require.NoError(t, err)
	sync(t, ann, others[0], others[1])
	return ann, others[0], others[1], group
}

// rollBack puts a backup under a client.
func (a *actor) rollBack(backup func()) {
	old := a.disk.Copy()
	backup()
	a.disk.Kill()
	a.disk = old
	a.open()
}

// troubles returns the troubles of events.
func troubles(events []client.Event) (found []client.Trouble) {
	for _, w := range of[*client.InTrouble](events) {
		found = append(found, w.Trouble)
	}
	return found
}

// An old backup shows before anything is sent, whether the client had sent something
// since or had only read.
func TestOldBackupIsFoundBeforeSending(t *testing.T) {
	for name, since := range map[string]func(ann, bob *actor, g string){
		"sent": func(ann, _ *actor, g string) {
			_, err := ann.Send(ctx, g, []byte("since"))
			require.NoError(t, err)
			require.NoError(t, ann.Flush(ctx, g))
		},
		"committed": func(ann, _ *actor, g string) { require.NoError(t, ann.Update(ctx, g)) },
		"read": func(ann, bob *actor, g string) {
			_, err := bob.Send(ctx, g, []byte("since"))
			require.NoError(t, err)
			sync(t, bob, ann)
		},
		"committed, and the service has not heard of it": func(ann, _ *actor, g string) {
			require.NoError(t, ann.Update(ctx, g))
			ann.forgetful = true
		},
	} {
		t.Run(name, func(t *testing.T) {
			ann, bob, carl, g := three(t)
			ann.events()
			ann.rollBack(func() { since(ann, bob, g) })
			sent := 0
			ann.delivery = func(s delivery.Service) delivery.Service {
				if ann.forgetful {
					s = forgetful{s}
				}
				return &meddler{Service: s, beforeSend: func(m delivery.Message) {
					sent++
					info, err := ann.Group(g)
					require.NoError(t, err)
					require.Equal(t, client.Active, info.State)
				}}
			}
			ann.restart()
			_, err := ann.Send(ctx, g, []byte("after"))
			require.NoError(t, err)
			sync(t, ann, bob, carl)
			events := ann.events()
			require.Equal(t, []client.Trouble{client.RolledBack}, troubles(events))
			require.Len(t, of[*client.Recovered](events), 1)
			require.Equal(t, 1, sent)
			agree(t, g, ann, bob, carl)
			info, err := bob.Group(g)
			require.NoError(t, err)
			require.Equal(t, 3, info.Members, "the old leaf is gone")
			require.Contains(t, carl.texts(), "ann: after")
		})
	}
}

// What a rolled-back outbox still has, and the stream too, is not sent again.
func TestOldBackupSendsNothingTwice(t *testing.T) {
	ann, bob, carl, g := three(t)
	_, err := ann.Send(ctx, g, []byte("once"))
	require.NoError(t, err)
	ann.rollBack(func() {
		require.NoError(t, ann.Flush(ctx, g))
		require.NoError(t, ann.Update(ctx, g))
	})
	sync(t, ann, bob, carl)
	require.Equal(t, []string{"ann: once"}, bob.texts())
	require.Len(t, of[*client.Sent](ann.events()), 1)
	agree(t, g, ann, bob, carl)
}

// blind is a service that does not show the first Welcome behind a position.
type blind struct {
	delivery.Service
	after delivery.Position
}

func (b *blind) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	entries, err := b.Service.Fetch(ctx, of, after, limit)
	if of.Group == "" && after <= b.after {
		if i := slices.IndexFunc(entries, func(e delivery.Entry) bool { return e.Position > b.after }); i >= 0 {
			entries = slices.Delete(entries, i, i+1)
		}
	}
	return entries, err
}

// A member whom the Welcome to the group that follows does not reach is let in by another one,
// into a group or a pair.
func TestMemberThatMissedAMoveIsLetIn(t *testing.T) {
	for name, pair := range map[string]bool{"group": false, "pair": true} {
		t.Run(name, func(t *testing.T) {
			actors, g := movable(t, inPairs)
			ann, bob, carl := actors[0], actors[1], actors[2]
			entries := ann.w.server.Entries(delivery.Stream{Client: "bob"})
			bob.delivery = func(s delivery.Service) delivery.Service {
				return &blind{s, entries[len(entries)-1].Position}
			}
			bob.restart()
			_, err := bob.Send(ctx, g, []byte("waits"))
			require.NoError(t, err)
			target := hybrid
			if pair {
				target = classic
			}
			next, err := ann.Move(ctx, g, target)
			require.NoError(t, err)
			settle(t, bob, carl, ann)
			info, err := bob.Group(g)
			require.NoError(t, err)
			require.Equal(t, client.Ended, info.State)
			if pair {
				require.NoError(t, ann.Pair(ctx, next))
			}
			require.NoError(t, ann.Replace(ctx, next, "bob"))
			settle(t, bob, carl, ann)
			require.Len(t, bob.Groups(), 1)
			events := bob.events()
			require.Len(t, of[*client.Moved](events), 1)
			if !pair { // else the PQ group was announced to who was not in the other one
				require.Empty(t, of[*client.Refused](events))
			}
			agree(t, next, actors...)
			require.Equal(t, []string{"bob: waits"}, carl.texts())
		})
	}
}

// A member that missed a move may join the group that follows from outside. What waits is not sent
// there by itself: nobody but the service says that it is the members' group.
func TestMemberThatMissedAMoveJoinsFromOutside(t *testing.T) {
	actors, g := movable(t, func(cfg *client.Config) { cfg.Bounds.History = 10 })
	ann, bob, carl := actors[0], actors[1], actors[2]
	_, err := ann.Send(ctx, g, []byte("before"))
	require.NoError(t, err)
	settle(t, actors...)
	entries := ann.w.server.Entries(delivery.Stream{Client: "bob"})
	bob.delivery = func(s delivery.Service) delivery.Service { return &blind{s, entries[len(entries)-1].Position} }
	bob.restart()
	next, err := ann.Move(ctx, g, hybrid)
	require.NoError(t, err)
	settle(t, actors...)
	id, err := bob.Send(ctx, g, []byte("waits"))
	require.NoError(t, err)
	bob.events()
	require.NoError(t, bob.JoinExternal(ctx, next))
	settle(t, actors...)
	require.Equal(t, next, moved(t, g, actors...))
	events := bob.events()
	require.Len(t, of[*client.Joined](events), 1)
	require.Len(t, of[*client.Moved](events), 1)
	unsent := of[*client.Unsent](events)
	require.Len(t, unsent, 1)
	require.Equal(t, id, unsent[0].ID)
	require.Empty(t, carl.texts()[1:])
	var kept []string
	for e, err := range bob.History(ctx, next) {
		require.NoError(t, err)
		kept = append(kept, string(e.What.(*client.Message).Data))
	}
	require.Equal(t, []string{"before"}, kept)
}

// What waits in a backup was sent since, in the group that follows.
func TestOldBackupOfBeforeAMoveSendsNothingTwice(t *testing.T) {
	actors, g := movable(t)
	ann, bob, carl := actors[0], actors[1], actors[2]
	id, err := bob.Send(ctx, g, []byte("once"))
	require.NoError(t, err)
	_, err = ann.Move(ctx, g, hybrid)
	require.NoError(t, err)
	bob.rollBack(func() {
		sync(t, bob, ann, carl)
		require.Equal(t, []string{"bob: once"}, ann.texts())
	})
	settle(t, bob, ann, carl)
	moved(t, g, actors...)
	require.Empty(t, ann.texts())
	require.Equal(t, []string{"bob: once"}, carl.texts())
	sent := of[*client.Sent](bob.events())
	require.Len(t, sent, 1)
	require.Equal(t, id, sent[0].ID)
}

func TestGapIsMendedByAnExternalCommit(t *testing.T) {
	ann, bob, carl, g := three(t)
	require.NoError(t, bob.Update(ctx, g))
	_, err := bob.Send(ctx, g, []byte("lost"))
	require.NoError(t, err)
	sync(t, bob, carl)
	entries := ann.w.server.Entries(delivery.Stream{Group: g})
	ann.w.server.Drop(entries[len(entries)-1].Position)
	require.NoError(t, bob.Update(ctx, g))
	sync(t, ann, bob, carl)
	require.Equal(t, []client.Trouble{client.Gap}, troubles(ann.events()))
	agree(t, g, ann, bob, carl)
}

func TestLostStoreIsMendedByJoiningAgain(t *testing.T) {
	ann, bob, carl, g := three(t)
	lost := ann.w.actor("ann")
	require.NoError(t, lost.JoinExternal(ctx, g))
	require.ErrorIs(t, lost.JoinExternal(ctx, g), client.ErrExists)
	require.ErrorIs(t, lost.JoinExternal(ctx, "nowhere"), client.ErrNoGroup)
	sync(t, lost, bob, carl)
	agree(t, g, lost, bob, carl)
	info, err := bob.Group(g)
	require.NoError(t, err)
	require.Equal(t, 3, info.Members)
}

func TestRecoveryByAnotherMember(t *testing.T) {
	counts := &counter{}
	ann, bob, carl, g := three(t, func(cfg *client.Config) { cfg.Recovery, cfg.Metrics = client.RecoverByAdd, counts })
	ann.rollBack(func() { require.NoError(t, ann.Update(ctx, g)) })
	var trouble *client.TroubleError
	require.ErrorAs(t, ann.Sync(ctx), &trouble)
	require.Equal(t, client.RolledBack, trouble.Trouble)
	require.ErrorAs(t, ann.Update(ctx, g), &trouble, "no change is taken")
	require.NoError(t, bob.Replace(ctx, g, "ann"))
	sync(t, ann, bob, carl)
	require.Len(t, of[*client.Recovered](ann.events()), 1)
	require.Equal(t, int64(1), counts.of("groups_recovered"))
	agree(t, g, ann, bob, carl)
}

func TestDamagedStateIsReportedOnce(t *testing.T) {
	ann, bob, carl, g := three(t)
	ann.events()
	ann.disk.Kill()
	s, err := ann.disk.Open()
	require.NoError(t, err)
	require.NoError(t, s.Update(ctx, func(w store.Writer) error {
		var records []store.Entry
		for e, err := range w.Scan(store.Key([]byte("g"), []byte(g)), nil) {
			require.NoError(t, err)
			records = append(records, e)
		}
		for _, e := range records {
			require.NoError(t, w.Put(e.Key, e.Value[:len(e.Value)/2]))
		}
		return nil
	}))
	for range 2 {
		ann.restart()
		var trouble *client.TroubleError
		require.ErrorAs(t, ann.View(ctx, g, func(*mls.Group) error { return nil }), &trouble)
		require.Equal(t, client.Damaged, trouble.Trouble)
		require.Equal(t, 1, ann.Health(ctx).Troubles[client.Damaged])
	}
	require.Equal(t, []client.Trouble{client.Damaged}, troubles(ann.events()))
	require.NoError(t, ann.Resync(ctx, g))
	sync(t, ann, bob, carl)
	agree(t, g, ann, bob, carl)
}

func TestRecoveryByHand(t *testing.T) {
	ann, bob, carl, g := three(t, func(cfg *client.Config) { cfg.Recovery = client.RecoverManually })
	ann.rollBack(func() { require.NoError(t, ann.Update(ctx, g)) })
	require.Error(t, ann.Sync(ctx))
	require.Equal(t, 1, ann.Health(ctx).Troubles[client.RolledBack])
	require.NoError(t, ann.Resync(ctx, g))
	sync(t, ann, bob, carl)
	agree(t, g, ann, bob, carl)
}

// Two branches of a group are on two services: a client that is led from one to the other
// finds that it is on its own, and joins the others.
func TestForkIsFound(t *testing.T) {
	ann, bob, carl, g := three(t)
	fork := newWorld(t)
	for _, e := range ann.w.server.Entries(delivery.Stream{Group: g}) { // the same past
		_, err := fork.server.Client(e.From).Submit(ctx, delivery.Submission{ID: e.ID, Commits: []delivery.Commit{{Group: g, Epoch: e.Epoch, Message: e.Message}}})
		require.NoError(t, err)
	}
	home := ann.w
	ann.w = fork
	ann.restart()
	require.NoError(t, ann.Update(ctx, g))
	require.NoError(t, bob.Update(ctx, g))
	ann.w = home
	ann.delivery = func(s delivery.Service) delivery.Service {
		return &forking{s, g, fork.server.Entries(delivery.Stream{Group: g})}
	}
	ann.restart()
	info, err := ann.Group(g)
	require.NoError(t, err)
	other, err := bob.Group(g)
	require.NoError(t, err)
	require.Equal(t, info.Epoch, other.Epoch)
	require.NotEqual(t, ann.authenticator(g), bob.authenticator(g))

	_, err = bob.Send(ctx, g, []byte("who is there?"))
	require.NoError(t, err)
	sync(t, bob, carl, ann)
	require.Equal(t, []client.Trouble{client.Fork}, troubles(ann.events()))
	sync(t, bob, carl, ann)
	agree(t, g, ann, bob, carl)
}

// forking is a service that shows a client what it has shown it before, whatever it shows
// to others, until the client hands in a commit.
type forking struct {
	delivery.Service
	group string
	past  []delivery.Entry
}

func (f *forking) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	if of.Group != f.group || len(f.past) == 0 || after >= f.past[len(f.past)-1].Position {
		return f.Service.Fetch(ctx, of, after, limit)
	}
	seen := slices.DeleteFunc(slices.Clone(f.past), func(e delivery.Entry) bool { return e.Position <= after })
	entries, err := f.Service.Fetch(ctx, of, f.past[len(f.past)-1].Position, limit)
	return append(seen, entries...), err
}

func (f *forking) Submit(ctx context.Context, s delivery.Submission) (delivery.Position, error) {
	f.past = nil
	return f.Service.Submit(ctx, s)
}

var errNotThem = errors.New("not them")

// A client whose policy or authenticator refuses an accepted commit does not go along.
func TestRefusedCommitStopsTheClient(t *testing.T) {
	ann, bob, carl, g := three(t)
	dan := ann.w.clients("dan")[0]
	ann.cfg.MLS.Authenticator = refusing{"dan"}
	ann.restart()
	require.NoError(t, bob.Add(ctx, g, "dan"))
	sync(t, bob, carl, dan)
	var trouble *client.TroubleError
	require.ErrorAs(t, ann.Sync(ctx), &trouble)
	require.Equal(t, client.Refuses, trouble.Trouble)
	require.ErrorAs(t, ann.Update(ctx, g), &trouble)
	require.Len(t, of[*client.InTrouble](ann.events()), 1)
}
