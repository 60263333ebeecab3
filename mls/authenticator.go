package mls

import (
	"context"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
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
//
// An Authenticator that is an [event.SenderJudge] is also asked about the sender of each
// message.
type Authenticator interface {
	// Authenticate returns one verdict for each change: nil, or why the credential does
	// not authenticate the signature key. The error says that no verdict could be
	// reached.
	Authenticate(ctx context.Context, now time.Time, on event.Occasion, changes []event.Change) (verdicts []error, err error)

	// SameClient reports whether two credentials belong to one client: whether next may
	// follow old, or stand beside it, in a group (RFC 9420, Section 5.3.3). It is asked
	// about a leaf that follows another even if the credentials are equal, as when only
	// the signature key is new. To refuse a client that resynchronizes, refuse its
	// [event.Resynced] in Authenticate.
	SameClient(old, next message.Credential) bool
}

// authenticate asks the application about changes in a group and returns the first
// refusal. An update of a leaf that keeps its credential and its key is no change. leaf is
// the client's, or notMember.
func (q questions) authenticate(ctx context.Context, p *publicState, leaf int64, changes []event.Change) error {
	if q.cfg.Authenticator == nil || len(changes) == 0 {
		return nil
	}
	return q.authenticateIn(ctx, p.state(leaf), changes)
}

// authenticateIn is authenticate for a group that need not have a state yet.
func (q questions) authenticateIn(ctx context.Context, group event.GroupState, changes []event.Change) error {
	refusals, err := q.refusals(ctx, group, changes)
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

// refusals asks the application about changes in a group, and returns for each a
// [*message.ValidationError] if it is refused and nil otherwise. The error says that
// there is no verdict.
func (q questions) refusals(ctx context.Context, group event.GroupState, changes []event.Change) ([]error, error) {
	a := q.cfg.Authenticator
	if a == nil || len(changes) == 0 {
		return nil, nil
	}
	verdicts, err := a.Authenticate(ctx, q.now, event.Occasion{Group: group, Use: q.use}, changes)
	if err != nil {
		return nil, noVerdict(err)
	}
	if len(verdicts) != len(changes) {
		return nil, fmt.Errorf("mls: authentication service gave %d verdicts on %d changes", len(verdicts), len(changes))
	}
	refusals := make([]error, len(changes))
	for i, ch := range changes {
		switch {
		case verdicts[i] != nil:
			refusals[i] = refused(&ch, "authentication service refuses the credential").Because(verdicts[i])
		case ch.Old != nil && !a.SameClient(*ch.Old, ch.Credential):
			refusals[i] = refused(&ch, "new credential is not an acceptable successor of the old one")
		}
	}
	return refusals, nil
}

func noVerdict(err error) error { return fmt.Errorf("mls: authentication service: %w", err) }

// sender asks the application about the sender of a message that arrived by itself, whose
// signature was verified. If the sender's credential has lapsed, it asks the policy, and
// returns what there is to tell of a message that may be read. leaf is the client's, or
// notMember.
func (q questions) sender(ctx context.Context, p *publicState, leaf int64, ac *framing.AuthenticatedContent) (*event.SenderLapsed, error) {
	judge, ok := q.cfg.Authenticator.(event.SenderJudge)
	sender := ac.Content.Sender
	if !ok || sender.Type != message.SenderMember && sender.Type != message.SenderExternal {
		return nil, nil
	}
	on := event.Occasion{Group: p.state(leaf), Use: q.use}
	on.Group.Epoch = ac.Author.Epoch
	lapse, err := judge.JudgeSender(ctx, q.now, on, ac.Author)
	if err != nil {
		return nil, noVerdict(err)
	}
	if lapse == nil {
		return nil, nil
	}
	found := &event.SenderLapsed{Group: p.state(leaf), Sender: sender, Author: ac.Author, Content: ac.Content.ContentType, Lapse: lapse}
	err = q.judge(suite.SenderInfo{Message: found.Content.String(), Lapse: string(lapse.Kind)})
	if err == nil {
		return found, nil
	}
	denied := q.denied(fmt.Errorf("%w: %w", err, found), "%s of a sender whose credential is %s", found.Content, lapse.Kind)
	if sender.Type == message.SenderMember {
		denied.Leaf = int64(sender.Leaf)
	}
	return nil, denied
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
