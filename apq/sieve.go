package apq

import (
	"bytes"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// sieved is what the proposals that wait in both groups amount to.
type sieved struct {
	safe  bool               // all of them can be committed as they are
	t, pq []message.Proposal // the changes of the membership that both groups have
}

// sieve looks at the proposals that wait. An Add or a Remove counts if both groups have
// one of the same member. Anything else that must not happen in one group alone makes the
// whole unsafe.
func (g *Group) sieve() sieved {
	t, pq := g.t.Proposals(), g.pq.Proposals()
	s := sieved{safe: true}
	used := make([]bool, len(pq))
	for _, p := range t {
		who, changes := g.subject(T, p.Proposal)
		if !changes {
			s.safe = s.safe && g.safe(T, p.Proposal)
			continue
		}
		i := g.counterpart(who, p.Proposal, pq, used)
		if i < 0 {
			s.safe = false
			continue
		}
		used[i] = true
		s.t, s.pq = append(s.t, p.Proposal), append(s.pq, pq[i].Proposal)
	}
	for i, p := range pq {
		if _, changes := g.subject(PQ, p.Proposal); changes && !used[i] || !changes && !g.safe(PQ, p.Proposal) {
			s.safe = false
		}
	}
	return s
}

// subject returns the credential of the member that a proposal adds or removes, or false
// if it does neither.
func (g *Group) subject(leg Leg, p message.Proposal) (*message.Credential, bool) {
	group := g.leg(leg)
	switch p := p.(type) {
	case message.Add:
		return &p.KeyPackage.LeafNode.Credential, true
	case message.Remove:
		if leaf := group.Leaf(p.Removed); leaf != nil {
			return &leaf.Credential, true
		}
		return nil, true
	}
	return nil, false
}

// leg returns the group of a leg.
func (g *Group) leg(leg Leg) *mls.Group {
	if leg == T {
		return g.t
	}
	return g.pq
}

// counterpart returns the index of the proposal in the PQ group that does what p does to
// the member who, and is not used yet, or -1.
func (g *Group) counterpart(who *message.Credential, p message.Proposal, pq []mls.CommittedProposal, used []bool) int {
	for i := range pq {
		other, changes := g.subject(PQ, pq[i].Proposal)
		if changes && !used[i] && who != nil && other != nil && message.TypeOf(p) == message.TypeOf(pq[i].Proposal) && g.cfg.same(*who, *other) {
			return i
		}
	}
	return -1
}

// safe reports whether a proposal that changes no membership may be committed in a group:
// not one that ends the group or changes the Info, or the extensions of the PQ group.
// [Group.Process] refuses it, and so does every member whose group is to commit it.
func (g *Group) safe(leg Leg, p message.Proposal) bool { return g.unsafe(leg, p) == nil }

// unsafe returns why a proposal may not be in a PARTIAL commit or wait in a group, or nil. It
// does not judge Adds and Removes.
func (g *Group) unsafe(leg Leg, p message.Proposal) error {
	numbers := g.cfg.numbers()
	switch p := p.(type) {
	case message.ReInit:
		return broken("7.1", leg, "ReInit ends one group alone")
	case message.SelfRemove:
		return broken("3.3", leg, "SelfRemove takes its sender out of one group alone")
	case message.GroupContextExtensions:
		before, _ := g.leg(leg).GroupContext().Extensions.Find(numbers.AppDataDictionary)
		after, _ := p.Extensions.Find(numbers.AppDataDictionary)
		if !bytes.Equal(before, after) {
			return broken("5.1.1", leg, "GroupContextExtensions changes the dictionary")
		}
		return requiresPairs(leg, "GroupContextExtensions", p.Extensions, numbers)
	case message.AppDataUpdate:
		if p.Component == numbers.APQInfo {
			return broken("5.1.1", leg, "APQInfo is updated outside a FULL commit")
		}
	case message.PreSharedKey:
		if isCombinedPSK(&p.PSK, numbers) {
			return broken("5.2", leg, "pre-shared key of the PQ group is injected outside a FULL commit")
		}
	}
	return nil
}
