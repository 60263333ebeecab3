package guard

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/internal/publiccommit"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// judge asks a policy about a suite.
func (g *Guard) judge(policy suite.Policy, use suite.Use, id suite.ID) error {
	s, err := g.cfg.MLS.Suites.Suite(id)
	if err != nil {
		return err
	}
	q := suite.Question{Use: use, Time: g.cfg.Now(), Subject: suite.Describe(s)}
	return q.Ask(policy)
}

// checkReached returns an error if the group has not reached an epoch yet.
func (f *followed) checkReached(group string, epoch uint64) error {
	if f.public == nil || epoch <= f.public.Epoch() {
		return nil
	}
	return &delivery.EpochError{Group: group, Epoch: epoch, Current: f.public.Epoch(), CurrentPosition: f.position}
}

// checkProposal returns why members would not take a proposal. The caller has the turn of
// its group. The group keeps a good one.
func (f *followed) checkProposal(ctx context.Context, g *Guard, client string, h *half) error {
	switch {
	case h.parsed.PublicMessage == nil:
		return f.checkPrivate(g)
	case f.public == nil:
		return nil
	case h.Epoch < f.public.Epoch(): // which is not verified, and which members pass over
		return f.checkMember(g, client)
	}
	received, err := f.public.Process(ctx, g.cfg.Now(), h.Message.Message)
	if err != nil || received.Proposal == nil {
		return err
	}
	if err := g.checkProposed(f.public, received.Proposal, h.partner == ""); err != nil {
		return err
	}
	return g.checkAsks(ctx, f, h.Group, client, received.Proposal)
}

var errPrivate = errors.New("handshakes of the group are public")

// checkPrivate returns why the group has no private proposals and commits.
func (f *followed) checkPrivate(g *Guard) error {
	if g.cfg.PublicOnly || f.public != nil && !f.unsure {
		return errPrivate
	}
	return nil
}

// checkCommit returns the group that a commit is of, or why the commit is not handed in. The
// caller has the turn of the group.
func (s *guarded) checkCommit(ctx context.Context, c *leg, welcomes []delivery.Welcome) (*followed, error) {
	f, err := s.guard.follow(ctx, c.Group)
	if err == nil {
		f, err = s.guard.back(ctx, c.Group, f, c.Epoch)
	}
	if err == nil && f.public != nil && f.public.Epoch() < c.Epoch {
		f, err = s.guard.readAgain(ctx, c.Group, f)
	}
	if err != nil {
		return nil, err
	}
	f.checked = checked{}
	if err := f.checkPair(c); err != nil {
		return nil, s.refuse(ctx, c.Group, rulePairs, err)
	}
	return f, s.check(ctx, f, c, welcomes)
}

func (s *guarded) check(ctx context.Context, f *followed, l *leg, welcomes []delivery.Welcome) error {
	c, policy := &l.Commit, s.guard.policy(f.pair)
	if l.pair != nil {
		policy = s.guard.policy(l.pair)
	}
	if err := f.checkReached(c.Group, c.Epoch); err != nil {
		return err
	}
	if f.public != nil && c.Epoch < f.public.Epoch() {
		return nil // the service knows whether it is a repetition
	}
	use := suite.Continue
	if c.Epoch == 0 {
		use = suite.Start
	}
	for _, w := range welcomes {
		if w.Group != c.Group {
			continue
		}
		if err := s.guard.checkWelcome(policy, w, use); err != nil {
			return s.refuse(ctx, c.Group, "a Welcome is one that clients take", err)
		}
	}
	m, err := checkHeader(c)
	if err != nil {
		return s.refuse(ctx, c.Group, "a commit is of the group and the epoch that it is handed in for", err)
	}
	if m != nil && m.PrivateMessage != nil {
		err := f.checkPrivate(s.guard)
		if err == nil && f.unsure { // this is the first commit, and who is a member is known
			err = f.checkMember(s.guard, s.Client())
		}
		if err != nil {
			return s.refuse(ctx, c.Group, "a commit is one that members take", err)
		}
		if err := s.guard.checkInfo(policy, c, use); err != nil {
			return s.refuse(ctx, c.Group, "a GroupInfo is of the epoch that its commit begins", err)
		}
		f.checked.private = true
		return nil
	}
	if f.public == nil && m != nil && publiccommit.External(m) {
		if s.guard.cfg.MembersOnly || s.guard.cfg.Joins == JoinsMembers {
			return s.refuse(ctx, c.Group, "a commit that the guard cannot judge is a member's", nil)
		}
		err := s.guard.checkJoins(ctx, f, c.Group, s.Client())
		if errors.Is(err, errLeft) {
			return s.refuse(ctx, c.Group, ruleJoins, err)
		}
		if err != nil {
			return err
		}
	}
	next, by, err := s.guard.next(ctx, f, l, m, s.Client(), use, policy)
	if errors.Is(err, delivery.ErrSelfRemoves) || errors.Is(err, delivery.ErrUnseen) {
		return err // the client could not know of it
	}
	if err != nil {
		return s.refuse(ctx, c.Group, "a commit is one that members take", err)
	}
	f.checked = checked{commit: bytes.Clone(c.Message), next: next, by: by}
	if by != nil {
		f.checked.moved = s.guard.movedBy(by)
	}
	return nil
}

// checkHeader checks what a commit says of itself in the clear. It returns nil for a group
// that begins without one.
func checkHeader(c *delivery.Commit) (*message.Message, error) {
	if len(c.Message) == 0 {
		return nil, nil
	}
	m, err := message.Parse[message.Message](c.Message)
	switch {
	case err != nil:
		return nil, err
	case m.ContentType() != message.ContentCommit:
		return nil, errors.New("it is no commit")
	case string(m.GroupID()) != c.Group:
		return nil, fmt.Errorf("it is for group %x", m.GroupID())
	case m.Epoch() != c.Epoch:
		return nil, fmt.Errorf("it ends epoch %d", m.Epoch())
	}
	return m, nil
}

func (g *Guard) checkWelcome(policy suite.Policy, w delivery.Welcome, use suite.Use) error {
	if g.isPair(w.Message) {
		pair, err := apq.ParseMessagePair(w.Message, g.numbers())
		if err != nil {
			return err
		}
		for _, half := range [][]byte{pair.T, pair.PQ} {
			if err := g.checkWelcome(policy, delivery.Welcome{Clients: w.Clients, Message: half}, use); err != nil {
				return err
			}
		}
		return nil
	}
	m, err := message.Parse[message.Message](w.Message)
	if err != nil {
		return err
	}
	if m.Welcome == nil {
		return errors.New("it is none")
	}
	if len(w.Clients) > len(m.Welcome.Secrets) {
		return fmt.Errorf("it is for %d clients and handed in for %d", len(m.Welcome.Secrets), len(w.Clients))
	}
	return g.judge(policy, use, m.Welcome.CipherSuite)
}

// checkInfo checks what the GroupInfo of a private commit says in the clear.
func (g *Guard) checkInfo(policy suite.Policy, c *delivery.Commit, use suite.Use) error {
	if len(c.GroupInfo) == 0 {
		return nil
	}
	m, err := message.Parse[message.Message](c.GroupInfo)
	switch {
	case err != nil:
		return err
	case m.GroupInfo == nil:
		return errors.New("it is none")
	case string(m.GroupID()) != c.Group || m.Epoch() != c.Epoch+1:
		return fmt.Errorf("it is of epoch %d of group %x", m.Epoch(), m.GroupID())
	}
	return g.judge(policy, use, m.GroupInfo.GroupContext.CipherSuite)
}

// next returns the group in the epoch that a public commit begins, or nil for a group of
// which nothing can be seen yet, and the commit, or nil if the group begins with it.
func (g *Guard) next(ctx context.Context, f *followed, l *leg, m *message.Message, client string, use suite.Use, policy suite.Policy) (*mls.PublicGroup, *mls.PublicCandidate, error) {
	c := &l.Commit
	if f.public == nil {
		next, err := g.first(ctx, c, m, use, policy)
		if m != nil && publiccommit.External(m) && !g.cfg.PublicOnly {
			return nil, nil, err // it is always public, and the members' commits may be private
		}
		return next, nil, err
	}
	received, err := f.public.Process(ctx, g.cfg.Now(), c.Message)
	if err != nil {
		return nil, nil, err
	}
	if l.partner == "" {
		if err := g.checkAlone(c.Group, f.public, received.Commit); err != nil {
			return nil, nil, err
		}
	}
	if err := g.checkJoiner(ctx, f, c.Group, client, received.Commit); err != nil {
		return nil, nil, err
	}
	if err := checkLeaving(f.public, received.Commit); err != nil {
		return nil, nil, err
	}
	next := received.Commit.Adopt()
	if len(c.GroupInfo) > 0 {
		if err := next.SetGroupInfo(c.GroupInfo); err != nil {
			return nil, nil, fmt.Errorf("its GroupInfo: %w", err)
		}
	}
	if len(c.Tree) > 0 {
		tree, err := next.RatchetTree()
		if err != nil {
			return nil, nil, err
		}
		if !bytes.Equal(tree, c.Tree) {
			return nil, nil, errors.New("the tree with it is another one")
		}
	}
	return next, received.Commit, nil
}

var errUnseen = fmt.Errorf("guard: the commit has to come with the GroupInfo and the tree of the epoch that it begins: %w", delivery.ErrUnseen)

// first begins to follow a group.
func (g *Guard) first(ctx context.Context, c *delivery.Commit, m *message.Message, use suite.Use, policy suite.Policy) (*mls.PublicGroup, error) {
	if len(c.GroupInfo) == 0 {
		if m == nil {
			return nil, nil // a group that only its Welcome announces: its first commit tells
		}
		return nil, errUnseen
	}
	cfg := g.cfg.MLS
	cfg.Policy = policy
	next, err := mls.NewPublicGroup(ctx, g.cfg.Now(), cfg, c.GroupInfo, c.Tree)
	if errors.Is(err, message.ErrUnsupported) && len(c.Tree) == 0 && m != nil {
		return nil, fmt.Errorf("%w: %w", errUnseen, err)
	}
	if err != nil {
		return nil, err
	}
	if string(next.GroupID()) != c.Group || next.Epoch() != c.Epoch+1 {
		return nil, fmt.Errorf("its GroupInfo is of epoch %d of group %x", next.Epoch(), next.GroupID())
	}
	if m != nil {
		info, err := message.Parse[message.Message](c.GroupInfo)
		if err != nil {
			return nil, err
		}
		if !publiccommit.Confirmed(m, info.GroupInfo.ConfirmationTag) {
			return nil, errors.New("its GroupInfo has another confirmation_tag")
		}
	}
	if err := next.SetGroupInfo(c.GroupInfo); err != nil {
		return nil, fmt.Errorf("its GroupInfo: %w", err)
	}
	return next, g.judge(policy, use, next.Suite().Info().ID)
}
