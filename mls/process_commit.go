package mls

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// processCommit makes a candidate of another member's commit, whose signature has been
// verified (RFC 9420, Section 12.4.2). It does not track the candidate.
func (g *Group) processCommit(ctx context.Context, now time.Time, ac *authenticatedContent, beside handedOver) (_ *Candidate, err error) {
	defer g.public.tree.forgetRefused(&err)
	list, err := beside.resolve(ac, g.inbox.proposal, func(m *Message, wanted func([]byte) bool) (CommittedProposal, error) {
		return g.openProposal(ctx, now, m, wanted)
	})
	if err != nil {
		return nil, err
	}
	t, a, err := g.public.receiveCommit(ctx, g.cfg, now, ac, g.leaf, list)
	if err != nil {
		return nil, err
	}
	c := newCandidate(&Candidate{
		transition: *t,
		cfg:        g.cfg,
		from:       g,
		removed:    slices.Contains(a.removed, g.leaf),
	}, epoch{public: t.to})
	if c.removed { // the next epoch's secrets are not for this member
		return c, t.to.confirmTranscript(g.public, ac)
	}
	if err := g.openEpoch(ctx, g.cfg.ask(suite.Receive, now), c, a, ac); err != nil {
		c.discard(ErrRetired)
		return nil, err
	}
	return c, nil
}

// receiveCommit checks a commit of a list of proposals as far as that takes no secrets,
// and applies it to the public state. The commit's signature has been verified. The
// resulting state goes up to its provisional context. self is the leaf of this client, or
// noLeaf.
func (p *publicState) receiveCommit(ctx context.Context, cfg *Config, now time.Time, ac *authenticatedContent, self LeafIndex, list []CommittedProposal) (*transition, *applied, error) {
	if err := cfg.allowCommit(p, now, ac, list); err != nil {
		return nil, nil, err
	}
	a, next, err := p.follow(cfg, now, ac, self, list)
	if err != nil {
		return nil, nil, err
	}
	if cfg.Authenticator != nil {
		a.changes = changedSenders(a.changes, p.extensions, a.extensions)
	}
	if err := cfg.authenticate(ctx, now, a.changes); err != nil {
		return nil, nil, err
	}
	return &transition{
		committer: ac.content.sender,
		leaf:      a.committer,
		aad:       ac.content.authenticatedData,
		proposals: list,
		added:     a.added,
		old:       p,
		to:        next,
	}, a, nil
}

// follow applies the proposals and the path of a received commit. A client that the
// commit removes need not handle its custom proposals.
func (p *publicState) follow(cfg *Config, now time.Time, ac *authenticatedContent, self LeafIndex, list []CommittedProposal) (*applied, *publicState, error) {
	sender, path := ac.content.sender, ac.content.commit.path
	a, err := p.apply(list, listRules{
		committer: sender,
		lifetime:  cfg.Lifetimes.receivedAt(now),
		custom:    cfg.Proposals,
		anyType: slices.ContainsFunc(list, func(c CommittedProposal) bool {
			r, ok := c.Proposal.(Remove)
			return ok && r.Removed == self
		}),
	})
	if err != nil {
		return nil, nil, err
	}
	a.committer = sender.Leaf
	if path == nil && a.needsPath {
		return nil, nil, violation("12.4", "commit has the path that its proposals require").atLeaf(a.committer)
	}
	if path != nil {
		if sender.Type == SenderNewMemberCommit {
			if err := p.checkResync(cfg, a, path.leafNode); err != nil {
				return nil, nil, err
			}
			a.committer = a.edit.claimLeaf()
		}
		if err := p.mergePath(a, a.committer, path); err != nil {
			return nil, nil, err
		}
	}
	next, err := p.next(a)
	return a, next, err
}

// mergePath validates the path of a received commit and merges it into the tree
// (RFC 9420, Sections 7.5 and 12.4.2).
func (p *publicState) mergePath(a *applied, committer LeafIndex, path *updatePath) error {
	old := a.edit.leaf(committer) // nil of a joiner
	if old != nil && bytes.Equal(path.leafNode.EncryptionKey, old.EncryptionKey) {
		return violation("12.4.2", "encryption_key of the committer's leaf is new").atLeaf(committer)
	}
	if err := validateLeafNode(path.leafNode, p.suite, LeafNodeCommit, p.place(committer)); err != nil {
		return atLeaf(err, committer)
	}
	if err := supportsGroup(path.leafNode, &a.extensions.needs); err != nil {
		return atLeaf(err, committer)
	}
	nodes, _ := a.edit.filteredDirectPath(committer)
	keys, err := pathKeys(p.suite, path, len(nodes))
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
	switch {
	case old != nil:
		a.changes = changed(a.changes, committer, old, path.leafNode, ChangeUpdated)
	case len(a.removed) > 0:
		a.changes = append(a.changes, resynced(committer, p.tree.leaf(a.removed[0]), path.leafNode))
	default:
		a.changes = changed(a.changes, committer, nil, path.leafNode, ChangeAdded)
	}
	return nil
}

// openEpoch derives the secrets of the epoch that a received commit begins, and checks
// the confirmation tag. The candidate holds the public state up to its tree. On error,
// the caller discards the candidate.
func (g *Group) openEpoch(ctx context.Context, q questions, c *Candidate, a *applied, ac *authenticatedContent) error {
	next, s := &c.next, g.public.suite
	p, leafKey := next.public, g.self.leafKey
	for _, u := range a.updated {
		if u.leaf == g.self.leaf {
			own, ok := g.inbox.update(u.ref)
			if !ok {
				return violation("12.1.2", "own Update was made here").atLeaf(u.leaf)
			}
			defer own.key.release()
			leafKey, c.cfg = own.key, own.cfg
		}
	}
	next.self = g.self.next(p.tree, leafKey, nil)
	commitSecret := make([]byte, s.Info().KDF.Nh)
	if path := ac.content.commit.path; path != nil {
		provisional, err := Marshal(&p.context)
		if err != nil {
			return err
		}
		secrets, err := openPath(p.tree, path, a.committer, g.self.leaf, provisional, a.added, next.self.privateKey)
		if f, ok := errors.AsType[*sealedFault](err); ok {
			return &PathSecretError{Committer: a.committer, Node: f.node, Err: f.err}
		}
		if err != nil {
			return err
		}
		defer secrets.destroy()
		commitSecret = secrets.commitSecret
		next.self.learn(secrets)
	}
	initSecret := g.secrets.init
	if a.externalInit != nil {
		var err error
		if initSecret, err = receiveExternalInit(s, g.secrets, a.externalInit); err != nil {
			return err
		}
		defer clear(initSecret)
	}
	psk, err := q.resolvePSKs(ctx, s, a.psks, g)
	if err != nil {
		return err
	}
	defer clear(psk)
	secrets, joiner, err := p.advance(g.public, initSecret, commitSecret, psk, ac)
	if err != nil {
		return err
	}
	clear(joiner)
	next.secrets = secrets
	err = p.checkConfirmation(secrets, ac.auth.confirmationTag)
	if v := (*ValidationError)(nil); errors.As(err, &v) && a.externalInit != nil {
		v.Err = otherDerivation(s) // the group's external key is derived as well
	}
	return atLeaf(err, a.committer)
}
