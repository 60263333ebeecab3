package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
)

// invitation is a Welcome with the key packages that it is for: one, or two to a pair of
// groups.
type invitation struct {
	entry *delivery.Entry
	tries int // that ended without a verdict
	own   *ownKeys
	pq    *ownKeys // or nil
	pair  *apq.OwnKeyPackage
}

// ownKeys is a key package of this client with its private parts.
type ownKeys struct {
	*mls.OwnKeyPackage
	rec keyPackageRecord
}

var errNotAccepted = errors.New("client: Config.Accept refuses the group")

// invitation finds the key packages that a Welcome is for.
func (c *Client) invitation(ctx context.Context, e *delivery.Entry) (*invitation, error) {
	if e.Kind != delivery.KindWelcome {
		return nil, errNoWelcome
	}
	if len(e.Group) > maxGroupID {
		return nil, fmt.Errorf("%w: the group's id has more than %d bytes", message.ErrUnsupported, maxGroupID)
	}
	in := &invitation{entry: e}
	if apq.IsMessagePair(e.Message, c.numbers()) {
		return in, c.invitationToPair(ctx, in)
	}
	own, state, err := c.keysFor(ctx, e.Message)
	if err != nil {
		return nil, err
	}
	defer state.Destroy()
	in.own = own
	own.OwnKeyPackage, err = c.restorePackage(own.rec, state)
	return in, err
}

// invitationToPair finds the key packages that a pair of Welcomes is for.
func (c *Client) invitationToPair(ctx context.Context, in *invitation) error {
	pair, err := apq.ParseMessagePair(in.entry.Message, c.numbers())
	if err != nil {
		return err
	}
	own, state, err := c.keysFor(ctx, pair.T)
	if err != nil {
		return err
	}
	defer state.Destroy()
	pq, pqState, err := c.keysFor(ctx, pair.PQ)
	if err != nil {
		return err
	}
	defer pqState.Destroy()
	cfg, err := c.ownPairConfig()
	if err != nil {
		return err
	}
	c.sign(&cfg.T, own.rec)
	c.sign(&cfg.PQ, pq.rec)
	if in.pair, err = apq.RestoreKeyPackage(c.cfg.Now(), cfg, state, pqState); err != nil {
		return err
	}
	own.OwnKeyPackage, pq.OwnKeyPackage = in.pair.T, in.pair.PQ
	in.own, in.pq = own, pq
	return nil
}

var errNoWelcome = fmt.Errorf("%w: it is no Welcome", message.ErrInvalid)

// keysFor returns the key package that a Welcome is for, with its state.
func (c *Client) keysFor(ctx context.Context, welcome []byte) (keys *ownKeys, state mls.Snapshot, err error) {
	m, err := message.Parse[message.Message](welcome)
	if err != nil {
		return nil, nil, err
	}
	if m.Welcome == nil {
		return nil, nil, errNoWelcome
	}
	keys = &ownKeys{}
	err = c.store.View(ctx, func(r store.Reader) error {
		for _, secret := range m.Welcome.Secrets {
			if len(secret.NewMember) > maxRef {
				continue
			}
			found, err := getJSON(r, key(spacePackage, string(secret.NewMember), partRecord), &keys.rec)
			if err != nil {
				return err
			}
			if found {
				state, err = readState(r, key(spacePackage, string(secret.NewMember), partState))
				return err
			}
		}
		return fmt.Errorf("%w: the client has no key package that it is for", mls.ErrNotRecipient)
	})
	return keys, state, err
}

// accept joins the group of an invitation.
func (c *Client) accept(ctx context.Context, in *invitation) error {
	if taken, err := c.peekHalf(ctx, in); taken || err != nil {
		return err
	}
	if old := c.endedFor(in.entry.Group); old != "" {
		return c.with(ctx, old, func(old *liveGroup) error {
			return c.withAny(ctx, in.entry.Group, func(g *liveGroup) error { return c.acceptIn(ctx, in, g, old) })
		})
	}
	return c.withAny(ctx, in.entry.Group, func(g *liveGroup) error { return c.acceptIn(ctx, in, g, nil) })
}

// endedFor returns the id of the group that a ReInit has ended for another one to follow,
// or "".
func (c *Client) endedFor(successor string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, rec := range c.index {
		if rec.State == Ended && string(rec.Successor) == successor {
			return id
		}
	}
	return ""
}

// acceptIn joins a group that follows old, unless that is nil.
func (c *Client) acceptIn(ctx context.Context, in *invitation, g, old *liveGroup) error {
	if g.rec.State != 0 {
		if err := c.catchUp(ctx, g); err != nil {
			return err
		}
	}
	if joined, err := c.acceptPartial(ctx, in, g, old); joined || err != nil {
		return err
	}
	if err := c.withTree(ctx, in); err != nil {
		return err
	}
	e, options := in.entry, mls.JoinOptions{RatchetTree: in.entry.Tree}
	begins := old != nil && old.mls != nil && in.pair == nil && e.Epoch <= 1
	if begins {
		options.Follows = old.mls
	}
	candidate, err := c.joinBy(ctx, in, options)
	if err != nil {
		return err
	}
	by := c.person(candidate.Committer().Leaf, candidate.Author().Credential, candidate.Author().SignatureKey)
	err = c.checkInvitation(ctx, in, g, candidate.GroupID(), by)
	if err == nil && candidate.pair == nil {
		err = c.checkWhole(candidate.GroupContext())
	}
	if err == nil && old != nil && !begins {
		err = letsIn(candidate, old, by)
	}
	if err == nil {
		err = c.judge(ctx, candidate.Candidate, e.From)
	}
	if err == nil {
		err = c.sentBefore(ctx, g, startOf(e))
	}
	if err != nil {
		candidate.discard()
		return err
	}
	next, pair, err := candidate.adopt()
	if err != nil {
		return err
	}
	joined := &Joined{How: event.EntryWelcome, By: &by, Members: next.Size(), Data: candidate.JoinerData}
	return c.welcomed(ctx, in, g, old, joined, func(s *step) { c.enter(s, g, next, pair, startOf(e)) })
}

// letsIn returns why a Welcome is none by which a member lets another one into the group that
// follows old, which has begun. The engine judges the Welcome that begins it.
func letsIn(candidate *candidate, old *liveGroup, by Person) error {
	if candidate.Epoch() == 1 {
		return errFirst
	}
	return old.knows(by.SignatureKey)
}

// errFirst is the refusal of a Welcome to the first epoch of a group that does not follow the one
// that is to be followed.
var errFirst = fmt.Errorf("client: the Welcome begins a group that does not follow the one that has ended: %w", message.ErrInvalid)

// startOf returns where a client that joins by a Welcome begins to read the group.
func startOf(e *delivery.Entry) delivery.Position {
	if e.Start == 0 || e.Start > e.Position {
		return e.Position
	}
	return e.Start
}

// checkInvitation returns why a client does not accept an invitation to a group whose
// GroupInfo is signed by somebody.
func (c *Client) checkInvitation(ctx context.Context, in *invitation, g *liveGroup, id []byte, by Person) error {
	switch {
	case string(id) != in.entry.Group:
		return fmt.Errorf("%w: the Welcome is to another group than the delivery service says", message.ErrInvalid)
	case g.rec.State == Active || g.rec.State == Ended:
		return errMember
	case g.rec.Trouble != "":
		return c.knowsMember(ctx, g, by)
	}
	return nil
}

// checkWhole returns why a client does not join a group by itself, by a Welcome to it alone: it
// is one of a pair (draft-ietf-mls-combiner, Section 3.2.1).
func (c *Client) checkWhole(context message.GroupContext) error {
	named, err := apq.InfoIn(context.Extensions, c.numbers())
	if err == nil && named != nil {
		err = errHalfInvitation
	}
	return err
}

var errHalfInvitation = fmt.Errorf("client: the Welcome is to one group of a pair alone: %w", message.ErrInvalid)

// welcomed makes durable that a client has joined a group, which follows old unless that is
// nil. enter puts the group's state into memory.
func (c *Client) welcomed(ctx context.Context, in *invitation, g, old *liveGroup, joined *Joined, enter func(*step)) error {
	e := in.entry
	s := c.step(g)
	s.readUpTo(e)
	for _, keys := range []*ownKeys{in.own, in.pq} {
		if err := s.used(keys); err != nil {
			return err
		}
	}
	trouble := g.rec.Trouble
	if old != nil {
		s.moved(old, g)
	}
	enter(s)
	what := What(joined)
	switch {
	case old != nil:
		what = &Moved{From: []byte(old.id), Suite: g.rec.Suite}
	case trouble != "":
		what = &Recovered{From: trouble, Data: joined.Data}
	}
	entered := s.event(g, what)
	entered.Position, entered.Time = e.Position, e.Time
	if err := c.commit(ctx, s); err != nil {
		return err
	}
	c.lookAtStock()
	c.dirty.add(g.id)
	return nil
}

// joinBy joins the group that an invitation is to, or the two of a pair.
func (c *Client) joinBy(ctx context.Context, in *invitation, options mls.JoinOptions) (*candidate, error) {
	if in.pair != nil {
		return ofPair(in.pair.Join(ctx, c.cfg.Now(), in.entry.Message, apq.JoinOptions{TTree: options.RatchetTree}))
	}
	one, err := in.own.Join(ctx, c.cfg.Now(), in.entry.Message, options)
	if err != nil {
		return nil, err
	}
	return &candidate{Candidate: one}, nil
}

// errMember is the refusal of a Welcome that would replace a group by another one of the
// same id, which anybody can make.
var errMember = fmt.Errorf("client: the group's stream does not remove this member, and the Welcome is to another group of its id: %w", message.ErrInvalid)

// knows returns nil if a signature key is a member's, as far as the client could follow the
// group. Whoever has none of the group's keys cannot lead the client into a group of the
// same id.
func (g *liveGroup) knows(signatureKey []byte) error { return knows(g.mls, signatureKey) }

func knows(g *mls.Group, signatureKey []byte) error {
	if g != nil {
		for _, node := range g.Members() {
			if bytes.Equal(node.SignatureKey, signatureKey) {
				return nil
			}
		}
	}
	return errStranger
}

// errStranger is the refusal of a group that is signed by somebody whom the client does not
// know.
var errStranger = fmt.Errorf("client: the group to join is signed by nobody that the client knows as a member: %w", message.ErrInvalid)

// judge asks the application about a group that the client is about to join.
func (c *Client) judge(ctx context.Context, candidate *mls.Candidate, from string) error {
	if c.cfg.Accept == nil {
		return nil
	}
	if err := c.cfg.Accept(ctx, candidate, from); err != nil {
		return fmt.Errorf("%w: %w", errNotAccepted, err)
	}
	return nil
}

// used deletes the private parts of a key package that has joined a group, or keeps note
// of the join if it is one of last resort.
func (s *step) used(keys *ownKeys) error {
	if keys == nil {
		return nil
	}
	k := string(keys.Ref)
	if !keys.rec.LastResort {
		s.delete(key(spacePackage, k))
		return nil
	}
	state, err := keys.Save()
	if err != nil {
		return err
	}
	return s.putState(key(spacePackage, k, partState), state)
}

// catchUpAll reads the streams of all groups.
func (c *Client) catchUpAll(ctx context.Context) error {
	for _, id := range c.ids() {
		err := c.with(ctx, id, func(g *liveGroup) error { return c.catchUp(ctx, g) })
		if err != nil && !errors.Is(err, ErrNoGroup) {
			return err
		}
	}
	return nil
}
