package apq

import (
	"bytes"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
)

// checkPartial checks a PARTIAL commit, by this member or another: it changes neither the
// membership nor the Info (draft-ietf-mls-combiner, Section 3).
func (g *Group) checkPartial(c *Candidate) error {
	if g.Info() == nil { // the T group is still on its own
		for _, p := range c.t.Proposals() {
			if err := binds(T, p.Proposal, g.cfg.numbers()); err != nil {
				return err
			}
		}
		return nil
	}
	if c.t.Committer().Type != message.SenderMember {
		return broken("3.2.2", T, "external commit without its half in the PQ group")
	}
	for _, p := range c.t.Proposals() {
		if err := g.unsafe(T, p.Proposal); err != nil {
			return err
		}
	}
	renamed := false
	for _, change := range c.t.Changes() {
		switch change.Reason {
		case event.Added, event.Removed, event.Resynced, event.Joined:
			return broken("3", T, "PARTIAL commit changes the membership (leaf %d is %s)", change.Leaf, change.Reason)
		}
		renamed = true
	}
	if renamed {
		return g.cfg.agree(c.t, g.pq)
	}
	return nil
}

// checkFull checks a FULL commit, by this member or another, in both groups, and sets c's
// Info. psk is that of the new PQ epoch, or nil if the commit removes this member.
func (g *Group) checkFull(c *Candidate, psk *combinedPSK) error {
	if err := g.sameAuthor(c.t.Committer(), c.pq.Committer(), c.t.Author(), c.pq.Author()); err != nil {
		return err
	}
	if c.t.Removed() != c.pq.Removed() {
		return errRemovedOnce
	}
	if c.ends() {
		c.info = g.Info()
		return c.checkEnd()
	}
	return c.checkFull(g.Info(), psk)
}

var errRemovedOnce = broken("3.3", 0, "commit removes this member from one of the groups")

// checkFull is that of a Group for a commit by which this client may also join. old is the
// Info before, or nil.
func (c *Candidate) checkFull(old *Info, psk *combinedPSK) error {
	list := c.t.Proposals()
	if err := CheckFull(list, c.pq.Proposals(), old, c.cfg.numbers()); err != nil {
		return err
	}
	if psk != nil { // whoever is removed cannot tell which one it has to be
		for _, p := range list {
			if injects(p.Proposal, c.cfg.numbers()) && !bytes.Equal(p.Proposal.(message.PreSharedKey).PSK.ID, psk.id) {
				return broken("5.2", T, "commit injects another pre-shared key than that of the PQ commit")
			}
		}
	}
	info, err := c.cfg.infosOf(c.t.GroupContext(), c.pq.GroupContext(), true)
	if err != nil {
		return err
	}
	c.info = info
	return c.cfg.agree(c.t, c.pq)
}

// CheckFull returns why the proposals that the halves of a FULL commit cover are not those of
// one, or nil: the T commit injects one pre-shared key of the PQ group, and both update APQInfo
// (draft-ietf-mls-combiner, Sections 5.1.1 and 5.2). old is the APQInfo before it, or nil. It is
// also for who follows the groups from outside and does not see which key that is. The error is a
// [*RuleError] or a [*LegError].
func CheckFull(t, pq []mls.CommittedProposal, old *Info, numbers message.CodePoints) error {
	numbers = numbers.Complete()
	found := 0
	for _, p := range t {
		if injects(p.Proposal, numbers) {
			found++
		}
	}
	if found != 1 {
		return broken("5.2", T, "commit injects %d pre-shared keys of the PQ group", found)
	}
	if err := checkUpdates(T, t, old, numbers); err != nil {
		return err
	}
	return checkUpdates(PQ, pq, old, numbers)
}

// checkUpdates returns an error unless the proposals of one leg update the Info as a FULL
// commit has to (draft-ietf-mls-combiner, Section 5.1.1). The component has applied them,
// and the new epoch shows that they lead to the right Info.
func checkUpdates(leg Leg, list []mls.CommittedProposal, old *Info, numbers message.CodePoints) error {
	var updates []Update
	for _, p := range list {
		u, ok := p.Proposal.(message.AppDataUpdate)
		if !ok || u.Component != numbers.APQInfo {
			continue
		}
		parsed, err := ParseUpdate(u.Update)
		if err != nil {
			return &LegError{Leg: leg, Err: err} // the component has parsed it
		}
		updates = append(updates, *parsed)
	}
	if len(updates) == 0 {
		return broken("5.1.1", leg, "FULL commit does not update APQInfo")
	}
	if old.first() && (len(updates) != 1 || updates[0].Type != FullUpdate) {
		return broken("5.1.1", leg, "first FULL commit has no full_update")
	}
	return nil
}
