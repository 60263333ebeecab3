package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/interop/mlsclient"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

func (s *server) Commit(ctx context.Context, req *mlsclient.CommitRequest) (*mlsclient.CommitReply, error) {
	m, done, err := s.member(req.StateId)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := s.receive(ctx, m, req.ByReference); err != nil {
		return nil, err
	}
	var proposals []message.Proposal
	for i, d := range req.ByValue {
		p, err := described(d, m.group)
		if err != nil {
			return nil, fmt.Errorf("proposal by value %d: %w", i, err)
		}
		proposals = append(proposals, p)
	}
	options := mls.CommitOptions{ForcePath: req.ForcePath, WithoutTree: req.ExternalTree}
	candidate, err := m.group.Commit(ctx, s.now(), options, proposals...)
	if err != nil {
		return nil, err
	}
	if err := coversExactly(candidate, len(req.ByReference)); err != nil {
		return nil, err
	}
	m.own = candidate
	reply := &mlsclient.CommitReply{Commit: candidate.Message, Welcome: candidate.Welcome}
	if req.ExternalTree {
		reply.RatchetTree, err = candidate.RatchetTree()
	}
	return reply, err
}

// coversExactly checks that a commit refers to as many proposals as were asked for. The
// engine commits what arrived and leaves out what does not fit; without this check a
// script could pass although it tested less than it claims.
func coversExactly(c *mls.Candidate, byReference int) error {
	n := 0
	for _, p := range c.Proposals() {
		if p.Ref != nil {
			n++
		}
	}
	if n != byReference {
		return fmt.Errorf("%w: commit refers to %d proposals, not %d", errState, n, byReference)
	}
	return nil
}

func (s *server) HandlePendingCommit(_ context.Context, req *mlsclient.StateRequest) (*mlsclient.MemberReply, error) {
	m, candidate, done, err := s.ownCommit(req)
	if err != nil {
		return nil, err
	}
	defer done()
	return m.adopt(candidate, req.StateId)
}

// ownCommit returns a member and the candidate of its own commit that waits, which it takes
// from it. The caller calls done.
func (s *server) ownCommit(req *mlsclient.StateRequest) (m *member, c *mls.Candidate, done func(), err error) {
	m, done, err = s.member(req.StateId)
	if err != nil {
		return nil, nil, nil, err
	}
	if c, err = m.takeOwn(); err != nil {
		done()
		return nil, nil, nil, err
	}
	return m, c, done, nil
}

// takeOwn returns the member's own commit that waits.
func (m *member) takeOwn() (*mls.Candidate, error) {
	if m.own == nil {
		return nil, fmt.Errorf("%w: no own commit waits", errState)
	}
	return m.own, nil
}

// adopt moves to the epoch that a commit begins. A member that the commit removes
// stays where it was, without secrets, until it is freed.
func (m *member) adopt(candidate *mls.Candidate, stateID uint32) (*mlsclient.MemberReply, error) {
	next, err := candidate.Adopt()
	if errors.Is(err, mls.ErrRemoved) {
		return &mlsclient.MemberReply{StateId: stateID}, nil
	}
	if err != nil {
		return nil, err
	}
	m.group, m.own = next, nil
	authenticator, err := next.EpochAuthenticator()
	return &mlsclient.MemberReply{StateId: stateID, EpochAuthenticator: authenticator}, err
}

func (s *server) HandleCommit(ctx context.Context, req *mlsclient.HandleCommitRequest) (*mlsclient.MemberReply, error) {
	return handleCommit(ctx, s, req, func(m *member, candidate *mls.Candidate) (*mlsclient.MemberReply, error) {
		return m.adopt(candidate, req.StateId)
	})
}

// handleCommit lets a member process another's commit and move on as adopt says.
func handleCommit[Reply any](ctx context.Context, s *server, req *mlsclient.HandleCommitRequest, adopt func(*member, *mls.Candidate) (*Reply, error)) (*Reply, error) {
	m, done, err := s.member(req.StateId)
	if err != nil {
		return nil, err
	}
	defer done()
	candidate, err := s.process(ctx, m, req)
	if err != nil {
		return nil, err
	}
	return adopt(m, candidate)
}

// process takes another member's commit and the proposals that it refers to.
func (s *server) process(ctx context.Context, m *member, req *mlsclient.HandleCommitRequest) (*mls.Candidate, error) {
	if err := s.receive(ctx, m, req.Proposal); err != nil {
		return nil, err
	}
	received, err := m.group.Process(ctx, s.now(), req.Commit)
	if err != nil {
		return nil, err
	}
	if received.Commit == nil {
		return nil, fmt.Errorf("%w: message is not a commit", errRequest)
	}
	return received.Commit, nil
}
