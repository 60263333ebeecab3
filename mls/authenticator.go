package mls

import (
	"context"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Authenticator is the application's interface to its authentication service (RFC 9420,
// Section 5.3.1). It is asked once for each commit or join, about all changes together:
// by a member that receives a commit, about what the commit changes; by a committer,
// about all proposals that are there to commit, of which it leaves out those that are
// refused; and by a joiner, about all members.
//
// It is asked earlier about two kinds of proposals: an Add or external senders that this
// client proposes, and proposals from outside the group, which are not kept if it
// refuses. Where nothing changes, it is not asked.
//
// SameClient is asked once for each pair of credentials to compare: in a join to a
// follow-up group, at most once for each pair of an old and a new credential, and about
// once for each member if the members keep their order.
type Authenticator interface {
	// Authenticate returns one verdict for each change: nil, or why the credential does
	// not authenticate the signature key. The error says that no verdict could be
	// reached.
	Authenticate(ctx context.Context, now time.Time, changes []event.Change) (verdicts []error, err error)

	// SameClient reports whether two credentials belong to one client: whether next may
	// follow old, or stand beside it, in a group (RFC 9420, Section 5.3.3). It is asked
	// about a leaf that follows another even if the credentials are equal, as when only
	// the signature key is new. To refuse a client that resynchronizes, refuse its
	// [event.Resynced] in Authenticate.
	SameClient(old, next message.Credential) bool
}

// authenticate asks the application about changes and returns the first refusal. An
// update of a leaf that keeps its credential and its key is no change.
func (c *Config) authenticate(ctx context.Context, now time.Time, changes []event.Change) error {
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

// refusals asks the application about changes, and returns for each a
// [*message.ValidationError] if it is refused and nil otherwise. The error says that
// there is no verdict.
func (c *Config) refusals(ctx context.Context, now time.Time, changes []event.Change) ([]error, error) {
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
			refusals[i] = refused(&ch, "authentication service refuses the credential").Because(verdicts[i])
		case ch.Old != nil && !c.Authenticator.SameClient(*ch.Old, ch.Credential):
			refusals[i] = refused(&ch, "new credential is not an acceptable successor of the old one")
		}
	}
	return refusals, nil
}

func refused(ch *event.Change, rule string) *fault.Violated {
	v := fault.Violation("5.3.1", "%s", rule)
	if ch.Leaf != ratchettree.NoLeaf {
		v.AtLeaf(ch.Leaf)
	}
	return v
}

// sameClient asks the application whether two credentials belong to one client. Without
// an Authenticator, they do if they are identical.
func (c *Config) sameClient(a, b message.Credential) bool {
	return check.SameCredential(a, b) || c.Authenticator != nil && c.Authenticator.SameClient(a, b)
}
