package mls

import (
	"context"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/sortedset"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// judgedProposals returns the proposals that a commit covers, after it has asked the
// policy about them, and the questions for the rest of the commit.
//
// A commit that only leads out asks for [suite.Leave]. In a group that may not go on, any
// other commit covers only the proposals that lead out.
func (g *Group) judgedProposals(ctx context.Context, now time.Time, plan *commitPlan) ([]CommittedProposal, questions, error) {
	q := g.cfg.ask(suite.Continue, now).with(plan.ApplicationPSKs)
	list, err := g.proposalsToCommit(ctx, q, plan)
	if err != nil || !plan.leads(list) {
		refusal := q.sendHandshake(g.public)
		if refusal == nil && err != nil {
			return nil, q, err
		}
		if refusal == nil {
			return list, q, q.proposals(g.public, list, len(list)-len(plan.byValue))
		}
		list, err = g.proposalsToCommit(ctx, q.as(suite.Leave), plan)
		if err != nil || !plan.leads(list) {
			return nil, q, refusal
		}
	}
	q = q.as(suite.Leave)
	if err := q.sendHandshake(g.public); err != nil {
		return nil, q, err
	}
	return list, q, q.proposals(g.public, list, len(list)-len(plan.byValue))
}

// proposalsToCommit returns the pending proposals, without those that exclude each other
// or the plan's, followed by those that the plan brings by value. It leaves out proposals
// that do not fit in the group, with which a member could otherwise stop others from
// committing, and those that the policy or the application refuses.
func (g *Group) proposalsToCommit(ctx context.Context, q questions, plan *commitPlan) ([]CommittedProposal, error) {
	byValue := make([]CommittedProposal, len(plan.byValue))
	for i, p := range plan.byValue {
		byValue[i] = CommittedProposal{Author: g.author(), Proposal: withDefaults(p, g.public.suite, g.public.numbers), Sender: g.sender()}
		if err := byValue[i].readExtensions(g.public.numbers); err != nil {
			return nil, atProposal(err, i)
		}
	}
	var pending []CommittedProposal
	if !plan.WithoutPending && !containsReInit(byValue) {
		pending = g.allowed(q, plan.covered(g.inbox.pending()))
		leaving := selfRemoving(pending)
		delete(leaving, g.leaf)
		byValue = withoutRemoved(byValue, leaving)
	}
	all := byValue
	if len(pending) > 0 {
		all = slices.Concat(pending, byValue)
	}
	refusals, err := g.unauthentic(ctx, q, all, plan.own)
	if err != nil {
		return nil, err
	}
	var authentic []CommittedProposal
	for i, c := range pending {
		if refusals[i] == nil {
			authentic = append(authentic, c)
		}
	}
	list := g.selectProposals(ctx, q, authentic, byValue, plan.own, plan.ForcePath)
	for i, refusal := range refusals[len(pending):] {
		if refusal != nil {
			return nil, atProposal(refusal, len(list)+i)
		}
	}
	if len(list) == 0 {
		return byValue, nil
	}
	return append(list, byValue...), nil
}

// selectProposals returns those of the pending proposals that make a valid list together
// with those by value, and with the committer's new leaf if own, unless nil, says what is
// new in it. path says that the commit has a path in any case.
func (g *Group) selectProposals(ctx context.Context, q questions, pending, byValue []CommittedProposal, own *Config, path bool) []CommittedProposal {
	if len(pending) == 0 {
		return nil
	}
	s, rules := newSelection(g.public, g.leaf, byValue), g.cfg.sending(q.now)
	if own != nil {
		s.bring(own.Credential.Type, own.Signer.PublicKey())
	}
	keep := make([]bool, len(pending))
	for i := range pending { // a Remove beside a SelfRemove is invalid
		if leaf := pending[i].Sender.Leaf; pending[i].isSelfRemove() && s.claim(leaf) {
			keep[i], s.leaving[leaf] = true, true
		}
	}
	for i, c := range pending {
		switch p := c.Proposal.(type) {
		case message.Remove:
			if keep[i] = s.claim(p.Removed); keep[i] {
				s.leaving[p.Removed] = true
			}
		case message.GroupContextExtensions:
			keep[i] = s.takes(c.extensions) == nil
		}
	}
	for i, c := range slices.Backward(pending) { // the latest Update of a leaf counts
		if p, ok := c.Proposal.(message.Update); ok {
			leaf := c.Sender.Leaf
			keep[i] = !s.claimed[leaf] && s.fits(p.LeafNode, leaf) == nil && s.claim(leaf)
		}
	}
	for i, c := range pending {
		switch p := c.Proposal.(type) {
		case message.Add:
			keep[i] = s.fits(&p.KeyPackage.LeafNode, ratchettree.NoLeaf) == nil
		case message.PreSharedKey:
			keep[i] = s.psks < math.MaxUint16 && g.knowsPSK(ctx, q, &p.PSK) && s.seen.checkPSK(p, i) == nil
			if keep[i] {
				s.psks++
			}
		case message.Custom:
			keep[i] = rules.handles(p, c.Sender) == nil && s.supports(p.ProposalType) == nil
		case message.AppDataUpdate, message.AppEphemeral:
			keep[i] = s.supports(message.TypeOf(p)) == nil
		}
	}
	var list []CommittedProposal
	for i, c := range pending {
		if keep[i] {
			list = append(list, c)
		}
	}
	rules.committer, rules.path = g.sender(), path
	list = s.withoutRefused(&rules, list, byValue)
	if len(list)+len(byValue) > 0 {
		return list
	}
	for _, c := range slices.Backward(pending) { // other proposals go before a ReInit
		if _, ok := c.Proposal.(message.ReInit); ok {
			return []CommittedProposal{c}
		}
	}
	return nil
}

func containsReInit(list []CommittedProposal) bool {
	return slices.ContainsFunc(list, func(c CommittedProposal) bool { return message.TypeOf(c.Proposal) == codepoint.ProposalReInit })
}

func (g *Group) knowsPSK(ctx context.Context, q questions, id *message.PreSharedKeyID) bool {
	_, err := q.tryPSK(ctx, id, g, q.begin().psk)
	return err == nil
}

// allowed returns the proposals that the policy lets this member commit for the use of q,
// without Adds whose lifetime does not include the current time (RFC 9420, Section 7.3).
func (g *Group) allowed(q questions, pending []CommittedProposal) []CommittedProposal {
	var list []CommittedProposal
	sent := g.cfg.Lifetimes.sentAt(q.now)
	for _, c := range pending {
		if q.use == suite.Leave && !leaves(c.Proposal) {
			continue
		}
		if add, ok := c.Proposal.(message.Add); ok && sent.of(add.KeyPackage.LeafNode.Lifetime) != nil {
			continue // it was valid when it came, or nobody judged it
		}
		if q.proposal(g.public, &c) == nil {
			list = append(list, c)
		}
	}
	return list
}

// unauthentic asks the application about the credentials that proposals bring. For each
// proposal, it returns the refusal or nil. own, if not nil, says what is new in the
// committer's leaf. The error says that there is no verdict, or that the committer's new
// leaf is refused.
func (g *Group) unauthentic(ctx context.Context, q questions, list []CommittedProposal, own *Config) ([]error, error) {
	refused := make([]error, len(list))
	if g.cfg.Authenticator == nil || q.use == suite.Leave { // what leads out brings none
		return refused, nil
	}
	var changes []event.Change
	var proposals []int // of the changes
	for i, c := range list {
		if message.TypeOf(c.Proposal) == codepoint.ProposalUpdate && c.Sender.Leaf == g.leaf {
			continue // left out
		}
		changes = g.public.proposed(changes, c)
		for len(proposals) < len(changes) {
			proposals = append(proposals, i)
		}
	}
	if own != nil {
		changes = own.ownChange(changes, g.public.tree.Leaf(g.leaf), g.leaf)
	}
	refusals, err := q.begin().refusals(ctx, g.state(), changes)
	for k, refusal := range refusals {
		if k == len(proposals) { // the committer's
			return refused, refusal
		}
		if i := proposals[k]; refused[i] == nil {
			refused[i] = refusal
		}
	}
	return refused, err
}

// selection picks proposals that together make a valid list (RFC 9420, Section 12.2).
type selection struct {
	public     *publicState
	extensions *check.GroupExtensions     // of the next epoch
	claimed    map[message.LeafIndex]bool // leaves with an Update or Remove, and the committer's
	leaving    map[message.LeafIndex]bool
	incoming   *ratchettree.Features           // common features of the incoming leaves
	types      map[message.CredentialType]bool // incoming types that no member uses
	keys       map[string]bool                 // incoming keys
	seen       proposalSet
	entering   []*message.LeafNode
	psks       int // number of PSKs; PSKLabel counts up to 65,535 (RFC 9420, Section 8.4)
	staying    func() *ratchettree.Features
}

func newSelection(p *publicState, committer message.LeafIndex, byValue []CommittedProposal) *selection {
	s := &selection{
		public:     p,
		extensions: p.extensions,
		claimed:    map[message.LeafIndex]bool{committer: true},
		leaving:    map[message.LeafIndex]bool{},
		types:      map[message.CredentialType]bool{},
		keys:       map[string]bool{},
		seen:       proposalSet{},
	}
	s.staying = sync.OnceValue(func() *ratchettree.Features { return p.tree.FeaturesWithout(s.leaving) })
	for i, c := range byValue {
		switch p := c.Proposal.(type) {
		case message.Remove:
			s.claimed[p.Removed], s.leaving[p.Removed] = true, true
		case message.Add:
			leaf := &p.KeyPackage.LeafNode
			s.enter(leaf, ratchettree.FeaturesOf(leaf))
		case message.PreSharedKey:
			_ = s.seen.checkPSK(p, i) // the list is checked later
			s.psks++
		case message.GroupContextExtensions:
			s.seen.twice(onceExtensions, nil)
			s.extensions = c.extensions
		}
	}
	return s
}

// takes returns why the group cannot accept a proposal by itself, or nil. leaving are
// leaves that other proposals remove.
func (p *publicState) takes(c *CommittedProposal, leaving map[message.LeafIndex]bool) error {
	s := newSelection(p, ratchettree.NoLeaf, nil)
	maps.Copy(s.leaving, leaving)
	switch proposal := c.Proposal.(type) {
	case message.Add:
		return s.fits(&proposal.KeyPackage.LeafNode, ratchettree.NoLeaf)
	case message.Update:
		return s.fits(proposal.LeafNode, c.Sender.Leaf)
	case message.GroupContextExtensions:
		return s.takes(c.extensions)
	case message.Custom, message.AppDataUpdate, message.AppEphemeral:
		return s.supports(message.TypeOf(proposal))
	}
	return nil
}

// supports returns an error unless all members, except those who leave, support a custom
// proposal type. By then it is known who leaves.
func (s *selection) supports(t message.ProposalType) error {
	return s.public.supportsProposal(t, s.staying(), s.leaving)
}

// claim claims a leaf, and reports whether nothing claimed it before.
func (s *selection) claim(leaf message.LeafIndex) bool {
	free := !s.claimed[leaf]
	s.claimed[leaf] = true
	return free
}

// enter notes that a leaf with the features own comes into the group.
func (s *selection) enter(leaf *message.LeafNode, own ratchettree.Features) {
	own.InUse = nil // is in types
	s.entering = append(s.entering, leaf)
	s.incoming = s.incoming.Merge(&own)
	s.bring(leaf.Credential.Type, leaf.SignatureKey)
	s.keys[string(leaf.EncryptionKey)] = true
}

// bring notes that a credential type and a signature key come into the group.
func (s *selection) bring(credential message.CredentialType, signatureKey []byte) {
	if !sortedset.Has(s.public.tree.CredentialTypesInUse(), credential) {
		s.types[credential] = true
	}
	s.keys[string(signatureKey)] = true
}

// takes returns why the group cannot take extensions in place of its own, or notes that it
// does. The leaves that come in by value have to support them.
func (s *selection) takes(extensions *check.GroupExtensions) error {
	if err := s.public.tree.Root.Features.Supports(&extensions.Needs); err != nil {
		return err
	}
	if err := s.incoming.Supports(&extensions.Needs); err != nil {
		return err
	}
	if err := s.meetsDemands(extensions); err != nil {
		return err
	}
	if s.seen.twice(onceExtensions, nil) {
		return fault.Violation("12.2", "another GroupContextExtensions takes precedence")
	}
	s.extensions = extensions
	return nil
}

// fits returns why a leaf cannot come into the group, in place of old if that is a leaf,
// or notes that it does. It looks at what others have in common and not at each of them.
func (s *selection) fits(leaf *message.LeafNode, old message.LeafIndex) error {
	own := ratchettree.FeaturesOf(leaf)
	if err := s.public.admits(leaf, &own, s.extensions, old, s.leaving); err != nil {
		return err
	}
	if s.public.tree.HasEncryptionKey(leaf.EncryptionKey) {
		return fault.Violation("7.3", "encryption_key of the new leaf is another node's")
	}
	if s.clashes(leaf, &own) {
		return fault.Violation("7.3", "new leaf does not go with another new leaf")
	}
	s.enter(leaf, own)
	return nil
}

// clashes reports whether a leaf with the features own has a key of an incoming leaf, or
// one of the two does not support the credential type of the other.
func (s *selection) clashes(leaf *message.LeafNode, own *ratchettree.Features) bool {
	for other := range s.types {
		if !own.SupportsCredential(other) {
			return true
		}
	}
	if s.incoming != nil && !s.incoming.SupportsCredential(leaf.Credential.Type) {
		return true
	}
	return s.keys[string(leaf.SignatureKey)] || s.keys[string(leaf.EncryptionKey)]
}
