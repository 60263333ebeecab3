package event

import (
	"fmt"

	"github.com/mlsuite/mlsuite/mls/message"
)

// Change is a leaf or an external sender that enters a member's view of a group, or a
// leaf that leaves it.
type Change struct {
	Leaf         message.LeafIndex // 2^32-1 for an Add to be committed and for an external sender
	Credential   message.Credential
	SignatureKey []byte
	Old          *message.Credential // the credential of the leaf before, or of the leaf it replaces
	Reason       Reason
}

// Reason says why a leaf or an external sender changes.
type Reason int

const (
	// Added is a member that an Add proposal brings, or that joins by an external
	// commit.
	Added Reason = iota + 1
	// Updated is a member that updates its leaf, by a proposal or by a commit.
	Updated
	// Joined is a member that this client finds in a group when it joins.
	Joined
	// ExternalSender is an external sender of a group that this client makes or
	// joins, or one that a commit brings.
	ExternalSender
	// Removed is a member that a Remove or its own SelfRemove takes out. An [Observer] hears of
	// it, an Authenticator does not.
	Removed
	// Resynced is a client that joins by an external commit in place of an earlier
	// leaf of its own. The commit removes that leaf, whose credential is Old (RFC 9420,
	// Section 12.4.3.2). Credentials and keys of both may be the same.
	Resynced
)

// String returns the reason in words, such as "external sender".
func (r Reason) String() string {
	switch r {
	case Added:
		return "added"
	case Updated:
		return "updated"
	case Joined:
		return "joined"
	case ExternalSender:
		return "external sender"
	case Removed:
		return "removed"
	case Resynced:
		return "resynced"
	}
	return fmt.Sprintf("Reason(%d)", int(r))
}
