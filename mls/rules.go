package mls

import (
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// Rules judges what is not the cipher suite's, which [Suites] judges: nil allows,
// and an error says why not. It is asked each time, with the time of the call: a
// date may change an answer. A rule that refuses [suite.Leave] locks members in.
//
// It is asked with [suite.Start] when a group, a member or a key package begins by
// an act of this client: when it makes or joins a group, makes a key package, or
// adds somebody else's; and when an act of this client brings something else into a
// group that exists: a pre-shared key, a type of credential that the leaf had not;
// with [suite.Continue] when it sends in a group that exists;
// with [suite.Receive] when it reads what others sent, and when it restores a saved
// state; and with [suite.Leave] when a proposal or a commit does nothing but remove
// members or end the group by a ReInit, whoever sends it, and by [RestoreToLeave].
//
// Implementations must be safe for concurrent use.
type Rules interface {
	// Credential judges a type of credential: of a leaf, of an external sender, or
	// one that required_capabilities demand of all members.
	Credential(t CredentialType, use suite.Use, now time.Time) error

	// Lifetime judges that of a key package: one that this client makes or adds, or that
	// others add, and of every leaf that came by one in a group that this client joins,
	// follows or restores. In a group that exists it is asked with each message about the
	// longest in all and the shortest, since a date may have changed the answer.
	Lifetime(l Lifetime, use suite.Use, now time.Time) error

	// PSK judges a pre-shared key of length bytes that is about to be injected.
	PSK(t PSKType, length int, use suite.Use, now time.Time) error

	// WireFormat judges the format of proposals and commits. What comes from outside
	// a group, an external commit too, is always a PublicMessage.
	WireFormat(f WireFormat, use suite.Use, now time.Time) error

	// Move judges a group of suite to that is to take the place of one of suite from,
	// when a ReInit announces it, or that branches off from it, when from and to are the
	// same. The group that
	// follows the ReInit is asked about with [suite.Continue].
	Move(from, to suite.Info, use suite.Use, now time.Time) error
}
