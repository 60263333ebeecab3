package mls

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// ProcessCommit takes a commit of this epoch as AnnotateCommit returns it: an encoded
// AnnotatedCommit or, for a commit that removes this member, a SenderAuthenticatedMessage of
// a member's commit and the MLSMessage alone of a new member's. Of the latter's leaf, which no
// proof places in a tree, only the credential is judged and the key verifies the commit.
// The PartialGroup stays as it is, except that the message key of a PrivateMessage is
// deleted. Adopting the candidate returns the PartialGroup of the next epoch.
//
// proposals are handed over with the commit, each as an MLSMessage without a proof: all to
// which the commit refers and that [PartialGroup.Process] has not taken. The committer
// vouches for them: of a member's, only the membership tag or the encryption is checked.
//
// Errors:
//
//   - those of [Group.Process] for commits.
//   - [message.ErrInvalid]: also if a proof is not valid or not of the leaf that it should
//     be of, if the annotations do not go with the commit, or if they show another leaf of
//     this member than it has.
func (p *PartialGroup) ProcessCommit(ctx context.Context, now time.Time, annotated []byte, proposals ...[]byte) (*PartialCandidate, error) {
	return p.processAnnotated(ctx, now, annotated, handedOver{proposals: proposals})
}

// ProcessCommitWithPSKs is [PartialGroup.ProcessCommit] of a commit that may inject one of psks.
//
// Errors:
//
//   - those of [PartialGroup.ProcessCommit].
func (p *PartialGroup) ProcessCommitWithPSKs(ctx context.Context, now time.Time, psks []ApplicationPSK, annotated []byte, proposals ...[]byte) (*PartialCandidate, error) {
	return p.processAnnotated(ctx, now, annotated, handedOver{proposals, psks})
}

func (p *PartialGroup) processAnnotated(ctx context.Context, now time.Time, annotated []byte, beside handedOver) (*PartialCandidate, error) {
	g := p.member
	a, err := parseAnnotated(annotated, g.public.numbers)
	var c *PartialCandidate
	if err == nil {
		c, err = p.processCommit(ctx, now, a, beside)
	}
	switch {
	case !g.cfg.observed():
	case err != nil:
		var m *message.Message
		if a != nil {
			m = groupMessageOf(&a.Commit)
		}
		g.cfg.tellRefused(g.state(), m, err)
	case c.Lapsed != nil:
		g.cfg.Observer.Observe(*c.Lapsed)
	}
	return c, err
}

// annotatedCommit is an AnnotatedCommit, or a commit that removes its receiver: then only its
// first two fields are set, or the first alone for a new member's commit.
type annotatedCommit struct {
	framing.AnnotatedCommit
	removes bool
}

// parseAnnotated reads what AnnotateCommit returns. Nothing is two of the structures: whatever
// follows the commit in one is too short for another.
func parseAnnotated(b []byte, numbers message.CodePoints) (*annotatedCommit, error) {
	a, err := framing.ParseAnnotatedCommit(b, numbers)
	if err == nil {
		return &annotatedCommit{AnnotatedCommit: *a}, nil
	}
	removes := framing.AnnotatedCommit{}
	if m, other := framing.ParseSenderAuthenticated(b, numbers); other == nil {
		removes.Commit, removes.Sender = m.Message, m.Sender
	} else if m, other := framing.ParseGroupMessage(b, numbers); other == nil && ofNewMember(m) {
		removes.Commit = *m
	}
	if removes.Commit.ContentType() != message.ContentCommit {
		return nil, err
	}
	return &annotatedCommit{removes, true}, nil
}

// ofNewMember reports whether a message is a commit by which its sender joins.
func ofNewMember(m *framing.GroupMessage) bool {
	return m.Public != nil && m.Public.Content.Sender.Type == message.SenderNewMemberCommit
}

func (p *PartialGroup) processCommit(ctx context.Context, now time.Time, a *annotatedCommit, beside handedOver) (*PartialCandidate, error) {
	g := p.member
	done, err := g.alive()
	if err != nil {
		return nil, err
	}
	defer done()
	if err := isFor(g.public, &a.Commit); err != nil {
		return nil, err
	}
	if a.Commit.Public != nil && a.Sender != nil && a.Commit.Public.Content.Sender.Type != message.SenderMember {
		return nil, fault.Violation(partialCommit, "sender_membership_proof is beside the commit of a new member")
	}
	ac, key, err := g.openProven(&a.Commit, a.Sender)
	if err != nil {
		return nil, err
	}
	if key != nil {
		defer key.Discard()
	}
	q := g.cfg.ask(suite.Receive, now)
	lapsed, err := q.sender(ctx, g.public, int64(g.leaf), ac)
	if err != nil {
		return nil, err
	}
	if g.public.reInit != nil {
		return nil, ErrReInit
	}
	if err := g.checkStrict(ac); err != nil {
		return nil, err
	}
	c, err := p.candidate(ctx, q, ac, a, beside)
	if err != nil {
		return nil, err
	}
	if err := g.inbox.admit(&Received{Commit: c}, key, g.proposalLimits()); err != nil {
		c.discard(ErrRetired)
		return nil, err
	}
	return &PartialCandidate{Lapsed: lapsed, contextView: c.contextView, candidate: c}, nil
}

// candidate makes a candidate of a commit whose signature has been verified
// (draft-ietf-mls-partial-02, "Annotated Commit").
func (p *PartialGroup) candidate(ctx context.Context, q questions, ac *framing.AuthenticatedContent, a *annotatedCommit, beside handedOver) (*Candidate, error) {
	g := p.member
	list, err := beside.resolve(ac, g.public.numbers, g.inbox.proposal, func(m *message.Message, wanted func([]byte) bool) (CommittedProposal, error) {
		return g.openProposal(ctx, q.now, m, wanted)
	})
	if err != nil {
		return nil, err
	}
	if err := g.cfg.allowCommit(g.public, q.now, ac, list); err != nil {
		return nil, err
	}
	changes, err := g.applyPartially(ac, a, list, g.cfg.receiving(q.now))
	if err != nil {
		return nil, err
	}
	if err := g.checkShownLeaf(changes, ac, a); err != nil {
		return nil, err
	}
	if err := g.authenticateCommit(ctx, q, ac, a, list, changes); err != nil {
		return nil, err
	}
	begun, cfg := epoch{public: g.public}, g.cfg
	if !a.removes {
		if begun, cfg, err = g.openAnnotated(ctx, q.with(beside.psks), changes, ac, a); err != nil {
			return nil, err
		}
	}
	c := newCandidate(&Candidate{
		transition: newTransition(g.public, begun.public, changes, ac.Content.AuthenticatedData),
		cfg:        cfg,
		from:       g,
		removed:    a.removes,
	}, epoch{public: begun.public, secrets: begun.secrets, self: begun.self})
	author := ac.Author
	c.author = &author
	return c, nil
}

// applyPartially applies those proposals of a commit that do not change the tree. Of the
// rules for lists, it checks those for which the list is enough.
func (g *Group) applyPartially(ac *framing.AuthenticatedContent, annotated *annotatedCommit, list []CommittedProposal, rules listRules) (*applied, error) {
	p := g.public
	if err := p.checkEpochLeft(); err != nil {
		return nil, err
	}
	rules.committer, rules.anyType = ac.Content.Sender, takesOut(list, g.leaf)
	var err error
	if rules.committer.Type == message.SenderNewMemberCommit {
		err = checkExternalList(list)
	} else {
		err = checkList(list, rules.committer.Leaf)
	}
	if err != nil {
		return nil, err
	}
	if ac.Content.Commit.Path == nil && rules.needsPath(list) {
		return nil, fault.Violation("12.4", "commit lacks the required path").AtLeaf(rules.committer.Leaf)
	}
	a := &applied{extensions: p.extensions, extended: -1, list: list, sender: rules.committer, committer: rules.committer.Leaf}
	for i := range list {
		c := &list[i]
		switch c.Proposal.(type) {
		case message.Add, message.Remove: // of the tree alone
			continue
		case message.Update:
			if c.Sender == g.sender() {
				a.updated = append(a.updated, updatedLeaf{g.leaf, c.Ref})
			}
			continue
		}
		if err := p.checkUnchecked(list, i, rules); err != nil {
			return nil, err
		}
		switch proposal := c.Proposal.(type) {
		case message.GroupContextExtensions:
			a.extensions, a.extended = c.extensions, i
		case message.PreSharedKey:
			a.psks = append(a.psks, proposal.PSK)
		case message.ExternalInit:
			a.externalInit = proposal.KEMOutput
		case message.ReInit:
			a.reInit, a.announced = &proposal, c.extensions
		}
	}
	judge := componentsJudge{public: p, rules: &rules, list: list, path: ac.Content.Commit.Path != nil}
	if a.extensions, err = judge.next(a.extensions); err != nil {
		return nil, err
	}
	if rules.anyType != annotated.removes {
		return nil, fault.Violation(partialCommit, "annotations say otherwise than the commit whether it removes this member").AtLeaf(g.leaf)
	}
	if rules.committer.Type == message.SenderNewMemberCommit {
		a.committer = ratchettree.NoLeaf // until a proof shows it
		if removedBy(list, g.leaf) {
			return a, p.checkResync(g.cfg, g.leaf, ac.Content.Commit.Path.LeafNode)
		}
	}
	return a, nil
}

// committer returns the leaf of the committer after the commit, and its node before, which is
// nil for a new member. It returns NoLeaf for a new member who takes this member out: its
// leaf is not shown.
func (a *annotatedCommit) committer() (message.LeafIndex, ratchettree.Leaf) {
	switch {
	case a.Sender != nil:
		return a.Sender.Leaf, a.Sender.Node
	case a.SenderAfter != nil:
		return a.SenderAfter.Leaf, nil
	}
	return ratchettree.NoLeaf, nil
}

// checkShownLeaf validates the leaf of a commit's path as a full member does, as far as the
// leaf and the one before it are enough.
func (g *Group) checkShownLeaf(by *applied, ac *framing.AuthenticatedContent, a *annotatedCommit) error {
	path := ac.Content.Commit.Path
	if path == nil {
		return nil
	}
	leaf, before := a.committer()
	if leaf == ratchettree.NoLeaf { // the signature covers its place
		return check.LeafCovers(path.LeafNode, g.public.suite)
	}
	if err := g.public.checkPathLeaf(by, leaf, before, path, nil); err != nil {
		return err
	}
	return atLeaf(meetsDemands(path.LeafNode, by.extensions, g.public.numbers), leaf)
}

// removedBy reports whether a list has a Remove of a leaf.
func removedBy(list []CommittedProposal, leaf message.LeafIndex) bool {
	return slices.ContainsFunc(list, func(c CommittedProposal) bool { return c.Proposal == message.Remove{Removed: leaf} })
}

// authenticateCommit asks the application about the credentials that a commit brings or
// shows.
func (g *Group) authenticateCommit(ctx context.Context, q questions, ac *framing.AuthenticatedContent, a *annotatedCommit, list []CommittedProposal, by *applied) error {
	if q.cfg.Authenticator == nil {
		return nil
	}
	var changes []event.Change
	for i := range list {
		if message.TypeOf(list[i].Proposal) == message.TypeOf(message.GroupContextExtensions{}) {
			continue // once, below
		}
		changes = g.public.proposed(changes, list[i])
	}
	leaf, before := a.committer()
	reason := event.Added
	if before != nil {
		changes, reason = append(changes, change(leaf, nil, before, event.Joined)), event.Updated
	}
	if path := ac.Content.Commit.Path; path != nil && before == nil && removedBy(list, g.leaf) { // this client comes back
		changes = append(changes, changeTo(leaf, g.public.tree.Leaf(g.leaf), path.LeafNode.Credential, path.LeafNode.SignatureKey, event.Resynced))
	} else if path != nil {
		changes = changed(changes, leaf, before, path.LeafNode.Credential, path.LeafNode.SignatureKey, reason)
	}
	return q.authenticate(ctx, g.public, int64(g.leaf), changedSenders(changes, g.public.extensions, by.extensions))
}

// openAnnotated checks the annotations of a commit, and derives the epoch that it begins.
func (g *Group) openAnnotated(ctx context.Context, q questions, by *applied, ac *framing.AuthenticatedContent, a *annotatedCommit) (begun epoch, _ *Config, err error) {
	p, path := g.public, ac.Content.Commit.Path
	slice, err := g.checkAnnotations(by, ac, a)
	if err != nil {
		return begun, nil, err
	}
	by.committer = a.SenderAfter.Leaf
	if err := checkOwnLeaf(slice, a.ReceiverAfter, by.extensions, p.numbers); err != nil {
		return begun, nil, err
	}
	context := p.context
	context.Epoch++
	context.TreeHash = slices.Clone(a.TreeHashAfter)
	context.Extensions = by.extensions.List
	next := newProvisional(publicParts{
		suite: p.suite, numbers: p.numbers, context: context, tree: slice, extensions: by.extensions, reInit: by.reInit, announced: by.announced, partial: true,
	})
	begun, cfg, err := g.openEpoch(ctx, q, by, next, ac, func(groupContext []byte, lookup func(ratchettree.NodeIndex) suite.PrivateKey) (*ratchettree.PathSecrets, error) {
		return ratchettree.OpenSlice(p.suite, a.SenderAfter, a.ReceiverAfter, path, *a.ResolutionIndex, groupContext, lookup)
	})
	if err != nil {
		return begun, nil, err
	}
	if err := begun.self.complete(slice); err != nil {
		begun.destroy()
		return epoch{}, nil, err
	}
	return begun, cfg, nil
}

// checkAnnotations checks that the annotations of a commit are of one tree, of this member
// and of the committer, and go with the commit. It returns the slice of the new tree above
// this member.
func (g *Group) checkAnnotations(by *applied, ac *framing.AuthenticatedContent, a *annotatedCommit) (*ratchettree.Tree, error) {
	s, path, sender := g.public.suite, ac.Content.Commit.Path, ac.Content.Sender
	_, slice, err := sameTree(s, a.SenderAfter, a.ReceiverAfter, partialCommit)
	if err != nil {
		return nil, err
	}
	switch {
	case !bytes.Equal(slice.Hash(), a.TreeHashAfter):
		return nil, fault.Violation(partialCommit, "membership proofs are not valid for tree_hash_after")
	case a.ReceiverAfter.Leaf != g.leaf:
		return nil, fault.Violation(partialCommit, "receiver_membership_proof_after is of leaf %d", a.ReceiverAfter.Leaf).AtLeaf(g.leaf)
	case sender.Type == message.SenderMember && a.SenderAfter.Leaf != sender.Leaf:
		return nil, fault.Violation(partialCommit, "sender_membership_proof_after is not of the committer, but of leaf %d", a.SenderAfter.Leaf).AtLeaf(sender.Leaf)
	case (path != nil) != (a.ResolutionIndex != nil):
		return nil, fault.Violation(partialCommit, "resolution_index is there without a path, or a path without it")
	case path == nil && !bytes.Equal(a.SenderAfter.Node, a.Sender.Node):
		return nil, fault.Violation(partialCommit, "committer has another leaf after a commit without a path").AtLeaf(sender.Leaf)
	}
	own := []byte(g.public.tree.Leaf(g.leaf))
	for _, c := range by.list {
		if u, ok := c.Proposal.(message.Update); ok && c.Sender == g.sender() {
			if own, err = message.Marshal(u.LeafNode); err != nil {
				return nil, err
			}
		}
	}
	if !bytes.Equal(a.ReceiverAfter.Node, own) {
		return nil, fault.Violation(partialCommit, "receiver_membership_proof_after does not have this member's leaf").AtLeaf(g.leaf)
	}
	return slice, nil
}

// MembershipProof returns the encoded proof that a member's leaf is in the tree of this
// epoch, for a partial member that wants to know who the member is
// ([PartialGroup.Member]). It reads O(log n) nodes of the tree.
//
// Errors:
//
//   - [message.ErrInvalid]: the leaf is not a member.
func (v *publicView) MembershipProof(leaf message.LeafIndex) ([]byte, error) {
	proof, err := v.public.prove(leaf)
	if err != nil {
		return nil, err
	}
	return wire.Marshal(proof.Marshal)
}
