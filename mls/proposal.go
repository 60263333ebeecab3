package mls

import (
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// Proposal is a change that somebody proposes to a group (RFC 9420, Section 12.1): an
// [Add], [Update], [Remove], [PreSharedKey], [ReInit], [ExternalInit],
// [GroupContextExtensions] or [Custom], as a value and not as a pointer.
type Proposal interface {
	Type() ProposalType

	// marshal writes what follows the type.
	marshal(w *wire.Writer)
}

// proposalKind is what this package knows of a type of proposal.
type proposalKind struct {
	typ    ProposalType
	name   string
	decode func(r *wire.Reader) Proposal // reads what follows the type
}

// proposalKinds is the registry of RFC 9420, Section 17.4.
var proposalKinds = [...]proposalKind{
	{ProposalAdd, "add", decodeAdd},
	{ProposalUpdate, "update", decodeUpdate},
	{ProposalRemove, "remove", decodeRemove},
	{ProposalPSK, "psk", decodePSK},
	{ProposalReInit, "reinit", decodeReInit},
	{ProposalExternalInit, "external_init", decodeExternalInit},
	{ProposalGroupContextExtensions, "group_context_extensions", decodeGroupContextExtensions},
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
	w.Uint16(uint16(p.Type()))
	p.marshal(w)
}

// unmarshalProposal reads a Proposal with its type in front. A proposal of a type that
// RFC 9420 does not define is a Custom, which members judge by what their
// applications declare.
func unmarshalProposal(r *wire.Reader) Proposal {
	t := ProposalType(r.Uint16())
	if kind, ok := t.kind(); ok {
		return kind.decode(r)
	}
	return Custom{ProposalType: t, Data: r.Bytes()}
}

// Add proposes to add a client (RFC 9420, Section 12.1.1).
type Add struct {
	KeyPackage *KeyPackage
}

// Type returns ProposalAdd.
func (p Add) Type() ProposalType { return ProposalAdd }

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

// Type returns ProposalUpdate.
func (p Update) Type() ProposalType { return ProposalUpdate }

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

// Type returns ProposalRemove.
func (p Remove) Type() ProposalType { return ProposalRemove }

func (p Remove) marshal(w *wire.Writer) { w.Uint32(uint32(p.Removed)) }

func decodeRemove(r *wire.Reader) Proposal {
	return boxed(r, Remove{Removed: LeafIndex(r.Uint32())})
}

// PreSharedKey proposes to inject a pre-shared key (RFC 9420, Sections 8.4, 8.6 and
// 12.1.4): an external one, or that of an epoch of a group that all members have in
// common. Calls that send one draw the Nonce of PSK if that is nil.
type PreSharedKey struct {
	PSK PreSharedKeyID
}

// Type returns ProposalPSK.
func (p PreSharedKey) Type() ProposalType { return ProposalPSK }

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
	Version     ProtocolVersion // calls that send a ReInit replace 0 by VersionMLS10
	CipherSuite suite.ID
	Extensions  Extensions
}

// Type returns ProposalReInit.
func (p ReInit) Type() ProposalType { return ProposalReInit }

func (p ReInit) marshal(w *wire.Writer) {
	w.Bytes(p.GroupID)
	w.Uint16(uint16(p.Version))
	w.Uint16(uint16(p.CipherSuite))
	p.Extensions.marshal(w)
}

func decodeReInit(r *wire.Reader) Proposal {
	var p ReInit
	p.GroupID = r.Bytes()
	p.Version = ProtocolVersion(r.Uint16())
	p.CipherSuite = suite.ID(r.Uint16())
	p.Extensions.unmarshal(r)
	return boxed(r, p)
}

// ExternalInit carries, in an external commit, the KEM output from which members
// derive the next init secret (RFC 9420, Section 12.1.6).
type ExternalInit struct {
	KEMOutput []byte
}

// Type returns ProposalExternalInit.
func (p ExternalInit) Type() ProposalType { return ProposalExternalInit }

func (p ExternalInit) marshal(w *wire.Writer) { w.Bytes(p.KEMOutput) }

func decodeExternalInit(r *wire.Reader) Proposal {
	return boxed(r, ExternalInit{KEMOutput: r.Bytes()})
}

// GroupContextExtensions proposes to replace all extensions of the group
// (RFC 9420, Section 12.1.7).
type GroupContextExtensions struct {
	Extensions Extensions
}

// Type returns ProposalGroupContextExtensions.
func (p GroupContextExtensions) Type() ProposalType { return ProposalGroupContextExtensions }

func (p GroupContextExtensions) marshal(w *wire.Writer) { p.Extensions.marshal(w) }

func decodeGroupContextExtensions(r *wire.Reader) Proposal {
	var p GroupContextExtensions
	p.Extensions.unmarshal(r)
	return boxed(r, p)
}
