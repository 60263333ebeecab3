package client_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/suite"
)

// strict is a service that refuses what its fields say, and counts it.
type strict struct {
	delivery.Annotator
	begins, packages, trees atomic.Bool
	of                      suite.ID // of the key packages that are refused
	asked                   atomic.Int64
}

var errRefused = &delivery.RefusalError{Rule: "the deployment takes this"}

func (r *strict) refuse(what bool) error {
	if !what {
		return nil
	}
	r.asked.Add(1)
	return errRefused
}

func (r *strict) Submit(ctx context.Context, s delivery.Submission) (delivery.Position, error) {
	if err := r.refuse(r.begins.Load() && s.Commits[0].Epoch == 0); err != nil {
		return 0, err
	}
	return r.Annotator.Submit(ctx, s)
}

func (r *strict) Publish(ctx context.Context, change delivery.Stock) error {
	refused := slices.ContainsFunc(slices.Concat(change.Add, change.LastResort), func(kp delivery.KeyPackage) bool { return kp.Suite == r.of })
	if err := r.refuse(r.packages.Load() || refused); err != nil {
		return err
	}
	return r.Annotator.Publish(ctx, change)
}

func (r *strict) Tree(ctx context.Context, group string, epoch uint64) ([]byte, error) {
	if err := r.refuse(r.trees.Load()); err != nil {
		return nil, err
	}
	return r.Annotator.Tree(ctx, group, epoch)
}

// refuses puts a service that refuses before that of a client; set says what.
func (a *actor) refuses(set func(r *strict)) *strict {
	r := new(strict)
	set(r)
	a.delivery = func(s delivery.Service) delivery.Service {
		r.Annotator = s.(delivery.Annotator)
		return r
	}
	a.restart()
	return r
}

// failures returns what has failed, of the events since they were asked for last.
func (a *actor) failures() (all []client.Failed) {
	for _, f := range of[*client.Failed](a.events()) {
		all = append(all, *f)
	}
	return all
}

// A group that is refused as the one that follows is not made again and again: Move says why, and
// tries it once more when it is called again. Meanwhile another member makes it.
func TestRefusedMoveEnds(t *testing.T) {
	for _, again := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.guarded()
			actors := w.alike([]string{"ann", "bob"}, withHybrid, inPublic, func(cfg *client.Config) { cfg.Schedule.TakeOver = time.Hour })
			ann, bob := actors[0], actors[1]
			g, err := ann.CreateGroup(ctx, "", []string{"bob"})
			require.NoError(t, err)
			sync(t, ann, bob)
			service := ann.refuses(func(r *strict) { r.begins.Store(true) })
			next, err := ann.Move(ctx, g, hybrid)
			var refusal *delivery.RefusalError
			require.ErrorAs(t, err, &refusal)
			require.Empty(t, next)
			require.Equal(t, []client.Failed{{What: "move", Why: errRefused.Error()}}, ann.failures())
			sync(t, ann, bob)
			ann.restart()
			service.asked.Store(0)
			sync(t, ann, bob)
			require.Zero(t, service.asked.Load())
			_, err = ann.Move(ctx, g, hybrid)
			require.ErrorAs(t, err, &refusal)
			require.EqualValues(t, 1, service.asked.Load())
			if again {
				service.begins.Store(false)
				next, err = ann.Move(ctx, g, hybrid)
				require.NoError(t, err)
			} else {
				time.Sleep(3 * time.Hour)
			}
			sync(t, bob, ann, bob)
			if again {
				require.Equal(t, next, moved(t, g, ann, bob))
			}
			moved(t, g, ann, bob)
		})
	}
}

// Key packages that the service refuses are reported once, and offered again when the client looks
// after them the next time.
func TestRefusedKeyPackagesAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.guarded()
		ann := w.actor("ann", inPublic)
		service := ann.refuses(func(r *strict) { r.packages.Store(true) })
		running, stop := context.WithCancel(ctx)
		ended := make(chan error)
		go func() { ended <- ann.Run(running) }()
		time.Sleep(time.Minute)
		require.EqualValues(t, 1, service.asked.Load())
		require.Equal(t, []client.Failed{{What: "key packages", Why: errRefused.Error()}}, ann.failures())
		time.Sleep(2 * time.Hour)
		require.LessOrEqual(t, service.asked.Load(), int64(3))
		require.GreaterOrEqual(t, service.asked.Load(), int64(2))
		require.Empty(t, ann.failures(), "it is no news")
		service.packages.Store(false)
		time.Sleep(2 * time.Hour)
		stop()
		<-ended
		refs, err := w.server.Client("ann").Stocked(ctx)
		require.NoError(t, err)
		require.Len(t, refs, 3)
		var refusal *delivery.RefusalError
		service.packages.Store(true)
		require.ErrorAs(t, ann.Sync(ctx), &refusal)
	})
}

// Key packages of one suite that the service refuses do not keep those of others back, nor what is
// withdrawn.
func TestRefusedSuiteKeepsNoOtherBack(t *testing.T) {
	w := newWorld(t)
	w.guarded()
	lost := w.actor("ann")
	require.NoError(t, lost.Sync(ctx))
	ann := w.actor("ann", withHybrid) // without what the service has
	ann.refuses(func(r *strict) { r.of = classic })
	for range 2 {
		var refusal *delivery.RefusalError
		require.ErrorAs(t, ann.Sync(ctx), &refusal)
	}
	require.Len(t, ann.failures(), 1)
	refs, err := w.server.Client("ann").Stocked(ctx)
	require.NoError(t, err)
	require.Len(t, refs, 2)
	require.Equal(t, 2, ann.Health(ctx).KeyPackages)
	for range 3 { // and the last resort
		_, err = w.server.Client("bob").Claim(ctx, "ann", hybrid)
		require.NoError(t, err)
	}
}

// A partial member that is to follow a move, and to which the service refuses the tree for good,
// does not ask for it until the Welcome lapses.
func TestRefusedTreeRefusesTheWelcome(t *testing.T) {
	_, ann, bob, phone := mixed(t, withHybrid, upgrading)
	for _, a := range []*actor{ann, bob} {
		withHybrid(&a.cfg)
		a.restart()
	}
	sync(t, ann, bob, phone)
	g, err := ann.CreateGroup(ctx, "", []string{"bob", "phone"})
	require.NoError(t, err)
	sync(t, ann, bob, phone)
	service := phone.refuses(func(r *strict) { r.trees.Store(true) })
	_, err = ann.Move(ctx, g, hybrid)
	require.NoError(t, err)
	sync(t, phone)
	refused := of[*client.Refused](phone.events())
	require.Len(t, refused, 1)
	require.Equal(t, "welcome", refused[0].What)
	require.Contains(t, refused[0].Why, errRefused.Rule)
	require.EqualValues(t, 1, service.asked.Load())
}
