package mls

import (
	"fmt"
	"slices"
)

// CustomProposalType declares a type of proposal beyond RFC 9420's that an application
// handles. It says how a commit treats such proposals, which RFC 9420, Sections 12.1.8
// and 12.4, leaves to the definition of the type. The members of a group and those who
// follow it must declare the same of a type, or one rejects a commit that another
// accepts.
type CustomProposalType struct {
	Type ProposalType

	// NoPath lets a commit cover such proposals without a path, as with those of OpenMLS.
	// Otherwise the commit needs a path.
	NoPath bool

	// External lets external senders send such proposals.
	External bool
}

// handles returns an error unless this client handles proposals of a custom type and the
// sender may send one.
func (r *listRules) handles(p Custom, sender Sender) error {
	custom, ok := r.customType(p.ProposalType)
	switch {
	case !ok && r.anyType:
		return nil
	case !ok:
		return fmt.Errorf("%w proposal type %s", ErrUnsupported, p.ProposalType)
	case sender.Type == SenderExternal && !custom.External:
		return violation("12.1.8", "proposal of the type %s is not sent by an external sender", p.ProposalType)
	}
	return nil
}

// customType returns what the application declares of a type, or false if it declares
// nothing.
func (r *listRules) customType(t ProposalType) (CustomProposalType, bool) {
	i := slices.IndexFunc(r.custom, func(c CustomProposalType) bool { return c.Type == t })
	if i < 0 {
		return CustomProposalType{}, false
	}
	return r.custom[i], true
}

// checkCustom checks the proposals of custom types in a member's commit: this client
// handles the types, and all members that process the commit support them (RFC 9420,
// Sections 12.2 and 13.2).
func (p *publicState) checkCustom(list []CommittedProposal, rules *listRules) error {
	var leaving map[LeafIndex]bool
	var staying *features
	for i, c := range list {
		proposal, ok := c.Proposal.(Custom)
		if !ok {
			continue
		}
		if err := rules.handles(proposal, c.Sender); err != nil {
			return atProposal(err, i)
		}
		t := proposal.ProposalType
		if leaving == nil {
			leaving = leavingBy(list)
			staying = p.tree.featuresWithout(leaving)
		}
		if staying.supportsProposal(t) {
			continue
		}
		leaf, _ := p.tree.firstMember(func(f *features) bool { return !f.supportsProposal(t) }, leaving)
		return violation("12.2", "every member supports the proposal type %s", t).atLeaf(leaf).atProposal(i)
	}
	return nil
}

// leavingBy returns the leaves that the Removes of a list take out.
func leavingBy(list []CommittedProposal) map[LeafIndex]bool {
	leaving := map[LeafIndex]bool{}
	for _, c := range list {
		if r, ok := c.Proposal.(Remove); ok {
			leaving[r.Removed] = true
		}
	}
	return leaving
}
