package mls

import (
	"bytes"
	"sync"

	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// change returns the change to leaf n, which replaces old unless that is nil.
func change(leaf message.LeafIndex, old, n *message.LeafNode, reason event.Reason) event.Change {
	ch := event.Change{Leaf: leaf, Credential: n.Credential, SignatureKey: n.SignatureKey, Reason: reason}
	if old != nil {
		ch.Old = &old.Credential
	}
	return ch
}

// joined returns the members as a joiner finds them.
func (p *publicState) joined() []event.Change {
	var members []event.Change
	for i, n := range p.tree.Members() {
		members = append(members, change(i, nil, n, event.Joined))
	}
	return members
}

// changesOf returns a function that finds, when it is first called, the changes from tree
// old to tree next by a commit of list: the members who join, leave, or get a new leaf, in
// the order of the list, then the committer. added has the leaves of the Adds, leaf is the
// committer's in next.
func changesOf(old, next *ratchettree.Tree, list []CommittedProposal, added []message.LeafIndex, committer message.Sender, leaf message.LeafIndex) func() []event.Change {
	return sync.OnceValue(func() []event.Change {
		var changes []event.Change
		for _, c := range list {
			switch p := c.Proposal.(type) {
			case message.Add:
				changes = append(changes, change(added[0], nil, next.Leaf(added[0]), event.Added))
				added = added[1:]
			case message.Update:
				changes = append(changes, change(c.Sender.Leaf, old.Leaf(c.Sender.Leaf), next.Leaf(c.Sender.Leaf), event.Updated))
			case message.Remove:
				changes = append(changes, change(p.Removed, nil, old.Leaf(p.Removed), event.Removed))
			}
		}
		n := next.Leaf(leaf)
		switch {
		case committer.Type == message.SenderMember:
			o := old.Leaf(leaf)
			if keepsKey(o, n) {
				return changes
			}
			return append(changes, change(leaf, o, n, event.Updated))
		case len(changes) > 0: // its earlier leaf goes
			return append(changes, change(leaf, old.Leaf(changes[0].Leaf), n, event.Resynced))
		}
		return append(changes, change(leaf, nil, n, event.Added))
	})
}

// judged returns those of a commit's changes about which the application is asked: not of
// a member that leaves, nor of a leaf that keeps its credential and its signature key.
func (p *publicState) judged(changes []event.Change) []event.Change {
	var judged []event.Change
	for _, ch := range changes {
		if ch.Reason == event.Removed || ch.Reason == event.Updated && keeps(&ch, p.tree.Leaf(ch.Leaf)) {
			continue
		}
		judged = append(judged, ch)
	}
	return judged
}

// changed appends the change from old to next at leaf, unless there is none for an
// application to judge.
func changed(changes []event.Change, leaf message.LeafIndex, old, next *message.LeafNode, reason event.Reason) []event.Change {
	ch := change(leaf, old, next, reason)
	if keeps(&ch, old) {
		return changes
	}
	return append(changes, ch)
}

// keeps reports whether a leaf that replaces old, unless nil, keeps its credential and its
// signature key.
func keeps(ch *event.Change, old *message.LeafNode) bool {
	return old != nil && check.SameCredential(old.Credential, ch.Credential) && bytes.Equal(old.SignatureKey, ch.SignatureKey)
}

// proposed appends the changes that a proposal brings and about which the application is
// asked before a commit.
func (p *publicState) proposed(changes []event.Change, c CommittedProposal) []event.Change {
	switch proposal := c.Proposal.(type) {
	case message.Add:
		return changed(changes, ratchettree.NoLeaf, nil, &proposal.KeyPackage.LeafNode, event.Added)
	case message.Update:
		leaf := c.Sender.Leaf
		return changed(changes, leaf, p.tree.Leaf(leaf), proposal.LeafNode, event.Updated)
	case message.GroupContextExtensions:
		return changedSenders(changes, p.extensions, c.extensions)
	}
	return changes
}

// changedSenders appends the external senders of next that old does not have (RFC 9420,
// Section 12.1.8.1). If old is nil, it appends all of them.
func changedSenders(changes []event.Change, old, next *check.GroupExtensions) []event.Change {
	if old == next {
		return changes
	}
	var before message.ExternalSenders
	if old != nil {
		before = old.Senders
	}
	type senderKey struct {
		signatureKey string
		credential   check.CredentialKey
	}
	known := make(map[senderKey]bool, len(before))
	for _, s := range before {
		known[senderKey{string(s.SignatureKey), check.CredentialKeyOf(s.Credential)}] = true
	}
	for _, s := range next.Senders {
		if !known[senderKey{string(s.SignatureKey), check.CredentialKeyOf(s.Credential)}] {
			changes = append(changes, event.Change{
				Leaf: ratchettree.NoLeaf, Credential: s.Credential, SignatureKey: s.SignatureKey, Reason: event.ExternalSender,
			})
		}
	}
	return changes
}
