package mls

import (
	"context"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/message"
)

// removes returns the leaf that a proposal takes out of the group, or false.
func (c *CommittedProposal) removes() (message.LeafIndex, bool) {
	switch p := c.Proposal.(type) {
	case message.Remove:
		return p.Removed, true
	case message.SelfRemove:
		return c.Sender.Leaf, true
	}
	return 0, false
}

// takesOut reports whether a list takes the member at a leaf out of the group.
func takesOut(list []CommittedProposal, leaf message.LeafIndex) bool {
	return slices.ContainsFunc(list, func(c CommittedProposal) bool {
		removed, ok := c.removes()
		return ok && removed == leaf
	})
}

// isSelfRemove reports whether a proposal is a SelfRemove.
func (c *CommittedProposal) isSelfRemove() bool {
	_, ok := c.Proposal.(message.SelfRemove)
	return ok
}

// checkSelfRemove checks a SelfRemove by itself: it is a member's, and all members list it
// (draft-ietf-mls-extensions-10, Section 6.3).
func (p *publicState) checkSelfRemove(sender message.Sender) error {
	if sender.Type != message.SenderMember {
		return fault.Extensions("6.3", "SelfRemove is not from a member")
	}
	if p.tree.Leaf(sender.Leaf) == nil && !p.partial {
		return fault.Extensions("6.3", "sender of the SelfRemove is not a member").AtLeaf(sender.Leaf)
	}
	if !p.selfRemoves {
		return fault.Extensions("6.3", "not every member lists self_remove").AtLeaf(sender.Leaf)
	}
	return nil
}

// checkFormat refuses a SelfRemove that is no PublicMessage: a client that joins from
// outside could not read it.
func (c *CommittedProposal) checkFormat(ac *framing.AuthenticatedContent) error {
	if c.isSelfRemove() && ac.WireFormat != message.WireFormatPublicMessage {
		return fault.Extensions("6.3", "SelfRemove is a %s", ac.WireFormat).AtLeaf(c.Sender.Leaf)
	}
	return nil
}

// selfRemoveFormat returns the format of this member's SelfRemove, which the policy is
// asked about. The error says that the member has sent one in this epoch.
func (g *Group) selfRemoveFormat(q questions) (message.WireFormat, error) {
	sent := func(c CommittedProposal) bool { return c.isSelfRemove() && c.Sender.Leaf == g.leaf }
	if slices.ContainsFunc(g.inbox.pending(), sent) {
		return 0, fault.Extensions("6.3", "member has sent a SelfRemove in this epoch").AtLeaf(g.leaf)
	}
	return message.WireFormatPublicMessage, q.wireFormat(message.WireFormatPublicMessage)
}

// pendingSelfRemoves returns the valid SelfRemoves among messages, one of each member, for
// a client that joins from outside. It verifies all but the membership_tag.
func (p *publicState) pendingSelfRemoves(ctx context.Context, cfg *Config, now time.Time, messages [][]byte) []CommittedProposal {
	if !p.selfRemoves {
		return nil
	}
	var list []CommittedProposal
	found := make(map[message.LeafIndex]bool)
	for _, msg := range messages {
		m, err := message.Parse[message.Message](msg)
		if err != nil || m.PublicMessage == nil {
			continue
		}
		public, err := framing.ParsePublic(m.PublicMessage, p.numbers)
		if err != nil {
			continue
		}
		leaf := public.Content.Sender.Leaf
		if _, ok := public.Content.Proposal.(message.SelfRemove); !ok || found[leaf] {
			continue
		}
		ac, err := p.framing(nil).VerifyPublic(public)
		if err != nil {
			continue
		}
		if c, err := p.receiveProposal(ctx, cfg, now, notMember, ac); err == nil {
			found[leaf] = true
			list = append(list, c)
		}
	}
	return list
}

// selfRemoving returns the leaves that take themselves out by the proposals of a list.
func selfRemoving(list []CommittedProposal) map[message.LeafIndex]bool {
	leaving := map[message.LeafIndex]bool{}
	for i := range list {
		if list[i].isSelfRemove() {
			leaving[list[i].Sender.Leaf] = true
		}
	}
	return leaving
}

// withoutRemoved returns a list without the Removes of leaves that take themselves out.
// Such a Remove is invalid beside the SelfRemove.
func withoutRemoved(list []CommittedProposal, leaving map[message.LeafIndex]bool) []CommittedProposal {
	if len(leaving) == 0 {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(c CommittedProposal) bool {
		r, ok := c.Proposal.(message.Remove)
		return ok && leaving[r.Removed]
	})
}
