package guard

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// What mal hands in for a private group is checked, and then refused for another group
// beside it. The guard does not follow it over the next commit.
func TestCommitThatLostIsNotFollowed(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.member("ann", 1, false)
	require.NoError(t, ann.begin("g"))
	require.NoError(t, ann.submit(ann.commit()))

	mal := w.member("mal", 1, true)
	forged := w.forge(mal, "g", 2)
	require.NoError(t, mal.begin("mine"))
	stale := mal.commit()
	stale.Commits[0].Epoch, stale.Commits[0].Message = 0, nil
	forged.Commits = append(forged.Commits, stale.Commits...)
	_, err := mal.service().Submit(t.Context(), forged.Submission)
	var lost *delivery.EpochError
	require.ErrorAs(t, err, &lost)
	require.Equal(t, "mine", lost.Group)

	require.NoError(t, ann.submit(ann.commit()))
	require.Nil(t, w.known("g"))
	require.NoError(t, ann.submit(ann.commit()))
}

// forge returns a commit of a group of mal's own that has the id and the epoch of another.
func (w *world) forge(mal *member, id string, epoch uint64) candidate {
	other := newWorld(w.t, nil)
	twin := *mal
	twin.w = other
	require.NoError(w.t, twin.begin(id))
	for twin.group.Epoch() < epoch {
		require.NoError(w.t, twin.submit(twin.commit()))
	}
	c := twin.commit()
	c.ID = "forged"
	return c
}

// A group that others push out of the memory while its first commit is under way is
// followed all the same.
func TestFirstCommitIsFollowedThoughOthersFillTheMemory(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Cached = 1 })
	ann := w.member("ann", 1, true)
	mal := w.service("mal")
	inner := &between{Service: w.server.Client("ann"), submits: func() {
		for i := range 3 {
			_, _ = mal.Submit(t.Context(), delivery.Submission{ID: "x", Commits: []delivery.Commit{{Group: fmt.Sprint(i), Message: []byte("x")}}})
		}
	}}
	var err error
	ann.group, err = mls.CreateGroup(t.Context(), noon, ann.cfg, []byte("g"))
	require.NoError(t, err)
	_, err = w.guard.Service(inner).Submit(t.Context(), ann.commit().Submission)
	require.NoError(t, err)
	require.NotNil(t, w.known("g"))
}

// between does something before a submission goes on.
type between struct {
	delivery.Service
	submits func()
}

func (b *between) Submit(ctx context.Context, s delivery.Submission) (delivery.Position, error) {
	b.submits()
	return b.Service.Submit(ctx, s)
}

// Who waits for a group goes away when its context ends.
func TestWaitingForAGroupEnds(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.member("ann", 1, true)
	require.NoError(t, ann.begin("g"))
	held := make(chan struct{})
	inner := &between{Service: w.server.Client("ann"), submits: func() { <-held }}
	slow := make(chan error)
	c := ann.commit()
	go func() {
		_, err := w.guard.Service(inner).Submit(t.Context(), c.Submission)
		slow <- err
	}()
	require.Eventually(t, func() bool {
		w.guard.mu.Lock()
		defer w.guard.mu.Unlock()
		return len(w.guard.busy) == 1
	}, 10*time.Second, time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.service("bob").Submit(ctx, c.Submission)
	require.ErrorIs(t, err, context.Canceled)
	close(held)
	require.NoError(t, <-slow)
	require.Empty(t, w.guard.busy)
}

// Who joins a private group from outside does so in public. That does not make the group's
// handshakes public.
func TestPrivateGroupGoesOnAfterAnExternalJoin(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.member("ann", 1, false)
	require.NoError(t, ann.begin("g"))
	carl, joined := w.joins("carl", "g", false)
	require.NoError(t, carl.submit(joined))
	require.Nil(t, w.known("g"))
	require.NoError(t, carl.submit(carl.commit()))

	mal, forged := w.joins("mal", "g", false)
	forged.Commits[0].Tree = joined.Commits[0].Tree
	w.requireRefused(mal.submit(forged), ruleCommit)
}

// joins returns a client with the commit by which it joins a group from outside.
func (w *world) joins(name, group string, public bool) (*member, candidate) {
	w.t.Helper()
	return w.joinsBy(w.service(name), group, public, nil)
}

// joinsBy is joins with the GroupInfo of a service, such as one past the guard, maybe in place
// of a leaf.
func (w *world) joinsBy(s delivery.Service, group string, public bool, leaf *message.LeafIndex) (*member, candidate) {
	w.t.Helper()
	m := w.member(s.Client(), 1, public)
	info, err := s.GroupInfo(w.t.Context(), group)
	require.NoError(w.t, err)
	join, err := mls.ExternalJoin(w.t.Context(), noon, m.cfg, info.Message, mls.ExternalJoinOptions{RatchetTree: info.Tree, Remove: leaf})
	require.NoError(w.t, err)
	return m, m.submission(join, info.Epoch)
}

// Of a group that the guard has lost, it takes a whole state that is of its commit, and of no
// other one.
func TestStateOfALostGroupIsOfItsCommit(t *testing.T) {
	for _, only := range []bool{false, true} {
		w := newWorld(t, func(c *Config) { c.PublicOnly = only })
		ann := w.member("ann", 1, true)
		require.NoError(t, ann.begin("g"))
		w.lose("g")
		c, other := ann.commit(), ann.commit()
		mixed := c
		mixed.Commits = []delivery.Commit{c.Commits[0]}
		mixed.Commits[0].GroupInfo, mixed.Commits[0].Tree = other.Commits[0].GroupInfo, other.Commits[0].Tree
		_, err := ann.service().Submit(t.Context(), mixed.Submission)
		w.requireRefused(err, ruleCommit)
		require.ErrorContains(t, err, "another confirmation_tag")

		carl, joined := w.joins("carl", "g", true)
		require.NoError(t, carl.submit(joined))
		require.Equal(t, only, w.known("g") != nil, "where all are public, so are the members")
		require.NoError(t, carl.submit(carl.commit()))
		require.Equal(t, uint64(3), w.known("g").Epoch())
	}
}

// Application data is private (RFC 9420, Section 6.2), and so it is in a public group.
func TestPublicApplicationDataIsRefused(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.member("ann", 1, true)
	require.NoError(t, ann.begin("g"))
	public := []byte("\x00\x01\x00\x01" + "\x01g" + "\x00\x00\x00\x00\x00\x00\x00\x01" + "\x01\x00\x00\x00\x00" + "\x00" + "\x01" + "\x04text" + "\x00" + "\x00")
	_, err := ann.service().Send(t.Context(), delivery.Message{ID: "m", Group: "g", Epoch: 1, Message: public})
	var refusal *delivery.RefusalError
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, "application data is private", refusal.Rule)
}
