// Package message has the structures of RFC 9420 that travel: messages, key packages,
// leaves, credentials, extensions, proposals, Welcomes and GroupInfos, as plain values
// with their encoding. A delivery service, a policy or a judge of credentials needs no
// more; the engine, package mls, checks and uses them.
//
// [Parse] reads a structure and [Marshal] writes it. What parses gives the same bytes
// again. What is malformed costs no more memory than a few times its size.
package message

import (
	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wire"
)

// Message is an MLSMessage, the unit that clients exchange (RFC 9420, Section 6). It
// holds a public or a private message of a group, a Welcome, a GroupInfo or a KeyPackage.
// Of the five fields, the one that it holds is set.
//
// Of a message of a group, [Parse] reads what a delivery service needs: the group,
// the epoch and the type of the content. The rest is opened by a Group or a
// PublicGroup of package mls.
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
	PublicMessage  []byte // a PublicMessage, encoded
	PrivateMessage []byte // a PrivateMessage, encoded
	Welcome        *Welcome
	GroupInfo      *GroupInfo
	KeyPackage     *KeyPackage
}

// WireFormat returns what m holds, or 0 if it holds nothing.
func (m *Message) WireFormat() WireFormat {
	switch {
	case m.PublicMessage != nil:
		return WireFormatPublicMessage
	case m.PrivateMessage != nil:
		return WireFormatPrivateMessage
	case m.Welcome != nil:
		return codepoint.WireFormatWelcome
	case m.GroupInfo != nil:
		return codepoint.WireFormatGroupInfo
	case m.KeyPackage != nil:
		return codepoint.WireFormatKeyPackage
	}
	return 0
}

// GroupID returns the group that m is for, or nil if m does not name one: a Welcome and a
// KeyPackage do not. The caller must not change it.
func (m *Message) GroupID() []byte { return m.header().groupID }

// Epoch returns the epoch that m is for, or 0 if m does not name one: a Welcome and a
// KeyPackage do not.
func (m *Message) Epoch() uint64 { return m.header().epoch }

// ContentType returns what a public or private message carries, and 0 for all others.
// Nothing has been authenticated yet.
func (m *Message) ContentType() ContentType { return m.header().contentType }

func unmarshalContentType(r *wire.Reader) ContentType {
	return wire.ReadEnum(r, "content type", ContentCommit)
}

// messageHeader is what a message shows of its group without being opened.
type messageHeader struct {
	groupID     []byte
	epoch       uint64
	contentType ContentType
}

// header returns the header of m, which is zero if m names no group, and where a caller
// made m of bytes that have none.
func (m *Message) header() messageHeader {
	var h messageHeader
	switch {
	case m.PublicMessage != nil:
		h.readPublic(wire.NewOwnedReader(m.PublicMessage))
	case m.PrivateMessage != nil:
		h.readPrivate(wire.NewOwnedReader(m.PrivateMessage))
	case m.GroupInfo != nil:
		h.groupID, h.epoch = m.GroupInfo.GroupContext.GroupID, m.GroupInfo.GroupContext.Epoch
	}
	return h
}

// readPublic reads the header at the beginning of a PublicMessage.
func (h *messageHeader) readPublic(r *wire.Reader) {
	h.groupID = r.Shared()
	h.epoch = r.Uint64()
	new(Sender).unmarshal(r)
	r.Skip() // authenticated_data
	h.contentType = unmarshalContentType(r)
}

// readPrivate reads the header at the beginning of a PrivateMessage.
func (h *messageHeader) readPrivate(r *wire.Reader) {
	h.groupID = r.Shared()
	h.epoch = r.Uint64()
	h.contentType = unmarshalContentType(r)
}

func (m *Message) marshal(w *wire.Writer) {
	format := m.WireFormat()
	marshalVersion(w, codepoint.VersionMLS10)
	w.Uint16(uint16(format))
	switch format {
	case WireFormatPublicMessage:
		writeWithHeader(w, m.PublicMessage, new(messageHeader).readPublic)
	case WireFormatPrivateMessage:
		writeWithHeader(w, m.PrivateMessage, new(messageHeader).readPrivate)
	case codepoint.WireFormatWelcome:
		m.Welcome.marshal(w)
	case codepoint.WireFormatGroupInfo:
		m.GroupInfo.marshal(w)
	case codepoint.WireFormatKeyPackage:
		if m.KeyPackage.Version != codepoint.VersionMLS10 {
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
		m.PublicMessage = readWithHeader(r, new(messageHeader).readPublic)
	case WireFormatPrivateMessage:
		m.PrivateMessage = readWithHeader(r, new(messageHeader).readPrivate)
	case codepoint.WireFormatWelcome:
		m.Welcome = wire.ReadNew(r, (*Welcome).unmarshal)
	case codepoint.WireFormatGroupInfo:
		m.GroupInfo = wire.ReadNew(r, (*GroupInfo).unmarshal)
	case codepoint.WireFormatKeyPackage:
		m.KeyPackage = wire.ReadNew(r, (*KeyPackage).unmarshal)
		if m.KeyPackage.Version != codepoint.VersionMLS10 {
			r.Fail(errKeyPackageVersion)
		}
	default:
		r.Fail(unsupported(format, "wire format"))
	}
}

// readWithHeader returns the rest of what r reads, which has to begin with a header.
func readWithHeader(r *wire.Reader, read func(*wire.Reader)) []byte {
	rest := r.Rest()
	header := wire.NewOwnedReader(rest)
	if read(header); header.Err() != nil {
		r.Fail(header.Err())
	}
	return rest
}

// writeWithHeader writes what readWithHeader reads.
func writeWithHeader(w *wire.Writer, b []byte, read func(*wire.Reader)) {
	header := wire.NewOwnedReader(b)
	if read(header); header.Err() != nil {
		w.Fail(header.Err())
	}
	w.Raw(b)
}

// errKeyPackageVersion: RFC 9420, Section 10.
var errKeyPackageVersion = wire.Malformed("versions of message and key package differ")

// Sender says who sent a message, and in which role (RFC 9420, Section 6).
//
//	struct {
//	    SenderType sender_type;
//	    select (Sender.sender_type) {
//	        case member:   uint32 leaf_index;
//	        case external: uint32 sender_index;
//	        case new_member_commit:
//	        case new_member_proposal:
//	            struct{};
//	    };
//	} Sender;
type Sender struct {
	Type  SenderType
	Leaf  LeafIndex // of SenderMember
	Index uint32    // of SenderExternal: into the group's [ExternalSenders]
}

func (s *Sender) marshal(w *wire.Writer) {
	wire.WriteEnum(w, "sender type", s.Type, SenderNewMemberCommit)
	switch s.Type {
	case SenderMember:
		w.Uint32(uint32(s.Leaf))
	case SenderExternal:
		w.Uint32(s.Index)
	}
}

func (s *Sender) unmarshal(r *wire.Reader) {
	s.Type = wire.ReadEnum(r, "sender type", SenderNewMemberCommit)
	switch s.Type {
	case SenderMember:
		s.Leaf = LeafIndex(r.Uint32())
	case SenderExternal:
		s.Index = r.Uint32()
	}
}

// Author is the signer of a message, as of the message's epoch. In another epoch, the
// leaf or the index among the external senders may belong to somebody else. A new
// member's credential and key are those of the leaf that it brings.
//
// The caller must not change what it refers to.
type Author struct {
	Epoch        uint64 // of the message
	Credential   Credential
	SignatureKey []byte // the key that verified the signature
}
