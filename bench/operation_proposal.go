package bench

import (
	"context"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// proposalOperations are those on proposals that travel by themselves.
func proposalOperations() []operation {
	return []operation{
		{name: "update", about: "a member proposes to renew its leaf; bytes of the Proposal", limit: of(limit.Group.Update), start: startUpdate},
		{name: "process-update", about: "leaf 0 receives that; bytes of the Proposal", limit: of(limit.Group.ProcessUpdate), start: startProcessUpdate},
		{
			name: "commit-update", about: "leaf 0 commits it, by reference; bytes of the Commit",
			limit: func(s setting) limit.Cost { return s.group.Updating(s.shape(), s.someLeaves(1)[0]).Make() }, start: startCommitUpdate,
		},
		{name: "external-proposal", about: "an external sender proposes a Remove; bytes of the Proposal", limit: of(limit.Group.ProposeFromOutside), start: startExternalProposal},
		{name: "propose-join", about: "a client asks to be added by its KeyPackage; bytes of the Proposal", limit: of(limit.Group.ProposeJoin), start: startProposeJoin},
	}
}

func startUpdate(ctx context.Context, s *scenario) (*task, error) {
	var proposal []byte
	return single(s.each(uint32(s.someLeaves(1)[0]), nil, func(g *mls.Group) (err error) {
		proposal, err = s.propose(ctx, g)
		return err
	}), func() (int, error) { return len(proposal), nil }), nil
}

func (s *scenario) propose(ctx context.Context, g *mls.Group) ([]byte, error) {
	return g.ProposeUpdate(ctx, s.now, mls.LeafOptions{}, nil)
}

// proposeOnce returns the proposal of a member to update its leaf.
func (s *scenario) proposeOnce(ctx context.Context) ([]byte, error) {
	member, err := s.view(uint32(s.someLeaves(1)[0]))
	if err != nil {
		return nil, err
	}
	return s.propose(ctx, member)
}

func startProcessUpdate(ctx context.Context, s *scenario) (*task, error) {
	proposal, err := s.proposeOnce(ctx)
	if err != nil {
		return nil, err
	}
	return single(s.process(ctx, 0, proposal), lengthOf(proposal)), nil
}

func startCommitUpdate(ctx context.Context, s *scenario) (*task, error) {
	proposal, err := s.proposeOnce(ctx)
	if err != nil {
		return nil, err
	}
	return s.commitAfter(ctx, func(g *mls.Group) (*mls.Group, error) {
		_, err := g.Process(ctx, s.now, proposal)
		return g, err
	}, commitSize), nil
}

// outside returns who proposes to the group from outside.
func (s *scenario) outside() (mls.ExternalProposer, error) {
	member, err := s.view(0)
	if err != nil {
		return mls.ExternalProposer{}, err
	}
	return mls.ExternalProposer{Suite: s.suite, GroupID: member.GroupID(), Epoch: member.Epoch()}, nil
}

func startExternalProposal(ctx context.Context, s *scenario) (*task, error) {
	sender, err := s.outside()
	if err != nil {
		return nil, err
	}
	remove := message.Remove{Removed: message.LeafIndex(s.someLeaves(1)[0])}
	return made(func() ([]byte, error) { return sender.Propose(ctx, s.client.Signer, 0, remove) }), nil
}

func startProposeJoin(ctx context.Context, s *scenario) (*task, error) {
	sender, err := s.outside()
	if err != nil {
		return nil, err
	}
	kp, err := s.newClient(ctx)
	if err != nil {
		return nil, err
	}
	return made(func() ([]byte, error) { return sender.ProposeJoin(ctx, kp) }), nil
}
