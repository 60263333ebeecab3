package mls

import (
	"github.com/mlsuite/mlsuite/internal/wire"
)

// Message is an MLSMessage, the unit that clients exchange (RFC 9420, Section 6). It
// holds a public or a private message of a group, a Welcome, a GroupInfo or a KeyPackage.
// Of the three fields, the one that it holds is set.
//
//	struct {
//	    ProtocolVersion version = mls10;
//	    WireFormat wire_format;
//	    select (MLSMessage.wire_format) {
//	        case mls_public_message:  PublicMessage public_message;
//	        case mls_private_message: PrivateMessage private_message;
//	        case mls_welcome:         Welcome welcome;
//	        case mls_group_info:      GroupInfo group_info;
//	        case mls_key_package:     KeyPackage key_package;
//	    };
//	} MLSMessage;
type Message struct {
	publicMessage  *publicMessage
	privateMessage *privateMessage
	Welcome        *Welcome
	GroupInfo      *GroupInfo
	KeyPackage     *KeyPackage
}

// WireFormat returns what m holds, or 0 if it holds nothing.
func (m *Message) WireFormat() WireFormat {
	switch {
	case m.publicMessage != nil:
		return WireFormatPublicMessage
	case m.privateMessage != nil:
		return WireFormatPrivateMessage
	case m.Welcome != nil:
		return WireFormatWelcome
	case m.GroupInfo != nil:
		return WireFormatGroupInfo
	case m.KeyPackage != nil:
		return WireFormatKeyPackage
	}
	return 0
}

// GroupID returns the group that m is for, or nil if m does not name one: a Welcome and a
// KeyPackage do not.
func (m *Message) GroupID() []byte {
	switch {
	case m.publicMessage != nil:
		return m.publicMessage.content.groupID
	case m.privateMessage != nil:
		return m.privateMessage.groupID
	case m.GroupInfo != nil:
		return m.GroupInfo.GroupContext.GroupID
	}
	return nil
}

// Epoch returns the epoch that m is for, or 0 if m does not name one: a Welcome and a
// KeyPackage do not.
func (m *Message) Epoch() uint64 {
	switch {
	case m.publicMessage != nil:
		return m.publicMessage.content.epoch
	case m.privateMessage != nil:
		return m.privateMessage.epoch
	case m.GroupInfo != nil:
		return m.GroupInfo.GroupContext.Epoch
	}
	return 0
}

// ContentType returns what a public or private message carries, and 0 for all others.
// Nothing has been authenticated yet.
func (m *Message) ContentType() ContentType {
	switch {
	case m.publicMessage != nil:
		return m.publicMessage.content.contentType
	case m.privateMessage != nil:
		return m.privateMessage.contentType
	}
	return 0
}

// IsHandshake reports whether m carries a proposal or a commit.
func (m *Message) IsHandshake() bool {
	t := m.ContentType()
	return t == ContentProposal || t == ContentCommit
}

func (m *Message) marshal(w *wire.Writer) {
	marshalVersion(w, VersionMLS10)
	format := m.WireFormat()
	w.Uint16(uint16(format))
	switch format {
	case WireFormatPublicMessage:
		m.publicMessage.marshal(w)
	case WireFormatPrivateMessage:
		m.privateMessage.marshal(w)
	case WireFormatWelcome:
		m.Welcome.marshal(w)
	case WireFormatGroupInfo:
		m.GroupInfo.marshal(w)
	case WireFormatKeyPackage:
		if m.KeyPackage.Version != VersionMLS10 {
			w.Fail(errKeyPackageVersion)
		}
		m.KeyPackage.marshal(w)
	default:
		w.Fail(wire.Malformed("message is empty"))
	}
}

func (m *Message) unmarshal(r *wire.Reader) {
	unmarshalVersion(r)
	switch format := WireFormat(r.Uint16()); format {
	case WireFormatPublicMessage:
		m.publicMessage = wire.ReadNew(r, (*publicMessage).unmarshal)
	case WireFormatPrivateMessage:
		m.privateMessage = wire.ReadNew(r, (*privateMessage).unmarshal)
	case WireFormatWelcome:
		m.Welcome = wire.ReadNew(r, (*Welcome).unmarshal)
	case WireFormatGroupInfo:
		m.GroupInfo = wire.ReadNew(r, (*GroupInfo).unmarshal)
	case WireFormatKeyPackage:
		m.KeyPackage = wire.ReadNew(r, (*KeyPackage).unmarshal)
		if m.KeyPackage.Version != VersionMLS10 {
			r.Fail(errKeyPackageVersion)
		}
	default:
		r.Fail(unsupported(format, "wire format"))
	}
}

// errKeyPackageVersion: RFC 9420, Section 10.
var errKeyPackageVersion = wire.Malformed("versions of message and key package differ")
