package client

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
)

// fetchGroup returns entries of a group's stream that the client has not read, as unread does.
func (c *Client) fetchGroup(ctx context.Context, g *liveGroup) ([]delivery.Entry, error) {
	stream := delivery.Stream{Group: g.id}
	return c.unread(ctx, g.rec.Position, g.rec.Read, &g.looked, func(after delivery.Position, limit int) ([]delivery.Entry, error) {
		switch {
		case g.partial == nil:
			return c.service.Fetch(ctx, stream, after, limit)
		case after < g.rec.Position: // of what was read, nothing is annotated anew
			return c.service.Fetch(ctx, stream, after, 1)
		}
		return c.annotator().FetchAnnotated(ctx, stream, uint32(g.partial.OwnLeaf()), after, limit)
	})
}

// processPartial takes an entry of another member as a partial member.
func (c *Client) processPartial(ctx context.Context, s *step, g *liveGroup, e *delivery.Entry) error {
	var err error
	if e.Kind == delivery.KindCommit {
		err = c.partialCommit(ctx, s, g, e)
	} else {
		err = c.partialMessage(ctx, s, g, e)
	}
	wrong, isWrong := errors.AsType[*AnnotationError](err)
	if !isWrong {
		g.tries = 0
		return err
	}
	if g.tries++; g.tries < maxAnnotations {
		return err
	}
	g.tries = 0
	if e.Kind != delivery.KindCommit { // perhaps it was the message after all
		return c.refuse(s, g, e, "message", wrong.Err)
	}
	if !c.upgrades() {
		return &TroubleError{g.id, Unreadable, wrong.Err}
	}
	c.warn("becoming a full member", g.id, err)
	if err := c.upgrade(ctx, s, g); err != nil {
		return err
	}
	return c.process(ctx, s, g, e)
}

// partialCommit follows a commit. The error is an [*AnnotationError] if the service may be to
// blame for it.
func (c *Client) partialCommit(ctx context.Context, s *step, g *liveGroup, e *delivery.Entry) error {
	wrong := func(err error) error { return &AnnotationError{g.id, e.Position, err} }
	annotated := slices.Concat(e.Message, e.Annotation)
	candidate, err := withProposals(ctx, c, g, e, func(proposals ...[]byte) (*mls.PartialCandidate, error) {
		return g.partial.ProcessCommit(ctx, c.cfg.Now(), annotated, slices.Concat(g.heard, proposals)...)
	})
	switch {
	case err == nil:
		return c.adoptPartial(ctx, s, g, e, candidate)
	case lacks(err):
		return &TroubleError{g.id, Unreadable, err} // nor would a full member find them
	case !verdict(err):
		return err
	case refusal(err):
		return &TroubleError{g.id, Refuses, err}
	}
	if len(e.Annotation) == 0 { // and the commit is not one that needs none
		err = errors.New("there is none")
	}
	return wrong(err)
}

// partialMessage takes a message or a proposal.
func (c *Client) partialMessage(ctx context.Context, s *step, g *liveGroup, e *delivery.Entry) error {
	sender, err := g.partial.Sender(e.Message)
	if errors.Is(err, message.ErrUnsupported) { // a proposal of nobody inside, which comes with a commit
		return c.hear(s, g, e)
	}
	var received *mls.Received
	if err == nil {
		received, err = c.processProven(ctx, g, e, sender)
	}
	if isAnnotation(err) || err != nil && !verdict(err) {
		return err
	}
	switch {
	case errors.Is(err, mls.ErrPastEpoch):
		return nil // its sender sends it again
	case errors.Is(err, mls.ErrFutureEpoch):
		return &TroubleError{g.id, Gap, fmt.Errorf("a message comes before the commit that begins its epoch: %w", err)}
	case errors.Is(err, mls.ErrConsumed) && e.Position <= g.rec.Again:
		return nil // it was read before the service lost something
	case err != nil:
		return c.refuse(s, g, e, "message", err)
	case received.Application != nil:
		if a := received.Application; a.Author.Epoch == g.epoch() {
			g.rec.meet(a.Sender, a.SignatureKey)
		}
		return c.received(s, g, e, received.Application)
	}
	return c.hear(s, g, e)
}

func isAnnotation(err error) bool {
	_, ok := errors.AsType[*AnnotationError](err)
	return ok
}

// processProven lets the engine process a message of a member at a leaf. It asks the service
// for a proof that the leaf is a member, once in an epoch.
func (c *Client) processProven(ctx context.Context, g *liveGroup, e *delivery.Entry, sender message.LeafIndex) (*mls.Received, error) {
	m, err := message.Parse[message.Message](e.Message)
	if err != nil {
		return nil, err
	}
	wrong := func(err error) error { return &AnnotationError{g.id, e.Position, err} }
	proof, kept := g.proofs[m.Epoch()][sender]
	if !kept {
		proof, err = c.annotator().MembershipProof(ctx, g.id, m.Epoch(), uint32(sender))
		switch _, refused := errors.AsType[*delivery.RefusalError](err); {
		case refused, errors.Is(err, delivery.ErrUnseen):
			return nil, wrong(err)
		case err != nil:
			return nil, err
		}
	}
	received, err := g.partial.Process(ctx, c.cfg.Now(), slices.Concat(e.Message, proof))
	switch {
	case err == nil:
		g.keepProof(m.Epoch(), sender, proof)
		return received, nil
	case kept, !errors.Is(err, message.ErrInvalid) && !errors.Is(err, message.ErrMalformed), refusal(err):
		return nil, err
	}
	if _, _, bad := g.partial.Member(ctx, c.cfg.Now(), proof); bad != nil {
		return nil, wrong(err) // or the proof is of an epoch before: then it is asked for again in vain
	}
	return nil, err
}

// maxProofs is the number of proofs that a group keeps in memory for one epoch.
const maxProofs = 64

func (g *liveGroup) keepProof(epoch uint64, leaf message.LeafIndex, proof []byte) {
	if g.proofs == nil {
		g.proofs = map[uint64]map[message.LeafIndex][]byte{}
	}
	if g.proofs[epoch] == nil || len(g.proofs[epoch]) >= maxProofs {
		g.proofs[epoch] = map[message.LeafIndex][]byte{}
	}
	g.proofs[epoch][leaf] = proof
}

// maxHeard is the number of proposals of one epoch that a partial member keeps of those that
// it cannot look at before the commit. One sender may use a quarter of it. Each member has a
// share that the others cannot take: maxHeard divided by the number of leaves. What is not
// kept is read again with the commit (see withProposals), as long as the service has it.
var maxHeard = 1000

// hear keeps a proposal of somebody else for the commit.
func (c *Client) hear(s *step, g *liveGroup, e *delivery.Entry) error {
	if e.Epoch != g.epoch() {
		return nil
	}
	g.waits = true
	if e.Position <= g.rec.Again && containsBytes(g.heard, e.Message) || !g.hearsMore(e.Message) {
		return nil
	}
	g.heard = append(g.heard, e.Message)
	k := key(spaceHeard, g.id, number(uint64(e.Position)))
	s.write(func(w store.Writer) error { return w.Put(k, e.Message) })
	return nil
}

// hearsMore reports whether there is room for a proposal among those that are kept, and counts
// it if so.
func (g *liveGroup) hearsMore(proposal []byte) bool {
	from := func(proposal []byte) message.LeafIndex {
		leaf, err := g.partial.Sender(proposal)
		if err != nil {
			return noLeaf // nobody inside
		}
		return leaf
	}
	if g.heardFrom == nil {
		g.heardFrom = map[message.LeafIndex]int{}
		for _, p := range g.heard {
			g.heardFrom[from(p)]++
		}
	}
	sender := from(proposal)
	n, share := g.heardFrom[sender], maxHeard/max(1, g.partial.Leaves())
	if n >= share && (len(g.heard) >= maxHeard || n >= max(1, share, maxHeard/4)) {
		return false
	}
	g.heardFrom[sender]++
	return true
}

// noLeaf is the leaf of a member of whom only the Add is known, as in package event.
const noLeaf = message.LeafIndex(math.MaxUint32)

// adoptPartial moves the group to the epoch that an accepted commit begins.
func (c *Client) adoptPartial(ctx context.Context, s *step, g *liveGroup, e *delivery.Entry, candidate *mls.PartialCandidate) error {
	author, committer := candidate.Author(), candidate.Committer()
	by := c.person(committer.Leaf, author.Credential, author.SignatureKey)
	proposals, own := candidate.Proposals(), message.Sender{Type: message.SenderMember, Leaf: g.partial.OwnLeaf()}
	next, err := candidate.Adopt()
	if errors.Is(err, mls.ErrRemoved) {
		c.left(s, g, &by)
		return nil
	}
	if err != nil {
		return err
	}
	proofs := g.proofs
	for epoch := range proofs {
		if epoch+uint64(max(c.cfg.MLS.Limits.PastEpochs, 0)) < next.GroupContext().Epoch {
			delete(proofs, epoch)
		}
	}
	if len(g.heard) > 0 {
		s.delete(key(spaceHeard, g.id))
	}
	g.partialState = partialState{partial: next, proofs: proofs}
	g.rec.Began, g.behind = markOf(e), 0
	g.describe()
	g.rec.follow(proposals, committer, author)
	for _, p := range proposals {
		if p.Sender == own {
			c.covered(s, g, p.Proposal)
		}
	}
	if changes := c.proposedChanges(proposals); len(changes) > 0 {
		s.membershipChanged(g, &by, changes)
	}
	s.event(g, c.withProposals(&EpochChanged{By: &by}, proposals))
	c.reInitialized(s, g, next.ReInit())
	return nil
}

// covered finishes the change that a commit has made of a proposal of this client.
func (c *Client) covered(s *step, g *liveGroup, proposal message.Proposal) {
	_, isUpdate := proposal.(message.Update)
	if isUpdate {
		g.rec.Renewed, g.rec.Sent = c.cfg.Now(), 0
		g.renewAt = time.Time{}
	}
	for _, in := range slices.Clone(g.intents) {
		if in.rec.Epoch+1 != g.rec.Epoch || !in.shown {
			continue // its proposal comes behind the commit
		}
		switch in.rec.Kind {
		case intentRenew, intentRotate:
			if isUpdate {
				s.finish(g, in, nil)
			}
		case intentPropose:
			if c.isProposal(in, proposal) {
				s.finish(g, in, nil)
			}
		}
	}
}

// proposedChanges returns what the proposals of a commit do to the members. Of somebody who
// is added, a partial member knows the credential, of somebody who is removed, the leaf.
func (c *Client) proposedChanges(proposals []mls.CommittedProposal) []MemberChange {
	var changes []MemberChange
	for _, p := range proposals {
		switch what := p.Proposal.(type) {
		case message.Add:
			leaf := what.KeyPackage.LeafNode
			changes = append(changes, MemberChange{Person: c.person(noLeaf, leaf.Credential, leaf.SignatureKey), Reason: event.Added})
		case message.Remove:
			changes = append(changes, MemberChange{Person: Person{Leaf: what.Removed}, Reason: event.Removed})
		case message.SelfRemove:
			changes = append(changes, MemberChange{Person: c.person(p.Sender.Leaf, p.Credential, p.SignatureKey), Reason: event.Removed})
		case message.Update:
			if !sameCredential(p.Credential, what.LeafNode.Credential) {
				old := p.Credential
				changes = append(changes, MemberChange{
					Person: c.person(p.Sender.Leaf, what.LeafNode.Credential, what.LeafNode.SignatureKey), Reason: event.Updated, Old: &old,
				})
			}
		}
	}
	return changes
}
