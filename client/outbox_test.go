package client_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/store"
)

// interrupted is a store and a service that call something before their calls, and after an
// Update, while the client has the turn of the group.
type interrupted struct {
	call func()
	busy bool
}

func (i *interrupted) now() {
	if i.call != nil && !i.busy {
		i.busy = true
		i.call()
		i.busy = false
	}
}

type interruptedStore struct {
	store.Store
	*interrupted
}

func (s interruptedStore) Update(ctx context.Context, write func(store.Writer) error) error {
	s.now()
	defer s.now()
	return s.Store.Update(ctx, write)
}

type interruptedService struct {
	delivery.Service
	*interrupted
}

func (s interruptedService) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	s.now()
	return s.Service.Fetch(ctx, of, after, limit)
}

func (s interruptedService) Send(ctx context.Context, m delivery.Message) (delivery.Position, error) {
	s.now()
	return s.Service.Send(ctx, m)
}

func (s interruptedService) Submit(ctx context.Context, sub delivery.Submission) (delivery.Position, error) {
	s.now()
	return s.Service.Submit(ctx, sub)
}

// interrupt lets call run at each boundary of a client's work.
func interrupt(a *actor, call func()) *interrupted {
	i := &interrupted{}
	a.store = func(s store.Store) store.Store { return interruptedStore{s, i} }
	a.delivery = func(s delivery.Service) delivery.Service { return interruptedService{s, i} }
	a.restart()
	i.call = call
	return i
}

// sender sends messages, each with a number, and keeps the IDs of those that were taken.
type sender struct {
	*actor
	group string
	taken []string
	none  int // refused, because there is no such group any more
}

func (s *sender) send() {
	id, err := s.Send(ctx, s.group, fmt.Appendf(nil, "%d", len(s.taken)))
	if err != nil {
		require.ErrorIs(s.w.t, err, client.ErrNoGroup)
		s.none++
		return
	}
	s.taken = append(s.taken, id)
}

// outcomes confirms all events of a client and returns the IDs of the messages that they
// are about: each message has one outcome.
func outcomes(t *testing.T, a *actor) (sent, unsent map[string]bool) {
	sent, unsent = map[string]bool{}, map[string]bool{}
	for _, e := range a.events() {
		id, in := "", sent
		switch what := e.What.(type) {
		case *client.Sent:
			id = what.ID
		case *client.Unsent:
			id, in = what.ID, unsent
		default:
			continue
		}
		require.False(t, sent[id] || unsent[id], "two outcomes")
		in[id] = true
	}
	return sent, unsent
}

// Send is a local act: it returns while the client is in the middle of a call of the service
// or of the store about the same group, and what it takes is sent in the order of the calls.
func TestSendDoesNotWaitForTheService(t *testing.T) {
	_, ann, bob, g := pair(t)
	s := &sender{actor: ann, group: g}
	i := interrupt(ann, s.send)
	bob.texts()
	_, err := bob.Send(ctx, g, []byte("a commit and a message to read"))
	require.NoError(t, err)
	require.NoError(t, bob.Flush(ctx, g))
	require.NoError(t, bob.Update(ctx, g))
	require.NoError(t, ann.Update(ctx, g))
	i.call = nil
	require.NoError(t, ann.Flush(ctx, g))
	require.Greater(t, len(s.taken), 5)
	sent, unsent := outcomes(t, ann)
	require.Len(t, sent, len(s.taken))
	require.Empty(t, unsent)
	sync(t, bob)
	var want []string
	for n := range s.taken {
		want = append(want, fmt.Sprintf("ann: %d", n))
	}
	require.Equal(t, want, bob.texts())
}

// A message that came while the client was at work is sent by the next process, which knows
// from the index alone that something waits, wherever the process ends after Send.
func TestSendDuringWorkOutlivesTheProcess(t *testing.T) {
	for later := range 3 {
		for at, reached := 1, true; reached; at++ {
			_, ann, bob, g := pair(t)
			s := &sender{actor: ann, group: g}
			boundary := 0
			i := interrupt(ann, func() {
				if boundary++; boundary == at {
					s.send()
				}
				if boundary == at+later {
					ann.disk.Kill()
				}
			})
			require.NoError(t, bob.Update(ctx, g))
			if err := ann.Sync(ctx); err == nil {
				_ = ann.Update(ctx, g)
			}
			i.call = nil
			reached = boundary >= at
			require.True(t, reached || at > 6, "%d boundaries", boundary)
			ann.restart()
			require.NoError(t, ann.Sync(ctx))
			require.NoError(t, bob.Sync(ctx))
			require.Len(t, bob.texts(), len(s.taken), "sent at %d, killed %d later", at, later)
		}
	}
}

// Nor is it overlooked if the group leaves memory before its turn comes again.
func TestSendDuringWorkOutlivesTheGroupInMemory(t *testing.T) {
	for at, reached := 1, true; reached; at++ {
		_, ann, bob, g := pair(t)
		ann.cfg.Bounds.Groups = 1
		s := &sender{actor: ann, group: g}
		withdrawn, cancel := context.WithCancel(ctx)
		boundary := 0
		i := interrupt(ann, func() {
			cancel()
			if boundary++; boundary == at {
				s.send()
			}
		})
		require.ErrorIs(t, ann.Update(withdrawn, g), context.Canceled)
		i.call = nil
		reached = boundary >= at
		require.True(t, reached || at > 3, "%d boundaries", boundary)
		_, err := ann.CreateGroup(ctx, "", nil)
		require.NoError(t, err)
		require.NoError(t, ann.Sync(ctx))
		require.NoError(t, bob.Sync(ctx))
		require.Len(t, bob.texts(), len(s.taken), "sent at %d", at)
	}
}

// Whatever comes until the end of a membership is reported, and what comes after it is
// refused.
func TestSendAtTheEndOfAMembership(t *testing.T) {
	_, ann, bob, g := pair(t)
	s := &sender{actor: bob, group: g}
	i := interrupt(bob, s.send)
	require.NoError(t, ann.Remove(ctx, g, "bob"))
	require.NoError(t, bob.Sync(ctx))
	s.send()
	i.call = nil
	sent, unsent := outcomes(t, bob)
	require.Empty(t, sent)
	require.Greater(t, len(s.taken), 1)
	require.Positive(t, s.none)
	for _, id := range s.taken {
		require.True(t, unsent[id])
	}
	require.Len(t, unsent, len(s.taken))
}

// What comes until a client enters the group that follows is sent there.
func TestSendDuringAMove(t *testing.T) {
	for mover := range 2 {
		actors, g := movable(t)
		at := actors[mover]
		s := &sender{actor: at, group: g}
		i := interrupt(at, s.send)
		_, err := actors[0].Move(ctx, g, hybrid)
		require.NoError(t, err)
		sync(t, actors...)
		i.call = nil
		require.Positive(t, s.none, "the group is gone")
		moved(t, g, actors...)
		sync(t, actors...)
		sent, unsent := outcomes(t, at)
		require.Empty(t, unsent)
		require.Len(t, sent, len(s.taken))
		var want []string
		for n := range s.taken {
			want = append(want, fmt.Sprintf("%s: %d", at.name, n))
		}
		require.Equal(t, want, actors[2].texts())
	}
}

// unlucky is a store whose transactions fail when they are written.
type unlucky struct {
	store.Store
	fails bool
}

func (u *unlucky) Update(ctx context.Context, write func(store.Writer) error) error {
	return u.Store.Update(ctx, func(w store.Writer) error {
		err := write(w)
		if err == nil && u.fails {
			err = errDisk
		}
		return err
	})
}

// The bound of the outbox counts what waits, in each process and after transactions that
// have failed.
func TestOutboxIsCounted(t *testing.T) {
	_, ann, bob, g := pair(t)
	ann.cfg.Bounds.Outbox = 3
	disk := &unlucky{}
	ann.store = func(s store.Store) store.Store { disk.Store = s; return disk }
	ann.restart()
	fill := func(room int) {
		t.Helper()
		for range room {
			_, err := ann.Send(ctx, g, []byte("hello"))
			require.NoError(t, err)
		}
		_, err := ann.Send(ctx, g, []byte("hello"))
		var full *client.LimitError
		require.ErrorAs(t, err, &full)
	}
	fill(3)
	ann.restart()
	fill(0)
	require.NoError(t, ann.Flush(ctx, g))
	fill(3)
	disk.fails = true
	require.ErrorIs(t, ann.Flush(ctx, g), errDisk)
	disk.fails = false
	fill(0)
	require.NoError(t, ann.Flush(ctx, g))
	disk.fails = true
	_, err := ann.Send(ctx, g, []byte("hello"))
	require.ErrorIs(t, err, errDisk)
	disk.fails = false
	fill(3)
	require.NoError(t, bob.Remove(ctx, g, "ann"))
	require.NoError(t, ann.Sync(ctx))
	require.NoError(t, bob.Add(ctx, g, "ann"))
	require.NoError(t, ann.Sync(ctx))
	fill(3)
}
