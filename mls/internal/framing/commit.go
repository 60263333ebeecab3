package framing

import (
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// proposalOrRefType says how a commit includes a proposal (RFC 9420, Section 12.4).
type proposalOrRefType uint8

const (
	byValue     proposalOrRefType = 1
	byReference proposalOrRefType = 2
)

// ProposalOrRef is a proposal of a commit: the proposal itself or, where that is nil, its
// reference (RFC 9420, Section 12.4).
//
//	struct {
//	    ProposalOrRefType type;
//	    select (ProposalOrRef.type) {
//	        case proposal:  Proposal proposal;
//	        case reference: ProposalRef reference;
//	    };
//	} ProposalOrRef;
type ProposalOrRef struct {
	Proposal message.Proposal
	Ref      []byte // Info().Hash.Size bytes (RFC 9420, Section 5.2)
}

func (p *ProposalOrRef) marshal(w *wire.Writer) {
	if p.Proposal != nil {
		w.Uint8(uint8(byValue))
		message.Write(w, &message.TypedProposal{Proposal: p.Proposal})
		return
	}
	if len(p.Ref) == 0 {
		w.Fail(errEmptyRef)
	}
	w.Uint8(uint8(byReference))
	w.Bytes(p.Ref)
}

func (p *ProposalOrRef) unmarshal(r *wire.Reader) {
	switch wire.ReadEnum(r, "proposal or reference type", byReference) {
	case byValue:
		var typed message.TypedProposal
		message.Read(r, &typed)
		p.Proposal = typed.Proposal
	case byReference:
		if p.Ref = r.Bytes(); len(p.Ref) == 0 {
			r.Fail(errEmptyRef)
		}
	}
}

func (*ProposalOrRef) skip(r *wire.Reader) {
	if proposalOrRefType(r.Uint8()) == byReference {
		r.Skip()
		return
	}
	message.Skip(r, (*message.TypedProposal)(nil))
}

var errEmptyRef = wire.Malformed("reference to a proposal is empty")

// Commit begins a new epoch (RFC 9420, Section 12.4).
//
//	struct {
//	    ProposalOrRef proposals<V>;
//	    optional<UpdatePath> path;
//	} Commit;
type Commit struct {
	Proposals []ProposalOrRef
	Path      *ratchettree.UpdatePath // or nil
}

func (c *Commit) marshal(w *wire.Writer) {
	wire.WriteAll(w, c.Proposals, (*ProposalOrRef).marshal)
	if w.Optional(c.Path != nil) {
		c.Path.Marshal(w)
	}
}

func (c *Commit) unmarshal(r *wire.Reader) {
	c.Proposals = wire.ReadAll(r, (*ProposalOrRef).skip, (*ProposalOrRef).unmarshal)
	if r.Optional() {
		c.Path = wire.ReadNew(r, (*ratchettree.UpdatePath).Unmarshal)
	}
}
