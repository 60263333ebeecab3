package framing

import (
	"crypto/subtle"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/message"
)

// PublicMessage is a message that is authenticated and not encrypted (RFC 9420,
// Section 6.2).
//
//	struct {
//	    FramedContent content;
//	    FramedContentAuthData auth;
//	    select (PublicMessage.content.sender.sender_type) {
//	        case member: MAC membership_tag;
//	        case external:
//	        case new_member_commit:
//	        case new_member_proposal:
//	            struct{};
//	    };
//	} PublicMessage;
type PublicMessage struct {
	Content       FramedContent
	Auth          framedContentAuthData
	MembershipTag []byte // of SenderMember, else nil
}

func (m *PublicMessage) marshal(w *wire.Writer) {
	m.Content.Marshal(w)
	m.Auth.marshal(w, m.Content.ContentType)
	marshalTag(w, "membership tag", m.MembershipTag, m.Content.Sender.Type == message.SenderMember)
}

// ParsePublic reads a PublicMessage, in which drafts have the given numbers. The error wraps
// [message.ErrMalformed].
func ParsePublic(b []byte, numbers message.CodePoints) (*PublicMessage, error) {
	return wire.ParseNew(b, "PublicMessage", func(m *PublicMessage, r *wire.Reader) {
		message.Number(r, numbers)
		m.unmarshal(r)
	})
}

// Encode returns m as an MLSMessage.
func (m *PublicMessage) Encode() ([]byte, error) {
	var w wire.Writer
	const rest = 2 + 2 + 2 // envelope, header
	w.Grow(rest + m.Content.Size() + m.Auth.size() + len(m.MembershipTag))
	writeEnvelope(&w, message.WireFormatPublicMessage)
	m.marshal(&w)
	return w.Finish()
}

func (m *PublicMessage) unmarshal(r *wire.Reader) {
	m.Content.Unmarshal(r)
	m.Auth.unmarshal(r, m.Content.ContentType)
	if m.Content.Sender.Type == message.SenderMember {
		m.MembershipTag = r.Bytes()
	}
}

// Envelop returns encoded content as an MLSMessage.
func Envelop(format message.WireFormat, content []byte) ([]byte, error) {
	w := wire.WriterOver(make([]byte, 0, 4+len(content)))
	writeEnvelope(w, format)
	w.Raw(content)
	return w.Finish()
}

// writeEnvelope writes what stands in front of the content of an MLSMessage.
func writeEnvelope(w *wire.Writer, format message.WireFormat) {
	w.Uint16(uint16(codepoint.VersionMLS10))
	w.Uint16(uint16(format))
}

// ProtectPublic returns c as a public message, with a membership tag if a member
// sends it (RFC 9420, Section 6.2).
func (f *Epoch) ProtectPublic(c *AuthenticatedContent) (*PublicMessage, error) {
	if err := f.checkOutgoing(message.WireFormatPublicMessage, c); err != nil {
		return nil, err
	}
	m := &PublicMessage{Content: c.Content, Auth: c.Auth}
	if c.Content.Sender.Type == message.SenderMember {
		var err error
		if m.MembershipTag, err = f.membershipTag(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// UnprotectPublic returns the content of m after it has verified the membership tag, if a
// member sent m, and the signature (RFC 9420, Section 6.2). The error is that of [IsFor],
// [ErrUnwanted], or a [*message.ValidationError].
func (f *Epoch) UnprotectPublic(m *PublicMessage) (*AuthenticatedContent, error) {
	c, err := f.openPublic(m)
	if err != nil {
		return nil, err
	}
	if c.Content.Sender.Type == message.SenderMember {
		want, err := f.membershipTag(c)
		if err != nil {
			return nil, err
		}
		if subtle.ConstantTimeCompare(want, m.MembershipTag) != 1 {
			return nil, fault.Violation("6.2", "membership tag does not match")
		}
	}
	if err := f.verify(c); err != nil {
		return nil, err
	}
	return c, nil
}

// VerifyPublic is [Epoch.UnprotectPublic] for those who are not members, and so can
// verify only the signature.
func (f *Epoch) VerifyPublic(m *PublicMessage) (*AuthenticatedContent, error) {
	c, err := f.openPublic(m)
	if err != nil {
		return nil, err
	}
	if err := f.verify(c); err != nil {
		return nil, err
	}
	return c, nil
}

// openPublic returns the content of m as it claims to be.
func (f *Epoch) openPublic(m *PublicMessage) (*AuthenticatedContent, error) {
	if err := IsFor(f.Group, m.Content.GroupID, m.Content.Epoch); err != nil {
		return nil, err
	}
	if err := checkFormat(message.WireFormatPublicMessage, &m.Content); err != nil {
		return nil, err
	}
	if err := f.checkReferences(&m.Content); err != nil {
		return nil, err
	}
	c := &AuthenticatedContent{WireFormat: message.WireFormatPublicMessage, Content: m.Content, Auth: m.Auth}
	if err := f.checkWanted(c); err != nil {
		return nil, err
	}
	return c, nil
}

// membershipTag is the membership_tag of a member's public message (RFC 9420,
// Section 6.2):
//
//	MAC(membership_key, AuthenticatedContentTBM)
func (f *Epoch) membershipTag(c *AuthenticatedContent) ([]byte, error) {
	if len(f.Secrets.Membership) == 0 {
		return nil, label.ErrRetired
	}
	var w wire.Writer // AuthenticatedContentTBM
	w.Grow(2 + 2 + c.Content.Size() + len(f.GroupContext) + c.Auth.size())
	c.Content.marshalTBS(&w, c.WireFormat, f.GroupContext)
	c.Auth.marshal(&w, c.Content.ContentType)
	tbm, err := w.Finish()
	if err != nil {
		return nil, err
	}
	return f.Suite.MAC(f.Secrets.Membership, tbm), nil
}
