package guard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	storememory "github.com/mlsuite/mlsuite/store/memory"
)

// beside returns the world of a second guard before the same service.
func (w *world) beside() *world {
	other := &world{t: w.t, server: w.server, disk: storememory.NewDisk(), cfg: w.cfg, ids: 1000}
	other.cfg.Service = w.server.Client("guard beside")
	other.restart()
	return other
}

// A guard that did not see a group begin, or that has lost its state, begins with the record of
// the service: it refuses, serves the tree and annotates as one that did.
func TestGuardBeginsByTheRecord(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.NameOf, c.KeepTrees = basicName, true })
	ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
	require.NoError(t, ann.begin("g"))
	ann.add(bob)
	p := ann.joinPartially("phone")
	require.NoError(t, ann.submit(ann.withoutTree()))
	_, err := p.follow()
	require.NoError(t, err)

	other := w.beside()
	p.service = other.annotator("phone")
	ann.w, bob.w = other, other
	_, err = other.guard.Service(w.server.Client("ann")).Submit(t.Context(), delivery.Submission{ID: "forged", Commits: []delivery.Commit{{
		Group: "g", Epoch: ann.group.Epoch(), Message: mlstest.Flipped(ann.commit().Commits[0].Message, 200),
	}}})
	other.requireRefused(err, ruleCommit)
	require.NoError(t, ann.submit(ann.withoutTree()))
	ann.say("through the second guard")
	texts, err := p.follow()
	require.NoError(t, err)
	require.Equal(t, []string{"through the second guard"}, texts)
	tree, err := p.service.Tree(t.Context(), "g", ann.group.Epoch())
	require.NoError(t, err)
	require.Equal(t, must(ann.group.RatchetTree())(t), tree)
	require.Equal(t, ann.group.Epoch(), w.known("g").Epoch(), "and the first guard follows")

	for _, name := range []string{"guard", "guard beside"} { // what they have not read is kept for both
		at, err := w.server.Client(name).Acknowledged(t.Context(), delivery.Stream{Group: "g"})
		require.NoError(t, err)
		require.NotZero(t, at, name)
	}
	w.disk = storememory.NewDisk() // whose state is lost
	w.restart()
	require.Equal(t, ann.group.Epoch(), w.known("g").Epoch())
	require.Equal(t, 3, w.known("g").Size())
}

// Where the last commit left the tree to another guard, a guard that begins asks for it.
func TestGuardAsksForTheTree(t *testing.T) {
	now := noon
	w := newWorld(t, func(c *Config) { c.Now = func() time.Time { return now } })
	ann := w.member("ann", 1, true)
	require.NoError(t, ann.begin("g"))
	require.NoError(t, ann.submit(ann.withoutTree()))
	other := w.beside()
	require.Nil(t, other.known("g"))
	c := ann.commit()
	for _, leavesInfo := range []bool{false, true} {
		without := c.Submission
		without.Commits = slices.Clone(c.Commits)
		without.Commits[0].Tree = nil
		if leavesInfo {
			without.Commits[0].GroupInfo = nil
		}
		_, err := other.service("ann").Submit(t.Context(), without)
		require.ErrorIs(t, err, delivery.ErrUnseen)
		require.NotErrorAs(t, err, new(*delivery.RefusalError))
	}
	ann.w = other
	require.NoError(t, ann.submit(c), "with the same ID")
	require.Equal(t, ann.group.Epoch(), other.known("g").Epoch())
	require.NoError(t, ann.submit(ann.withoutTree()))

	third := w.beside()
	third.cfg.Service = w.server.Client("third")
	third.restart()
	require.Nil(t, third.known("g"))
	require.NoError(t, ann.submit(ann.commit())) // by another guard
	require.Nil(t, third.known("g"), "it has just asked")
	now = now.Add(askEvery)
	require.Equal(t, ann.group.Epoch(), third.known("g").Epoch())
}

// A guard begins with nothing of which it cannot tell that it is a group of public handshakes in
// the epoch of its last commit.
func TestRecordsWithWhichNoGuardBegins(t *testing.T) {
	for name, c := range map[string]struct {
		private bool
		change  func(w *world, c *candidate)
		dropped bool
		apart   bool // it does not look again
	}{
		"handshakes are private": {private: true, apart: true},
		"no tree":                {change: func(_ *world, c *candidate) { c.Commits[0].Tree = nil }},
		"no GroupInfo":           {change: func(_ *world, c *candidate) { c.Commits[0].GroupInfo = nil }},
		"another epoch's": {change: func(w *world, c *candidate) {
			info, err := w.server.Client("x").GroupInfo(w.t.Context(), "g")
			require.NoError(w.t, err)
			c.Commits[0].GroupInfo, c.Commits[0].Tree = info.Message, info.Tree
		}},
		"a tree that is not the group's": {change: func(w *world, c *candidate) {
			c.Commits[0].Tree = mlstest.Flipped(c.Commits[0].Tree, len(c.Commits[0].Tree)/2)
		}},
		"another commit's": {change: func(w *world, c *candidate) {
			n := len(c.Commits[0].Message)
			c.Commits[0].Message = mlstest.Flipped(c.Commits[0].Message, n-34-1) // in the confirmation_tag
		}},
		"the commit is gone": {dropped: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			ann := w.member("ann", 1, !c.private)
			require.NoError(t, ann.begin("g"))
			last := ann.commit()
			if c.change != nil {
				c.change(w, &last)
			}
			_, err := w.server.Client("ann").Submit(t.Context(), last.Submission) // past the guard
			require.NoError(t, err)
			if c.dropped {
				w.server.Drop(1000)
			}
			other := w.beside()
			require.Nil(t, other.known("g"))
			f, err := other.guard.load(t.Context(), "g")
			require.NoError(t, err)
			require.Equal(t, c.apart, f.apart)
			other.restart()
			f, err = other.guard.load(t.Context(), "g")
			require.NoError(t, err)
			require.Equal(t, c.apart, f.apart, "also after a restart")
			require.Nil(t, other.known("g"))
		})
	}
}

// An external commit is public where handshakes are private, too: a guard begins with it only if
// it takes no private ones.
func TestRecordOfAnExternalCommit(t *testing.T) {
	for _, only := range []bool{false, true} {
		w := newWorld(t, func(c *Config) { c.PublicOnly = only })
		ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
		require.NoError(t, ann.begin("g"))
		info, err := w.server.Client("bob").GroupInfo(t.Context(), "g")
		require.NoError(t, err)
		require.NoError(t, bob.submit(bob.joins(info, mls.ExternalJoinOptions{})))
		other := w.beside()
		require.Equal(t, only, other.known("g") != nil)
	}
}

// A guard begins with neither group of a pair: it has to see the commits of both.
func TestRecordOfAPair(t *testing.T) {
	w := pairWorld(t, nil)
	ann := w.pairMember("ann", true)
	ann.begin("t", "pq")
	for range 2 { // after a FULL commit, and after one of the T group alone
		other := w.beside()
		require.Nil(t, other.known("t"))
		require.Nil(t, other.known("pq"))
		ann.submit(apq.CommitOptions{})
	}
}

// A guard that keeps the trees keeps that of the smallest group too, which is shorter than the
// GroupInfo.
func TestGuardKeepsASmallTree(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.KeepTrees = true })
	ann := w.member("ann", 1, true)
	require.NoError(t, ann.begin("g"))
	require.NoError(t, ann.submit(ann.withoutTree()))
	info, err := w.server.Client("ann").GroupInfo(t.Context(), "g")
	require.NoError(t, err)
	tree := must(ann.group.RatchetTree())(t)
	require.Less(t, len(tree), len(info.Message))
	require.Equal(t, tree, info.Tree)
	require.Equal(t, ann.group.Epoch(), w.beside().known("g").Epoch())
}

// kept is a service that shows what is handed in.
type kept struct {
	delivery.Service
	last delivery.Submission
}

func (s *kept) Submit(ctx context.Context, sub delivery.Submission) (delivery.Position, error) {
	s.last = sub
	return s.Service.Submit(ctx, sub)
}

// The tree that a commit and its Welcomes get is made once: it takes O(n).
func TestTreeIsMadeOnce(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.KeepTrees = true })
	ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
	require.NoError(t, ann.begin("g"))
	kp := must(mls.NewKeyPackage(t.Context(), noon, bob.cfg, mls.KeyPackageOptions{}))(t)
	c := must(ann.group.Commit(t.Context(), noon, mls.CommitOptions{WithoutTree: true}, message.Add{KeyPackage: kp.KeyPackage}))(t)
	sub := ann.submission(c, ann.group.Epoch())
	sub.Commits[0].Tree = nil
	for range 2 {
		sub.Welcomes = append(sub.Welcomes, delivery.Welcome{Clients: []string{"bob"}, Group: "g", Message: c.Welcome})
	}
	inner := &kept{Service: w.server.Client("ann")}
	require.NoError(t, err2(w.guard.Service(inner).Submit(t.Context(), sub.Submission)))
	tree := inner.last.Commits[0].Tree
	require.Equal(t, must(c.RatchetTree())(t), tree)
	for _, w := range inner.last.Welcomes {
		require.Same(t, &tree[0], &w.Tree[0])
	}
}

// A guard that begins again in the middle of an epoch reads on from the commit that began it: the
// next commit refers to proposals that are there.
func TestGuardReadsOnBehindTheRecord(t *testing.T) {
	propose := func(from, to *member) {
		t := from.w.t
		proposal := must(from.group.ProposeUpdate(t.Context(), noon, mls.LeafOptions{}, nil))(t)
		from.w.ids++
		m := delivery.Message{ID: fmt.Sprint(from.w.ids), Group: "g", Epoch: from.group.Epoch(), Message: proposal}
		require.NoError(t, err2(from.service().Send(t.Context(), m)))
		require.NoError(t, err2(to.group.Process(t.Context(), noon, proposal)))
		require.NoError(t, from.group.ForgetProposals())
	}
	submit := func(m *member, to *world) {
		t := to.t
		c := m.commit()
		c.Commits[0].Tree = nil // so that nothing but what the guard knows tells
		m.w = to
		require.NoError(t, m.submit(c))
		require.Equal(t, m.group.Epoch(), to.known("g").Epoch())
	}
	t.Run("behind a gap", func(t *testing.T) {
		w := newWorld(t, nil)
		ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
		require.NoError(t, ann.begin("g"))
		ann.add(bob)
		other := w.beside()
		require.NotNil(t, other.known("g"))
		ann.say("before")
		dropped := w.server.Entries(delivery.Stream{Group: "g"})
		c := ann.commit()
		require.NoError(t, ann.submit(c))
		bob.group = must(must(bob.group.Process(t.Context(), noon, c.Message))(t).Commit.Adopt())(t)
		propose(bob, ann)
		w.server.Drop(dropped[len(dropped)-1].Position)
		submit(ann, other)
	})
	t.Run("of a service that has lost epochs", func(t *testing.T) {
		w := newWorld(t, func(c *Config) { c.Annotated = 1 })
		ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
		require.NoError(t, ann.begin("g"))
		ann.add(bob)
		propose(ann, bob)
		restore := w.server.Backup()
		for range 6 {
			require.NoError(t, ann.submit(ann.commit()))
		}
		restore()
		submit(bob, w)
	})
}

// ending is an authentication service that is asked when the request ends.
type ending struct{ end context.CancelFunc }

func (a ending) Authenticate(ctx context.Context, _ time.Time, _ event.Occasion, changes []event.Change) ([]error, error) {
	a.end()
	return make([]error, len(changes)), ctx.Err()
}

func (ending) SameClient(old, next message.Credential) bool { return true }

// A request that ends while the guard reads the stream says nothing of what is there: the guard
// follows the group with the next request.
func TestRequestEndsWhileTheGuardReads(t *testing.T) {
	w := newWorld(t, nil)
	ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
	require.NoError(t, ann.begin("g"))
	other := w.beside()
	require.NotNil(t, other.known("g"))
	ann.add(bob)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	other.cfg.MLS.Authenticator = ending{cancel}
	other.restart()
	_, err := other.guard.follow(ctx, "g")
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, ann.group.Epoch(), other.known("g").Epoch())
}

// gapped is a service that has a gap for whoever reads to the end.
type gapped struct {
	delivery.Service
	begun int
}

func (s *gapped) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	if limit == 1 {
		if s.begun++; s.begun > 5 {
			return nil, errors.New("the guard begins without end")
		}
		return s.Service.Fetch(ctx, of, after, limit)
	}
	return nil, &delivery.GapError{Stream: of, After: after, Kept: after + 1}
}

// A guard does not begin again without end where each beginning has a gap behind it.
func TestGapBehindTheRecord(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.member("ann", 1, true)
	require.NoError(t, ann.begin("g"))
	require.NoError(t, ann.submit(ann.commit()))
	service := &gapped{Service: w.server.Client("guard")}
	w.cfg.Service = service
	w.restart()
	_, err := w.service("ann").Submit(t.Context(), ann.commit().Submission)
	require.ErrorIs(t, err, delivery.ErrUnavailable)
	require.NotErrorAs(t, err, new(*delivery.GapError))
	require.Equal(t, 1, service.begun)
	w.cfg.Service = service.Service
	w.restart()
	require.Equal(t, ann.group.Epoch(), w.known("g").Epoch())
}
