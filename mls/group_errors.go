package mls

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mlsuite/mlsuite/suite"
)

// What a group, a candidate or a key package answers. Compare with [errors.Is].
var (
	// ErrMissingProposals is the class of every [*MissingProposalsError].
	ErrMissingProposals = errors.New("mls: commit refers to proposals that are not here")
	// ErrProposalRoom says that a valid proposal was not kept because [Limits] leaves no
	// room for it in this epoch. A commit that refers to it can be followed if the proposal
	// is handed over with the commit ([Group.Process]). It wraps ErrUnsupported.
	ErrProposalRoom = fmt.Errorf("%w: more proposals in this epoch than the limits have room for", ErrUnsupported)
	// ErrPendingProposals says that application data has to wait: a member that has received
	// a valid proposal in this epoch commits before it sends data (RFC 9420, Section 12.4).
	// Two kinds of proposals hold no data back: a proposal from outside the group that this
	// member could not commit when it arrived, and a proposal from anybody to inject a PSK
	// that this member does not have or cannot use.
	ErrPendingProposals = errors.New("mls: proposals of this epoch are not committed yet")
	// ErrOwnMessage says that a message is this member's own. The signature of a
	// PublicMessage shows that. A PrivateMessage names this member as its sender, and
	// nobody has verified that: every member can write such a name, and the key that
	// would open the message was deleted once it was sent.
	ErrOwnMessage = errors.New("mls: message is this member's own")
	// ErrUnknownPSK says that a commit or a Welcome needs a pre-shared key that this
	// client does not have.
	ErrUnknownPSK = errors.New("mls: unknown pre-shared key")
	// ErrReInit says that the group has ended by a ReInit and waits for its
	// follow-up.
	ErrReInit = errors.New("mls: group has ended by a ReInit")
	// ErrRemoved says that the commit removes this member from the group.
	ErrRemoved = errors.New("mls: this member was removed from the group")
	// ErrUnsaved says that the message needs a generation of a ratchet that no stored
	// state reserves. Store a [Group.Delta], call [Delta.Stored], and send again: see
	// "Saving" above. A group of which no Delta was made sends without.
	ErrUnsaved = errors.New("mls: group has to be saved before it sends")
	// ErrNotRecipient says that a Welcome holds nothing for the key package.
	ErrNotRecipient = errors.New("mls: Welcome is not for this key package")
	// ErrKeyPackageUsed says that an [OwnKeyPackage] joins nothing any more, because a join
	// by it was adopted or its private parts were deleted; or that a last resort has already
	// joined the epoch.
	ErrKeyPackageUsed = errors.New("mls: key package is used up")
)

// MissingProposalsError says that a commit refers to proposals that this client does not
// hold: they have not arrived yet, found no room (see [ErrProposalRoom]), were forgotten,
// or cannot be opened. The commit's signature has been verified. Whether the commit is
// valid shows when the proposals are there: process them and then the commit again, or
// hand them over with the commit ([Group.Process]).
//
// Neither helps if the committer made the references up, or if the proposal is a
// PrivateMessage whose key another message used up. An insider can bring that about with
// two proposals of one generation: members who receive them in different orders keep
// different ones. Each member deletes the key with the first (RFC 9420, Section 9.2), so
// the other is [ErrConsumed] for good, and so is Err if it was handed over. (A
// PrivateMessage that this member has processed and keeps is ErrConsumed too when it is
// handed over, so Err tells the two cases apart only if no such message is handed over.)
// If the delivery service has accepted the commit, the way back is an external commit, as
// with [PathSecretError]. No insider can do this where handshakes are PublicMessages
// ([Config.PublicHandshake]), which use up no key.
type MissingProposalsError struct {
	Committer Sender
	Refs      [][]byte // the ProposalRefs, in the order of the commit
	Err       error    // the first refusal of a proposal that was handed over, or nil
}

func (e *MissingProposalsError) Error() string {
	s := fmt.Sprintf("%v: %d, the first %x", ErrMissingProposals, len(e.Refs), e.Refs[0])
	if e.Err != nil {
		s += fmt.Sprintf("; of those handed over, one is refused: %v", e.Err)
	}
	return s
}

// Is reports whether target is [ErrMissingProposals].
func (e *MissingProposalsError) Is(target error) bool { return target == ErrMissingProposals }

func (e *MissingProposalsError) Unwrap() error { return e.Err }

// PolicyError says that Config.Policy refuses something, and whom it concerns. It wraps
// the policy's own error.
type PolicyError struct {
	Subject    string // such as "credential type basic"
	Use        suite.Use
	Leaf       int64  // leaf index of the member concerned, or -1
	Proposal   int    // index in the commit's proposals, or -1
	KeyPackage []byte // KeyPackageRef of the key package concerned, or nil
	Err        error  // the policy's error
}

func (e *PolicyError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "mls: refused for %s: %s", e.Use, e.Subject)
	if e.Leaf >= 0 {
		fmt.Fprintf(&b, ", leaf %d", e.Leaf)
	}
	if e.Proposal >= 0 {
		fmt.Fprintf(&b, ", proposal %d", e.Proposal)
	}
	if e.KeyPackage != nil {
		fmt.Fprintf(&b, ", key package %x", e.KeyPackage)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	return b.String()
}

func (e *PolicyError) Unwrap() error { return e.Err }

// atLeaf and atProposal add the leaf or the proposal at fault to a ValidationError or a
// PolicyError.
func atLeaf(err error, leaf LeafIndex) error {
	if p, ok := errors.AsType[*PolicyError](err); ok {
		p.Leaf = int64(leaf)
		return err
	}
	if v, ok := errors.AsType[*ValidationError](err); ok {
		v.Leaf = int64(leaf)
	}
	return err
}

func atProposal(err error, i int) error {
	if p, ok := errors.AsType[*PolicyError](err); ok {
		p.Proposal = i
		return err
	}
	if v, ok := errors.AsType[*ValidationError](err); ok {
		v.Proposal = i
		return err
	}
	if err != nil {
		return fmt.Errorf("mls: proposal %d: %w", i, err)
	}
	return nil
}
