package apq

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Received is what a message from another member held. Exactly one of Application, Proposal
// and Commit is set, and PQProposal beside Proposal if the message was a pair.
type Received struct {
	Application *mls.ApplicationMessage
	Proposal    *mls.CommittedProposal // in the T group
	PQProposal  *mls.CommittedProposal // the same in the PQ group, or nil
	Commit      *Candidate             // to be adopted or dropped

	Lapsed *event.SenderLapsed // as in [mls.Received]
}

// Process takes a message of the combined group: a pair of commits or of proposals, or an
// MLSMessage of the T group, with application data, a proposal or a PARTIAL commit. It
// keeps proposals, and changes nothing else.
//
// proposals are handed over with a commit, as with [mls.Group.Process]: pairs, or
// MLSMessages of one of the groups.
//
// Of a pair, the PQ group's message is processed first. A message that both groups know to
// be of the past, because another commit won, is [mls.ErrPastEpoch] and no fault.
//
// Errors:
//
//   - those of [mls.Group.Process], in a [*LegError]. It wraps [ErrLegLost] if the group
//     cannot follow what the other one can.
//   - [mls.ErrWrongGroup], [mls.ErrPastEpoch], [mls.ErrFutureEpoch]: of the pair as a whole.
//   - [mls.ErrRetired].
//   - [message.ErrMalformed], [message.ErrUnsupported]: the message does not parse, or is
//     nothing for a group.
//   - a [*RuleError]: the message breaks a rule of the combiner.
func (g *Group) Process(ctx context.Context, now time.Time, msg []byte, proposals ...[]byte) (*Received, error) {
	if err := g.alive(); err != nil {
		return nil, err
	}
	beside, err := g.split(proposals)
	if err != nil {
		return nil, err
	}
	if IsMessagePair(msg, g.cfg.numbers()) {
		return g.processPair(ctx, now, msg, beside)
	}
	m, err := message.Parse[message.Message](msg)
	if err != nil {
		return nil, err
	}
	switch id := m.GroupID(); {
	case m.PublicMessage == nil && m.PrivateMessage == nil:
		return nil, unsupportedMessage(m)
	case bytes.Equal(id, g.pq.GroupID()) && m.ContentType() == message.ContentApplication:
		return nil, broken("3.4", PQ, "application message")
	case bytes.Equal(id, g.pq.GroupID()):
		return nil, broken("3", PQ, "%s without its half in the T group", m.ContentType())
	}
	return g.processT(ctx, now, msg, m.ContentType(), beside.T)
}

// handedOver is proposals that are handed over with a commit, by their groups.
type handedOver struct{ T, PQ [][]byte }

func (g *Group) split(proposals [][]byte) (beside handedOver, err error) {
	for _, b := range proposals {
		if !IsMessagePair(b, g.cfg.numbers()) {
			if m, err := message.Parse[message.Message](b); err == nil && bytes.Equal(m.GroupID(), g.pq.GroupID()) {
				beside.PQ = append(beside.PQ, b)
			} else {
				beside.T = append(beside.T, b) // which makes nothing of what does not parse
			}
			continue
		}
		pair, err := ParseMessagePair(b, g.cfg.numbers())
		if err != nil {
			return beside, err
		}
		beside.T, beside.PQ = append(beside.T, pair.T), append(beside.PQ, pair.PQ)
	}
	return beside, nil
}

// processT takes a message of the T group alone.
func (g *Group) processT(ctx context.Context, now time.Time, msg []byte, content message.ContentType, proposals [][]byte) (*Received, error) {
	r, err := g.t.Process(ctx, now, msg, proposals...)
	if err != nil {
		if content == message.ContentCommit && errors.Is(err, mls.ErrUnknownPSK) {
			return nil, &LegError{Leg: T, Err: err}
		}
		return nil, legError(T, err)
	}
	received := &Received{Application: r.Application, Proposal: r.Proposal, Lapsed: r.Lapsed}
	switch {
	case r.Proposal != nil:
		if err := g.checkAlone(r.Proposal); err != nil {
			return nil, err
		}
	case r.Commit != nil:
		c := &Candidate{cfg: g.cfg, from: g, t: r.Commit, info: g.Info()}
		if err := g.checkPartial(c); err != nil {
			c.Discard()
			return nil, err
		}
		if received.Commit, err = g.track(c); err != nil {
			return nil, err
		}
	}
	return received, nil
}

// checkAlone refuses a proposal that the T group must not have by itself. If no other one
// waits, the group forgets it; otherwise its own commits leave it out.
func (g *Group) checkAlone(p *mls.CommittedProposal) error {
	if g.Info() == nil { // the T group is still on its own
		return g.refuseAlone(binds(T, p.Proposal, g.cfg.numbers()))
	}
	err := g.unsafe(T, p.Proposal)
	if _, changes := g.subject(T, p, g.Pairs); changes && err == nil {
		err = broken("3", T, "proposal of type %s without its half in the PQ group", message.TypeOf(p.Proposal))
	}
	return g.refuseAlone(err)
}

// refuseAlone returns err, which refuses a proposal of the T group unless it is nil.
func (g *Group) refuseAlone(err error) error {
	if err != nil {
		g.forgetAlone(T)
	}
	return err
}

// forgetAlone drops the proposal of a leg that was refused, if it is the only one.
func (g *Group) forgetAlone(leg Leg) {
	if group := g.leg(leg); len(group.Proposals()) == 1 {
		_ = group.ForgetProposals() // the group is alive
	}
}

func (g *Group) processPair(ctx context.Context, now time.Time, msg []byte, beside handedOver) (*Received, error) {
	pair, t, pq, err := openPair(msg, g.cfg.numbers())
	if err != nil {
		return nil, err
	}
	if err := g.isFor(t, pq); err != nil {
		return nil, err
	}
	if t.ContentType() == message.ContentCommit {
		return g.processFull(ctx, now, pair, beside)
	}
	return g.processProposals(ctx, now, pair)
}

// isFor returns an error unless the messages of a pair are for the two groups in their
// epochs.
func (g *Group) isFor(t, pq *message.Message) error {
	if t.PublicMessage == nil && t.PrivateMessage == nil {
		return unsupportedMessage(t)
	}
	tHere, pqHere := bytes.Equal(t.GroupID(), g.t.GroupID()), bytes.Equal(pq.GroupID(), g.pq.GroupID())
	switch {
	case bytes.Equal(t.GroupID(), g.pq.GroupID()) && bytes.Equal(pq.GroupID(), g.t.GroupID()):
		return broken("6", 0, "messages of the pair are swapped")
	case !tHere && !pqHere:
		return mls.ErrWrongGroup
	case !tHere:
		return broken("6", T, "message is for another group than the one that belongs to the PQ message's")
	case !pqHere:
		return broken("6", PQ, "message is for another group than the one that belongs to the T message's")
	}
	tAge, pqAge := age(t.Epoch(), g.t.Epoch()), age(pq.Epoch(), g.pq.Epoch())
	switch {
	case tAge == pqAge && tAge == 0:
		return nil
	case tAge < 0 && pqAge <= 0:
		return mls.ErrPastEpoch
	case tAge > 0 && pqAge >= 0:
		return mls.ErrFutureEpoch
	case tAge == 0 && pqAge > 0 && g.behind():
		return &LegError{Leg: PQ, Err: mls.ErrFutureEpoch, Lost: true}
	}
	return broken("3.1", 0, "message of T is of epoch %d, where T is in %d, and that of PQ of epoch %d, where PQ is in %d",
		t.Epoch(), g.t.Epoch(), pq.Epoch(), g.pq.Epoch())
}

// behind reports whether the PQ group is of an epoch before the one that the T group, which
// has authenticated it, names.
func (g *Group) behind() bool {
	info := g.Info()
	return info != nil && g.pq.Epoch() < info.PQEpoch
}

// age is negative for the past and positive for the future.
func age(epoch, now uint64) int {
	switch {
	case epoch < now:
		return -1
	case epoch > now:
		return 1
	}
	return 0
}

// processProposals keeps a pair of proposals that say the same.
func (g *Group) processProposals(ctx context.Context, now time.Time, pair *MessagePair) (*Received, error) {
	pq, err := g.pq.Process(ctx, now, pair.PQ)
	if err != nil {
		return nil, legError(PQ, err)
	}
	t, err := g.t.Process(ctx, now, pair.T)
	if err != nil {
		g.forgetAlone(PQ)
		return nil, legError(T, err)
	}
	if err := g.checkProposals(t.Proposal, pq.Proposal); err != nil {
		g.forgetAlone(T)
		g.forgetAlone(PQ)
		return nil, err
	}
	r := &Received{Proposal: t.Proposal, PQProposal: pq.Proposal, Lapsed: t.Lapsed}
	if r.Lapsed == nil {
		r.Lapsed = pq.Lapsed
	}
	return r, nil
}

// checkProposals returns an error unless a pair of proposals asks for the same in both
// groups: to add or remove one member, or that their sender's leaf is updated.
func (g *Group) checkProposals(t, pq *mls.CommittedProposal) error {
	if message.TypeOf(t.Proposal) != message.TypeOf(pq.Proposal) {
		return broken("6", 0, "pair of proposals of the types %s and %s", message.TypeOf(t.Proposal), message.TypeOf(pq.Proposal))
	}
	if err := g.unsafe(T, t.Proposal); err != nil {
		return err
	}
	if err := g.unsafe(PQ, pq.Proposal); err != nil {
		return err
	}
	pairs := sync.OnceValues(g.Pairs)
	who, changes := g.subject(T, t, pairs)
	other, alone := g.subject(PQ, pq, pairs)
	if (changes || alone) && (who == nil || other == nil || !g.cfg.same(*who, *other)) {
		return broken("3", 0, "proposals of the type %s are about different members", message.TypeOf(t.Proposal))
	}
	return g.sameAuthor(t.Sender, pq.Sender, t.Author, pq.Author)
}

// sameAuthor returns an error unless the messages of a pair are by the same member, or by
// outsiders in the same role.
func (g *Group) sameAuthor(t, pq message.Sender, tAuthor, pqAuthor message.Author) error {
	if t.Type != pq.Type {
		return broken("6", 0, "messages of the pair are from senders of different types")
	}
	if t.Type != message.SenderExternal && !g.cfg.same(tAuthor.Credential, pqAuthor.Credential) {
		return broken("6", 0, "messages of the pair are by different members")
	}
	return nil
}

// processFull makes a candidate of a pair of commits.
func (g *Group) processFull(ctx context.Context, now time.Time, pair *MessagePair, beside handedOver) (*Received, error) {
	half, lapsed, err := g.processPQ(ctx, now, pair.PQ, beside.PQ)
	if err != nil {
		return nil, err
	}
	t, err := g.t.ProcessWithPSKs(ctx, now, g.cfg.handed(half.psk), pair.T, beside.T...)
	if err != nil {
		g.keep(half) // it may go on when the proposals are there
		switch {
		case errors.Is(err, mls.ErrUnknownPSK) && half.candidate.Removed():
			return nil, errRemovedOnce
		case errors.Is(err, mls.ErrUnknownPSK):
			return nil, &RuleError{"5.2", T, "commit injects another pre-shared key than that of the PQ commit", err}
		}
		return nil, legError(T, err)
	}
	c := &Candidate{cfg: g.cfg, from: g, t: t.Commit, pq: half.candidate}
	defer half.psk.destroy()
	err = g.checkFull(c, half.psk)
	if r := reInitIn(c.t); r != nil && err == nil {
		err = g.cfg.mayFollow(now, r.CipherSuite)
	}
	if err != nil {
		c.Discard()
		return nil, err
	}
	if c, err = g.track(c); err != nil {
		return nil, err
	}
	r := &Received{Commit: c, Lapsed: t.Lapsed}
	if r.Lapsed == nil {
		r.Lapsed = lapsed
	}
	return r, nil
}

// processPQ processes the PQ leg of a FULL commit, or returns what it was before.
func (g *Group) processPQ(ctx context.Context, now time.Time, msg []byte, proposals [][]byte) (*halfDone, *event.SenderLapsed, error) {
	if half := g.takeHalf(msg); half != nil {
		return half, nil, nil
	}
	pq, err := g.pq.Process(ctx, now, msg, proposals...)
	if err != nil {
		return nil, nil, legError(PQ, err)
	}
	half := &halfDone{message: msg, candidate: pq.Commit}
	if !pq.Commit.Removed() {
		if half.psk, err = g.cfg.exportPSK(pq.Commit, g.t.Suite()); err != nil {
			half.candidate.Discard()
			return nil, nil, err
		}
	}
	return half, pq.Lapsed, nil
}

// takeHalf returns the PQ leg of msg that is kept, if it is, and keeps it no longer.
func (g *Group) takeHalf(msg []byte) *halfDone {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.half == nil || !bytes.Equal(g.half.message, msg) {
		return nil
	}
	half := g.half
	g.half = nil
	return half
}

// keep keeps a PQ leg, in place of the one before.
func (g *Group) keep(half *halfDone) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.retired {
		half.discard()
		return
	}
	g.half.discard()
	g.half = half
}

// legError says in which leg processing failed, and whether this member can no longer
// follow it.
func legError(leg Leg, err error) error {
	_, lost := errors.AsType[*mls.PathSecretError](err)
	return &LegError{Leg: leg, Err: err, Lost: lost}
}

// unsupportedMessage is the error of a message that a call does not take.
func unsupportedMessage(m *message.Message) error {
	return fmt.Errorf("%w: a %s is not for this call", message.ErrUnsupported, m.WireFormat())
}
