package mls

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// checkEpochLeft refuses a commit in the last epoch that a uint64 can count.
func (p *publicState) checkEpochLeft() error {
	if p.context.Epoch == math.MaxUint64 {
		return fmt.Errorf("%w: group is in its last possible epoch", message.ErrUnsupported)
	}
	return nil
}

// next returns what the public state after a commit consists of, with its provisional
// context: with the new tree and the old confirmed transcript hash (RFC 9420, Section
// 12.4.1). It completes a with the changes.
func (p *publicState) next(a *applied) (publicParts, error) {
	t, err := a.edit.Freeze()
	if err != nil {
		return publicParts{}, err
	}
	if err := checkTree(t, a.extensions); err != nil {
		return publicParts{}, p.blame(err, a, t)
	}
	a.changes = changesOf(p.tree, t, a.list, a.added, a.sender, a.committer)
	context := p.context
	context.Epoch++
	context.TreeHash = t.Hash()
	context.Extensions = a.extensions.List
	return publicParts{
		suite:      p.suite,
		context:    context,
		tree:       t,
		extensions: a.extensions,
		reInit:     a.reInit,
		announced:  a.announced,
	}, nil
}

// tagOfEpoch returns the confirmation tag of the commit that begins an epoch, by the
// epoch's secrets and confirmed transcript hash. The committer's is
// [schedule.ConfirmationTag].
type tagOfEpoch func(s suite.Suite, secrets *schedule.EpochSecrets, confirmedHash []byte) ([]byte, error)

// advance completes the public state of the epoch that a commit of this epoch begins, and
// derives the epoch's secrets (RFC 9420, Sections 8 and 8.2). It also returns the
// joiner_secret, which the caller deletes.
func (p *publicState) advance(next publicParts, initSecret, commitSecret, psk []byte, ac *framing.AuthenticatedContent,
	tag tagOfEpoch) (_ *publicState, _ *schedule.EpochSecrets, joiner []byte, err error) {
	if err := p.extendTranscript(&next.context, ac); err != nil {
		return nil, nil, nil, err
	}
	contextBytes, err := message.Marshal(&next.context)
	if err != nil {
		return nil, nil, nil, err
	}
	if joiner, err = schedule.NewJoinerSecret(p.suite, initSecret, commitSecret, contextBytes); err != nil {
		return nil, nil, nil, err
	}
	secrets, err := schedule.NewEpochSecrets(p.suite, joiner, psk, contextBytes)
	if err != nil {
		clear(joiner)
		return nil, nil, nil, err
	}
	var public *publicState
	confirmation, err := tag(p.suite, secrets, next.context.ConfirmedTranscriptHash)
	if err == nil {
		public, err = next.confirmed(contextBytes, confirmation)
	}
	if err != nil {
		clear(joiner)
		secrets.Destroy()
		return nil, nil, nil, err
	}
	return public, secrets, joiner, nil
}

// observe returns the public state of the epoch that a commit begins, without its secrets
// and with the commit's confirmation tag unchecked.
func (p *publicState) observe(next publicParts, ac *framing.AuthenticatedContent) (*publicState, error) {
	if err := p.extendTranscript(&next.context, ac); err != nil {
		return nil, err
	}
	return newPublicState(next, ac.Auth.ConfirmationTag)
}

// extendTranscript gives the context of the next epoch the transcript hash that covers the
// commit that begins it (RFC 9420, Section 8.2).
func (p *publicState) extendTranscript(next *message.GroupContext, ac *framing.AuthenticatedContent) (err error) {
	next.ConfirmedTranscriptHash, err = framing.ConfirmedTranscriptHash(p.suite, p.interim, ac)
	return err
}

// blame adds, to an error of checkTree for the tree that a commit leads to, a leaf at
// fault and the proposal that brought it. That is a new leaf whose credential does not
// fit the others, or else a member that lacks what the extensions need. blame looks only
// at what the commit changed and at one path of the tree, so a refused commit costs no
// more than an accepted one.
func (p *publicState) blame(err error, a *applied, t *ratchettree.Tree) error {
	for _, i := range append(slices.Sorted(maps.Keys(a.origin)), a.committer) {
		leaf := t.Leaf(i)
		if leaf == nil {
			continue
		}
		if old := p.tree.Leaf(i); old != nil && keepsKey(old, leaf) {
			continue
		}
		if own := ratchettree.FeaturesOf(leaf); t.FitsCredentials(&own) {
			continue
		}
		if by, ok := a.origin[i]; ok {
			err = atProposal(err, by)
		}
		return atLeaf(err, i)
	}
	if i, ok := t.FirstMember(func(f *ratchettree.Features) bool { return f.Supports(&a.extensions.Needs) != nil }, nil); ok {
		if a.extended >= 0 {
			err = atProposal(err, a.extended)
		}
		return atLeaf(err, i)
	}
	return err
}

// checkTree checks what concerns all members of a new tree together, from the aggregates
// at its root: every member supports every credential type in use, every extension of the
// GroupContext and every required capability (RFC 9420, Sections 7.3, 11.1 and 13.4).
func checkTree(t *ratchettree.Tree, extensions *check.GroupExtensions) error {
	if c, ok := check.Missing(t.CredentialTypesInUse(), t.SupportsCredential); ok {
		return fault.Violation("7.3", "not every member supports the credential type %s, which a member uses", c)
	}
	return t.Root.Features.Supports(&extensions.Needs)
}
