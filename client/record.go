package client

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// clientRecord is the client itself.
type clientRecord struct {
	Version int
	Name    string
	Next    uint64 // number of the next event, message or intent
}

// inboxRecord says up to which position Welcomes were read.
type inboxRecord struct {
	Position delivery.Position
	Read     *mark             `json:",omitempty"` // the entry there, if it was read
	Again    delivery.Position `json:",omitempty"` // up to which entries may have been read before a loss at the service
	Waiting  []waitingRecord   `json:",omitempty"` // Welcomes on which there is no verdict, in their order
}

// waitingRecord is a Welcome on which there is no verdict. It is left at the service.
type waitingRecord struct {
	Position delivery.Position
	Since    time.Time // by the client's clock
	Group    []byte
	From     string
}

// recordVersion is the version of the records of this package.
const recordVersion = 1

// State says how a client stands to a group.
type State uint8

// States of a group.
const (
	Active  State = iota + 1 // a member
	Ended                    // a member of a group that a ReInit has ended, until it has entered the next one
	Lost                     // a member that can no longer follow: see [TroubleError]
	Joining                  // joins by an external commit that is not accepted yet
)

func (s State) String() string {
	return [...]string{"unknown", "active", "ended", "lost", "joining"}[min(int(s), 4)]
}

// groupRecord is the index entry of a group.
type groupRecord struct {
	State    State
	Suite    suite.ID
	Epoch    uint64
	Joined   uint64            // epoch in which the client entered
	Position delivery.Position // up to which the stream was read
	Read     *mark             `json:",omitempty"` // the entry there, if the client has read it
	Entered  delivery.Position `json:",omitempty"` // where the client entered the stream
	Began    *mark             `json:",omitempty"` // the commit that began the epoch, if the client has read it
	Again    delivery.Position `json:",omitempty"` // up to which entries may have been read before a loss at the service
	Resumed  bool              `json:",omitempty"` // after a loss at the service, and nothing new was read since
	Members  int
	Leaf     message.LeafIndex
	Partial  bool          `json:",omitempty"` // the client is a partial member
	Leaves   int           `json:",omitempty"` // of the tree, as a partial member knows them; it does not know Members
	Known    []knownMember `json:",omitempty"` // whom the client has met, as a partial member
	New      bool          `json:",omitempty"` // the delivery service does not have it yet
	Work     bool          `json:",omitempty"` // something waits to be done

	Renewed time.Time // of the client's keys
	Sent    int       // messages since
	Checked time.Time // with what the service shows

	Ended      time.Time // of a ReInit
	Successor  []byte    `json:",omitempty"`
	NextSuite  suite.ID  `json:",omitempty"`
	Trusts     bool      `json:",omitempty"` // joins anew whatever group the service shows
	Trouble    Trouble   `json:",omitempty"` // of Lost
	TroubleWhy string    `json:",omitempty"`

	Pair *pairRecord `json:",omitempty"` // of a group that is the T group of a pair
}

// pendingRecord is a commit that was made and may have been submitted. Its candidate
// stands beside it.
type pendingRecord struct {
	ID      string
	Epoch   uint64                    // that it ends
	Intent  uint64                    // that it carries out, or 0
	Clients []string                  // to which its Welcome goes
	Tree    bool                      // the Welcome is without the tree
	Joins   bool                      // by an external commit
	Data    message.AppDataDictionary `json:",omitempty"` // for the components of this client, if Joins
	Full    bool                      `json:",omitempty"` // it is a commit in both groups of a pair
	PQEpoch uint64                    `json:",omitempty"` // that it ends, if it is Full

	Pair *pairRecord `json:",omitempty"` // that it joins, or that the group becomes by it
}

// outboxRecord is a message that the application sent.
type outboxRecord struct {
	ID    string
	Data  []byte
	Items message.SafeAAD `json:",omitempty"`
	Time  time.Time
	Tried bool `json:",omitempty"` // the service may have taken it under the wireID
	Again int  `json:",omitempty"` // how often it has got another wireID
}

// wireID returns the ID under which the message goes out: another one where it was passed over, or
// goes to the group that follows. It follows from the ID, so that a client which is restored from
// an old backup knows what it has sent since.
func (rec *outboxRecord) wireID() string {
	if rec.Again == 0 {
		return rec.ID
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", rec.Again, rec.ID))
	return base32.StdEncoding.EncodeToString(sum[:])[:26]
}

// keyPackageRecord is a key package of this client.
type keyPackageRecord struct {
	Suite        suite.ID
	Made         time.Time
	Expires      time.Time
	LastResort   bool
	Published    bool // it was seen at the service
	Retired      bool // it is not to be there any more
	SignatureKey []byte
	Message      []byte

	changed bool
}

// moveRecord is a move to another suite that this client makes.
type moveRecord struct {
	ID      string // of the submission that begins the new group
	GroupID []byte // of the new group
	Suite   suite.ID
	Clients []string // that the new group's Welcome is for
	Created bool     // the new group is made
	Lost    bool     // to another member's

	Refused string `json:",omitempty"` // why the new group is not made: it is not tried again by itself
}

// seenRecord says when a member was last heard of.
type seenRecord struct {
	At       time.Time
	Reported bool
}
