package client

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// fetchInbox returns entries of the inbox, without trees for a client that may do without.
func (c *Client) fetchInbox(ctx context.Context, of delivery.Stream) ([]delivery.Entry, error) {
	at := c.inboxAt
	return c.unread(ctx, at.Position, at.Read, &c.inboxLook, func(after delivery.Position, limit int) ([]delivery.Entry, error) {
		return c.fetchBehind(ctx, of, after, limit)
	})
}

// fetchBehind returns entries of the inbox behind a position.
func (c *Client) fetchBehind(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	if c.cfg.Partial == nil {
		return c.service.Fetch(ctx, of, after, limit)
	}
	return c.annotator().FetchAnnotated(ctx, of, 0, after, limit)
}

// withTree gives an invitation the tree that fetchInbox has left out.
func (c *Client) withTree(ctx context.Context, in *invitation) error {
	if c.cfg.Partial == nil || in.entry.Tree != nil {
		return nil
	}
	whole, err := c.service.Fetch(ctx, delivery.Stream{Client: c.name}, in.entry.Position-1, 1)
	if err != nil {
		return &againError{err}
	}
	if len(whole) > 0 && whole[0].Position == in.entry.Position {
		in.entry.Tree = whole[0].Tree
	}
	return nil
}

// acceptPartial joins the group of an invitation as a partial member. It reports false if the
// client is to join as a full one.
func (c *Client) acceptPartial(ctx context.Context, in *invitation, g, old *liveGroup) (joined bool, err error) {
	if c.cfg.Partial == nil || in.pair != nil {
		return false, nil
	}
	if old != nil { // whose members the new group has to have, which a partial member cannot see
		err := c.upgradeFor(ctx, old)
		_, refused := errors.AsType[*delivery.RefusalError](err)
		if err == nil || fatal(err) || refused || refusal(err) || errors.Is(err, ErrPartial) {
			return false, err
		}
		return false, &againError{err} // the service may have the tree later, or another one
	}
	candidate, err := c.joinPartial(ctx, in)
	switch {
	case err != nil && c.upgrades() && c.fullInstead(in, err):
		c.warn("joining as a full member", in.entry.Group, err)
		return false, nil
	case err != nil || candidate == nil:
		return false, err
	}
	author := candidate.Author()
	by := c.person(candidate.Committer().Leaf, author.Credential, author.SignatureKey)
	err = c.checkInvitation(ctx, in, g, candidate.GroupContext().GroupID, by)
	if err == nil {
		err = c.checkWhole(candidate.GroupContext())
	}
	if accept := c.cfg.Partial.Accept; err == nil && accept != nil {
		if refused := accept(ctx, candidate, in.entry.From); refused != nil {
			err = fmt.Errorf("%w: %w", errNotAccepted, refused)
		}
	}
	if err == nil {
		err = c.sentBefore(ctx, g, startOf(in.entry))
	}
	if err != nil {
		candidate.Discard()
		return false, err
	}
	next, err := candidate.Adopt()
	if err != nil {
		return false, err
	}
	what := &Joined{How: event.EntryWelcome, By: &by, Partial: true, Data: candidate.JoinerData}
	return true, c.welcomed(ctx, in, g, nil, what, func(s *step) { c.enterPartial(s, g, next, startOf(in.entry), &by) })
}

// fullInstead reports whether a client that may be a full member is one after an error.
func (c *Client) fullInstead(in *invitation, err error) bool {
	_, forbidden := errors.AsType[*suite.PolicyError](err)
	_, wrong := errors.AsType[*AnnotationError](err)
	return forbidden || errors.Is(err, delivery.ErrUnseen) || wrong && in.tries >= maxAnnotations-1
}

// joinPartial returns the candidate of a partial member, or nil if the group is too small for
// one.
func (c *Client) joinPartial(ctx context.Context, in *invitation) (*mls.PartialCandidate, error) {
	e := in.entry
	m, err := message.Parse[message.Message](e.Message)
	if err != nil {
		return nil, err
	}
	welcome, err := message.Marshal(m.Welcome)
	if err != nil {
		return nil, err
	}
	wrong := func(err error) error { return &AnnotationError{e.Group, e.Position, err} }
	proofs, err := c.annotator().AnnotateWelcome(ctx, e.Group, e.Epoch, in.own.KeyPackage.LeafNode.SignatureKey)
	if refused, ok := errors.AsType[*delivery.RefusalError](err); ok {
		return nil, wrong(refused)
	}
	if err != nil && !errors.Is(err, delivery.ErrUnseen) {
		return nil, &againError{err}
	}
	if err != nil {
		return nil, err
	}
	if len(proofs) < 8 {
		return nil, wrong(fmt.Errorf("%w: no membership proofs", message.ErrMalformed))
	}
	// The first field of a proof is the leaf, the next is the number of leaves.
	if leaves := binary.BigEndian.Uint32(proofs[4:]); int64(leaves) < int64(c.cfg.Partial.Leaves) {
		return nil, nil
	}
	candidate, err := in.own.JoinPartial(ctx, c.cfg.Now(), append(welcome, proofs...), mls.JoinOptions{})
	if err != nil && (errors.Is(err, message.ErrMalformed) || errors.Is(err, message.ErrInvalid)) && !refusal(err) {
		return nil, wrong(err)
	}
	return candidate, err
}

// enterPartial is enter for a partial member, whom by has welcomed.
func (c *Client) enterPartial(s *step, g *liveGroup, next *mls.PartialGroup, position delivery.Position, by *Person) {
	c.entering(s, g, next.GroupContext().Epoch, position)
	g.partialState = partialState{partial: next}
	g.use(nil, nil)
	g.rec.meet(by.Leaf, by.SignatureKey)
	g.describe()
}

// knowsMember is knows for a person at a leaf. A partial member knows whom it has met, and of
// others it lets the service prove that they were members in the epoch that it could follow.
func (c *Client) knowsMember(ctx context.Context, g *liveGroup, by Person) error {
	if g.partial == nil {
		return g.knows(by.SignatureKey)
	}
	if g.rec.hasMet(by.SignatureKey) {
		return nil
	}
	proof, err := c.annotator().MembershipProof(ctx, g.id, g.epoch(), uint32(by.Leaf))
	if err != nil && !final(err) && !errors.Is(err, delivery.ErrUnseen) && !errors.Is(err, delivery.ErrNoGroup) {
		return &againError{err} // nobody has said that there is no proof
	}
	if err == nil {
		_, node, refused := g.partial.Member(ctx, c.cfg.Now(), proof)
		if refused == nil && string(node.SignatureKey) == string(by.SignatureKey) {
			return nil
		}
		err = refused
	}
	if err != nil {
		c.warn("member is not proved", g.id, err)
	}
	return errStranger
}
