package mls

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/mlsuite/mlsuite/suite"
)

// publicState is the part of an epoch that is no secret: what a delivery service may
// know, and what all members agree on. It is immutable. The next epoch's state shares
// most of the tree with it.
type publicState struct {
	suite           suite.Suite
	context         GroupContext
	contextBytes    []byte // context, marshalled
	tree            *tree
	confirmationTag []byte
	interim         []byte           // interim transcript hash (RFC 9420, Section 8.2)
	extensions      *groupExtensions // of context, read
	reInit          *ReInit          // the one that the commit of this epoch covered, or nil
	announced       *groupExtensions // of reInit, read, or nil
}

// framing returns the framing for messages of this epoch.
func (p *publicState) framing(secrets *epochSecrets) *framing {
	return &framing{
		suite:        p.suite,
		group:        &p.context,
		groupContext: p.contextBytes,
		secrets:      secrets,
		member:       p.author,
	}
}

// place returns the place of a leaf in the group.
func (p *publicState) place(leaf LeafIndex) leafPlace {
	return leafPlace{groupID: p.context.GroupID, leaf: leaf}
}

// checkEpochLeft refuses a commit in the last epoch that a uint64 can count.
func (p *publicState) checkEpochLeft() error {
	if p.context.Epoch == math.MaxUint64 {
		return fmt.Errorf("%w: an epoch after the last one", ErrUnsupported)
	}
	return nil
}

// content returns the frame of what somebody sends in this epoch.
func (p *publicState) content(sender Sender, contentType ContentType, authenticatedData []byte) *framedContent {
	return &framedContent{
		groupID:           p.context.GroupID,
		epoch:             p.context.Epoch,
		sender:            sender,
		authenticatedData: bytes.Clone(authenticatedData),
		contentType:       contentType,
	}
}

// blame adds, to an error of checkTree for the tree that a commit leads to, a leaf at
// fault and the proposal that brought it. That is a new leaf whose credential does not
// fit the others, or else a member that lacks what the extensions need. blame looks only
// at what the commit changed and at one path of the tree, so a refused commit costs no
// more than an accepted one.
func (p *publicState) blame(err error, a *applied, t *tree) error {
	for _, i := range append(slices.Sorted(maps.Keys(a.origin)), a.committer) {
		leaf := t.leaf(i)
		if leaf == nil {
			continue
		}
		if old := p.tree.leaf(i); old != nil && bytes.Equal(old.EncryptionKey, leaf.EncryptionKey) {
			continue
		}
		own := featuresOf(leaf)
		_, lacks := missing(t.credentialTypesInUse(), own.supportsCredential)
		if !lacks && t.supportsCredential(leaf.Credential.Type) {
			continue
		}
		if by, ok := a.origin[i]; ok {
			err = atProposal(err, by)
		}
		return atLeaf(err, i)
	}
	if i, ok := t.firstMember(func(f *features) bool { return f.supports(&a.extensions.needs) != nil }, nil); ok {
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
func checkTree(t *tree, extensions *groupExtensions) error {
	if c, ok := missing(t.credentialTypesInUse(), t.supportsCredential); ok {
		return violation("7.3", "every member supports the credential type %s, which one uses", c)
	}
	return t.root.features.supports(&extensions.needs)
}
