package mls

import (
	"github.com/mlsuite/mlsuite/internal/wire"
)

// proposalOrRefType says how a commit includes a proposal (RFC 9420, Section 12.4).
type proposalOrRefType uint8

const (
	byValue     proposalOrRefType = 1
	byReference proposalOrRefType = 2
)

// proposalOrRef is a proposal of a commit: the proposal itself or, where that is
// nil, its reference (RFC 9420, Section 12.4).
//
//	struct {
//	    ProposalOrRefType type;
//	    select (ProposalOrRef.type) {
//	        case proposal:  Proposal proposal;
//	        case reference: ProposalRef reference;
//	    };
//	} ProposalOrRef;
type proposalOrRef struct {
	proposal Proposal
	ref      []byte // Info().Hash.Size bytes (RFC 9420, Section 5.2)
}

func (p *proposalOrRef) marshal(w *wire.Writer) {
	if p.proposal != nil {
		w.Uint8(uint8(byValue))
		Write(w, &TypedProposal{p.proposal})
		return
	}
	if len(p.ref) == 0 {
		w.Fail(errEmptyRef)
	}
	w.Uint8(uint8(byReference))
	w.Bytes(p.ref)
}

func (p *proposalOrRef) unmarshal(r *wire.Reader) {
	switch wire.ReadEnum(r, "proposal or reference type", byReference) {
	case byValue:
		var typed TypedProposal
		Read(r, &typed)
		p.proposal = typed.Proposal
	case byReference:
		if p.ref = r.Bytes(); len(p.ref) == 0 {
			r.Fail(errEmptyRef)
		}
	}
}

func (*proposalOrRef) skip(r *wire.Reader) {
	if proposalOrRefType(r.Uint8()) == byReference {
		r.Skip()
		return
	}
	Skip(r, (*TypedProposal)(nil))
}

var errEmptyRef = wire.Malformed("reference to a proposal is empty")

// commit begins a new epoch (RFC 9420, Section 12.4).
//
//	struct {
//	    ProposalOrRef proposals<V>;
//	    optional<UpdatePath> path;
//	} Commit;
type commit struct {
	proposals []proposalOrRef
	path      *updatePath // or nil
}

func (c *commit) marshal(w *wire.Writer) {
	wire.WriteAll(w, c.proposals, (*proposalOrRef).marshal)
	if w.Optional(c.path != nil) {
		c.path.marshal(w)
	}
}

func (c *commit) unmarshal(r *wire.Reader) {
	c.proposals = wire.ReadAll(r, (*proposalOrRef).skip, (*proposalOrRef).unmarshal)
	if r.Optional() {
		c.path = wire.ReadNew(r, (*updatePath).unmarshal)
	}
}
