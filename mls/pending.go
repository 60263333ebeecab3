package mls

import (
	"context"
	"slices"
)

// proposalsToCommit joins the proposals that arrived, without those that exclude
// each other or the plan's, with those that the plan brings by value. What does not
// fit in the group, which a member may propose to stop others from committing, is
// left out as well.
func (g *Group) proposalsToCommit(ctx context.Context, plan *commitPlan) []CommittedProposal {
	byValue := make([]CommittedProposal, len(plan.byValue))
	for i, p := range plan.byValue {
		byValue[i] = CommittedProposal{Proposal: withNonce(p, g.public.suite), Sender: g.sender()}
	}
	if plan.noPending || containsReInit(byValue) {
		return byValue
	}
	pending := g.inbox.pending()
	if len(pending) == 0 {
		return byValue
	}
	s := newSelection(g.public, g.leaf, byValue)
	keep := make([]bool, len(pending))
	for i, c := range pending {
		if p, ok := c.Proposal.(RemoveProposal); ok {
			keep[i] = s.claim(p.Removed)
			s.leaving[p.Removed] = s.leaving[p.Removed] || keep[i]
		}
	}
	for i, c := range slices.Backward(pending) { // the latest Update of a leaf counts
		if p, ok := c.Proposal.(UpdateProposal); ok {
			leaf := c.Sender.Leaf
			keep[i] = !s.claimed[leaf] && s.fits(p.LeafNode, leaf) && s.claim(leaf)
		}
	}
	for i, c := range pending {
		switch p := c.Proposal.(type) {
		case AddProposal:
			keep[i] = s.fits(&p.KeyPackage.LeafNode, noLeaf)
		case PreSharedKeyProposal:
			keep[i] = g.knowsPSK(ctx, &p.PSK) && s.seen.checkPSK(p, i) == nil
		case GroupContextExtensionsProposal:
			keep[i] = checkTree(g.public.tree, p.Extensions) == nil && !s.seen.twice(onceExtensions, nil)
		}
	}
	var list []CommittedProposal
	for i, c := range pending {
		if keep[i] {
			list = append(list, c)
		}
	}
	list = append(list, byValue...)
	if len(list) > 0 {
		return list
	}
	for _, c := range slices.Backward(pending) { // other proposals go before a ReInit
		if _, ok := c.Proposal.(ReInitProposal); ok {
			return []CommittedProposal{c}
		}
	}
	return nil
}

func containsReInit(list []CommittedProposal) bool {
	return slices.ContainsFunc(list, func(c CommittedProposal) bool { return c.Proposal.Type() == ProposalReInit })
}

func (g *Group) knowsPSK(ctx context.Context, id *PreSharedKeyID) bool {
	psk, err := g.cfg.resolvePSK(ctx, id, g)
	clear(psk)
	return err == nil
}

// selection picks proposals that make a valid list together (RFC 9420, Section
// 12.2).
type selection struct {
	public  *publicState
	claimed map[LeafIndex]bool // leaves with an Update or Remove, and the committer's
	leaving map[LeafIndex]bool
	keys    map[string]bool // of leaves that come in
	seen    proposalSet
}

func newSelection(p *publicState, committer LeafIndex, byValue []CommittedProposal) *selection {
	s := &selection{
		public:  p,
		claimed: map[LeafIndex]bool{committer: true},
		leaving: map[LeafIndex]bool{},
		keys:    map[string]bool{},
		seen:    proposalSet{},
	}
	for i, c := range byValue {
		switch p := c.Proposal.(type) {
		case RemoveProposal:
			s.claimed[p.Removed], s.leaving[p.Removed] = true, true
		case AddProposal:
			s.keys[string(p.KeyPackage.LeafNode.SignatureKey)] = true
			s.keys[string(p.KeyPackage.LeafNode.EncryptionKey)] = true
		case PreSharedKeyProposal:
			_ = s.seen.checkPSK(p, i) // the list is checked later
		case GroupContextExtensionsProposal:
			s.seen.twice(onceExtensions, nil)
		}
	}
	return s
}

// claim reports whether nothing claimed a leaf before.
func (s *selection) claim(leaf LeafIndex) bool {
	free := !s.claimed[leaf]
	s.claimed[leaf] = true
	return free
}

// fits reports whether a leaf can come into the group, in the place of old if that
// is a leaf, and notes that it does.
func (s *selection) fits(leaf *LeafNode, old LeafIndex) bool {
	t := s.public.tree
	if leaf.supportsGroup(s.public.context.Extensions) != nil || !t.supportsCredential(leaf.Credential.Type) {
		return false
	}
	if _, ok := missing(t.credentialTypesInUse(), listedIn(leaf.Capabilities.Credentials)); ok {
		return false
	}
	holder, held := t.hasSignatureKey(leaf.SignatureKey)
	if held && holder != old && !s.leaving[holder] || t.hasEncryptionKey(leaf.EncryptionKey) {
		return false
	}
	if s.keys[string(leaf.SignatureKey)] || s.keys[string(leaf.EncryptionKey)] {
		return false
	}
	s.keys[string(leaf.SignatureKey)], s.keys[string(leaf.EncryptionKey)] = true, true
	return true
}
