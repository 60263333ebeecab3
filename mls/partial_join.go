package mls

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// JoinPartial opens an encoded AnnotatedWelcome and returns the candidate for the group, of
// which this client becomes a partial member (draft-ietf-mls-partial-02). It is O(log n),
// does not read a tree, and is otherwise [OwnKeyPackage.Join]. Of options, it does not use
// RatchetTree and Made.
//
// Errors:
//
//   - those of [OwnKeyPackage.Join], of the signer and of the group in place of its members.
//   - [*suite.PolicyError]: also if the policy refuses partial members.
//   - [message.ErrMalformed]: the AnnotatedWelcome does not parse.
//   - [message.ErrInvalid]: also if the proofs are not of one tree, not of the tree of the
//     GroupInfo, or not of its signer and of this client's leaf.
func (k *OwnKeyPackage) JoinPartial(ctx context.Context, now time.Time, annotatedWelcome []byte, options JoinOptions) (*PartialCandidate, error) {
	a, err := framing.ParseAnnotatedWelcome(annotatedWelcome)
	var c *Candidate
	if err == nil {
		c, err = k.joinPartial(ctx, now, a, &options)
	}
	if err != nil {
		if k.cfg.observed() {
			var m *message.Message
			if a != nil {
				m = &message.Message{Welcome: &a.Welcome.Message}
			}
			k.cfg.tellRefused(event.GroupState{Leaf: notMember}, m, err)
		}
		return nil, err
	}
	return &PartialCandidate{JoinerData: c.JoinerData, contextView: c.contextView, candidate: c}, nil
}

func (k *OwnKeyPackage) joinPartial(ctx context.Context, now time.Time, a *framing.AnnotatedWelcome, options *JoinOptions) (*Candidate, error) {
	own, err := message.Marshal(&k.KeyPackage.LeafNode)
	if err != nil {
		return nil, err
	}
	c, err := k.enter(ctx, now, &a.Welcome.Message, options, joinView{
		state: func(q questions, info *receivedGroupInfo) (*publicState, error) {
			return partialStateOf(ctx, q, k.suite, info, a, own)
		},
		member: func(p *publicState, info *message.GroupInfo, secrets *groupSecrets) (*memberView, error) {
			return partialView(p, a.Joiner, info.Signer, secrets)
		},
	})
	if err != nil {
		return nil, err
	}
	author := a.Welcome.Sender.Node.Author(max(1, c.public.context.Epoch) - 1)
	c.author, c.changes = &author, nil
	return c, nil
}

// partialStateOf checks a GroupInfo and the proofs of its signer and of the joiner, whose
// leaf is own, and returns the state that they describe. It is publicStateOf without a tree.
func partialStateOf(ctx context.Context, q questions, s suite.Suite, info *receivedGroupInfo, a *framing.AnnotatedWelcome, own []byte) (*publicState, error) {
	if err := checkGroupInfo(s, info); err != nil {
		return nil, err
	}
	signer, slice, err := sameTree(s, a.Welcome.Sender, a.Joiner, partialWelcome)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(slice.Hash(), info.GroupContext.TreeHash) {
		return nil, fault.Violation(partialWelcome, "tree hash of the membership proofs is not the GroupContext's")
	}
	if info.Signer != a.Welcome.Sender.Leaf {
		return nil, fault.Violation(partialWelcome, "sender_membership_proof is not of the GroupInfo's signer, but of leaf %d", a.Welcome.Sender.Leaf).AtLeaf(info.Signer)
	}
	if !bytes.Equal(a.Joiner.Node, own) {
		return nil, fault.Violation(partialWelcome, "joiner_membership_proof does not have the leaf of the key package").AtLeaf(a.Joiner.Leaf)
	}
	p, err := newPublicState(publicParts{suite: s, numbers: q.cfg.CodePoints.Complete(), context: info.GroupContext, tree: slice, partial: true}, info.ConfirmationTag)
	if err != nil {
		return nil, err
	}
	if err := verifyGroupInfoBy(s, signer.Leaf(info.Signer), info); err != nil {
		return nil, err
	}
	if err := checkOwnLeaf(slice, a.Joiner, p.extensions, p.numbers); err != nil {
		return nil, err
	}
	if err := p.extensions.CheckSenders(s); err != nil {
		return nil, err
	}
	if err := q.group(p); err != nil {
		return nil, err
	}
	if err := atLeaf(q.credential(a.Welcome.Sender.Node.Credential().Type), info.Signer); err != nil {
		return nil, err
	}
	if q.cfg.Authenticator == nil {
		return p, nil
	}
	shown := []event.Change{
		change(info.Signer, nil, a.Welcome.Sender.Node, event.Joined), change(a.Joiner.Leaf, nil, a.Joiner.Node, event.Joined),
	}
	return p, q.authenticate(ctx, p, notMember, changedSenders(shown, nil, p.extensions))
}

// checkOwnLeaf checks that a partial member's own leaf, which a proof shows in a slice, lists
// what the group needs.
func checkOwnLeaf(slice *ratchettree.Tree, own *ratchettree.MembershipProof, x *check.GroupExtensions, numbers message.CodePoints) error {
	err := checkTree(slice, x)
	if err == nil && demandsOfLeaves(x) {
		err = meetsDemands(own.Node.LeafNode(), x, numbers)
	}
	return atLeaf(err, own.Leaf)
}

// checkGroupInfo checks what a GroupInfo says of its version, its suite, its extensions and
// the past.
func checkGroupInfo(s suite.Suite, info *receivedGroupInfo) error {
	c := &info.GroupContext
	if c.Version != codepoint.VersionMLS10 {
		return fmt.Errorf("%w: protocol version %d", message.ErrUnsupported, c.Version)
	}
	if id := s.Info().ID; c.CipherSuite != id {
		return fault.Violation("12.4.3.1", "cipher suite of the GroupInfo is not %s", id)
	}
	if err := check.Unique(info.Extensions, "GroupInfo"); err != nil {
		return err
	}
	return check.Hashes(info.GroupInfo, s)
}

// sameTree returns the slices of two proofs, which have to be of one tree.
func sameTree(s suite.Suite, a, b *ratchettree.MembershipProof, section string) (ofA, ofB *ratchettree.Tree, err error) {
	if ofA, err = a.Slice(s); err != nil {
		return nil, nil, err
	}
	if ofB, err = b.Slice(s); err != nil {
		return nil, nil, err
	}
	if ofA.Width != ofB.Width || !bytes.Equal(ofA.Hash(), ofB.Hash()) {
		return nil, nil, fault.Violation(section, "membership proofs are not of the same tree")
	}
	return ofA, ofB, nil
}

// partialView derives the private keys that follow from the joiner's path secret, which the
// signer of the GroupInfo has sent. The proof is the joiner's.
func partialView(p *publicState, joiner *ratchettree.MembershipProof, signer message.LeafIndex, secrets *groupSecrets) (*memberView, error) {
	v := &memberView{leaf: joiner.Leaf, pathKeys: map[ratchettree.NodeIndex]*ratchettree.PrivateKey{}}
	if secrets.hasPathSecret {
		if signer == joiner.Leaf {
			return nil, fault.Violation("12.4.3.1", "signer of the GroupInfo is the joiner itself").AtLeaf(signer)
		}
		ancestor := treemath.CommonAncestor(treemath.NodeOf(joiner.Leaf), treemath.NodeOf(signer))
		var nodes []ratchettree.NodeIndex // from the ancestor up, where both are below
		for step := range p.tree.Above(joiner.Leaf) {
			if step.Node.Parent != nil && step.Index.Level() >= ancestor.Level() {
				nodes = append([]ratchettree.NodeIndex{step.Index}, nodes...)
			}
		}
		if len(nodes) == 0 || nodes[0] != ancestor {
			return nil, fault.Violation("12.4.3.1", "common ancestor %d is not on the filtered direct path of the GroupInfo's signer", ancestor).AtLeaf(signer)
		}
		path, err := ratchettree.DerivePathSecrets(p.suite, nodes, bytes.Clone(secrets.pathSecret))
		if err != nil {
			return nil, err
		}
		defer path.Destroy()
		for i, n := range nodes {
			if parent := p.tree.Parent(n); !bytes.Equal(parent.EncryptionKey, path.Keys[i].PublicKey()) {
				return nil, fault.Violation("12.4.3.1", "path secret does not give the private key of node %d", n).
					AtLeaf(signer).Because(fault.OtherDerivation(p.suite))
			}
		}
		v.learn(path)
	}
	if err := v.complete(p.tree); err != nil {
		v.release()
		return nil, err
	}
	return v, nil
}
