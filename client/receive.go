package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
)

// fetchLimit is the number of entries that become durable at once.
const fetchLimit = 64

// catchUp reads the stream of a group to its end.
func (c *Client) catchUp(ctx context.Context, g *liveGroup) error {
	err := c.readStream(ctx, g)
	c.reached.Store(err == nil)
	switch {
	case errors.Is(err, delivery.ErrNoGroup) && g.following() && !g.rec.New:
		return c.unknown(ctx, g, err)
	case errors.Is(err, errForgotten):
		return c.lose(ctx, g, ServiceRolledBack, err)
	case err != nil || !g.following():
		return err
	}
	if losses := c.lossesFound(); g.losses != losses {
		if g.rec.Read == nil { // nothing else shows whether this group is concerned
			g.suspected, g.checkAt = true, time.Time{}
		}
		g.losses = losses
	}
	if g.suspected && !c.cfg.Now().Before(g.checkAt) {
		return c.checkFork(ctx, g)
	}
	return nil
}

func (c *Client) readStream(ctx context.Context, g *liveGroup) error {
	stream := delivery.Stream{Group: g.id}
	if !g.checked && g.following() && !g.rec.New {
		acknowledged, err := c.service.Acknowledged(ctx, stream)
		if err != nil {
			return &againError{err}
		}
		if acknowledged > g.rec.Position {
			err := fmt.Errorf("the store is at position %d, and the client has acknowledged %d", g.rec.Position, acknowledged)
			return c.lose(ctx, g, RolledBack, err)
		}
		g.acknowledged = acknowledged
	}
	for told := c.isTold(g); g.following(); told = false {
		if err := c.roomForEvents(); err != nil {
			return err
		}
		entries, err := c.fetchGroup(ctx, g)
		if told && err == nil && len(entries) == 0 { // it was read already, or it stands before the position
			g.looked.at = time.Time{}
			entries, err = c.fetchGroup(ctx, g)
		}
		if gap, ok := errors.AsType[*delivery.GapError](err); ok {
			return c.lose(ctx, g, Gap, gap)
		}
		switch {
		case errors.Is(err, delivery.ErrUnseen):
			return c.lose(ctx, g, Unannotated, err)
		case errors.Is(err, delivery.ErrNoGroup) && g.rec.New:
			return nil
		case errors.Is(err, errForgotten):
			return err
		case err != nil:
			return &againError{err}
		}
		if len(entries) == 0 {
			break
		}
		if err := c.receive(ctx, g, entries); err != nil {
			return err
		}
	}
	if !g.following() {
		return nil
	}
	g.checked = true
	if g.acknowledged < g.rec.Position {
		if err := c.service.Acknowledge(ctx, stream, g.rec.Position); err != nil {
			return &againError{err}
		}
		g.acknowledged = g.rec.Position
	}
	g.looked.doubts = 0
	g.notSeen()
	return nil
}

// following reports whether the client follows the group's stream.
func (g *liveGroup) following() bool {
	return g.isMember() && (g.rec.State == Active || g.rec.State == Ended)
}

// receive takes entries of the stream, and stores what follows from them at once. If it
// comes to one on which there is no verdict yet, it stores what was before.
func (c *Client) receive(ctx context.Context, g *liveGroup, entries []delivery.Entry) error {
	s := c.step(g)
	var stop error
	for i := range entries {
		before := len(s.events)
		stop = c.entry(ctx, s, g, &entries[i])
		if stop != nil && !isTrouble(stop) {
			break
		}
		for j := before; j < len(s.events); j++ {
			s.events[j].Position, s.events[j].Time = entries[i].Position, entries[i].Time
		}
		if stop != nil || g.rec.State == 0 {
			break
		}
		g.rec.Position, g.rec.Read = entries[i].Position, markOf(&entries[i])
		g.rec.Resumed = g.rec.Resumed && g.rec.Position <= g.rec.Again
	}
	if t, ok := errors.AsType[*TroubleError](stop); ok {
		c.setTrouble(s, g, t.Trouble, t.Err)
		stop = nil
	}
	if err := c.commit(ctx, s); err != nil {
		return err
	}
	if stop != nil {
		return &againError{stop}
	}
	return nil
}

// entry takes one entry of a group's stream. It returns a [*TroubleError] if the client
// cannot follow, and another error if it is not decided what becomes of the entry.
func (c *Client) entry(ctx context.Context, s *step, g *liveGroup, e *delivery.Entry) error {
	own := e.From == c.name
	switch {
	case e.Kind == delivery.KindCommit && e.Epoch < g.epoch():
		if m, err := c.headerOf(e.Message); err != nil || m.Epoch() != e.Epoch {
			return &TroubleError{g.id, Gap, errors.New("the service shows a commit as one of another epoch")}
		}
		if e.Position <= g.rec.Again {
			return nil
		}
		trouble := ServiceRolledBack
		if g.rec.Began != nil {
			trouble = Fork // the service has that commit too
		}
		return &TroubleError{g.id, trouble, fmt.Errorf("a commit of epoch %d comes in epoch %d", e.Epoch, g.epoch())}
	case e.Kind == delivery.KindCommit && g.rec.State == Ended:
		return c.refuse(s, g, e, "commit", mls.ErrReInit)
	case e.Kind == delivery.KindCommit && e.Epoch > g.epoch() && !g.rec.New:
		return &TroubleError{g.id, Gap, fmt.Errorf("a commit of epoch %d follows the one of %d", e.Epoch, g.epoch()-1)}
	case e.Kind == delivery.KindCommit && own && g.pending != nil && e.ID == g.pending.rec.ID:
		if g.pending.candidate == nil {
			return &TroubleError{g.id, Damaged, errors.New("the stored commit does not restore")}
		}
		if bytes.Equal(e.Message, g.pending.candidate.commit()) {
			if err := c.welcomeAll(ctx, g); err != nil {
				return err
			}
			return c.adopt(ctx, s, g, e, g.pending.candidate, true)
		}
	case g.rec.New:
		return nil // of another group of the same id: the service refuses this one
	case e.Kind == delivery.KindMessage && own && c.ownMessage(s, g, e):
		return nil
	case own && e.Epoch >= g.rec.Joined && e.Position > g.rec.Again:
		return &TroubleError{g.id, RolledBack, fmt.Errorf("the store does not know the client's entry at position %d", e.Position)}
	case own:
		return nil // of an earlier membership, or known before the service lost something
	}
	if e.Kind == delivery.KindMessage && (g.rec.State == Ended || e.Epoch < g.rec.Joined) {
		return nil // behind the end of the group its sender sends it in the next one
	}
	if g.partial != nil {
		return c.processPartial(ctx, s, g, e)
	}
	return c.process(ctx, s, g, e)
}

// process takes an entry of another member.
func (c *Client) process(ctx context.Context, s *step, g *liveGroup, e *delivery.Entry) error {
	received, err := withProposals(ctx, c, g, e, func(proposals ...[]byte) (*processed, error) {
		return c.processMessage(ctx, g, e.Message, proposals...)
	})
	switch {
	case err == nil && received.commit != nil:
		if e.Kind != delivery.KindCommit {
			g.suspected = true
			return c.refuse(s, g, e, "message", fmt.Errorf("%w: a commit that the service did not take for one", message.ErrInvalid))
		}
		return c.adopt(ctx, s, g, e, received.commit, false)
	case err == nil && e.Kind == delivery.KindCommit:
		return &TroubleError{g.id, Unreadable, errors.New("the service takes a message for a commit")}
	case err == nil && received.application != nil:
		c.seen(s, g, received.application.Sender, e.Time)
		return c.received(s, g, e, received.application)
	case err == nil:
		if received.proposal.Sender.Type == message.SenderMember {
			c.seen(s, g, received.proposal.Sender.Leaf, e.Time)
		}
		c.proposed(g)
		return nil
	case e.Kind == delivery.KindCommit && lacks(err):
		return &TroubleError{g.id, Unreadable, err} // and nothing that it lacks comes later
	case !verdict(err):
		return err
	case e.Kind == delivery.KindCommit:
		trouble := Unreadable
		switch {
		case refusal(err):
			trouble = Refuses
		case errors.Is(err, mls.ErrDecrypt), errors.Is(err, message.ErrInvalid):
			trouble = c.forkOr(ctx, g, Unreadable)
		}
		return &TroubleError{g.id, trouble, err}
	case errors.Is(err, mls.ErrPastEpoch):
		return nil // its sender sends it again
	case errors.Is(err, mls.ErrFutureEpoch):
		return &TroubleError{g.id, Gap, fmt.Errorf("a message comes before the commit that begins its epoch: %w", err)}
	case errors.Is(err, mls.ErrConsumed) && e.Position <= g.rec.Again:
		return nil // it was read before the service lost something
	case errors.Is(err, mls.ErrConsumed):
	default:
		g.suspected = true // an honest service and an honest member do not bring this about
	}
	return c.refuse(s, g, e, "message", err)
}

// received reports a message of another member, or that it is larger than what a store takes.
func (c *Client) received(s *step, g *liveGroup, e *delivery.Entry, a *mls.ApplicationMessage) error {
	if n := sizeOf(a.Data, a.Items); n > maxMessage {
		return c.refuse(s, g, e, "message", fmt.Errorf("%w: %d bytes, of at most %d", delivery.ErrTooLarge, n, maxMessage))
	}
	from := c.person(a.Sender, a.Credential, a.SignatureKey)
	s.event(g, &Message{
		ID: e.ID, From: from, Data: a.Data, Items: a.Items, Generation: a.Generation, Arrived: g.rec.Epoch,
	}).Epoch = a.Author.Epoch
	c.count("messages_received", 1)
	return nil
}

// refuse reports an entry that is passed over.
func (c *Client) refuse(s *step, g *liveGroup, e *delivery.Entry, what string, err error) error {
	s.event(g, &Refused{What: what, From: e.From, Why: err.Error()})
	c.warn("refused "+what, g.id, err)
	return nil
}

// adopt moves the group to the epoch that an accepted commit begins.
func (c *Client) adopt(ctx context.Context, s *step, g *liveGroup, e *delivery.Entry, candidate *candidate, own bool) error {
	author, committer := candidate.Author(), candidate.Committer()
	by := c.person(committer.Leaf, author.Credential, author.SignatureKey)
	changes := c.changes(candidate.Candidate)
	next, pair, err := candidate.adopt()
	if errors.Is(err, mls.ErrRemoved) {
		c.left(s, g, &by)
		return nil
	}
	if err != nil {
		return err
	}
	finished, lost := g.pending, g.pending != nil && !own
	if pair != nil && g.pair == nil {
		c.started(s, g)
	} else if changesMembers(changes) {
		s.dropHalves(g, false)
	}
	g.use(next, pair)
	g.rec.Began, g.behind = markOf(e), 0
	g.pending, g.commitAt = nil, time.Time{}
	g.describe()
	c.committed(g, candidate.pq() != nil, own)
	if finished != nil {
		s.delete(key(spacePending, g.id))
		if own {
			s.dropClaims(g.id, finished.rec.Clients, g.suites()...) // which are used
		}
		if in := g.intent(finished.rec.Intent); in != nil && own {
			s.finish(g, in, nil)
		}
	}
	if lost {
		c.count("commits_superseded", 1)
		if in := g.intent(finished.rec.Intent); in != nil && in.attempts > 1 {
			in.notBefore = c.cfg.Now().Add(c.backoff(in.attempts - 2))
		}
	}
	if own {
		g.rec.New = false
		g.rec.Renewed, g.rec.Sent, g.renewAt = c.cfg.Now(), 0, time.Time{}
		c.count("commits_won", 1)
	}
	if len(changes) > 0 {
		s.membershipChanged(g, &by, changes)
		c.forgetSeen(s, g, changes)
	}
	s.event(g, c.withProposals(&EpochChanged{By: &by, Own: own, Full: candidate.pq() != nil}, candidate.Proposals()))
	if committer.Type == message.SenderMember && !own {
		c.seen(s, g, committer.Leaf, e.Time)
	}
	c.reInitialized(s, g, next.ReInit())
	return nil
}

// reInitialized notes that a ReInit, unless it is nil, has ended the group.
func (c *Client) reInitialized(s *step, g *liveGroup, r *message.ReInit) {
	if r == nil {
		return
	}
	g.rec.State, g.rec.Ended, g.rec.Successor, g.rec.NextSuite = Ended, c.cfg.Now(), r.GroupID, r.CipherSuite
	s.event(g, &GroupEnded{Successor: r.GroupID, Suite: r.CipherSuite})
	for _, in := range slices.Clone(g.intents) {
		s.finish(g, in, ErrEnded)
	}
}

// maxPeople is the number of members that one event names. An event has their credentials, and has
// to fit into the store.
const maxPeople = 256

// membershipChanged reports what a commit did to the members.
func (s *step) membershipChanged(g *liveGroup, by *Person, changes []MemberChange) {
	for some := range slices.Chunk(changes, maxPeople) {
		s.event(g, &MembershipChanged{By: by, Changes: some})
	}
}

// withProposals returns e with what the proposals of its commit say to the application and to its
// components, as far as there is room for it.
func (c *Client) withProposals(e *EpochChanged, proposals []mls.CommittedProposal) *EpochChanged {
	const rest = 256 // bytes of JSON beside the data and who has sent it
	room := maxMessage
	for _, p := range proposals {
		var custom *CustomProposal
		var component *ComponentProposal
		var data []byte
		switch what := p.Proposal.(type) {
		case message.Custom:
			data, custom = what.Data, &CustomProposal{Type: what.ProposalType, Data: what.Data}
		case message.AppDataUpdate:
			data, component = what.Update, &ComponentProposal{Component: what.Component, Remove: what.Remove, Data: what.Update}
		case message.AppEphemeral:
			data, component = what.Data, &ComponentProposal{Component: what.Component, Ephemeral: true, Data: what.Data}
		default:
			continue
		}
		if component != nil && component.Component == c.numbers().APQInfo {
			continue // the combiner's own
		}
		from := c.person(p.Sender.Leaf, p.Credential, p.SignatureKey)
		room -= rest + len(data) + len(from.Name) + len(from.Credential.Content) + len(from.SignatureKey)
		switch {
		case room < 0:
			e.Omitted++
		case custom != nil:
			custom.From = from
			e.Custom = append(e.Custom, *custom)
		default:
			component.From = from
			e.Components = append(e.Components, *component)
		}
	}
	return e
}

// changes returns what a commit does to the members, without new keys of those who stay
// as they are.
func (c *Client) changes(candidate *mls.Candidate) []MemberChange {
	var changes []MemberChange
	for _, ch := range candidate.Changes() {
		if ch.Reason == event.ExternalSender || ch.Reason == event.Updated && ch.Old != nil && sameCredential(*ch.Old, ch.Credential) {
			continue
		}
		changes = append(changes, MemberChange{Person: c.person(ch.Leaf, ch.Credential, ch.SignatureKey), Reason: ch.Reason, Old: ch.Old})
	}
	return changes
}

func sameCredential(a, b message.Credential) bool {
	return a.Type == b.Type && bytes.Equal(a.Content, b.Content)
}

// left ends the membership: what the client has of the group goes, except its history.
func (c *Client) left(s *step, g *liveGroup, by *Person) {
	at := len(s.events)
	s.event(g, &Left{By: by})
	for _, in := range slices.Clone(g.intents) {
		var outcome error
		if in.rec.Kind != intentLeave {
			outcome = ErrLeft
		}
		s.finish(g, in, outcome)
	}
	s.unsent(g, at, ErrLeft)
	c.end(s, g)
}

// end takes the group off what the client has.
func (c *Client) end(s *step, g *liveGroup) {
	s.dropHalves(g, true)
	g.rec, g.mls, g.pair, g.pending, g.outbox, g.intents = groupRecord{}, nil, nil, nil, nil, nil
	g.partialState = partialState{}
	s.delete(key(spaceHeard, g.id)) // of which the step may have written some
	s.write(func(store.Writer) error {
		c.uncounted(g.id)
		return nil
	})
	s.done(func() { c.leaveStream(g.id) })
}

// leaveTimeout bounds how long the end of a membership waits for the service, and the end of all
// of them.
const leaveTimeout = 10 * time.Second

// leaveUntil bounds how long all ends of memberships together wait for the service.
func (c *Client) leaveUntil(bound context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leaving = bound
}

// leaveStream tells the service that the client no longer reads a group. If that fails,
// the service keeps entries longer than it has to.
func (c *Client) leaveStream(id string) {
	c.mu.Lock()
	parent := c.leaving
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(parent, leaveTimeout)
	defer cancel()
	if err := ctx.Err(); err != nil {
		c.warn("leaving a stream", id, err)
		return
	}
	if err := c.service.Leave(ctx, delivery.Stream{Group: id}); err != nil {
		c.warn("leaving a stream", id, err)
	}
}

func isTrouble(err error) bool {
	_, ok := errors.AsType[*TroubleError](err)
	return ok
}
