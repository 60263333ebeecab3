package main

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/mlsuite/mlsuite/interop/mlsclient"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// view is a group, seen from inside or outside.
type view interface {
	GroupID() []byte
	Members() iter.Seq2[message.LeafIndex, *message.LeafNode]
}

// memberOf returns the leaf of a group's member with an identity.
func memberOf(g view, identity []byte) (message.LeafIndex, error) {
	for i, leaf := range g.Members() {
		if id, ok := leaf.Credential.Identity(); ok && bytes.Equal(id, identity) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%w: no member %q", errRequest, identity)
}

func parseKeyPackage(msg []byte) (*message.KeyPackage, error) {
	m, err := message.Parse[message.Message](msg)
	if err != nil {
		return nil, err
	}
	if m.KeyPackage == nil {
		return nil, fmt.Errorf("%w: a %s is no KeyPackage", errRequest, m.WireFormat())
	}
	return m.KeyPackage, nil
}

func parseExtensions(list []*mlsclient.Extension) (message.Extensions, error) {
	extensions := make(message.Extensions, len(list))
	for i, x := range list {
		t := message.ExtensionType(x.ExtensionType)
		if uint32(t) != x.ExtensionType {
			return nil, fmt.Errorf("%w: extension type %#x", errRequest, x.ExtensionType)
		}
		extensions[i] = message.Extension{Type: t, Data: x.ExtensionData}
	}
	return extensions, nil
}

// described returns the proposal to g that d describes.
func described(d *mlsclient.ProposalDescription, g view) (message.Proposal, error) {
	switch string(d.GetProposalType()) {
	case "add":
		kp, err := parseKeyPackage(d.KeyPackage)
		return message.Add{KeyPackage: kp}, err
	case "remove":
		leaf, err := memberOf(g, d.RemovedId)
		return message.Remove{Removed: leaf}, err
	case "externalPSK":
		return externalPSK(d.PskId), nil
	case "resumptionPSK":
		return resumptionPSK(g, d.EpochId), nil
	case "groupContextExtensions":
		extensions, err := parseExtensions(d.Extensions)
		return message.GroupContextExtensions{Extensions: extensions}, err
	case "reinit":
		return reInit(d.GroupId, d.CipherSuite, d.Extensions)
	}
	return nil, fmt.Errorf("%w: proposal type %q", errRequest, d.GetProposalType())
}

func reInit(groupID []byte, cipherSuite uint32, list []*mlsclient.Extension) (message.Proposal, error) {
	id, err := suiteID(cipherSuite)
	if err != nil {
		return nil, err
	}
	extensions, err := parseExtensions(list)
	return message.ReInit{GroupID: groupID, CipherSuite: id, Extensions: extensions}, err
}

func externalPSK(id []byte) message.PreSharedKey {
	return message.PreSharedKey{PSK: message.PreSharedKeyID{ID: id}}
}

func resumptionPSK(g view, epoch uint64) message.PreSharedKey {
	return message.PreSharedKey{PSK: message.PreSharedKeyID{
		Usage: message.ResumptionPSKApplication, GroupID: g.GroupID(), Epoch: epoch,
	}}
}

// propose lets a member propose what proposal returns for its group.
func (s *server) propose(ctx context.Context, stateID uint32, proposal func(g *mls.Group) (message.Proposal, error)) (*mlsclient.ProposalReply, error) {
	m, done, err := s.member(stateID)
	if err != nil {
		return nil, err
	}
	defer done()
	p, err := proposal(m.group)
	if err != nil {
		return nil, err
	}
	message, err := m.group.Propose(ctx, s.now(), p, nil)
	return &mlsclient.ProposalReply{Proposal: message}, err
}

func (s *server) AddProposal(ctx context.Context, req *mlsclient.AddProposalRequest) (*mlsclient.ProposalReply, error) {
	return s.propose(ctx, req.StateId, func(*mls.Group) (message.Proposal, error) {
		kp, err := parseKeyPackage(req.KeyPackage)
		return message.Add{KeyPackage: kp}, err
	})
}

func (s *server) UpdateProposal(ctx context.Context, req *mlsclient.StateRequest) (*mlsclient.ProposalReply, error) {
	m, done, err := s.member(req.StateId)
	if err != nil {
		return nil, err
	}
	defer done()
	message, err := m.group.ProposeUpdate(ctx, s.now(), mls.LeafOptions{}, nil)
	return &mlsclient.ProposalReply{Proposal: message}, err
}

func (s *server) RemoveProposal(ctx context.Context, req *mlsclient.RemoveProposalRequest) (*mlsclient.ProposalReply, error) {
	return s.propose(ctx, req.StateId, func(g *mls.Group) (message.Proposal, error) {
		leaf, err := memberOf(g, req.RemovedId)
		return message.Remove{Removed: leaf}, err
	})
}

func (s *server) ExternalPSKProposal(ctx context.Context, req *mlsclient.ExternalPSKProposalRequest) (*mlsclient.ProposalReply, error) {
	return s.propose(ctx, req.StateId, func(*mls.Group) (message.Proposal, error) { return externalPSK(req.PskId), nil })
}

func (s *server) ResumptionPSKProposal(ctx context.Context, req *mlsclient.ResumptionPSKProposalRequest) (*mlsclient.ProposalReply, error) {
	return s.propose(ctx, req.StateId, func(g *mls.Group) (message.Proposal, error) {
		return resumptionPSK(g, req.EpochId), nil
	})
}

func (s *server) GroupContextExtensionsProposal(ctx context.Context, req *mlsclient.ExtensionsProposalRequest) (*mlsclient.ProposalReply, error) {
	return s.propose(ctx, req.StateId, func(*mls.Group) (message.Proposal, error) {
		extensions, err := parseExtensions(req.Extensions)
		return message.GroupContextExtensions{Extensions: extensions}, err
	})
}

func (s *server) ReInitProposal(ctx context.Context, req *mlsclient.ReInitProposalRequest) (*mlsclient.ProposalReply, error) {
	return s.propose(ctx, req.StateId, func(*mls.Group) (message.Proposal, error) {
		return reInit(req.GroupId, req.CipherSuite, req.Extensions)
	})
}

// AddExternalSigner proposes the group's extensions with one more external sender.
func (s *server) AddExternalSigner(ctx context.Context, req *mlsclient.AddExternalSignerRequest) (*mlsclient.ProposalReply, error) {
	return s.propose(ctx, req.StateId, func(g *mls.Group) (message.Proposal, error) {
		sender, err := message.Parse[message.ExternalSender](req.ExternalSender)
		if err != nil {
			return nil, err
		}
		extensions := slices.Clone(g.GroupContext().Extensions)
		senders, err := externalSenders(extensions)
		if err != nil {
			return nil, err
		}
		senders = append(senders, *sender)
		data, err := message.Marshal(&senders)
		if err != nil {
			return nil, err
		}
		isSenders := func(x message.Extension) bool { return x.Type == message.ExtensionExternalSenders }
		extensions = append(slices.DeleteFunc(extensions, isSenders), message.Extension{Type: message.ExtensionExternalSenders, Data: data})
		return message.GroupContextExtensions{Extensions: extensions}, nil
	})
}

// externalSenders returns the external senders among a group's extensions.
func externalSenders(extensions message.Extensions) (message.ExternalSenders, error) {
	data, ok := extensions.Find(message.ExtensionExternalSenders)
	if !ok {
		return nil, nil
	}
	senders, err := message.Parse[message.ExternalSenders](data)
	if err != nil {
		return nil, err
	}
	return *senders, nil
}
