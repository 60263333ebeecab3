package mls

import (
	"crypto/subtle"

	"github.com/mlsuite/mlsuite/internal/wire"
)

// protectPublic returns c as a public message, with a membership tag if a member
// sends it (RFC 9420, Section 6.2).
func (f *framing) protectPublic(c *authenticatedContent) (*publicMessage, error) {
	if err := f.checkOutgoing(WireFormatPublicMessage, c); err != nil {
		return nil, err
	}
	m := &publicMessage{content: c.content, auth: c.auth}
	if c.content.sender.Type == SenderMember {
		var err error
		if m.membershipTag, err = f.membershipTag(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// unprotectPublic returns the content of m after it has verified the membership tag, if a
// member sent m, and the signature (RFC 9420, Section 6.2).
func (f *framing) unprotectPublic(m *publicMessage) (*authenticatedContent, error) {
	c, err := f.openPublic(m)
	if err != nil {
		return nil, err
	}
	if c.content.sender.Type == SenderMember {
		want, err := f.membershipTag(c)
		if err != nil {
			return nil, err
		}
		if subtle.ConstantTimeCompare(want, m.membershipTag) != 1 {
			return nil, violation("6.2", "the membership tag does not match")
		}
	}
	if err := f.verify(c); err != nil {
		return nil, err
	}
	return c, nil
}

// verifyPublic is unprotectPublic for those who are not members, and so can verify only
// the signature.
func (f *framing) verifyPublic(m *publicMessage) (*authenticatedContent, error) {
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
func (f *framing) openPublic(m *publicMessage) (*authenticatedContent, error) {
	if err := isFor(f.group, m.content.groupID, m.content.epoch); err != nil {
		return nil, err
	}
	if err := checkFormat(WireFormatPublicMessage, &m.content); err != nil {
		return nil, err
	}
	if err := f.checkReferences(&m.content); err != nil {
		return nil, err
	}
	c := &authenticatedContent{wireFormat: WireFormatPublicMessage, content: m.content, auth: m.auth}
	if err := f.checkWanted(c); err != nil {
		return nil, err
	}
	return c, nil
}

// membershipTag is the membership_tag of a member's public message (RFC 9420,
// Section 6.2):
//
//	MAC(membership_key, AuthenticatedContentTBM)
func (f *framing) membershipTag(c *authenticatedContent) ([]byte, error) {
	if len(f.secrets.membership) == 0 {
		return nil, ErrRetired
	}
	var w wire.Writer // AuthenticatedContentTBM
	c.content.marshalTBS(&w, c.wireFormat, f.groupContext)
	c.auth.marshal(&w, c.content.contentType)
	tbm, err := w.Finish()
	if err != nil {
		return nil, err
	}
	return f.suite.MAC(f.secrets.membership, tbm), nil
}
