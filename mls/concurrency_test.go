package mls

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/message"
)

// Goroutines that send, receive, propose, commit and ask one Group for all it tells,
// while several try to adopt: no race, no deadlock, one winner.
func TestGroupIsSafeForConcurrentUse(t *testing.T) {
	const rounds = 4
	for _, adjust := range []func(*Config){publicHandshake, privateHandshake} {
		groups := clique(t, 0x0001, 4, adjust)
		populate(t, groups)
		for range rounds {
			churn(t, groups)
		}
	}
}

// race is what the goroutines of one round share.
type race struct {
	t        testing.TB
	group    *Group
	incoming [][]byte   // application messages
	proposal []byte     // of another member
	rival    *Candidate // commit of another member

	opened, won atomic.Int32
	winner      atomic.Pointer[Candidate]
	next        atomic.Pointer[Group]
}

// churn uses the first group from many goroutines until one of them has moved it to
// the next epoch, and then lets the others follow.
func churn(t testing.TB, groups []*Group) {
	r := &race{t: t, group: groups[0]}
	for i := range 8 {
		m, err := groups[1].Encrypt(t.Context(), insiderTime, fmt.Append(nil, i), nil)
		require.NoError(t, err)
		r.incoming = append(r.incoming, m)
	}
	var err error
	r.rival, err = groups[2].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	r.proposal, err = groups[3].Propose(t.Context(), insiderTime, message.Remove{Removed: 1}, nil)
	require.NoError(t, err)

	for _, err := range together(t, r.jobs()) {
		if !errors.Is(err, ErrRetired) && !errors.Is(err, ErrConsumed) && !errors.Is(err, ErrPendingProposals) {
			require.NoError(t, err)
		}
	}
	require.EqualValues(t, 1, r.won.Load(), "one candidate is adopted")

	// What was not opened before can be opened now, once.
	groups[0] = r.next.Load()
	for _, m := range r.incoming {
		if _, err := groups[0].Process(t.Context(), insiderTime, m); err == nil {
			r.opened.Add(1)
		} else {
			require.ErrorIs(t, err, ErrConsumed)
		}
	}
	require.EqualValues(t, len(r.incoming), r.opened.Load())

	message, by := r.rival.Message, 2
	if c := r.winner.Load(); c.Committer().Leaf == 0 {
		message, by = c.Message, 0
	}
	for i := 1; i < len(groups); i++ {
		c := r.rival
		if i != by {
			received, err := groups[i].Process(t.Context(), insiderTime, message)
			require.NoError(t, err)
			c = received.Commit
		}
		groups[i], err = c.Adopt()
		require.NoError(t, err)
		require.Equal(t, groups[0].secrets.Authenticator, groups[i].secrets.Authenticator)
	}
}

// together runs jobs on a goroutine each.
func together(t testing.TB, jobs []func() error) []error {
	t.Helper()
	errs := make([]error, len(jobs))
	var all sync.WaitGroup
	for i, job := range jobs {
		all.Go(func() { errs[i] = job() })
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("deadlock")
	}
	return errs
}

func (r *race) jobs() []func() error {
	ctx, g := r.t.Context(), r.group
	var jobs []func() error
	for _, m := range r.incoming {
		jobs = append(jobs, func() error { return r.open(m) }, func() error { return r.open(m) })
	}
	for range 3 {
		jobs = append(jobs,
			func() error { _, err := g.Encrypt(ctx, insiderTime, []byte("hello"), nil); return err },
			func() error { _, err := g.ProposeUpdate(ctx, insiderTime, LeafOptions{}, nil); return err },
			func() error { _, err := g.Process(ctx, insiderTime, r.proposal); return err },
			func() error { _, err := g.Export("label", nil, 16); return err },
			func() error { _, err := g.EpochAuthenticator(); return err },
			func() error { _, err := g.RatchetTree(); return err },
			func() error { _, err := g.GroupInfo(ctx, insiderTime, true); return err },
			func() error { _, _, _, _ = g.OwnLeaf(), g.Epoch(), g.Size(), g.Leaf(0); return nil },
			r.commit, r.follow)
	}
	return jobs
}

// open opens a message that another goroutine opens as well.
func (r *race) open(m []byte) error {
	received, err := r.group.Process(r.t.Context(), insiderTime, m)
	if err != nil && received != nil {
		return errors.New("an error comes with a result")
	}
	if err == nil {
		r.opened.Add(1)
	}
	return err
}

func (r *race) commit() error {
	c, err := r.group.Commit(r.t.Context(), insiderTime, CommitOptions{WithoutPending: true})
	if err != nil {
		return err
	}
	return r.adopt(c)
}

func (r *race) follow() error {
	received, err := r.group.Process(r.t.Context(), insiderTime, r.rival.Message)
	if err != nil {
		return err
	}
	return r.adopt(received.Commit)
}

// adopt uses a candidate and then tries to adopt it.
func (r *race) adopt(c *Candidate) error {
	_, _ = c.Epoch(), c.GroupContext()
	if _, err := c.Export("label", nil, 16); err != nil {
		return err
	}
	next, err := c.Adopt()
	if err == nil {
		r.won.Add(1)
		r.winner.Store(c)
		r.next.Store(next)
	}
	return err
}

// One candidate, adopted by many at once, is adopted once; and of many candidates of
// one epoch, one.
func TestOneAdoptWins(t *testing.T) {
	g := clique(t, 0x0001, 3)[0]
	var candidates []*Candidate
	for range 4 {
		c, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		candidates = append(candidates, c, c)
	}
	var won atomic.Int32
	var all sync.WaitGroup
	for _, c := range candidates {
		all.Go(func() {
			if _, err := c.Adopt(); err == nil {
				won.Add(1)
			} else if !errors.Is(err, ErrRetired) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, won.Load())
}
