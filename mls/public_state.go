package mls

import (
	"bytes"

	"github.com/mlsuite/mlsuite/suite"
)

// publicState is the part of an epoch that is no secret: what a delivery service may
// know, and what all members agree on. It is immutable: newPublicState makes it whole, and
// nothing sets a field of it. The next epoch's state shares most of the tree with it.
type publicState struct {
	publicParts
	contextBytes    []byte // context, marshalled
	confirmationTag []byte
	interim         []byte // interim transcript hash (RFC 9420, Section 8.2)
}

// publicParts are what a publicState is made of. While a commit is made or read, they are
// those of the epoch that it leads to: at first with the transcript hash of the epoch
// before, as in the provisional GroupContext (RFC 9420, Section 12.4.1).
type publicParts struct {
	suite      suite.Suite
	context    GroupContext
	tree       *tree
	extensions *groupExtensions // of context, read; newPublicState reads them if nobody has
	reInit     *ReInit          // the one that the commit of this epoch covered, or nil
	announced  *groupExtensions // of reInit, read, or nil
}

// newPublicState returns the public state of an epoch with the given confirmation tag,
// which is the caller's to check. A past epoch, which no commit follows, does without.
func newPublicState(parts publicParts, tag []byte) (_ *publicState, err error) {
	if parts.extensions == nil {
		if parts.extensions, err = readGroupExtensions(parts.context.Extensions); err != nil {
			return nil, err
		}
	}
	contextBytes, err := Marshal(&parts.context)
	if err != nil {
		return nil, err
	}
	return parts.confirmed(contextBytes, tag)
}

// confirmed is newPublicState for a context that is marshalled already.
func (parts publicParts) confirmed(contextBytes, tag []byte) (*publicState, error) {
	interim, err := interimTranscriptHash(parts.suite, parts.context.ConfirmedTranscriptHash, tag)
	if err != nil {
		return nil, err
	}
	return &publicState{
		publicParts:     parts,
		contextBytes:    contextBytes,
		confirmationTag: bytes.Clone(tag),
		interim:         interim,
	}, nil
}

// framing returns the framing for messages of this epoch.
func (p *publicState) framing(secrets *epochSecrets) *framing {
	return &framing{
		suite:        p.suite,
		group:        &p.context,
		groupContext: p.contextBytes,
		secrets:      secrets,
		member:       p.author,
	}
}

// place returns the place of a leaf in the group.
func (p *publicState) place(leaf LeafIndex) leafPlace {
	return leafPlace{groupID: p.context.GroupID, leaf: leaf}
}

// content returns the frame of what somebody sends in this epoch.
func (p *publicState) content(sender Sender, contentType ContentType, authenticatedData []byte) *framedContent {
	return &framedContent{
		groupID:           p.context.GroupID,
		epoch:             p.context.Epoch,
		sender:            sender,
		authenticatedData: bytes.Clone(authenticatedData),
		contentType:       contentType,
	}
}

// author returns the signer of what a member or an external sender sends in this epoch
// (RFC 9420, Section 6.1). It refuses a blank leaf, and an index outside
// external_senders.
func (p *publicState) author(sender Sender) (Author, error) {
	if sender.Type == SenderExternal {
		return p.externalAuthor(sender.Index)
	}
	leaf := p.tree.leaf(sender.Leaf)
	if leaf == nil {
		return Author{}, violation("6.1", "sender is a non-blank leaf").atLeaf(sender.Leaf)
	}
	return authorOf(leaf, p.context.Epoch), nil
}

// externalAuthor returns one of the group's external_senders (RFC 9420, Section
// 12.1.8.1).
func (p *publicState) externalAuthor(i uint32) (Author, error) {
	senders := p.extensions.senders
	if senders == nil {
		return Author{}, violation("12.1.8", "group has external_senders")
	}
	if uint64(i) >= uint64(len(senders)) {
		return Author{}, violation("12.1.8", "sender index %d is one of the group's external_senders", i)
	}
	return Author{p.context.Epoch, senders[i].Credential, senders[i].SignatureKey}, nil
}

// proposer returns the signer of a proposal that was sent by itself in this epoch.
func (p *publicState) proposer(sender Sender, proposal Proposal) (Author, error) {
	f := p.framing(nil)
	return f.author(&framedContent{epoch: p.context.Epoch, sender: sender, proposal: proposal})
}

// checkTag checks the confirmation tag with the secrets of the epoch.
func (p *publicState) checkTag(secrets *epochSecrets) error {
	return checkConfirmationTag(p.suite, secrets, p.context.ConfirmedTranscriptHash, p.confirmationTag)
}
