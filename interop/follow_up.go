package main

import (
	"context"
	"fmt"

	"github.com/mlsuite/mlsuite/interop/mlsclient"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// After a ReInit, the id of the state is also the reinit id: it stays, and the member
// moves on to the group that follows.

func (s *server) ReInitCommit(ctx context.Context, req *mlsclient.CommitRequest) (*mlsclient.CommitReply, error) {
	return s.Commit(ctx, req)
}

func (s *server) HandlePendingReInitCommit(ctx context.Context, req *mlsclient.StateRequest) (*mlsclient.ReInitReply, error) {
	m, candidate, done, err := s.ownCommit(req)
	if err != nil {
		return nil, err
	}
	defer done()
	return s.adoptReInit(ctx, m, candidate, req.StateId)
}

func (s *server) HandleReInitCommit(ctx context.Context, req *mlsclient.HandleCommitRequest) (*mlsclient.ReInitReply, error) {
	return handleCommit(ctx, s, req, func(m *member, candidate *mls.Candidate) (*mlsclient.ReInitReply, error) {
		return s.adoptReInit(ctx, m, candidate, req.StateId)
	})
}

// adoptReInit ends a group and makes a key package for the one that follows.
func (s *server) adoptReInit(ctx context.Context, m *member, candidate *mls.Candidate, stateID uint32) (*mlsclient.ReInitReply, error) {
	proposals := candidate.Proposals()
	if len(proposals) != 1 {
		return nil, fmt.Errorf("%w: commit is not of a ReInit", errState)
	}
	reInit, ok := proposals[0].Proposal.(message.ReInit)
	if !ok {
		return nil, fmt.Errorf("%w: commit is not of a ReInit", errState)
	}
	next, err := s.newTransaction(ctx, reInit.CipherSuite, m.cfg.Credential.Content)
	if err != nil {
		return nil, err
	}
	kp, err := next.keyPackage()
	if err != nil {
		return nil, err
	}
	adopted, err := m.adopt(candidate, stateID)
	if err != nil {
		return nil, err
	}
	next.psks.follow(m.psks, m.group)
	m.next = next
	return &mlsclient.ReInitReply{ReinitId: stateID, KeyPackage: kp, EpochAuthenticator: adopted.EpochAuthenticator}, nil
}

// reinit returns the member of a reinit id, which has a key package for the group
// that follows, locked until done is called.
func (s *server) reinit(id uint32) (m *member, done func(), err error) {
	m, done, err = s.member(id)
	if err != nil {
		return nil, nil, err
	}
	if m.next == nil {
		done()
		return nil, nil, fmt.Errorf("%w: reinit %d", errUnknownID, id)
	}
	return m, done, nil
}

func (s *server) ReInitWelcome(ctx context.Context, req *mlsclient.ReInitWelcomeRequest) (*mlsclient.FollowUpReply, error) {
	m, done, err := s.reinit(req.ReinitId)
	if err != nil {
		return nil, err
	}
	defer done()
	keyPackages, err := parseKeyPackages(req.KeyPackage)
	if err != nil {
		return nil, err
	}
	c := *m.next.client
	c.cfg.PublicHandshake = !m.encryptHandshake
	candidate, err := m.group.Reinitialize(ctx, s.now(), c.cfg, keyPackages,
		mls.FollowUpOptions{ForcePath: req.ForcePath, WithoutTree: req.ExternalTree})
	if err != nil {
		return nil, err
	}
	reply, g, err := followUp(candidate, req.ExternalTree)
	if err != nil {
		return nil, err
	}
	m.next.own.Destroy()
	m.client, m.group, m.next = &c, g, nil
	reply.StateId = req.ReinitId
	return reply, nil
}

func (s *server) HandleReInitWelcome(ctx context.Context, req *mlsclient.HandleReInitWelcomeRequest) (*mlsclient.MemberReply, error) {
	m, done, err := s.reinit(req.ReinitId)
	if err != nil {
		return nil, err
	}
	defer done()
	next, err := s.join(ctx, m.next, req.Welcome, req.RatchetTree, m.encryptHandshake)
	if err != nil {
		return nil, err
	}
	m.client, m.group, m.next = next.client, next.group, nil
	authenticator, err := m.group.EpochAuthenticator()
	return &mlsclient.MemberReply{StateId: req.ReinitId, EpochAuthenticator: authenticator}, err
}

func (s *server) CreateBranch(ctx context.Context, req *mlsclient.CreateBranchRequest) (*mlsclient.FollowUpReply, error) {
	m, done, err := s.member(req.StateId)
	if err != nil {
		return nil, err
	}
	defer done()
	extensions, err := parseExtensions(req.Extensions)
	if err != nil {
		return nil, err
	}
	keyPackages, err := parseKeyPackages(req.KeyPackages)
	if err != nil {
		return nil, err
	}
	c, err := s.newClient(m.cfg.Suite, m.cfg.Credential.Content)
	if err != nil {
		return nil, err
	}
	c.cfg.PublicHandshake = !m.encryptHandshake
	c.psks.follow(m.psks, m.group)
	candidate, err := m.group.Branch(ctx, s.now(), c.cfg, req.GroupId, extensions, keyPackages,
		mls.FollowUpOptions{ForcePath: req.ForcePath, WithoutTree: req.ExternalTree})
	if err != nil {
		return nil, err
	}
	reply, g, err := followUp(candidate, req.ExternalTree)
	if err != nil {
		return nil, err
	}
	reply.StateId = enter(s, s.members, &member{client: c, group: g, encryptHandshake: m.encryptHandshake})
	return reply, nil
}

func (s *server) HandleBranch(ctx context.Context, req *mlsclient.HandleBranchRequest) (*mlsclient.MemberReply, error) {
	m, done, err := s.member(req.StateId)
	if err != nil {
		return nil, err
	}
	defer done()
	t, err := find(s, s.transactions, req.TransactionId, "transaction")
	if err != nil {
		return nil, err
	}
	t.psks.follow(m.psks, m.group)
	branch, err := s.join(ctx, t, req.Welcome, req.RatchetTree, m.encryptHandshake)
	if err != nil {
		return nil, err
	}
	return s.joined(branch, req.TransactionId)
}

func parseKeyPackages(messages [][]byte) ([]*message.KeyPackage, error) {
	list := make([]*message.KeyPackage, len(messages))
	for i, message := range messages {
		var err error
		if list[i], err = parseKeyPackage(message); err != nil {
			return nil, fmt.Errorf("key package %d: %w", i, err)
		}
	}
	return list, nil
}

// followUp adopts the first commit of a follow-up group. The reply lacks only the state
// id.
func followUp(candidate *mls.Candidate, externalTree bool) (*mlsclient.FollowUpReply, *mls.Group, error) {
	g, err := candidate.Adopt()
	if err != nil {
		return nil, nil, err
	}
	reply := &mlsclient.FollowUpReply{Welcome: candidate.Welcome}
	if reply.EpochAuthenticator, err = g.EpochAuthenticator(); err != nil {
		return nil, nil, err
	}
	if externalTree {
		reply.RatchetTree, err = g.RatchetTree()
	}
	return reply, g, err
}
