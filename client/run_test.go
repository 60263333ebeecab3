package client_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	gosync "sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/deliverytest"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/store"
)

// running returns clients in one group that run in the background, in a bubble of time.
func running(t *testing.T, schedule client.Schedule, names ...string) (actors []*actor, group string, stop func()) {
	w := newWorld(t)
	running, cancel := context.WithCancel(ctx)
	for _, name := range names {
		a := w.actor(name, func(cfg *client.Config) { cfg.Schedule = schedule })
		actors = append(actors, a)
		go func() {
			if err := a.Run(running); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", name, err)
			}
		}()
	}
	synctest.Wait()
	group, err := actors[0].CreateGroup(ctx, "", names[1:])
	require.NoError(t, err)
	wait()
	return actors, group, func() {
		cancel()
		for _, a := range actors {
			require.NoError(t, a.Close())
		}
		synctest.Wait()
	}
}

// wait lets a second go by, in which everybody comes to rest.
func wait() {
	time.Sleep(time.Second)
	synctest.Wait()
}

func TestRunDeliversAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		actors, g, stop := running(t, client.Schedule{}, "ann", "bob", "carl")
		defer stop()
		_, err := actors[0].Send(ctx, g, []byte("hello"))
		require.NoError(t, err)
		synctest.Wait()
		for _, a := range actors[1:] {
			require.Equal(t, []string{"ann: hello"}, a.texts())
		}
		left := make(chan error)
		go func() { left <- actors[2].Leave(ctx, g) }()
		require.NoError(t, <-left)
		require.NoError(t, actors[1].Update(ctx, g))
		wait()
		agree(t, g, actors[:2]...)
		require.Empty(t, actors[2].Groups())
	})
}

// All members want to change the group at the same time, and all changes come true.
func TestHerdOfChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		actors, g, stop := running(t, client.Schedule{}, "ann", "bob", "carl", "dan")
		defer stop()
		done := make(chan error)
		for _, a := range actors {
			go func() { done <- a.Update(ctx, g) }()
		}
		for range actors {
			require.NoError(t, <-done)
		}
		wait()
		agree(t, g, actors...)
	})
}

// Members renew their keys in about the time that the schedule says, not all at once, and
// less often in a large group.
func TestKeysAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		actors, g, stop := running(t, client.Schedule{Renew: 24 * time.Hour}, "ann", "bob")
		defer stop()
		before, err := actors[0].Group(g)
		require.NoError(t, err)
		time.Sleep(11 * time.Hour)
		after, err := actors[0].Group(g)
		require.NoError(t, err)
		require.Equal(t, before.Epoch, after.Epoch)
		time.Sleep(10*24*time.Hour - 11*time.Hour)
		wait()
		after, err = actors[0].Group(g)
		require.NoError(t, err)
		require.GreaterOrEqual(t, after.Epoch-before.Epoch, uint64(12)) // each every day and a half at least
		require.LessOrEqual(t, after.Epoch-before.Epoch, uint64(40))
		agree(t, g, actors...)
	})
	synctest.Test(t, func(t *testing.T) {
		actors, g, stop := running(t, client.Schedule{Renew: time.Minute, RenewSpacing: 24 * time.Hour}, "ann", "bob")
		defer stop()
		before, err := actors[0].Group(g)
		require.NoError(t, err)
		time.Sleep(23 * time.Hour)
		after, err := actors[0].Group(g)
		require.NoError(t, err)
		require.Equal(t, before.Epoch, after.Epoch)
	})
}

func TestKeysAreRenewedAfterManyMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		actors, g, stop := running(t, client.Schedule{Renew: -1, RenewMessages: 10}, "ann", "bob")
		defer stop()
		before, err := actors[1].Group(g)
		require.NoError(t, err)
		for i := range 10 {
			_, err := actors[0].Send(ctx, g, fmt.Append(nil, i))
			require.NoError(t, err)
		}
		wait()
		after, err := actors[1].Group(g)
		require.NoError(t, err)
		require.Equal(t, before.Epoch+1, after.Epoch)
	})
}

func TestIdleMembersAreReportedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		schedule := client.Schedule{Renew: -1, Idle: 14 * 24 * time.Hour, Poll: 12 * time.Hour}
		actors, g, stop := running(t, schedule, "ann", "bob", "carl")
		defer stop()
		for range 35 {
			time.Sleep(24 * time.Hour)
			_, err := actors[1].Send(ctx, g, []byte("here"))
			require.NoError(t, err)
		}
		wait()
		idle := of[*client.IdleMembers](actors[0].events())
		require.Len(t, idle, 1)
		require.Equal(t, "carl", idle[0].Members[0].Name)
		require.NoError(t, actors[0].RemoveMembers(ctx, g, idle[0].Members...))
		wait()
		require.Empty(t, actors[2].Groups())
	})
}

// scanned counts the entries that a client reads by a Scan.
type scanned struct {
	store.Store
	entries atomic.Int64
}

func (s *scanned) View(ctx context.Context, read func(store.Reader) error) error {
	return s.Store.View(ctx, func(r store.Reader) error { return read(scannedReader{r, s}) })
}

type scannedReader struct {
	store.Reader
	of *scanned
}

func (r scannedReader) Scan(prefix, from []byte) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		for e, err := range r.Reader.Scan(prefix, from) {
			r.of.entries.Add(1)
			if !yield(e, err) {
				return
			}
		}
	}
}

// Who is idle is looked up when somebody can be, and not for each message.
func TestIdleMembersAreNotLookedUpAtEachMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, ann, bob, g := pair(t)
		disk := &scanned{}
		ann.store = func(s store.Store) store.Store { disk.Store = s; return disk }
		ann.cfg.Schedule.Idle = time.Hour
		ann.restart()
		sync(t, ann)
		before := disk.entries.Load()
		for range 10 {
			_, err := bob.Send(ctx, g, []byte("hello"))
			require.NoError(t, err)
			require.NoError(t, bob.Flush(ctx, g))
			_, err = ann.Send(ctx, g, []byte("hello"))
			require.NoError(t, err)
			require.NoError(t, ann.Flush(ctx, g))
		}
		require.Equal(t, before+10, disk.entries.Load(), "her own messages, from the outbox")
		for range 2 {
			time.Sleep(time.Hour)
			require.NoError(t, ann.Flush(ctx, g))
		}
		require.Len(t, of[*client.IdleMembers](ann.events()), 1)
		_, err := bob.Send(ctx, g, []byte("again"))
		require.NoError(t, err)
		require.NoError(t, bob.Flush(ctx, g))
		time.Sleep(59 * time.Minute)
		require.NoError(t, ann.Flush(ctx, g))
		time.Sleep(2 * time.Minute)
		require.NoError(t, ann.Flush(ctx, g))
		require.Len(t, of[*client.IdleMembers](ann.events()), 1, "an hour after the message, and not after it was read")
	})
}

// asked counts how often a client asks for entries.
type asked struct {
	delivery.Service
	times atomic.Int64
}

func (a *asked) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	a.times.Add(1)
	return a.Service.Fetch(ctx, of, after, limit)
}

// A client that is to do nothing by itself comes to rest, also with a proposal to commit.
func TestNegativeScheduleSaysNever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := client.Schedule{Renew: -1, RenewMessages: -1, Commit: -1, Idle: -1, Check: -1, Poll: -1, TakeOver: -1}
		_, ann, bob, g := pair(t)
		service := &asked{}
		ann.delivery = func(s delivery.Service) delivery.Service { service.Service = s; return service }
		ann.cfg.Schedule = never
		ann.restart()
		running, cancel := context.WithCancel(ctx)
		go ann.Run(running)
		short, ended := shortly()
		defer ended()
		require.ErrorIs(t, bob.Leave(short, g), client.ErrUndecided)
		wait()
		before := service.times.Load()
		time.Sleep(time.Hour)
		require.Equal(t, before, service.times.Load())
		require.NoError(t, ann.View(ctx, g, func(g *mls.Group) error {
			require.Len(t, g.Proposals(), 1)
			return nil
		}))
		require.NoError(t, ann.Update(ctx, g))
		require.NoError(t, bob.Sync(ctx))
		require.Empty(t, bob.Groups())
		cancel()
		synctest.Wait()
	})
}

// A group that is not in memory is not restored because it might have news.
func TestQuietGroupsStayOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counts := &counter{}
		w := newWorld(t)
		a := w.actor("ann", func(cfg *client.Config) {
			cfg.Schedule, cfg.Bounds.Groups, cfg.Metrics = client.Schedule{}, 1, counts
		})
		for i := range 5 {
			_, err := a.CreateGroup(ctx, fmt.Sprint(i), nil)
			require.NoError(t, err)
		}
		before := counts.of("groups_restored")
		running, cancel := context.WithCancel(ctx)
		defer cancel()
		go a.Run(running)
		time.Sleep(time.Hour)
		require.Equal(t, before, counts.of("groups_restored"))
		cancel()
		require.NoError(t, a.View(ctx, "3", func(*mls.Group) error { return nil }))
		require.Equal(t, before+1, counts.of("groups_restored"))
		synctest.Wait()
	})
}

// counter counts for a test.
type counter struct {
	mu     gosync.Mutex
	counts map[string]int64
}

func (c *counter) Add(name string, delta int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]int64{}
	}
	c.counts[name] += delta
}

func (c *counter) of(name string) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[name]
}

// Clients that run at the same time, on a network that fails, all change the group and all
// send: every change comes true, and every message arrives once and in the sender's order.
func TestRunOnABadNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		running, cancel := context.WithCancel(ctx)
		names := []string{"ann", "bob", "carl", "dan"}
		var actors []*actor
		for i, name := range names {
			a := w.actor(name, func(cfg *client.Config) { cfg.Schedule = client.Schedule{} })
			a.delivery = func(s delivery.Service) delivery.Service {
				faults := deliverytest.Faults{LostRequest: 0.1, LostAnswer: 0.1, Twice: 0.1, Short: 0.2, LostHint: 0.2}
				return deliverytest.Faulty(s, faults, rand.New(rand.NewPCG(uint64(i), 0)))
			}
			a.restart()
			actors = append(actors, a)
			go a.Run(running)
		}
		time.Sleep(time.Minute) // key packages are published
		g, err := actors[0].CreateGroup(ctx, "", names[1:])
		require.NoError(t, err)
		time.Sleep(10 * time.Minute)
		var all gosync.WaitGroup
		for _, a := range actors {
			all.Go(func() {
				for n := range 10 {
					if _, err := a.Send(ctx, g, fmt.Append(nil, n)); err != nil {
						t.Error(err)
					}
					if n%5 == 4 {
						if err := a.Update(ctx, g); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		all.Wait()
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		cancel()
		synctest.Wait()
		agree(t, g, actors...)
		for _, a := range actors {
			next := map[string]int{}
			for _, text := range a.texts() {
				name, n, _ := strings.Cut(text, ": ")
				require.Equal(t, fmt.Sprint(next[name]), n, "%s hears %s", a.name, name)
				next[name]++
			}
			for _, name := range names {
				if name != a.name {
					require.Equal(t, 10, next[name], "%s hears %s", a.name, name)
				}
			}
		}
	})
}

// Where the application makes room for events, the client goes on to receive at once.
func TestRoomForEventsIsUsedAtOnce(t *testing.T) {
	for name, makesRoom := range map[string]func(a *actor, group string){
		"confirmed": func(a *actor, _ string) { a.events() },
		"deleted":   func(a *actor, group string) { require.NoError(a.w.t, a.Delete(ctx, group)) },
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			ann := w.actor("ann")
			bob := w.actor("bob", func(cfg *client.Config) { cfg.Schedule, cfg.Bounds.Events = client.Schedule{}, 4 })
			sync(t, bob, ann)
			var groups []string
			for range 2 {
				g, err := ann.CreateGroup(ctx, "", []string{"bob"})
				require.NoError(t, err)
				groups = append(groups, g)
			}
			sync(t, bob, ann)
			bob.events()
			running, stop := context.WithCancel(ctx)
			ended := make(chan error)
			go func() { ended <- bob.Run(running) }()
			defer func() { stop(); <-ended }()
			for i, n := range []int{4, 1} {
				say(t, groups[i], slices.Repeat([]*actor{ann}, n)...)
				require.NoError(t, ann.Flush(ctx, groups[i]))
				wait()
			}
			require.Equal(t, 4, bob.Health(ctx).Unconfirmed, name)
			makesRoom(bob, groups[0])
			synctest.Wait()
			require.Len(t, messages(bob.events()), 1, name)
		})
	}
}
