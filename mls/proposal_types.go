package mls

import (
	"fmt"
	"slices"
	"sync"

	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// CustomProposalType declares a type of proposal beyond RFC 9420's that an application
// handles. It says how a commit treats such proposals, which RFC 9420, Sections 12.1.8
// and 12.4, leaves to the definition of the type. The members of a group and those who
// follow it must declare the same of a type, or one rejects a commit that another
// accepts.
type CustomProposalType struct {
	Type message.ProposalType

	// NoPath lets a commit cover such proposals without a path, as with those of OpenMLS.
	// Otherwise the commit needs a path.
	NoPath bool

	// External lets external senders send such proposals.
	External bool
}

// handles returns an error unless this client handles proposals of a custom type and the
// sender may send one.
func (r *listRules) handles(p message.Custom, sender message.Sender) error {
	custom, ok := r.customType(p.ProposalType)
	switch {
	case !ok && r.anyType:
		return nil
	case !ok:
		return fmt.Errorf("%w proposal type %s", message.ErrUnsupported, p.ProposalType)
	case sender.Type == message.SenderExternal && !custom.External:
		return fault.Violation("12.1.8", "proposal type %s is not allowed from an external sender", p.ProposalType)
	}
	return nil
}

// customType returns what the application declares of a type, or false if it declares
// nothing.
func (r *listRules) customType(t message.ProposalType) (CustomProposalType, bool) {
	i := slices.IndexFunc(r.custom, func(c CustomProposalType) bool { return c.Type == t })
	if i < 0 {
		return CustomProposalType{}, false
	}
	return r.custom[i], true
}

// checkCustom checks the proposals of types beyond RFC 9420's in a commit: this client
// handles the custom ones, and all members that process the commit support the types (RFC
// 9420, Sections 12.2 and 13.2).
func (p *publicState) checkCustom(list []CommittedProposal, rules *listRules) error {
	var leaving map[message.LeafIndex]bool
	var staying *ratchettree.Features
	for i, c := range list {
		t := message.TypeOf(c.Proposal)
		switch proposal := c.Proposal.(type) {
		case message.Custom:
			if err := rules.handles(proposal, c.Sender); err != nil {
				return atProposal(err, i)
			}
		case message.AppDataUpdate, message.AppEphemeral:
		default:
			continue
		}
		if leaving == nil {
			leaving = leavingBy(list)
			staying = p.tree.FeaturesWithout(leaving)
		}
		if err := p.supportsProposal(t, staying, leaving); err != nil {
			return atProposal(err, i)
		}
	}
	return nil
}

// supportsProposal returns an error unless all members except those leaving, who have the
// features staying, support a proposal type.
func (p *publicState) supportsProposal(t message.ProposalType, staying *ratchettree.Features, leaving map[message.LeafIndex]bool) error {
	if staying.SupportsProposal(t) {
		return nil
	}
	leaf, _ := p.tree.FirstMember(func(f *ratchettree.Features) bool { return !f.SupportsProposal(t) }, leaving)
	return fault.Violation("12.2", "member does not support the proposal type %s", t).AtLeaf(leaf)
}

// leavingBy returns the leaves that the proposals of a list take out.
func leavingBy(list []CommittedProposal) map[message.LeafIndex]bool {
	leaving := map[message.LeafIndex]bool{}
	for i := range list {
		if removed, ok := list[i].removes(); ok {
			leaving[removed] = true
		}
	}
	return leaving
}

// readExtensions parses the extensions that a GroupContextExtensions or a ReInit brings,
// and keeps them with the proposal.
func (c *CommittedProposal) readExtensions(numbers message.CodePoints) error {
	if c.extensions != nil {
		return nil
	}
	var list message.Extensions
	switch p := c.Proposal.(type) {
	case message.GroupContextExtensions:
		list = p.Extensions
	case message.ReInit:
		list, c.next = p.Extensions, new(nextSuiteCheck)
	default:
		return nil
	}
	var err error
	c.extensions, err = check.ReadGroupExtensions(list, numbers)
	return err
}

// nextSuiteCheck is the outcome of checkNext, which all copies of a proposal share.
type nextSuiteCheck struct {
	once sync.Once
	err  error
}

// checkNext checks what depends, in a ReInit, on the suite of the group that follows: the
// keys of the external senders, and whether the suite accepts the resumption PSK, which
// is as long as secrets of the old suite. It works only once, however often the proposal
// is judged, because the outcome depends on no time and no use.
func (c *CommittedProposal) checkNext(old, next suite.Suite) error {
	c.next.once.Do(func() {
		if c.next.err = c.extensions.CheckSenders(next); c.next.err == nil {
			c.next.err = schedule.UsablePSK(next, make([]byte, old.Info().KDF.Nh))
		}
	})
	return c.next.err
}
