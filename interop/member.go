package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/mlsuite/mlsuite/interop/mlsclient"
	"github.com/mlsuite/mlsuite/mls"
)

// member is a member of a group, through all epochs: a state keeps its id.
type member struct {
	*client
	encryptHandshake bool

	mu    sync.Mutex
	group *mls.Group
	own   *mls.Candidate // of the own commit that waits
	next  *transaction   // for the group that follows a ReInit
}

func (s *server) CreateGroup(ctx context.Context, req *mlsclient.CreateGroupRequest) (*mlsclient.StateReply, error) {
	id, err := suiteID(req.CipherSuite)
	if err != nil {
		return nil, err
	}
	c, err := s.newClient(id, req.Identity)
	if err != nil {
		return nil, err
	}
	c.cfg.PublicHandshake = !req.EncryptHandshake
	g, err := mls.CreateGroup(ctx, s.now(), c.cfg, req.GroupId)
	if err != nil {
		return nil, err
	}
	m := &member{client: c, group: g, encryptHandshake: req.EncryptHandshake}
	return &mlsclient.StateReply{StateId: enter(s, s.members, m)}, nil
}

func (s *server) ExternalJoin(ctx context.Context, req *mlsclient.ExternalJoinRequest) (*mlsclient.ExternalJoinReply, error) {
	g, err := s.publicGroup(ctx, req.GroupInfo, req.RatchetTree)
	if err != nil {
		return nil, err
	}
	c, err := s.newClient(g.Suite().Info().ID, req.Identity)
	if err != nil {
		return nil, err
	}
	c.cfg.PublicHandshake = !req.EncryptHandshake
	options := mls.ExternalJoinOptions{RatchetTree: req.RatchetTree}
	if req.RemovePrior {
		prior, err := memberOf(g, req.Identity)
		if err != nil {
			return nil, err
		}
		options.Remove = &prior
	}
	for _, psk := range req.Psks {
		c.psks.put(psk.PskId, psk.PskSecret)
		options.PSKs = append(options.PSKs, externalPSK(psk.PskId).PSK)
	}
	candidate, err := mls.ExternalJoin(ctx, s.now(), c.cfg, req.GroupInfo, options)
	if err != nil {
		return nil, err
	}
	joining, err := candidate.Adopt()
	if err != nil {
		return nil, err
	}
	joined, err := s.joined(&member{client: c, group: joining, encryptHandshake: req.EncryptHandshake}, 0)
	if err != nil {
		return nil, err
	}
	return &mlsclient.ExternalJoinReply{
		StateId:            joined.StateId,
		Commit:             candidate.Message,
		EpochAuthenticator: joined.EpochAuthenticator,
	}, nil
}

func (s *server) GroupInfo(ctx context.Context, req *mlsclient.GroupInfoRequest) (*mlsclient.GroupInfoReply, error) {
	m, done, err := s.member(req.StateId)
	if err != nil {
		return nil, err
	}
	defer done()
	var reply mlsclient.GroupInfoReply
	if reply.GroupInfo, err = m.group.GroupInfo(ctx, s.now(), !req.ExternalTree); err != nil {
		return nil, err
	}
	if req.ExternalTree {
		reply.RatchetTree, err = m.group.RatchetTree()
	}
	return &reply, err
}

func (s *server) StateAuth(_ context.Context, req *mlsclient.StateRequest) (*mlsclient.SecretReply, error) {
	m, done, err := s.member(req.StateId)
	if err != nil {
		return nil, err
	}
	defer done()
	secret, err := m.group.EpochAuthenticator()
	return &mlsclient.SecretReply{Secret: secret}, err
}

func (s *server) Export(_ context.Context, req *mlsclient.ExportRequest) (*mlsclient.SecretReply, error) {
	if req.KeyLength > math.MaxUint16 {
		return nil, fmt.Errorf("%w: key length %d", errRequest, req.KeyLength)
	}
	m, done, err := s.member(req.StateId)
	if err != nil {
		return nil, err
	}
	defer done()
	secret, err := m.group.Export(req.Label, req.Context, int(req.KeyLength))
	return &mlsclient.SecretReply{Secret: secret}, err
}

func (s *server) Protect(ctx context.Context, req *mlsclient.ProtectRequest) (*mlsclient.ProtectReply, error) {
	m, done, err := s.member(req.StateId)
	if err != nil {
		return nil, err
	}
	defer done()
	ciphertext, err := m.group.Encrypt(ctx, s.now(), req.Plaintext, req.AuthenticatedData)
	return &mlsclient.ProtectReply{Ciphertext: ciphertext}, err
}

func (s *server) Unprotect(ctx context.Context, req *mlsclient.UnprotectRequest) (*mlsclient.UnprotectReply, error) {
	m, done, err := s.member(req.StateId)
	if err != nil {
		return nil, err
	}
	defer done()
	received, err := m.group.Process(ctx, s.now(), req.Ciphertext)
	if err != nil {
		return nil, err
	}
	if received.Application == nil {
		return nil, fmt.Errorf("%w: not an application message", errRequest)
	}
	return &mlsclient.UnprotectReply{
		AuthenticatedData: received.Application.AuthenticatedData,
		Plaintext:         received.Application.Data,
	}, nil
}

// receive processes the proposals that a commit will refer to. The member already keeps
// its own proposals and those that arrived before.
func (s *server) receive(ctx context.Context, m *member, proposals [][]byte) error {
	for i, message := range proposals {
		received, err := m.group.Process(ctx, s.now(), message)
		switch {
		case errors.Is(err, mls.ErrOwnMessage), errors.Is(err, mls.ErrConsumed):
		case err != nil:
			return fmt.Errorf("proposal %d: %w", i, err)
		case received.Proposal == nil:
			return fmt.Errorf("%w: message %d is not a proposal", errRequest, i)
		}
	}
	return nil
}
