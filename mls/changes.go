package mls

import (
	"bytes"
	"fmt"
	"sync"
)

// Change is a leaf or an external sender that enters a member's view of a group, or a
// leaf that leaves it.
type Change struct {
	Leaf         LeafIndex // 2^32-1 for an Add to be committed and for an external sender
	Credential   Credential
	SignatureKey []byte
	Old          *Credential // the credential of the leaf before, or of the leaf it replaces
	Reason       ChangeReason
}

// ChangeReason says why a leaf or an external sender changes.
type ChangeReason int

const (
	// ChangeAdded is a member that an Add proposal brings, or that joins by an external
	// commit.
	ChangeAdded ChangeReason = iota + 1
	// ChangeUpdated is a member that updates its leaf, by a proposal or by a commit.
	ChangeUpdated
	// ChangeJoined is a member that this client finds in a group when it joins.
	ChangeJoined
	// ChangeExternalSender is an external sender of a group that this client makes or
	// joins, or one that a commit brings.
	ChangeExternalSender
	// ChangeRemoved is a member that a Remove proposal takes out. An [Observer] hears of
	// it, an Authenticator does not.
	ChangeRemoved
	// ChangeResynced is a client that joins by an external commit in place of an earlier
	// leaf of its own. The commit removes that leaf, whose credential is Old (RFC 9420,
	// Section 12.4.3.2). Credentials and keys of both may be the same.
	ChangeResynced
)

func (r ChangeReason) String() string {
	switch r {
	case ChangeAdded:
		return "added"
	case ChangeUpdated:
		return "updated"
	case ChangeJoined:
		return "joined"
	case ChangeExternalSender:
		return "external sender"
	case ChangeRemoved:
		return "removed"
	case ChangeResynced:
		return "resynced"
	}
	return fmt.Sprintf("ChangeReason(%d)", int(r))
}

// change returns the change to leaf n, which replaces old unless that is nil.
func change(leaf LeafIndex, old, n *LeafNode, reason ChangeReason) Change {
	ch := Change{Leaf: leaf, Credential: n.Credential, SignatureKey: n.SignatureKey, Reason: reason}
	if old != nil {
		ch.Old = &old.Credential
	}
	return ch
}

// joined returns the members as a joiner finds them.
func (p *publicState) joined() []Change {
	var members []Change
	for i, n := range p.tree.members() {
		members = append(members, change(i, nil, n, ChangeJoined))
	}
	return members
}

// changesOf returns a function that finds, when it is first called, the changes from tree
// old to tree next by a commit of list: the members who join, leave, or get a new leaf, in
// the order of the list, then the committer. added has the leaves of the Adds, leaf is the
// committer's in next.
func changesOf(old, next *tree, list []CommittedProposal, added []LeafIndex, committer Sender, leaf LeafIndex) func() []Change {
	return sync.OnceValue(func() []Change {
		var changes []Change
		for _, c := range list {
			switch p := c.Proposal.(type) {
			case Add:
				changes = append(changes, change(added[0], nil, next.leaf(added[0]), ChangeAdded))
				added = added[1:]
			case Update:
				changes = append(changes, change(c.Sender.Leaf, old.leaf(c.Sender.Leaf), next.leaf(c.Sender.Leaf), ChangeUpdated))
			case Remove:
				changes = append(changes, change(p.Removed, nil, old.leaf(p.Removed), ChangeRemoved))
			}
		}
		n := next.leaf(leaf)
		switch {
		case committer.Type == SenderMember:
			o := old.leaf(leaf)
			if keepsKey(o, n) {
				return changes
			}
			return append(changes, change(leaf, o, n, ChangeUpdated))
		case len(changes) > 0: // its earlier leaf goes
			return append(changes, change(leaf, old.leaf(changes[0].Leaf), n, ChangeResynced))
		}
		return append(changes, change(leaf, nil, n, ChangeAdded))
	})
}

// judged returns those of a commit's changes about which the application is asked: not of
// a member that leaves, nor of a leaf that keeps its credential and its signature key.
func (p *publicState) judged(changes []Change) []Change {
	var judged []Change
	for _, ch := range changes {
		if ch.Reason == ChangeRemoved || ch.Reason == ChangeUpdated && ch.keeps(p.tree.leaf(ch.Leaf)) {
			continue
		}
		judged = append(judged, ch)
	}
	return judged
}

// changed appends the change from old to next at leaf, unless there is none for an
// application to judge.
func changed(changes []Change, leaf LeafIndex, old, next *LeafNode, reason ChangeReason) []Change {
	ch := change(leaf, old, next, reason)
	if ch.keeps(old) {
		return changes
	}
	return append(changes, ch)
}

// keeps reports whether a leaf that replaces old, unless nil, keeps its credential and its
// signature key.
func (ch *Change) keeps(old *LeafNode) bool {
	return old != nil && equalCredentials(old.Credential, ch.Credential) && bytes.Equal(old.SignatureKey, ch.SignatureKey)
}

// proposed appends the changes that a proposal brings and about which the application is
// asked before a commit.
func (p *publicState) proposed(changes []Change, c CommittedProposal) []Change {
	switch proposal := c.Proposal.(type) {
	case Add:
		return changed(changes, noLeaf, nil, &proposal.KeyPackage.LeafNode, ChangeAdded)
	case Update:
		leaf := c.Sender.Leaf
		return changed(changes, leaf, p.tree.leaf(leaf), proposal.LeafNode, ChangeUpdated)
	case GroupContextExtensions:
		return changedSenders(changes, p.extensions, c.extensions)
	}
	return changes
}

// changedSenders appends the external senders of next that old does not have (RFC 9420,
// Section 12.1.8.1). If old is nil, it appends all of them.
func changedSenders(changes []Change, old, next *groupExtensions) []Change {
	if old == next {
		return changes
	}
	var before ExternalSenders
	if old != nil {
		before = old.senders
	}
	type senderKey struct {
		signatureKey string
		credential   credentialKey
	}
	known := make(map[senderKey]bool, len(before))
	for _, s := range before {
		known[senderKey{string(s.SignatureKey), keyOf(s.Credential)}] = true
	}
	for _, s := range next.senders {
		if !known[senderKey{string(s.SignatureKey), keyOf(s.Credential)}] {
			changes = append(changes, Change{
				Leaf: noLeaf, Credential: s.Credential, SignatureKey: s.SignatureKey, Reason: ChangeExternalSender,
			})
		}
	}
	return changes
}
