package mls

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// proposalCache holds the proposals that arrived in an epoch, for a commit that refers to
// them (RFC 9420, Section 12.1). The zero value is empty.
//
// It remembers only what it keeps, and keeps that until the epoch ends or
// [Group.ForgetProposals] drops it. What it keeps within a sender's share depends only on
// what that sender proposed before. So members who receive each sender's proposals in the
// order in which they were sent keep the same ones, whatever others send meanwhile.
type proposalCache struct {
	proposals []CommittedProposal // in order of arrival
	byRef     map[string]int      // index in proposals by ProposalRef
	fit       []int               // indices of those that may hold application data back
	taken     takenRoom
}

// keep keeps a proposal, unless it is there already or there is no room for it.
func (c *proposalCache) keep(p CommittedProposal, limits proposalLimits) error {
	if _, ok := c.find(p.Ref); ok {
		return nil
	}
	sender, kind, err := c.taken.take(&p, limits)
	if err != nil {
		return err
	}
	c.taken.enter(&p, sender, kind)
	if c.byRef == nil {
		c.byRef = make(map[string]int)
	}
	c.byRef[string(p.Ref)] = len(c.proposals)
	if !p.unfit {
		c.fit = append(c.fit, len(c.proposals))
	}
	c.proposals = append(c.proposals, p)
	return nil
}

// takes returns the error that keep would return, and keeps nothing.
func (c *proposalCache) takes(p *CommittedProposal, limits proposalLimits) error {
	if _, ok := c.find(p.Ref); ok {
		return nil
	}
	_, _, err := c.taken.take(p, limits)
	return err
}

// find returns a proposal by its ProposalRef. It leaves no trace of a reference that is
// not there, which somebody may have made up.
func (c *proposalCache) find(ref []byte) (CommittedProposal, bool) {
	i, ok := c.byRef[string(ref)]
	if !ok {
		return CommittedProposal{}, false
	}
	return c.proposals[i], true
}

// outside reports whether a proposal comes from outside the group.
func (c *CommittedProposal) outside() bool { return c.Sender.Type != message.SenderMember }

// receiveProposal checks a proposal by itself, for the cache. Its signature has been
// verified. It asks the application about the credentials that a proposal from outside
// brings. Those of members' proposals are judged when they are committed. leaf is the
// client's, or notMember.
func (p *publicState) receiveProposal(ctx context.Context, cfg *Config, now time.Time, leaf int64, ac *framing.AuthenticatedContent) (CommittedProposal, error) {
	received := CommittedProposal{Author: ac.Author, Proposal: ac.Content.Proposal, Sender: ac.Content.Sender, checked: true}
	err := p.checkProposal(&received, cfg.receiving(now))
	if err == nil {
		err = received.checkFormat(ac)
	}
	if err != nil {
		return CommittedProposal{}, err
	}
	if err := cfg.allowProposal(p, now, ac.WireFormat, &received); err != nil {
		return CommittedProposal{}, err
	}
	if received.outside() {
		received.unfit = p.takes(&received, nil) != nil
		if err := cfg.ask(suite.Receive, now).proposed(ctx, p, leaf, received); err != nil {
			return CommittedProposal{}, err
		}
	}
	return received, received.sentIn(p.suite, ac)
}

// sentIn notes the message in which the proposal was sent by itself.
func (c *CommittedProposal) sentIn(s suite.Suite, ac *framing.AuthenticatedContent) error {
	if err := ac.Content.EncodeBody(); err != nil {
		return err
	}
	c.size, c.AuthenticatedData = ac.Content.Size(), ac.Content.AuthenticatedData
	var err error
	c.Ref, err = framing.ProposalRef(s, ac)
	return err
}

// sizeOf returns the size that sentIn noted when the proposal was sent in this epoch.
func (p *publicState) sizeOf(c *CommittedProposal) (int, error) {
	content := p.content(c.Sender, message.ContentProposal, c.AuthenticatedData)
	content.Proposal = c.Proposal
	err := content.EncodeBody()
	return content.Size(), err
}

// proposed asks the application about the credentials that a proposal brings. leaf is the
// client's, or notMember.
func (q questions) proposed(ctx context.Context, p *publicState, leaf int64, c CommittedProposal) error {
	if q.cfg.Authenticator == nil {
		return nil
	}
	return q.authenticate(ctx, p, leaf, p.proposed(nil, c))
}

// awaitsCommit reports whether application data has to wait for a commit of proposals
// that arrived (RFC 9420, Section 12.4). Two kinds do not count: proposals from outside
// that this member could not commit, and PSKs that it does not have or cannot use. So no
// outsider silences a group, and neither does a member by a secret that others lack.
func (g *Group) awaitsCommit(now time.Time) bool {
	q := g.cfg.ask(suite.Continue, now)
	proposals, fit := g.inbox.fit()
	return slices.ContainsFunc(fit, func(i int) bool {
		return !proposals[i].outside() || q.proposal(g.public, &proposals[i]) == nil
	})
}

// fit returns the proposals that arrived, and the indices of those that may hold
// application data back. The caller must not change them.
func (b *inbox) fit() ([]CommittedProposal, []int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cache.proposals, b.cache.fit // others append to these slices and change no element
}

// proposalRoom is a number of proposals and their size in bytes: taken, or allowed.
type proposalRoom struct{ count, bytes int }

// fits reports whether a proposal of size bytes fits into limit beside r, which is taken.
func (r proposalRoom) fits(size int, limit proposalRoom) bool {
	return r.count < limit.count && size <= limit.bytes-r.bytes
}

func (r proposalRoom) plus(size int) proposalRoom { return proposalRoom{r.count + 1, r.bytes + size} }

func (r proposalRoom) over(n int) proposalRoom { return proposalRoom{r.count / n, r.bytes / n} }

func (r proposalRoom) min(o proposalRoom) proposalRoom {
	return proposalRoom{min(r.count, o.count), min(r.bytes, o.bytes)}
}

func (r proposalRoom) max(o proposalRoom) proposalRoom {
	return proposalRoom{max(r.count, o.count), max(r.bytes, o.bytes)}
}

// proposalLimits is how much a cache keeps of members' proposals and of those from
// outside.
type proposalLimits struct{ members, outside senderLimits }

// senderLimits is how much a cache keeps of one kind of sender: of all of them together,
// of each at most, and of each whatever the others sent.
type senderLimits struct{ all, each, share proposalRoom }

// leastShare is the least share of a sender, however many senders there are.
var leastShare = proposalRoom{16, 64 << 10}

// among shares room out to a number of senders. One of them may take at most a quarter of
// it, or its share if that is more.
func (r proposalRoom) among(senders int) senderLimits {
	share := r.over(max(1, senders)).max(leastShare).min(r)
	return senderLimits{all: r, each: r.over(4).max(share), share: share}
}

// anyProposals are the limits of proposals that were kept before.
var anyProposals = proposalLimits{
	members: proposalRoom{math.MaxInt, math.MaxInt}.among(1),
	outside: proposalRoom{math.MaxInt, math.MaxInt}.among(1),
}

// takenRoom is the room that the proposals of an epoch take. The zero value is none.
type takenRoom struct {
	bySender         map[message.Sender]proposalRoom // without new members, who have no name
	members, outside proposalRoom
}

// take returns an error if there is no room for a proposal. Otherwise it returns the room
// that its sender, and the senders of its kind, take with it.
func (t *takenRoom) take(p *CommittedProposal, limits proposalLimits) (sender, kind proposalRoom, err error) {
	kind, limit := t.members, limits.members
	if p.outside() {
		kind, limit = t.outside, limits.outside
	}
	sender = t.bySender[p.Sender]
	if p.Sender.Type == message.SenderNewMemberProposal {
		limit.each, limit.share = limit.all, proposalRoom{}
	}
	if !sender.fits(p.size, limit.share) && !(sender.fits(p.size, limit.each) && kind.fits(p.size, limit.all)) {
		return sender, kind, fmt.Errorf("%w (sender type %s)", ErrProposalRoom, p.Sender.Type)
	}
	return sender.plus(p.size), kind.plus(p.size), nil
}

// enter notes the result of take.
func (t *takenRoom) enter(p *CommittedProposal, sender, kind proposalRoom) {
	if p.outside() {
		t.outside = kind
	} else {
		t.members = kind
	}
	if p.Sender.Type == message.SenderNewMemberProposal {
		return
	}
	if t.bySender == nil {
		t.bySender = make(map[message.Sender]proposalRoom)
	}
	t.bySender[p.Sender] = sender
}
