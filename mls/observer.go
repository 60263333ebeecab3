package mls

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/suite"
)

// Observer is told what happened to a client's groups: facts that a deployment can
// keep as evidence, without secrets.
type Observer interface {
	// Observe is told of each event once: after it has happened, and before the call that
	// caused it returns. It is called on the goroutines of the callers, and so on several
	// at once. No lock is held: it may ask the group. It must not change what the event
	// refers to.
	Observe(Event)
}

// Event is one of [GroupEntered], [EpochAdopted], [GroupLeft], [SecretExported],
// [MessageRefused] and [ActRefused].
type Event interface{ event() }

// GroupState names a group in one epoch.
type GroupState struct {
	ID    []byte
	Epoch uint64
	Suite suite.Info
	Leaf  int64 // this member's, or -1 for one who only follows the group
}

// GroupEntered says that this client has a group that it did not have before.
type GroupEntered struct {
	Group    GroupState
	How      Entry
	Size     int            // members
	Members  []Change       // all of them; nil for a restored group
	Previous *PreviousGroup // the group that this one follows or branches off from, or nil
}

// Entry says how a client entered a group.
type Entry int

const (
	// EntryCreated says that the client made the group.
	EntryCreated Entry = iota + 1
	// EntryWelcome says that the client joined the group by a Welcome.
	EntryWelcome
	// EntryExternal says that the client joined the group by an external commit.
	EntryExternal
	// EntryRestored says that the client restored the group from a saved state.
	EntryRestored
	// EntryFollowed says that the client follows the group as a [PublicGroup].
	EntryFollowed
)

func (e Entry) String() string {
	if names := [...]string{"", "created", "welcome", "external", "restored", "followed"}; 0 < e && int(e) < len(names) {
		return names[e]
	}
	return fmt.Sprintf("Entry(%d)", int(e))
}

// PreviousGroup is the group to which a new group is linked by a resumption PSK (RFC
// 9420, Sections 11.2 and 11.3).
type PreviousGroup struct {
	ID    []byte
	Epoch uint64
	Suite suite.ID           // 0 for a restored candidate, which does not say
	Usage ResumptionPSKUsage // reinit or branch
}

// EpochAdopted says that this client moved to a new epoch of a group. It has deleted the
// secrets of the epoch before, except what late messages need.
type EpochAdopted struct {
	Group             GroupState // in the new epoch
	Committer         Sender
	Author            Author   // the committer's identity
	Changes           []Change // members added, updated and removed
	ExtensionsChanged bool
	PSKs              []PreSharedKeyID // the injected ones
	Custom            []ProposalType   // the types of the custom proposals
	ReInit            *ReInit          // the one that ended the group, or nil
}

// GroupLeft says that a commit removed this member, and that it has deleted the
// group's secrets.
type GroupLeft struct {
	Group     GroupState // in this member's last epoch
	Committer Sender
	Author    Author // the committer's identity
}

// SecretExported says that the application took a secret out of a group.
type SecretExported struct {
	Group  GroupState
	Label  string
	Length int // bytes
}

// MessageRefused says that a message from somebody else was refused.
type MessageRefused struct {
	Group   GroupState  // without an ID if that is not known, as for a Welcome
	Format  WireFormat  // 0 if the message does not parse that far
	Content ContentType // the same, and 0 for all but public and private messages
	Err     error
}

// ActRefused says that the policy refused what this client was about to do in a group, or
// the group that was to follow it.
type ActRefused struct {
	Group GroupState
	Err   *PolicyError // says whom it concerns
}

func (GroupEntered) event()   {}
func (EpochAdopted) event()   {}
func (GroupLeft) event()      {}
func (SecretExported) event() {}
func (MessageRefused) event() {}
func (ActRefused) event()     {}

// observed reports whether there is an Observer.
func (c *Config) observed() bool { return c.Observer != nil }

func (p *publicState) state(leaf int64) GroupState {
	return GroupState{ID: bytes.Clone(p.context.GroupID), Epoch: p.context.Epoch, Suite: p.suite.Info(), Leaf: leaf}
}

func (g *Group) state() GroupState { return g.public.state(int64(g.leaf)) }

// notMember stands for the own leaf of a client that has none.
const notMember = -1

// tellEntered tells that a client has entered a group.
func (c *Config) tellEntered(p *publicState, leaf int64, how Entry, previous *PreviousGroup) {
	if !c.observed() {
		return
	}
	e := GroupEntered{Group: p.state(leaf), How: how, Size: int(p.tree.memberCount()), Previous: previous}
	if how != EntryRestored {
		e.Members = p.joined()
	}
	c.Observer.Observe(e)
}

// tellAdopted tells that a client has moved from an epoch to the next.
func (c *Config) tellAdopted(t *transition, leaf int64) {
	if !c.observed() {
		return
	}
	e := EpochAdopted{
		Group:     t.to.state(leaf),
		Committer: t.committer,
		Author:    t.Author(),
		Changes:   t.Changes(),
		ReInit:    t.to.reInit,
	}
	for _, p := range t.proposals {
		switch p := p.Proposal.(type) {
		case GroupContextExtensions:
			e.ExtensionsChanged = true
		case PreSharedKey:
			e.PSKs = append(e.PSKs, p.PSK)
		case Custom:
			e.Custom = append(e.Custom, p.ProposalType)
		}
	}
	c.Observer.Observe(e)
}

func (c *Config) tellExported(group GroupState, label string, length int) {
	c.Observer.Observe(SecretExported{group, label, length})
}

// tellRefused tells that a message was refused. m is nil if nothing parses. It tells
// nothing if err is about the client itself.
func (c *Config) tellRefused(group GroupState, m *Message, err error) {
	if errors.Is(err, ErrRetired) || errors.Is(err, ErrOwnMessage) {
		return
	}
	e := MessageRefused{Group: group, Err: err}
	if m != nil {
		e.Format, e.Content = m.WireFormat(), m.ContentType()
	}
	c.Observer.Observe(e)
}

// tellDenied tells that an act of this member failed, if its policy is the reason.
func (g *Group) tellDenied(err error) { g.cfg.tellDenied(g.public, int64(g.leaf), err) }

func (c *Config) tellDenied(p *publicState, leaf int64, err error) {
	var denied *PolicyError
	if c.observed() && errors.As(err, &denied) {
		c.Observer.Observe(ActRefused{p.state(leaf), denied})
	}
}
