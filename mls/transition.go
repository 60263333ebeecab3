package mls

import (
	"bytes"
	"slices"

	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/message"
)

// transition is a commit as everybody who reads it can see it, or what a joiner sees of
// the commit that let it in.
type transition struct {
	committer  message.Sender
	leaf       message.LeafIndex // the committer's in the epoch that the commit begins
	aad        []byte
	proposals  []CommittedProposal
	added      []message.LeafIndex
	changes    func() []event.Change // or nil
	old        *publicState          // nil for a joiner
	publicView                       // of the epoch that the commit begins
}

// newTransition returns the transition by a commit whose proposals were applied to old.
func newTransition(old, to *publicState, a *applied, aad []byte) transition {
	return transition{
		committer:  a.sender,
		leaf:       a.committer,
		aad:        aad,
		proposals:  a.list,
		added:      a.added,
		changes:    a.changes,
		old:        old,
		publicView: publicView{to},
	}
}

// Committer returns the sender of the commit. For a join by a Welcome, it returns the
// signer of the GroupInfo.
func (t *transition) Committer() message.Sender { return t.committer }

// Changes returns the members who join, leave, or get a new leaf, with leaf and
// credential. Members join by an Add or by the commit itself. For a join by a Welcome,
// Changes returns all members. It is what an [event.Observer] hears once the commit is
// adopted. Changes returns nil if this client joins by the commit and the candidate was
// restored.
func (t *transition) Changes() []event.Change {
	if t.changes == nil {
		return nil
	}
	return slices.Clone(t.changes())
}

// Author returns the committer, as of the epoch that the commit ends. For a join by a
// Welcome, it returns the signer of the GroupInfo, as of the tree that the client joins.
func (t *transition) Author() message.Author {
	epoch := max(1, t.public.context.Epoch) - 1
	if t.committer.Type == message.SenderMember && t.old != nil {
		return framing.AuthorOf(t.old.tree.Leaf(t.committer.Leaf), epoch)
	}
	return framing.AuthorOf(t.public.tree.Leaf(t.leaf), epoch)
}

// AuthenticatedData returns the data that the committer authenticated together with the
// commit (RFC 9420, Section 6.3.1).
func (t *transition) AuthenticatedData() []byte { return bytes.Clone(t.aad) }

// Proposals returns the proposals that the commit covers, in its order. The caller must
// not change them.
func (t *transition) Proposals() []CommittedProposal { return t.proposals }

// Added returns the leaves of the members that the commit adds, in the order of their
// Adds.
func (t *transition) Added() []message.LeafIndex { return slices.Clone(t.added) }
