package mls

import (
	"context"
	"errors"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/suite"
)

// framing protects and unprotects the messages of one epoch (RFC 9420, Section 6).
type framing struct {
	suite        suite.Suite
	group        *GroupContext
	groupContext []byte // group, encoded
	secrets      *epochSecrets

	member func(Sender) (Author, error) // author of a member's or external sender's message, as publicState.author
	wanted func(ref []byte) bool        // whether to verify a proposal; nil to verify any
}

// errUnwanted says that a proposal was not verified, as nobody wants it.
var errUnwanted = errors.New("mls: proposal that nobody refers to")

// checkWanted refuses a proposal that need not be verified. It asks by the reference that
// the proposal would have if it were authentic.
func (f *framing) checkWanted(c *authenticatedContent) error {
	if f.wanted == nil {
		return nil
	}
	ref, err := proposalRef(f.suite, c)
	if err == nil && !f.wanted(ref) {
		err = errUnwanted
	}
	return err
}

// signContent signs content for the given wire format (RFC 9420, Section 6.1). Members,
// and joiners by commit, sign the encoded GroupContext too; other senders do not have it.
// The caller adds the confirmation tag of a Commit, which depends on the signature.
func signContent(ctx context.Context, signer suite.Signer, format WireFormat, content *framedContent, groupContext []byte) (*authenticatedContent, error) {
	if err := checkFormat(format, content); err != nil {
		return nil, err
	}
	if err := content.encodeBody(); err != nil {
		return nil, err
	}
	message, err := signedContent(format, content, groupContext)
	if err != nil {
		return nil, err
	}
	signature, err := signer.Sign(ctx, message)
	if err != nil {
		return nil, err
	}
	return &authenticatedContent{
		wireFormat: format,
		content:    *content,
		auth:       framedContentAuthData{signature: signature},
	}, nil
}

// verify checks the signature of c with its sender's key (RFC 9420, Section 6.1).
func (f *framing) verify(c *authenticatedContent) error {
	author, err := f.author(&c.content)
	if err != nil {
		return err
	}
	return verifyContent(f.suite, author, c, f.groupContext)
}

// verifyContent checks that the author signed c, and notes it.
func verifyContent(s suite.Suite, author Author, c *authenticatedContent, groupContext []byte) error {
	message, err := signedContent(c.wireFormat, &c.content, groupContext)
	if err != nil {
		return err
	}
	if err := s.Verify(author.SignatureKey, message, c.auth.signature); err != nil {
		v := violation("6.1", "the signature does not verify").because(err)
		if c.content.sender.Type == SenderMember {
			v = v.atLeaf(c.content.sender.Leaf)
		}
		return v
	}
	c.author, c.scratch = author, message
	return nil
}

// signedContent returns the SignContent of SignWithLabel (RFC 9420, Section 5.1.2)
// over FramedContentTBS, which it writes in place.
func signedContent(format WireFormat, content *framedContent, groupContext []byte) ([]byte, error) {
	var w wire.Writer
	w.Grow(64 + content.size() + len(groupContext)) // 64 for label, version, wire format and headers
	w.Bytes([]byte(label.Prefix + label.FramedContentTBS))
	w.Vector(func(w *wire.Writer) { content.marshalTBS(w, format, groupContext) })
	message, err := w.Finish()
	return message, err
}

// checkReferences refuses impossible references of a commit before anybody looks them up:
// each has Hash.Size bytes (RFC 9420, Section 5.2), and an external commit has none
// (Section 12.4.3.2).
func (f *framing) checkReferences(c *framedContent) error {
	if c.commit == nil {
		return nil
	}
	size := f.suite.Info().Hash.Size
	for i := range c.commit.proposals {
		switch p := &c.commit.proposals[i]; {
		case p.proposal != nil:
		case c.sender.Type == SenderNewMemberCommit:
			return violation("12.4.3.2", "external commit has its proposals by value").atProposal(i)
		case len(p.ref) != size:
			return violation("5.2", "ProposalRef is of %d bytes", size).atProposal(i)
		}
	}
	return nil
}

// checkFormat refuses content that may not be sent in a wire format, or not by its sender
// (RFC 9420, Sections 6 and 6.1).
func checkFormat(format WireFormat, content *framedContent) error {
	switch {
	case !content.senderMay():
		return violation("6.1", "a sender of type %s may not send this %s", content.sender.Type, content.contentType)
	case format == WireFormatPublicMessage && content.contentType == ContentApplication:
		return violation("6", "application data in a public message")
	case format == WireFormatPrivateMessage && content.sender.Type != SenderMember:
		return violation("6", "a private message from a sender of type %s", content.sender.Type)
	}
	return nil
}

// checkOutgoing refuses to protect content that was signed for another wire format, group
// or epoch.
func (f *framing) checkOutgoing(format WireFormat, c *authenticatedContent) error {
	if c.wireFormat != format {
		return violation("6.1", "content signed as %s cannot be sent as %s", c.wireFormat, format)
	}
	if err := checkFormat(format, &c.content); err != nil {
		return err
	}
	return isFor(f.group, c.content.groupID, c.content.epoch)
}

// author returns the signer that a message names. A new member's message names it by the
// leaf that it brings (RFC 9420, Section 6.1).
func (f *framing) author(c *framedContent) (Author, error) {
	switch c.sender.Type {
	case SenderNewMemberCommit:
		if c.commit == nil || c.commit.path == nil {
			return Author{}, violation("12.4.3.2", "an external commit without a path")
		}
		return authorOf(c.commit.path.leafNode, c.epoch), nil
	case SenderNewMemberProposal:
		add, ok := c.proposal.(Add)
		if !ok {
			return Author{}, violation("6.1", "a proposal of a new member that is no Add")
		}
		return authorOf(&add.KeyPackage.LeafNode, c.epoch), nil
	}
	return f.member(c.sender)
}
