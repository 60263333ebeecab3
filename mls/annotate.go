package mls

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// AnnotateWelcome returns a Welcome to this epoch, an MLSMessage, as the AnnotatedWelcome
// by which the member at joiner can join as a partial member
// ([OwnKeyPackage.JoinPartial]). signer is the member who signed the Welcome's GroupInfo,
// the committer. The result has no tree. So the Welcome should have none either
// ([CommitOptions]).
//
// It reads O(log n) nodes of the tree. Anybody who has the tree can annotate, and the
// annotations show both leaves to whoever carries them (draft-ietf-mls-partial-02).
//
// Errors:
//
//   - [message.ErrMalformed]: the message does not parse.
//   - [message.ErrUnsupported]: the message is no Welcome.
//   - [message.ErrInvalid]: signer or joiner is no member in this epoch.
func (v *publicView) AnnotateWelcome(welcome []byte, signer, joiner message.LeafIndex) ([]byte, error) {
	m, err := message.Parse[message.Message](welcome)
	if err != nil {
		return nil, err
	}
	if m.Welcome == nil {
		return nil, fmt.Errorf("%w: a %s is not a Welcome", message.ErrUnsupported, m.WireFormat())
	}
	a := framing.AnnotatedWelcome{Welcome: framing.SenderAuthenticated[message.Welcome]{Message: *m.Welcome}}
	if a.Welcome.Sender, err = v.public.prove(signer); err != nil {
		return nil, err
	}
	if a.Joiner, err = v.public.prove(joiner); err != nil {
		return nil, err
	}
	return wire.Marshal(a.Marshal)
}

// AnnotateMessage returns a message of this epoch, an MLSMessage, as the
// SenderAuthenticatedMessage that a partial member takes ([PartialGroup.Process]). sender
// is the member who sent the message. A delivery service learns that of a PrivateMessage
// from the sender alone.
//
// It reads O(log n) nodes of the tree.
//
// Errors:
//
//   - [ErrWrongGroup], [ErrFutureEpoch], [ErrPastEpoch]: the message is for another group
//     or epoch.
//   - [message.ErrMalformed]: the message does not parse, or is of no group.
//   - [message.ErrInvalid]: sender is no member in this epoch, or not the one that a
//     PublicMessage names.
func (v *publicView) AnnotateMessage(msg []byte, sender message.LeafIndex) ([]byte, error) {
	m, err := framing.ParseGroupMessage(bytes.Clone(msg), v.public.numbers)
	if err != nil {
		return nil, err
	}
	if err := isFor(v.public, m); err != nil {
		return nil, err
	}
	if m.Public != nil && m.Public.Content.Sender != (message.Sender{Type: message.SenderMember, Leaf: sender}) {
		return nil, fault.Violation("6", "PublicMessage names another sender").AtLeaf(sender)
	}
	a := framing.SenderAuthenticated[framing.GroupMessage]{Message: *m}
	if a.Sender, err = v.public.prove(sender); err != nil {
		return nil, err
	}
	return wire.Marshal(func(w *wire.Writer) { a.Marshal(w, (*framing.GroupMessage).Marshal) })
}

// isFor is framing.IsFor for a parsed message.
func isFor(p *publicState, m *framing.GroupMessage) error {
	if m.Public != nil {
		return framing.IsFor(&p.context, m.Public.Content.GroupID, m.Public.Content.Epoch)
	}
	return framing.IsFor(&p.context, m.Private.GroupID, m.Private.Epoch)
}

// prove returns the proof that a leaf is a member.
func (p *publicState) prove(leaf message.LeafIndex) (*ratchettree.MembershipProof, error) {
	proof := p.tree.Proof(leaf)
	if proof == nil {
		return nil, fault.Violation("6.1", "leaf is not a member").AtLeaf(leaf)
	}
	return proof, nil
}

// AnnotateCommit returns the commit of this candidate, an MLSMessage, as the partial
// member at receiver takes it ([PartialGroup.ProcessCommit]): an AnnotatedCommit, or a
// SenderAuthenticatedMessage if the commit removes the receiver, which is then in no tree
// that could be proved. The annotations are for this receiver alone. A new member's commit
// that removes the receiver is returned as it is: its path has the key that signs it, and
// draft-ietf-mls-partial-02 has no proof of its sender.
//
// It reads O(log n) nodes of the trees. The first call for a commit also visits the nodes
// for which the commit holds path secrets.
//
// Errors:
//
//   - [ErrWrongGroup], [ErrFutureEpoch], [ErrPastEpoch]: the message is for another group
//     or epoch than that which the commit ends.
//   - [message.ErrMalformed]: the message does not parse, or is no commit.
//   - [message.ErrUnsupported]: the candidate comes from a Welcome or was restored, and does
//     not have the tree before the commit.
//   - [message.ErrInvalid]: the receiver is not a member before the commit, or joins by it,
//     or made it; or the message is another commit.
func (t *transition) AnnotateCommit(commit []byte, receiver message.LeafIndex) ([]byte, error) {
	m, err := framing.ParseGroupMessage(bytes.Clone(commit), t.public.numbers)
	if err != nil {
		return nil, err
	}
	if m.ContentType() != message.ContentCommit {
		return nil, wire.Malformed("%s to be annotated as a commit", m.ContentType())
	}
	if t.old == nil || t.old.partial {
		return nil, fmt.Errorf("%w: candidate does not have the tree before the commit", message.ErrUnsupported)
	}
	if err := isFor(t.old, m); err != nil {
		return nil, err
	}
	if m.Public != nil && (m.Public.Content.Sender != t.committer || !bytes.Equal(m.Public.Auth.ConfirmationTag, t.public.confirmationTag)) {
		return nil, fault.Violation("12.4", "message is not the commit of the candidate")
	}
	before := t.old.tree.Leaf(receiver)
	if before == nil {
		return nil, fault.Violation("6.1", "receiver of the commit is not a member").AtLeaf(receiver)
	}
	if takesOut(t.proposals, receiver) { // even if another takes its place
		if t.committer.Type == message.SenderNewMemberCommit {
			return bytes.Clone(commit), nil
		}
		before := viewOf(t.old)
		return before.AnnotateMessage(commit, t.committer.Leaf)
	}
	if receiver == t.leaf {
		return nil, fault.Violation("12.4", "receiver of the commit made it").AtLeaf(receiver)
	}
	a := framing.AnnotatedCommit{Commit: *m, TreeHashAfter: t.public.tree.Hash()}
	if t.committer.Type == message.SenderMember {
		if a.Sender, err = t.old.prove(t.committer.Leaf); err != nil {
			return nil, err
		}
	}
	if a.SenderAfter, err = t.public.prove(t.leaf); err != nil {
		return nil, err
	}
	if a.ReceiverAfter, err = t.public.prove(receiver); err != nil {
		return nil, err
	}
	if t.hasPath() {
		index, ok := t.resolutions.index(t, receiver)
		if !ok {
			return nil, fault.Violation("7.5", "commit holds no path secret for the receiver").AtLeaf(receiver)
		}
		a.ResolutionIndex = &index
	}
	return wire.Marshal(a.Marshal)
}

// hasPath reports whether the commit has a path, by which its committer has another leaf.
func (t *transition) hasPath() bool {
	if t.committer.Type == message.SenderNewMemberCommit {
		return true
	}
	return !keepsKey(t.old.tree.Leaf(t.leaf), t.public.tree.Leaf(t.leaf).EncryptionKey())
}

// resolutions has the place of each node's path secret in a commit, among those for the
// same node of the path. It is found when somebody first asks.
type resolutions struct {
	once  sync.Once
	slots map[ratchettree.NodeIndex]uint32
}

// index returns the resolution_index of a receiver (draft-ietf-mls-partial-02, "Annotated
// Commit"), or false if the commit has no path secret for it.
func (r *resolutions) index(t *transition, receiver message.LeafIndex) (uint32, bool) {
	r.once.Do(func() {
		r.slots = make(map[ratchettree.NodeIndex]uint32)
		t.public.tree.EachSlot(t.leaf, t.added, func(slot uint32, i ratchettree.NodeIndex) { r.slots[i] = slot })
	})
	if slot, ok := r.slots[treemath.NodeOf(receiver)]; ok { // unmerged above, or alone
		return slot, true
	}
	ancestor := treemath.CommonAncestor(treemath.NodeOf(receiver), treemath.NodeOf(t.leaf))
	for step := range t.public.tree.Above(receiver) {
		if step.Index.Level() < ancestor.Level() && step.Node.Parent != nil {
			slot, ok := r.slots[step.Index]
			return slot, ok
		}
	}
	return 0, false
}
