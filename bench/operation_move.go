package bench

import (
	"context"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// moveOperations are those by which a group moves to another, here of the same suite.
func moveOperations() []operation {
	following := func(cost func(limit.Group) limit.Cost) func(setting) limit.Cost {
		return func(s setting) limit.Cost {
			next := s.group
			next.Tree = limit.Blank(next.Tree.Members, 0)
			return cost(next)
		}
	}
	return []operation{
		{name: "reinit", about: "leaf 0 ends the group by a commit of a ReInit; bytes of the Commit", limit: of(limit.Group.ReInit), start: startReInit},
		{name: "move", about: "leaf 0 makes the group that follows, of all members; bytes of the Welcome", limit: following(limit.Group.FollowUp), start: startMove},
		{name: "join-move", about: "a member joins that; bytes of the Welcome", limit: following(limit.Group.JoinFollowUp), start: startJoinMove},
	}
}

func (s *scenario) reInit() message.Proposal {
	return message.ReInit{GroupID: []byte("next"), CipherSuite: s.suite.Info().ID}
}

func startReInit(ctx context.Context, s *scenario) (*task, error) {
	return s.commit(ctx, commitSize, s.reInit()), nil
}

// ended is the group after a ReInit, as leaf 0 sees it, with key packages of all others.
type ended struct {
	*mls.Group
	others []*message.KeyPackage
	joiner *mls.OwnKeyPackage // of one of them
}

// ended returns the group after a ReInit. It makes it once.
func (s *scenario) ended(ctx context.Context) (*ended, error) {
	if s.end != nil {
		return s.end, nil
	}
	c, err := s.commitOnce(ctx, s.reInit())
	if err != nil {
		return nil, err
	}
	end := &ended{}
	if end.Group, err = c.Adopt(); err != nil {
		return nil, err
	}
	for i, leaf := range end.Members() {
		if i == end.OwnLeaf() {
			continue
		}
		client, err := s.newConfig(s.client.Suites, "")
		if err != nil {
			return nil, err
		}
		client.Credential = leaf.Credential
		if end.joiner, err = mls.NewKeyPackage(ctx, s.now, client, mls.KeyPackageOptions{}); err != nil {
			return nil, err
		}
		end.others = append(end.others, end.joiner.KeyPackage)
	}
	s.end = end
	return end, nil
}

// move makes the group that follows.
func (s *scenario) move(ctx context.Context, old *ended) (*mls.Candidate, error) {
	return old.Reinitialize(ctx, s.now, s.founder, old.others, mls.FollowUpOptions{})
}

func startMove(ctx context.Context, s *scenario) (*task, error) {
	old, err := s.ended(ctx)
	if err != nil {
		return nil, err
	}
	return made(func() ([]byte, error) {
		c, err := s.move(ctx, old)
		if err != nil {
			return nil, err
		}
		return c.Welcome, nil
	}), nil
}

func startJoinMove(ctx context.Context, s *scenario) (*task, error) {
	old, err := s.ended(ctx)
	if err != nil {
		return nil, err
	}
	c, err := s.move(ctx, old)
	if err != nil {
		return nil, err
	}
	return joining(ctx, s, old.joiner, c.Welcome, mls.JoinOptions{Follows: old.Group}), nil
}
