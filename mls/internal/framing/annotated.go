package framing

import (
	"bytes"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// The structures below are those of draft-ietf-mls-partial-02. They have no wire format: a
// receiver knows from elsewhere which of them it reads.

// SenderAuthenticated is a signed message with the proof that its signer is a member
// (draft-ietf-mls-partial-02, "Sender-Authenticated Messages").
//
//	struct {
//	    T message;
//	    MembershipProof sender_membership_proof;
//	} SenderAuthenticatedMessage<T>;
type SenderAuthenticated[T any] struct {
	Message T
	Sender  *ratchettree.MembershipProof
}

// Marshal writes m, whose message one writes.
func (m *SenderAuthenticated[T]) Marshal(w *wire.Writer, one func(*T, *wire.Writer)) {
	one(&m.Message, w)
	writeProof(w, m.Sender)
}

// Unmarshal reads m, whose message one reads.
func (m *SenderAuthenticated[T]) Unmarshal(r *wire.Reader, one func(*T, *wire.Reader)) {
	one(&m.Message, r)
	m.Sender = readProof(r)
}

func writeProof(w *wire.Writer, p *ratchettree.MembershipProof) {
	if p == nil {
		w.Fail(wire.Malformed("membership proof is missing"))
		return
	}
	p.Marshal(w)
}

func readProof(r *wire.Reader) *ratchettree.MembershipProof {
	return wire.ReadNew(r, (*ratchettree.MembershipProof).Unmarshal)
}

// GroupMessage is an MLSMessage that holds a message of a group, inside another structure.
// One of its two first fields is set.
type GroupMessage struct {
	Public  *PublicMessage
	Private *PrivateMessage

	encoded []byte // of what was read
}

// Marshal writes m.
func (m *GroupMessage) Marshal(w *wire.Writer) {
	switch {
	case m.encoded != nil:
		w.Raw(m.encoded)
	case m.Public != nil:
		writeEnvelope(w, message.WireFormatPublicMessage)
		m.Public.marshal(w)
	case m.Private != nil:
		writeEnvelope(w, message.WireFormatPrivateMessage)
		m.Private.marshal(w)
	default:
		w.Fail(wire.Malformed("message is empty"))
	}
}

// Unmarshal reads m, which shares the memory of r.
func (m *GroupMessage) Unmarshal(r *wire.Reader) {
	before := r.Left()
	if v := r.Uint16(); r.Err() == nil && v != codepoint.VersionMLS10 {
		r.Fail(wire.Malformed("protocol version 0x%04X", v))
	}
	switch format := message.WireFormat(r.Uint16()); {
	case r.Err() != nil:
	case format == message.WireFormatPublicMessage:
		m.Public = wire.ReadNew(r, (*PublicMessage).unmarshal)
	case format == message.WireFormatPrivateMessage:
		m.Private = wire.ReadNew(r, (*PrivateMessage).unmarshal)
	default:
		r.Fail(wire.Malformed("%s is no message of a group", format))
	}
	if r.Err() == nil {
		m.encoded = r.Since(before)
	}
}

// ContentType returns what m carries.
func (m *GroupMessage) ContentType() message.ContentType {
	switch {
	case m.Public != nil:
		return m.Public.Content.ContentType
	case m.Private != nil:
		return m.Private.ContentType
	}
	return 0
}

// Encoded returns the MLSMessage that was read. The caller must not change it.
func (m *GroupMessage) Encoded() []byte { return m.encoded }

// ParseGroupMessage reads an MLSMessage that holds a message of a group, and shares b. Drafts
// have the given numbers in it.
func ParseGroupMessage(b []byte, numbers message.CodePoints) (*GroupMessage, error) {
	m := new(GroupMessage)
	return m, wire.ParseOwned(b, "MLSMessage", func(r *wire.Reader) {
		message.Number(r, numbers)
		m.Unmarshal(r)
	})
}

// AnnotatedWelcome is a Welcome with what a partial client needs in order to join by it
// (draft-ietf-mls-partial-02, "Joining via Annotated Welcome").
//
//	struct {
//	    SenderAuthenticatedMessage<Welcome> welcome;
//	    MembershipProof joiner_membership_proof;
//	} AnnotatedWelcome;
type AnnotatedWelcome struct {
	Welcome SenderAuthenticated[message.Welcome]
	Joiner  *ratchettree.MembershipProof
}

// Marshal writes a.
func (a *AnnotatedWelcome) Marshal(w *wire.Writer) {
	a.Welcome.Marshal(w, func(m *message.Welcome, w *wire.Writer) { message.Write(w, m) })
	writeProof(w, a.Joiner)
}

// Unmarshal reads a.
func (a *AnnotatedWelcome) Unmarshal(r *wire.Reader) {
	a.Welcome.Unmarshal(r, func(m *message.Welcome, r *wire.Reader) { message.Read(r, m) })
	a.Joiner = readProof(r)
}

// AnnotatedCommit is a commit with what a partial client needs in order to follow it
// (draft-ietf-mls-partial-02, "Annotated Commit").
//
//	struct {
//	    MLSMessage commit;
//	    optional<MembershipProof> sender_membership_proof;
//
//	    opaque tree_hash_after<V>;
//	    optional<uint32> resolution_index;
//
//	    MembershipProof sender_membership_proof_after;
//	    MembershipProof receiver_membership_proof_after;
//	} AnnotatedCommit;
type AnnotatedCommit struct {
	Commit          GroupMessage
	Sender          *ratchettree.MembershipProof // of a member in the epoch that the commit ends, or nil
	TreeHashAfter   []byte
	ResolutionIndex *uint32 // with a path, or nil
	SenderAfter     *ratchettree.MembershipProof
	ReceiverAfter   *ratchettree.MembershipProof
}

// Marshal writes a.
func (a *AnnotatedCommit) Marshal(w *wire.Writer) {
	if a.Commit.ContentType() != message.ContentCommit {
		w.Fail(errNoCommit)
	}
	a.Commit.Marshal(w)
	if w.Optional(a.Sender != nil) {
		a.Sender.Marshal(w)
	}
	w.Bytes(a.TreeHashAfter)
	if w.Optional(a.ResolutionIndex != nil) {
		w.Uint32(*a.ResolutionIndex)
	}
	writeProof(w, a.SenderAfter)
	writeProof(w, a.ReceiverAfter)
}

// Unmarshal reads a. A message that does not carry a commit is malformed.
func (a *AnnotatedCommit) Unmarshal(r *wire.Reader) {
	a.Commit.Unmarshal(r)
	if r.Err() == nil && a.Commit.ContentType() != message.ContentCommit {
		r.Fail(errNoCommit)
	}
	if r.Optional() {
		a.Sender = readProof(r)
	}
	a.TreeHashAfter = r.Bytes()
	if r.Optional() {
		index := r.Uint32()
		a.ResolutionIndex = &index
	}
	a.SenderAfter, a.ReceiverAfter = readProof(r), readProof(r)
}

var errNoCommit = wire.Malformed("annotated message is no commit")

// ParseAnnotatedWelcome reads an AnnotatedWelcome. The error wraps [message.ErrMalformed].
func ParseAnnotatedWelcome(b []byte) (*AnnotatedWelcome, error) {
	return wire.ParseNew(b, "AnnotatedWelcome", (*AnnotatedWelcome).Unmarshal)
}

// ParseAnnotatedCommit reads an AnnotatedCommit, in which drafts have the given numbers. The
// error wraps [message.ErrMalformed].
func ParseAnnotatedCommit(b []byte, numbers message.CodePoints) (*AnnotatedCommit, error) {
	a := new(AnnotatedCommit)
	return a, wire.ParseOwned(bytes.Clone(b), "AnnotatedCommit", func(r *wire.Reader) {
		message.Number(r, numbers)
		a.Unmarshal(r)
	})
}

// ParseSenderAuthenticated reads a SenderAuthenticatedMessage of an MLSMessage, in which
// drafts have the given numbers. The error wraps [message.ErrMalformed].
func ParseSenderAuthenticated(b []byte, numbers message.CodePoints) (*SenderAuthenticated[GroupMessage], error) {
	m := new(SenderAuthenticated[GroupMessage])
	return m, wire.ParseOwned(bytes.Clone(b), "SenderAuthenticatedMessage", func(r *wire.Reader) {
		message.Number(r, numbers)
		m.Unmarshal(r, (*GroupMessage).Unmarshal)
	})
}
