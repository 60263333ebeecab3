package mls

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/parallel"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// publicState is the part of an epoch that is no secret: what a delivery service may
// know, and what all members agree on. It is immutable: provisional.confirmed makes it
// whole, for newPublicState and for advance, which has the context marshalled already. Nothing
// else sets a field of it. The next epoch's state shares most of the tree with it.
type publicState struct {
	publicParts
	contextBytes    []byte // context, marshalled
	confirmationTag []byte
	interim         []byte // interim transcript hash (RFC 9420, Section 8.2)
	selfRemoves     bool   // all members list SelfRemove, or this one if it is partial
}

// publicParts are what a publicState is made of.
type publicParts struct {
	suite      suite.Suite
	numbers    message.CodePoints // of drafts
	context    message.GroupContext
	tree       *ratchettree.Tree
	extensions *check.GroupExtensions // of context, read; newPublicState reads them if nobody has
	reInit     *message.ReInit        // the one that the commit of this epoch covered, or nil
	announced  *check.GroupExtensions // of reInit, read, or nil

	// partial says that tree is a slice, as a partial member has it: the nodes above its own
	// leaf, and the hashes beside them.
	partial bool
}

// provisional has the parts of the epoch that a commit leads to, while the commit is made or
// read: at first with the transcript hash of the epoch before, as in the provisional
// GroupContext (RFC 9420, Section 12.4.1).
type provisional struct{ publicState }

func newProvisional(parts publicParts) *provisional {
	return &provisional{publicState{publicParts: parts}}
}

// newPublicState returns the public state of an epoch with the given confirmation tag,
// which is the caller's to check. A past epoch, which no commit follows, does without.
func newPublicState(parts publicParts, tag []byte) (_ *publicState, err error) {
	if parts.extensions == nil {
		if parts.extensions, err = check.ReadGroupExtensions(parts.context.Extensions, parts.numbers); err != nil {
			return nil, err
		}
	}
	p := newProvisional(parts)
	contextBytes, err := message.Marshal(&p.context)
	if err != nil {
		return nil, err
	}
	return p.confirmed(contextBytes, tag)
}

// confirmed is newPublicState for the parts in p, whose context is marshalled already. p
// becomes the state.
func (p *provisional) confirmed(contextBytes, tag []byte) (_ *publicState, err error) {
	if p.interim, err = framing.InterimTranscriptHash(p.suite, p.context.ConfirmedTranscriptHash, tag); err != nil {
		return nil, err
	}
	p.contextBytes, p.confirmationTag = contextBytes, bytes.Clone(tag)
	p.selfRemoves = p.tree.Root.Features.SupportsProposal(p.numbers.SelfRemove)
	return &p.publicState, nil
}

// framing returns the framing for messages of this epoch.
func (p *publicState) framing(secrets *schedule.EpochSecrets) *framing.Epoch {
	return &framing.Epoch{
		Suite:        p.suite,
		Group:        &p.context,
		GroupContext: p.contextBytes,
		Secrets:      secrets,
		Members:      p,
		Form:         p,
		Numbers:      p.numbers,
		References:   p.selfRemoves,
	}
}

// authenticated returns the authenticated data of a message whose sender has data to
// authenticate, or nothing.
func (p *publicState) authenticated(data []byte) []byte {
	if len(data) == 0 && p.extensions.SafeComponents != nil {
		return []byte{0} // no items
	}
	return data
}

// place returns the place of a leaf in the group.
func (p *publicState) place(leaf message.LeafIndex) check.LeafPlace {
	return check.LeafPlace{GroupID: p.context.GroupID, Leaf: leaf}
}

// content returns the frame of what somebody sends in this epoch.
func (p *publicState) content(sender message.Sender, contentType message.ContentType, authenticatedData []byte) *framing.FramedContent {
	return &framing.FramedContent{
		GroupID:           p.context.GroupID,
		Epoch:             p.context.Epoch,
		Sender:            sender,
		AuthenticatedData: bytes.Clone(p.authenticated(authenticatedData)),
		ContentType:       contentType,
	}
}

// Author implements [framing.Members].
func (p *publicState) Author(sender message.Sender) (message.Author, error) { return p.author(sender) }

// author returns the signer of what a member or an external sender sends in this epoch
// (RFC 9420, Section 6.1). It refuses a blank leaf, and an index outside
// external_senders.
func (p *publicState) author(sender message.Sender) (message.Author, error) {
	if sender.Type == message.SenderExternal {
		return p.externalAuthor(sender.Index)
	}
	leaf := p.tree.Leaf(sender.Leaf)
	if leaf == nil {
		return message.Author{}, fault.Violation("6.1", "sender is not a member").AtLeaf(sender.Leaf)
	}
	return leaf.Author(p.context.Epoch), nil
}

// externalAuthor returns one of the group's external_senders (RFC 9420, Section
// 12.1.8.1).
func (p *publicState) externalAuthor(i uint32) (message.Author, error) {
	senders := p.extensions.Senders
	if senders == nil {
		return message.Author{}, fault.Violation("12.1.8", "group has no external_senders")
	}
	if uint64(i) >= uint64(len(senders)) {
		return message.Author{}, fault.Violation("12.1.8", "sender index %d is not one of the group's external_senders", i)
	}
	return message.Author{Epoch: p.context.Epoch, Credential: senders[i].Credential, SignatureKey: senders[i].SignatureKey}, nil
}

// proposer returns the signer of a proposal that was sent by itself in this epoch.
func (p *publicState) proposer(sender message.Sender, proposal message.Proposal) (message.Author, error) {
	f := p.framing(nil)
	return f.Author(&framing.FramedContent{Epoch: p.context.Epoch, Sender: sender, Proposal: proposal})
}

// checkTag checks the confirmation tag with the secrets of the epoch.
func (p *publicState) checkTag(secrets *schedule.EpochSecrets) error {
	return schedule.CheckConfirmationTag(p.suite, secrets, p.context.ConfirmedTranscriptHash, p.confirmationTag)
}

// contextView answers what the GroupContext of an epoch tells, or of the one that a candidate
// leads to. Partial members know no more of the public state.
type contextView struct{ public *publicState }

// Suite returns the group's cipher suite.
func (v *contextView) Suite() suite.Suite { return v.public.suite }

// GroupContext returns the group's context in this epoch (RFC 9420, Section 8.1). The
// caller must not change what it refers to.
func (v *contextView) GroupContext() message.GroupContext { return v.public.context }

// GroupID returns the group's id.
func (v *contextView) GroupID() []byte { return bytes.Clone(v.public.context.GroupID) }

// Epoch returns the number of the epoch.
func (v *contextView) Epoch() uint64 { return v.public.context.Epoch }

// Dictionary returns the app_data_dictionary of the GroupContext, or nil if there is none
// (draft-ietf-mls-extensions-10, Section 4.6). The caller must not change it.
func (v *contextView) Dictionary() message.AppDataDictionary { return v.public.extensions.Dictionary }

// ReInit returns the ReInit that ended the group, or nil while the group goes on (RFC
// 9420, Sections 11.2 and 12.1.5). The caller must not change it.
func (v *contextView) ReInit() *message.ReInit { return v.public.reInit }

// publicView answers what both full members and those who only follow the group can see of an
// epoch, or of the one that a candidate leads to.
type publicView struct{ contextView }

func viewOf(p *publicState) publicView { return publicView{contextView{p}} }

// Leaf returns a member's LeafNode, or nil if the leaf is blank or outside the tree. The
// tree keeps leaves encoded, so each call makes another LeafNode. The caller must not
// change the bytes that it refers to.
func (v *publicView) Leaf(i message.LeafIndex) *message.LeafNode {
	return v.public.tree.Leaf(i).LeafNode()
}

// Members iterates over the members from left to right, and makes each LeafNode as Leaf
// does. The caller must not change the bytes that the leaves refer to.
func (v *publicView) Members() iter.Seq2[message.LeafIndex, *message.LeafNode] {
	return func(yield func(message.LeafIndex, *message.LeafNode) bool) {
		for i, leaf := range v.public.tree.Members() {
			if !yield(i, leaf.LeafNode()) {
				return
			}
		}
	}
}

// Size returns the number of members.
func (v *publicView) Size() int { return int(v.public.tree.MemberCount()) }

// RatchetTree returns the tree as the ratchet_tree extension holds it, for joiners whose
// Welcome does not hold the tree (RFC 9420, Section 12.4.3.3). It is O(n). The error says
// that the encoded tree has 2^30 bytes or more.
func (v *publicView) RatchetTree() ([]byte, error) {
	return wire.Marshal(v.public.tree.Marshal)
}

// publicStateOf checks a GroupInfo and its tree, and returns the state that they
// describe. It serves joiners and those who only follow a group (RFC 9420, Sections 7.3,
// 7.9.2, 12.4.3 and 12.4.3.1). A tree in the GroupInfo takes precedence over the one
// beside it. own is a leaf that this client has made or checked before, encoded, or nil.
// The confirmation tag is left to those who have the epoch's secrets.
func publicStateOf(ctx context.Context, q questions, s suite.Suite, info *receivedGroupInfo, tree, own []byte) (*publicState, error) {
	if err := checkGroupInfo(s, info); err != nil {
		return nil, err
	}
	if inside, ok := info.Extensions.Find(codepoint.ExtensionRatchetTree); ok {
		tree = inside
	}
	if tree == nil {
		return nil, fmt.Errorf("%w: no ratchet tree in the GroupInfo or beside it", message.ErrUnsupported)
	}
	nodes, err := ratchettree.ParseRatchetTree(tree)
	if err != nil {
		return nil, err
	}
	t, err := ratchettree.TreeFromNodes(s, nodes)
	if err != nil {
		return nil, err
	}
	p, err := newPublicState(publicParts{suite: s, numbers: q.cfg.CodePoints.Complete(), context: info.GroupContext, tree: t}, info.ConfirmationTag)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(t.Hash(), info.GroupContext.TreeHash) {
		return nil, fault.Violation("12.4.3.1", "tree hash is not the GroupContext's")
	}
	if err := p.verifyGroupInfo(info); err != nil {
		return nil, err
	}
	return p, p.verifyTree(ctx, q, own)
}

// verifyTree checks a tree that a client did not have before: its nodes and leaves, what the
// group demands of them, and the members, about whom it asks. A leaf whose encoding is own,
// unless that is nil, is not verified again.
func (p *publicState) verifyTree(ctx context.Context, q questions, own []byte) error {
	if err := p.tree.Validate(); err != nil {
		return err
	}
	if err := p.validateLeaves(q.cfg.Lifetimes, own); err != nil {
		return err
	}
	if err := checkTree(p.tree, p.extensions); err != nil {
		return err
	}
	if err := everyLeafMeets(p.tree, p.extensions, p.numbers); err != nil {
		return err
	}
	if err := p.extensions.CheckSenders(p.suite); err != nil {
		return err
	}
	return q.everybody(ctx, p)
}

// validateLeaves validates every leaf of the tree (RFC 9420, Section 7.3), on all cores.
// It judges only the length of lifetimes: refusing a leaf that has expired since it was
// added would lock joiners out, and the RFC does not require it. A leaf whose encoding is
// valid, unless that is nil, is not verified again.
func (p *publicState) validateLeaves(policy LifetimePolicy, valid []byte) error {
	indices := make([]message.LeafIndex, 0, p.tree.MemberCount())
	leaves := make([]ratchettree.Leaf, 0, p.tree.MemberCount())
	for i, leaf := range p.tree.Members() {
		indices, leaves = append(indices, i), append(leaves, leaf)
	}
	type room struct {
		leaf   ratchettree.LeafRoom
		signed wire.Writer
	}
	rooms := sync.Pool{New: func() any {
		r := new(room)
		r.signed.Grow(512) // for most leaves
		return r
	}}
	return parallel.For(len(indices), func(i int) error {
		var err error
		if valid == nil || !bytes.Equal(leaves[i], valid) {
			r := rooms.Get().(*room)
			defer rooms.Put(r)
			leaf := r.leaf.Read(leaves[i])
			place := p.place(indices[i])
			place.Encoded, place.Room = leaves[i], &r.signed
			err = check.LeafNode(leaf, p.suite, leaf.Source, place)
		}
		if lifetime, ok := leaves[i].Lifetime(); ok && err == nil {
			err = policy.checkTotal(lifetime)
		}
		return atLeaf(err, indices[i])
	})
}
