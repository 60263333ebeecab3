// Package event has what happens in a group: who joins, changes and leaves, and what an
// [Observer] is told. It is for those who judge credentials and keep evidence, and who
// need no engine for it.
package event

import (
	"fmt"

	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// Observer is told what happened to a client's groups: facts that a deployment can keep
// as evidence, without secrets.
type Observer interface {
	// Observe is told of each event once: after it has happened, and before the call that
	// caused it returns. It is called on the goroutines of the callers, and so on several
	// at once. No lock is held: it may ask the group. It must not change what the event
	// refers to.
	Observe(Event)
}

// Event is one of [GroupEntered], [EpochAdopted], [GroupLeft], [SecretExported],
// [MessageRefused], [ActRefused] and [SenderLapsed].
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
	Size     int            // members; 0 for a partial member, who does not know it
	Members  []Change       // all of them, or the client itself for a partial member; nil for a restored group
	Previous *PreviousGroup // the group that this one follows or branches off from, or nil

	// Unchecked is what the client takes on trust because it is a partial member
	// (draft-ietf-mls-partial-02). A full member takes nothing on trust that MLS checks.
	Unchecked []Unchecked
}

// Unchecked names something that a partial member does not check.
type Unchecked string

const (
	// UncheckedMembers says that the client does not know who the members are, except for
	// those who sent something to it or were proved to it.
	UncheckedMembers Unchecked = "members"
	// UncheckedLeaves says that the client does not verify the leaves in the tree, nor those
	// that the Adds and Updates of a commit bring: their signatures, capabilities and
	// lifetimes. It does verify the leaf of a commit's path, but not that all the members
	// support its credential type. It verifies an Add and an Update when they arrive by
	// themselves.
	UncheckedLeaves Unchecked = "leaves"
	// UncheckedTree says that the client does not verify the tree: its parent hashes except those
	// that the path of a commit sets, that no key is in it twice, and that a commit changes it as
	// the proposals say.
	UncheckedTree Unchecked = "tree"
	// UncheckedProposals says that the client does not verify the proposals that a commit
	// covers, except for those that change the GroupContext or inject a pre-shared key.
	UncheckedProposals Unchecked = "proposals"
)

// UncheckedByPartial returns what a partial member does not check.
func UncheckedByPartial() []Unchecked {
	return []Unchecked{UncheckedMembers, UncheckedLeaves, UncheckedTree, UncheckedProposals}
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
	// EntryFollowed says that the client follows the group as a PublicGroup of package
	// mls.
	EntryFollowed
	// EntryUpgraded says that the client, a partial member before, has verified the tree and
	// is a full member from now on.
	EntryUpgraded
)

// String returns the entry in one word, such as "welcome".
func (e Entry) String() string {
	if names := [...]string{"", "created", "welcome", "external", "restored", "followed", "upgraded"}; 0 < e && int(e) < len(names) {
		return names[e]
	}
	return fmt.Sprintf("Entry(%d)", int(e))
}

// PreviousGroup is the group to which a new group is linked by a resumption PSK (RFC
// 9420, Sections 11.2 and 11.3).
type PreviousGroup struct {
	ID    []byte
	Epoch uint64
	Suite suite.ID                   // 0 for a restored candidate, which does not say
	Usage message.ResumptionPSKUsage // reinit or branch
}

// EpochAdopted says that this client moved to a new epoch of a group. It has deleted the
// secrets of the epoch before, except what late messages need.
type EpochAdopted struct {
	Group             GroupState // in the new epoch
	Committer         message.Sender
	Author            message.Author // the committer's identity
	Changes           []Change       // members added, updated and removed
	ExtensionsChanged bool
	PSKs              []message.PreSharedKeyID // the injected ones
	Custom            []message.ProposalType   // the types of the custom proposals
	AppData           []AppData                // what the commit had for components, in its order
	ReInit            *message.ReInit          // the one that ended the group, or nil
}

// GroupLeft says that a commit removed this member, and that it has deleted the group's
// secrets.
type GroupLeft struct {
	Group     GroupState // in this member's last epoch
	Committer message.Sender
	Author    message.Author // the committer's identity
}

// SecretExported says that the application took a secret out of a group.
type SecretExported struct {
	Group     GroupState
	Label     string
	Component *message.ComponentID // of the exporter tree, instead of a label; else nil
	Length    int                  // bytes
}

// MessageRefused says that a message from somebody else was refused.
type MessageRefused struct {
	Group   GroupState          // without an ID if that is not known, as for a Welcome
	Format  message.WireFormat  // 0 if the message does not parse that far
	Content message.ContentType // the same, and 0 for all but public and private messages
	Err     error
}

// ActRefused says that the policy refused what this client was about to do in a group, or
// the group that was to follow it.
type ActRefused struct {
	Group GroupState
	Err   *suite.PolicyError // says whom it concerns
}

func (GroupEntered) event()   {}
func (EpochAdopted) event()   {}
func (GroupLeft) event()      {}
func (SecretExported) event() {}
func (MessageRefused) event() {}
func (ActRefused) event()     {}
