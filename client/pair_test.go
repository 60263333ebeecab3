package client_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	registry "github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// postQuantum is TBD6: ML-KEM-768 beside the signatures of classic.
const postQuantum suite.ID = 0xF006

// inPairs lets a client be in pairs.
func inPairs(cfg *client.Config) {
	cfg.Pairs = &client.Pairs{Suite: postQuantum, Mode: apq.ConfidentialityOnly}
}

// bothConfig returns the configuration of a member of pairs, whose two signers are of one
// scheme.
func bothConfig(cfg mls.Config) apq.Config {
	both := apq.Config{T: cfg, PQ: cfg}
	both.T.Suite, both.PQ.Suite = classic, postQuantum
	return both
}

// forPairs returns the configuration of a member that can be in pairs.
func forPairs(t testing.TB, cfg mls.Config) mls.Config {
	inT, inPQ, err := bothConfig(cfg).Prepare()
	require.NoError(t, err)
	switch cfg.Suite {
	case classic:
		return inT
	case postQuantum:
		return inPQ
	}
	return cfg
}

// pairs returns clients that can be in pairs, with their key packages published.
func (w *world) pairs(names ...string) []*actor { return w.alike(names, inPairs) }

// epochs returns the epochs of both groups of a pair, as a client has them.
func (a *actor) epochs(group string) (t, pq uint64) {
	a.w.t.Helper()
	look := func(epoch *uint64) func(*mls.Group) error {
		return func(g *mls.Group) error {
			if g != nil {
				*epoch = g.Epoch()
			}
			return nil
		}
	}
	require.NoError(a.w.t, a.View(ctx, group, look(&t)))
	require.NoError(a.w.t, a.ViewPQ(ctx, group, look(&pq)))
	return t, pq
}

// A group that runs becomes a pair, and goes on as the group that it was.
func TestLateStart(t *testing.T) {
	w := newWorld(t)
	all := w.pairs("ann", "bob", "carl")
	ann, bob := all[0], all[1]
	g, err := ann.CreateGroup(ctx, "", []string{"bob", "carl"})
	require.NoError(t, err)
	sync(t, all...)
	_, err = bob.Send(ctx, g, []byte("before"))
	require.NoError(t, err)
	require.NoError(t, ann.Pair(ctx, g))
	require.NoError(t, ann.Pair(ctx, g), "it is one")
	sync(t, all...)
	agree(t, g, all...)
	for _, a := range all {
		epoch, pq := a.epochs(g)
		require.Equal(t, []uint64{3, 2}, []uint64{epoch, pq}, a.name)
		a.restart()
	}
	_, err = bob.Send(ctx, g, []byte("after"))
	require.NoError(t, err)
	sync(t, all...)
	require.Equal(t, []string{"bob: before", "bob: after"}, ann.texts())
	require.NoError(t, bob.Remove(ctx, g, "carl"))
	sync(t, all...)
	agree(t, g, ann, bob)
	require.Empty(t, of[*client.Refused](append(ann.events(), bob.events()...)))
}

// The FULL commit that begins a pair may refer to proposals in T which the client has not kept.
// It follows the commit when it has read them again, although it opened the half in PQ before.
func TestLateStartWithProposalsThatWereNotKept(t *testing.T) {
	w := newWorld(t)
	bob := w.pairs("bob")[0]
	bob.cfg.MLS.Limits.MaxProposals = -1
	bob.restart()
	s, err := registry.Registry().Suite(classic)
	require.NoError(t, err)
	signer, err := s.GenerateSigner()
	require.NoError(t, err)
	cfg := bothConfig(mls.Config{Suites: registry.Registry(), Credential: message.BasicCredential([]byte("ann")), Signer: signer})
	inT, _, err := cfg.Prepare()
	require.NoError(t, err)
	ann := w.server.Client("ann")
	claim := func(id suite.ID) *message.KeyPackage {
		claimed, err := ann.Claim(ctx, "bob", id)
		require.NoError(t, err)
		m, err := message.Parse[message.Message](claimed)
		require.NoError(t, err)
		return m.KeyPackage
	}
	submit := func(s delivery.Submission) {
		t.Helper()
		_, err := ann.Submit(ctx, s)
		require.NoError(t, err)
	}
	extensions, err := cfg.Extensions(nil)
	require.NoError(t, err)
	group, err := mls.CreateGroup(ctx, now(), inT, []byte("g"), extensions...)
	require.NoError(t, err)
	c, err := group.Commit(ctx, now(), mls.CommitOptions{}, message.Add{KeyPackage: claim(classic)})
	require.NoError(t, err)
	submit(delivery.Submission{
		ID: "T", Commits: []delivery.Commit{{Group: "g", Message: c.Message}},
		Welcomes: []delivery.Welcome{{Clients: []string{"bob"}, Group: "g", Message: c.Welcome}},
	})
	group, err = c.Adopt()
	require.NoError(t, err)
	require.NoError(t, bob.Sync(ctx))

	pair, welcome, err := apq.Start(ctx, now(), cfg, group, []*message.KeyPackage{claim(postQuantum)}, apq.CreateOptions{PQGroupID: []byte("pq")})
	require.NoError(t, err)
	submit(delivery.Submission{
		ID: "PQ", Commits: []delivery.Commit{{Group: "pq"}},
		Welcomes: []delivery.Welcome{{Clients: []string{"bob"}, Group: "pq", Message: welcome}},
	})
	// The first message of the pair comes in an epoch that T ends by itself.
	update, err := pair.ProposeUpdate(ctx, now(), apq.UpdateOptions{Full: true})
	require.NoError(t, err)
	_, err = ann.Send(ctx, delivery.Message{ID: "update", Group: "g", Epoch: 1, Message: update})
	require.NoError(t, err)
	require.NoError(t, bob.Sync(ctx))
	c, err = group.Commit(ctx, now(), mls.CommitOptions{})
	require.NoError(t, err)
	submit(delivery.Submission{ID: "alone", Commits: []delivery.Commit{{Group: "g", Epoch: 1, Message: c.Message}}})
	group, err = c.Adopt()
	require.NoError(t, err)
	pair, err = apq.Combine(cfg, group, pair.PQ())
	require.NoError(t, err)

	proposal, err := group.Propose(ctx, now(), message.GroupContextExtensions{Extensions: group.GroupContext().Extensions}, nil)
	require.NoError(t, err)
	_, err = ann.Send(ctx, delivery.Message{ID: "proposal", Group: "g", Epoch: 2, Message: proposal})
	require.NoError(t, err)
	require.NoError(t, bob.Sync(ctx))
	full, err := pair.Commit(ctx, now(), apq.CommitOptions{})
	require.NoError(t, err)
	require.NotNil(t, full.T().Proposals()[0].Ref)
	submit(delivery.Submission{ID: "both", Commits: []delivery.Commit{
		{Group: "g", Epoch: 2, Message: full.Message}, {Group: "pq", Epoch: 1},
	}})
	require.NoError(t, bob.Sync(ctx))
	require.Empty(t, troubles(bob.events()))
	epoch, pq := bob.epochs("g")
	require.Equal(t, []uint64{full.T().Epoch(), full.PQ().Epoch()}, []uint64{epoch, pq})
}

// Of two members who begin at once, one wins, and both have its pair.
func TestTwoLateStarts(t *testing.T) {
	w := newWorld(t)
	all := w.pairs("ann", "bob", "carl")
	g, err := all[0].CreateGroup(ctx, "", []string{"bob", "carl"})
	require.NoError(t, err)
	sync(t, all...)
	done := make(chan error)
	for _, a := range all {
		go func() { done <- a.Pair(ctx, g) }()
	}
	for range all {
		require.NoError(t, <-done)
	}
	sync(t, all...)
	agree(t, g, all...)
	_, pq := all[0].epochs(g)
	require.Equal(t, uint64(2), pq)
	for _, a := range all {
		require.Empty(t, of[*client.Refused](a.events()))
	}
}

// Members come and go in both groups, and talk in one. What is FULL and what is PARTIAL
// shows in the epochs.
func TestPair(t *testing.T) {
	w := newWorld(t)
	all := w.pairs("ann", "bob", "carl")
	ann, bob, carl := all[0], all[1], all[2]
	g, err := ann.CreatePair(ctx, "", []string{"bob"})
	require.NoError(t, err)
	at := func(epoch, pq uint64, actors ...*actor) {
		t.Helper()
		sync(t, actors...)
		agree(t, g, actors...)
		gotT, gotPQ := ann.epochs(g)
		require.Equal(t, []uint64{epoch, pq}, []uint64{gotT, gotPQ})
	}
	at(2, 2, ann, bob) // bob's first commit is FULL, and he makes it by himself
	_, err = ann.Send(ctx, g, []byte("hello"))
	require.NoError(t, err)
	at(2, 2, ann, bob)
	require.Equal(t, []string{"ann: hello"}, bob.texts())
	require.NoError(t, bob.Update(ctx, g))
	at(3, 2, ann, bob)
	require.NoError(t, bob.Add(ctx, g, "carl"))
	at(5, 4, all...)
	require.NoError(t, carl.Update(ctx, g))
	at(6, 4, all...)
	for _, a := range all {
		a.restart()
	}
	require.NoError(t, ann.Update(ctx, g))
	at(7, 4, all...)
	require.NoError(t, carl.leaveSoon(g, time.Second))
	sync(t, all...)
	at(8, 5, ann, bob)
	_, err = carl.Group(g)
	require.ErrorIs(t, err, client.ErrNoGroup)
	info, err := bob.Group(g)
	require.NoError(t, err)
	require.Equal(t, []any{classic, postQuantum, 2}, []any{info.Suite, info.PQSuite, info.Members})
	full := 0
	for _, e := range of[*client.EpochChanged](ann.events()) {
		if e.Full {
			full++
		}
	}
	require.Equal(t, 5, full)
}

// A client cannot be in pairs unless its configuration says so.
func TestWithoutPairs(t *testing.T) {
	w := newWorld(t)
	ann := w.pairs("ann")[0]
	bob := w.clients("bob")[0]
	_, err := bob.CreatePair(ctx, "", nil)
	require.ErrorIs(t, err, message.ErrUnsupported)
	_, err = ann.CreatePair(ctx, "", []string{"bob"})
	require.ErrorIs(t, err, delivery.ErrNoKeyPackage)
	require.Empty(t, ann.Groups())
	g, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	sync(t, ann, bob)
	require.ErrorIs(t, bob.Pair(ctx, g), message.ErrUnsupported)
	err = ann.Pair(ctx, g)
	require.True(t, errors.Is(err, message.ErrInvalid), "bob cannot be in pairs: %v", err)
	require.NoError(t, bob.Update(ctx, g))
	sync(t, ann, bob)
	agree(t, g, ann, bob)
}

// The schedule decides which commit is FULL, and makes one when nobody else does.
func TestScheduleOfFullCommits(t *testing.T) {
	w := newWorld(t)
	clock := now()
	in := func(s apq.Schedule) func(*client.Config) {
		return func(cfg *client.Config) {
			inPairs(cfg)
			cfg.Pairs.Schedule, cfg.Now = s, func() time.Time { return clock }
		}
	}
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		schedule apq.Schedule
		after    time.Duration // in which ann makes a FULL commit
		next     time.Duration // in which it is due
	}{
		"never":      {apq.Schedule{}, 0, 0},
		"time":       {apq.Schedule{Every: 4 * day}, 4 * day, 4 * day},
		"inactivity": {apq.Schedule{Inactivity: 8 * day}, 4 * day, 4 * day},
		"commits":    {apq.Schedule{Commits: 2}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			ann := w.actor("ann "+name, in(c.schedule))
			require.NoError(t, ann.Sync(ctx))
			g, err := ann.CreatePair(ctx, "", nil)
			require.NoError(t, err)
			begun := clock
			info, err := ann.Group(g)
			require.NoError(t, err)
			if c.next == 0 {
				require.Zero(t, info.NextFull)
			} else {
				require.WithinDuration(t, begun.Add(c.next), info.NextFull, 0)
				clock = begun.Add(c.after*3/4 - time.Hour)
				require.NoError(t, ann.Sync(ctx))
				_, pq := ann.epochs(g)
				require.Equal(t, uint64(1), pq)
				clock = begun.Add(c.after)
				ann.restart()
				require.NoError(t, ann.Sync(ctx))
				_, pq = ann.epochs(g)
				require.Equal(t, uint64(2), pq)
			}
			if c.schedule.Commits > 0 {
				var full []uint64
				for range 6 {
					require.NoError(t, ann.Update(ctx, g))
					_, pq := ann.epochs(g)
					full = append(full, pq)
				}
				require.Equal(t, []uint64{1, 1, 2, 2, 2, 3}, full)
			}
		})
	}
	require.ErrorContains(t, openError(w, in(apq.Schedule{Inactivity: day, Own: day})), "inactive")
}

// openError returns why a client does not open.
func openError(w *world, change func(*client.Config)) error {
	a := w.actor("wrong")
	cfg := a.cfg
	require.NoError(w.t, a.Close())
	change(&cfg)
	s, err := a.disk.Open()
	require.NoError(w.t, err)
	cfg.Store, cfg.Delivery = s, w.server.Client("wrong")
	_, err = client.Open(ctx, cfg)
	return err
}

// pairOfThree returns clients in one pair, of which all have made a FULL commit.
func pairOfThree(t *testing.T) (w *world, all []*actor, group string) {
	w = newWorld(t)
	all = w.pairs("ann", "bob", "carl")
	group, err := all[0].CreatePair(ctx, "", []string{"bob", "carl"})
	require.NoError(t, err)
	sync(t, all...)
	agree(t, group, all...)
	return w, all, group
}

// insider lets a member hand in a commit of the T group alone, past its own client.
func (a *actor) insider(group string, proposals ...message.Proposal) {
	a.w.t.Helper()
	require.NoError(a.w.t, a.View(ctx, group, func(g *mls.Group) error {
		c, err := g.Commit(ctx, now(), mls.CommitOptions{}, proposals...)
		require.NoError(a.w.t, err)
		_, err = a.w.server.Client(a.name).Submit(ctx, delivery.Submission{ID: "insider", Commits: []delivery.Commit{{Group: group, Epoch: g.Epoch(), Message: c.Message}}})
		require.NoError(a.w.t, err)
		c.Discard()
		return nil
	}))
}

// A service that does not see into commits may take one that removes a member of the T group
// alone. Nobody follows it, and nobody is brought to a pair with other members.
func TestMembershipOfOneGroupIsTrouble(t *testing.T) {
	_, all, g := pairOfThree(t)
	ann, bob, carl := all[0], all[1], all[2]
	for _, a := range all {
		a.events()
	}
	bob.insider(g, message.Remove{Removed: 2})
	for _, a := range []*actor{ann, carl} {
		_ = a.Sync(ctx)
		require.Equal(t, []client.Trouble{client.Unreadable}, troubles(a.events()), a.name)
		info, err := a.Group(g)
		require.NoError(t, err)
		require.Equal(t, client.Lost, info.State)
		require.Contains(t, info.Why, "PARTIAL commit changes the membership")
	}
}

// A member who adds a client to the T group alone does not get it there: to a group whose
// messages depend on no secret of the PQ group.
func TestHalfAnInvitationIsRefused(t *testing.T) {
	w, all, g := pairOfThree(t)
	dan := w.pairs("dan")[0]
	bob := all[1]
	claimed, err := w.server.Client("bob").Claim(ctx, "dan", classic)
	require.NoError(t, err)
	m, err := message.Parse[message.Message](claimed)
	require.NoError(t, err)
	require.NoError(t, bob.View(ctx, g, func(group *mls.Group) error {
		c, err := group.Commit(ctx, now(), mls.CommitOptions{}, message.Add{KeyPackage: m.KeyPackage})
		require.NoError(t, err)
		defer c.Discard()
		_, err = w.server.Client("bob").Submit(ctx, delivery.Submission{
			ID:       "half",
			Commits:  []delivery.Commit{{Group: g, Epoch: group.Epoch(), Message: c.Message}},
			Welcomes: []delivery.Welcome{{Clients: []string{"dan"}, Group: g, Message: c.Welcome}},
		})
		return err
	}))
	require.NoError(t, dan.Sync(ctx))
	refused := of[*client.Refused](dan.events())
	require.Len(t, refused, 1)
	require.Contains(t, refused[0].Why, "one group of a pair alone")
	_, err = dan.Group(g)
	require.ErrorIs(t, err, client.ErrNoGroup)
}

// A member whose store has the pair of an old backup comes back into both groups by a pair of
// external commits.
func TestRecoveryOfAPair(t *testing.T) {
	_, all, g := pairOfThree(t)
	ann, bob := all[0], all[1]
	backup := bob.disk.Copy()
	require.NoError(t, bob.Update(ctx, g))
	require.NoError(t, ann.Remove(ctx, g, "carl"))
	sync(t, ann, bob)
	bob.events()
	bob.disk.Kill()
	bob.disk = backup
	bob.open()
	require.NoError(t, bob.Sync(ctx))
	sync(t, ann, bob)
	agree(t, g, ann, bob)
	events := bob.events()
	require.Equal(t, []client.Trouble{client.RolledBack}, troubles(events))
	require.Len(t, of[*client.Recovered](events), 1)
	_, err := bob.Send(ctx, g, []byte("back"))
	require.NoError(t, err)
	sync(t, bob, ann)
	require.Contains(t, ann.texts(), "bob: back")
	for _, a := range []*actor{ann, bob} {
		a.restart()
		members, err := a.Members(ctx, g)
		require.NoError(t, err)
		require.Len(t, members, 2)
	}
}

// A client joins a pair from outside if the service shows both of its groups, and not if it
// keeps one of them back.
func TestExternalJoinOfAPair(t *testing.T) {
	w, all, g := pairOfThree(t)
	dan := w.actor("dan", inPairs)
	hides := &hiding{}
	dan.delivery = func(s delivery.Service) delivery.Service { hides.Service = s; return hides }
	dan.restart()
	hides.only = g
	require.ErrorIs(t, dan.JoinExternal(ctx, g), client.ErrNoGroup)
	hides.only = ""
	require.NoError(t, dan.JoinExternal(ctx, g))
	everybody := append(all, dan)
	sync(t, everybody...)
	agree(t, g, everybody...)
	require.NoError(t, dan.Update(ctx, g))
	require.NoError(t, dan.Remove(ctx, g, "carl"))
	sync(t, everybody...)
	agree(t, g, all[0], all[1], dan)
	plain := w.clients("eve")[0]
	require.ErrorIs(t, plain.JoinExternal(ctx, g), message.ErrUnsupported)
}

// hiding is a service that shows the GroupInfo of one group alone, unless that is "".
type hiding struct {
	delivery.Service
	only string
}

func (h *hiding) GroupInfo(c context.Context, group string) (delivery.GroupInfo, error) {
	if h.only != "" && group != h.only {
		return delivery.GroupInfo{}, delivery.ErrNoGroup
	}
	return h.Service.GroupInfo(c, group)
}

// A new identity is a FULL commit: both leaves have it then.
func TestRotationInAPair(t *testing.T) {
	_, all, g := pairOfThree(t)
	s, err := registry.Registry().Suite(classic)
	require.NoError(t, err)
	signer, err := s.GenerateSigner()
	require.NoError(t, err)
	require.NoError(t, all[0].Rotate(ctx, client.Identity{Credential: message.BasicCredential([]byte("ann")), Signer: signer}))
	sync(t, all...)
	agree(t, g, all...)
	has := func(m *mls.Group) error {
		require.Equal(t, signer.PublicKey(), m.Leaf(m.OwnLeaf()).SignatureKey)
		return nil
	}
	require.NoError(t, all[0].View(ctx, g, has))
	require.NoError(t, all[0].ViewPQ(ctx, g, has))
}

// Of a group that becomes a pair without having invited a member, the member says that it is
// left behind, once it has read its inbox.
func TestLateStartWithoutAMember(t *testing.T) {
	w := newWorld(t)
	all := w.pairs("ann", "bob")
	ann, bob := all[0], all[1]
	g, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	sync(t, all...)
	heard := w.server.Entries(delivery.Stream{Client: "bob"})
	bob.delivery = func(s delivery.Service) delivery.Service { return &deaf{s, heard[len(heard)-1].Position} }
	bob.restart()
	require.NoError(t, ann.Pair(ctx, g))
	for range 3 {
		_ = bob.Sync(ctx)
	}
	require.Equal(t, []client.Trouble{client.Unreadable}, troubles(bob.events()))
	require.NoError(t, bob.Sync(ctx))
	sync(t, all...)
	agree(t, g, ann, bob) // by a pair of external commits
}

// deaf is a service that shows no Welcomes behind a position.
type deaf struct {
	delivery.Service
	last delivery.Position
}

func (d *deaf) Fetch(c context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	entries, err := d.Service.Fetch(c, of, after, limit)
	if of.Client == "" {
		return entries, err
	}
	return slices.DeleteFunc(entries, func(e delivery.Entry) bool { return e.Position > d.last }), err
}
