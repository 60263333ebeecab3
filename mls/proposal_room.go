package mls

import (
	"fmt"
	"math"
)

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
	bySender         map[Sender]proposalRoom // without new members, who have no name
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
	if p.Sender.Type == SenderNewMemberProposal {
		limit.each, limit.share = limit.all, proposalRoom{}
	}
	if !sender.fits(p.size, limit.share) && !(sender.fits(p.size, limit.each) && kind.fits(p.size, limit.all)) {
		return sender, kind, fmt.Errorf("%w of a %s", ErrProposalRoom, p.Sender.Type)
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
	if p.Sender.Type == SenderNewMemberProposal {
		return
	}
	if t.bySender == nil {
		t.bySender = make(map[Sender]proposalRoom)
	}
	t.bySender[p.Sender] = sender
}
