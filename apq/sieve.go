package apq

import (
	"bytes"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// sieved says which of the proposals that wait a commit may cover.
type sieved struct {
	pairs []waitingPair
	taken map[string]bool // ProposalRefs, in both groups
}

// waitingPair is a change of the membership that waits in both groups: two ProposalRefs.
type waitingPair struct{ t, pq string }

// sieve looks at the proposals that wait. One that changes the membership counts if both
// groups have one of the same kind and member. What must not happen in one group alone does
// not count.
func (g *Group) sieve() *sieved {
	s := &sieved{taken: map[string]bool{}}
	pq := g.pq.Proposals()
	used := make([]bool, len(pq))
	for _, p := range g.t.Proposals() {
		who, changes := g.subject(T, &p)
		if !changes {
			s.taken[string(p.Ref)] = g.safe(T, p.Proposal)
			continue
		}
		if i := g.counterpart(who, &p, pq, used); i >= 0 {
			used[i] = true
			s.pairs = append(s.pairs, waitingPair{string(p.Ref), string(pq[i].Ref)})
			s.taken[string(p.Ref)], s.taken[string(pq[i].Ref)] = true, true
		}
	}
	for _, p := range pq {
		if _, changes := g.subject(PQ, &p); !changes {
			s.taken[string(p.Ref)] = g.safe(PQ, p.Proposal)
		}
	}
	return s
}

// covers reports whether a commit may cover a proposal. One that came after sieve it may not.
func (s *sieved) covers(p *mls.CommittedProposal) bool { return s.taken[string(p.Ref)] }

// narrow lets nothing through any more of the pairs of which a FULL commit covers one half,
// because the other group has left out the other, and of those that bring a credential which
// another leaf has. It reports whether there are such pairs.
func (s *sieved) narrow(c *Candidate) bool {
	if len(s.pairs) == 0 {
		return false // without a look at all leaves
	}
	covered, twins := map[string]bool{}, map[string]bool{}
	for _, leg := range []*mls.Candidate{c.t, c.pq} {
		same := map[string]bool{}
		for _, twin := range twinsOf(leg) {
			same[keyOf(leg.Leaf(twin.first).Credential)] = true
		}
		for _, p := range leg.Proposals() {
			ref := string(p.Ref)
			covered[ref] = true
			switch p := p.Proposal.(type) {
			case message.Add:
				twins[ref] = same[keyOf(p.KeyPackage.LeafNode.Credential)]
			case message.Update:
				twins[ref] = same[keyOf(p.LeafNode.Credential)]
			}
		}
	}
	narrower := false
	for _, p := range s.pairs {
		if s.taken[p.t] && (covered[p.t] != covered[p.pq] || twins[p.t] || twins[p.pq]) {
			s.taken[p.t], s.taken[p.pq] = false, false
			narrower = true
		}
	}
	return narrower
}

// subject returns the credential of the member that a proposal adds, removes or gives
// another identity, or false if it does none of these.
func (g *Group) subject(leg Leg, c *mls.CommittedProposal) (*message.Credential, bool) {
	switch p := c.Proposal.(type) {
	case message.Add:
		return &p.KeyPackage.LeafNode.Credential, true
	case message.Remove:
		if leaf := g.leg(leg).Leaf(p.Removed); leaf != nil {
			return &leaf.Credential, true
		}
		return nil, true
	case message.Update:
		return &p.LeafNode.Credential, g.renames(leg, c.Sender.Leaf, p.LeafNode.Credential)
	}
	return nil, false
}

// renames reports whether a member with a new credential in one group is no longer the same
// as in the other.
func (g *Group) renames(leg Leg, leaf message.LeafIndex, next message.Credential) bool {
	if now := g.leg(leg).Leaf(leaf); now != nil && now.Credential.Type == next.Type && bytes.Equal(now.Credential.Content, next.Content) {
		return false
	}
	pairs, err := g.Pairs()
	if err != nil {
		return true
	}
	for t, pq := range pairs {
		switch {
		case leg == T && t == leaf:
			return !g.cfg.same(next, g.pq.Leaf(pq).Credential)
		case leg == PQ && pq == leaf:
			return !g.cfg.same(g.t.Leaf(t).Credential, next)
		}
	}
	return true
}

// leg returns the group of a leg.
func (g *Group) leg(leg Leg) *mls.Group {
	if leg == T {
		return g.t
	}
	return g.pq
}

// counterpart returns the index of the proposal in the PQ group that does what c does to the
// member who, by the same author, and is not used yet, or -1.
func (g *Group) counterpart(who *message.Credential, c *mls.CommittedProposal, pq []mls.CommittedProposal, used []bool) int {
	for i := range pq {
		if used[i] || who == nil || message.TypeOf(c.Proposal) != message.TypeOf(pq[i].Proposal) {
			continue
		}
		other, changes := g.subject(PQ, &pq[i])
		if changes && other != nil && g.cfg.same(*who, *other) && g.sameAuthor(c.Sender, pq[i].Sender, c.Author, pq[i].Author) == nil {
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
