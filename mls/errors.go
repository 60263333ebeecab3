package mls

import (
	"fmt"
)

// PathSecretError says that a commit keeps its epoch from this member: the path secret
// that is encrypted to it does not open, or gives other keys than the commit shows. The
// commit's signature has been verified. Nobody but this member can see the fault, and MLS
// cannot prevent it (RFC 9420, Section 7.5): the others may well follow the commit, and
// this member is then in the tree of an epoch whose secrets it does not have.
//
// If the delivery service has accepted the commit, the way back is an external commit
// that removes this member's old leaf: [ExternalJoin] with a GroupInfo of another member
// and [Remove] of [Group.OwnLeaf]. If it has not, the group goes on as it is.
type PathSecretError struct {
	Committer LeafIndex // the committer's leaf, or the one that it joins at
	Node      NodeIndex // the lowest node of the path whose secret this member should get
	Err       error     // [ErrDecrypt] or a [*ValidationError]
}

func (e *PathSecretError) Error() string {
	return fmt.Sprintf("%v: path secret of node %d, from leaf %d: %v", ErrPathSecret, e.Node, e.Committer, e.Err)
}

// Is reports whether target is [ErrPathSecret].
func (e *PathSecretError) Is(target error) bool { return target == ErrPathSecret }

func (e *PathSecretError) Unwrap() error { return e.Err }
