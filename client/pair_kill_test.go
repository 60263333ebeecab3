package client_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// stocked publishes key packages of clients who never come: of the suites of a pair, one each.
func (w *world) stocked(names ...string) { w.stockedOf([]suite.ID{classic, postQuantum}, names...) }

// stockedOf is stocked for other suites.
func (w *world) stockedOf(suites []suite.ID, names ...string) {
	for _, id := range suites {
		s, err := all.Registry().Suite(id)
		require.NoError(w.t, err)
		for _, name := range names {
			signer, err := s.GenerateSigner()
			require.NoError(w.t, err)
			cfg := mls.Config{Suites: all.Registry(), Suite: id, Credential: message.BasicCredential([]byte(name)), Signer: signer}
			own, err := mls.NewKeyPackage(ctx, now(), forPairs(w.t, cfg), mls.KeyPackageOptions{})
			require.NoError(w.t, err)
			encoded, err := message.Marshal(&message.Message{KeyPackage: own.KeyPackage})
			require.NoError(w.t, err)
			require.NoError(w.t, w.server.Client(name).Publish(ctx, delivery.Stock{Add: []delivery.KeyPackage{{
				Ref: own.Ref, Suite: id, Expires: now().AddDate(0, 0, 60), Message: encoded,
			}}}))
		}
	}
}

// In a pair of 1,000 members, ann commits, adds, removes and speaks, and at each of her
// operations her process ends, or the operation fails. However it goes on, both groups have
// moved or neither: bob, who follows, has what ann has.
func TestPairOfAThousandAtEveryBoundary(t *testing.T) {
	members, stride := 100, 5
	switch {
	case full():
		members, stride = 1000, 1
	case wide():
		members, stride = 1000, 5
	}
	w := newWorld(t)
	both := w.pairs("ann", "bob")
	ann, bob := both[0], both[1]
	names := make([]string, members-2)
	for i := range names {
		names[i] = fmt.Sprintf("m%d", i)
	}
	w.stocked(names...)
	g, err := ann.CreatePair(ctx, "", append([]string{"bob"}, names...))
	require.NoError(t, err)
	sync(t, ann, bob)
	info, err := ann.Group(g)
	require.NoError(t, err)
	require.Equal(t, members, info.Members)

	kills, fulls := 0, 0
	for _, what := range []fate{diesBefore, diesAfter, fails} {
		for left, hit := 1, true; hit; left += stride {
			coming := fmt.Sprintf("%s %d", what, left)
			w.stocked(coming, coming, coming) // a process that ends loses what it has claimed
			_, before := ann.epochs(g)
			hit = liveInPair(t, ann, g, coming, left, what)
			if hit {
				kills++
			}
			require.NoError(t, bob.Sync(ctx))
			require.NoError(t, ann.Sync(ctx))
			agree(t, g, ann, bob)
			_, after := ann.epochs(g)
			fulls += int(after - before)
			require.GreaterOrEqual(t, after, before+2, "an Add and a Remove are FULL")
			for _, a := range both {
				for _, e := range a.events() {
					switch e.What.(type) {
					case *client.InTrouble, *client.Refused, *client.Unsent, *client.Failed:
						require.Fail(t, "bad event", "%s: %T %+v", a.name, e.What, e.What)
					}
				}
			}
		}
	}
	t.Logf("%d members, %d kills, %d FULL commits", members, kills, fulls)
}

// liveInPair lets ann do in a pair what is FULL and what is PARTIAL, with a fate at the
// operation with the number left. It reports whether there is one.
func liveInPair(t *testing.T, ann *actor, g, coming string, left int, what fate) bool {
	k, r := ann.mortal(left, what)
	l := &life{t: t, w: ann.w, ann: ann, k: k, r: r, maybe: map[string]bool{}}
	ann.disk.Kill()
	l.open()
	is := func(member bool) func() bool {
		return func() bool {
			found := false
			err := ann.View(ctx, g, func(m *mls.Group) error {
				for _, node := range m.Members() {
					name, _ := node.Credential.Identity()
					found = found || string(name) == coming
				}
				return nil
			})
			return err == nil && found == member
		}
	}
	l.step(func() error { return ann.Add(ctx, g, coming) }, is(true))
	l.send(ann, g, coming)
	l.step(func() error { return ann.Update(ctx, g) }, nil)
	l.step(func() error { return ann.Remove(ctx, g, coming) }, is(false))
	l.step(func() error { return ann.Flush(ctx, g) }, nil)
	require.False(t, errors.Is(ann.Health(ctx).Store, errDisk))
	if !k.hit { // the next process has no fate
		ann.store, ann.delivery = nil, nil
		ann.restart()
	}
	return k.hit
}
