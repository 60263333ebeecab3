// Package delivery is the interface of a delivery service for MLS (RFC 9750, Section 5):
// it hands out key packages, carries messages, and decides between commits.
//
// A [Service] is what one client sees of it. Package delivery/memory is one for tests,
// package deliverytest checks an implementation, with faults, and the module
// delivery/jetstream stands on NATS JetStream. A service is not trusted with content: it
// can withhold and delay, and a client finds out if it reorders, forks or forges.
package delivery

import (
	"context"
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// Position says where something stands in the order of a service. All that a service holds
// has one order: what is later has a greater Position, in whatever stream. Zero is before
// everything.
type Position uint64

// Stream names a sequence of entries: the one of a group, or the inbox of a client, in
// which Welcomes arrive. One of the fields is empty.
type Stream struct {
	Group  string // group_id, as bytes
	Client string // name of a client
}

// Service is a delivery service as one client sees it: the client that it authenticated
// when the Service was opened. It is safe for concurrent use.
//
// A call that returns an error has changed nothing at the service, with one exception:
// [ErrUnknown] says that the outcome is unknown. A call with the same ID can be repeated
// then, and takes effect once. Beside the errors that each call lists, every one returns
// [ErrUnavailable], [ErrUnknown] and [ErrFull] if it changes something, a [*LimitError],
// and the error of its context.
type Service interface {
	// Client returns the client's name at the service.
	Client() string

	// Publish adds to the client's stock of key packages, and takes others out of it.
	// It is idempotent.
	Publish(ctx context.Context, change Stock) error

	// Stocked returns the KeyPackageRefs that the service still has of the client, without
	// those of last resort.
	Stocked(ctx context.Context) (refs [][]byte, err error)

	// Claim takes a key package of the given suite out of a client's stock. It hands each
	// out once. When there are no others, it hands out the one of last resort, again and
	// again. The error is [ErrNoKeyPackage] if there is none.
	Claim(ctx context.Context, client string, of suite.ID) (keyPackage []byte, err error)

	// Submit hands in commits. The first Submission that ends an epoch of a group wins, and
	// with it all that it holds becomes part of the streams; of every other one nothing does.
	//
	// The commits, what the service shows of the epochs that they begin, and Welcomes become
	// part of the streams at once. Where there are more Welcomes than a service takes at once,
	// the others follow before Submit returns nil, each once. Others may hand in something
	// meanwhile: so a Welcome says where its reader begins with the group ([Entry].Start).
	//
	// If Submit fails between, the error is [ErrUnknown] or that of the context: the submission
	// has won, and to repeat it brings what is missing, as does the service itself if it can.
	// A client that finds a commit of its own in a stream, and does not know that Submit has
	// returned nil, repeats the submission if it has Welcomes. If neither happens, those who
	// have no Welcome stay outside, and nobody at the service knows: the members see
	// them as members who say nothing, and may add them anew; they themselves may join from
	// outside.
	//
	// Submit returns the Position of the last entry of those that came at once: nothing that
	// somebody else handed in lies among these.
	//
	// Errors:
	//
	//   - [*EpochError]: one of the groups is in another epoch.
	//   - [*RefusalError]: the service takes no such commit, or another submission of the
	//     client has the ID.
	//   - [ErrSelfRemoves]: a commit from outside leaves out a member who leaves.
	//   - [ErrUnseen]: the service follows the groups, and does not have the tree of this one. It
	//     takes the submission if each commit has its GroupInfo and Tree.
	//   - [ErrTooLarge]: also for Welcomes to more than MaxRecipients clients.
	Submit(ctx context.Context, s Submission) (Position, error)

	// Send appends a message to the stream of a group: an application message or a
	// proposal. It returns the entry's Position. A second message with the ID of an
	// earlier one is not appended; Send returns the Position of the first, as long as the
	// service keeps that. A client for which entries are deleted that it has not read does not
	// know whether a message is among them that it sent without an answer: see [GapError].
	//
	// Errors:
	//
	//   - [*EpochError]: the message is of an epoch that the group has not reached.
	//   - [*RefusalError]: the service takes no such message.
	//   - [ErrNoGroup], [ErrTooLarge].
	Send(ctx context.Context, m Message) (Position, error)

	// Fetch returns entries of a stream in their order: those behind the Position after,
	// at most limit of them, and none if there are no more. A limit of 0 leaves it to the
	// service.
	//
	// Errors:
	//
	//   - [*GapError]: entries behind after are no longer kept.
	//   - [ErrNoGroup]: there is no such group, or the client may not read it.
	Fetch(ctx context.Context, s Stream, after Position, limit int) ([]Entry, error)

	// Watch tells of streams that have, or may have, new entries, until ctx ends or the
	// connection is lost, and it closes the channel. It may leave one out or repeat it, also
	// when the reader is slow: it saves a client from asking, and Fetch is the truth.
	Watch(ctx context.Context, streams ...Stream) (<-chan Stream, error)

	// GroupInfo returns what a client needs to join a group by an external commit. The
	// error is [ErrNoGroup] if the group is unknown or has none.
	GroupInfo(ctx context.Context, group string) (GroupInfo, error)

	// Acknowledge says that this client has made durable what is up to position in the
	// stream. The service may delete what all have acknowledged. A lower position than
	// before changes nothing.
	Acknowledge(ctx context.Context, s Stream, position Position) error

	// Acknowledged returns the greatest position that this client has acknowledged, since it
	// called Leave last. A client whose own state is before it was restored from an old backup.
	Acknowledged(ctx context.Context, s Stream) (Position, error)

	// Leave takes the group off what this client reads. Its acknowledgements no longer
	// keep entries from being deleted. After some time, the service may not let it read the
	// group any more, until it is let in anew.
	Leave(ctx context.Context, s Stream) error

	// Health tells what the service says of itself.
	Health(ctx context.Context) (Health, error)

	// Close ends the connection. The Service answers [ErrUnavailable] from then on.
	Close() error
}

// Stock is a change of a client's stock of key packages.
type Stock struct {
	Add        []KeyPackage
	LastResort []KeyPackage // each replaces the one of its suite
	Remove     [][]byte     // KeyPackageRefs, also of last resort
}

// KeyPackage is a key package as a service holds it.
type KeyPackage struct {
	Ref     []byte // KeyPackageRef (RFC 9420, Section 5.2)
	Suite   suite.ID
	Expires time.Time // the service does not hand it out afterwards
	Message []byte    // MLSMessage
}

// Submission is what becomes part of the streams as a whole or not at all. It has commits of
// several groups where they belong together.
type Submission struct {
	ID       string // of at most MaxID bytes, unique among all submissions and messages of the client
	Commits  []Commit
	Welcomes []Welcome
}

// Commit ends an epoch of a group.
type Commit struct {
	Group string
	Epoch uint64 // that it ends

	// Message is the commit, an MLSMessage. It is empty
	//
	//   - where Epoch is 0 and a group begins whose first epoch only its Welcome announces,
	//     as one that follows a ReInit;
	//   - where the Message of another Commit of the Submission carries this commit too. Of
	//     two groups that are a pair (draft-ietf-mls-combiner), the stream of one has the
	//     commits of both, each two of them in one message. So the other one has no entry in
	//     its own stream, and nobody reads one half without the other.
	Message []byte

	// GroupInfo is that of the next epoch, for external joins, or empty: then there are
	// none until a later commit brings one.
	GroupInfo []byte
	Tree      []byte // ratchet_tree of that epoch, if GroupInfo is without it
}

// Welcome is an entry for the inboxes of the clients that a Commit adds.
type Welcome struct {
	Clients []string
	Group   string // to which it leads
	Message []byte // MLSMessage
	Tree    []byte // ratchet_tree, if the Welcome is without it
}

// Message is an application message or a proposal.
type Message struct {
	ID      string // as of a Submission
	Group   string
	Epoch   uint64 // in which it was made
	Message []byte // MLSMessage

	// SelfRemove says that Message is a SelfRemove, by which a member leaves
	// (draft-ietf-mls-extensions-10, Section 6.3). The service hands it out with the
	// GroupInfo until the epoch ends, and keeps it as long.
	SelfRemove bool `json:",omitempty"`
}

// Kind is what an Entry holds.
type Kind uint8

// Kinds of entries.
const (
	KindCommit Kind = iota + 1
	KindMessage
	KindWelcome
)

// Entry is one message in a stream.
type Entry struct {
	Position Position
	Kind     Kind
	ID       string // of its Submission or Message
	From     string // the client that handed it in, as the service authenticated it
	Group    string
	Epoch    uint64    // that a commit ends, in which a message was made, or that a Welcome begins
	Message  []byte    // MLSMessage
	Tree     []byte    // of a Welcome, or nil
	Time     time.Time // at which the service took it, by its clock

	// Start, of a Welcome, is where its reader begins to read the group: what the group's stream
	// has behind it is of the epoch that the Welcome begins, or later, and all of that is behind
	// it. It is at most Position, for which 0 stands.
	Start Position `json:",omitempty"`

	// Annotation is what follows Message in the AnnotatedCommit for a partial member, or in
	// the SenderAuthenticatedMessage if the commit removes it. Only [Annotator] sets it.
	Annotation []byte
}

// GroupInfo is a group as the service knows it.
type GroupInfo struct {
	Epoch    uint64
	Position Position // of the commit that began the epoch
	Message  []byte   // MLSMessage with the GroupInfo
	Tree     []byte   // ratchet_tree, if the GroupInfo is without it

	// SelfRemoves are the messages of the epoch that are SelfRemoves, in their order, at most
	// MaxSelfRemoves of them. Who joins covers them in the external commit.
	SelfRemoves [][]byte `json:",omitempty"`
}

// Health is what a service says of itself. It holds nothing that a client may not know.
type Health struct {
	Implementation string // such as "jetstream"
	Version        string
	Last           Position // the greatest one given so far, or zero if it is not told

	// Durable says that what the service has accepted outlives the loss of power. If it
	// does not, or nobody knows, Warnings says why.
	Durable  bool
	Warnings []string
}

// Bounds on what a service takes, in bytes.
const (
	MaxID    = 64  // of a submission or a message
	MaxGroup = 256 // ID of a group
)

// MaxRecipients is the number of clients to whom the Welcomes of one Submission may go. Every
// service takes as many if they share a few Welcomes, and none takes more.
const MaxRecipients = 10_000

// MaxSelfRemoves is the number of SelfRemoves that come with a GroupInfo. Where there are more,
// a member has to commit before others join.
const MaxSelfRemoves = 1000
