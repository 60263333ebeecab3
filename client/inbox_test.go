package client_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls/event"
)

// unreachable is an authenticator that is not reached for the credential of one name, for as
// long as it is down.
type unreachable struct {
	refusing
	name string
	down *bool
}

func (u unreachable) Authenticate(ctx context.Context, now time.Time, on event.Occasion, changes []event.Change) ([]error, error) {
	for _, ch := range changes {
		if *u.down && bytes.Equal(ch.Credential.Content, []byte(u.name)) {
			return nil, errors.New("no answer")
		}
	}
	return make([]error, len(changes)), nil
}

// invited returns bob, who is invited by carl, on whom there is no verdict, and then by ann. His
// clock stands, and is later by what is returned.
func invited(t *testing.T, change ...func(*client.Config)) (all []*actor, down *bool, later *time.Duration) {
	w := newWorld(t)
	down, later = new(bool), new(time.Duration)
	*down = true
	begin := time.Now()
	bob := w.actor("bob", append(change, func(cfg *client.Config) {
		cfg.MLS.Authenticator = unreachable{name: "carl", down: down}
		cfg.Now = func() time.Time { return begin.Add(*later) }
	})...)
	all = []*actor{w.actor("ann"), bob, w.actor("carl")}
	sync(t, all...)
	for i, a := range []*actor{all[2], all[0]} {
		_, err := a.CreateGroup(ctx, []string{"by carl", "by ann"}[i], []string{"bob"})
		require.NoError(t, err)
	}
	return all, down, later
}

// A Welcome on which there is no verdict waits for one, and those behind it do not wait.
func TestWelcomeWaitsForAVerdict(t *testing.T) {
	all, down, later := invited(t)
	ann, bob, carl := all[0], all[1], all[2]
	for range 40 {
		require.ErrorContains(t, bob.Sync(ctx), "no answer")
		*later += time.Hour
	}
	agree(t, "by ann", ann, bob)
	events := bob.events()
	require.Empty(t, of[*client.Refused](events))
	require.Len(t, of[*client.Joined](events), 1)
	ann.w.server.Collect()
	bob.restart()
	require.ErrorContains(t, bob.Sync(ctx), "no answer")
	_, err := carl.Send(ctx, "by carl", []byte("hello"))
	require.NoError(t, err)
	sync(t, carl)

	*down = false
	*later += time.Hour
	sync(t, bob)
	agree(t, "by carl", carl, bob)
	require.Equal(t, []string{"carl: hello"}, bob.texts())
	acked, err := ann.w.server.Client("bob").Acknowledged(ctx, delivery.Stream{Client: "bob"})
	require.NoError(t, err)
	entries := ann.w.server.Entries(delivery.Stream{Client: "bob"})
	require.Equal(t, entries[len(entries)-1].Position, acked)
	bob.restart()
	sync(t, bob)
	require.Empty(t, troubles(bob.events()))
}

// Its time has a bound, which outlives the process.
func TestWelcomeIsRefusedWhenItsTimeIsOver(t *testing.T) {
	for name, c := range map[string]struct {
		limit  time.Duration
		days   int
		refuse bool
	}{"standard": {0, 7, true}, "shorter": {24 * time.Hour, 1, true}, "never": {-1, 30, false}} {
		t.Run(name, func(t *testing.T) {
			all, _, later := invited(t, func(cfg *client.Config) { cfg.Schedule.Verdict = c.limit })
			bob := all[1]
			require.Error(t, bob.Sync(ctx))
			*later += time.Duration(c.days)*24*time.Hour - time.Second
			bob.restart()
			require.Error(t, bob.Sync(ctx))
			require.Empty(t, of[*client.Refused](bob.events()))
			*later += time.Second
			err := bob.Sync(ctx)
			refused := of[*client.Refused](bob.events())
			if !c.refuse {
				require.Error(t, err)
				require.Empty(t, refused)
				return
			}
			require.Len(t, refused, 1)
			require.Equal(t, []string{"welcome", "carl"}, []string{refused[0].What, refused[0].From})
			require.Contains(t, refused[0].Why, "no answer")
			sync(t, bob)
			require.Len(t, bob.Groups(), 1)
		})
	}
}

// A Welcome that is deleted while it waits is reported.
func TestWaitingWelcomeThatIsNoLongerKept(t *testing.T) {
	all, _, _ := invited(t)
	bob := all[1]
	require.Error(t, bob.Sync(ctx))
	bob.events()
	entries := bob.w.server.Entries(delivery.Stream{Client: "bob"})
	bob.w.server.Drop(entries[len(entries)-1].Position)
	bob.restart()
	sync(t, bob)
	events := bob.events()
	require.Len(t, of[*client.Refused](events), 1)
	for _, e := range events {
		if _, ok := e.What.(*client.Refused); ok {
			require.Equal(t, "by carl", e.Group)
		}
	}
}

// The Welcome of the group that follows another one is not refused because that one's end
// cannot be read now.
func TestWelcomeOfAMoveWaitsForTheEndOfTheGroup(t *testing.T) {
	actors, g := movable(t)
	ann, bob, carl := actors[0], actors[1], actors[2]
	f := &flaky{err: delivery.ErrUnavailable}
	bob.delivery = func(s delivery.Service) delivery.Service { f.Service = s; return &halfOpen{f, g} }
	bob.restart()
	_, err := ann.Move(ctx, g, hybrid)
	require.NoError(t, err)
	f.failures = map[string]int{"fetch": 40}
	for f.failures["fetch"] > 0 {
		require.Error(t, bob.Sync(ctx))
	}
	sync(t, actors...)
	require.Empty(t, of[*client.Refused](bob.events()))
	require.Equal(t, moved(t, g, actors...), carl.Groups()[0].Group)
}

// A member that was away through two moves enters both groups, though the Welcome to the first one
// has no verdict yet when the second one is read.
func TestWelcomeOfAMoveWaitsForAnotherOne(t *testing.T) {
	actors, g := movable(t)
	ann, bob, carl := actors[0], actors[1], actors[2]
	next, err := ann.Move(ctx, g, hybrid)
	require.NoError(t, err)
	sync(t, carl)
	_, err = carl.Move(ctx, next, hybrid)
	require.NoError(t, err)
	times := 10
	bob.cfg.MLS.Authenticator = absent{&times}
	bob.restart()
	settle(t, bob, ann, carl)
	require.Empty(t, of[*client.Refused](bob.events()))
	require.Zero(t, times)
	moved(t, next, actors...)
}

// So it is with a member that has joined from outside, and does not know that yet when the group
// has moved.
func TestWelcomeOfAMoveWaitsForAJoinFromOutside(t *testing.T) {
	actors, g := movable(t)
	ann, bob := actors[0], actors[1]
	require.NoError(t, ann.Remove(ctx, g, "bob"))
	settle(t, bob)
	require.Empty(t, bob.Groups())
	bob.delivery = func(s delivery.Service) delivery.Service { return unanswered{s} }
	bob.restart()
	short, cancel := shortly()
	defer cancel()
	require.ErrorIs(t, bob.JoinExternal(short, g), client.ErrUndecided)
	next, err := ann.Move(ctx, g, hybrid)
	require.NoError(t, err)
	for range 10 {
		require.Error(t, bob.Sync(ctx))
	}
	bob.delivery = nil
	bob.restart()
	settle(t, actors...)
	require.Empty(t, of[*client.Refused](bob.events()))
	require.Equal(t, next, moved(t, g, actors...))
}

// unanswered is a service that takes what is submitted and does not answer.
type unanswered struct{ delivery.Service }

func (u unanswered) Submit(ctx context.Context, s delivery.Submission) (delivery.Position, error) {
	_, _ = u.Service.Submit(ctx, s)
	return 0, delivery.ErrUnknown
}

// late is a service whose copy of a group's stream is behind, a number of times.
type late struct {
	delivery.Service
	group string
	after delivery.Position
	times int
}

func (l *late) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	entries, err := l.Service.Fetch(ctx, of, after, limit)
	if of.Group == l.group && l.times > 0 {
		l.times--
		return slices.DeleteFunc(entries, func(e delivery.Entry) bool { return e.Position > l.after }), err
	}
	return entries, err
}

// A copy of the service has a Welcome, and another one not yet what comes before it.
func TestWelcomeComesBeforeTheStreamOfItsGroup(t *testing.T) {
	for name, welcome := range map[string]func(ann *actor, g string){
		"to the group that follows": func(ann *actor, g string) {
			_, err := ann.Move(ctx, g, hybrid)
			require.NoError(t, err)
		},
		"back": func(ann *actor, g string) { require.NoError(t, ann.Replace(ctx, g, "bob")) },
	} {
		t.Run(name, func(t *testing.T) {
			actors, g := movable(t)
			ann, bob := actors[0], actors[1]
			entries := ann.w.server.Entries(delivery.Stream{Group: g})
			l := &late{group: g, after: entries[len(entries)-1].Position, times: 3}
			bob.delivery = func(s delivery.Service) delivery.Service { l.Service = s; return l }
			bob.restart()
			welcome(ann, g)
			settle(t, bob, ann, actors[2])
			require.Empty(t, of[*client.Refused](bob.events()))
			require.Zero(t, l.times)
			require.Equal(t, ann.Groups()[0].Group, bob.Groups()[0].Group)
			agree(t, ann.Groups()[0].Group, actors...)
		})
	}
}

// halfOpen is a service that fails where a group's stream is read.
type halfOpen struct {
	*flaky
	group string
}

func (h *halfOpen) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	if of.Group == h.group {
		return h.flaky.Fetch(ctx, of, after, limit)
	}
	return h.Service.Fetch(ctx, of, after, limit)
}
