package client_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/store"
	"github.com/mlsuite/mlsuite/suite"
)

// clock is a clock that a test sets.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

// stocked returns a client whose clock the test sets, with its key packages published.
func stocked(t *testing.T) (*world, *actor, *clock) {
	at := &clock{time.Now()}
	w := newWorld(t)
	a := w.actor("ann", func(cfg *client.Config) { cfg.Now = at.read })
	require.NoError(t, a.Sync(ctx))
	return w, a, at
}

func (a *actor) stock() map[string]bool {
	a.w.t.Helper()
	refs, err := a.w.server.Client(a.name).Stocked(ctx)
	require.NoError(a.w.t, err)
	set := map[string]bool{}
	for _, ref := range refs {
		set[string(ref)] = true
	}
	return set
}

// privateParts returns how many key packages the store has the private parts of.
func (a *actor) privateParts() (n int) {
	a.w.t.Helper()
	a.disk.Kill()
	s, err := a.disk.Open()
	require.NoError(a.w.t, err)
	require.NoError(a.w.t, s.View(ctx, func(r store.Reader) error {
		for _, err := range r.Scan(store.Key([]byte("k")), nil) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	}))
	a.restart()
	return n / 2
}

func TestStockIsReplenished(t *testing.T) {
	w, ann, _ := stocked(t)
	require.Len(t, ann.stock(), 3)
	bob := w.clients("bob")[0]
	for range 5 { // more than there are: the rest join by the last resort
		g, err := bob.CreateGroup(ctx, "", []string{"ann"})
		require.NoError(t, err)
		_, err = bob.Send(ctx, g, []byte("welcome"))
		require.NoError(t, err)
		require.NoError(t, bob.Flush(ctx, g))
	}
	require.Empty(t, ann.stock())
	require.NoError(t, ann.Sync(ctx))
	require.NoError(t, ann.Sync(ctx))
	require.Len(t, ann.stock(), 3)
	require.Len(t, ann.texts(), 5)
	require.Equal(t, 4, ann.privateParts(), "those that have joined are gone, but for the last resort")
	require.Equal(t, 3, ann.Health(ctx).KeyPackages)
}

func TestKeyPackagesAreRenewedBeforeTheyEnd(t *testing.T) {
	_, ann, at := stocked(t)
	first := ann.stock()
	at.now = at.now.Add(60 * 24 * time.Hour) // of 84
	require.NoError(t, ann.Sync(ctx))
	require.Equal(t, first, ann.stock())
	at.now = at.now.Add(5 * 24 * time.Hour)
	require.NoError(t, ann.Sync(ctx))
	second := ann.stock()
	require.Len(t, second, 3)
	for ref := range first {
		require.False(t, second[ref])
	}
	require.Equal(t, 8, ann.privateParts(), "a Welcome may be on its way")
	at.now = at.now.Add(19 * 24 * time.Hour) // the first have ended an hour ago
	require.NoError(t, ann.Sync(ctx))
	require.Equal(t, 8, ann.privateParts(), "clocks differ")
	at.now = at.now.Add(26 * time.Hour)
	require.NoError(t, ann.Sync(ctx))
	require.Equal(t, 4, ann.privateParts())
}

// The process ends between the store and the service.
func TestKeyPackagesAreStoredBeforeTheyArePublished(t *testing.T) {
	w := newWorld(t)
	ann := w.actor("ann")
	k, _ := ann.mortal(2, diesBefore) // dies before Publish
	ann.restart()
	require.Error(t, ann.Sync(ctx))
	require.True(t, k.dead)
	require.Empty(t, ann.stock())
	ann.store, ann.delivery = nil, nil
	ann.open()
	require.NoError(t, ann.Sync(ctx))
	require.Len(t, ann.stock(), 3)
	require.Equal(t, 4, ann.privateParts())
}

func TestKeyPackagesOfALostStoreAreWithdrawn(t *testing.T) {
	w, ann, _ := stocked(t)
	first := ann.stock()
	again := w.actor("ann")
	require.NoError(t, again.Sync(ctx))
	require.Len(t, ann.stock(), 3)
	for ref := range again.stock() {
		require.False(t, first[ref])
	}
}

func TestServiceThatHandsOutAnotherKeyPackageIsCaught(t *testing.T) {
	w := newWorld(t)
	actors := w.clients("ann", "bob", "mallory")
	stolen, err := w.server.Client("x").Claim(ctx, "mallory", classic)
	require.NoError(t, err)
	require.NoError(t, w.server.Client("carl").Publish(ctx, delivery.Stock{Add: []delivery.KeyPackage{{
		Ref: []byte("ref"), Suite: classic, Expires: time.Now().Add(time.Hour), Message: stolen,
	}}}))
	g, err := actors[0].CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	require.ErrorIs(t, actors[0].Add(ctx, g, "carl"), message.ErrInvalid)
	require.ErrorIs(t, actors[0].Add(ctx, g, "nobody"), delivery.ErrNoKeyPackage)
}

func TestRotationReachesGroupsAndKeyPackages(t *testing.T) {
	_, ann, bob, g := pair(t)
	before := ann.stock()
	old := client.Identity{Credential: ann.cfg.MLS.Credential, Signer: ann.cfg.MLS.Signer}
	s, err := all.Registry().Suite(classic)
	require.NoError(t, err)
	signer, err := s.GenerateSigner()
	require.NoError(t, err)
	stranger := client.Identity{Credential: message.BasicCredential([]byte("stranger")), Signer: signer}
	require.ErrorContains(t, ann.Rotate(ctx, stranger), "stranger")
	require.Equal(t, before, ann.stock())
	require.NoError(t, ann.Rotate(ctx, client.Identity{Credential: old.Credential, Signer: signer}))
	ann.cfg.MLS.Signer, ann.cfg.Identities = signer, []client.Identity{old}
	ann.restart()
	sync(t, ann, bob)
	members, err := bob.Members(ctx, g)
	require.NoError(t, err)
	require.Equal(t, signer.PublicKey(), members[0].SignatureKey)
	for ref := range ann.stock() {
		require.False(t, before[ref])
	}
	agree(t, g, ann, bob)
	_, err = ann.Send(ctx, g, []byte("with the new key"))
	require.NoError(t, err)
	sync(t, ann, bob)
	require.Equal(t, []string{"ann: with the new key"}, bob.texts())
}

// submitting lets the first submission wait for another one, if that comes.
type submitting struct {
	delivery.Service
	waiting, both chan struct{}
}

func (s submitting) Submit(ctx context.Context, sub delivery.Submission) (delivery.Position, error) {
	select {
	case s.waiting <- struct{}{}:
		select {
		case <-s.both:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	default:
		close(s.both)
	}
	return s.Service.Submit(ctx, sub)
}

// A group that is slow does not keep others from the new identity.
func TestRotateWorksOnSeveralGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, ann, _, g := pair(t)
		h, err := ann.CreateGroup(ctx, "", []string{"bob"})
		require.NoError(t, err)
		ann.delivery = func(s delivery.Service) delivery.Service {
			return submitting{s, make(chan struct{}, 1), make(chan struct{})}
		}
		ann.restart()
		s, err := all.Registry().Suite(classic)
		require.NoError(t, err)
		signer, err := s.GenerateSigner()
		require.NoError(t, err)
		limited, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		require.NoError(t, ann.Rotate(limited, client.Identity{Credential: ann.cfg.MLS.Credential, Signer: signer}))
		for _, id := range []string{g, h} {
			members, err := ann.Members(ctx, id)
			require.NoError(t, err)
			require.Equal(t, signer.PublicKey(), members[0].SignatureKey)
		}
	})
}

// What the configuration asks for no more is taken back from the service, also if a process ends
// between the two: a last resort, and key packages of a suite.
func TestKeyPackagesAreWithdrawn(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*client.KeyPackages)
		claims int    // that the service has of the classic suite then
		dies   string // at a request
	}{
		"last resort":                 {func(k *client.KeyPackages) { k.NoLastResort = true }, 3, ""},
		"last resort, not reached":    {func(k *client.KeyPackages) { k.NoLastResort = true }, 3, "publish"},
		"all of a suite":              {func(k *client.KeyPackages) { k.Suites = []suite.ID{hybrid} }, 0, ""},
		"all of a suite, not reached": {func(k *client.KeyPackages) { k.Suites = []suite.ID{hybrid} }, 0, "publish"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.guarded()
			ann := w.actor("ann")
			require.NoError(t, ann.Sync(ctx))
			c.change(&ann.cfg.KeyPackages)
			if c.dies != "" {
				ann.refuses(func(r *strict) { r.packages.Store(true) })
				require.Error(t, ann.Sync(ctx))
				ann.delivery = nil
			}
			ann.restart()
			require.NoError(t, ann.Sync(ctx))
			for range c.claims {
				_, err := w.server.Client("bob").Claim(ctx, "ann", classic)
				require.NoError(t, err)
			}
			_, err := w.server.Client("bob").Claim(ctx, "ann", classic)
			require.ErrorIs(t, err, delivery.ErrNoKeyPackage)
			ann.cfg.KeyPackages.NoLastResort, ann.cfg.KeyPackages.Suites = false, []suite.ID{classic, hybrid}
			ann.restart()
			require.NoError(t, ann.Sync(ctx))
			for range 5 {
				_, err := w.server.Client("bob").Claim(ctx, "ann", classic)
				require.NoError(t, err)
			}
		})
	}
}
