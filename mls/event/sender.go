package event

import (
	"context"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// Occasion is what an Authenticator learns of the call that asks it.
type Occasion struct {
	// Group is the group in the epoch that changes are made in, that a client joins, or of
	// which a message is. Its ID is nil for key packages that are for no group yet, and its
	// Leaf is -1 for a client that is no member, or not yet.
	Group GroupState

	// Use is the use for which the same call asks the client's policy.
	Use suite.Use
}

// SenderJudge is an Authenticator that also judges who sends. A client whose Authenticator
// is one asks it about the sender of each message that arrives by itself: an application
// message, a proposal or a commit of a member, or the proposal of an external sender. Who
// joins by a message, and who proposed what a commit covers, is not asked about.
//
// If the credential holds no more, the client asks its policy about a [suite.SenderInfo]
// with [suite.Receive]. What the policy does not refuse is read, with the [SenderLapsed]
// beside it.
type SenderJudge interface {
	// JudgeSender returns why a credential that was authenticated before no longer
	// authenticates its key, or nil if it does. The error says that no verdict could be
	// reached; the message is then refused, and can be processed again. It is asked about
	// each message, and should answer from memory.
	JudgeSender(ctx context.Context, now time.Time, on Occasion, sender message.Author) (*Lapse, error)
}

// Lapse says why a credential no longer authenticates its key.
type Lapse struct {
	Kind LapseKind
	Err  error // what the authentication service found
}

// Error returns what the authentication service found.
func (l *Lapse) Error() string { return fmt.Sprintf("credential is %s: %v", l.Kind, l.Err) }

// Unwrap returns Err.
func (l *Lapse) Unwrap() error { return l.Err }

// LapseKind is a kind of lapse, as a policy names it.
type LapseKind string

const (
	// Revoked is a credential that its issuer has taken back.
	Revoked LapseKind = "revoked"
	// Expired is a credential whose validity is over.
	Expired LapseKind = "expired"
	// Unknown is a credential about which nothing current is known, where something has to
	// be.
	Unknown LapseKind = "unknown"
	// Untrusted is a credential that leads to nobody who is trusted, or is refused for
	// another reason.
	Untrusted LapseKind = "untrusted"
)

// SenderLapsed says that a message came from somebody whose credential had lapsed. As an
// event, it says that the message was taken nevertheless. As an error, it stands in the
// refusal.
type SenderLapsed struct {
	Group   GroupState // in which the message arrived
	Sender  message.Sender
	Author  message.Author
	Content message.ContentType
	Lapse   *Lapse
}

// Error says whose message it is, and why the credential lapsed.
func (e SenderLapsed) Error() string {
	return fmt.Sprintf("mls: sender of the %s: %v", e.Content, e.Lapse)
}

// Unwrap returns the lapse.
func (e SenderLapsed) Unwrap() error { return e.Lapse }

// Removal returns the proposal that removes the sender from the group. It reports false if
// the sender is no member, or the message is of another epoch, in which its leaf may have
// been somebody else's.
func (e SenderLapsed) Removal() (message.Remove, bool) {
	if e.Sender.Type != message.SenderMember || e.Author.Epoch != e.Group.Epoch {
		return message.Remove{}, false
	}
	return message.Remove{Removed: e.Sender.Leaf}, true
}

func (SenderLapsed) event() {}
