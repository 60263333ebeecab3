package message

import (
	"fmt"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wire"
)

// Structure is a pointer to a structure of this package that stands by itself on the
// wire: a [Message], [KeyPackage], [Welcome], [GroupInfo], [GroupContext], [LeafNode],
// [Credential], [Extensions], [RequiredCapabilities], [ExternalSenders],
// [ExternalSender], [PreSharedKeyID], [Sender], [TypedProposal], [AppDataDictionary],
// [ComponentsList], [WireFormats], [SafeAAD], [MediaTypeList], [ApplicationFraming] or [AppAck].
type Structure interface {
	name() string
	// marshal writes the structure. One that would not parse makes the Writer fail.
	marshal(w *wire.Writer)
	// unmarshal reads the structure. After an error the Reader has it, and what was read
	// means nothing.
	unmarshal(r *wire.Reader)
}

func (*Message) name() string              { return "MLSMessage" }
func (*KeyPackage) name() string           { return "KeyPackage" }
func (*Welcome) name() string              { return "Welcome" }
func (*GroupInfo) name() string            { return "GroupInfo" }
func (*GroupContext) name() string         { return "GroupContext" }
func (*LeafNode) name() string             { return "LeafNode" }
func (*Credential) name() string           { return "Credential" }
func (*Extensions) name() string           { return "extensions" }
func (*RequiredCapabilities) name() string { return "required_capabilities" }
func (*ExternalSenders) name() string      { return "external_senders" }
func (*ExternalSender) name() string       { return "ExternalSender" }
func (*PreSharedKeyID) name() string       { return "PreSharedKeyID" }
func (*Sender) name() string               { return "Sender" }
func (*TypedProposal) name() string        { return "Proposal" }
func (*AppDataDictionary) name() string    { return "AppDataDictionary" }
func (*ComponentsList) name() string       { return "ComponentsList" }
func (*SafeAAD) name() string              { return "SafeAAD" }
func (*MediaTypeList) name() string        { return "MediaTypeList" }
func (*ApplicationFraming) name() string   { return "ApplicationFraming" }
func (*AppAck) name() string               { return "AppAck" }

// Marshal returns the encoding of x. If that would not parse, the error wraps
// [ErrMalformed], or [ErrUnsupported] for another protocol version than that of RFC 9420.
// A vector of 2^30 bytes or more is an error too.
func Marshal(x Structure) ([]byte, error) {
	if x, ok := x.(interface {
		Structure
		maxSize() int
	}); ok {
		return wire.MarshalIn(x.maxSize(), x.marshal)
	}
	return wire.Marshal(x.marshal)
}

// Parse reads a T from the whole of b. The error wraps [ErrMalformed], or
// [ErrUnsupported] for a protocol version or wire format that is not RFC 9420's.
func Parse[T any, P interface {
	*T
	Structure
}](b []byte) (*T, error) {
	x := new(T)
	if err := wire.Parse(b, P(x).name(), P(x).unmarshal); err != nil {
		return nil, err
	}
	return x, nil
}

// ParseNumbered is [Parse] of a structure that was made with other numbers of drafts than
// the suggested ones. It matters where a number decides what follows: in a [TypedProposal]
// and a [PreSharedKeyID].
func ParseNumbered[T any, P interface {
	*T
	Structure
}](numbers CodePoints, b []byte) (*T, error) {
	x := new(T)
	if err := wire.Parse(b, P(x).name(), func(r *wire.Reader) {
		r.Numbered(numbers.structures())
		P(x).unmarshal(r)
	}); err != nil {
		return nil, err
	}
	return x, nil
}

// Number has r read the numbers of drafts that decide what follows them, for the engine.
func Number(r *wire.Reader, numbers CodePoints) { r.Numbered(numbers.structures()) }

// Write writes x as a part of another structure, for the engine.
func Write(w *wire.Writer, x Structure) { x.marshal(w) }

// Read reads x as a part of another structure, for the engine.
func Read(r *wire.Reader, x Structure) { x.unmarshal(r) }

// Skip passes over a structure of the type of x without checking it, for the engine,
// which counts the elements of vectors before it reads them (see package wire).
func Skip(r *wire.Reader, x interface{ skip(r *wire.Reader) }) { x.skip(r) }

// WriteTBS writes what the signature of a [KeyPackage] or [GroupInfo] signs, and the
// front of what that of a [LeafNode] signs: its fields but the signature. For the engine.
func WriteTBS(w *wire.Writer, x interface{ marshalTBS(w *wire.Writer) }) { x.marshalTBS(w) }

// TypedProposal is a [Proposal] with its type in front, as messages hold it.
//
//	struct {
//	    ProposalType proposal_type;
//	    select (Proposal.proposal_type) {
//	        ...
//	    };
//	} Proposal;
type TypedProposal struct{ Proposal }

func (p *TypedProposal) marshal(w *wire.Writer)   { marshalProposal(w, p.Proposal) }
func (p *TypedProposal) unmarshal(r *wire.Reader) { p.Proposal = unmarshalProposal(r) }
func (p *TypedProposal) skip(r *wire.Reader)      { skipProposal(r) }

// unsupported is the error of a code point that may be defined elsewhere.
func unsupported(what fmt.Stringer, kind string) error {
	return fmt.Errorf("%w %s %s", ErrUnsupported, kind, what)
}

// boxed returns a proposal that was read, for whose memory it charges.
func boxed[T Proposal](r *wire.Reader, p T) Proposal {
	r.Charge(wire.SizeOf[T]())
	return p
}

// marshalVersion writes the version of a structure that RFC 9420 defines with
// "version = mls10".
func marshalVersion(w *wire.Writer, v uint16) {
	if v != codepoint.VersionMLS10 {
		w.Fail(errVersion(v))
	}
	w.Uint16(v)
}

// unmarshalVersion reads what marshalVersion writes.
func unmarshalVersion(r *wire.Reader) uint16 {
	v := r.Uint16()
	if v != codepoint.VersionMLS10 {
		r.Fail(errVersion(v))
	}
	return v
}

func errVersion(v uint16) error {
	return fmt.Errorf("%w protocol version 0x%04X", ErrUnsupported, v)
}
