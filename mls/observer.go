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
	// Observe is told of each event once, after what it tells of is done, and before
	// the call that did it returns. No lock is held: it may ask the group. It is
	// called on the goroutines of the caller, on several at once. It must not change
	// what the event refers to.
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
	Leaf  int64 // of this member, or -1 of one who only follows the group
}

// GroupEntered says that this client has a group that it had not before.
type GroupEntered struct {
	Group    GroupState
	How      Entry
	Size     int            // members
	Members  []Change       // all of them; nil of a restored group
	Previous *PreviousGroup // that the group follows or branches off from, or nil
}

// Entry says how a client came to have a group.
type Entry int

const (
	// EntryCreated is a group that this client made.
	EntryCreated Entry = iota + 1
	// EntryWelcome is a group that it joined by a Welcome.
	EntryWelcome
	// EntryExternal is one that it joined by an external commit.
	EntryExternal
	// EntryRestored is one that it restored from a saved state.
	EntryRestored
	// EntryFollowed is one that it follows as a [PublicGroup].
	EntryFollowed
)

func (e Entry) String() string {
	if names := [...]string{"", "created", "welcome", "external", "restored", "followed"}; 0 < e && int(e) < len(names) {
		return names[e]
	}
	return fmt.Sprintf("Entry(%d)", int(e))
}

// PreviousGroup is the group whose resumption PSK links a group to it (RFC 9420,
// Sections 11.2 and 11.3).
type PreviousGroup struct {
	ID    []byte
	Epoch uint64
	Suite suite.ID           // 0 where a candidate was restored, which does not say
	Usage ResumptionPSKUsage // reinit or branch
}

// EpochAdopted says that this client moved to a new epoch of a group. It has deleted
// the secrets of the epoch before, save for what late messages need.
type EpochAdopted struct {
	Group             GroupState // in the new epoch
	Committer         Sender
	Author            Author   // who that is
	Changes           []Change // members added, updated and removed
	ExtensionsChanged bool
	PSKs              []PreSharedKeyID // that were injected
	Custom            []ProposalType   // of the custom proposals
	ReInit            *ReInitProposal  // that ended the group, or nil
}

// GroupLeft says that a commit removed this member, and that it has deleted the
// group's secrets.
type GroupLeft struct {
	Group     GroupState // in this member's last epoch
	Committer Sender
	Author    Author // who that is
}

// SecretExported says that the application took a secret out of a group.
type SecretExported struct {
	Group  GroupState
	Label  string
	Length int // bytes
}

// MessageRefused says that a message of somebody else was not taken.
type MessageRefused struct {
	Group   GroupState  // without an id if that is not known, as of a Welcome
	Format  WireFormat  // 0 if what does not parse does not say
	Content ContentType // the same, and 0 of other than public and private messages
	Err     error
}

// ActRefused says that the policy refused what this client was about to do in a
// group, or to let follow it.
type ActRefused struct {
	Group GroupState
	Err   *PolicyError // which says whom it concerns
}

func (GroupEntered) event()   {}
func (EpochAdopted) event()   {}
func (GroupLeft) event()      {}
func (SecretExported) event() {}
func (MessageRefused) event() {}
func (ActRefused) event()     {}

// observed reports whether anybody wants to know.
func (c *Config) observed() bool { return c.Observer != nil }

func (p *publicState) state(leaf int64) GroupState {
	return GroupState{ID: bytes.Clone(p.context.GroupID), Epoch: p.context.Epoch, Suite: p.suite.Info(), Leaf: leaf}
}

func (g *Group) state() GroupState { return g.public.state(int64(g.leaf)) }

// notMember stands in for the own leaf of one who has none.
const notMember = -1

// tellEntered tells that a client has a group now.
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

// joined returns the members as who joins finds them.
func (p *publicState) joined() []Change {
	var members []Change
	for i, n := range p.tree.members() {
		members = append(members, change(i, n, ChangeJoined))
	}
	return members
}

// tellAdopted tells that a client moved from an epoch to the next.
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
		case GroupContextExtensionsProposal:
			e.ExtensionsChanged = true
		case PreSharedKeyProposal:
			e.PSKs = append(e.PSKs, p.PSK)
		case CustomProposal:
			e.Custom = append(e.Custom, p.ProposalType)
		}
	}
	c.Observer.Observe(e)
}

func (c *Config) tellExported(group GroupState, label string, length int) {
	c.Observer.Observe(SecretExported{group, label, length})
}

// tellRefused tells that a message, which is nil if nothing parses, was refused,
// unless it is the client itself that err is about.
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

// tellDenied tells that an act of this member failed by its policy, if it did.
func (g *Group) tellDenied(err error) { g.cfg.tellDenied(g.public, int64(g.leaf), err) }

func (c *Config) tellDenied(p *publicState, leaf int64, err error) {
	var denied *PolicyError
	if c.observed() && errors.As(err, &denied) {
		c.Observer.Observe(ActRefused{p.state(leaf), denied})
	}
}

func change(leaf LeafIndex, n *LeafNode, reason ChangeReason) Change {
	return Change{Leaf: leaf, Credential: n.Credential, SignatureKey: n.SignatureKey, Reason: reason}
}
