package mls

import (
	"context"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/suite"
)

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
