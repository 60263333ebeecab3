package apq

import (
	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/message"
)

// MessagePair is an APQMessagePair: two messages of one type, one for each group
// (draft-ietf-mls-combiner, Section 6). The messages are commits, proposals, Welcomes,
// GroupInfos or KeyPackages, and never application data.
//
//	struct {
//	    WireFormat wire_format;
//	    MLSMessage t_message;
//	    MLSMessage pq_message;
//	} APQMessagePair;
//
// It travels in an MLSMessage of a wire format of its own.
type MessagePair struct {
	T  []byte // an MLSMessage
	PQ []byte // an MLSMessage
}

// Marshal returns the pair in an MLSMessage of the wire format that numbers have for it. The
// error wraps [message.ErrMalformed] or [message.ErrUnsupported] if that would not parse.
func (p *MessagePair) Marshal(numbers message.CodePoints) ([]byte, error) {
	t, err := message.Parse[message.Message](p.T)
	if err != nil {
		return nil, err
	}
	encoded, err := wire.MarshalIn(6+len(p.T)+len(p.PQ), func(w *wire.Writer) {
		w.Uint16(codepoint.VersionMLS10)
		w.Uint16(uint16(numbers.Complete().APQMessagePair))
		w.Uint16(uint16(t.WireFormat()))
		w.Raw(p.T)
		w.Raw(p.PQ)
	})
	if err != nil {
		return nil, err
	}
	again, err := ParseMessagePair(encoded, numbers)
	if err != nil {
		return nil, err
	}
	if len(again.T) != len(p.T) {
		return nil, wire.Malformed("message of T that ends elsewhere")
	}
	return encoded, nil
}

// ParseMessagePair reads a pair, in an MLSMessage of the wire format that numbers have for
// it, from the whole of b. The error wraps [message.ErrMalformed], or
// [message.ErrUnsupported] for an MLSMessage of another format, and for a pair of messages
// of a format that is not RFC 9420's.
//
// Of messages of a group, all is read that shows where the first one ends. A Group opens
// them.
func ParseMessagePair(b []byte, numbers message.CodePoints) (*MessagePair, error) {
	p, _, _, err := openPair(b, numbers)
	return p, err
}

// openPair is ParseMessagePair, and also returns the messages.
func openPair(b []byte, numbers message.CodePoints) (p *MessagePair, t, pq *message.Message, err error) {
	t, pq = new(message.Message), new(message.Message)
	p, err = wire.ParseNew(b, "APQMessagePair", func(p *MessagePair, r *wire.Reader) { p.unmarshal(r, numbers, t, pq) })
	return p, t, pq, err
}

// IsMessagePair reports whether b begins as an MLSMessage of the wire format that numbers
// have for a pair.
func IsMessagePair(b []byte, numbers message.CodePoints) bool {
	r := wire.NewOwnedReader(b)
	return r.Uint16() == codepoint.VersionMLS10 && message.WireFormat(r.Uint16()) == numbers.Complete().APQMessagePair && r.Err() == nil
}

// unmarshal also reads the messages into t and pq.
func (p *MessagePair) unmarshal(r *wire.Reader, numbers message.CodePoints, t, pq *message.Message) {
	message.Number(r, numbers)
	if v := r.Uint16(); v != codepoint.VersionMLS10 {
		r.Fail(unsupported("protocol version", v))
	}
	if f := r.Uint16(); message.WireFormat(f) != numbers.Complete().APQMessagePair {
		r.Fail(unsupported("wire format", f))
	}
	format := message.WireFormat(r.Uint16())
	if format == numbers.Complete().APQMessagePair {
		r.Fail(wire.Malformed("pair of pairs"))
	}
	p.T = readLeg(r, t, format)
	p.PQ = readLeg(r, pq, format)
	if t.ContentType() != pq.ContentType() {
		r.Fail(wire.Malformed("pair of a %s and a %s", t.ContentType(), pq.ContentType()))
	}
	if t.ContentType() == message.ContentApplication {
		r.Fail(wire.Malformed("pair of application messages"))
	}
}

// readLeg reads an MLSMessage of a format into m, and returns its bytes.
func readLeg(r *wire.Reader, m *message.Message, format message.WireFormat) []byte {
	before := r.Left()
	if header := wire.NewOwnedReader(before); header.Uint16() == codepoint.VersionMLS10 && message.WireFormat(header.Uint16()) != format {
		r.Fail(wire.Malformed("message in a pair of %s has another wire format", format))
	}
	switch format {
	case message.WireFormatPublicMessage:
		r.SkipRaw(2 + 2)
		skipPublic(r)
	case message.WireFormatPrivateMessage:
		r.SkipRaw(2 + 2)
		skipPrivate(r)
	default:
		message.Read(r, m)
	}
	b := r.Since(before)
	if !r.Charge(len(b)) {
		return nil
	}
	b = append([]byte{}, b...)
	if format == message.WireFormatPublicMessage || format == message.WireFormatPrivateMessage {
		err := wire.ParseOwned(b, "MLSMessage", func(r *wire.Reader) { message.Read(r, m) })
		if err != nil {
			r.Fail(err)
		}
	}
	return b
}

// skipPrivate passes over a PrivateMessage (RFC 9420, Section 6.3).
func skipPrivate(r *wire.Reader) {
	r.Skip() // group_id
	r.SkipRaw(8 + 1)
	r.Skip() // authenticated_data
	r.Skip() // encrypted_sender_data
	r.Skip() // ciphertext
}

// skipPublic passes over a PublicMessage (RFC 9420, Section 6.2). Of a message without a
// length, that takes reading what is in it.
func skipPublic(r *wire.Reader) {
	var sender message.Sender
	r.Skip() // group_id
	r.SkipRaw(8)
	message.Read(r, &sender)
	r.Skip() // authenticated_data
	content := message.ContentType(r.Uint8())
	switch content {
	case message.ContentApplication:
		r.Skip()
	case message.ContentProposal:
		message.Read(r, new(message.TypedProposal))
	case message.ContentCommit:
		skipCommit(r)
	default:
		r.Fail(wire.Malformed("content type %d", content))
	}
	r.Skip() // signature
	if content == message.ContentCommit {
		r.Skip() // confirmation_tag
	}
	if sender.Type == message.SenderMember {
		r.Skip() // membership_tag
	}
}

// skipCommit passes over a Commit (RFC 9420, Section 12.4).
func skipCommit(r *wire.Reader) {
	r.Within(func() {
		for !r.Empty() {
			switch kind := r.Uint8(); kind {
			case 1: // proposal
				message.Read(r, new(message.TypedProposal))
			case 2: // reference
				r.Skip()
			default:
				r.Fail(wire.Malformed("proposal or reference %d", kind))
			}
		}
	})
	if r.Optional() {
		message.Read(r, new(message.LeafNode))
		r.Within(func() {
			for !r.Empty() {
				r.Skip() // encryption_key
				r.Within(func() {
					for !r.Empty() {
						r.Skip() // kem_output
						r.Skip() // ciphertext
					}
				})
			}
		})
	}
}
