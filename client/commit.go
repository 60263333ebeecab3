package client

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
)

// pending is a commit of this client whose outcome is open. A group has at most one.
type pending struct {
	rec       pendingRecord
	candidate *mls.Candidate // nil if it does not restore
	accepted  bool           // the service says so, and the stream does not show it yet
	lost      bool           // the service says so
}

func readPending(r store.Reader, id string, rec *pendingRecord) (bool, mls.Snapshot, error) {
	found, err := getJSON(r, key(spacePending, id, partRecord), rec)
	if err != nil || !found {
		return false, nil, err
	}
	state, err := readState(r, key(spacePending, id, partState))
	return true, state, err
}

// readState reads a snapshot of package mls.
func readState(r store.Reader, key []byte) (mls.Snapshot, error) {
	value, err := r.Get(key)
	if err != nil {
		return nil, err
	}
	defer clear(value)
	return mls.ParseSnapshot(value)
}

// restorePending restores the candidate of a commit that waits.
func (c *Client) restorePending(g *liveGroup, rec pendingRecord, state mls.Snapshot) error {
	g.pending = &pending{rec: rec}
	var err error
	if rec.Joins {
		var cfg mls.Config
		if cfg, err = c.configOf(g.rec.Suite); err == nil {
			g.pending.candidate, err = mls.RestoreCandidate(c.cfg.Now(), cfg, state)
		}
	} else if g.mls != nil {
		g.pending.candidate, err = g.mls.RestoreCandidate(c.cfg.Now(), state, c.signers()...)
	}
	if err != nil && !verdict(err) {
		return err
	}
	if err != nil {
		c.warn("stored commit does not restore", g.id, err)
	}
	return nil
}

// attempt makes a commit for an intent and stores it, or finishes the intent.
func (c *Client) attempt(ctx context.Context, g *liveGroup, in *intent) error {
	in.attempts++
	if in.rec.Kind == intentLeave {
		return c.attemptLeave(ctx, g, in)
	}
	want, err := c.examine(ctx, g, in)
	if err == nil && !want.done {
		err = c.prepare(ctx, g, want, in)
	}
	if err == nil && !want.done {
		return nil
	}
	if err != nil && !c.final(err) {
		in.notBefore = c.cfg.Now().Add(c.pause(in.attempts, err))
		if g.known && in.rec.Claimed != nil { // which nobody gets again
			s := c.step(g)
			s.put(key(spaceIntent, g.id, number(in.number)), in.rec)
			err = errors.Join(err, c.commit(ctx, s))
		}
		return &againError{err}
	}
	s := c.step(g)
	s.finish(g, in, err)
	if err != nil && g.rec.New {
		c.end(s, g)
	}
	return c.commit(ctx, s)
}

// final reports whether an intent that failed with err is not worth another attempt.
func (c *Client) final(err error) bool {
	var refused *delivery.RefusalError
	return verdict(err) || errors.Is(err, delivery.ErrNoKeyPackage) || errors.Is(err, delivery.ErrTooLarge) || errors.As(err, &refused)
}

// prepare makes a commit and stores it, so that it can be submitted.
func (c *Client) prepare(ctx context.Context, g *liveGroup, want wanted, in *intent) error {
	want.options.WithoutTree = !c.cfg.NoExternalJoins && !c.cfg.TreeAtService // else it would be there twice
	candidate, err := saved(ctx, c, g, func() (*mls.Candidate, error) {
		return g.mls.Commit(ctx, c.cfg.Now(), want.options, want.proposals...)
	})
	if err != nil {
		return err
	}
	state, err := candidate.Save()
	if err != nil {
		candidate.Discard()
		return err
	}
	p := &pending{rec: pendingRecord{ID: newID(), Epoch: g.mls.Epoch(), Clients: want.clients, Tree: want.options.WithoutTree}, candidate: candidate}
	s := c.step(g)
	if in != nil {
		p.rec.Intent = in.number
		s.put(key(spaceIntent, g.id, number(in.number)), in.rec)
	}
	for _, proposal := range candidate.Proposals() { // those of others may add clients too
		if add, ok := proposal.Proposal.(message.Add); ok && proposal.Ref != nil {
			if name := c.person(0, add.KeyPackage.LeafNode.Credential, nil).Name; name != "" {
				p.rec.Clients = append(p.rec.Clients, name)
			}
		}
	}
	if err := s.pend(g, p, state); err != nil {
		return err
	}
	return c.commit(ctx, s)
}

// pend stores a commit that waits.
func (s *step) pend(g *liveGroup, p *pending, state mls.Snapshot) error {
	s.put(key(spacePending, g.id, partRecord), p.rec)
	if err := s.putState(key(spacePending, g.id, partState), state); err != nil {
		return err
	}
	g.pending = p
	return nil
}

// commitProposals commits what others have proposed. What no commit can cover does not
// stand in the way for good.
func (c *Client) commitProposals(ctx context.Context, g *liveGroup) error {
	err := c.prepare(ctx, g, wanted{}, nil)
	if err == nil || !verdict(err) || !g.known {
		return err
	}
	c.warn("proposals cannot be committed", g.id, err)
	if err := g.mls.ForgetProposals(); err != nil {
		return err
	}
	return c.commit(ctx, c.step(g))
}

// saved calls f, and again after the group was saved, if that is what f asks for.
func saved[T any](ctx context.Context, c *Client, g *liveGroup, f func() (T, error)) (T, error) {
	v, err := f()
	for range 3 {
		if !errors.Is(err, mls.ErrUnsaved) {
			break
		}
		if err := c.commit(ctx, c.step(g)); err != nil {
			return v, err
		}
		v, err = f()
	}
	return v, err
}

// submit hands in the commit that waits. The stream says whether it has won.
func (c *Client) submit(ctx context.Context, g *liveGroup) error {
	p := g.pending
	switch {
	case p.candidate == nil:
		return c.abandon(ctx, g, nil)
	case p.lost && g.rec.New:
		return c.abandon(ctx, g, ErrExists)
	case p.accepted || p.lost: // to be asked again
		p.accepted, p.lost = false, false
		return &againError{errors.New("the stream does not show the commit that ended the epoch")}
	}
	submission, err := c.submission(ctx, g, p)
	if err != nil {
		return err
	}
	position, err := c.service.Submit(ctx, submission)
	var epoch *delivery.EpochError
	switch {
	case err == nil && p.rec.Joins:
		return c.joined(ctx, g, position)
	case err == nil:
		p.accepted = true
		return nil
	case errors.As(err, &epoch):
		p.lost = true
		c.count("commits_lost", 1)
		if p.rec.Joins {
			return c.lostJoin(ctx, g)
		}
		return nil
	case transient(err) || ctx.Err() != nil:
		return &againError{err}
	case c.final(err):
		return c.abandon(ctx, g, err)
	}
	return &againError{err}
}

func (c *Client) submission(ctx context.Context, g *liveGroup, p *pending) (delivery.Submission, error) {
	commit := delivery.Commit{Group: g.id, Epoch: p.rec.Epoch, Message: p.candidate.Message}
	var tree []byte
	if !c.cfg.TreeAtService || p.rec.Tree || p.rec.Epoch == 0 {
		var err error
		if tree, err = p.candidate.RatchetTree(); err != nil {
			return delivery.Submission{}, err
		}
	}
	if !c.cfg.NoExternalJoins {
		info, err := p.candidate.GroupInfo(ctx, c.cfg.Now(), false)
		if err != nil && !verdict(err) {
			return delivery.Submission{}, err
		}
		if err == nil {
			commit.GroupInfo = info
		}
		if err == nil && (!c.cfg.TreeAtService || p.rec.Epoch == 0) { // where the service begins to follow
			commit.Tree = tree
		}
	}
	submission := delivery.Submission{ID: p.rec.ID, Commits: []delivery.Commit{commit}}
	if p.candidate.Welcome != nil {
		w := delivery.Welcome{Clients: p.rec.Clients, Group: g.id, Message: p.candidate.Welcome}
		if p.rec.Tree {
			w.Tree = tree
		}
		submission.Welcomes = []delivery.Welcome{w}
	}
	return submission, nil
}

// abandon gives up a commit that waits and that the service will not take, with the
// intent behind it if why says so.
func (c *Client) abandon(ctx context.Context, g *liveGroup, why error) error {
	p := g.pending
	s := c.step(g)
	s.dropPending(g)
	if in := g.intent(p.rec.Intent); in != nil && why != nil {
		s.finish(g, in, why)
	}
	if why != nil && (g.rec.New || g.rec.State == Joining) {
		c.end(s, g)
	}
	return c.commit(ctx, s)
}

// dropPending gives up the commit that waits, if there is one.
func (s *step) dropPending(g *liveGroup) {
	if g.pending == nil {
		return
	}
	if g.pending.candidate != nil {
		g.pending.candidate.Discard()
	}
	g.pending = nil
	s.delete(key(spacePending, g.id))
}

func (g *liveGroup) intent(number uint64) *intent {
	for _, in := range g.intents {
		if in.number == number {
			return in
		}
	}
	return nil
}

// leaving reports whether this client wants to leave the group.
func (g *liveGroup) leaving() bool {
	return slices.ContainsFunc(g.intents, func(in *intent) bool { return in.rec.Kind == intentLeave })
}

// attemptLeave proposes that this client leaves, once in each epoch. Others commit it.
func (c *Client) attemptLeave(ctx context.Context, g *liveGroup, in *intent) error {
	if g.mls == nil || g.mls.Size() == 1 {
		return c.forget(ctx, g, nil)
	}
	if in.rec.Epoch != g.mls.Epoch() || in.rec.ID == "" {
		proposal, err := saved(ctx, c, g, func() ([]byte, error) {
			return g.mls.Propose(ctx, c.cfg.Now(), message.Remove{Removed: g.mls.OwnLeaf()}, nil)
		})
		if err != nil {
			return err
		}
		if in.rec.ID != "" {
			in.rec.Earlier = append(in.rec.Earlier, in.rec.ID)
		}
		in.rec.ID, in.rec.Epoch, in.rec.Message, in.rec.Sent = newID(), g.mls.Epoch(), proposal, false
		s := c.step(g)
		s.put(key(spaceIntent, g.id, number(in.number)), in.rec)
		if err := c.commit(ctx, s); err != nil {
			return err
		}
	}
	if !in.rec.Sent {
		_, err := c.service.Send(ctx, delivery.Message{ID: in.rec.ID, Group: g.id, Epoch: in.rec.Epoch, Message: in.rec.Message})
		var epoch *delivery.EpochError
		if err != nil && !errors.As(err, &epoch) {
			return &againError{err}
		}
		in.rec.Sent = err == nil // until a restart: then it is sent again, and taken once
	}
	in.notBefore = c.cfg.Now().Add(max(c.cfg.Schedule.Commit, c.cfg.Schedule.Backoff) + time.Second)
	return nil // others have to commit the proposal
}
