package client_test

import (
	"context"
	gosync "sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/suite"
)

// beginner is a service that does not hand out bob's key packages for a while, and that loses
// the answer of a submission and is not reached from then on.
type beginner struct {
	delivery.Service

	mu     gosync.Mutex
	claims error // for bob
	loses  bool
	down   bool
}

func (b *beginner) set(claims error, loses, down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.claims, b.loses, b.down = claims, loses, down
}

func (b *beginner) state() (loses, down bool, claims error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.loses, b.down, b.claims
}

func (b *beginner) Claim(ctx context.Context, name string, of suite.ID) ([]byte, error) {
	if _, _, claims := b.state(); claims != nil && name == "bob" {
		return nil, claims
	}
	return b.Service.Claim(ctx, name, of)
}

func (b *beginner) Submit(ctx context.Context, s delivery.Submission) (delivery.Position, error) {
	loses, down, claims := b.state()
	if down {
		return 0, delivery.ErrUnavailable
	}
	position, err := b.Service.Submit(ctx, s)
	if loses && err == nil {
		b.set(claims, loses, true)
		return 0, delivery.ErrUnknown
	}
	return position, err
}

func (b *beginner) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	if _, down, _ := b.state(); down {
		return nil, delivery.ErrUnavailable
	}
	return b.Service.Fetch(ctx, of, after, limit)
}

// beginning returns a client before that service, and others that have key packages.
func beginning(t *testing.T) (ann *actor, others []*actor, b *beginner) {
	w := newWorld(t)
	others = w.clients("bob", "carl")
	b = &beginner{}
	ann = w.actor("ann", func(cfg *client.Config) { cfg.Schedule.Backoff, cfg.Schedule.MaxBackoff = time.Second, time.Second })
	ann.delivery = func(s delivery.Service) delivery.Service { b.Service = s; return b }
	ann.restart()
	return ann, others, b
}

// The caller of another change goes away while nobody knows whether the group has begun.
func TestChangeThatIsWithdrawnEndsNoNewGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann, others, b := beginning(t)
		b.set(nil, true, false)
		short, cancel := shortly()
		_, err := ann.CreateGroup(short, "g", []string{"bob"})
		cancel()
		require.ErrorIs(t, err, client.ErrUndecided)
		_, err = ann.Send(ctx, "g", []byte("hello"))
		require.NoError(t, err)
		short, cancel = shortly()
		err = ann.Add(short, "g", "carl")
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, client.ErrUndecided)
		b.set(nil, false, false)
		time.Sleep(time.Minute)
		sync(t, ann, others[0])
		agree(t, "g", ann, others[0])
		require.Equal(t, []string{"ann: hello"}, others[0].texts())
		require.Empty(t, others[1].Groups())
	})
}

// Other changes wait until the group has begun, with those whom its first commit lets in.
func TestChangesOfNewGroupWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann, others, b := beginning(t)
		b.set(delivery.ErrUnavailable, false, false)
		outcome := make([]error, 3)
		go func() { _, outcome[0] = ann.CreateGroup(ctx, "g", []string{"bob"}) }()
		time.Sleep(100 * time.Millisecond)
		_, err := ann.Send(ctx, "g", []byte("hello"))
		require.NoError(t, err)
		go func() { outcome[1] = ann.Add(ctx, "g", "nobody") }()
		go func() { outcome[2] = ann.Update(ctx, "g") }()
		time.Sleep(10 * time.Second)
		require.Len(t, ann.Groups(), 1)
		b.set(nil, false, false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.NoError(t, outcome[0])
		require.ErrorIs(t, outcome[1], delivery.ErrNoKeyPackage)
		require.NoError(t, outcome[2])
		sync(t, ann, others[0])
		agree(t, "g", ann, others[0])
		require.Equal(t, []string{"ann: hello"}, others[0].texts())
	})
}

// Of a group that does not begin, everybody learns who waits for something of it.
func TestNewGroupThatDoesNotBegin(t *testing.T) {
	for name, end := range map[string]func(b *beginner, cancel func()){
		"refused":   func(b *beginner, _ func()) { b.set(delivery.ErrNoKeyPackage, false, false) },
		"withdrawn": func(_ *beginner, cancel func()) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ann, _, b := beginning(t)
				b.set(delivery.ErrUnavailable, false, false)
				whole, cancel := context.WithCancel(ctx)
				defer cancel()
				outcome := make([]error, 2)
				go func() { _, outcome[0] = ann.CreateGroup(whole, "g", []string{"bob"}) }()
				time.Sleep(100 * time.Millisecond)
				id, err := ann.Send(ctx, "g", []byte("hello"))
				require.NoError(t, err)
				go func() { outcome[1] = ann.Update(ctx, "g") }()
				time.Sleep(10 * time.Second)
				end(b, cancel)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				require.Error(t, outcome[0])
				require.ErrorIs(t, outcome[1], client.ErrNoGroup)
				require.Empty(t, ann.Groups())
				events := ann.events()
				require.Len(t, events, 1)
				unsent := of[*client.Unsent](events)
				require.Len(t, unsent, 1)
				require.Equal(t, []string{id, "hello"}, []string{unsent[0].ID, string(unsent[0].Data)})
				b.set(nil, false, false)
				_, err = ann.CreateGroup(ctx, "g", []string{"bob"})
				require.NoError(t, err)
			})
		})
	}
}
