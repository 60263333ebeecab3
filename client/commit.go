package client

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/internal/publiccommit"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
)

// pending is a commit of this client whose outcome is open. A group has at most one.
type pending struct {
	rec       pendingRecord
	candidate *candidate // nil if it does not restore
	accepted  bool       // the service says so, and the stream does not show it yet
	unseen    bool       // the service says that it does not have the tree, and gets it
	lost      bool       // the service says so
}

func readPending(r store.Reader, id string, rec *pendingRecord) (found bool, state apq.CandidateState, err error) {
	found, err = getJSON(r, key(spacePending, id, partRecord), rec)
	if err != nil || !found {
		return false, state, err
	}
	if state.T, err = readState(r, key(spacePending, id, partState)); err == nil && rec.Full {
		state.PQ, err = readState(r, key(spacePending, id, partPQ))
	}
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
func (c *Client) restorePending(g *liveGroup, rec pendingRecord, state apq.CandidateState) error {
	g.pending = &pending{rec: rec}
	restored, err := c.restoreCandidate(g, rec, state)
	if err == nil {
		g.pending.candidate = restored
	}
	if err != nil && !verdict(err) {
		return err
	}
	if err != nil {
		c.warn("stored commit does not restore", g.id, err)
	}
	return nil
}

// restoreCandidate returns nil for a commit of a group whose state is damaged.
func (c *Client) restoreCandidate(g *liveGroup, rec pendingRecord, state apq.CandidateState) (*candidate, error) {
	var one *mls.Candidate
	var err error
	switch now := c.cfg.Now(); {
	case rec.Full || g.pair != nil:
		return c.restorePairCandidate(g, rec, state)
	case rec.Joins:
		var cfg mls.Config
		if cfg, err = c.configOf(g.rec.Suite); err == nil {
			one, err = mls.RestoreCandidate(now, cfg, state.T)
		}
	case g.mls == nil:
		return nil, nil
	default:
		one, err = g.mls.RestoreCandidate(now, state.T, c.signers()...)
	}
	if err != nil {
		return nil, err
	}
	return &candidate{Candidate: one}, nil
}

// attempt makes a commit or a proposal for an intent, or finishes the intent.
func (c *Client) attempt(ctx context.Context, g *liveGroup, in *intent) error {
	in.attempts++
	done, err := c.advance(ctx, g, in)
	switch {
	case err == nil && !done, fatal(err):
		return err
	case err != nil && !final(err):
		in.notBefore = c.cfg.Now().Add(c.pause(in.attempts, err))
		return &againError{err}
	}
	s := c.step(g)
	if err != nil && g.rec.New {
		c.notBegun(s, g, err)
	} else {
		s.finish(g, in, err)
	}
	return c.commit(ctx, s)
}

// advance takes the next step towards what an intent says, and reports whether that is true
// already.
func (c *Client) advance(ctx context.Context, g *liveGroup, in *intent) (done bool, err error) {
	switch {
	case g.partial != nil:
		return false, c.advancePartial(ctx, g, in)
	case in.rec.Kind == intentLeave:
		return false, c.advanceLeave(ctx, g, in)
	}
	want, err := c.examine(ctx, g, in)
	if err != nil || want.done {
		return want.done, err
	}
	by := in
	if want.step {
		by = nil
	}
	return false, c.prepare(ctx, g, want, by)
}

// prepare makes a commit and stores it, so that it can be submitted.
func (c *Client) prepare(ctx context.Context, g *liveGroup, want wanted, in *intent) error {
	// Else the tree would be there twice. The Welcomes of a pair have each its own.
	want.options.WithoutTree = (!c.cfg.NoExternalJoins && !c.cfg.TreeAtService || c.treesAdded()) && g.pair == nil
	candidate, err := saved(ctx, c, g, func() (*candidate, error) { return c.makeCommit(ctx, g, want) })
	if err != nil {
		return err
	}
	state, err := candidate.save()
	if err != nil {
		candidate.discard()
		return err
	}
	p := &pending{rec: pendingRecord{ID: newID(), Epoch: g.mls.Epoch(), Clients: want.clients, Tree: want.options.WithoutTree}, candidate: candidate}
	switch pq := candidate.pq(); {
	case want.half != nil:
		p.rec.Full, p.rec.PQEpoch = true, want.half.mls.Epoch()
		p.rec.Pair = &pairRecord{Group: []byte(want.half.id), Suite: pq.Suite().Info().ID, Mode: c.cfg.Pairs.Mode}
	case pq != nil:
		p.rec.Full, p.rec.PQEpoch = true, g.pq().Epoch()
	}
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

// treesAdded reports whether the delivery service adds the trees to Welcomes.
func (c *Client) treesAdded() bool {
	_, annotates := c.service.(delivery.Annotator)
	return c.cfg.TreeAtService && c.cfg.MLS.PublicHandshake && annotates
}

// makeCommit lets the engine make a commit.
func (c *Client) makeCommit(ctx context.Context, g *liveGroup, want wanted) (*candidate, error) {
	var err error
	if want.options.JoinerData, err = c.joinerData(ctx, g, want.proposals); err != nil {
		return nil, err
	}
	if g.pair != nil || want.half != nil {
		return c.commitPair(ctx, g, want)
	}
	one, err := g.mls.Commit(ctx, c.cfg.Now(), want.options, want.proposals...)
	if err != nil {
		return nil, err
	}
	return &candidate{Candidate: one}, nil
}

// pend stores a commit that waits.
func (s *step) pend(g *liveGroup, p *pending, state apq.CandidateState) error {
	s.put(key(spacePending, g.id, partRecord), p.rec)
	if err := s.putState(key(spacePending, g.id, partState), state.T); err != nil {
		return err
	}
	if p.rec.Full {
		if err := s.putState(key(spacePending, g.id, partPQ), state.PQ); err != nil {
			return err
		}
	}
	g.pending = p
	return nil
}

// commitProposals commits what others have proposed. What no commit can cover does not
// stand in the way for good.
func (c *Client) commitProposals(ctx context.Context, g *liveGroup) error {
	err := c.prepare(ctx, g, wanted{}, nil)
	if err == nil || !verdict(err) || errors.Is(err, errNoJoinerData) || !g.known {
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
	position, err := c.handIn(ctx, g, p)
	var epoch *delivery.EpochError
	switch {
	case err == nil && p.rec.Joins:
		return c.joined(ctx, g, position)
	case err == nil:
		p.accepted, g.behind = true, 0
		return nil
	case errors.As(err, &epoch) && epoch.Current < epoch.Epoch && !p.rec.Joins:
		return c.behind(ctx, g, epoch)
	case errors.As(err, &epoch):
		p.lost = true
		c.count("commits_lost", 1)
		if p.rec.Joins {
			return c.lostJoin(ctx, g)
		}
		return nil
	case errors.Is(err, delivery.ErrSelfRemoves): // of a member that left since the GroupInfo was read
		return errors.Join(&againError{err}, c.abandon(ctx, g, nil))
	case !final(err) && !errors.Is(err, delivery.ErrUnseen) || ctx.Err() != nil:
		return &againError{err}
	case p.rec.Joins:
		return c.stopJoin(ctx, g, err)
	}
	return c.abandon(ctx, g, err)
}

// welcomeAll repeats the submission of a commit that the stream shows, unless the service has
// said that it is done with it: some of the Welcomes may not be there yet.
func (c *Client) welcomeAll(ctx context.Context, g *liveGroup) error {
	p := g.pending
	if p.accepted || p.candidate.welcomes() == nil {
		return nil
	}
	_, err := c.handIn(ctx, g, p)
	if err != nil && (ctx.Err() != nil || !final(err) && !isEpoch(err) && !errors.Is(err, delivery.ErrUnseen)) {
		return err
	}
	if err != nil { // the service has forgotten what became of it, or takes it no more
		c.warn("some who were added may have no Welcome", g.id, err)
	}
	p.accepted = true
	return nil
}

// handIn submits a commit, and again with the tree if the service asks for that.
func (c *Client) handIn(ctx context.Context, g *liveGroup, p *pending) (delivery.Position, error) {
	submission, err := c.submission(ctx, g, p)
	if err != nil {
		return 0, err
	}
	position, err := c.service.Submit(ctx, submission)
	if errors.Is(err, delivery.ErrUnseen) && !p.unseen && !c.cfg.NoExternalJoins {
		p.unseen = true
		return c.handIn(ctx, g, p)
	}
	return position, err
}

func (c *Client) submission(ctx context.Context, g *liveGroup, p *pending) (delivery.Submission, error) {
	commit := delivery.Commit{Group: g.id, Epoch: p.rec.Epoch, Message: p.candidate.commit()}
	tree, err := c.describeEpoch(ctx, &commit, p.candidate.Candidate, p.rec.Tree && !c.treesAdded(), p.unseen)
	if err != nil {
		return delivery.Submission{}, err
	}
	submission := delivery.Submission{ID: p.rec.ID, Commits: []delivery.Commit{commit}}
	if pq := p.candidate.pq(); pq != nil { // whose commit travels in the message of the other
		of := cmp.Or(p.rec.Pair, g.rec.Pair)
		commit := delivery.Commit{Group: string(of.Group), Epoch: p.rec.PQEpoch}
		if _, err := c.describeEpoch(ctx, &commit, pq, false, p.unseen); err != nil {
			return delivery.Submission{}, err
		}
		submission.Commits = append(submission.Commits, commit)
	}
	if welcome := p.candidate.welcomes(); welcome != nil {
		w := delivery.Welcome{Clients: p.rec.Clients, Group: g.id, Message: welcome}
		if p.rec.Tree && !c.treesAdded() {
			w.Tree = tree
		}
		submission.Welcomes = []delivery.Welcome{w}
	}
	return submission, nil
}

// describeEpoch puts what the service shows of the epoch that a commit begins into the
// commit. It returns the tree if the commit or somebody else needs it. The service does not have
// the tree if it has not seen the group.
func (c *Client) describeEpoch(ctx context.Context, commit *delivery.Commit, candidate *mls.Candidate, needTree, unseen bool) (tree []byte, err error) {
	hands := !c.cfg.TreeAtService || commit.Epoch == 0 || unseen // where the service begins to follow
	if hands || needTree {
		if tree, err = candidate.RatchetTree(); err != nil {
			return nil, err
		}
	}
	if c.cfg.NoExternalJoins {
		return tree, nil
	}
	info, err := candidate.GroupInfo(ctx, c.cfg.Now(), false)
	if err != nil && !verdict(err) {
		return nil, err
	}
	if err == nil {
		commit.GroupInfo = info
	}
	if err == nil && hands {
		commit.Tree = tree
	}
	return tree, nil
}

// abandon gives up a commit that waits and that the service will not take, with the
// intent behind it if why says so.
func (c *Client) abandon(ctx context.Context, g *liveGroup, why error) error {
	p := g.pending
	s := c.step(g)
	s.dropPending(g)
	if why != nil && g.rec.New {
		c.notBegun(s, g, why)
	} else if in := g.intent(p.rec.Intent); in != nil && why != nil {
		s.finish(g, in, why)
	}
	return c.commit(ctx, s)
}

// dropPending gives up the commit that waits, if there is one.
func (s *step) dropPending(g *liveGroup) {
	if g.pending == nil {
		return
	}
	if g.pending.candidate != nil {
		g.pending.candidate.discard()
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

// wants reports whether a change of that kind waits.
func (g *liveGroup) wants(kind intentKind) bool {
	return slices.ContainsFunc(g.intents, func(in *intent) bool { return in.rec.Kind == kind })
}

// leaving reports whether this client wants to leave the group.
func (g *liveGroup) leaving() bool { return g.wants(intentLeave) }

// advanceLeave proposes that this client leaves, once in each epoch. Others commit it.
func (c *Client) advanceLeave(ctx context.Context, g *liveGroup, in *intent) error {
	if g.mls == nil || g.mls.Size() == 1 {
		return c.forget(ctx, g, nil)
	}
	return c.propose(ctx, g, in, func() ([]byte, error) { return c.proposeLeaving(ctx, g) })
}

// propose sends a proposal for an intent, once in each epoch. Others have to commit it.
func (c *Client) propose(ctx context.Context, g *liveGroup, in *intent, make func() ([]byte, error)) error {
	if in.rec.Epoch != g.epoch() || in.rec.ID == "" {
		proposal, err := saved(ctx, c, g, make)
		if err != nil {
			return err
		}
		if in.rec.ID != "" {
			in.rec.Earlier = append(in.rec.Earlier, in.rec.ID)
		}
		in.rec.ID, in.rec.Epoch, in.rec.Message, in.rec.Sent = newID(), g.epoch(), proposal, false
		in.shown = false
		s := c.step(g)
		s.put(key(spaceIntent, g.id, number(in.number)), in.rec)
		if err := c.commit(ctx, s); err != nil {
			return err
		}
	}
	if !in.rec.Sent || in.attempts%maxDoubts == 0 { // the service may have lost it, and takes it once
		_, err := c.service.Send(ctx, delivery.Message{
			ID: in.rec.ID, Group: g.id, Epoch: in.rec.Epoch, Message: in.rec.Message, SelfRemove: c.isSelfRemove(in.rec.Message),
		})
		var epoch *delivery.EpochError
		switch {
		case err != nil && !errors.As(err, &epoch):
			return err
		case err != nil && epoch.Current < epoch.Epoch:
			return c.behind(ctx, g, epoch)
		}
		in.rec.Sent = err == nil // until a restart
	}
	in.notBefore = c.cfg.Now().Add(max(c.cfg.Schedule.Commit, c.cfg.Schedule.Backoff) + time.Second)
	return nil
}

// proposeLeaving proposes that this client leaves: by a SelfRemove where all members take it,
// and otherwise, or if the policy refuses its form, by a Remove. A pair takes a pair of
// Removes.
func (c *Client) proposeLeaving(ctx context.Context, g *liveGroup) ([]byte, error) {
	if g.pair != nil {
		return g.pair.ProposeRemove(ctx, c.cfg.Now(), g.mls.OwnLeaf())
	}
	msg, err := g.mls.Propose(ctx, c.cfg.Now(), message.SelfRemove{}, nil)
	if err == nil || !verdict(err) {
		return msg, err
	}
	return g.mls.Propose(ctx, c.cfg.Now(), message.Remove{Removed: g.mls.OwnLeaf()}, nil)
}

// isSelfRemove reports whether a message is a SelfRemove, which the service keeps for those
// who join.
func (c *Client) isSelfRemove(msg []byte) bool {
	m, err := message.Parse[message.Message](msg)
	return err == nil && publiccommit.SelfRemove(m, c.numbers())
}
