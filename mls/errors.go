package mls

import (
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// What goes wrong with messages and epochs. Compare with [errors.Is]. A fault of bytes,
// or a broken rule of RFC 9420, is of package message: [message.ErrMalformed],
// [message.ErrUnsupported] and [message.ErrInvalid], of which a
// [*message.ValidationError] says more.
var (
	// ErrWrongGroup says that a message is for another group.
	ErrWrongGroup = fault.ErrWrongGroup
	// ErrFutureEpoch says that a message is for a later epoch than the group's. Try it
	// again when the commits before it are adopted.
	ErrFutureEpoch = fault.ErrFutureEpoch
	// ErrPastEpoch says that a message is for an earlier epoch than the group's, whose
	// keys are gone: it came too late.
	ErrPastEpoch = fault.ErrPastEpoch
	// ErrDerivation is the likely cause when a path secret gives other keys than its
	// sender shows and no RFC says how the suite derives key pairs
	// ([suite.KEMInfo.Derivation]): the sender may have the suite from another version of
	// the draft. A key package does not show that. Members who derive differently can
	// therefore join and read each other, and part at the first commit with a path. The
	// remedy is one derivation for all members, from a set of suites that all of them
	// have.
	ErrDerivation = fault.ErrDerivation
	// ErrDecrypt says that a ciphertext is not authentic. It carries no detail.
	ErrDecrypt = label.ErrDecrypt
	// ErrConsumed says that the key of a message is gone: the message was opened before,
	// or it is older than the window of skipped keys. Of [Group.SafeExportSecret], it says
	// that the secret was taken before.
	ErrConsumed = fault.ErrConsumed
	// ErrGeneration says that a message's generation is further ahead than the configured
	// limit, or that a ratchet of this member has no generation left to send with.
	ErrGeneration = fault.ErrGeneration
	// ErrRetired says that the group has moved to its next epoch, and that this handle no
	// longer holds secrets.
	ErrRetired = label.ErrRetired
	// ErrUnusablePSK says that the cipher suite refuses a pre-shared key that this client
	// has: a short one, for example, with [suite.ErrShortSecret]. No commit that injects
	// it can be made or followed. It wraps ErrUnsupported.
	ErrUnusablePSK = fault.ErrUnusablePSK
)

// PathSecretError says that a commit keeps its epoch from this member: the path secret
// that is encrypted to it does not open, or gives other keys than the commit shows. The
// commit's signature has been verified. Nobody but this member can see the fault, and MLS
// cannot prevent it (RFC 9420, Section 7.5): the others may well follow the commit, and
// this member is then in the tree of an epoch whose secrets it does not have.
//
// If the delivery service has accepted the commit, the way back is an external commit
// that removes this member's old leaf: [ExternalJoin] with a GroupInfo of another member
// and [message.Remove] of [Group.OwnLeaf]. If it has not, the group goes on as it is.
type PathSecretError struct {
	Committer message.LeafIndex // the committer's leaf, or the one that it joins at
	Node      uint32            // the lowest node of the path whose secret this member should get (RFC 9420, Appendix C)
	Err       error             // [ErrDecrypt] or a [*message.ValidationError]
}

func (e *PathSecretError) Error() string {
	return fmt.Sprintf("%v: path secret of node %d, from leaf %d: %v", fault.ErrPathSecret, e.Node, e.Committer, e.Err)
}

// Unwrap returns the class of all PathSecretErrors, which tests use, and Err.
func (e *PathSecretError) Unwrap() []error { return []error{fault.ErrPathSecret, e.Err} }

// What a group, a candidate or a key package answers. Compare with [errors.Is].
var (
	// ErrProposalRoom says that a valid proposal was not kept because [Limits] leaves no
	// room for it in this epoch. A commit that refers to it can be followed if the proposal
	// is handed over with the commit ([Group.Process]). It wraps ErrUnsupported.
	ErrProposalRoom = fmt.Errorf("%w: more proposals in this epoch than the limits have room for", message.ErrUnsupported)
	// ErrPendingProposals says that application data has to wait: a member that has
	// received a valid proposal in this epoch commits before it sends data (RFC 9420,
	// Section 12.4). Two kinds of proposals hold no data back: a proposal from outside
	// the group that this member could not commit when it arrived, and a proposal from
	// anybody to inject a PSK that this member does not have or cannot use.
	ErrPendingProposals = errors.New("mls: proposals of this epoch are not committed yet")
	// ErrOwnMessage says that a message is this member's own. The signature of a
	// PublicMessage shows that. A PrivateMessage names this member as its sender, and
	// nobody has verified that: every member can write such a name, and the key that
	// would open the message was deleted once it was sent.
	ErrOwnMessage = fault.ErrOwnMessage
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
	// ErrKeyPackageUsed says that an [OwnKeyPackage] joins nothing any more, because a
	// join by it was adopted or its private parts were deleted; or that a last resort has
	// already joined the epoch.
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
	Committer message.Sender
	Refs      [][]byte // the ProposalRefs, in the order of the commit
	Err       error    // the first refusal of a proposal that was handed over, or nil
}

func (e *MissingProposalsError) Error() string {
	s := fmt.Sprintf("%v: %d, the first %x", fault.ErrMissingProposals, len(e.Refs), e.Refs[0])
	if e.Err != nil {
		s += fmt.Sprintf("; of those handed over, one is refused: %v", e.Err)
	}
	return s
}

// Unwrap returns the class of all MissingProposalsErrors, which tests use, and Err.
func (e *MissingProposalsError) Unwrap() []error { return []error{fault.ErrMissingProposals, e.Err} }

// atLeaf and atProposal add the leaf or the proposal at fault to a ValidationError or a
// PolicyError. A leaf that has no place yet is [ratchettree.NoLeaf], and is not added.
func atLeaf(err error, leaf message.LeafIndex) error {
	if leaf == ratchettree.NoLeaf {
		return err
	}
	if p, ok := errors.AsType[*suite.PolicyError](err); ok {
		p.Leaf = int64(leaf)
		return err
	}
	if v, ok := errors.AsType[*message.ValidationError](err); ok {
		v.Leaf = int64(leaf)
	}
	return err
}

func atProposal(err error, i int) error {
	if p, ok := errors.AsType[*suite.PolicyError](err); ok {
		p.Proposal = i
		return err
	}
	if v, ok := errors.AsType[*message.ValidationError](err); ok {
		v.Proposal = i
		return err
	}
	return fault.At(err, "proposal", i)
}
