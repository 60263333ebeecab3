package credential

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// Group is what [Recheck] reads of a group: a Group, a PublicGroup or a candidate of package
// mls.
type Group interface {
	GroupID() []byte
	Epoch() uint64
	Suite() suite.Suite
	Members() iter.Seq2[message.LeafIndex, *message.LeafNode]
}

// Finding is a member whose credential holds no more.
type Finding struct {
	Leaf       message.LeafIndex
	Credential message.Credential
	Lapse      *event.Lapse
}

// String returns the leaf and the reason.
func (f Finding) String() string { return fmt.Sprintf("leaf %d: %v", f.Leaf, f.Lapse) }

// Recheck asks judge, such as a [PKIX], about all members of a group, and returns those
// whose credentials hold no more, from left to right. Call it when a new CRL has come, and
// now and then for those that expire. The error is that of ctx, or says that judge reached no
// verdict on a member.
func Recheck(ctx context.Context, now time.Time, group Group, judge event.SenderJudge) ([]Finding, error) {
	state := event.GroupState{ID: group.GroupID(), Epoch: group.Epoch(), Suite: group.Suite().Info(), Leaf: -1}
	on := event.Occasion{Group: state, Use: suite.Receive}
	var found []Finding
	for i, leaf := range group.Members() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		author := message.Author{Epoch: state.Epoch, Credential: leaf.Credential, SignatureKey: leaf.SignatureKey}
		lapse, err := judge.JudgeSender(ctx, now, on, author)
		if err != nil {
			return nil, fmt.Errorf("credential: leaf %d: %w", i, err)
		}
		if lapse != nil {
			found = append(found, Finding{Leaf: i, Credential: leaf.Credential, Lapse: lapse})
		}
	}
	return found, nil
}

// Removals returns the proposals that remove the members of found, for one commit of the
// member whose leaf is own. No member can remove itself by a commit, so it leaves own out.
func Removals(found []Finding, own message.LeafIndex) []message.Proposal {
	var removals []message.Proposal
	for _, f := range found {
		if f.Leaf != own {
			removals = append(removals, message.Remove{Removed: f.Leaf})
		}
	}
	return removals
}
