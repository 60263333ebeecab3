package mls

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// Authenticator is the application's interface to its authentication service
// (RFC 9420, Section 5.3.1). It is asked once for each commit or join, with all
// that changes. Who commits asks first about the proposals that arrived, to leave
// out those that it refuses.
type Authenticator interface {
	// Authenticate returns one verdict per change: nil, or why the credential
	// does not authenticate the signature key. The error beside it says that no
	// verdict could be reached.
	Authenticate(ctx context.Context, now time.Time, changes []Change) (verdicts []error, err error)

	// SameClient reports whether two credentials are of one client: whether next
	// may follow, or stand beside, old in a group (RFC 9420, Section 5.3.3).
	SameClient(old, next Credential) bool
}

// Change is a leaf that enters a member's view of a group.
type Change struct {
	Leaf         LeafIndex // 2^32-1 of an Add that is only proposed
	Credential   Credential
	SignatureKey []byte
	Old          *Credential // what the leaf held before, in an update or commit
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
)

func (r ChangeReason) String() string {
	switch r {
	case ChangeAdded:
		return "added"
	case ChangeUpdated:
		return "updated"
	case ChangeJoined:
		return "joined"
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
			refusals[i] = violation("5.3.1", "credential is valid").atLeaf(ch.Leaf).because(verdicts[i])
		case ch.Old != nil && !c.Authenticator.SameClient(*ch.Old, ch.Credential):
			refusals[i] = violation("5.3.1", "new credential is an acceptable successor of the old one").atLeaf(ch.Leaf)
		}
	}
	return refusals, nil
}

// changed appends the change from old to next at leaf, unless there is none.
func changed(changes []Change, leaf LeafIndex, old, next *LeafNode, reason ChangeReason) []Change {
	ch := Change{Leaf: leaf, Credential: next.Credential, SignatureKey: next.SignatureKey, Reason: reason}
	if old != nil {
		if old.Credential.Type == next.Credential.Type &&
			bytes.Equal(old.Credential.Content, next.Credential.Content) &&
			bytes.Equal(old.SignatureKey, next.SignatureKey) {
			return changes
		}
		ch.Old = &old.Credential
	}
	return append(changes, ch)
}
