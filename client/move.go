package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/migrate"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/store"
	"github.com/mlsuite/mlsuite/suite"
)

// move is a group that this client makes, to follow one that ends. It is nil in a group
// whose move another member makes.
type move struct {
	rec       moveRecord
	migration *migrate.Migration // nil until the new group is made
	refused   error              // for rec.Refused, since the client was opened
}

// destroy deletes the secrets of a move that this client gives up, or that is over.
func (m *move) destroy() {
	if m != nil && m.migration != nil {
		m.migration.Destroy()
		m.migration = nil
	}
}

func (c *Client) readMove(r store.Reader, g *liveGroup) error {
	var rec moveRecord
	found, err := getJSON(r, key(spaceMove, g.id, partRecord), &rec)
	if err != nil || !found {
		return err
	}
	g.move = &move{rec: rec}
	if !rec.Created || rec.Lost {
		return nil
	}
	state, err := readState(r, key(spaceMove, g.id, partState))
	if err != nil {
		return err
	}
	defer state.Destroy()
	cfg, err := c.configOf(rec.Suite)
	if err != nil {
		return err
	}
	g.move.migration, err = migrate.Restore(c.cfg.Now(), cfg, state)
	return err
}

func (m *move) store(s *step, g *liveGroup) error {
	s.put(key(spaceMove, g.id, partRecord), m.rec)
	if m.migration == nil {
		return nil
	}
	state, err := m.migration.Save()
	if err != nil {
		return err
	}
	return s.putState(key(spaceMove, g.id, partState), state)
}

// Move moves a group to another cipher suite, as package migrate does, and returns the id
// of the group that follows it: it claims a key package of each member, plans, ends the
// group by a ReInit, makes the new group and enters it. The other members enter when its
// Welcome arrives. Messages that wait go to the new group. With a target of 0, the policy
// picks the suite.
//
// Both groups of a pair end, and one group by itself follows: [Client.Pair] puts another PQ
// group beside it. The policy judges the move from the suite of each, and the target may be the
// suite that the T group has.
//
// Key packages that were claimed are kept if others are missing: a later call goes on with
// them. Where the service limits claims, Move waits for as long as the service says.
//
// If ctx ends after the group has, Move returns [ErrUndecided], and [Client.Run] goes on.
// If the client does not come back, another member makes the new group after
// [Schedule].TakeOver. So it is if the new group is refused for good, by the delivery service or
// the policy: Move returns why, or the event is [Failed], and a later call tries again.
//
// Errors:
//
//   - a [*migrate.NotReady]: members have no key package of the suite, or a policy
//     refuses. Nothing has changed.
//   - [delivery.ErrTooLarge]: the group has more other members than [Bounds].Recipients, and
//     one Welcome has to bring all of them. Nothing has changed.
//   - [ErrEnded]: another member has ended the group.
//   - a [*delivery.RefusalError], or [delivery.ErrTooLarge]: the group has ended, and the service
//     does not take the one that is to follow. A [Failed] event says so too.
func (c *Client) Move(ctx context.Context, group string, target suite.ID) (successor string, err error) {
	id := make([]byte, 32)
	rand.Read(id)
	var in *intent
	var result chan error
	none := map[string]bool{} // who has no key package, as far as this call has asked
	for attempt := 0; ; attempt++ {
		id, in, result, err = c.endFor(ctx, group, id, target, none)
		if err == nil || !transient(err) {
			break
		}
		if ended := c.sleep(ctx, c.pause(attempt, err)); ended != nil {
			return "", fmt.Errorf("%w: %w", ended, err)
		}
		if err := c.driving(ctx, group, func(*liveGroup) {}); err != nil && fatal(err) {
			return "", err
		}
	}
	if _, here := c.Group(string(id)); errors.Is(err, ErrNoGroup) && here == nil { // where an earlier call has led
		return string(id), nil
	}
	if err == nil && in != nil {
		err = c.await(ctx, group, in, result)
	}
	if err != nil {
		return "", errors.Join(err, c.unlessEnded(ctx, group, id, in))
	}
	for attempt := 0; ; attempt++ {
		var refused error
		err := c.driving(ctx, group, func(g *liveGroup) { refused = g.moveRefused() })
		if _, here := c.Group(string(id)); here == nil {
			return string(id), nil
		}
		if refused != nil {
			return "", refused
		}
		if err == nil {
			err = c.readInbox(ctx) // another member may have been faster
		}
		if err != nil && !transient(err) && !errors.Is(err, ErrNoGroup) && ctx.Err() == nil {
			return "", err
		}
		if ended := c.sleep(ctx, c.pause(attempt, err)); ended != nil {
			return "", errors.Join(fmt.Errorf("%w: %w", ErrUndecided, ended), err)
		}
	}
}

// endFor plans a move and begins to end the group for it. It returns the id of the group that
// follows: one of an earlier call, or that of the plan, and then with the intent. It does not
// ask for key packages of the clients of none, and adds those who have none.
func (c *Client) endFor(ctx context.Context, group string, id []byte, target suite.ID, none map[string]bool) (successor []byte, in *intent, result chan error, err error) {
	err = c.with(ctx, group, func(g *liveGroup) error {
		if err := c.catchUp(ctx, g); err != nil {
			return err
		}
		switch {
		case g.rec.State == Ended && g.move != nil && bytes.Equal(g.move.rec.GroupID, g.rec.Successor): // by an earlier call
			id = g.rec.Successor
			return c.tryMoveAgain(ctx, g)
		case g.rec.State == Ended:
			return ErrEnded
		case g.rec.State != Active:
			return g.trouble(nil)
		case g.rec.New, len(g.intents) > 0, g.pending != nil:
			if g.move != nil { // by an earlier call, too
				id = g.move.rec.GroupID
			}
			return &againError{errors.New("other changes of the group wait")}
		}
		if err := c.upgradeFor(ctx, g); err != nil {
			return err
		}
		m, reInit, err := c.plan(ctx, g, id, target, none)
		if err != nil {
			return undecided(err)
		}
		s := c.step(g)
		g.move = m
		if err := m.store(s, g); err != nil {
			return err
		}
		encoded, err := message.Marshal(&message.TypedProposal{Proposal: reInit})
		if err != nil {
			return err
		}
		in = s.add(g, intentRecord{Kind: intentPropose, Proposal: encoded})
		s.done(func() { result = c.expect(in.number) })
		return c.commit(ctx, s)
	})
	return id, in, result, err
}

// unlessEnded drops the plan of a move, unless the group has ended for it, or may still by an
// intent.
func (c *Client) unlessEnded(ctx context.Context, group string, id []byte, in *intent) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), withdrawTimeout)
	defer cancel()
	err := c.with(ctx, group, func(g *liveGroup) error {
		if in != nil && g.intent(in.number) != nil {
			return nil
		}
		if g.move == nil || !bytes.Equal(g.move.rec.GroupID, id) || g.pending != nil || g.rec.State == Ended && bytes.Equal(g.rec.Successor, id) {
			return nil
		}
		s := c.step(g)
		g.move = nil
		s.delete(key(spaceMove, g.id))
		return c.commit(ctx, s)
	})
	if errors.Is(err, ErrNoGroup) || err != nil && ctx.Err() != nil { // a plan that stays does no harm
		return nil
	}
	return err
}

// plan claims key packages and makes a plan of them.
func (c *Client) plan(ctx context.Context, g *liveGroup, id []byte, target suite.ID, none map[string]bool) (*move, message.ReInit, error) {
	if err := c.checkRecipients(len(c.others(g))); err != nil { // else nothing could follow
		return nil, message.ReInit{}, err
	}
	suites, err := registryOf(c.cfg.MLS.Suites)
	if err != nil {
		return nil, message.ReInit{}, err
	}
	options := migrate.Options{
		Registry: suites, Policy: c.cfg.MLS.Policy, Target: target,
		Authenticator: c.cfg.MLS.Authenticator, Lifetimes: c.cfg.MLS.Lifetimes,
		Name: func(leaf message.LeafIndex, credential message.Credential) string {
			return c.person(leaf, credential, nil).Name
		},
	}
	if options.Policy == nil {
		options.Policy = policy.All()
	}
	first, err := migrate.NewPlan(ctx, c.cfg.Now(), g.mls, options)
	if err != nil {
		return nil, message.ReInit{}, err
	}
	if first.To == nil {
		return nil, message.ReInit{}, first.Failure
	}
	m := &move{rec: moveRecord{ID: newID(), GroupID: id, Suite: first.To.Suite.ID}}
	options.Target = m.rec.Suite
	if options.KeyPackages, err = c.packagesToPlan(ctx, g, first.To.Suite, none); err != nil {
		return nil, message.ReInit{}, err
	}
	plan, err := migrate.NewPlan(ctx, c.cfg.Now(), g.mls, options)
	if err != nil {
		return nil, message.ReInit{}, err
	}
	extensions := message.Extensions(g.mls.GroupContext().Extensions)
	if g.pair != nil { // which one group follows
		pair, err := c.pairConfig(g.rec.Suite, g.rec.Pair.Suite, g.rec.Pair.Mode)
		if err != nil {
			return nil, message.ReInit{}, err
		}
		if extensions, err = pair.WithoutInfo(extensions); err != nil {
			return nil, message.ReInit{}, err
		}
	}
	reInit, err := plan.ReInit(id, extensions...)
	return m, reInit, err
}

// registryOf returns the suites that a client has as a registry.
func registryOf(suites mls.Suites) (*registry.Registry, error) {
	if r, ok := suites.(*registry.Registry); ok {
		return r, nil
	}
	r, err := registry.New()
	for _, id := range suites.IDs() {
		s, missing := suites.Suite(id)
		if err == nil {
			err = missing
		}
		if err == nil {
			r, err = r.With(s)
		}
	}
	return r, err
}

// others returns the names of the other members.
func (c *Client) others(g *liveGroup) []string {
	var names []string
	for leaf, node := range g.mls.Members() {
		if leaf != g.mls.OwnLeaf() {
			names = append(names, c.person(leaf, node.Credential, nil).Name)
		}
	}
	return names
}

// packagesToPlan returns a key package of each other member that has one, whether or not it
// will do.
func (c *Client) packagesToPlan(ctx context.Context, g *liveGroup, of suite.Info, none map[string]bool) ([]*message.KeyPackage, error) {
	names := c.others(g)
	if err := c.claimAll(ctx, g.id, names, none, of.ID); err != nil {
		return nil, err
	}
	packages := []*message.KeyPackage{}
	for _, name := range names {
		if none[name] {
			continue
		}
		kp, err := c.keyPackageOf(ctx, g, of, name, nil)
		if err != nil && (kp == nil || !verdict(err)) && !errors.Is(err, delivery.ErrNoKeyPackage) {
			return nil, err
		}
		if kp != nil {
			packages = append(packages, kp)
		}
	}
	return packages, nil
}

// driveMove makes the group that follows one that has ended, if that is for this client
// to do, and enters it.
func (c *Client) driveMove(ctx context.Context, g *liveGroup) error {
	if g.move != nil && !bytes.Equal(g.move.rec.GroupID, g.rec.Successor) {
		g.move = nil // another member's ReInit has won
		s := c.step(g)
		s.delete(key(spaceMove, g.id))
		if err := c.commit(ctx, s); err != nil {
			return err
		}
	}
	if g.move == nil {
		if c.cfg.Schedule.TakeOver < 0 || c.cfg.Now().Before(c.takeOverAt(g)) {
			return nil
		}
		g.move = &move{rec: moveRecord{ID: newID(), GroupID: g.rec.Successor, Suite: g.rec.NextSuite}}
		c.count("moves_taken_over", 1)
	}
	m := g.move
	if m.rec.Lost || m.rec.Refused != "" {
		return nil
	}
	if !m.rec.Created {
		if err := c.make(ctx, g, m); err != nil {
			return c.moveFailed(ctx, g, err)
		}
	}
	submission, err := c.beginning(ctx, m)
	if err != nil {
		return c.moveFailed(ctx, g, err)
	}
	position, err := c.service.Submit(ctx, submission)
	if isEpoch(err) {
		m.rec.Lost = true
		m.destroy()
		s := c.step(g)
		s.put(key(spaceMove, g.id, partRecord), m.rec)
		s.delete(key(spaceMove, g.id, partState))
		return c.commit(ctx, s)
	}
	if err != nil {
		return c.moveFailed(ctx, g, err)
	}
	return c.withAny(ctx, string(m.rec.GroupID), func(next *liveGroup) error { return c.enterOwn(ctx, g, next, position) })
}

// moveFailed returns the error of what is to be repeated. What stays refused however often it is
// repeated ends the attempts of this client to make the new group.
func (c *Client) moveFailed(ctx context.Context, g *liveGroup, err error) error {
	if fatal(err) || ctx.Err() != nil || !final(err) {
		return undecided(err)
	}
	m := g.move
	m.rec.Refused, m.refused = err.Error(), err
	s := c.step(g)
	s.put(key(spaceMove, g.id, partRecord), m.rec)
	s.event(g, &Failed{What: "move", Why: m.rec.Refused})
	c.warn("the group that follows is refused", g.id, err)
	return c.commit(ctx, s)
}

// moveRefused returns why the new group is not made, or nil.
func (g *liveGroup) moveRefused() error {
	switch {
	case g.move == nil || g.move.rec.Refused == "":
		return nil
	case g.move.refused != nil:
		return g.move.refused
	}
	return errors.New(g.move.rec.Refused)
}

// tryMoveAgain lets the new group be made that was refused, as the application asks for it.
func (c *Client) tryMoveAgain(ctx context.Context, g *liveGroup) error {
	if g.moveRefused() == nil {
		return nil
	}
	g.move.rec.Refused, g.move.refused = "", nil
	s := c.step(g)
	s.put(key(spaceMove, g.id, partRecord), g.move.rec)
	return c.commit(ctx, s)
}

// beginning returns the submission by which the new group begins.
func (c *Client) beginning(ctx context.Context, m *move) (delivery.Submission, error) {
	commit := delivery.Commit{Group: string(m.rec.GroupID)}
	if !c.cfg.NoExternalJoins {
		var err error
		commit.GroupInfo, commit.Tree, err = m.migration.GroupInfo(ctx, c.cfg.Now())
		if err != nil && !verdict(err) {
			return delivery.Submission{}, err
		}
	}
	submission := delivery.Submission{ID: m.rec.ID, Commits: []delivery.Commit{commit}}
	if welcome := m.migration.Welcome(); welcome != nil {
		submission.Welcomes = []delivery.Welcome{{Clients: m.rec.Clients, Group: commit.Group, Message: welcome}}
	}
	return submission, nil
}

// takeOverAt returns when this member makes the group that follows one that has ended,
// unless somebody has: members have their turns in the order of their leaves.
func (c *Client) takeOverAt(g *liveGroup) time.Time {
	wait, now := c.cfg.Schedule.TakeOver, c.cfg.Now()
	if ahead(g.rec.Ended, now) {
		return now
	}
	return g.rec.Ended.Add(wait + time.Duration(g.rec.Leaf)*wait/16)
}

// make makes the new group and stores it.
func (c *Client) make(ctx context.Context, g *liveGroup, m *move) error {
	cfg, err := c.configOf(m.rec.Suite)
	if err != nil {
		return err
	}
	names := c.others(g)
	if err := c.checkRecipients(len(names)); err != nil {
		return err
	}
	if err := c.claimAll(ctx, g.id, names, nil, m.rec.Suite); err != nil {
		return mayCome(err)
	}
	to, err := cfg.Suites.Suite(m.rec.Suite)
	if err != nil {
		return err
	}
	var packages []*message.KeyPackage
	for _, name := range names {
		kp, err := c.keyPackageOf(ctx, g, to.Info(), name, g.mls)
		if err != nil {
			return mayCome(err)
		}
		packages = append(packages, kp)
	}
	m.migration, err = migrate.Prepare(ctx, c.cfg.Now(), cfg, mls.KeyPackageOptions{Follows: g.mls})
	if err == nil {
		_, err = m.migration.Create(ctx, c.cfg.Now(), g.mls, packages)
	}
	if err != nil {
		m.destroy()
		return err
	}
	s := c.step(g)
	m.rec.Created, m.rec.Clients = true, names
	if err := m.store(s, g); err != nil {
		return err
	}
	return c.commit(ctx, s)
}

// mayCome makes an error transient by which a member's key package is missing or will not do: the
// member may publish others.
func mayCome(err error) error {
	_, refused := errors.AsType[*delivery.RefusalError](err)
	if fatal(err) || transient(err) || refused {
		return err
	}
	return &againError{err}
}

// enterOwn enters the group that this client has made.
func (c *Client) enterOwn(ctx context.Context, old, g *liveGroup, position delivery.Position) error {
	m := old.move
	next, err := m.migration.Enter(ctx, c.cfg.Now(), old.mls, m.migration.Welcome(), nil)
	if err != nil {
		return err
	}
	s := c.step(g)
	s.moved(old, g)
	c.enter(s, g, next, nil, position)
	s.add(g, intentRecord{Kind: intentRenew, Own: true}) // all parents of the new tree are blank
	s.event(g, &Moved{From: []byte(old.id), Suite: g.rec.Suite}).Position = position
	if err := c.commit(ctx, s); err != nil {
		return err
	}
	c.dirty.add(g.id)
	return nil
}

// errAhead is why messages are Unsent that waited in a group whose successor the client is in by
// another way than the Welcome that begins it: nothing shows that it is the members' group.
var errAhead = errors.New("client: the client came into the group that follows without this one")

// isAhead ends a group that a ReInit has ended if the client is in the group that follows already,
// as one that joined that from outside, and reports whether it has. What waits is not sent there.
func (c *Client) isAhead(ctx context.Context, g *liveGroup) (bool, error) {
	c.mu.Lock()
	next, ok := c.index[string(g.rec.Successor)]
	c.mu.Unlock()
	if !ok || next.State != Active && next.State != Ended {
		return false, nil
	}
	s := c.step(g)
	ended, pair, partial, move := g.mls, g.pair, g.partial, g.move
	s.done(func() {
		destroyAll(ended, pair)
		if partial != nil {
			partial.Destroy()
		}
		move.destroy()
	})
	entered := s.event(nil, &Moved{From: []byte(g.id), Suite: next.Suite})
	entered.Group, entered.Epoch = string(g.rec.Successor), next.Epoch
	s.historyFollows(g.id, string(g.rec.Successor))
	s.unsent(g, -1, errAhead)
	c.end(s, g)
	return true, c.commit(ctx, s)
}

// moved takes over what waits in a group that has ended, and deletes the rest of it.
func (s *step) moved(old, g *liveGroup) {
	s.groups = append(s.groups, old)
	s.takeOutbox(old, g)
	s.historyFollows(old.id, g.id)
	ended, pair, move := old.mls, old.pair, old.move
	s.done(func() {
		destroyAll(ended, pair)
		move.destroy()
	})
	old.move = nil
	s.c.end(s, old)
}
