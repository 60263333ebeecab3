package apq

import (
	"bytes"
	"fmt"
	"sync"

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

// pairing returns the leaf in the PQ group of each member of the T group.
type pairing func() (map[message.LeafIndex]message.LeafIndex, error)

// waiting is a proposal that waits in one group, and what subject says of it.
type waiting struct {
	mls.CommittedProposal
	who     *message.Credential
	changes bool
	used    bool // by a waitingPair
}

func (g *Group) waiting(leg Leg, pairs pairing) []waiting {
	var all []waiting
	for _, p := range g.leg(leg).Proposals() {
		who, changes := g.subject(leg, &p, pairs)
		all = append(all, waiting{CommittedProposal: p, who: who, changes: changes})
	}
	return all
}

// sieve looks at the proposals that wait. One that changes the membership counts if both
// groups have one of the same kind and member. What must not happen in one group alone does
// not count.
func (g *Group) sieve() *sieved {
	s := &sieved{taken: map[string]bool{}}
	pairs := sync.OnceValues(g.Pairs) // looks at all members
	pq := g.waiting(PQ, pairs)
	counterparts := g.counterparts(pq)
	for _, p := range g.waiting(T, pairs) {
		if !p.changes {
			s.taken[string(p.Ref)] = g.safe(T, p.Proposal)
			continue
		}
		if other := counterparts.find(&p); other != nil {
			other.used = true
			s.pairs = append(s.pairs, waitingPair{string(p.Ref), string(other.Ref)})
			s.taken[string(p.Ref)], s.taken[string(other.Ref)] = true, true
		}
	}
	for _, p := range pq {
		if !p.changes {
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
// another identity, or false if it does none of these. pairs is [Group.Pairs].
func (g *Group) subject(leg Leg, c *mls.CommittedProposal, pairs pairing) (*message.Credential, bool) {
	switch p := c.Proposal.(type) {
	case message.Add:
		return &p.KeyPackage.LeafNode.Credential, true
	case message.Remove:
		if leaf := g.leg(leg).Leaf(p.Removed); leaf != nil {
			return &leaf.Credential, true
		}
		return nil, true
	case message.Update:
		return &p.LeafNode.Credential, g.renames(leg, c.Sender.Leaf, p.LeafNode.Credential, pairs)
	}
	return nil, false
}

// renames reports whether a member with a new credential in one group is no longer the same
// as in the other.
func (g *Group) renames(leg Leg, leaf message.LeafIndex, next message.Credential, pairs pairing) bool {
	if now := g.leg(leg).Leaf(leaf); now != nil && now.Credential.Type == next.Type && bytes.Equal(now.Credential.Content, next.Content) {
		return false
	}
	leaves, err := pairs()
	if err != nil {
		return true
	}
	for t, pq := range leaves {
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

// counterparts are the proposals that wait in the PQ group, among which those of the T group
// look for theirs.
type counterparts struct {
	g     *Group
	pq    []waiting
	alike map[string][]int // indices in pq, by what is identical in both groups
	next  int              // in pq, behind the counterpart that was found last otherwise
}

func (g *Group) counterparts(pq []waiting) *counterparts {
	c := &counterparts{g: g, pq: pq, alike: make(map[string][]int)}
	for i := range pq {
		if k, ok := pq[i].key(); ok {
			c.alike[k] = append(c.alike[k], i)
		}
	}
	return c
}

// key returns what is different for proposals that differ in what they do, to which credential
// and by whom. It reports false for one that has no counterpart.
func (w *waiting) key() (string, bool) {
	if w.who == nil || !w.changes {
		return "", false
	}
	t, who := message.TypeOf(w.Proposal), keyOf(*w.who)
	k := fmt.Sprintf("%d %d %d %s", t, w.Sender.Type, len(who), who)
	if w.Sender.Type != message.SenderExternal {
		k += keyOf(w.Author.Credential)
	}
	return k, true
}

// find returns the one of the proposals in the PQ group that does what p does to the same
// member, by the same author, and is not used yet, or nil. It asks [Config].SameMember about
// identical credentials first: about once for each proposal if they wait in one order in both
// groups, and at most about all.
func (c *counterparts) find(p *waiting) *waiting {
	k, ok := p.key()
	if !ok {
		return nil
	}
	for len(c.alike[k]) > 0 {
		other := &c.pq[c.alike[k][0]]
		c.alike[k] = c.alike[k][1:] // used, or no counterpart of one like p
		if c.g.fit(p, other) {
			return other
		}
	}
	if c.g.cfg.SameMember == nil {
		return nil
	}
	for j := range c.pq {
		i := (c.next + j) % len(c.pq)
		if c.g.fit(p, &c.pq[i]) {
			c.next = i + 1
			return &c.pq[i]
		}
	}
	return nil
}

// fit reports whether two proposals that wait, of T and of PQ, do the same.
func (g *Group) fit(p, other *waiting) bool {
	return other.who != nil && other.changes && !other.used && message.TypeOf(p.Proposal) == message.TypeOf(other.Proposal) &&
		g.cfg.same(*p.who, *other.who) && g.sameAuthor(p.Sender, other.Sender, p.Author, other.Author) == nil
}

// safe reports whether a proposal that changes no membership may be committed in a group:
// not one that ends the group or changes the Info, or the extensions of the PQ group.
// [Group.Process] refuses it, and so does every member whose group is to commit it.
func (g *Group) safe(leg Leg, p message.Proposal) bool { return g.unsafe(leg, p) == nil }

// unsafe is [CheckAlone] for a leg.
func (g *Group) unsafe(leg Leg, p message.Proposal) error {
	return unsafe(leg, p, g.leg(leg).GroupContext().Extensions, g.cfg.numbers())
}

// CheckAlone returns why no commit of one group alone may cover a proposal, or nil: it would
// end that group, or change what both have. context is the group's. Adds, Removes and Updates
// are judged by [CheckMembers]. It is for who follows a T group or a PQ group from outside. The
// error is a [*RuleError].
func CheckAlone(context message.GroupContext, p message.Proposal, numbers message.CodePoints) error {
	numbers = numbers.Complete()
	info, err := InfoIn(context.Extensions, numbers)
	switch {
	case err != nil:
		return &RuleError{"5.1", 0, "APQInfo does not parse", err}
	case info == nil:
		return binds(T, p, numbers)
	case bytes.Equal(info.PQGroupID, context.GroupID):
		return unsafe(PQ, p, context.Extensions, numbers)
	}
	return unsafe(T, p, context.Extensions, numbers)
}

// unsafe returns why a proposal may not be in a PARTIAL commit or wait in a group with these
// extensions, or nil. It does not judge Adds and Removes.
func unsafe(leg Leg, p message.Proposal, x message.Extensions, numbers message.CodePoints) error {
	switch p := p.(type) {
	case message.ReInit:
		return broken("7.1", leg, "ReInit ends one group alone")
	case message.SelfRemove:
		return broken("3.3", leg, "SelfRemove takes its sender out of one group alone")
	case message.GroupContextExtensions:
		before, _ := x.Find(numbers.AppDataDictionary)
		after, _ := p.Extensions.Find(numbers.AppDataDictionary)
		if !bytes.Equal(before, after) {
			return broken("5.1.1", leg, "GroupContextExtensions changes the dictionary")
		}
		return requiresPairs(leg, "GroupContextExtensions", p.Extensions, numbers)
	}
	return binds(leg, p, numbers)
}

// binds returns why a proposal may only be in a FULL commit, be it the one that binds the T
// group to the PQ group, or nil.
func binds(leg Leg, p message.Proposal, numbers message.CodePoints) error {
	if u, ok := p.(message.AppDataUpdate); ok && u.Component == numbers.APQInfo {
		return broken("5.1.1", leg, "APQInfo is updated outside a FULL commit")
	}
	if injects(p, numbers) {
		return broken("5.2", leg, "pre-shared key of the PQ group is injected outside a FULL commit")
	}
	return nil
}
