package message

import (
	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// Proposal is a change that somebody proposes to a group (RFC 9420, Section 12.1): an
// [Add], [Update], [Remove], [PreSharedKey], [ReInit], [ExternalInit],
// [GroupContextExtensions], [AppDataUpdate], [AppEphemeral], [SelfRemove] or [Custom], as a
// value and not as a pointer.
type Proposal interface {
	proposalType() ProposalType

	// marshal writes what follows the type.
	marshal(w *wire.Writer)
}

// TypeOf returns the code point of a proposal's type.
func TypeOf(p Proposal) ProposalType { return p.proposalType() }

// proposalKind is what the codec knows of a type of proposal.
type proposalKind struct {
	typ    ProposalType
	name   string
	decode func(r *wire.Reader) Proposal // reads what follows the type
}

// proposalKinds is the registry of RFC 9420, Section 17.4.
var proposalKinds = [...]proposalKind{
	{codepoint.ProposalAdd, "add", decodeAdd},
	{codepoint.ProposalUpdate, "update", decodeUpdate},
	{codepoint.ProposalRemove, "remove", decodeRemove},
	{codepoint.ProposalPSK, "psk", decodePSK},
	{codepoint.ProposalReInit, "reinit", decodeReInit},
	{codepoint.ProposalExternalInit, "external_init", decodeExternalInit},
	{codepoint.ProposalGroupContextExtensions, "group_context_extensions", decodeGroupContextExtensions},
}

// kind returns the row of t, or false if it is not RFC 9420's.
func (t ProposalType) kind() (*proposalKind, bool) {
	for i := range proposalKinds {
		if proposalKinds[i].typ == t {
			return &proposalKinds[i], true
		}
	}
	return nil, false
}

// marshalProposal writes a Proposal with its type in front.
func marshalProposal(w *wire.Writer, p Proposal) {
	if p == nil {
		w.Fail(wire.Malformed("proposal is missing"))
		return
	}
	w.Uint16(uint16(TypeOf(p)))
	p.marshal(w)
}

// unmarshalProposal reads a Proposal with its type in front. A proposal of a type that
// neither RFC 9420 nor a draft defines is a Custom, which members judge by what their
// applications declare.
func unmarshalProposal(r *wire.Reader) Proposal {
	t := ProposalType(r.Uint16())
	if kind, ok := t.kind(); ok {
		return kind.decode(r)
	}
	switch numbers := r.Structures(); uint16(t) {
	case numbers.AppDataUpdate:
		return decodeAppDataUpdate(r, t)
	case numbers.AppEphemeral:
		return decodeAppEphemeral(r, t)
	case numbers.SelfRemove:
		return boxed(r, SelfRemove{replaced(t, codepoint.Suggested().SelfRemove)})
	}
	return Custom{ProposalType: t, Data: r.Bytes()}
}

// Add proposes to add a client (RFC 9420, Section 12.1.1).
type Add struct {
	KeyPackage *KeyPackage
}

func (p Add) proposalType() ProposalType { return codepoint.ProposalAdd }

func (p Add) marshal(w *wire.Writer) {
	if p.KeyPackage == nil {
		w.Fail(wire.Malformed("add proposal without a key package"))
		return
	}
	p.KeyPackage.marshal(w)
}

func decodeAdd(r *wire.Reader) Proposal {
	return Add{KeyPackage: wire.ReadNew(r, (*KeyPackage).unmarshal)}
}

// Update proposes to replace the sender's leaf (RFC 9420, Section 12.1.2).
type Update struct {
	LeafNode *LeafNode
}

func (p Update) proposalType() ProposalType { return codepoint.ProposalUpdate }

func (p Update) marshal(w *wire.Writer) {
	if p.LeafNode == nil {
		w.Fail(wire.Malformed("update proposal without a leaf node"))
		return
	}
	p.LeafNode.marshal(w)
}

func decodeUpdate(r *wire.Reader) Proposal {
	return Update{LeafNode: wire.ReadNew(r, (*LeafNode).unmarshal)}
}

// Remove proposes to remove a member (RFC 9420, Section 12.1.3).
type Remove struct {
	Removed LeafIndex
}

func (p Remove) proposalType() ProposalType { return codepoint.ProposalRemove }

func (p Remove) marshal(w *wire.Writer) { w.Uint32(uint32(p.Removed)) }

func decodeRemove(r *wire.Reader) Proposal {
	return boxed(r, Remove{Removed: LeafIndex(r.Uint32())})
}

// PreSharedKey proposes to inject a pre-shared key (RFC 9420, Sections 8.4, 8.6 and
// 12.1.4): an external one, one of a component, or that of an epoch of a group that all
// members have in common. Calls that send one draw the Nonce of PSK if that is nil.
type PreSharedKey struct {
	PSK PreSharedKeyID
}

func (p PreSharedKey) proposalType() ProposalType { return codepoint.ProposalPSK }

func (p PreSharedKey) marshal(w *wire.Writer) { p.PSK.marshal(w) }

func decodePSK(r *wire.Reader) Proposal {
	var p PreSharedKey
	p.PSK.unmarshal(r)
	return boxed(r, p)
}

// ReInit proposes to end the group, and to follow it with one that has these parameters
// (RFC 9420, Section 12.1.5).
type ReInit struct {
	GroupID     []byte
	Version     uint16 // 1 is mls10, which calls that send a ReInit put for 0
	CipherSuite suite.ID
	Extensions  Extensions
}

func (p ReInit) proposalType() ProposalType { return codepoint.ProposalReInit }

func (p ReInit) marshal(w *wire.Writer) {
	w.Bytes(p.GroupID)
	w.Uint16(uint16(p.Version))
	w.Uint16(uint16(p.CipherSuite))
	p.Extensions.marshal(w)
}

func decodeReInit(r *wire.Reader) Proposal {
	var p ReInit
	p.GroupID = r.Bytes()
	p.Version = r.Uint16()
	p.CipherSuite = suite.ID(r.Uint16())
	p.Extensions.unmarshal(r)
	return boxed(r, p)
}

// ExternalInit carries, in an external commit, the KEM output from which members
// derive the next init secret (RFC 9420, Section 12.1.6).
type ExternalInit struct {
	KEMOutput []byte
}

func (p ExternalInit) proposalType() ProposalType { return codepoint.ProposalExternalInit }

func (p ExternalInit) marshal(w *wire.Writer) { w.Bytes(p.KEMOutput) }

func decodeExternalInit(r *wire.Reader) Proposal {
	return boxed(r, ExternalInit{KEMOutput: r.Bytes()})
}

// GroupContextExtensions proposes to replace all extensions of the group (RFC 9420,
// Section 12.1.7).
type GroupContextExtensions struct {
	Extensions Extensions
}

func (p GroupContextExtensions) proposalType() ProposalType {
	return codepoint.ProposalGroupContextExtensions
}

func (p GroupContextExtensions) marshal(w *wire.Writer) { p.Extensions.marshal(w) }

func decodeGroupContextExtensions(r *wire.Reader) Proposal {
	var p GroupContextExtensions
	p.Extensions.unmarshal(r)
	return boxed(r, p)
}

// Custom is a proposal of a type beyond RFC 9420's, one of those that a client declares.
// The engine carries it and hands it to the application, which decides what it does. A
// commit may cover any number of custom proposals, if all members, except those whom the
// commit removes, support their types (RFC 9420, Section 12.2). An external commit covers
// none.
//
// RFC 9420 has no length in front of what follows a proposal's type. Here Data is a
// vector, as in the custom proposals of OpenMLS and mls-rs. A type whose definition says
// otherwise cannot be carried.
//
//	struct {
//	    ProposalType proposal_type;
//	    opaque data<V>;
//	} CustomProposal;
type Custom struct {
	ProposalType ProposalType // not one of RFC 9420's
	Data         []byte
}

func (p Custom) proposalType() ProposalType { return p.ProposalType }

func (p Custom) marshal(w *wire.Writer) {
	if _, known := p.ProposalType.kind(); known {
		w.Fail(wire.Malformed("custom proposal of the type %s", p.ProposalType))
	}
	w.Bytes(p.Data)
}

// PreSharedKeyID names a pre-shared key and one injection of it (RFC 9420, Section 8.4;
// draft-ietf-mls-extensions-10, Section 4.5).
//
//	struct {
//	    PSKType psktype;
//	    select (PreSharedKeyID.psktype) {
//	        case external:
//	            opaque psk_id<V>;
//	        case resumption:
//	            ResumptionPSKUsage usage;
//	            opaque psk_group_id<V>;
//	            uint64 psk_epoch;
//	        case application:
//	            ComponentID component_id;
//	            opaque psk_id<V>;
//	    };
//	    opaque psk_nonce<V>;
//	} PreSharedKeyID;
type PreSharedKeyID struct {
	ID      []byte             // of an external PSK, or of a component's
	Usage   ResumptionPSKUsage // of a resumption PSK, with GroupID and Epoch; 0 says that the PSK is none
	GroupID []byte
	Epoch   uint64
	Nonce   []byte // random, Info().KDF.Nh bytes

	Component ComponentID // whose PSK it is; 0 says that it is no component's
	PSKType   uint8       // of a component's PSK; 0 stands for the suggested number
}

// The types of pre-shared key of RFC 9420, Section 8.4.
const (
	pskExternal   = 1
	pskResumption = 2
)

func (p *PreSharedKeyID) marshal(w *wire.Writer) {
	switch {
	case p.Component != 0:
		p.marshalApplication(w)
	case p.Usage == 0:
		w.Uint8(pskExternal)
		w.Bytes(p.ID)
	default:
		w.Uint8(pskResumption)
		wire.WriteEnum(w, "resumption PSK usage", p.Usage, ResumptionPSKBranch)
		w.Bytes(p.GroupID)
		w.Uint64(p.Epoch)
	}
	w.Bytes(p.Nonce)
}

// marshalApplication writes the PSK of a component without its nonce.
func (p *PreSharedKeyID) marshalApplication(w *wire.Writer) {
	t := p.PSKType
	fill(&t, codepoint.Suggested().ApplicationPSK)
	if p.Usage != 0 || t == pskExternal || t == pskResumption {
		w.Fail(wire.Malformed("PSK of a component is of another type, too"))
	}
	w.Uint8(t)
	w.Uint16(uint16(p.Component))
	w.Bytes(p.ID)
}

func (p *PreSharedKeyID) unmarshal(r *wire.Reader) {
	switch t := r.Uint8(); t {
	case pskExternal:
		p.ID = r.Bytes()
	case pskResumption:
		p.Usage = wire.ReadEnum(r, "resumption PSK usage", ResumptionPSKBranch)
		p.GroupID = r.Bytes()
		p.Epoch = r.Uint64()
	case r.Structures().ApplicationPSK:
		if t != codepoint.Suggested().ApplicationPSK {
			p.PSKType = t
		}
		if p.Component = ComponentID(r.Uint16()); p.Component == 0 {
			r.Fail(wire.Malformed("PSK of component 0, which is none"))
		}
		p.ID = r.Bytes()
	default:
		r.Fail(wire.Malformed("PSK type %d", t))
	}
	p.Nonce = r.Bytes()
}
