package mls

import (
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
	a, next, err := g.public.receiveCommit(ctx, g.cfg, now, ac, g.leaf, list)
	if err != nil {
		return nil, err
	}
	begun, cfg, removed := epoch{}, g.cfg, slices.Contains(a.removed, g.leaf)
	if removed { // the next epoch's secrets are not for this member
		begun.public, err = g.public.observe(next, ac)
	} else {
		begun, cfg, err = g.openEpoch(ctx, g.cfg.ask(suite.Receive, now), a, next, ac)
	}
	if err != nil {
		return nil, err
	}
	return newCandidate(&Candidate{
		transition: newTransition(g.public, begun.public, a, ac.content.authenticatedData),
		cfg:        cfg,
		from:       g,
		removed:    removed,
	}, begun), nil
}

// receiveCommit checks a commit of a list of proposals as far as that takes no secrets,
// and applies it to the public state. The commit's signature has been verified. The parts
// of the resulting state have a provisional context. self is the leaf of this client, or
// noLeaf.
func (p *publicState) receiveCommit(ctx context.Context, cfg *Config, now time.Time, ac *authenticatedContent, self LeafIndex, list []CommittedProposal) (*applied, publicParts, error) {
	if err := cfg.allowCommit(p, now, ac, list); err != nil {
		return nil, publicParts{}, err
	}
	a, next, err := p.follow(cfg, now, ac, self, list)
	if err != nil || cfg.Authenticator == nil {
		return a, next, err
	}
	return a, next, cfg.authenticate(ctx, now, changedSenders(p.judged(a.changes()), p.extensions, a.extensions))
}

// follow applies the proposals and the path of a received commit. A client that the
// commit removes need not handle its custom proposals.
func (p *publicState) follow(cfg *Config, now time.Time, ac *authenticatedContent, self LeafIndex, list []CommittedProposal) (*applied, publicParts, error) {
	sender, path := ac.content.sender, ac.content.commit.path
	rules := cfg.receiving(now)
	rules.committer = sender
	rules.anyType = slices.ContainsFunc(list, func(c CommittedProposal) bool {
		r, ok := c.Proposal.(Remove)
		return ok && r.Removed == self
	})
	a, err := p.apply(list, rules)
	if err != nil {
		return nil, publicParts{}, err
	}
	if path == nil && a.needsPath {
		return nil, publicParts{}, violation("12.4", "commit has the path that its proposals require").atLeaf(a.committer)
	}
	if path != nil {
		if sender.Type == SenderNewMemberCommit {
			for _, removed := range a.removed {
				if err := p.checkResync(cfg, removed, path.leafNode); err != nil {
					return nil, publicParts{}, err
				}
			}
			a.committer = a.edit.claimLeaf()
		}
		if err := p.mergePath(a, a.committer, path); err != nil {
			return nil, publicParts{}, err
		}
	}
	next, err := p.next(a)
	return a, next, err
}

// mergePath validates the path of a received commit and merges it into the tree
// (RFC 9420, Sections 7.5 and 12.4.2).
func (p *publicState) mergePath(a *applied, committer LeafIndex, path *updatePath) error {
	old := a.edit.leaf(committer) // nil of a joiner
	if old != nil && keepsKey(old, path.leafNode) {
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
	return nil
}

// openEpoch derives the secrets of the epoch that a received commit begins, and checks
// the confirmation tag. It also returns this member's configuration in that epoch.
func (g *Group) openEpoch(ctx context.Context, q questions, a *applied, next publicParts, ac *authenticatedContent) (begun epoch, _ *Config, err error) {
	defer func() {
		if err != nil {
			begun.destroy()
		}
	}()
	cfg, s, leafKey := g.cfg, g.public.suite, g.self.leafKey
	for _, u := range a.updated {
		if u.leaf == g.self.leaf {
			own, ok := g.inbox.update(u.ref)
			if !ok {
				return begun, nil, violation("12.1.2", "own Update was made here").atLeaf(u.leaf)
			}
			defer own.key.release()
			leafKey, cfg = own.key, own.cfg
		}
	}
	begun.self = g.self.next(next.tree, leafKey, nil)
	commitSecret := make([]byte, s.Info().KDF.Nh)
	if path := ac.content.commit.path; path != nil {
		provisional, err := Marshal(&next.context)
		if err != nil {
			return begun, nil, err
		}
		secrets, err := openPath(next.tree, path, a.committer, g.self.leaf, provisional, a.added, begun.self.privateKey)
		if f, ok := errors.AsType[*sealedFault](err); ok {
			return begun, nil, &PathSecretError{Committer: a.committer, Node: f.node, Err: f.err}
		}
		if err != nil {
			return begun, nil, err
		}
		defer secrets.destroy()
		commitSecret = secrets.commitSecret
		begun.self.learn(secrets)
	}
	initSecret := g.secrets.init
	if a.externalInit != nil {
		if initSecret, err = receiveExternalInit(s, g.secrets, a.externalInit); err != nil {
			return begun, nil, err
		}
		defer clear(initSecret)
	}
	psk, err := q.resolvePSKs(ctx, s, a.psks, g)
	if err != nil {
		return begun, nil, err
	}
	defer clear(psk)
	public, secrets, joiner, err := g.public.advance(next, initSecret, commitSecret, psk, ac, receivedTag(ac.auth.confirmationTag))
	if v := (*ValidationError)(nil); errors.As(err, &v) && a.externalInit != nil {
		v.Err = otherDerivation(s) // the group's external key is derived as well
	}
	if err != nil {
		return begun, nil, atLeaf(err, a.committer)
	}
	clear(joiner)
	begun.public, begun.secrets = public, secrets
	return begun, cfg, nil
}

// receivedTag returns the tagOfEpoch for the confirmation tag of a received commit.
func receivedTag(tag []byte) tagOfEpoch {
	return func(s suite.Suite, secrets *epochSecrets, confirmedHash []byte) ([]byte, error) {
		return tag, checkConfirmationTag(s, secrets, confirmedHash, tag)
	}
}
