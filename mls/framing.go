package mls

import (
	"bytes"
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

// framedContent is a message with its context, before any protection (RFC 9420,
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
type framedContent struct {
	groupID           []byte
	epoch             uint64
	sender            Sender
	authenticatedData []byte
	contentType       ContentType
	applicationData   []byte   // of ContentApplication
	proposal          Proposal // of ContentProposal
	commit            *commit  // of ContentCommit

	// body is what the content type selects, encoded, if it is at hand. A message is
	// encoded once when it is sent and never when it is received, although it is signed
	// or verified, hashed into the transcript and encrypted.
	body []byte
}

func (c *framedContent) marshal(w *wire.Writer) {
	w.Bytes(c.groupID)
	w.Uint64(c.epoch)
	Write(w, &c.sender)
	w.Bytes(c.authenticatedData)
	wire.WriteEnum(w, "content type", c.contentType, ContentCommit)
	c.marshalBody(w)
}

func (c *framedContent) unmarshal(r *wire.Reader) {
	c.groupID = r.Bytes()
	c.epoch = r.Uint64()
	Read(r, &c.sender)
	c.authenticatedData = r.Bytes()
	c.contentType = wire.ReadEnum(r, "content type", ContentCommit)
	c.unmarshalBody(r)
	if r.Err() == nil && !c.senderMay() {
		r.Fail(wire.Malformed("sender of type %s may not send this %s", c.sender.Type, c.contentType))
	}
}

// marshalBody writes what the content type selects.
func (c *framedContent) marshalBody(w *wire.Writer) {
	if c.body != nil {
		w.Raw(c.body)
		return
	}
	switch c.contentType {
	case ContentApplication:
		w.Bytes(c.applicationData)
	case ContentProposal:
		Write(w, &TypedProposal{c.proposal})
	case ContentCommit:
		if c.commit == nil {
			w.Fail(wire.Malformed("commit is missing"))
			return
		}
		c.commit.marshal(w)
	}
}

// encodeBody sets body. What it encodes must not change afterwards.
func (c *framedContent) encodeBody() error {
	if c.body != nil {
		return nil
	}
	body, err := wire.Marshal(c.marshalBody)
	if err != nil {
		return err
	}
	c.body = body
	return nil
}

// size returns the approximate size of c when encoded, and never less than the exact one,
// if its body is at hand.
func (c *framedContent) size() int {
	const rest = 3*4 + 8 + 5 + 1 // headers, epoch, sender, content type
	return rest + len(c.groupID) + len(c.authenticatedData) + len(c.body)
}

// unmarshalBody reads what the content type selects.
func (c *framedContent) unmarshalBody(r *wire.Reader) {
	switch c.contentType {
	case ContentApplication:
		c.applicationData = r.Bytes()
	case ContentProposal:
		var p TypedProposal
		Read(r, &p)
		c.proposal = p.Proposal
	case ContentCommit:
		c.commit = wire.ReadNew(r, (*commit).unmarshal)
	}
}

// senderMay reports whether a sender of this type may send this content at all (RFC 9420,
// Sections 6.1 and 12.1.8).
func (c *framedContent) senderMay() bool {
	switch c.sender.Type {
	case SenderExternal:
		if c.contentType != ContentProposal {
			return false
		}
		return fromOutside(c.proposal.Type())
	case SenderNewMemberProposal:
		return c.contentType == ContentProposal && c.proposal.Type() == ProposalAdd
	case SenderNewMemberCommit:
		return c.contentType == ContentCommit
	}
	return true
}

// fromOutside reports whether an external sender may send a proposal of a type (RFC 9420,
// Section 12.1.8). Of types beyond RFC 9420's, the application says it.
func fromOutside(t ProposalType) bool { return t != ProposalUpdate && t != ProposalExternalInit }

// marshalTBS writes FramedContentTBS, what the sender signs (RFC 9420,
// Section 6.1). Members and joiners by commit sign groupContext too, the encoded
// GroupContext; for other senders it is not used.
func (c *framedContent) marshalTBS(w *wire.Writer, format WireFormat, groupContext []byte) {
	w.Uint16(uint16(VersionMLS10))
	w.Uint16(uint16(format))
	c.marshal(w)
	if c.sender.Type == SenderMember || c.sender.Type == SenderNewMemberCommit {
		if groupContext == nil {
			w.Fail(wire.Malformed("group context is missing"))
		}
		w.Raw(groupContext)
	}
}

// framedContentAuthData authenticates a framedContent (RFC 9420, Section 6.1).
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
	signature       []byte
	confirmationTag []byte // of ContentCommit, else nil
}

func (a *framedContentAuthData) marshal(w *wire.Writer, content ContentType) {
	w.Bytes(a.signature)
	marshalTag(w, "confirmation tag", a.confirmationTag, content == ContentCommit)
}

func (a *framedContentAuthData) unmarshal(r *wire.Reader, content ContentType) {
	a.signature = r.Bytes()
	if content == ContentCommit {
		a.confirmationTag = r.Bytes()
	}
}

// marshalTag writes a tag, which has to be there if and only if it is wanted.
func marshalTag(w *wire.Writer, name string, tag []byte, wanted bool) {
	switch {
	case wanted && tag == nil:
		w.Fail(wire.Malformed("%s is missing", name))
	case !wanted && tag != nil:
		w.Fail(wire.Malformed("%s where none may be", name))
	case wanted:
		w.Bytes(tag)
	}
}

// authenticatedContent is a message with its authentication, and the format in
// which it is sent (RFC 9420, Section 6).
//
//	struct {
//	    WireFormat wire_format;
//	    FramedContent content;
//	    FramedContentAuthData auth;
//	} AuthenticatedContent;
type authenticatedContent struct {
	wireFormat WireFormat
	content    framedContent
	auth       framedContentAuthData

	author  Author // the author, once the signature was verified
	scratch []byte // the verified bytes; the transcript hash may reuse their memory
}

func (c *authenticatedContent) marshal(w *wire.Writer) {
	w.Uint16(uint16(c.wireFormat))
	c.content.marshal(w)
	c.auth.marshal(w, c.content.contentType)
}

func (c *authenticatedContent) unmarshal(r *wire.Reader) {
	c.wireFormat = WireFormat(r.Uint16())
	if c.wireFormat != WireFormatPublicMessage && c.wireFormat != WireFormatPrivateMessage {
		r.Fail(wire.Malformed("content in the wire format %s", c.wireFormat))
	}
	c.content.unmarshal(r)
	c.auth.unmarshal(r, c.content.contentType)
}

// proposalRef returns the ProposalRef of the proposal that c carries (RFC 9420,
// Section 5.2).
func proposalRef(s suite.Suite, c *authenticatedContent) ([]byte, error) {
	value, err := wire.Marshal(c.marshal)
	if err != nil {
		return nil, err
	}
	return label.RefHash(s, label.ProposalRef, value)
}

// authorOf returns the signer whose leaf is l in an epoch.
func authorOf(l *LeafNode, epoch uint64) Author { return Author{epoch, l.Credential, l.SignatureKey} }

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

// verify checks the signature of c with its sender's key (RFC 9420, Section 6.1).
func (f *framing) verify(c *authenticatedContent) error {
	author, err := f.author(&c.content)
	if err != nil {
		return err
	}
	return verifyContent(f.suite, author, c, f.groupContext)
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

// isFor returns [ErrWrongGroup], [ErrFutureEpoch] or [ErrPastEpoch] if a message is not
// for this epoch.
func isFor(c *GroupContext, groupID []byte, epoch uint64) error {
	switch {
	case !bytes.Equal(groupID, c.GroupID):
		return ErrWrongGroup
	case epoch > c.Epoch:
		return ErrFutureEpoch
	case epoch < c.Epoch:
		return ErrPastEpoch
	}
	return nil
}
