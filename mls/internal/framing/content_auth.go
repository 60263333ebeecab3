package framing

import (
	"context"

	"github.com/mlsuite/mlsuite/internal/scratch"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// SignContent signs content for the given wire format (RFC 9420, Section 6.1). Members,
// and joiners by commit, sign the encoded GroupContext too; other senders do not have it.
// The caller adds the confirmation tag of a Commit, which depends on the signature. The
// error is a [*message.ValidationError] if the sender or the format is not allowed for
// the content, or the signer's.
func SignContent(ctx context.Context, signer suite.Signer, format message.WireFormat, content *FramedContent, groupContext []byte) (*AuthenticatedContent, error) {
	c := &AuthenticatedContent{WireFormat: format, Content: *content}
	if err := c.Sign(ctx, signer, groupContext); err != nil {
		return nil, err
	}
	return c, nil
}

// Sign is [SignContent] of the content of c, for its wire format.
func (c *AuthenticatedContent) Sign(ctx context.Context, signer suite.Signer, groupContext []byte) error {
	if err := checkFormat(c.WireFormat, &c.Content); err != nil {
		return err
	}
	if err := c.Content.EncodeBody(); err != nil {
		return err
	}
	signed, err := signedContent(c.WireFormat, &c.Content, groupContext)
	if err != nil {
		return err
	}
	if c.Auth.Signature, err = signer.Sign(ctx, signed.Bytes); err != nil {
		return err
	}
	clear(signed.Bytes)
	signed.Return()
	return nil
}

// verifyContent checks that the author signed c, and notes it.
func verifyContent(s suite.Suite, author message.Author, c *AuthenticatedContent, groupContext []byte) error {
	signed, err := signedContent(c.WireFormat, &c.Content, groupContext)
	if err != nil {
		return err
	}
	err = s.Verify(author.SignatureKey, signed.Bytes, c.Auth.Signature)
	if label.Settled(err) {
		clear(signed.Bytes)
		signed.Return()
	}
	if err != nil {
		v := fault.Violation("6.1", "signature does not verify").Because(err)
		if c.Content.Sender.Type == message.SenderMember {
			v = v.AtLeaf(c.Content.Sender.Leaf)
		}
		return v
	}
	c.Author = author
	return nil
}

// signedContent returns memory that holds the SignContent of SignWithLabel (RFC 9420, Section
// 5.1.2) over FramedContentTBS. The caller erases and returns it when a provider is done with it:
// see [label.Settled].
func signedContent(format message.WireFormat, content *FramedContent, groupContext []byte) (*scratch.Memory, error) {
	lent := scratch.Borrow(64 + content.Size() + len(groupContext)) // 64 for label, version, wire format and headers
	w := wire.WriterOver(lent.Bytes)
	w.String(label.Prefix, label.FramedContentTBS)
	start := w.Begin()
	content.marshalTBS(w, format, groupContext)
	w.End(start)
	var err error
	lent.Bytes, err = w.Finish()
	return lent, err
}

// checkFormat refuses content that may not be sent in a wire format, or not by its sender
// (RFC 9420, Sections 6 and 6.1).
func checkFormat(format message.WireFormat, content *FramedContent) error {
	switch {
	case !content.SenderMay():
		return fault.Violation("6.1", "sender type %s is not allowed for this %s", content.Sender.Type, content.ContentType)
	case format == message.WireFormatPublicMessage && content.ContentType == message.ContentApplication:
		return fault.Violation("6", "application data is in a PublicMessage")
	case format == message.WireFormatPrivateMessage && content.Sender.Type != message.SenderMember:
		return fault.Violation("6", "PrivateMessage is from a sender of type %s", content.Sender.Type)
	}
	return nil
}

// ConfirmedTranscriptHash returns the confirmed_transcript_hash after the Commit in ac,
// given the interim_transcript_hash before it (RFC 9420, Section 8.2), Hash.Size bytes:
//
//	Hash(interim_transcript_hash_[epoch - 1] || ConfirmedTranscriptHashInput_[epoch])
func ConfirmedTranscriptHash(s suite.Suite, interim []byte, ac *AuthenticatedContent) ([]byte, error) {
	lent := scratch.Borrow(len(interim) + 2 + ac.Content.Size() + 4 + len(ac.Auth.Signature))
	w := wire.WriterOver(lent.Bytes)
	w.Raw(interim)
	w.Uint16(uint16(ac.WireFormat))
	ac.Content.Marshal(w)
	w.Bytes(ac.Auth.Signature)
	input, err := w.Finish()
	if err != nil {
		return nil, err
	}
	lent.Bytes = input
	defer lent.Return()
	return s.Hash(input), nil
}

// InterimTranscriptHash returns the interim_transcript_hash after a Commit with the given
// confirmation tag (RFC 9420, Section 8.2), Hash.Size bytes:
//
//	Hash(confirmed_transcript_hash_[epoch] || InterimTranscriptHashInput_[epoch])
func InterimTranscriptHash(s suite.Suite, confirmed, confirmationTag []byte) ([]byte, error) {
	var w wire.Writer
	w.Grow(len(confirmed) + 4 + len(confirmationTag))
	w.Raw(confirmed)
	w.Bytes(confirmationTag)
	input, err := w.Finish()
	if err != nil {
		return nil, err
	}
	return s.Hash(input), nil
}
