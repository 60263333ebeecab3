// Package framing signs, verifies, protects and unprotects the messages of an epoch (RFC
// 9420, Section 6), and has the structures that it takes for that.
package framing

import (
	"bytes"
	"errors"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// Epoch protects and unprotects the messages of one epoch (RFC 9420, Section 6).
type Epoch struct {
	Suite        suite.Suite
	Group        *message.GroupContext
	GroupContext []byte // Group, encoded
	Secrets      *schedule.EpochSecrets

	Members Members

	// Form is the form of content on which the group has agreed beyond RFC 9420. Nil stands
	// for any.
	Form Form

	// Numbers are those of drafts in the content of messages.
	Numbers message.CodePoints

	// Own is who reads the messages, if that is a member. Its own are refused with
	// [fault.ErrOwnMessage].
	Own message.Sender

	// References says that external commits may refer to proposals: to SelfRemoves, if all
	// members support them.
	References bool

	// Wanted reports whether to verify a proposal. Nil stands for all proposals.
	Wanted func(ref []byte) bool

	// Vouched says that another member vouches for what members have signed, as a committer
	// does for the proposals to which its commit refers: their signatures are not verified,
	// and messages have no Author.
	Vouched bool
}

// Members are those whose messages an epoch takes.
type Members interface {
	// Author returns the author of a member's or an external sender's message, or a
	// [*message.ValidationError] if there is no such sender.
	Author(message.Sender) (message.Author, error)
}

// Form is the form of messages on which a group has agreed.
type Form interface {
	// Agreed returns an error unless a message has the form: its type of content, what it
	// authenticates, and its application data, if it has any. It returns the items of
	// components in what the message authenticates, or nil if the group has not agreed on such.
	Agreed(content message.ContentType, authenticatedData, applicationData []byte) (message.SafeAAD, error)
}

// FramedContent is a message with its context, before any protection (RFC 9420,
// Section 6).
//
//	struct {
//	    opaque group_id<V>;
//	    uint64 epoch;
//	    Sender sender;
//	    opaque authenticated_data<V>;
//	    ContentType content_type;
//	    select (FramedContent.content_type) {
//	        case application: opaque application_data<V>;
//	        case proposal:    Proposal proposal;
//	        case commit:      Commit commit;
//	    };
//	} FramedContent;
type FramedContent struct {
	GroupID           []byte
	Epoch             uint64
	Sender            message.Sender
	AuthenticatedData []byte
	ContentType       message.ContentType
	ApplicationData   []byte           // of ContentApplication
	Proposal          message.Proposal // of ContentProposal
	Commit            *Commit          // of ContentCommit

	// Body is what the content type selects, encoded, if it is at hand. A handshake message
	// is encoded once when it is sent and never when it is received, although it is signed
	// or verified, hashed into the transcript and encrypted. Application data needs no
	// encoding of its own.
	Body []byte
}

// Marshal writes c.
func (c *FramedContent) Marshal(w *wire.Writer) {
	w.Bytes(c.GroupID)
	w.Uint64(c.Epoch)
	message.Write(w, &c.Sender)
	w.Bytes(c.AuthenticatedData)
	wire.WriteEnum(w, "content type", c.ContentType, message.ContentCommit)
	c.MarshalBody(w)
}

// Unmarshal reads c. A sender who may not send the content is malformed.
func (c *FramedContent) Unmarshal(r *wire.Reader) {
	c.GroupID = r.Bytes()
	c.Epoch = r.Uint64()
	message.Read(r, &c.Sender)
	c.AuthenticatedData = r.Bytes()
	c.ContentType = wire.ReadEnum(r, "content type", message.ContentCommit)
	c.unmarshalBody(r)
	if r.Err() == nil && !c.SenderMay() {
		r.Fail(wire.Malformed("sender type %s is not allowed for this %s", c.Sender.Type, c.ContentType))
	}
}

// MarshalBody writes what the content type selects.
func (c *FramedContent) MarshalBody(w *wire.Writer) {
	switch {
	case c.Body != nil:
		w.Raw(c.Body)
	case c.ContentType == message.ContentApplication:
		w.Bytes(c.ApplicationData)
	default:
		body, err := c.encodedHandshake()
		if err != nil {
			w.Fail(err)
		}
		w.Raw(body)
	}
}

// encodedHandshake returns the encoded proposal or commit. It is apart, so that the Writer
// of application data can stay on the stack.
func (c *FramedContent) encodedHandshake() ([]byte, error) {
	room := 512 // most commits in small groups fit
	if c.Commit != nil && c.Commit.Path != nil {
		room = max(room, 128+c.Commit.Path.EncodedAtMost()) // and a few references to proposals
	}
	return wire.MarshalIn(room, func(w *wire.Writer) {
		switch c.ContentType {
		case message.ContentProposal:
			message.Write(w, &message.TypedProposal{Proposal: c.Proposal})
		case message.ContentCommit:
			if c.Commit == nil {
				w.Fail(wire.Malformed("commit is missing"))
				return
			}
			c.Commit.marshal(w)
		}
	})
}

// EncodeBody sets Body, unless it is set or the content is application data. What it
// encodes must not change afterwards.
func (c *FramedContent) EncodeBody() (err error) {
	if c.Body == nil && c.ContentType != message.ContentApplication {
		c.Body, err = c.encodedHandshake()
	}
	return err
}

// Size returns the approximate size of c when encoded, and never less than the exact one,
// if its body is at hand.
func (c *FramedContent) Size() int {
	const rest = 3*4 + 8 + 5 + 1 // headers, epoch, sender, content type
	return rest + len(c.GroupID) + len(c.AuthenticatedData) + c.bodySize()
}

// bodySize returns the size of the encoded body, if it is at hand.
func (c *FramedContent) bodySize() int {
	if c.Body == nil && c.ContentType == message.ContentApplication {
		return wire.SizeOfVector(len(c.ApplicationData))
	}
	return len(c.Body)
}

// unmarshalBody reads what the content type selects.
func (c *FramedContent) unmarshalBody(r *wire.Reader) {
	switch c.ContentType {
	case message.ContentApplication:
		c.ApplicationData = r.Shared()
	case message.ContentProposal:
		var p message.TypedProposal
		message.Read(r, &p)
		c.Proposal = p.Proposal
	case message.ContentCommit:
		c.Commit = wire.ReadNew(r, (*Commit).unmarshal)
	}
}

// SenderMay reports whether a sender of this type may send this content at all (RFC 9420,
// Sections 6.1 and 12.1.8).
func (c *FramedContent) SenderMay() bool {
	switch c.Sender.Type {
	case message.SenderExternal:
		if c.ContentType != message.ContentProposal {
			return false
		}
		if _, ok := c.Proposal.(message.SelfRemove); ok {
			return false
		}
		return FromOutside(message.TypeOf(c.Proposal))
	case message.SenderNewMemberProposal:
		return c.ContentType == message.ContentProposal && message.TypeOf(c.Proposal) == codepoint.ProposalAdd
	case message.SenderNewMemberCommit:
		return c.ContentType == message.ContentCommit
	}
	return true
}

// FromOutside reports whether RFC 9420, Section 12.1.8, lets external senders send a
// proposal of a type. The application decides about types beyond RFC 9420's.
func FromOutside(t message.ProposalType) bool {
	return t != codepoint.ProposalUpdate && t != codepoint.ProposalExternalInit
}

// marshalTBS writes FramedContentTBS, what the sender signs (RFC 9420, Section 6.1).
// Members and joiners by commit sign groupContext too, the encoded GroupContext; for
// other senders it is not used.
func (c *FramedContent) marshalTBS(w *wire.Writer, format message.WireFormat, groupContext []byte) {
	w.Uint16(uint16(codepoint.VersionMLS10))
	w.Uint16(uint16(format))
	c.Marshal(w)
	if c.Sender.Type == message.SenderMember || c.Sender.Type == message.SenderNewMemberCommit {
		if groupContext == nil {
			w.Fail(wire.Malformed("group context is missing"))
		}
		w.Raw(groupContext)
	}
}

// framedContentAuthData authenticates a FramedContent (RFC 9420, Section 6.1).
//
//	struct {
//	    opaque signature<V>;
//	    select (FramedContent.content_type) {
//	        case commit: MAC confirmation_tag;
//	        case application:
//	        case proposal:
//	            struct{};
//	    };
//	} FramedContentAuthData;
type framedContentAuthData struct {
	Signature       []byte
	ConfirmationTag []byte // of ContentCommit, else nil
}

func (a *framedContentAuthData) marshal(w *wire.Writer, content message.ContentType) {
	w.Bytes(a.Signature)
	marshalTag(w, "confirmation tag", a.ConfirmationTag, content == message.ContentCommit)
}

// size returns the size of a when encoded.
func (a *framedContentAuthData) size() int {
	n := wire.SizeOfVector(len(a.Signature))
	if a.ConfirmationTag != nil {
		n += wire.SizeOfVector(len(a.ConfirmationTag))
	}
	return n
}

func (a *framedContentAuthData) unmarshal(r *wire.Reader, content message.ContentType) {
	a.Signature = r.Shared()
	if content == message.ContentCommit {
		a.ConfirmationTag = r.Shared()
	}
}

// marshalTag writes a tag, which has to be there if and only if it is wanted.
func marshalTag(w *wire.Writer, name string, tag []byte, wanted bool) {
	switch {
	case wanted && tag == nil:
		w.Fail(wire.Malformed("%s is missing", name))
	case !wanted && tag != nil:
		w.Fail(wire.Malformed("unexpected %s", name))
	case wanted:
		w.Bytes(tag)
	}
}

// AuthenticatedContent is a message with its authentication, and the format in
// which it is sent (RFC 9420, Section 6).
//
//	struct {
//	    WireFormat wire_format;
//	    FramedContent content;
//	    FramedContentAuthData auth;
//	} AuthenticatedContent;
type AuthenticatedContent struct {
	WireFormat message.WireFormat
	Content    FramedContent
	Auth       framedContentAuthData

	Author message.Author  // the author, once the signature was verified
	Items  message.SafeAAD // of components, once the form was checked; nil without that form
}

// Marshal writes c.
func (c *AuthenticatedContent) Marshal(w *wire.Writer) {
	w.Uint16(uint16(c.WireFormat))
	c.Content.Marshal(w)
	c.Auth.marshal(w, c.Content.ContentType)
}

func (c *AuthenticatedContent) unmarshal(r *wire.Reader) {
	c.WireFormat = message.WireFormat(r.Uint16())
	if c.WireFormat != message.WireFormatPublicMessage && c.WireFormat != message.WireFormatPrivateMessage {
		r.Fail(wire.Malformed("content in the wire format %s", c.WireFormat))
	}
	c.Content.Unmarshal(r)
	c.Auth.unmarshal(r, c.Content.ContentType)
}

// ProposalRef returns the ProposalRef of the proposal that c carries (RFC 9420, Section
// 5.2), Hash.Size bytes.
func ProposalRef(s suite.Suite, c *AuthenticatedContent) ([]byte, error) {
	return label.RefHash(s, label.ProposalRef, c.Marshal)
}

// AuthorOf returns the signer whose leaf is l in an epoch.
func AuthorOf(l *message.LeafNode, epoch uint64) message.Author {
	return message.Author{Epoch: epoch, Credential: l.Credential, SignatureKey: l.SignatureKey}
}

// ErrUnwanted says that a proposal was not verified, as nobody wants it.
var ErrUnwanted = errors.New("mls: nobody refers to the proposal")

// checkWanted refuses a proposal that need not be verified. It asks by the reference that
// the proposal would have if it were authentic.
func (f *Epoch) checkWanted(c *AuthenticatedContent) error {
	if f.Wanted == nil {
		return nil
	}
	ref, err := ProposalRef(f.Suite, c)
	if err == nil && !f.Wanted(ref) {
		err = ErrUnwanted
	}
	return err
}

// verify checks the signature of c with its sender's key (RFC 9420, Section 6.1), and its
// form.
func (f *Epoch) verify(c *AuthenticatedContent) error {
	if f.Vouched && c.Content.Sender.Type == message.SenderMember {
		return f.agree(c)
	}
	author, err := f.Author(&c.Content)
	if err != nil {
		return err
	}
	if err := verifyContent(f.Suite, author, c, f.GroupContext); err != nil {
		return err
	}
	return f.agree(c)
}

// agree checks that c has the form on which the group has agreed, and sets its Items.
func (f *Epoch) agree(c *AuthenticatedContent) (err error) {
	if f.Form != nil {
		c.Items, err = f.Form.Agreed(c.Content.ContentType, c.Content.AuthenticatedData, c.Content.ApplicationData)
	}
	return err
}

// Author returns the signer that a message names. A new member's message names it by the
// leaf that it brings (RFC 9420, Section 6.1). The error is a [*message.ValidationError].
func (f *Epoch) Author(c *FramedContent) (message.Author, error) {
	switch c.Sender.Type {
	case message.SenderNewMemberCommit:
		if c.Commit == nil || c.Commit.Path == nil {
			return message.Author{}, fault.Violation("12.4.3.2", "external commit has no path")
		}
		return AuthorOf(c.Commit.Path.LeafNode, c.Epoch), nil
	case message.SenderNewMemberProposal:
		add, ok := c.Proposal.(message.Add)
		if !ok {
			return message.Author{}, fault.Violation("6.1", "proposal of a new member is not an Add")
		}
		return AuthorOf(&add.KeyPackage.LeafNode, c.Epoch), nil
	}
	return f.member(c.Sender)
}

// member returns the author of another member's or an external sender's message.
func (f *Epoch) member(sender message.Sender) (message.Author, error) {
	if sender == f.Own && sender != (message.Sender{}) {
		return message.Author{}, fault.ErrOwnMessage
	}
	return f.Members.Author(sender)
}

// checkReferences refuses impossible references of a commit before anybody looks them up:
// each has Hash.Size bytes (RFC 9420, Section 5.2), and an external commit has none
// (Section 12.4.3.2), unless the group knows SelfRemoves.
func (f *Epoch) checkReferences(c *FramedContent) error {
	if c.Commit == nil {
		return nil
	}
	size := f.Suite.Info().Hash.Size
	for i := range c.Commit.Proposals {
		switch p := &c.Commit.Proposals[i]; {
		case p.Proposal != nil:
		case c.Sender.Type == message.SenderNewMemberCommit && !f.References:
			return fault.Violation("12.4.3.2", "external commit has a proposal by reference").AtProposal(i)
		case len(p.Ref) != size:
			return fault.Violation("5.2", "ProposalRef does not have %d bytes", size).AtProposal(i)
		}
	}
	return nil
}

// checkOutgoing refuses to protect content that was signed for another wire format, group
// or epoch.
func (f *Epoch) checkOutgoing(format message.WireFormat, c *AuthenticatedContent) error {
	if c.WireFormat != format {
		return fault.Violation("6.1", "content signed as %s cannot be sent as %s", c.WireFormat, format)
	}
	if err := checkFormat(format, &c.Content); err != nil {
		return err
	}
	if err := f.agree(c); err != nil {
		return err
	}
	return IsFor(f.Group, c.Content.GroupID, c.Content.Epoch)
}

// IsFor returns [fault.ErrWrongGroup], [fault.ErrFutureEpoch] or [fault.ErrPastEpoch] if
// a message is not for the epoch of c.
func IsFor(c *message.GroupContext, groupID []byte, epoch uint64) error {
	switch {
	case !bytes.Equal(groupID, c.GroupID):
		return fault.ErrWrongGroup
	case epoch > c.Epoch:
		return fault.ErrFutureEpoch
	case epoch < c.Epoch:
		return fault.ErrPastEpoch
	}
	return nil
}
