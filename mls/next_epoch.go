package mls

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/message"
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
func (p *publicState) next(a *applied) (*provisional, error) {
	t, err := a.edit.Freeze()
	if err != nil {
		return nil, err
	}
	if err := checkTree(t, a.extensions); err != nil {
		return nil, p.blame(err, a, t)
	}
	if err := p.checkDemands(a, t); err != nil {
		return nil, err
	}
	a.changes = &changes{old: p.tree, next: t, proposals: a.list, added: a.added, committer: a.sender, leaf: a.committer}
	context := p.context
	context.Epoch++
	context.TreeHash = t.Hash()
	context.Extensions = a.extensions.List
	return newProvisional(publicParts{
		suite:      p.suite,
		numbers:    p.numbers,
		context:    context,
		tree:       t,
		extensions: a.extensions,
		reInit:     a.reInit,
		announced:  a.announced,
	}), nil
}

// epochInput is what the secrets of an epoch derive from, beside its GroupContext.
type epochInput struct {
	initSecret, commitSecret, psk []byte
	export                        bool // the epoch has an exporter tree
}

// advance completes the public state of the epoch that a commit of this epoch begins, and
// derives the epoch's secrets (RFC 9420, Sections 8 and 8.2). made says that this client
// makes the commit; otherwise the commit has a confirmation tag, which advance checks. It
// also returns the joiner_secret, which the caller deletes.
func (p *publicState) advance(next *provisional, in *epochInput, ac *framing.AuthenticatedContent,
	made bool) (_ *publicState, _ *schedule.EpochSecrets, joiner []byte, err error) {
	contextBytes, err := p.extendTranscript(&next.context, ac)
	if err != nil {
		return nil, nil, nil, err
	}
	if joiner, err = schedule.NewJoinerSecret(p.suite, in.initSecret, in.commitSecret, contextBytes); err != nil {
		return nil, nil, nil, err
	}
	secrets, err := schedule.NewEpochSecrets(p.suite, joiner, in.psk, contextBytes, in.export)
	if err != nil {
		clear(joiner)
		return nil, nil, nil, err
	}
	tag, hash := ac.Auth.ConfirmationTag, next.context.ConfirmedTranscriptHash
	if made {
		tag, err = schedule.ConfirmationTag(p.suite, secrets, hash)
	} else {
		err = schedule.CheckConfirmationTag(p.suite, secrets, hash, tag)
	}
	var public *publicState
	if err == nil {
		public, err = next.confirmed(contextBytes, tag)
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
func (p *publicState) observe(next *provisional, ac *framing.AuthenticatedContent) (*publicState, error) {
	contextBytes, err := p.extendTranscript(&next.context, ac)
	if err != nil {
		return nil, err
	}
	return next.confirmed(contextBytes, ac.Auth.ConfirmationTag)
}

// extendTranscript gives the context of the next epoch the transcript hash that covers the
// commit that begins it (RFC 9420, Section 8.2), and returns the context marshalled.
func (p *publicState) extendTranscript(next *message.GroupContext, ac *framing.AuthenticatedContent) (_ []byte, err error) {
	if next.ConfirmedTranscriptHash, err = framing.ConfirmedTranscriptHash(p.suite, p.interim, ac); err != nil {
		return nil, err
	}
	return message.Marshal(next)
}

// blame adds, to an error of checkTree for the tree that a commit leads to, a leaf at
// fault and the proposal that brought it. That is a new leaf whose credential does not
// fit the others, or else a member that lacks what the extensions need. blame looks only
// at what the commit changed and at one path of the tree, so a refused commit costs no
// more than an accepted one.
func (p *publicState) blame(err error, a *applied, t *ratchettree.Tree) error {
	origins := a.origins()
	for _, i := range append(slices.Sorted(maps.Keys(origins)), a.committer) {
		leaf := t.Leaf(i)
		if leaf == nil {
			continue
		}
		if old := p.tree.Leaf(i); old != nil && keepsKey(old, leaf.EncryptionKey()) {
			continue
		}
		if own := ratchettree.FeaturesOf(leaf.LeafNode()); t.FitsCredentials(&own) {
			continue
		}
		if by, ok := origins[i]; ok {
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

// transition is a commit as everybody who reads it can see it, or what a joiner sees of
// the commit that let it in.
type transition struct {
	committer   message.Sender
	leaf        message.LeafIndex // the committer's in the epoch that the commit begins
	aad         []byte
	proposals   []CommittedProposal
	added       []message.LeafIndex
	changes     *changes        // or nil
	resolutions *resolutions    // for annotations
	old         *publicState    // nil for a joiner
	author      *message.Author // of a partial member's candidate, whose tree may lack the leaf
	publicView                  // of the epoch that the commit begins
}

// newTransition returns the transition by a commit whose proposals were applied to old.
func newTransition(old, to *publicState, a *applied, aad []byte) transition {
	return transition{
		committer:   a.sender,
		leaf:        a.committer,
		aad:         aad,
		proposals:   a.list,
		added:       a.added,
		changes:     a.changes,
		resolutions: new(resolutions),
		old:         old,
		publicView:  viewOf(to),
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
	return slices.Clone(t.changes.list())
}

// Author returns the committer, as of the epoch that the commit ends. For a join by a
// Welcome, it returns the signer of the GroupInfo, as of the tree that the client joins.
func (t *transition) Author() message.Author {
	if t.author != nil {
		return *t.author
	}
	epoch := max(1, t.public.context.Epoch) - 1
	if t.committer.Type == message.SenderMember && t.old != nil {
		return t.old.tree.Leaf(t.committer.Leaf).Author(epoch)
	}
	return t.public.tree.Leaf(t.leaf).Author(epoch)
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

// change returns the change to leaf n, which replaces old unless that is nil.
func change(leaf message.LeafIndex, old, n ratchettree.Leaf, reason event.Reason) event.Change {
	return changeTo(leaf, old, n.Credential(), n.SignatureKey(), reason)
}

// changeTo is change for a leaf with a credential and a signature key.
func changeTo(leaf message.LeafIndex, old ratchettree.Leaf, c message.Credential, key []byte, reason event.Reason) event.Change {
	ch := event.Change{Leaf: leaf, Credential: c, SignatureKey: key, Reason: reason}
	if old != nil {
		before := old.Credential()
		ch.Old = &before
	}
	return ch
}

// joined returns the members as a joiner finds them.
func joined(t *ratchettree.Tree) []event.Change {
	var members []event.Change
	for i, n := range t.Members() {
		members = append(members, change(i, nil, n, event.Joined))
	}
	return members
}

// changes are the changes from tree old to tree next by a commit of some proposals: the
// members who join, leave, or get a new leaf, in the order of the proposals, then the
// committer. added has the leaves of the Adds, leaf is the committer's in next. They are
// found when somebody first asks.
type changes struct {
	old, next *ratchettree.Tree // old is nil if the client joins by a Welcome
	proposals []CommittedProposal
	added     []message.LeafIndex
	committer message.Sender
	leaf      message.LeafIndex

	once  sync.Once
	found []event.Change
}

// list returns the changes.
func (c *changes) list() []event.Change {
	c.once.Do(func() {
		if c.old == nil {
			c.found = joined(c.next)
		} else {
			c.found = c.find()
		}
	})
	return c.found
}

func (c *changes) find() []event.Change {
	var list []event.Change
	old, next, added := c.old, c.next, c.added
	resynced := ratchettree.NoLeaf // the leaf that a joiner's Remove takes out
	for _, proposal := range c.proposals {
		switch p := proposal.Proposal.(type) {
		case message.Add:
			list = append(list, change(added[0], nil, next.Leaf(added[0]), event.Added))
			added = added[1:]
		case message.Update:
			leaf := proposal.Sender.Leaf
			list = append(list, change(leaf, old.Leaf(leaf), next.Leaf(leaf), event.Updated))
		case message.Remove:
			resynced = p.Removed
			list = append(list, change(p.Removed, nil, old.Leaf(p.Removed), event.Removed))
		case message.SelfRemove:
			leaf := proposal.Sender.Leaf
			list = append(list, change(leaf, nil, old.Leaf(leaf), event.Removed))
		}
	}
	n := next.Leaf(c.leaf)
	switch {
	case c.committer.Type == message.SenderMember:
		o := old.Leaf(c.leaf)
		if keepsKey(o, n.EncryptionKey()) {
			return list
		}
		return append(list, change(c.leaf, o, n, event.Updated))
	case resynced != ratchettree.NoLeaf: // its earlier leaf goes
		return append(list, change(c.leaf, old.Leaf(resynced), n, event.Resynced))
	}
	return append(list, change(c.leaf, nil, n, event.Added))
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

// changed appends the change from old to a leaf with a credential and a signature key,
// unless there is none for an application to judge.
func changed(changes []event.Change, leaf message.LeafIndex, old ratchettree.Leaf, c message.Credential, key []byte, reason event.Reason) []event.Change {
	ch := changeTo(leaf, old, c, key, reason)
	if keeps(&ch, old) {
		return changes
	}
	return append(changes, ch)
}

// keeps reports whether a leaf that replaces old, unless nil, keeps its credential and its
// signature key.
func keeps(ch *event.Change, old ratchettree.Leaf) bool {
	return old != nil && check.SameCredential(old.Credential(), ch.Credential) && bytes.Equal(old.SignatureKey(), ch.SignatureKey)
}

// proposed appends the changes that a proposal brings and about which the application is
// asked before a commit.
func (p *publicState) proposed(changes []event.Change, c CommittedProposal) []event.Change {
	switch proposal := c.Proposal.(type) {
	case message.Add:
		n := &proposal.KeyPackage.LeafNode
		return changed(changes, ratchettree.NoLeaf, nil, n.Credential, n.SignatureKey, event.Added)
	case message.Update:
		leaf := c.Sender.Leaf
		n := proposal.LeafNode
		return changed(changes, leaf, p.tree.Leaf(leaf), n.Credential, n.SignatureKey, event.Updated)
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
