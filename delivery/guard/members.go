package guard

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Joins says who may join a group from outside: by an external commit, or by a proposal that
// asks members for it. A member that has lost its state may come back in place of its own leaf
// in any case. Whom a member adds is not concerned.
type Joins uint8

// Values of Joins.
const (
	JoinsAnyone     Joins = iota // whom the authenticator takes
	JoinsNotRemoved              // the same, without those who have left the group or were removed, until a member adds them
	JoinsMembers                 // nobody: others are added by a member
)

const (
	ruleSender     = "who sends to a group is a member"
	ruleSelfRemove = "a SelfRemove is sent as one, and nothing else is" // or who joins would not hear of it
	ruleJoins      = "who joins from outside is one whom the deployment lets join"
)

var (
	errNoMember = errors.New("the client has no leaf in the group")
	errLeft     = errors.New("the client has left the group or was removed: a member has to add it")
	errInvited  = errors.New("the client has no leaf in the group: a member has to add it")
)

// checkSender returns why a client may not send application data. Of a group that the guard
// does not follow, it knows who had left when it lost it.
func (s *guarded) checkSender(ctx context.Context, m delivery.Message) error {
	if s.guard.cfg.NameOf == nil {
		return nil
	}
	release, err := s.guard.take(ctx, m.Group)
	if err != nil {
		return err
	}
	defer release()
	f, err := s.guard.follow(ctx, m.Group) // or somebody would write who was removed at another gate
	if err != nil {
		return err
	}
	if f.public == nil {
		err := s.guard.checkNotLeft(ctx, m.Group, s.Client())
		if errors.Is(err, errLeft) {
			return s.refuse(ctx, m.Group, ruleSender, err)
		}
		return err
	}
	if err := f.checkReached(m.Group, m.Epoch); err != nil {
		return err
	}
	if err := f.checkMember(s.guard, s.Client()); err != nil {
		return s.refuse(ctx, m.Group, ruleSender, err)
	}
	return nil
}

// checkMember returns an error if a client has no leaf in a group that is followed, as far as
// names say.
func (f *followed) checkMember(g *Guard, client string) error {
	if g.cfg.NameOf == nil || f.has(g, client) {
		return nil
	}
	return errNoMember
}

// has reports whether a client has a leaf.
func (f *followed) has(g *Guard, client string) bool {
	return f.names(g)[client]
}

// names returns the names of the clients that have a leaf. The first call asks all leaves.
func (f *followed) names(g *Guard) map[string]bool {
	if f.members == nil {
		f.members = map[string]bool{}
		for _, leaf := range f.public.Members() {
			if name, err := g.cfg.NameOf(leaf.Credential); err == nil {
				f.members[name] = true
			}
		}
	}
	return f.members
}

// checkJoins returns why a client may not join a group from outside, as far as names say. Of a
// group that the guard does not follow, it knows who had left when it lost it.
func (g *Guard) checkJoins(ctx context.Context, f *followed, group, client string) error {
	switch {
	case g.cfg.Joins == JoinsAnyone || g.cfg.NameOf == nil || f.public != nil && f.has(g, client):
		return nil
	case g.cfg.Joins == JoinsNotRemoved:
		return g.checkNotLeft(ctx, group, client)
	case f.public == nil:
		return nil // whether it is a member
	}
	return errInvited
}

// checkNotLeft returns errLeft if a client has left a group, as far as the guard has followed it.
func (g *Guard) checkNotLeft(ctx context.Context, group, client string) error {
	_, left, err := g.hasLeft(ctx, group, client)
	if err == nil && left {
		err = errLeft
	}
	return err
}

// checkJoiner returns why a commit from outside is none of the client that hands it in, or of
// nobody who may join. A member's is not concerned.
func (g *Guard) checkJoiner(ctx context.Context, f *followed, group, client string, c *mls.PublicCandidate) error {
	if c.Committer().Type != message.SenderNewMemberCommit {
		return nil
	}
	for _, change := range c.Changes() {
		if change.Reason != event.Added && change.Reason != event.Resynced {
			continue
		}
		if err := g.checkName(client, change.Credential); err != nil {
			return err
		}
		if change.Reason == event.Resynced {
			return nil
		}
		if g.cfg.Joins == JoinsMembers {
			return errInvited
		}
	}
	return g.checkJoins(ctx, f, group, client)
}

// checkLeaving returns an error if a commit from outside leaves out a SelfRemove that waits
// (draft-ietf-mls-extensions-10, Section 6.3). before is the group in the epoch that it ends.
func checkLeaving(before *mls.PublicGroup, c *mls.PublicCandidate) error {
	if c.Committer().Type != message.SenderNewMemberCommit {
		return nil
	}
	covered := map[string]bool{}
	for _, p := range c.Proposals() {
		covered[string(p.Ref)] = true
	}
	for _, p := range before.Proposals() {
		if _, leaves := p.Proposal.(message.SelfRemove); leaves && !covered[string(p.Ref)] {
			return fmt.Errorf("%w: of leaf %d", delivery.ErrSelfRemoves, p.Sender.Leaf)
		}
	}
	return nil
}

// checkAsks returns why a proposal that asks for an Add from outside is none of the client that
// sends it, or of nobody who may join.
func (g *Guard) checkAsks(ctx context.Context, f *followed, group, client string, p *mls.CommittedProposal) error {
	add, ok := p.Proposal.(message.Add)
	if !ok || p.Sender.Type != message.SenderNewMemberProposal {
		return nil
	}
	if err := g.checkName(client, add.KeyPackage.LeafNode.Credential); err != nil {
		return err
	}
	if g.cfg.Joins == JoinsMembers {
		return errInvited
	}
	return g.checkJoins(ctx, f, group, client)
}

// checkName returns an error if a credential is of another client, as far as names say.
func (g *Guard) checkName(client string, c message.Credential) error {
	if g.cfg.NameOf == nil {
		return nil
	}
	name, err := g.cfg.NameOf(c)
	if err == nil && name != client {
		err = fmt.Errorf("it is of %q", name)
	}
	return err
}
