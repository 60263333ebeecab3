package client_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
)

// flaky is a service of which each kind of request fails a number of times before it works.
type flaky struct {
	delivery.Service
	failures map[string]int
	err      error
	asked    int // requests that failed
}

func (f *flaky) fail(request string) error {
	if f.failures[request] == 0 {
		return nil
	}
	f.failures[request]--
	f.asked++
	return f.err
}

func (f *flaky) GroupInfo(ctx context.Context, group string) (delivery.GroupInfo, error) {
	if err := f.fail("info"); err != nil {
		return delivery.GroupInfo{}, err
	}
	return f.Service.GroupInfo(ctx, group)
}

func (f *flaky) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	if err := f.fail("fetch"); err != nil {
		return nil, err
	}
	return f.Service.Fetch(ctx, of, after, limit)
}

func (f *flaky) Submit(ctx context.Context, s delivery.Submission) (delivery.Position, error) {
	if err := f.fail("submit"); err != nil {
		return 0, err
	}
	return f.Service.Submit(ctx, s)
}

func (f *flaky) Send(ctx context.Context, m delivery.Message) (delivery.Position, error) {
	if err := f.fail("send"); err != nil {
		return 0, err
	}
	return f.Service.Send(ctx, m)
}

// absent is an authenticator that is not reached, a number of times.
type absent struct{ times *int }

func (a absent) Authenticate(_ context.Context, _ time.Time, _ event.Occasion, changes []event.Change) ([]error, error) {
	if *a.times > 0 {
		*a.times--
		return nil, errors.New("no authenticator")
	}
	return make([]error, len(changes)), nil
}

func (absent) SameClient(old, next message.Credential) bool {
	return string(old.Content) == string(next.Content)
}

// returning returns a client that has lost its store, or that is in a group which it is to
// join anew.
var returning = map[string]func(t *testing.T, ann *actor, g string) (back *actor, join func(context.Context) error){
	"JoinExternal": func(_ *testing.T, ann *actor, g string) (*actor, func(context.Context) error) {
		back := ann.w.actor("ann")
		return back, func(ctx context.Context) error { return back.JoinExternal(ctx, g) }
	},
	"Resync": func(t *testing.T, ann *actor, g string) (*actor, func(context.Context) error) {
		ann.cfg.Recovery = client.RecoverManually
		ann.rollBack(func() { require.NoError(t, ann.Update(ctx, g)) })
		require.Error(t, ann.Sync(ctx))
		return ann, func(ctx context.Context) error { return ann.Resync(ctx, g) }
	},
}

// A join from outside goes on for as long as its context allows, as a commit does.
func TestJoinFromOutsideIsRetried(t *testing.T) {
	for how, begin := range returning {
		for name, failure := range map[string]error{
			"unavailable": delivery.ErrUnavailable,
			"unknown":     delivery.ErrUnknown,
			"limited":     &delivery.LimitError{What: "everything", Retry: time.Microsecond},
		} {
			t.Run(how+", "+name, func(t *testing.T) {
				ann, bob, carl, g := three(t)
				back, join := begin(t, ann, g)
				f := &flaky{err: failure, failures: map[string]int{"info": 3, "fetch": 3, "submit": 3}}
				times := 3
				back.cfg.MLS.Authenticator = absent{&times}
				back.delivery = func(s delivery.Service) delivery.Service { f.Service = s; return f }
				back.restart()
				require.NoError(t, join(ctx))
				require.GreaterOrEqual(t, f.asked, 6, "info and submit at least")
				require.Zero(t, times)
				f.failures = nil
				sync(t, back, bob, carl)
				agree(t, g, back, bob, carl)
				info, err := bob.Group(g)
				require.NoError(t, err)
				require.Equal(t, 3, info.Members)
			})
		}
	}
}

// When the context ends, the error says whether the join goes on.
func TestJoinFromOutsideEndsWithItsContext(t *testing.T) {
	for how, begin := range returning {
		for request, undecided := range map[string]bool{"info": false, "submit": true} {
			t.Run(how+", "+request, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ann, bob, carl, g := three(t)
					back, join := begin(t, ann, g)
					f := &flaky{err: delivery.ErrUnavailable, failures: map[string]int{request: -1}}
					back.delivery = func(s delivery.Service) delivery.Service { f.Service = s; return f }
					back.restart()
					short, cancel := shortly()
					defer cancel()
					err := join(short)
					require.ErrorIs(t, err, context.DeadlineExceeded)
					require.ErrorIs(t, err, delivery.ErrUnavailable)
					require.Equal(t, undecided, errors.Is(err, client.ErrUndecided))
					f.failures = nil
					if undecided {
						require.NoError(t, back.Sync(ctx), "it goes on")
					} else {
						require.NoError(t, join(ctx))
					}
					sync(t, back, bob, carl)
					agree(t, g, back, bob, carl)
				})
			})
		}
	}
}

// What the service refuses for good is not tried again, and the caller learns why. A group
// that was in trouble stays, with what waits in it.
func TestRefusedJoinFromOutside(t *testing.T) {
	for how, begin := range returning {
		t.Run(how, func(t *testing.T) {
			ann, bob, carl, g := three(t)
			back, join := begin(t, ann, g)
			f := &flaky{err: &delivery.RefusalError{Rule: "not now"}, failures: map[string]int{"submit": 1}}
			back.delivery = func(s delivery.Service) delivery.Service { f.Service = s; return f }
			back.restart()
			if how == "Resync" {
				_, err := back.Send(ctx, g, []byte("waits"))
				require.NoError(t, err)
			}
			var refused *delivery.RefusalError
			require.ErrorAs(t, join(ctx), &refused)
			require.Equal(t, 1, f.asked)
			info, err := back.Group(g)
			if how == "Resync" {
				require.NoError(t, err)
				require.Equal(t, client.Lost, info.State)
			} else {
				require.ErrorIs(t, err, client.ErrNoGroup)
			}
			require.NoError(t, join(ctx))
			sync(t, back, bob, carl)
			agree(t, g, back, bob, carl)
			if how == "Resync" {
				require.Contains(t, bob.texts(), "ann: waits")
			}
		})
	}
}

// A join whose external commit another one has beaten begins anew, also where the service keeps
// no entry of the group any more.
func TestJoinFromOutsideLosesWhereNothingIsKept(t *testing.T) {
	ann, bob, carl, g := three(t)
	m := &meddler{}
	dora := ann.w.actor("dora")
	dora.delivery = func(s delivery.Service) delivery.Service { m.Service = s; return m }
	dora.restart()
	m.beforeSubmit = func(delivery.Submission) {
		m.beforeSubmit = nil
		require.NoError(t, bob.Update(ctx, g))
		sync(t, ann, bob, carl)
		ann.w.server.Collect()
		require.Empty(t, ann.w.server.Entries(delivery.Stream{Group: g}))
	}
	short, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	require.NoError(t, dora.JoinExternal(short, g))
	sync(t, ann, bob, carl, dora)
	agree(t, g, ann, bob, carl, dora)
}

// A move goes on for as long as its context allows, too: also where another change waits, and
// where an earlier call was given up.
func TestMoveIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		actors, g := movable(t)
		ann := actors[0]
		f := &flaky{err: delivery.ErrUnavailable, failures: map[string]int{"submit": -1}}
		times := 0
		ann.cfg.MLS.Authenticator = absent{&times}
		ann.delivery = func(s delivery.Service) delivery.Service { f.Service = s; return f }
		ann.restart()
		times = 3
		short, cancel := shortly()
		defer cancel()
		require.ErrorIs(t, ann.Update(short, g), client.ErrUndecided) // which waits
		f.failures = map[string]int{"submit": 3, "fetch": 3}
		before, err := ann.Group(g)
		require.NoError(t, err)

		again, cancel := shortly()
		defer cancel()
		f.failures["submit"] = -1
		_, err = ann.Move(again, g, hybrid)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		f.failures = map[string]int{"submit": 3, "fetch": 3}
		next, err := ann.Move(ctx, g, hybrid)
		require.NoError(t, err)
		require.Zero(t, f.failures["submit"]+f.failures["fetch"])
		require.Zero(t, times)
		sync(t, actors...)
		require.Equal(t, next, moved(t, g, actors...))
		require.Equal(t, uint64(1), before.Epoch, "the update came first")
	})
}

// Whoever gives up a move whose ReInit may have won, and asks again, gets the group to which it
// leads.
func TestMoveIsTakenUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		actors, g := movable(t)
		ann := actors[0]
		f := &flaky{err: delivery.ErrUnknown, failures: map[string]int{"submit": -1}}
		ann.delivery = func(s delivery.Service) delivery.Service { f.Service = s; return f }
		ann.restart()
		short, cancel := shortly()
		defer cancel()
		_, err := ann.Move(short, g, hybrid)
		require.ErrorIs(t, err, client.ErrUndecided)
		f.failures = nil
		next, err := ann.Move(ctx, g, hybrid)
		require.NoError(t, err)
		sync(t, actors...)
		require.Equal(t, next, moved(t, g, actors...))
	})
}

// proposers are changes that a member proposes, and others commit.
var proposers = map[string]struct {
	phone   bool // a partial member proposes
	propose func(a *actor, ctx context.Context, g string) error
}{
	"leave":           {false, func(a *actor, ctx context.Context, g string) error { return a.Leave(ctx, g) }},
	"leave partially": {true, func(a *actor, ctx context.Context, g string) error { return a.Leave(ctx, g) }},
	"update":          {true, func(a *actor, ctx context.Context, g string) error { return a.Update(ctx, g) }},
}

// proposing returns ann and a member of her group who proposes, whose service fails where it is
// to take a message, and whose clock stands.
func proposing(t *testing.T, phone bool, failure error) (ann, proposer *actor, f *flaky, later *time.Duration, group string) {
	_, ann, bob, phoned := mixed(t)
	proposer = bob
	if phone {
		proposer = phoned
	}
	g, err := ann.CreateGroup(ctx, "", []string{proposer.name})
	require.NoError(t, err)
	sync(t, ann, proposer)
	f, later = &flaky{err: failure, failures: map[string]int{"send": -1}}, new(time.Duration)
	begin := time.Now()
	proposer.cfg.Now = func() time.Time { return begin.Add(*later) }
	proposer.delivery = func(s delivery.Service) delivery.Service { f.Service = s; return keepAnnotations(f, s) }
	proposer.restart()
	return ann, proposer, f, later, g
}

// A proposal that the service refuses for good is not sent again, and its caller learns why.
func TestRefusedProposal(t *testing.T) {
	for name, c := range proposers {
		t.Run(name, func(t *testing.T) {
			ann, proposer, f, _, g := proposing(t, c.phone, &delivery.RefusalError{Rule: "nobody proposes that"})
			short, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			var refused *delivery.RefusalError
			err := c.propose(proposer, short, g)
			require.ErrorAs(t, err, &refused)
			require.NotErrorIs(t, err, client.ErrUndecided)
			require.Equal(t, 1, f.asked)
			f.failures = nil
			if c.phone { // its engine keeps what it proposed until the epoch ends
				require.NoError(t, ann.Update(ctx, g))
			}
			_, err = proposer.Send(ctx, g, []byte("still here"))
			require.NoError(t, err)
			sync(t, proposer, ann)
			require.Contains(t, ann.texts(), proposer.name+": still here")
			require.Empty(t, of[*client.Failed](proposer.events()), "the caller knows")
		})
	}
}

// One that the service may take later is sent again after a pause.
func TestProposalWaitsForTheService(t *testing.T) {
	for name, c := range proposers {
		t.Run(name, func(t *testing.T) {
			ann, proposer, f, later, g := proposing(t, c.phone, delivery.ErrFull)
			proposed := func(ctx context.Context, g string) error { return c.propose(proposer, ctx, g) }
			for f.asked == 0 { // a machine that is busy takes longer
				require.NoError(t, proposer.soon(proposed, g, 20*time.Millisecond))
			}
			require.Equal(t, 1, f.asked)
			*later += time.Second
			require.ErrorIs(t, proposer.Sync(ctx), delivery.ErrFull)
			require.Equal(t, 2, f.asked)
			f.failures = nil
			for range 3 {
				*later += time.Minute
				sync(t, proposer, ann)
			}
			events := proposer.events()
			require.Empty(t, of[*client.Failed](events))
			info, err := ann.Group(g)
			require.NoError(t, err)
			require.Positive(t, info.Epoch)
			require.Equal(t, name != "update", len(of[*client.Left](events)) == 1)
		})
	}
}
