package mls

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/internal/parallel"
)

// CommittedProposal is a proposal of a commit, with the one who made it.
type CommittedProposal struct {
	Proposal Proposal
	Sender   Sender
	Ref      []byte // ProposalRef (RFC 9420, Section 5.2), or nil if sent by value

	// checked says that what can be seen of the proposal by itself was checked
	// when it arrived.
	checked bool
}

// applied is the outcome of a list of proposals: the public state of the next
// epoch before the path of its commit.
type applied struct {
	edit       *treeEdit
	extensions Extensions
	added      []LeafIndex // where the Adds went, in their order
	joiners    []*KeyPackage
	removed    []LeafIndex
	updated    []updatedLeaf
	needsPath  bool
	changes    []Change
}

type updatedLeaf struct {
	leaf LeafIndex
	ref  []byte // of its Update proposal
}

// checkProposal checks what can be seen of a proposal by itself, in the epoch for
// which it is made (RFC 9420, Section 12.1). The signature checks of Adds and
// Updates are here.
func (p *publicState) checkProposal(proposal Proposal, sender Sender, lifetime lifetimeCheck) error {
	switch proposal := proposal.(type) {
	case AddProposal:
		if err := proposal.KeyPackage.validate(p.suite); err != nil {
			return err
		}
		return lifetime(proposal.KeyPackage.LeafNode.Lifetime)
	case UpdateProposal:
		if sender.Type != SenderMember {
			return violation("12.1.2", "Update is sent by a member")
		}
		old := p.tree.leaf(sender.Leaf)
		if old == nil {
			return violation("12.1.2", "Update is of a member").atLeaf(sender.Leaf)
		}
		if bytes.Equal(old.EncryptionKey, proposal.LeafNode.EncryptionKey) {
			return violation("7.3", "encryption_key of an Update is new").atLeaf(sender.Leaf)
		}
		return atLeaf(proposal.LeafNode.validate(p.suite, LeafNodeUpdate, p.place(sender.Leaf)), sender.Leaf)
	case RemoveProposal:
		if p.tree.leaf(proposal.Removed) == nil {
			return violation("12.1.3", "Remove is of a member").atLeaf(proposal.Removed)
		}
		return nil
	}
	return fmt.Errorf("%w: proposal type %s", ErrUnsupported, proposal.Type())
}

// apply validates the proposals of a commit (RFC 9420, Section 12.2) and applies
// them in the order of Section 12.3.
func (p *publicState) apply(list []CommittedProposal, committer LeafIndex, lifetime lifetimeCheck) (*applied, error) {
	if err := p.checkEpochLeft(); err != nil {
		return nil, err
	}
	err := parallel.For(len(list), func(i int) error {
		if list[i].checked {
			return nil
		}
		return atProposal(p.checkProposal(list[i].Proposal, list[i].Sender, lifetime), i)
	})
	if err != nil {
		return nil, err
	}
	a := &applied{edit: p.tree.edit(), extensions: p.context.Extensions}
	if err := p.checkTogether(list, committer, a); err != nil {
		return nil, err
	}
	for i, c := range list {
		if u, ok := c.Proposal.(UpdateProposal); ok {
			if err := u.LeafNode.supportsGroup(a.extensions); err != nil {
				return nil, atProposal(err, i)
			}
			a.changes = changed(a.changes, c.Sender.Leaf, p.tree.leaf(c.Sender.Leaf), u.LeafNode, ChangeUpdated)
			a.edit.updateLeaf(c.Sender.Leaf, u.LeafNode)
			a.updated = append(a.updated, updatedLeaf{c.Sender.Leaf, c.Ref})
		}
	}
	for _, c := range list {
		if r, ok := c.Proposal.(RemoveProposal); ok {
			a.edit.removeLeaf(r.Removed)
			a.removed = append(a.removed, r.Removed)
		}
	}
	for i, c := range list {
		if add, ok := c.Proposal.(AddProposal); ok {
			leaf := &add.KeyPackage.LeafNode
			if err := leaf.supportsGroup(a.extensions); err != nil {
				return nil, atProposal(err, i)
			}
			index := a.edit.addLeaf(leaf)
			a.added = append(a.added, index)
			a.joiners = append(a.joiners, add.KeyPackage)
			a.changes = changed(a.changes, index, nil, leaf, ChangeAdded)
		}
	}
	return a, nil
}

// checkTogether checks the proposals against each other and the committer
// (RFC 9420, Section 12.2), and notes whether they need a path (Section 12.4).
// What the tree checks, such as one client added twice, is left to it.
func (p *publicState) checkTogether(list []CommittedProposal, committer LeafIndex, a *applied) error {
	a.needsPath = len(list) == 0
	touched := make(map[LeafIndex]bool)
	for i, c := range list {
		row, ok := c.Proposal.Type().kind()
		if !ok {
			return atProposal(fmt.Errorf("%w: proposal type %s", ErrUnsupported, c.Proposal.Type()), i)
		}
		a.needsPath = a.needsPath || row.needsPath
		var leaf LeafIndex
		switch proposal := c.Proposal.(type) {
		case UpdateProposal:
			leaf = c.Sender.Leaf
			if leaf == committer {
				return violation("12.2", "committer does not commit its own Update").atLeaf(leaf).atProposal(i)
			}
		case RemoveProposal:
			leaf = proposal.Removed
			if leaf == committer {
				return violation("12.2", "committer does not remove itself").atLeaf(leaf).atProposal(i)
			}
		default:
			continue
		}
		if touched[leaf] {
			return violation("12.2", "one Update or Remove for each leaf").atLeaf(leaf).atProposal(i)
		}
		touched[leaf] = true
	}
	return nil
}

// atLeaf and atProposal add the culprit to a ValidationError.
func atLeaf(err error, leaf LeafIndex) error {
	if v, ok := errors.AsType[*ValidationError](err); ok {
		v.atLeaf(leaf)
	}
	return err
}

func atProposal(err error, i int) error {
	if v, ok := errors.AsType[*ValidationError](err); ok {
		v.atProposal(i)
		return err
	}
	if err != nil {
		return fmt.Errorf("mls: proposal %d: %w", i, err)
	}
	return nil
}
