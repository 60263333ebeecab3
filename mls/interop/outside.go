package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/interop/mlsclient"
	"github.com/mlsuite/mlsuite/suite"
)

// groupInfo is what is known of a group from outside.
type groupInfo struct {
	*mls.GroupInfo
	roster roster
}

// parseGroupInfo reads a GroupInfo, with the tree that it holds or that is beside
// it. Without a tree, the roster is empty. Nothing is verified.
func parseGroupInfo(message, tree []byte) (*groupInfo, error) {
	m, err := mls.ParseMessage(message)
	if err != nil {
		return nil, err
	}
	if m.GroupInfo == nil {
		return nil, fmt.Errorf("%w: a %s is no GroupInfo", errRequest, m.WireFormat())
	}
	if inside, ok := m.GroupInfo.Extensions.Find(mls.ExtensionRatchetTree); ok {
		tree = inside
	}
	var leaves []*mls.LeafNode
	if len(tree) > 0 {
		if leaves, err = mls.ParseLeaves(tree); err != nil {
			return nil, err
		}
	}
	return &groupInfo{m.GroupInfo, func(yield func(mls.LeafIndex, *mls.LeafNode) bool) {
		for i, leaf := range leaves {
			if leaf != nil && !yield(mls.LeafIndex(i), leaf) {
				return
			}
		}
	}}, nil
}

// proposer makes proposals to the group from outside.
func (s *server) proposer(info *groupInfo) (*mls.ExternalProposer, error) {
	c := &info.GroupContext
	cs, err := s.suites.Suite(c.CipherSuite, suite.Start, s.now())
	return &mls.ExternalProposer{Suite: cs, GroupID: c.GroupID, Epoch: c.Epoch}, err
}

func (s *server) NewMemberAddProposal(ctx context.Context, req *mlsclient.NewMemberAddProposalRequest) (*mlsclient.NewMemberAddProposalReply, error) {
	info, err := parseGroupInfo(req.GroupInfo, nil)
	if err != nil {
		return nil, err
	}
	outside, err := s.proposer(info)
	if err != nil {
		return nil, err
	}
	t, err := s.newTransaction(ctx, info.GroupContext.CipherSuite, req.Identity)
	if err != nil {
		return nil, err
	}
	proposal, err := outside.ProposeJoin(ctx, t.own)
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
	sender := mls.ExternalSender{SignatureKey: c.cfg.Signer.PublicKey(), Credential: c.cfg.Credential}
	data, err := sender.Marshal()
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
	info, err := parseGroupInfo(req.GroupInfo, req.RatchetTree)
	if err != nil {
		return nil, err
	}
	senders, err := externalSenders(info.GroupContext.Extensions)
	if err != nil {
		return nil, err
	}
	index := slices.IndexFunc(senders, func(e mls.ExternalSender) bool {
		return bytes.Equal(e.SignatureKey, signer.PublicKey())
	})
	if index < 0 {
		return nil, fmt.Errorf("%w: signer is none of the group's external senders", errRequest)
	}
	proposal, err := described(req.Description, info.GroupContext.GroupID, info.roster)
	if err != nil {
		return nil, err
	}
	outside, err := s.proposer(info)
	if err != nil {
		return nil, err
	}
	message, err := outside.Propose(ctx, signer, uint32(index), proposal)
	return &mlsclient.ProposalReply{Proposal: message}, err
}
