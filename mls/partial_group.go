package mls

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// PartialGroup is the state, in one epoch of a group, of a member that does not have the
// group's ratchet tree: a partial client of draft-ietf-mls-partial-02. It joins, follows
// the group and keeps its state with O(log n) bytes and work, apart from the commits
// themselves, which may be longer. Full members need not know of it. Somebody who has the
// tree, such as a delivery service with a [PublicGroup], annotates what it receives:
// AnnotateWelcome, AnnotateCommit and AnnotateMessage of a Group, a PublicGroup and their
// candidates.
//
// It checks the signature of whatever it receives, with a key that is proved to be a
// member's; that commits lead to the tree hash and the secrets of which the members have a
// confirmation tag; that a committer's new leaf, and that of an Update which it processes, is
// signed and lists what the group needs, with a new encryption key; that a path has its parent
// hashes; that its own leaf is as it made it; and that the path gives the keys that the new tree
// shows above its leaf. [event.UncheckedByPartial] lists what it takes on trust. The policy is
// asked about a [suite.MemberInfo] beside all else: a profile can forbid partial members.
//
// It cannot commit, and nobody can join by its GroupInfo. What follows from that is in
// RFC 9420, Section 12.4: proposals that it receives have to be committed by others before it
// sends application data. [PartialGroup.Upgrade] makes it a full member.
//
// Commits are candidates, as with a [Group], and a PartialGroup retires with its epoch. It is
// safe for concurrent use, and must not be copied.
type PartialGroup struct {
	contextView
	member *Group // whose public state has a slice in place of the tree
}

func newPartialGroup(g *Group) *PartialGroup { return &PartialGroup{g.contextView, g} }

// The places in draft-ietf-mls-partial-02 that say what is checked.
const (
	partialProofs   = `draft-ietf-mls-partial-02, "Membership Proofs and Partial Trees"`
	partialMessages = `draft-ietf-mls-partial-02, "Sender-Authenticated Messages"`
	partialWelcome  = `draft-ietf-mls-partial-02, "Joining via Annotated Welcome"`
	partialCommit   = `draft-ietf-mls-partial-02, "Annotated Commit"`
)

// OwnLeaf returns this member's leaf index.
func (p *PartialGroup) OwnLeaf() message.LeafIndex { return p.member.leaf }

// Leaves returns the number of leaves of the tree, with the blank ones: a power of two. The
// group has at most as many members.
func (p *PartialGroup) Leaves() int { return int(p.member.public.tree.Width) }

// EpochAuthenticator is [Group.EpochAuthenticator].
func (p *PartialGroup) EpochAuthenticator() ([]byte, error) { return p.member.EpochAuthenticator() }

// Export is [Group.Export].
func (p *PartialGroup) Export(label string, context []byte, length int) ([]byte, error) {
	return p.member.Export(label, context, length)
}

// SafeExportSecret is [Group.SafeExportSecret].
func (p *PartialGroup) SafeExportSecret(component message.ComponentID) ([]byte, error) {
	return p.member.SafeExportSecret(component)
}

// SafeSignWithLabel is [Group.SafeSignWithLabel]. The policy is asked about a partial member.
func (p *PartialGroup) SafeSignWithLabel(ctx context.Context, now time.Time, component message.ComponentID, name string, content []byte) ([]byte, error) {
	return p.member.SafeSignWithLabel(ctx, now, component, name, content)
}

// SafeDecryptWithLabel is [Group.SafeDecryptWithLabel].
func (p *PartialGroup) SafeDecryptWithLabel(publicKey []byte, component message.ComponentID, name string, context, kemOutput, ciphertext []byte) ([]byte, error) {
	return p.member.SafeDecryptWithLabel(publicKey, component, name, context, kemOutput, ciphertext)
}

// ForgetPastEpochs is [Group.ForgetPastEpochs].
func (p *PartialGroup) ForgetPastEpochs(keep int) error { return p.member.ForgetPastEpochs(keep) }

// ForgetProposals is [Group.ForgetProposals].
func (p *PartialGroup) ForgetProposals() error { return p.member.ForgetProposals() }

// Encrypt is [Group.Encrypt]. Other partial members read the message once it is annotated.
func (p *PartialGroup) Encrypt(ctx context.Context, now time.Time, data, authenticatedData []byte) ([]byte, error) {
	return p.member.Encrypt(ctx, now, data, authenticatedData)
}

// Propose is [Group.Propose]. The PartialGroup checks the proposal by itself and against its
// own leaf. Whether it fits the other members, and whether there is a member whom a Remove
// names, shows when somebody commits it.
func (p *PartialGroup) Propose(ctx context.Context, now time.Time, proposal message.Proposal, authenticatedData []byte) ([]byte, error) {
	return p.member.Propose(ctx, now, proposal, authenticatedData)
}

// ProposeUpdate is [Group.ProposeUpdate].
func (p *PartialGroup) ProposeUpdate(ctx context.Context, now time.Time, leaf LeafOptions, authenticatedData []byte) ([]byte, error) {
	return p.member.ProposeUpdate(ctx, now, leaf, authenticatedData)
}

// Destroy is [Group.Destroy].
func (p *PartialGroup) Destroy() { p.member.Destroy() }

// Member returns the leaf of a member in this epoch, by the encoded MembershipProof that
// MembershipProof of a Group or a PublicGroup returns. It asks the policy and the
// Authenticator about the member, as about the sender of each message.
//
// Errors:
//
//   - [ErrRetired].
//   - [*suite.PolicyError]: the policy refuses the group or the credential.
//   - [message.ErrMalformed]: the proof does not parse.
//   - [message.ErrInvalid]: the proof is not valid for the epoch's tree, or the
//     Authenticator refuses the member.
func (p *PartialGroup) Member(ctx context.Context, now time.Time, proof []byte) (message.LeafIndex, *message.LeafNode, error) {
	g := p.member
	done, err := g.alive()
	if err != nil {
		return 0, nil, err
	}
	defer done()
	parsed, err := wire.ParseNew(proof, "MembershipProof", (*ratchettree.MembershipProof).Unmarshal)
	if err != nil {
		return 0, nil, err
	}
	if _, err := g.public.checkProof(parsed); err != nil {
		return 0, nil, err
	}
	q := g.cfg.ask(suite.Receive, now)
	if err := q.group(g.public); err != nil {
		return 0, nil, err
	}
	if err := q.meet(ctx, g.public, int64(g.leaf), parsed); err != nil {
		return 0, nil, err
	}
	return parsed.Leaf, parsed.Node.LeafNode(), nil
}

// Sender returns the leaf that a message names as its sender, an MLSMessage: the one of which
// [PartialGroup.Process] needs a proof. It decrypts the sender data of a PrivateMessage of this
// epoch or of one in the window of past epochs, and checks nothing else. A member may make up
// the leaf; then Process refuses the message.
//
// Errors:
//
//   - [ErrRetired].
//   - [ErrWrongGroup], [ErrFutureEpoch], [ErrPastEpoch]: the message is for another group
//     or epoch.
//   - [ErrDecrypt]: the sender data is not authentic.
//   - [message.ErrMalformed]: the message does not parse.
//   - [message.ErrUnsupported]: the sender is not a member, and no proof is needed.
func (p *PartialGroup) Sender(msg []byte) (message.LeafIndex, error) {
	g := p.member
	m, err := framing.ParseGroupMessage(msg, g.public.numbers)
	if err != nil {
		return 0, err
	}
	done, err := g.alive()
	if err != nil {
		return 0, err
	}
	defer done()
	if m.Private != nil {
		of, err := g.epochOf(m.Private)
		if err != nil {
			return 0, err
		}
		defer of.done()
		return of.framing.SenderOf(m.Private)
	}
	if err := isFor(g.public, m); err != nil {
		return 0, err
	}
	sender := m.Public.Content.Sender
	if sender.Type != message.SenderMember {
		return 0, fmt.Errorf("%w: proof of a sender who is no member", message.ErrUnsupported)
	}
	return sender.Leaf, nil
}

// Process takes a proposal of this epoch, or an application message of this epoch or of one
// in the window of past epochs, of another member: an encoded SenderAuthenticatedMessage of
// the MLSMessage, as AnnotateMessage returns it. It is otherwise [Group.Process]. What an
// external sender or a new member proposes, for which there is no proof, is handed over with
// the commit ([PartialGroup.ProcessCommit]).
//
// Errors:
//
//   - those of [Group.Process] for such messages.
//   - [message.ErrUnsupported]: also for a commit.
//   - [message.ErrInvalid]: also if the proof is not valid for the tree of the message's
//     epoch, or is of another leaf than the sender's; or if the Authenticator refuses the
//     sender.
func (p *PartialGroup) Process(ctx context.Context, now time.Time, msg []byte) (*Received, error) {
	g := p.member
	m, err := framing.ParseSenderAuthenticated(msg, g.public.numbers)
	var received *Received
	if err == nil {
		received, err = p.process(ctx, now, m)
	}
	switch {
	case !g.cfg.observed():
	case err != nil:
		g.cfg.tellRefused(g.state(), groupMessageOf(&m.Message), err)
	case received.Lapsed != nil:
		g.cfg.Observer.Observe(*received.Lapsed)
	}
	return received, err
}

// groupMessageOf returns a message as an observer learns of it, or nil.
func groupMessageOf(m *framing.GroupMessage) *message.Message {
	read, err := message.Parse[message.Message](m.Encoded())
	if err != nil {
		return nil
	}
	return read
}

func (p *PartialGroup) process(ctx context.Context, now time.Time, m *framing.SenderAuthenticated[framing.GroupMessage]) (*Received, error) {
	g := p.member
	if m.Message.ContentType() == message.ContentCommit {
		return nil, fmt.Errorf("%w: commit is not annotated", message.ErrUnsupported)
	}
	done, err := g.alive()
	if err != nil {
		return nil, err
	}
	defer done()
	q := g.cfg.ask(suite.Receive, now)
	if m.Message.ContentType() == message.ContentApplication { // a proposal asks when it is known what it does
		if err := q.group(g.public); err != nil {
			return nil, err
		}
	}
	ac, key, err := g.openProven(&m.Message, m.Sender)
	if err != nil {
		return nil, err
	}
	if key != nil {
		defer key.Discard()
	}
	if u, ok := ac.Content.Proposal.(message.Update); ok {
		if err := newUpdateKey(m.Sender.Node, &u, m.Sender.Leaf); err != nil {
			return nil, err
		}
	}
	if err := q.meet(ctx, g.public, int64(g.leaf), m.Sender); err != nil {
		return nil, err
	}
	return g.processContent(ctx, now, ac, handedOver{}, key)
}

// openProven opens a message whose sender a proof shows.
func (g *Group) openProven(m *framing.GroupMessage, proof *ratchettree.MembershipProof) (*framing.AuthenticatedContent, *secrettree.UnusedKey, error) {
	proven := func(of *publicState) (framing.Members, error) { return of.provenBy(proof) }
	if m.Private != nil {
		return g.unprotectFrom(m.Private, proven)
	}
	if err := isFor(g.public, m); err != nil {
		return nil, nil, err
	}
	f := g.public.framing(g.secrets)
	var err error
	if f.Members, err = proven(g.public); err != nil {
		return nil, nil, err
	}
	ac, err := f.UnprotectPublic(m.Public)
	if err == nil && ac.Content.Sender == g.sender() {
		err = ErrOwnMessage
	}
	return ac, nil, err
}

// provenMember is the one member whose messages are taken, because a proof shows its leaf.
type provenMember struct {
	public *publicState
	proof  *ratchettree.MembershipProof // nil for a message that no member sends
}

// provenBy returns the member that a proof shows, which may be nil, after it has checked
// that the proof is valid for the tree hash of the epoch.
func (p *publicState) provenBy(proof *ratchettree.MembershipProof) (framing.Members, error) {
	if proof != nil {
		if _, err := p.checkProof(proof); err != nil {
			return nil, err
		}
	}
	return &provenMember{p, proof}, nil
}

// checkProof checks that a proof is valid for the tree hash of the epoch, and returns the
// slice that it shows.
func (p *publicState) checkProof(proof *ratchettree.MembershipProof) (*ratchettree.Tree, error) {
	slice, err := proof.Slice(p.suite)
	if err != nil {
		return nil, err
	}
	if slice.Width != p.tree.Width || !bytes.Equal(slice.Hash(), p.tree.Hash()) {
		return nil, fault.Violation(partialMessages, "membership proof is not valid for the tree hash of epoch %d", p.context.Epoch).AtLeaf(proof.Leaf)
	}
	return slice, nil
}

// Author implements [framing.Members].
func (m *provenMember) Author(sender message.Sender) (message.Author, error) {
	if sender.Type == message.SenderExternal {
		return m.public.externalAuthor(sender.Index)
	}
	if m.proof == nil {
		return message.Author{}, fault.Violation(partialCommit, "sender_membership_proof of a member is missing").AtLeaf(sender.Leaf)
	}
	if m.proof.Leaf != sender.Leaf {
		return message.Author{}, fault.Violation(partialMessages, "membership proof is not of the sender, but of leaf %d", m.proof.Leaf).AtLeaf(sender.Leaf)
	}
	return m.proof.Node.Author(m.public.context.Epoch), nil
}

// meet asks the policy and the application about a member whom a proof shows.
func (q questions) meet(ctx context.Context, p *publicState, leaf int64, proof *ratchettree.MembershipProof) error {
	if err := atLeaf(q.credential(proof.Node.Credential().Type), proof.Leaf); err != nil {
		return err
	}
	if q.cfg.Authenticator == nil {
		return nil
	}
	return q.authenticate(ctx, p, leaf, []event.Change{change(proof.Leaf, nil, proof.Node, event.Joined)})
}

// PartialCandidate is an epoch that a partial member may move to, or the first one of a
// group that it joins. It is what a [Candidate] is to a full member. If the commit removes this
// member, it answers for the epoch that the commit ends.
type PartialCandidate struct {
	// Lapsed, unless nil, says why the committer's credential holds no more, as in
	// [Received].
	Lapsed *event.SenderLapsed

	// JoinerData is [Candidate].JoinerData.
	JoinerData message.AppDataDictionary

	contextView
	candidate *Candidate
}

// Adopt is [Candidate.Adopt].
func (c *PartialCandidate) Adopt() (*PartialGroup, error) {
	g, err := c.candidate.Adopt()
	if err != nil {
		return nil, err
	}
	return newPartialGroup(g), nil
}

// Discard is [Candidate.Discard].
func (c *PartialCandidate) Discard() { c.candidate.Discard() }

// Removed reports whether the commit removes this member.
func (c *PartialCandidate) Removed() bool { return c.candidate.removed }

// EpochAuthenticator is [Candidate.EpochAuthenticator].
func (c *PartialCandidate) EpochAuthenticator() ([]byte, error) {
	return c.candidate.EpochAuthenticator()
}

// Export is [Candidate.Export].
func (c *PartialCandidate) Export(label string, context []byte, length int) ([]byte, error) {
	return c.candidate.Export(label, context, length)
}

// SafeExportSecret is [Candidate.SafeExportSecret].
func (c *PartialCandidate) SafeExportSecret(component message.ComponentID) ([]byte, error) {
	return c.candidate.SafeExportSecret(component)
}

// Committer returns the sender of the commit, or the signer of the GroupInfo of a Welcome.
func (c *PartialCandidate) Committer() message.Sender { return c.candidate.committer }

// Author returns the committer as its proof shows it.
func (c *PartialCandidate) Author() message.Author { return c.candidate.Author() }

// Proposals returns the proposals that the commit covers, in its order. Only what concerns
// the key schedule and the GroupContext was checked. The caller must not change them.
func (c *PartialCandidate) Proposals() []CommittedProposal { return c.candidate.proposals }
