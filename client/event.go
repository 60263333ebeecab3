package client

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
	"github.com/mlsuite/mlsuite/suite"
)

// Event is something that happened. It stays in the store until it is confirmed.
type Event struct {
	Number   uint64 // of the event; later ones have greater numbers, and some are left out
	Group    string // group_id, as bytes, or "" where it is about the client
	Epoch    uint64
	Position delivery.Position // of the entry that brought it, or 0
	Time     time.Time         // of the service for an entry, else the client's
	What     What
}

// What is the content of an Event: a [Message], [Sent], [Unsent], [Joined], [Left],
// [MembershipChanged], [EpochChanged], [GroupEnded], [Moved], [Refused], [InTrouble],
// [Recovered], [IdleMembers] or [Failed].
type What interface{ kind() string }

// Person is a member of a group, as of the event's epoch.
type Person struct {
	Name         string // at the delivery service, or "" if the credential has none
	Leaf         message.LeafIndex
	Credential   message.Credential
	SignatureKey []byte
}

type (
	// Message is a message from another member. The event's Epoch is the message's.
	Message struct {
		ID      string // of the message; unique among those of its sender
		From    Person
		Data    []byte
		Arrived uint64 // epoch of the group where the message is in its stream

		// Items are what components say with the message ([Client.Send]).
		Items message.SafeAAD `json:",omitempty"`

		// Generation numbers the messages of a sender's leaf in an epoch: see [message.AppAck].
		Generation uint32 `json:",omitempty"`
	}

	// Sent says that a message of this client is in the group's stream: its place among
	// all messages is that of the event.
	Sent struct {
		ID    string // that Send returned
		Data  []byte
		Items message.SafeAAD `json:",omitempty"`
	}

	// Unsent says that a message of this client was given up.
	Unsent struct {
		ID    string // that Send returned
		Data  []byte
		Items message.SafeAAD `json:",omitempty"`
		Why   string

		// Unknown says that the others may have it after all: the client did not learn what
		// became of it, and the delivery service no longer has what it could be among. Sent
		// again, it may be there twice.
		Unknown bool `json:",omitempty"`
	}

	// Joined says that the client is in a group in which it was not.
	Joined struct {
		How     event.Entry
		By      *Person // who made the Welcome, or nil
		Members int     // 0 if Partial
		Partial bool    `json:",omitempty"` // as a partial member: see [Partial]

		// Data is what the one who let the client in has for its components: see
		// [Config].JoinerData.
		Data message.AppDataDictionary `json:",omitempty"`
	}

	// Left says that the client is in the group no more, and that its keys are deleted.
	Left struct{ By *Person }

	// MembershipChanged says who came, went or has another credential or key. A partial
	// member learns it from the proposals alone: of who came, the leaf is 2^32-1, and of
	// somebody who was removed, only the leaf is known. Of many, several of these events tell.
	MembershipChanged struct {
		By      *Person
		Changes []MemberChange
	}

	// EpochChanged says that a new epoch began.
	EpochChanged struct {
		By     *Person
		Own    bool // the commit is this client's
		Full   bool `json:",omitempty"` // it is one in both groups of a pair
		Custom []CustomProposal

		// Components are the AppDataUpdates and AppEphemerals of the application's components
		// (draft-ietf-mls-extensions-10, Sections 4.7 and 4.8), in the order of the commit.
		Components []ComponentProposal `json:",omitempty"`

		// Omitted is the number of proposals that are in neither list, since an event has no room
		// for more than 32 MiB of them.
		Omitted int `json:",omitempty"`
	}

	// GroupEnded says that a ReInit ended the group, and which one follows.
	GroupEnded struct {
		Successor []byte // group_id
		Suite     suite.ID
	}

	// Moved says that the event's group follows another one, which is gone. Messages before the
	// event's Position are not read.
	Moved struct {
		From  []byte   // group_id
		Suite suite.ID // of the new group
	}

	// Refused says that something that arrived was not taken.
	Refused struct {
		What string // "message", which may be a proposal, "commit" or "welcome"
		From string // the client, as the service says
		Why  string
	}

	// InTrouble says that the client can no longer follow the group: see [TroubleError].
	InTrouble struct {
		Trouble Trouble
		Why     string
	}

	// Recovered says that the client is in the group again. Messages between the trouble
	// and the event's Position are not read. If there is no Position, the client goes on in
	// its epoch, and has missed nothing that the delivery service still has.
	Recovered struct {
		From Trouble
		Data message.AppDataDictionary `json:",omitempty"` // as in Joined
	}

	// IdleMembers says who sent nothing for longer than [Schedule].Idle. Of many, several of these
	// events tell.
	IdleMembers struct{ Members []Person }

	// Failed says that a change for which nobody waits any more, or that the client makes
	// by itself, came to nothing.
	Failed struct{ What, Why string }
)

// MemberChange is what happened to one member.
type MemberChange struct {
	Person
	Reason event.Reason
	Old    *message.Credential
}

// CustomProposal is one of the application's own proposals, which a commit covers.
type CustomProposal struct {
	From Person
	Type message.ProposalType
	Data []byte
}

// ComponentProposal is an AppDataUpdate or AppEphemeral, which a commit covers.
type ComponentProposal struct {
	From      Person
	Component message.ComponentID
	Ephemeral bool   `json:",omitempty"` // it is an AppEphemeral
	Remove    bool   `json:",omitempty"` // it takes the component's entry out of the dictionary
	Data      []byte // unless Remove
}

func (*Message) kind() string           { return "message" }
func (*Sent) kind() string              { return "sent" }
func (*Unsent) kind() string            { return "unsent" }
func (*Joined) kind() string            { return "joined" }
func (*Left) kind() string              { return "left" }
func (*MembershipChanged) kind() string { return "members" }
func (*EpochChanged) kind() string      { return "epoch" }
func (*GroupEnded) kind() string        { return "ended" }
func (*Moved) kind() string             { return "moved" }
func (*Refused) kind() string           { return "refused" }
func (*InTrouble) kind() string         { return "trouble" }
func (*Recovered) kind() string         { return "recovered" }
func (*IdleMembers) kind() string       { return "idle" }
func (*Failed) kind() string            { return "failed" }

// newWhat returns an empty content of the kind, or nil.
func newWhat(kind string) What {
	for _, w := range []What{
		&Message{}, &Sent{}, &Unsent{}, &Joined{}, &Left{}, &MembershipChanged{}, &EpochChanged{},
		&GroupEnded{}, &Moved{}, &Refused{}, &InTrouble{}, &Recovered{}, &IdleMembers{}, &Failed{},
	} {
		if w.kind() == kind {
			return w
		}
	}
	return nil
}

// eventRecord is an Event as it is stored.
type eventRecord struct {
	Number   uint64
	Group    []byte `json:",omitempty"`
	Epoch    uint64
	Position delivery.Position
	Time     time.Time
	Kind     string
	What     json.RawMessage
}

func marshalEvent(e Event) ([]byte, error) {
	what, err := json.Marshal(e.What)
	if err != nil {
		return nil, err
	}
	return json.Marshal(eventRecord{e.Number, []byte(e.Group), e.Epoch, e.Position, e.Time, e.What.kind(), what})
}

func parseEvent(b []byte) (Event, error) {
	var r eventRecord
	if err := parseJSON(b, &r); err != nil {
		return Event{}, err
	}
	e := Event{r.Number, string(r.Group), r.Epoch, r.Position, r.Time, newWhat(r.Kind)}
	if e.What == nil {
		return Event{}, fmt.Errorf("client: an event of the kind %q: %w", r.Kind, store.ErrVersion)
	}
	return e, parseJSON(r.What, e.What)
}
