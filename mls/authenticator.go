package mls

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// Authenticator is the application's interface to its authentication service
// (RFC 9420, Section 5.3.1). It is asked once for each commit or join, with all
// that changes: by who receives a commit about what the commit changes; by who
// commits about all proposals that are there to commit, of which those that it
// refuses are left out; by who joins about all members. Before that, it is asked about
// an Add, or external senders, that this client proposes, and about those proposed
// from outside the group, which are not kept if it refuses. Where nothing changes, it
// is not asked. SameClient is asked as often as there are credentials to compare: in a
// join to a follow-up group at most once for each pair of an old and a new one, and in
// one whose members keep their order, about once for each.
type Authenticator interface {
	// Authenticate returns one verdict per change: nil, or why the credential
	// does not authenticate the signature key. The error beside it says that no
	// verdict could be reached.
	Authenticate(ctx context.Context, now time.Time, changes []Change) (verdicts []error, err error)

	// SameClient reports whether two credentials are of one client: whether next
	// may follow, or stand beside, old in a group (RFC 9420, Section 5.3.3). Of a leaf
	// that follows another it is asked even if the credentials are equal, as when only
	// the signature key is new; to refuse a client that resynchronises, Authenticate
	// refuses its [ChangeResynced].
	SameClient(old, next Credential) bool
}

// Change is a leaf, or an external sender, that enters a member's view of a group,
// or a leaf that goes from it.
type Change struct {
	Leaf         LeafIndex // 2^32-1 of an Add to be committed, and of an external sender
	Credential   Credential
	SignatureKey []byte
	Old          *Credential // what the leaf, or the one that it replaces, held before
	Reason       ChangeReason
}

// ChangeReason says how a leaf came about.
type ChangeReason int

const (
	// ChangeAdded is a member whom an Add proposal brings.
	ChangeAdded ChangeReason = iota + 1
	// ChangeUpdated is a member who updates its leaf, by proposal or by commit.
	ChangeUpdated
	// ChangeJoined is a member whom this client finds in a group that it joins.
	ChangeJoined
	// ChangeExternalSender is one of the external_senders of a group that this client
	// makes or joins, or one that a commit brings.
	ChangeExternalSender
	// ChangeRemoved is a member whom a Remove proposal takes out, of which an
	// [Observer] hears and an Authenticator does not.
	ChangeRemoved
	// ChangeResynced is a client that joins by an external commit in the place of an
	// earlier leaf of its own, which the commit removes and whose credential is Old
	// (RFC 9420, Section 12.4.3.2). Both credentials and keys may be the same.
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

// authenticate asks the application about changes and returns the first refusal.
// An update of a leaf that keeps credential and key is no change.
func (c *Config) authenticate(ctx context.Context, now time.Time, changes []Change) error {
	refusals, err := c.refusals(ctx, now, changes)
	if err != nil {
		return err
	}
	for _, refusal := range refusals {
		if refusal != nil {
			return refusal
		}
	}
	return nil
}

// refusals asks the application about changes and returns a [*ValidationError] for
// each that it refuses, or nil. The error says that there is no verdict.
func (c *Config) refusals(ctx context.Context, now time.Time, changes []Change) ([]error, error) {
	if c.Authenticator == nil || len(changes) == 0 {
		return nil, nil
	}
	verdicts, err := c.Authenticator.Authenticate(ctx, now, changes)
	if err != nil {
		return nil, fmt.Errorf("mls: authentication service: %w", err)
	}
	if len(verdicts) != len(changes) {
		return nil, fmt.Errorf("mls: authentication service gave %d verdicts on %d changes", len(verdicts), len(changes))
	}
	refusals := make([]error, len(changes))
	for i, ch := range changes {
		switch {
		case verdicts[i] != nil:
			refusals[i] = ch.refused("credential is valid").because(verdicts[i])
		case ch.Old != nil && !c.Authenticator.SameClient(*ch.Old, ch.Credential):
			refusals[i] = ch.refused("new credential is an acceptable successor of the old one")
		}
	}
	return refusals, nil
}

func (ch *Change) refused(rule string) *ValidationError {
	v := violation("5.3.1", "%s", rule)
	if ch.Leaf != noLeaf {
		v.atLeaf(ch.Leaf)
	}
	return v
}

// changed appends the change from old to next at leaf, unless there is none.
func changed(changes []Change, leaf LeafIndex, old, next *LeafNode, reason ChangeReason) []Change {
	ch := change(leaf, next, reason)
	if old != nil {
		if old.Credential.equal(next.Credential) && bytes.Equal(old.SignatureKey, next.SignatureKey) {
			return changes
		}
		ch.Old = &old.Credential
	}
	return append(changes, ch)
}

// resynced is the change from the leaf that an external commit removes to that of the
// joiner.
func resynced(leaf LeafIndex, old, next *LeafNode) Change {
	ch := change(leaf, next, ChangeResynced)
	ch.Old = &old.Credential
	return ch
}

// changedSenders appends the external senders that next has and old has not
// (RFC 9420, Section 12.1.8.1). Without old, that is all.
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
		known[senderKey{string(s.SignatureKey), s.Credential.key()}] = true
	}
	for _, s := range next.senders {
		if !known[senderKey{string(s.SignatureKey), s.Credential.key()}] {
			changes = append(changes, Change{
				Leaf: noLeaf, Credential: s.Credential, SignatureKey: s.SignatureKey, Reason: ChangeExternalSender,
			})
		}
	}
	return changes
}
