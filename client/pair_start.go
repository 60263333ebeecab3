package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/internal/grouprecords"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
)

// half is a PQ group with the members of a group that runs. It becomes one of a pair with
// the first FULL commit that names it: until then nothing depends on it.
type half struct {
	rec halfRecord
	id  string // group_id
	mls *mls.Group

	// The pair of of and mls. It has what it opened of a FULL commit that it cannot follow yet.
	pair *apq.Group
	of   *mls.Group
}

// halfRecord is what is stored of a half, beside its state.
type halfRecord struct {
	// Of one that this client has made: the submission that begins it.
	ID        string   `json:",omitempty"`
	Welcome   []byte   `json:",omitempty"`
	Clients   []string `json:",omitempty"`
	Submitted bool     `json:",omitempty"`
}

// maxHalves is the number of halves of others that a group keeps. More than one exist if
// members make some at once.
const maxHalves = 4

// Pair puts a post-quantum group beside one that runs ([Config].Pairs): a late start. It
// claims a key package of the post-quantum suite of each member, makes the PQ group, and
// ties both together by a FULL commit. The group stays the one that it is. What others send
// meanwhile arrives as ever.
//
// Errors:
//
//   - those of [Client.Add]: an error that wraps [message.ErrInvalid] if a member's client
//     cannot be in pairs.
//   - an error that wraps [message.ErrUnsupported]: this client cannot.
//   - [delivery.ErrTooLarge]: the group has more other members than [Bounds].Recipients.
func (c *Client) Pair(ctx context.Context, group string) error {
	if c.cfg.Pairs == nil {
		return errNoPairs
	}
	return c.change(ctx, group, intentRecord{Kind: intentPair})
}

func halfKey(group, id, part string) []byte { return key(spaceHalf, group, id, part) }

// readHalves reads the halves of a group. The states are the caller's to destroy.
func (g *liveGroup) readHalves(r store.Reader) (states []mls.Snapshot, err error) {
	prefix := key(spaceHalf, g.id)
	var ids []string
	for e, err := range r.Scan(prefix, nil) {
		if err != nil {
			return nil, err
		}
		if id := elementOf(e.Key, len(prefix)); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		h := &half{id: id}
		if _, err := getJSON(r, halfKey(g.id, id, partRecord), &h.rec); err != nil {
			return states, err
		}
		state, err := grouprecords.Get(r, halfKey(g.id, id, partState))
		if err != nil {
			return states, err
		}
		g.halves, states = append(g.halves, h), append(states, state)
	}
	return states, nil
}

// restoreHalves restores the halves of a group. One that does not restore is as good as none.
func (c *Client) restoreHalves(g *liveGroup, states []mls.Snapshot) {
	all := g.halves
	g.halves = nil
	for i, h := range all {
		var pq mls.Config
		cfg, err := c.ownPairConfig()
		if err == nil {
			_, pq, err = cfg.Prepare()
		}
		if err == nil {
			h.mls, err = mls.RestoreGroup(c.cfg.Now(), pq, states[i], c.signers()...)
		}
		if err != nil {
			c.warn("stored PQ group does not restore", g.id, err)
			continue
		}
		g.halves = append(g.halves, h)
	}
}

func (g *liveGroup) half(id string) *half {
	for _, h := range g.halves {
		if h.id == id {
			return h
		}
	}
	return nil
}

// keep stores a half of a group.
func (s *step) keep(g *liveGroup, h *half) {
	if g.half(h.id) == nil {
		g.halves = append(g.halves, h)
	}
	s.put(halfKey(g.id, h.id, partRecord), h.rec)
}

// dropHalf deletes a half of a group.
func (s *step) dropHalf(g *liveGroup, h *half) {
	g.halves = slices.DeleteFunc(g.halves, func(o *half) bool { return o == h })
	s.delete(key(spaceHalf, g.id, h.id))
	s.done(h.mls.Destroy)
}

// dropHalves deletes the halves of a group, but those that this client has made unless own
// is set.
func (s *step) dropHalves(g *liveGroup, own bool) {
	for _, h := range slices.Clone(g.halves) {
		if own || h.rec.ID == "" {
			s.dropHalf(g, h)
		}
	}
}

// examineStart makes the half that an intent needs, and lets the service begin it.
func (c *Client) examineStart(ctx context.Context, g *liveGroup) (w wanted, err error) {
	if g.pair != nil {
		return wanted{done: true}, nil
	}
	if w, err = c.examineContext(g); err != nil || w.step {
		return w, err
	}
	var own *half
	for _, h := range slices.Clone(g.halves) {
		if h.rec.ID == "" {
			continue
		}
		if _, err := c.combine(g, h); err == nil {
			own = h
			continue
		}
		s := c.step(g) // the members are others now
		s.dropHalf(g, h)
		if err := c.commit(ctx, s); err != nil {
			return w, err
		}
	}
	if own == nil {
		if own, err = c.makeHalf(ctx, g); err != nil {
			return w, err
		}
	}
	if !own.rec.Submitted {
		if err := c.beginHalf(ctx, g, own); err != nil {
			return w, err
		}
	}
	return wanted{half: own, full: true, options: mls.CommitOptions{WithoutPending: true}}, nil
}

// examineContext returns a commit that lets a group become one of a pair: with what its
// GroupContext lacks.
func (c *Client) examineContext(g *liveGroup) (w wanted, err error) {
	cfg, err := c.ownPairConfig()
	if err != nil {
		return w, err
	}
	has := message.Extensions(g.mls.GroupContext().Extensions)
	needs, err := cfg.Extensions(has)
	if err != nil {
		return w, err
	}
	same := func(a, b message.Extension) bool { return a.Type == b.Type && bytes.Equal(a.Data, b.Data) }
	if slices.EqualFunc(has, needs, same) {
		return w, nil
	}
	return wanted{step: true, proposals: []message.Proposal{message.GroupContextExtensions{Extensions: needs}}}, nil
}

// makeHalf makes a PQ group with the members of a group, and stores it.
func (c *Client) makeHalf(ctx context.Context, g *liveGroup) (*half, error) {
	cfg, err := c.ownPairConfig()
	if err != nil {
		return nil, err
	}
	pq, err := cfg.PQ.Suites.Suite(cfg.PQ.Suite)
	if err != nil {
		return nil, err
	}
	h := &half{rec: halfRecord{ID: newID()}}
	var packages []*message.KeyPackage
	for leaf, node := range g.mls.Members() {
		if leaf != g.mls.OwnLeaf() {
			h.rec.Clients = append(h.rec.Clients, c.person(leaf, node.Credential, nil).Name)
		}
	}
	if err := c.checkRecipients(len(h.rec.Clients)); err != nil {
		return nil, err
	}
	if err := c.claimAll(ctx, g.id, h.rec.Clients, nil, cfg.PQ.Suite); err != nil {
		return nil, err
	}
	for _, name := range h.rec.Clients {
		kp, err := c.keyPackageOf(ctx, g, pq.Info(), name, nil)
		if err != nil {
			return nil, fmt.Errorf("client: pairing with %q: %w", name, err)
		}
		packages = append(packages, kp)
	}
	started, welcome, err := apq.Start(ctx, c.cfg.Now(), cfg, g.mls, packages, apq.CreateOptions{})
	if err != nil {
		return nil, err
	}
	h.mls, h.rec.Welcome = started.PQ(), welcome
	h.id = string(h.mls.GroupID())
	s := c.step(g)
	s.keep(g, h)
	s.dropClaims(g.id, h.rec.Clients, cfg.PQ.Suite) // which are used
	return h, c.commit(ctx, s)
}

// beginHalf lets the service begin a half that this client has made.
func (c *Client) beginHalf(ctx context.Context, g *liveGroup, h *half) error {
	commit := delivery.Commit{Group: h.id}
	if !c.cfg.NoExternalJoins {
		var err error
		if commit.GroupInfo, err = h.mls.GroupInfo(ctx, c.cfg.Now(), false); err != nil {
			return err
		}
		if commit.Tree, err = h.mls.RatchetTree(); err != nil {
			return err
		}
	}
	submission := delivery.Submission{ID: h.rec.ID, Commits: []delivery.Commit{commit}}
	if len(h.rec.Welcome) > 0 {
		submission.Welcomes = []delivery.Welcome{{Clients: h.rec.Clients, Group: h.id, Message: h.rec.Welcome}}
	}
	_, err := c.service.Submit(ctx, submission)
	s := c.step(g)
	switch {
	case isEpoch(err): // somebody has a group of that id
		s.dropHalf(g, h)
		return errors.Join(&againError{err}, c.commit(ctx, s))
	case err != nil:
		return err
	}
	h.rec.Submitted = true
	s.keep(g, h)
	return c.commit(ctx, s)
}

// combine returns a group and a half as a pair.
func (c *Client) combine(g *liveGroup, h *half) (*apq.Group, error) {
	if h.pair != nil && h.of == g.mls {
		return h.pair, nil
	}
	cfg, err := c.ownPairConfig()
	if err != nil {
		return nil, err
	}
	pair, err := apq.Combine(cfg, g.mls, h.mls)
	if err == nil {
		h.pair, h.of = pair, g.mls
	}
	return pair, err
}

// acceptHalf takes a Welcome to a PQ group with the members of a group that this client is in.
func (c *Client) acceptHalf(ctx context.Context, in *invitation, candidate *mls.Candidate, named *apq.Info) error {
	return c.withAny(ctx, string(named.TGroupID), func(g *liveGroup) error {
		s := c.step(g)
		s.readUpTo(in.entry)
		others := 0
		for _, h := range g.halves {
			if h.rec.ID == "" {
				others++
			}
		}
		switch {
		case g.rec.State != Active || string(named.PQGroupID) != in.entry.Group || string(candidate.GroupID()) != in.entry.Group:
			candidate.Discard()
			return fmt.Errorf("%w: the Welcome is to a PQ group of a group in which the client is not", message.ErrInvalid)
		case g.pair != nil, others == maxHalves: // another member was faster
			candidate.Discard()
			return c.commit(ctx, s)
		}
		next, err := candidate.Adopt()
		if err != nil {
			return err
		}
		if err := s.used(in.own); err != nil {
			return err
		}
		s.keep(g, &half{id: in.entry.Group, mls: next})
		if err := c.commit(ctx, s); err != nil {
			return err
		}
		c.lookAtStock()
		c.dirty.add(g.id)
		return nil
	})
}

// peekHalf joins the group of an invitation as far as to see whether it is a PQ group beside
// another one, and takes it if so.
func (c *Client) peekHalf(ctx context.Context, in *invitation) (taken bool, err error) {
	if c.cfg.Pairs == nil || in.pq != nil || in.own.rec.Suite != c.pqSuite() || c.endedFor(in.entry.Group) != "" {
		return false, nil
	}
	candidate, err := in.own.Join(ctx, c.cfg.Now(), in.entry.Message, mls.JoinOptions{RatchetTree: in.entry.Tree})
	if err != nil {
		return false, err
	}
	named, err := apq.InfoIn(candidate.GroupContext().Extensions, c.numbers())
	if err == nil && named != nil && len(named.TGroupID) > maxGroupID {
		err = fmt.Errorf("%w: the group's id has more than %d bytes", message.ErrUnsupported, maxGroupID)
	}
	if err != nil || named == nil {
		candidate.Discard()
		return false, err
	}
	return true, c.acceptHalf(ctx, in, candidate, named)
}

// startedBy returns the pair that a group becomes by a pair of messages: the first FULL
// commit.
func (c *Client) startedBy(g *liveGroup, msg []byte) (*apq.Group, error) {
	pair, err := apq.ParseMessagePair(msg, c.numbers())
	if err != nil {
		return nil, err
	}
	m, err := message.Parse[message.Message](pair.PQ)
	if err != nil {
		return nil, err
	}
	if c.cfg.Pairs == nil {
		return nil, errNoPairs
	}
	h := g.half(string(m.GroupID()))
	if h == nil {
		return nil, c.awaitHalf(g)
	}
	return c.combine(g, h)
}

// awaitHalf returns why a FULL commit is not processed whose PQ group is not here. Its
// Welcome is before the commit in the order of the service, but the inbox may have been read
// before both. If it was read since, there is none.
func (c *Client) awaitHalf(g *liveGroup) error {
	c.mu.Lock()
	read := c.inboxRead
	c.mu.Unlock()
	if g.awaiting == 0 {
		g.awaiting = read + 2 // of which the first may have begun before
	}
	if read < g.awaiting {
		return &againError{errInboxFirst}
	}
	return fmt.Errorf("client: a commit is of a PQ group that has not invited this client: %w", message.ErrInvalid)
}

// errInboxFirst says that an entry of a group's stream is read when the inbox was.
var errInboxFirst = errors.New("the Welcome of the PQ group was not read yet")

// started notes that a group has become one of a pair.
func (c *Client) started(s *step, g *liveGroup) {
	g.newPQ, g.awaiting = true, 0
	s.dropHalves(g, true)
}

// changesMembers reports whether members came or went.
func changesMembers(changes []MemberChange) bool {
	return slices.ContainsFunc(changes, func(ch MemberChange) bool { return ch.Reason != event.Updated })
}
