package mls

import (
	"bytes"
	"iter"
	"slices"
)

// transition is a commit as everybody who reads it can see it, or what a joiner sees of
// the commit that let it in.
type transition struct {
	committer Sender
	leaf      LeafIndex // the committer's in the epoch that the commit begins
	aad       []byte
	proposals []CommittedProposal
	added     []LeafIndex
	old, to   *publicState
}

// Committer returns the sender of the commit. For a join by a Welcome, it returns the
// signer of the GroupInfo.
func (t *transition) Committer() Sender { return t.committer }

// Changes returns the members who join, leave, or get a new leaf, with leaf and
// credential. Members join by an Add or by the commit itself. It is what an [Observer]
// hears once the commit is adopted.
func (t *transition) Changes() []Change {
	if t.old == nil {
		return nil
	}
	var changes []Change
	update := func(leaf LeafIndex) {
		old, next := t.old.tree.leaf(leaf), t.to.tree.leaf(leaf)
		c := change(leaf, next, ChangeUpdated)
		c.Old = &old.Credential
		changes = append(changes, c)
	}
	added := t.added
	for _, p := range t.proposals {
		switch proposal := p.Proposal.(type) {
		case Add:
			changes = append(changes, change(added[0], t.to.tree.leaf(added[0]), ChangeAdded))
			added = added[1:]
		case Update:
			update(p.Sender.Leaf)
		case Remove:
			changes = append(changes, change(proposal.Removed, t.old.tree.leaf(proposal.Removed), ChangeRemoved))
		}
	}
	if t.committer.Type == SenderMember {
		leaf := t.committer.Leaf
		if !bytes.Equal(t.old.tree.leaf(leaf).EncryptionKey, t.to.tree.leaf(leaf).EncryptionKey) {
			update(leaf)
		}
		return changes
	}
	joined := t.to.tree.leaf(t.leaf)
	if len(changes) > 0 { // its earlier leaf goes
		return append(changes, resynced(t.leaf, t.old.tree.leaf(changes[0].Leaf), joined))
	}
	return append(changes, change(t.leaf, joined, ChangeAdded))
}

// AuthenticatedData returns the data that the committer authenticated together with the
// commit (RFC 9420, Section 6.3.1).
func (t *transition) AuthenticatedData() []byte { return bytes.Clone(t.aad) }

// Proposals returns the proposals that the commit covers, in its order. The caller must
// not change them.
func (t *transition) Proposals() []CommittedProposal { return t.proposals }

// Added returns the leaves of the members that the commit adds, in the order of their
// Adds.
func (t *transition) Added() []LeafIndex { return slices.Clone(t.added) }

// GroupContext returns the context of the epoch that the commit begins. The
// caller must not change what it refers to.
func (t *transition) GroupContext() GroupContext { return t.to.context }

// Epoch returns the number of the epoch that the commit begins.
func (t *transition) Epoch() uint64 { return t.to.context.Epoch }

// GroupID returns the id of the group. A joiner sees by it whether it is in the group
// already (RFC 9420, Section 12.4.3).
func (t *transition) GroupID() []byte { return bytes.Clone(t.to.context.GroupID) }

// Members iterates over the members in the epoch that the commit begins, from left to
// right. The caller must not change the leaves.
func (t *transition) Members() iter.Seq2[LeafIndex, *LeafNode] { return t.to.tree.members() }
