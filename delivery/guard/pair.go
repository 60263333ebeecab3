package guard

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
	"github.com/mlsuite/mlsuite/suite"
)

// leg is a commit of a submission with a message of its own: of a pair of messages, its half.
type leg struct {
	delivery.Commit
	partner string // the other group, if the message is half of a pair
	first   bool   // the group is the one whose stream has the pair

	pair *suite.PairInfo // what the GroupInfo says of the pair that the group is in, or nil
}

// legs returns the commits of a submission, with each the half that is its own of a message
// that carries two. The error says which rule of pairs the submission breaks.
func (g *Guard) legs(sub delivery.Submission) ([]leg, error) {
	all := make([]leg, len(sub.Commits))
	for i, c := range sub.Commits {
		all[i].Commit = c
		all[i].pair = g.pairIn(c.GroupInfo)
	}
	for i := range all {
		if !g.isPair(all[i].Message) {
			continue
		}
		t := &all[i]
		pair, err := apq.ParseMessagePair(t.Message, g.numbers())
		if err != nil {
			return nil, err
		}
		m, err := message.Parse[message.Message](pair.PQ)
		if err != nil {
			return nil, err
		}
		var pq *leg
		for j := range all {
			if all[j].Group == string(m.GroupID()) && len(all[j].Message) == 0 && j != i {
				pq = &all[j]
			}
		}
		if pq == nil {
			return nil, fmt.Errorf("half a pair: there is no commit of group %x that the message carries", m.GroupID())
		}
		t.Message, t.partner, t.first = pair.T, pq.Group, true
		pq.Message, pq.partner = pair.PQ, t.Group
	}
	for _, l := range all {
		if len(l.Message) == 0 && l.Epoch != 0 {
			return nil, fmt.Errorf("no message carries the commit of group %x", l.Group)
		}
	}
	return all, nil
}

// half is a message that is sent to a group, or one of the two of a pair of proposals.
type half struct {
	delivery.Message
	parsed  *message.Message
	partner string // the other group of a pair, or ""
	first   bool   // of a pair: it is the message of the group to whose stream the pair goes
}

// halves returns the messages of m: of a pair, that of the T group first. The error says that
// they are not of the group and the epoch that m is sent to.
func (g *Guard) halves(m delivery.Message) ([]half, error) {
	all := []half{{Message: m, first: true}}
	if g.isPair(m.Message) {
		pair, err := apq.ParseMessagePair(m.Message, g.numbers())
		if err != nil {
			return nil, err
		}
		all[0].Message.Message = pair.T
		all = append(all, half{Message: delivery.Message{Message: pair.PQ}, partner: m.Group})
	}
	for i := range all {
		h := &all[i]
		var err error
		if h.parsed, err = message.Parse[message.Message](h.Message.Message); err != nil {
			return nil, err
		}
		if !h.first {
			h.Group, h.Epoch = string(h.parsed.GroupID()), h.parsed.Epoch()
			all[0].partner = h.Group
		}
		if string(h.parsed.GroupID()) != h.Group || h.parsed.Epoch() != h.Epoch {
			return nil, fmt.Errorf("it is of epoch %d of group %x", h.parsed.Epoch(), h.parsed.GroupID())
		}
	}
	return all, nil
}

// checkHalf returns why a proposal is none of the pair that its group is in.
func (f *followed) checkHalf(h *half) error {
	return f.checkPair(&leg{partner: h.partner, first: h.first})
}

// numbers returns the code points of what drafts define.
func (g *Guard) numbers() message.CodePoints { return g.cfg.MLS.CodePoints.Complete() }

func (g *Guard) isPair(msg []byte) bool { return apq.IsMessagePair(msg, g.numbers()) }

// infoIn returns the APQInfo in the extensions of a GroupContext, or nil.
func (g *Guard) infoIn(x message.Extensions) *apq.Info {
	info, err := apq.InfoIn(x, g.numbers())
	if err != nil {
		return nil // which members refuse
	}
	return info
}

// pairIn returns what a GroupInfo says of the pair that its group is in, or nil.
func (g *Guard) pairIn(groupInfo []byte) *suite.PairInfo {
	m, err := message.Parse[message.Message](groupInfo)
	if err != nil || m.GroupInfo == nil {
		return nil
	}
	info := g.infoIn(m.GroupInfo.GroupContext.Extensions)
	if info == nil {
		return nil
	}
	return g.describe(info.TSuite, info.PQSuite, info.Mode)
}

// describe returns what a policy sees of a pair, or nil if the guard does not have its suites.
func (g *Guard) describe(t, pq suite.ID, mode apq.Mode) *suite.PairInfo {
	ofT, err := g.cfg.MLS.Suites.Suite(t)
	if err != nil {
		return nil
	}
	ofPQ, err := g.cfg.MLS.Suites.Suite(pq)
	if err != nil {
		return nil
	}
	return &suite.PairInfo{T: suite.Describe(ofT), PQ: suite.Describe(ofPQ), Mode: uint8(mode)}
}

// policy returns the policy by which a group is judged: where it is one of a pair, the pair is.
func (g *Guard) policy(pair *suite.PairInfo) suite.Policy {
	if pair == nil {
		return g.cfg.MLS.Policy
	}
	return suite.InPair(g.cfg.MLS.Policy, *pair)
}

// policyOf returns the policy by which key packages of a suite are judged. Where the suite is
// refused for a group by itself, it may be allowed in a pair.
func (g *Guard) policyOf(id suite.ID) suite.Policy {
	policy := g.cfg.MLS.Policy
	if policy == nil || g.judge(policy, suite.Start, id) == nil {
		return policy
	}
	for _, other := range g.cfg.MLS.Suites.IDs() {
		for _, mode := range []apq.Mode{apq.ConfidentialityAndAuthenticity, apq.ConfidentialityOnly} {
			for _, pair := range []*suite.PairInfo{g.describe(id, other, mode), g.describe(other, id, mode)} {
				if pair == nil || apq.CheckSuites(mode, pair.T, pair.PQ) != nil {
					continue
				}
				if in := suite.InPair(policy, *pair); g.judge(in, suite.Start, id) == nil {
					return in
				}
			}
		}
	}
	return policy
}

// legOf returns the half of a pair that is of a group, with its epoch, or nil.
func (g *Guard) legOf(msg []byte, group string) ([]byte, uint64) {
	pair, err := apq.ParseMessagePair(msg, g.numbers())
	if err != nil {
		return nil, 0
	}
	for _, half := range [][]byte{pair.T, pair.PQ} {
		if m, err := message.Parse[message.Message](half); err == nil && string(m.GroupID()) == group {
			return half, m.Epoch()
		}
	}
	return nil, 0
}

// rulePairs is the rule that pairs break.
const rulePairs = "a pair is two commits of the groups that it is handed in for"

var (
	errPartner = errors.New("the groups are not the two of one pair")
	errAlone   = errors.New("the group is the PQ group of a pair: its commits come with those of the other group")
)

// checkPair returns why a commit is none of the pair that its group is in.
func (f *followed) checkPair(l *leg) error {
	switch {
	case l.partner == "" && f.partner != "" && !f.first:
		return errAlone
	case l.partner != "" && f.partner != "" && (l.partner != f.partner || l.first != f.first):
		return errPartner
	}
	return nil
}

// stream returns the stream that has the commits of a group.
func (f *followed) stream(group string) delivery.Stream {
	if f.partner != "" && !f.first {
		return delivery.Stream{Group: f.partner}
	}
	return delivery.Stream{Group: group}
}

// The store has, of each group that is one of a pair, a byte that says whether its stream has
// the commits of both, the mode, the suites of T and PQ in two bytes each, which are 0 if
// nothing is known of them, and the id of the other group.
func partnerOf(group string) []byte { return store.Key([]byte("pair"), []byte(group)) }

// pairUp notes of a group that it is one of a pair.
func (g *Guard) pairUp(ctx context.Context, group string, f *followed, l *leg) error {
	if l.partner == "" || f.partner != "" {
		return nil
	}
	value := make([]byte, 6, 6+len(l.partner))
	if l.first {
		value[0] = 1
	}
	if l.pair != nil {
		value[1] = l.pair.Mode
		binary.BigEndian.PutUint16(value[2:], uint16(l.pair.T.ID))
		binary.BigEndian.PutUint16(value[4:], uint16(l.pair.PQ.ID))
	}
	value = append(value, l.partner...)
	if err := g.update(ctx, func(w store.Writer) error { return w.Put(partnerOf(group), value) }); err != nil {
		return err
	}
	f.partner, f.first, f.pair = l.partner, l.first, l.pair
	return nil
}

// readPartner reads what pairUp has noted.
func (f *followed) readPartner(g *Guard, r store.Reader, group string) error {
	value, err := r.Get(partnerOf(group))
	if err == nil && len(value) > 6 {
		f.first, f.partner = value[0] == 1, string(value[6:])
		f.pair = g.describe(suite.ID(binary.BigEndian.Uint16(value[2:])), suite.ID(binary.BigEndian.Uint16(value[4:])), apq.Mode(value[1]))
	}
	return err
}

// checkAlone returns why a commit of a T group does not come alone. before is the group in the
// epoch that it ends.
func (g *Guard) checkAlone(group string, before *mls.PublicGroup, c *mls.PublicCandidate) error {
	context := before.GroupContext()
	for _, p := range c.Proposals() {
		if err := apq.CheckAlone(context, p.Proposal, g.numbers()); err != nil {
			return fmt.Errorf("%w: %w", errHalf, err)
		}
	}
	info := g.infoIn(context.Extensions)
	if info == nil || string(info.TGroupID) != group {
		return nil
	}
	if c.Committer().Type != message.SenderMember {
		return errHalf
	}
	for _, p := range c.Proposals() {
		switch p.Proposal.(type) {
		case message.Remove, message.Add:
			return fmt.Errorf("%w: it covers a proposal of the type %s", errHalf, message.TypeOf(p.Proposal))
		}
	}
	after := g.infoIn(c.Adopt().GroupContext().Extensions)
	if after == nil || !after.Equal(info) {
		return fmt.Errorf("%w: it changes APQInfo", errHalf)
	}
	return nil
}

// checkProposed returns why the members of a pair would not take a proposal. alone says that it
// is for one of its groups.
func (g *Guard) checkProposed(group *mls.PublicGroup, c *mls.CommittedProposal, alone bool) error {
	context := group.GroupContext()
	if err := apq.CheckAlone(context, c.Proposal, g.numbers()); err != nil { // as half of a pair, too
		return fmt.Errorf("%w: %w", errHalf, err)
	}
	if g.infoIn(context.Extensions) == nil {
		return nil
	}
	refused := false
	switch p := c.Proposal.(type) {
	case message.Add, message.Remove:
		refused = alone
	case message.Update:
		refused = alone && g.renames(group.Leaf(c.Sender.Leaf), p.LeafNode)
	}
	if refused {
		return fmt.Errorf("%w: a proposal of the type %s", errHalf, message.TypeOf(c.Proposal))
	}
	return nil
}

// renames reports whether a leaf in place of old is another client's.
func (g *Guard) renames(old, next *message.LeafNode) bool {
	a, b := old.Credential, next.Credential
	if a.Type == b.Type && bytes.Equal(a.Content, b.Content) {
		return false
	}
	return g.cfg.MLS.Authenticator == nil || !g.cfg.MLS.Authenticator.SameClient(a, b)
}

var errHalf = errors.New("it has to be in both groups of the pair")

// checkPairs returns why the epochs that a submission begins are not of pairs, as far as the
// guard sees into their groups.
func (g *Guard) checkPairs(commits []leg, groups []*followed) error {
	of := map[string]*checked{}
	for i, l := range commits {
		of[l.Group] = &groups[i].checked
	}
	for i, l := range commits {
		t, pq := of[l.Group], of[l.partner]
		if !l.first || t.next == nil || pq == nil || pq.next == nil {
			continue
		}
		if err := g.checkEpochs(groups[i].public, t.next, pq.next); err != nil {
			return err
		}
		if t.by == nil || pq.by == nil || t.next.ReInit() != nil {
			continue
		}
		old := g.infoIn(groups[i].public.GroupContext().Extensions)
		if err := apq.CheckFull(t.by.Proposals(), pq.by.Proposals(), old, g.numbers()); err != nil {
			return err
		}
	}
	return nil
}

// checkEpochs checks the epochs that a FULL commit begins (draft-ietf-mls-combiner, Sections
// 3.2.1, 3.3 and 5.1). before is the T group, or nil if it begins.
func (g *Guard) checkEpochs(before, t, pq *mls.PublicGroup) error {
	info, other := g.infoIn(t.GroupContext().Extensions), g.infoIn(pq.GroupContext().Extensions)
	switch {
	case info == nil || other == nil:
		return errors.New("a group has no APQInfo")
	case !info.Equal(other):
		return errors.New("the groups have different APQInfos")
	case !bytes.Equal(info.TGroupID, t.GroupID()) || !bytes.Equal(info.PQGroupID, pq.GroupID()):
		return errors.New("APQInfo names other groups")
	case info.TSuite != t.Suite().Info().ID || info.PQSuite != pq.Suite().Info().ID:
		return errors.New("APQInfo has other suites")
	case t.ReInit() != nil || pq.ReInit() != nil:
		return g.checkEnds(before, t, pq, info)
	case info.TEpoch != t.Epoch() || info.PQEpoch != pq.Epoch():
		return fmt.Errorf("APQInfo has the epochs %d and %d, and the groups begin %d and %d", info.TEpoch, info.PQEpoch, t.Epoch(), pq.Epoch())
	}
	if err := apq.CheckSuites(info.Mode, t.Suite().Info(), pq.Suite().Info()); err != nil {
		return err
	}
	if before != nil {
		old := g.infoIn(before.GroupContext().Extensions)
		if old != nil && (!bytes.Equal(old.PQGroupID, info.PQGroupID) || old.Mode != info.Mode || old.PQEpoch >= info.PQEpoch) {
			return errors.New("APQInfo changes in more than its epochs, which grow")
		}
	}
	return apq.CheckMembers(g.cfg.MLS.Authenticator, t, pq)
}

// checkEnds checks commits that end the groups of a pair: by the same ReInit, which leaves
// APQInfo as it was.
func (g *Guard) checkEnds(before, t, pq *mls.PublicGroup, info *apq.Info) error {
	if t.ReInit() == nil || pq.ReInit() == nil {
		return fmt.Errorf("%w: a ReInit ends one of them", errHalf)
	}
	a, err := message.Marshal(&message.TypedProposal{Proposal: *t.ReInit()})
	if err != nil {
		return err
	}
	b, err := message.Marshal(&message.TypedProposal{Proposal: *pq.ReInit()})
	if err != nil {
		return err
	}
	switch {
	case !bytes.Equal(a, b):
		return errors.New("the groups end for different ones")
	case before != nil && !info.Equal(g.infoIn(before.GroupContext().Extensions)):
		return errors.New("APQInfo changes in groups that end")
	}
	return apq.CheckMembers(g.cfg.MLS.Authenticator, t, pq)
}
