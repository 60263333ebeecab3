package client_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
)

// settle lets clients do what there is to do, until none has an error.
func settle(t testing.TB, actors ...*actor) {
	t.Helper()
	var err error
	for range 50 {
		failed := false
		for _, a := range actors {
			if e := a.Sync(ctx); e != nil {
				failed, err = true, fmt.Errorf("%s: %w", a.name, e)
			}
		}
		if !failed {
			sync(t, actors...)
			return
		}
	}
	require.NoError(t, err, "there is no end")
}

// remembering is a service that has lost what it had accepted, but not what was acknowledged.
type remembering struct {
	delivery.Service
	acked map[delivery.Stream]delivery.Position
}

func (r *remembering) Acknowledge(ctx context.Context, of delivery.Stream, p delivery.Position) error {
	r.acked[of] = max(r.acked[of], p)
	return r.Service.Acknowledge(ctx, of, p)
}

func (r *remembering) Acknowledged(ctx context.Context, of delivery.Stream) (delivery.Position, error) {
	p, err := r.Service.Acknowledged(ctx, of)
	return max(p, r.acked[of]), err
}

func (r *remembering) Leave(ctx context.Context, of delivery.Stream) error {
	delete(r.acked, of)
	return r.Service.Leave(ctx, of)
}

// losses are what a service loses of a group of ann, bob and carl, and what it takes
// afterwards: with whom it goes on as it was, and with whom by an external commit.
var losses = map[string]struct {
	lost, since func(t *testing.T, g string, ann, bob, carl *actor)
	resync      []string // who has to come back
}{
	"messages": {
		lost: func(t *testing.T, g string, ann, bob, carl *actor) {
			say(t, g, ann, bob, carl)
			sync(t, ann, bob, carl)
		},
	},
	"messages, in whose place there are others": {
		lost: func(t *testing.T, g string, ann, bob, carl *actor) {
			say(t, g, ann, bob)
			require.NoError(t, ann.Sync(ctx))
		},
		since: func(t *testing.T, g string, _, bob, carl *actor) {
			say(t, g, carl, carl, carl, carl)
			require.NoError(t, carl.Flush(ctx, g))
		},
	},
	"messages, in whose place there is a commit": {
		lost: func(t *testing.T, g string, ann, bob, _ *actor) {
			say(t, g, ann, bob)
			require.NoError(t, ann.Sync(ctx))
		},
		since: func(t *testing.T, g string, _, _, carl *actor) {
			say(t, g, carl)
			require.NoError(t, carl.Flush(ctx, g))
			require.NoError(t, carl.Update(ctx, g))
			say(t, g, carl)
			require.NoError(t, carl.Flush(ctx, g))
		},
	},
	"a commit that nobody else has read": {
		lost:   func(t *testing.T, g string, ann, _, _ *actor) { require.NoError(t, ann.Update(ctx, g)) },
		resync: []string{"ann"},
	},
	"a commit, and another one has its place": {
		lost: func(t *testing.T, g string, ann, _, _ *actor) { require.NoError(t, ann.Update(ctx, g)) },
		since: func(t *testing.T, g string, _, bob, _ *actor) {
			require.NoError(t, bob.Update(ctx, g))
		},
		resync: []string{"ann"},
	},
	"a commit, and the service is further": {
		lost: func(t *testing.T, g string, ann, bob, _ *actor) {
			require.NoError(t, ann.Update(ctx, g))
			sync(t, bob)
		},
		since: func(t *testing.T, g string, _, _, carl *actor) {
			for range 4 {
				require.NoError(t, carl.Update(ctx, g))
				say(t, g, carl)
				require.NoError(t, carl.Flush(ctx, g))
			}
		},
		resync: []string{"ann", "bob"},
	},
	"commits that all have read": {
		lost: func(t *testing.T, g string, ann, bob, carl *actor) {
			require.NoError(t, ann.Update(ctx, g))
			sync(t, ann, bob, carl)
			require.NoError(t, bob.Update(ctx, g))
			say(t, g, ann, carl)
			sync(t, ann, bob, carl)
		},
		resync: []string{"ann", "bob", "carl"},
	},
}

var said int

// say lets clients send a message each.
func say(t *testing.T, g string, actors ...*actor) {
	t.Helper()
	for _, a := range actors {
		said++
		_, err := a.Send(ctx, g, fmt.Append(nil, said))
		require.NoError(t, err)
	}
}

// What a service loses of what it had accepted, each client finds that had read it: it says
// so, and joins anew if its epoch is lost. Nobody misses a message that the service has.
func TestServiceThatLosesWhatItHadAcceptedIsFound(t *testing.T) {
	for name, what := range losses {
		for _, how := range []string{"", ", and the clients begin anew", ", but no acknowledgements"} {
			for _, kind := range kindsOfLife() {
				if kind.pairs && how != "" && !wide() {
					continue
				}
				t.Run(kind.name+": "+name+how, func(t *testing.T) {
					w := newWorld(t)
					var all []*actor
					for _, name := range []string{"ann", "bob", "carl"} {
						a := w.actor(name, kind.config...)
						if how == ", but no acknowledgements" {
							acked := map[delivery.Stream]delivery.Position{}
							a.delivery = func(s delivery.Service) delivery.Service { return &remembering{s, acked} }
							a.restart()
						}
						require.NoError(t, a.Sync(ctx))
						all = append(all, a)
					}
					ann, bob, carl := all[0], all[1], all[2]
					g, err := kind.create(ann, "", []string{"bob", "carl"})
					require.NoError(t, err)
					sync(t, all...)
					require.NoError(t, bob.Update(ctx, g))
					sync(t, all...)
					got := map[string]map[string]int{} // how often who has received what
					trouble, back := map[string][]client.Trouble{}, map[string][]bool{}
					listen := func() {
						for _, a := range all {
							events := a.events()
							trouble[a.name] = append(trouble[a.name], troubles(events)...)
							require.Empty(t, of[*client.Refused](events), a.name)
							for _, e := range events {
								switch what := e.What.(type) {
								case *client.Message:
									if got[a.name] == nil {
										got[a.name] = map[string]int{}
									}
									got[a.name][what.ID]++
								case *client.Recovered:
									back[a.name] = append(back[a.name], e.Position > 0)
								}
							}
						}
					}
					listen()
					restore, before := w.server.Backup(), heads(all, g)
					what.lost(t, g, ann, bob, carl)
					concerned := heads(all, g)
					listen()
					restore()
					if how == ", and the clients begin anew" {
						for _, a := range all {
							a.restart()
						}
					}
					if what.since != nil {
						what.since(t, g, ann, bob, carl)
					}
					settle(t, all...)
					say(t, g, ann, bob, carl)
					settle(t, all...)
					agree(t, g, all...)
					listen()
					for _, a := range all {
						resync := slices.Contains(what.resync, a.name)
						if concerned[a.name] == before[a.name] {
							require.Empty(t, trouble[a.name], a.name)
						} else {
							require.Contains(t, trouble[a.name], client.ServiceRolledBack, a.name)
							require.Contains(t, back[a.name], resync, a.name)
						}
						require.Equal(t, resync, slices.Contains(back[a.name], true), a.name)
						info, err := a.Group(g)
						require.NoError(t, err)
						require.Equal(t, 3, info.Members)
						for _, e := range w.server.Entries(delivery.Stream{Group: g}) {
							if e.Kind == delivery.KindMessage && e.From != a.name && !resync {
								require.Equal(t, 1, got[a.name][e.ID], "%s has what %s sent", a.name, e.From)
							}
						}
						for id, times := range got[a.name] {
							require.Equal(t, 1, times, id)
						}
						a.restart()
						require.NoError(t, a.Sync(ctx))
						require.Empty(t, troubles(a.events()), "it is over")
					}
				})
			}
		}
	}
}

// heads returns up to where each client has read a group.
func heads(all []*actor, g string) map[string]delivery.Position {
	at := map[string]delivery.Position{}
	for _, a := range all {
		at[a.name] = a.ReadUpTo(g)
	}
	return at
}

// Whoever has come by a Welcome that the service has lost has read nothing of the group's
// stream yet: its inbox shows the loss.
func TestLostWelcomeIsFound(t *testing.T) {
	w := newWorld(t)
	all := w.clients("ann", "bob", "carl")
	ann, bob, carl := all[0], all[1], all[2]
	g, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	sync(t, all...)
	restore := w.server.Backup()
	require.NoError(t, ann.Add(ctx, g, "carl"))
	sync(t, carl)
	restore()
	say(t, g, bob, bob, bob, bob, bob, bob)
	require.NoError(t, bob.Flush(ctx, g))
	settle(t, all...)
	agree(t, g, all...)
	require.Contains(t, troubles(ann.events()), client.ServiceRolledBack)
	require.Empty(t, troubles(bob.events()))
	groups := map[string]client.Trouble{}
	for _, e := range carl.events() {
		if what, ok := e.What.(*client.InTrouble); ok {
			groups[e.Group] = what.Trouble
		}
	}
	require.Equal(t, map[string]client.Trouble{"": client.ServiceRolledBack, g: client.ServiceRolledBack}, groups)
}

// A commit and a message that the service has taken and lost, before the client has read them,
// are handed in again.
func TestWhatIsLostBeforeItIsReadIsHandedInAgain(t *testing.T) {
	ann, bob, m, g := meddled(t)
	require.NoError(t, bob.Update(ctx, g))
	sync(t, ann, bob)
	restore := ann.w.server.Backup()
	m.afterSubmit = func() { restore(); m.afterSubmit = nil }
	require.NoError(t, ann.Update(ctx, g))
	settle(t, ann, bob)
	agree(t, g, ann, bob)
	require.Empty(t, troubles(ann.events()), "it has read nothing of it")

	_, err := bob.Send(ctx, g, []byte("lost"))
	require.NoError(t, err)
	_, err = ann.Send(ctx, g, []byte("taken"))
	require.NoError(t, err)
	sync(t, bob)
	restore = ann.w.server.Backup()
	sends := 0
	m.beforeSend = func(delivery.Message) {
		if sends++; sends == 2 { // the second message goes out when the first is lost
			restore()
		}
	}
	_, err = ann.Send(ctx, g, []byte("taken too"))
	require.NoError(t, err)
	settle(t, ann, bob)
	require.ElementsMatch(t, []string{"ann: taken", "ann: taken too"}, bob.texts())
	agree(t, g, ann, bob)
}

// So they do where nothing but a message has changed its place, at once.
func TestReplacedMessageIsNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		actors, g, stop := running(t, client.Schedule{}, "ann", "bob", "carl")
		defer stop()
		require.NoError(t, actors[0].Update(ctx, g))
		say(t, g, actors...)
		wait()
		restore := actors[0].w.server.Backup()
		say(t, g, actors[0])
		wait()
		for _, a := range actors {
			a.texts()
		}
		restore()
		say(t, g, actors[1])
		wait()
		for _, a := range []*actor{actors[0], actors[2]} {
			events := a.events()
			require.Equal(t, []client.Trouble{client.ServiceRolledBack}, troubles(events), a.name)
			require.Len(t, of[*client.Message](events), 1, a.name)
		}
		agree(t, g, actors...)
	})
}

// Who is away for some seconds, and then finds more than was lost behind what it has read, looks
// at what stands there instead.
func TestReplacedMessagesAreNotMissedByWhoComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann, bob, carl, g := three(t)
		var away, loses atomic.Bool
		ann.delivery = func(s delivery.Service) delivery.Service { return silent{s, &away, &loses} }
		ann.cfg.Schedule.Poll = time.Second
		ann.restart()
		running, stop := context.WithCancel(ctx)
		ended := make(chan error)
		go func() { ended <- ann.Run(running) }()
		defer func() { stop(); <-ended }()
		say(t, g, bob)
		sync(t, bob, carl)
		restore := ann.w.server.Backup()
		say(t, g, carl, carl)
		sync(t, carl)
		time.Sleep(35 * time.Second)
		synctest.Wait()
		require.Len(t, ann.texts(), 3)
		time.Sleep(4 * time.Second)
		synctest.Wait()
		away.Store(true)
		restore()
		say(t, g, bob, bob, bob)
		require.NoError(t, bob.Flush(ctx, g))
		away.Store(false)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		events := ann.events()
		require.Equal(t, []client.Trouble{client.ServiceRolledBack}, troubles(events))
		require.Len(t, of[*client.Message](events), 3)
	})
}

// Clients that run in the background find a loss by themselves.
func TestLossIsFoundInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		actors, g, stop := running(t, client.Schedule{}, "ann", "bob", "carl")
		defer stop()
		say(t, g, actors...)
		wait()
		server := actors[0].w.server
		restore := server.Backup()
		require.NoError(t, actors[0].Update(ctx, g))
		say(t, g, actors...)
		wait()
		for _, a := range actors {
			a.texts()
		}
		restore()
		say(t, g, actors...)
		time.Sleep(time.Minute)
		synctest.Wait()
		agree(t, g, actors...)
		for _, a := range actors {
			require.Contains(t, troubles(a.events()), client.ServiceRolledBack, a.name)
		}
		say(t, g, actors...)
		wait()
		for _, a := range actors {
			require.Len(t, a.texts(), 2, a.name)
		}
	})
}

// A client that recovers by a member's hand, or by its own, waits for that where its epoch is
// lost, and does not where messages are.
func TestLossIsMendedByPolicy(t *testing.T) {
	for name, c := range map[string]struct {
		policy client.Recovery
		mend   func(t *testing.T, g string, ann, bob *actor)
	}{
		"by add": {client.RecoverByAdd, func(t *testing.T, g string, _, bob *actor) { require.NoError(t, bob.Replace(ctx, g, "ann")) }},
		"manually": {client.RecoverManually, func(t *testing.T, g string, ann, _ *actor) {
			ann.cfg.Recovery = client.RecoverManually
			require.NoError(t, ann.Resync(ctx, g))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			ann, bob, carl, g := three(t, func(cfg *client.Config) { cfg.Recovery = c.policy })
			require.NoError(t, bob.Update(ctx, g))
			sync(t, ann, bob, carl)
			ann.events()
			restore := ann.w.server.Backup()
			say(t, g, bob)
			sync(t, bob, ann)
			restore()
			say(t, g, carl)
			settle(t, ann, bob, carl)
			events := ann.events()
			require.Equal(t, []client.Trouble{client.ServiceRolledBack}, troubles(events))
			require.Len(t, of[*client.Recovered](events), 1)
			require.Len(t, of[*client.Message](events), 2, "one that is lost, and one in its place")

			require.NoError(t, ann.Update(ctx, g))
			restore()
			say(t, g, carl)
			settle(t, bob, carl)
			var trouble *client.TroubleError
			require.ErrorAs(t, ann.tries(), &trouble)
			require.Equal(t, client.ServiceRolledBack, trouble.Trouble)
			require.ErrorAs(t, ann.Update(ctx, g), &trouble)
			require.Equal(t, []client.Trouble{client.ServiceRolledBack}, troubles(ann.events()))
			c.mend(t, g, ann, bob)
			settle(t, ann, bob, carl)
			agree(t, g, ann, bob, carl)
		})
	}
}

// A partial member finds a loss as others do, and goes on where its epoch is there. If it is
// lost, it joins the group anew that a member has signed whom it has met.
func TestPartialMemberFindsALoss(t *testing.T) {
	for _, commit := range []bool{false, true} {
		w, ann, bob, phone := mixed(t)
		g, err := ann.CreateGroup(ctx, "", []string{"bob", "phone"})
		require.NoError(t, err)
		sync(t, ann, bob, phone)
		require.NoError(t, bob.Update(ctx, g))
		sync(t, ann, bob, phone)
		phone.events()
		restore := w.server.Backup()
		say(t, g, ann)
		if commit {
			require.NoError(t, ann.Update(ctx, g))
		}
		sync(t, ann, phone)
		require.Len(t, phone.texts(), 1)
		restore()
		say(t, g, bob)
		for _, a := range []*actor{bob, ann, phone, ann, phone} {
			a.tries()
		}
		say(t, g, bob)
		settle(t, bob, ann, phone)
		events := phone.events()
		require.Contains(t, troubles(events), client.ServiceRolledBack)
		if commit {
			agree(t, g, ann, bob, phone) // as a full member
		} else {
			require.Equal(t, ann.authenticator(g), phone.partialAuthenticator(g))
			require.Len(t, of[*client.Message](events), 2)
		}
	}
}

// At each operation by which a client comes back after a loss, its process ends, or the operation
// fails: it comes back all the same, and nothing comes twice.
func TestEveryBoundaryAfterALoss(t *testing.T) {
	stride := 3
	if wide() {
		stride = 1
	}
	for name, commits := range map[string]bool{"messages": false, "a commit": true} {
		for _, what := range []fate{diesBefore, diesAfter, fails} {
			t.Run(name+", "+what.String(), func(t *testing.T) {
				for left, goesOn := 1, true; goesOn; left += stride {
					goesOn = comesBack(t, commits, left, what)
				}
			})
		}
	}
}

// comesBack lets something happen to an operation of ann's, who comes back after a loss. It
// reports whether there is one with that number.
func comesBack(t *testing.T, commits bool, left int, what fate) bool {
	ann, bob, carl, g := three(t)
	require.NoError(t, bob.Update(ctx, g))
	say(t, g, bob)
	sync(t, ann, bob, carl)
	restore := ann.w.server.Backup()
	say(t, g, bob, ann)
	sync(t, bob, ann)
	if commits {
		require.NoError(t, ann.Update(ctx, g))
	}
	say(t, g, ann)
	restore()
	say(t, g, carl)
	require.NoError(t, carl.Flush(ctx, g))

	k, _ := ann.mortal(left, what)
	ann.restart()
	for range 20 {
		if err := ann.Sync(ctx); k.dead {
			ann.store, ann.delivery = nil, nil
			ann.restart()
			k.dead = false
		} else if err == nil {
			break
		}
	}
	ann.store, ann.delivery = nil, nil
	ann.restart()
	settle(t, ann, bob, carl)
	say(t, g, carl)
	settle(t, ann, bob, carl)
	agree(t, g, ann, bob, carl)
	events := ann.events()
	require.Contains(t, troubles(events), client.ServiceRolledBack)
	require.NotContains(t, troubles(events), client.RolledBack)
	require.Empty(t, of[*client.Refused](events))
	for _, a := range []*actor{bob, carl} {
		require.Len(t, of[*client.Message](a.events()), map[string]int{"bob": 4, "carl": 2}[a.name], a.name)
	}
	seen := map[string]bool{}
	for _, m := range of[*client.Message](events) {
		require.False(t, seen[m.ID], "it came twice")
		seen[m.ID] = true
	}
	return k.hit
}
