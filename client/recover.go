package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
)

// lose stores that the client can no longer follow a group.
func (c *Client) lose(ctx context.Context, g *liveGroup, trouble Trouble, err error) error {
	s := c.step(g)
	c.setTrouble(s, g, trouble, err)
	return c.commit(ctx, s)
}

// setTrouble is lose as a part of a step. Changes and messages that wait go on waiting.
func (c *Client) setTrouble(s *step, g *liveGroup, trouble Trouble, err error) {
	if g.rec.State == Lost {
		return
	}
	why := ""
	if err != nil {
		why = err.Error()
	}
	g.rec.State, g.rec.Trouble, g.rec.TroubleWhy, g.suspected = Lost, trouble, why, false
	if trouble.atService() {
		s.readAnew(g)
	} else {
		s.dropPending(g)
	}
	s.event(g, &InTrouble{Trouble: trouble, Why: why})
	c.count("groups_lost", 1)
	c.warn("group cannot be followed: "+string(trouble), g.id, err)
}

// readAnew lets the client read a stream anew of which the service has lost entries. A commit
// that waits, and messages that the service had taken, are handed in again.
func (s *step) readAnew(g *liveGroup) {
	g.rec.Again = max(g.rec.Again, g.rec.Position)
	g.rec.Position, g.rec.Read = 0, nil
	if p := g.pending; p != nil {
		p.accepted, p.lost = false, false
	}
	for _, m := range g.outbox {
		m.sent = false
	}
	for _, in := range g.intents {
		in.rec.Sent = false
	}
	s.done(s.c.lossFound)
}

// recover does about a lost group what the configuration says.
func (c *Client) recover(ctx context.Context, g *liveGroup) (more bool, err error) {
	if g.rec.Trouble.atService() {
		if resumed, err := c.resume(ctx, g); resumed || err != nil {
			return resumed, err
		}
	}
	if c.cfg.Recovery != RecoverResync || g.rec.Trouble == Refuses {
		return false, g.trouble(nil)
	}
	err = c.join(ctx, g)
	switch {
	case err == nil:
		return true, nil
	case transient(err):
		return false, err
	case errors.Is(err, ErrNoGroup): // which the client has
		err = delivery.ErrNoGroup
	}
	return false, g.trouble(err)
}

// Resync joins a group anew by an external commit, which also removes this client's old
// leaf, whatever [Recovery] says. What the group's stream has until then is not read. It
// takes the delivery service's word for which group has this id, where a recovery by itself
// takes only that of a member whom the client knows: look at [Client.Members] afterwards.
// It tries for as long as ctx allows.
//
// Errors:
//
//   - [ErrNoGroup], also if the delivery service has no GroupInfo of the group.
//   - [ErrUndecided]: ctx has ended, and the join goes on. Before it has begun, the error of
//     ctx comes without it.
//   - [*delivery.RefusalError]: the service does not let the client join.
//   - those of [mls.ExternalJoin].
func (c *Client) Resync(ctx context.Context, group string) error {
	err := c.repeat(ctx, func() error {
		return c.with(ctx, group, func(g *liveGroup) error {
			if g.rec.State == Joining {
				return nil
			}
			g.rec.Trusts = true
			err := c.join(ctx, g)
			g.rec.Trusts = err == nil
			return err
		})
	})
	if err != nil {
		return err
	}
	return c.entered(ctx, group)
}

// JoinExternal joins a group of which the delivery service has a GroupInfo (RFC 9420,
// Section 12.4.3.2). If the group has an earlier leaf of this client, as after the loss of
// the store, the commit removes it. It tries for as long as ctx allows.
//
// A client that waits in a group that has ended, and whom the Welcome to the group that follows
// does not reach, may join that ([Info].Successor). Then the old group is gone, with a [Moved], and
// what waited in it is [Unsent].
//
// Errors:
//
//   - [ErrExists]: the client is in the group.
//   - [ErrNoGroup]: the delivery service has no GroupInfo of the group.
//   - [ErrUndecided]: ctx has ended, and the join goes on. Before it has begun, the error of
//     ctx comes without it.
//   - [*delivery.RefusalError]: the service does not let the client join.
//   - those of [mls.ExternalJoin].
func (c *Client) JoinExternal(ctx context.Context, group string) error {
	err := c.repeat(ctx, func() error {
		return c.withAny(ctx, group, func(g *liveGroup) error {
			switch g.rec.State {
			case 0, Joining:
				return c.join(ctx, g)
			}
			return ErrExists
		})
	})
	if err != nil {
		return err
	}
	return c.entered(ctx, group)
}

// entered works on a group until the client is in it. If ctx ends first, the join goes on.
func (c *Client) entered(ctx context.Context, id string) error {
	err := c.repeat(ctx, func() error {
		var state State
		err := c.driving(ctx, id, func(g *liveGroup) { state = g.rec.State })
		switch {
		case state == Active && !fatal(err): // what else is to be done can wait
			return nil
		case err == nil:
			return &againError{errors.New("the client is not in the group yet")}
		}
		return err
	})
	if err != nil && (!final(err) || errors.Is(err, ErrClosed)) {
		return fmt.Errorf("%w: %w", ErrUndecided, err)
	}
	return err
}

// join makes an external commit and stores it, unless one is stored. The error is transient
// where another try may succeed.
func (c *Client) join(ctx context.Context, g *liveGroup) error {
	return undecided(c.tryJoin(ctx, g))
}

func (c *Client) tryJoin(ctx context.Context, g *liveGroup) error {
	if g.pending != nil && g.pending.rec.Joins {
		return nil
	}
	if g.rec.Trouble == Damaged && !g.rec.Trusts {
		return g.trouble(nil) // nothing is left by which the client would know the members
	}
	info, err := c.service.GroupInfo(ctx, g.id)
	if errors.Is(err, delivery.ErrNoGroup) {
		return fmt.Errorf("%w: %w", ErrNoGroup, err)
	}
	if err != nil {
		return err
	}
	public, signer, cfg, err := c.follow(ctx, info)
	if err != nil {
		return err
	}
	if string(public.GroupID()) != g.id || public.Epoch() != info.Epoch {
		return fmt.Errorf("client: the delivery service has a GroupInfo of another group or epoch: %w", message.ErrInvalid)
	}
	if g.rec.Trouble != "" && !g.rec.Trusts {
		if err := c.knowsMember(ctx, g, Person{Leaf: signer, SignatureKey: public.Leaf(signer).SignatureKey}); err != nil {
			return err
		}
	}
	p := &pending{rec: pendingRecord{ID: newID(), Epoch: info.Epoch, Joins: true}}
	options := mls.ExternalJoinOptions{RatchetTree: info.Tree, Remove: c.ownLeafIn(public), Proposals: info.SelfRemoves}
	candidate, err := c.joinFromOutside(ctx, g, cfg, public, info, options, &p.rec)
	if err != nil {
		return err
	}
	p.candidate, p.rec.Data = candidate, candidate.JoinerData
	if err := c.judge(ctx, candidate.Candidate, ""); err != nil {
		candidate.discard()
		return err
	}
	state, err := candidate.save()
	if err != nil {
		candidate.discard()
		return err
	}
	s := c.step(g)
	if g.rec.State == 0 {
		g.known = true
		g.rec = groupRecord{Suite: cfg.Suite, Position: info.Position}
	}
	g.rec.State = Joining
	s.dropPending(g)
	if err := s.pend(g, p, state); err != nil {
		return err
	}
	return c.commit(ctx, s)
}

// joinFromOutside makes the external commit of a join: of one group, or of a pair, which it
// notes in rec.
func (c *Client) joinFromOutside(ctx context.Context, g *liveGroup, cfg mls.Config, public *mls.PublicGroup, info delivery.GroupInfo, options mls.ExternalJoinOptions, rec *pendingRecord) (*candidate, error) {
	named, err := apq.InfoIn(public.GroupContext().Extensions, c.numbers())
	if err != nil {
		return nil, err
	}
	if named != nil {
		return c.joinPairFromOutside(ctx, g, named, info, rec)
	}
	one, err := mls.ExternalJoin(ctx, c.cfg.Now(), cfg, info.Message, options)
	if err != nil {
		return nil, err
	}
	return &candidate{Candidate: one}, nil
}

// follow checks what the service shows of a group to those who join, and returns who has
// signed it.
func (c *Client) follow(ctx context.Context, info delivery.GroupInfo) (_ *mls.PublicGroup, signer message.LeafIndex, _ mls.Config, err error) {
	m, err := message.Parse[message.Message](info.Message)
	if err != nil {
		return nil, 0, mls.Config{}, err
	}
	if m.GroupInfo == nil {
		return nil, 0, mls.Config{}, fmt.Errorf("client: the delivery service has no GroupInfo but another message: %w", message.ErrInvalid)
	}
	cfg, err := c.configOf(m.GroupInfo.GroupContext.CipherSuite)
	if err != nil {
		return nil, 0, cfg, fmt.Errorf("%w: %w", message.ErrUnsupported, err)
	}
	named, err := apq.InfoIn(m.GroupInfo.GroupContext.Extensions, c.numbers())
	if err != nil {
		return nil, 0, cfg, err
	}
	if named != nil {
		c.ready(&cfg, true)
	}
	quiet := cfg
	quiet.Observer = nil
	public, err := mls.NewPublicGroup(ctx, c.cfg.Now(), quiet, info.Message, info.Tree)
	return public, m.GroupInfo.Signer, cfg, err
}

// ownLeafIn returns the leaf of this client in a group, or nil.
func (c *Client) ownLeafIn(public *mls.PublicGroup) *message.LeafIndex {
	for leaf, node := range public.Members() {
		if c.person(leaf, node.Credential, nil).Name == c.name {
			return &leaf
		}
	}
	return nil
}

// driveJoin goes on with a join by an external commit.
func (c *Client) driveJoin(ctx context.Context, g *liveGroup) (more bool, err error) {
	if g.pending == nil {
		if err := c.join(ctx, g); err != nil && !transient(err) {
			return false, c.stopJoin(ctx, g, err)
		} else if err != nil {
			return false, err
		}
	}
	err = c.submit(ctx, g)
	return err == nil, err
}

// stopJoin gives up a join that cannot be.
func (c *Client) stopJoin(ctx context.Context, g *liveGroup, why error) error {
	s := c.step(g)
	s.dropPending(g)
	if g.rec.Trouble != "" {
		g.rec.State = Lost
	} else {
		s.event(g, &Failed{What: "join", Why: why.Error()})
		s.unsent(g, 0, why)
		c.end(s, g)
	}
	if err := c.commit(ctx, s); err != nil {
		return err
	}
	return why
}

// lostJoin looks whether the external commit that the service refuses has won earlier,
// and drops it if not.
func (c *Client) lostJoin(ctx context.Context, g *liveGroup) error {
	p, stream := g.pending, delivery.Stream{Group: g.id}
	for after := g.rec.Position; ; {
		entries, err := c.fetchKept(ctx, stream, after)
		if err != nil && !errors.Is(err, delivery.ErrNoGroup) {
			return &againError{err}
		}
		if len(entries) == 0 {
			break
		}
		for _, e := range entries {
			if e.From == c.name && e.ID == p.rec.ID && e.Kind == delivery.KindCommit {
				return c.joined(ctx, g, e.Position)
			}
			after = e.Position
		}
	}
	if err := c.abandon(ctx, g, nil); err != nil {
		return err
	}
	return &againError{errors.New("another commit has won")}
}

// joined enters the group by the external commit that waits, which the service accepted
// at a position.
func (c *Client) joined(ctx context.Context, g *liveGroup, position delivery.Position) error {
	if err := c.sentBefore(ctx, g, position); err != nil {
		return err
	}
	if g.rec.Trouble.atService() {
		if err := c.acknowledgeAnew(ctx, delivery.Stream{Group: g.id}, position); err != nil {
			return err
		}
	}
	p := g.pending.rec
	began := markOf(&delivery.Entry{
		Position: position, Kind: delivery.KindCommit, ID: p.ID, From: c.name, Group: g.id,
		Epoch: p.Epoch, Message: g.pending.candidate.commit(),
	})
	next, pair, err := g.pending.candidate.adopt()
	if err != nil {
		return err
	}
	s := c.step(g)
	s.delete(key(spacePending, g.id))
	g.pending = nil
	trouble := g.rec.Trouble
	c.enter(s, g, next, pair, position)
	if !p.Full { // else the entry is before the position
		g.rec.Began, g.rec.Read = began, began
	}
	if trouble != "" {
		s.event(g, &Recovered{From: trouble, Data: p.Data}).Position = position
	} else {
		s.event(g, &Joined{How: event.EntryExternal, Members: next.Size(), Data: p.Data}).Position = position
	}
	return c.commit(ctx, s)
}

// enter puts the state of a group that the client has joined in the place of what it had.
// Changes and messages that wait stay.
func (c *Client) enter(s *step, g *liveGroup, next *mls.Group, pair *apq.Group, position delivery.Position) {
	c.entering(s, g, next.Epoch(), position)
	g.use(next, pair)
	if r := g.rec.Pair; r != nil {
		r.Full, r.Own, r.Joined = c.cfg.Now(), c.cfg.Now(), true
	}
	g.describe()
}

// entering is the part of enter that is the same for a partial member. What the client had
// of the group is deleted when the step is durable.
func (c *Client) entering(s *step, g *liveGroup, epoch uint64, position delivery.Position) {
	old, oldPair, oldPartial := g.mls, g.pair, g.partial
	if g.rec.Trouble != "" {
		c.count("groups_recovered", 1)
	}
	s.dropPending(g)
	s.delete(key(spaceClaim, g.id)) // some may be used
	g.known, g.replaces = true, true
	g.rec = groupRecord{State: Active, Joined: epoch, Position: position, Entered: position, Renewed: c.cfg.Now(), Checked: c.cfg.Now()}
	g.partialState = partialState{}
	s.delete(key(spaceHeard, g.id))
	g.looked, g.behind, g.losses = looked{}, 0, c.lossesFound()
	g.checked, g.suspected, g.commitAt, g.renewAt, g.fullAt = false, false, time.Time{}, time.Time{}, time.Time{}
	s.done(func() {
		if old != g.mls {
			destroyAll(old, oldPair)
		}
		if oldPartial != nil {
			oldPartial.Destroy()
		}
	})
}

// sentBefore takes those messages out of the outbox that the stream shows between the
// position that the client has read and another one, which it will never read. It is done
// before the client enters a group anew, and stored by itself.
func (c *Client) sentBefore(ctx context.Context, g *liveGroup, until delivery.Position) error {
	if len(g.outbox) == 0 {
		return nil
	}
	s := c.step(g)
	epoch, stream := g.rec.Epoch, delivery.Stream{Group: g.id}
	if g.rec.Trouble.atService() {
		epoch = 0 // the first commit that is kept says more
	}
	incomplete := false
	for after := g.rec.Position; after < until; {
		entries, err := c.service.Fetch(ctx, stream, after, fetchLimit)
		if gap, ok := errors.AsType[*delivery.GapError](err); ok && gap.Kept > after {
			incomplete, after = true, gap.Kept
			continue
		}
		if err != nil {
			return &againError{err}
		}
		if len(entries) == 0 {
			break
		}
		for i := range entries {
			e := &entries[i]
			if after = e.Position; after > until {
				break
			}
			if e.Kind == delivery.KindCommit {
				epoch = e.Epoch + 1
			} else if e.From == c.name {
				c.returned(s, g, e, epoch, false)
			}
		}
	}
	if incomplete {
		c.doubted(s, g)
	}
	if len(s.writes) == 0 {
		return nil
	}
	return c.commit(ctx, s)
}

// errNoLongerKept is why a message is Unsent of which nobody can say whether it was sent.
var errNoLongerKept = errors.New("the delivery service no longer has what the message may be among")

// doubted takes those messages out of the outbox that may be among what the service has deleted:
// it would take them once more. Of a store that is an old backup, nothing says what was tried.
func (c *Client) doubted(s *step, g *liveGroup) {
	for _, m := range slices.Clone(g.outbox) {
		if m.rec.Tried || g.rec.Trouble == RolledBack {
			s.remove(g, m)
			unsent := m.rec.unsent(errNoLongerKept)
			unsent.Unknown = true
			s.event(g, unsent)
		}
	}
}

// forkOr returns Fork if the service shows others another epoch of the same number, and
// otherwise trouble.
func (c *Client) forkOr(ctx context.Context, g *liveGroup, trouble Trouble) Trouble {
	if found, err := c.compare(ctx, g); err == nil && found == Fork {
		return Fork
	}
	return trouble
}

// checkFork compares the client's epoch with what the service shows to those who join. A
// message that opens is of a member of the same epoch: so it is done where none does.
func (c *Client) checkFork(ctx context.Context, g *liveGroup) error {
	trouble, err := c.compare(ctx, g)
	if err != nil && fatal(err) || ctx.Err() != nil {
		return err
	}
	now := c.cfg.Now()
	g.rec.Checked = now
	switch {
	case err != nil: // which does not keep the client from going on
		c.warn("comparing epochs", g.id, err)
		g.checkAt = now.Add(c.backoff(g.failures))
		g.failures++
	case trouble != "":
		return c.lose(ctx, g, trouble, errors.New("the delivery service shows another epoch to those who join"))
	default:
		g.suspected, g.failures = false, 0
	}
	return c.commit(ctx, c.step(g))
}

// compare returns Fork, Gap or ServiceRolledBack if what the service shows to those who join is
// not the epoch that the client is in, as far as it has read the stream. Of a pair, the T group
// tells it of both, since its secrets depend on those of the PQ group.
func (c *Client) compare(ctx context.Context, g *liveGroup) (Trouble, error) {
	info, err := c.service.GroupInfo(ctx, g.id)
	if errors.Is(err, delivery.ErrNoGroup) {
		return "", nil // nothing to compare with
	}
	if err != nil {
		return "", err
	}
	if g.mls == nil && info.Epoch >= g.epoch() {
		return "", nil // a partial member has nothing to compare
	}
	missed := info.Epoch > g.epoch() && info.Position <= g.rec.Position
	switch {
	case info.Epoch > g.epoch() && !missed:
		return "", nil
	case info.Epoch == g.epoch():
		if same, err := c.sameEpoch(ctx, g, info); same || err != nil {
			return "", err
		}
	}
	public, _, _, err := c.follow(ctx, info) // a service that makes one up proves nothing
	switch {
	case err != nil:
		return "", err
	case public.Epoch() != info.Epoch || string(public.GroupID()) != g.id:
		return "", fmt.Errorf("client: the delivery service has a GroupInfo of another group or epoch: %w", message.ErrInvalid)
	case missed:
		return Gap, nil
	case info.Epoch < g.epoch():
		return ServiceRolledBack, nil
	}
	return Fork, nil
}

// sameEpoch reports whether a GroupInfo of the number of the client's epoch is of that epoch.
func (c *Client) sameEpoch(ctx context.Context, g *liveGroup, info delivery.GroupInfo) (bool, error) {
	theirs, err := message.Parse[message.Message](info.Message)
	if err != nil {
		return false, err
	}
	own, err := g.mls.GroupInfo(ctx, c.cfg.Now(), false)
	if err != nil {
		return false, err
	}
	ours, err := message.Parse[message.Message](own)
	if err != nil {
		return false, err
	}
	return theirs.GroupInfo != nil && bytes.Equal(ours.GroupInfo.ConfirmationTag, theirs.GroupInfo.ConfirmationTag), nil
}
