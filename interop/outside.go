package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/mlsuite/mlsuite/interop/mlsclient"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// publicGroup returns the public view of the group that a GroupInfo describes. The tree
// is in the GroupInfo or in tree.
func (s *server) publicGroup(ctx context.Context, groupInfo, tree []byte) (*mls.PublicGroup, error) {
	return mls.NewPublicGroup(ctx, s.now(), s.config(), groupInfo, tree)
}

// proposer returns a proposer that is not a member of g.
func proposer(g *mls.PublicGroup) mls.ExternalProposer {
	return mls.ExternalProposer{Suite: g.Suite(), GroupID: g.GroupID(), Epoch: g.Epoch()}
}

func (s *server) NewMemberAddProposal(ctx context.Context, req *mlsclient.NewMemberAddProposalRequest) (*mlsclient.NewMemberAddProposalReply, error) {
	g, err := s.publicGroup(ctx, req.GroupInfo, nil)
	if err != nil {
		return nil, err
	}
	t, err := s.newTransaction(ctx, g.Suite().Info().ID, req.Identity)
	if err != nil {
		return nil, err
	}
	proposal, err := proposer(g).ProposeJoin(ctx, t.own)
	if err != nil {
		return nil, err
	}
	return &mlsclient.NewMemberAddProposalReply{
		TransactionId:  enter(s, s.transactions, t),
		Proposal:       proposal,
		InitPriv:       t.initPriv,
		EncryptionPriv: t.encryptionPriv,
		SignaturePriv:  t.signaturePriv,
	}, nil
}

func (s *server) CreateExternalSigner(_ context.Context, req *mlsclient.IdentityRequest) (*mlsclient.ExternalSignerReply, error) {
	id, err := suiteID(req.CipherSuite)
	if err != nil {
		return nil, err
	}
	c, err := s.newClient(id, req.Identity)
	if err != nil {
		return nil, err
	}
	sender := message.ExternalSender{SignatureKey: c.cfg.Signer.PublicKey(), Credential: c.cfg.Credential}
	data, err := message.Marshal(&sender)
	if err != nil {
		return nil, err
	}
	return &mlsclient.ExternalSignerReply{SignerId: enter(s, s.signers, c.cfg.Signer), ExternalSender: data}, nil
}

// ExternalSignerProposal finds the signer among the group's external senders by its
// key: the runner does not say its index.
func (s *server) ExternalSignerProposal(ctx context.Context, req *mlsclient.ExternalSignerProposalRequest) (*mlsclient.ProposalReply, error) {
	signer, err := find(s, s.signers, req.SignerId, "signer")
	if err != nil {
		return nil, err
	}
	g, err := s.publicGroup(ctx, req.GroupInfo, req.RatchetTree)
	if err != nil {
		return nil, err
	}
	senders, err := externalSenders(g.GroupContext().Extensions)
	if err != nil {
		return nil, err
	}
	index := slices.IndexFunc(senders, func(e message.ExternalSender) bool {
		return bytes.Equal(e.SignatureKey, signer.PublicKey())
	})
	if index < 0 {
		return nil, fmt.Errorf("%w: signer is none of the group's external senders", errRequest)
	}
	proposal, err := described(req.Description, g)
	if err != nil {
		return nil, err
	}
	message, err := proposer(g).Propose(ctx, signer, uint32(index), proposal)
	return &mlsclient.ProposalReply{Proposal: message}, err
}
