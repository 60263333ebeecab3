package mls

import (
	"github.com/mlsuite/mlsuite/internal/wire"
)

// publicMessage is a message that is authenticated and not encrypted (RFC 9420,
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
type publicMessage struct {
	content       framedContent
	auth          framedContentAuthData
	membershipTag []byte // of SenderMember, else nil
}

func (m *publicMessage) marshal(w *wire.Writer) {
	m.content.marshal(w)
	m.auth.marshal(w, m.content.contentType)
	marshalTag(w, "membership tag", m.membershipTag, m.content.sender.Type == SenderMember)
}

// encode returns m as an MLSMessage.
func (m *publicMessage) encode() ([]byte, error) {
	return wire.Marshal(func(w *wire.Writer) {
		writeEnvelope(w, WireFormatPublicMessage)
		m.marshal(w)
	})
}

func (m *publicMessage) unmarshal(r *wire.Reader) {
	m.content.unmarshal(r)
	m.auth.unmarshal(r, m.content.contentType)
	if m.content.sender.Type == SenderMember {
		m.membershipTag = r.Bytes()
	}
}

// writeEnvelope writes what stands in front of the content of an MLSMessage.
func writeEnvelope(w *wire.Writer, format WireFormat) {
	w.Uint16(uint16(VersionMLS10))
	w.Uint16(uint16(format))
}
