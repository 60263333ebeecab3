package delivery

import (
	"context"
	"errors"
)

// Annotator is a Service that knows the ratchet trees of groups, and serves members who do
// not have them: partial members (draft-ietf-mls-partial-02). Package guard makes one of a
// Service, for groups whose handshakes are public. The tree of a group with private
// handshakes is known to its members alone: only a full member could annotate there.
//
// What an Annotator says is checked by who reads it. It keeps the trees of an epoch for a
// while after the epoch has ended. Beside the errors of a Service, each call returns
// [ErrUnseen]. The cost of each is O(log n) for a group of n members, except that of Tree.
type Annotator interface {
	Service

	// FetchAnnotated is Fetch for a partial member at a leaf, and of entries in the inbox of
	// a client that may become one. Entries come without a Tree, and commits with the
	// Annotation for the member. It ends before a commit that cannot be annotated. If that
	// is the first entry, the error is ErrUnseen.
	FetchAnnotated(ctx context.Context, s Stream, leaf uint32, after Position, limit int) ([]Entry, error)

	// AnnotateWelcome returns what turns a Welcome to an epoch into an AnnotatedWelcome for
	// the joiner whose leaf has a signature key: two membership proofs, which follow the
	// Welcome. The error is a [*RefusalError] if nobody has joined with the key.
	AnnotateWelcome(ctx context.Context, group string, epoch uint64, signatureKey []byte) ([]byte, error)

	// MembershipProof returns the proof that a leaf is a member in an epoch. It turns a
	// message of the member into a SenderAuthenticatedMessage, in which it follows the
	// MLSMessage. The error is a [*RefusalError] if the leaf is no member.
	MembershipProof(ctx context.Context, group string, epoch uint64, leaf uint32) ([]byte, error)

	// Tree returns the ratchet_tree of an epoch, for a partial member that becomes a full
	// one.
	Tree(ctx context.Context, group string, epoch uint64) ([]byte, error)
}

// ErrUnseen says that an [Annotator] does not have the ratchet tree of an epoch: the
// handshakes of the group are private, the epoch is too long ago, or the service knows no
// trees.
var ErrUnseen = errors.New("delivery: service does not have the ratchet tree of the epoch")
