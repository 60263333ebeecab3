package client_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
)

// annotated is a service with the annotations of another one.
type annotated struct {
	delivery.Service
	annotations
}

// annotations is what an Annotator has beside a Service.
type annotations interface {
	FetchAnnotated(ctx context.Context, s delivery.Stream, leaf uint32, after delivery.Position, limit int) ([]delivery.Entry, error)
	AnnotateWelcome(ctx context.Context, group string, epoch uint64, signatureKey []byte) ([]byte, error)
	MembershipProof(ctx context.Context, group string, epoch uint64, leaf uint32) ([]byte, error)
	Tree(ctx context.Context, group string, epoch uint64) ([]byte, error)
}

// keepAnnotations returns outer, with the annotations of the service that it wraps, if that has
// some.
func keepAnnotations(outer, inner delivery.Service) delivery.Service {
	if a, ok := inner.(delivery.Annotator); ok {
		return annotated{outer, a}
	}
	return outer
}

// livePartially is live for a partial member, ann, among others who commit. In the end she
// becomes a full member.
func livePartially(t testing.TB, left int, what fate) bool {
	w := newWorld(t)
	w.guarded()
	l := &life{t: t, w: w, maybe: map[string]bool{}}
	l.ann = w.actor("ann", partially)
	bob, carl, dave := w.actor("bob", inPublic), w.actor("carl", inPublic), w.actor("dave", inPublic)
	l.others = []*actor{bob, carl}
	eve := w.auditor("eve", classic)
	_, said := dave.mortal(0, fails)
	dave.restart()
	require.NoError(t, dave.Sync(ctx))
	l.k, l.r = l.ann.mortal(left, what)
	l.ann.disk.Kill()
	l.open()
	l.settle()

	// meanwhile lets ann ask for something that others have to commit.
	meanwhile := func(call func(ctx context.Context, group string) error, group string, done func() bool) {
		patience := 20 * time.Millisecond
		l.step(func() error {
			defer func() { patience = min(2*patience, time.Second) }() // for a machine that is busy
			return l.ann.soon(call, group, patience)
		}, func() bool { require.NoError(t, bob.Sync(ctx)); return done() })
		l.settle()
	}
	epoch := func() uint64 { info, _ := l.ann.Group("one"); return info.Epoch }
	has := func(group string) bool { _, err := l.ann.Group(group); return err == nil }

	const g = "one"
	_, err := bob.CreateGroup(ctx, g, []string{"eve", "carl", "ann", "dave"})
	require.NoError(t, err)
	l.settle()
	require.NoError(t, dave.Sync(ctx))
	require.True(t, has(g))
	l.send(l.ann, g, "1")
	l.send(bob, g, "2")
	l.settle()
	require.NoError(t, bob.Update(ctx, g)) // ann does not know yet
	l.send(l.ann, g, "3")
	l.send(carl, g, "4")
	l.settle()
	dave.tryToLeave(t, g)
	l.send(l.ann, g, "5")
	l.step(func() error { return l.ann.Sync(ctx) }, nil) // and hears the proposal
	l.settle()
	before := epoch()
	meanwhile(l.ann.update, g, func() bool { return epoch() > before })
	l.send(l.ann, g, "6")
	l.settle()
	require.NoError(t, dave.Sync(ctx))

	_, err = bob.CreateGroup(ctx, "two", []string{"ann"})
	require.NoError(t, err)
	l.settle()
	require.True(t, has("two"))
	meanwhile(l.ann.leave, "two", func() bool { return !has("two") })
	require.GreaterOrEqual(t, eve.audit(t, g, l.r, said), 8)

	l.step(func() error { return l.ann.Upgrade(ctx, g) }, func() bool { info, err := l.ann.Group(g); return err == nil && !info.Partial })
	l.send(l.ann, g, "7")
	l.step(func() error { return l.ann.Remove(ctx, g, "eve") }, func() bool { info, err := l.ann.Group(g); return err == nil && info.Members == 3 })
	l.send(carl, g, "8")
	l.settle()
	l.check(g)
	return l.k.hit
}

// update and leave are the calls of whatever client the actor has by then.
func (a *actor) update(ctx context.Context, group string) error { return a.Update(ctx, group) }
func (a *actor) leave(ctx context.Context, group string) error  { return a.Leave(ctx, group) }

// At each operation of a partial member's life, the process ends, or the operation fails.
func TestEveryBoundaryOfAPartialLife(t *testing.T) {
	stride := 41
	switch {
	case full():
		stride = 1
	case wide():
		stride = 3
	}
	for _, what := range []fate{diesBefore, diesAfter, fails} {
		t.Run(what.String(), func(t *testing.T) {
			for left, goesOn := 1, true; goesOn; left += stride {
				goesOn = false
				t.Run(fmt.Sprint(left), func(t *testing.T) { goesOn = livePartially(t, left, what) })
			}
		})
	}
}
