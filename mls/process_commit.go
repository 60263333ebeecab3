package mls

import (
	"bytes"
	"context"
	"crypto/subtle"
	"slices"
	"time"
)

// processCommit makes a candidate of another member's commit (RFC 9420, Section
// 12.4.2). The signature on it has been verified.
func (g *Group) processCommit(ctx context.Context, now time.Time, ac *authenticatedContent) (*Candidate, error) {
	committer := ac.content.sender.Leaf
	list, err := g.resolveProposals(ac)
	if err != nil {
		return nil, err
	}
	a, err := g.public.apply(list, committer, g.cfg.Lifetimes.receivedAt(now))
	if err != nil {
		return nil, err
	}
	path := ac.content.commit.path
	if path == nil && a.needsPath {
		return nil, violation("12.4", "commit has the path that its proposals require").atLeaf(committer)
	}
	if path != nil {
		if err := g.public.mergePath(a, committer, path); err != nil {
			return nil, err
		}
	}
	t, err := a.edit.freeze()
	if err != nil {
		return nil, err
	}
	if err := checkTree(t, a.extensions); err != nil {
		return nil, err
	}
	if err := g.cfg.authenticate(ctx, now, a.changes); err != nil {
		return nil, err
	}
	next := &publicState{suite: g.public.suite, tree: t, context: g.public.provisional(t, a.extensions)}
	c := &Candidate{
		from:      g,
		committer: ac.content.sender,
		aad:       ac.content.authenticatedData,
		proposals: list,
		added:     a.added,
		removed:   slices.Contains(a.removed, g.self.leaf),
		next:      epoch{public: next},
	}
	if c.removed {
		return c, nil // the next epoch's secrets are not for this member
	}
	if err := g.openEpoch(&c.next, a, ac); err != nil {
		return nil, err
	}
	return c, nil
}

// resolveProposals returns the proposals of a commit, looked up where they are
// referred to.
func (g *Group) resolveProposals(ac *authenticatedContent) ([]CommittedProposal, error) {
	list := make([]CommittedProposal, len(ac.content.commit.proposals))
	for i, p := range ac.content.commit.proposals {
		if p.proposal != nil {
			list[i] = CommittedProposal{Proposal: p.proposal, Sender: ac.content.sender}
			continue
		}
		var ok bool
		if list[i], ok = g.inbox.proposal(p.ref); !ok {
			return nil, violation("12.4.2", "proposal that the commit refers to has arrived").atProposal(i)
		}
	}
	return list, nil
}

// mergePath validates the path of a received commit and merges it into the tree
// (RFC 9420, Sections 7.5 and 12.4.2).
func (p *publicState) mergePath(a *applied, committer LeafIndex, path *updatePath) error {
	old := p.tree.leaf(committer)
	if bytes.Equal(path.leafNode.EncryptionKey, old.EncryptionKey) {
		return violation("12.4.2", "encryption_key of the committer's leaf is new").atLeaf(committer)
	}
	if err := path.leafNode.validate(p.suite, LeafNodeCommit, p.place(committer)); err != nil {
		return atLeaf(err, committer)
	}
	if err := path.leafNode.supportsGroup(a.extensions); err != nil {
		return atLeaf(err, committer)
	}
	nodes, _ := a.edit.filteredDirectPath(committer)
	keys, err := path.publicKeys(p.suite, len(nodes))
	if err != nil {
		return atLeaf(err, committer)
	}
	parentHash, err := a.edit.mergePath(committer, nodes, keys)
	if err != nil {
		return atLeaf(err, committer)
	}
	if subtle.ConstantTimeCompare(parentHash, path.leafNode.ParentHash) != 1 {
		return violation("7.9", "parent_hash of the committer's leaf is that of its path").atLeaf(committer)
	}
	a.edit.setLeaf(committer, path.leafNode)
	a.changes = changed(a.changes, committer, old, path.leafNode, ChangeUpdated)
	return nil
}

// openEpoch derives the secrets of the epoch that a received commit begins, and
// checks its confirmation tag. next holds the public state up to its tree.
func (g *Group) openEpoch(next *epoch, a *applied, ac *authenticatedContent) error {
	p, s := next.public, g.public.suite
	leafKey := g.self.leafKey
	for _, u := range a.updated {
		if u.leaf == g.self.leaf {
			if leafKey = g.inbox.updateKey(u.ref); leafKey == nil {
				return violation("12.1.2", "own Update was made here").atLeaf(u.leaf)
			}
		}
	}
	next.self = g.self.next(p.tree, leafKey, nil)
	commitSecret := make([]byte, s.Info().KDF.Nh)
	if path := ac.content.commit.path; path != nil {
		provisional, err := marshalled(&p.context)
		if err != nil {
			return err
		}
		secrets, err := openPath(p.tree, path, ac.content.sender.Leaf, g.self.leaf, provisional, a.added, next.self.privateKey)
		if err != nil {
			return err
		}
		defer secrets.destroy()
		commitSecret = secrets.commitSecret
		next.self = g.self.next(p.tree, leafKey, nodeKeys(secrets))
	}
	psk, err := pskSecret(s, nil, nil)
	if err != nil {
		return err
	}
	secrets, joiner, err := p.advance(g.public, g.secrets.init, commitSecret, psk, ac)
	if err != nil {
		return err
	}
	clear(joiner)
	if err := p.checkConfirmation(secrets, ac.auth.confirmationTag); err != nil {
		secrets.destroy()
		return atLeaf(err, ac.content.sender.Leaf)
	}
	next.secrets = secrets
	return nil
}
