package mls

import "github.com/mlsuite/mlsuite/internal/wire"

// Custom is a proposal of a type beyond RFC 9420's, one of those that
// [Config].Proposals declares. The engine carries it and hands it to the application in
// [Received], [Candidate.Proposals] and the same of a [PublicGroup]. The application
// decides what it does. A commit may cover any number of custom proposals, if all
// members, except those whom the commit removes, support their types (RFC 9420, Section
// 12.2). An external commit covers none.
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

// Type returns p.ProposalType.
func (p Custom) Type() ProposalType { return p.ProposalType }

func (p Custom) marshal(w *wire.Writer) {
	if _, known := p.ProposalType.kind(); known {
		w.Fail(wire.Malformed("custom proposal of the type %s", p.ProposalType))
	}
	w.Bytes(p.Data)
}
