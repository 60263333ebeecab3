package mls

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// Commit makes a commit of the proposals that arrived in this epoch and those that
// options bring (RFC 9420, Section 12.4.1). The Group stays as it was; only a
// generation of its handshake ratchet is used if the commit is a PrivateMessage.
//
// Without a proposal, the commit replaces the keys on the committer's path and
// nothing else. Of proposals that arrived and exclude each other, a Remove goes
// before an Update, and a later Update before an earlier one; an own Update is left
// out, since a committer's leaf is renewed by the path.
func (g *Group) Commit(ctx context.Context, now time.Time, options ...CommitOption) (*Candidate, error) {
	done, err := g.alive()
	if err != nil {
		return nil, err
	}
	defer done()
	if err := g.mayUse(suite.Continue, now); err != nil {
		return nil, err
	}
	var plan commitPlan
	for _, o := range options {
		o.plan(&plan)
	}
	list := g.proposalsToCommit(&plan)
	a, err := g.public.apply(list, g.self.leaf, g.cfg.Lifetimes.sentAt(now))
	if err != nil {
		return nil, err
	}
	if err := g.cfg.authenticate(ctx, now, a.changes); err != nil {
		return nil, err
	}
	return g.commit(ctx, now, &plan, list, a)
}

// commit makes the candidate from proposals that are valid and applied.
func (g *Group) commit(ctx context.Context, now time.Time, plan *commitPlan, list []CommittedProposal, a *applied) (*Candidate, error) {
	p, s := g.public, g.public.suite
	c := &commit{proposals: make([]proposalOrRef, len(list))}
	for i, item := range list {
		if item.Ref != nil {
			c.proposals[i].ref = item.Ref
		} else {
			c.proposals[i].proposal = item.Proposal
		}
	}

	var path *ownPath
	if a.needsPath || plan.forcePath {
		var err error
		if path, err = g.renewPath(ctx, now, a); err != nil {
			return nil, err
		}
		defer path.destroy()
	}
	t, err := a.edit.freeze()
	if err != nil {
		return nil, err
	}
	if err := checkTree(t, a.extensions); err != nil {
		return nil, err
	}
	next := &publicState{suite: s, tree: t, context: p.provisional(t, a.extensions)}
	psk, err := pskSecret(s, nil, nil)
	if err != nil {
		return nil, err
	}
	var self *memberView
	commitSecret := make([]byte, s.Info().KDF.Nh)
	if path != nil {
		provisional, err := marshalled(&next.context)
		if err != nil {
			return nil, err
		}
		nodes, err := path.secrets.seal(t, g.self.leaf, provisional, a.added)
		if err != nil {
			return nil, err
		}
		c.path = &updatePath{leafNode: path.leaf, nodes: nodes}
		self, commitSecret = g.self.next(t, path.leafKey, path.keys()), path.secrets.commitSecret
	} else {
		self = g.self.next(t, g.self.leafKey, nil)
	}

	content := g.content(ContentCommit, plan.aad)
	content.commit = c
	ac, err := g.sign(ctx, g.handshakeFormat(), content)
	if err != nil {
		return nil, err
	}
	secrets, joiner, err := next.advance(p, g.secrets.init, commitSecret, psk, ac)
	if err != nil {
		return nil, err
	}
	defer clear(joiner)
	if err := next.confirm(secrets); err != nil {
		return nil, err
	}
	ac.auth.confirmationTag = next.confirmationTag

	candidate := &Candidate{
		from:      g,
		committer: ac.content.sender,
		aad:       ac.content.authenticatedData,
		proposals: list,
		added:     a.added,
		next:      epoch{next, secrets, self},
	}
	if len(a.joiners) > 0 && !plan.noWelcome {
		w := welcomeBuilder{cfg: g.cfg, next: candidate.next, joiner: joiner, psk: psk, withTree: !plan.noTree}
		if candidate.Welcome, err = w.build(ctx, a, path); err != nil {
			return nil, err
		}
	}
	candidate.Message, err = g.protect(ac)
	if err != nil {
		return nil, err
	}
	return candidate, nil
}

// ownPath is the path that a committer makes.
type ownPath struct {
	leaf    *LeafNode
	leafKey *nodeKey
	secrets *pathSecrets
}

func (p *ownPath) keys() map[NodeIndex]*nodeKey { return nodeKeys(p.secrets) }

func (p *ownPath) destroy() { p.secrets.destroy() }

// nodeKeys returns the private keys that path secrets gave, by node.
func nodeKeys(p *pathSecrets) map[NodeIndex]*nodeKey {
	keys := make(map[NodeIndex]*nodeKey, len(p.nodes))
	for i, n := range p.nodes {
		keys[n] = &nodeKey{PrivateKey: p.keys[i]}
	}
	return keys
}

// renewPath gives the committer a new leaf and new keys on its filtered direct
// path (RFC 9420, Section 7.5).
func (g *Group) renewPath(ctx context.Context, now time.Time, a *applied) (*ownPath, error) {
	s := g.public.suite
	leafKey, err := s.GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("mls: generate leaf key: %w", err)
	}
	nodes, _ := a.edit.filteredDirectPath(g.self.leaf)
	secret := make([]byte, s.Info().KDF.Nh)
	rand.Read(secret)
	secrets, err := derivePathSecrets(s, nodes, secret)
	if err != nil {
		return nil, err
	}
	parentHash, err := a.edit.mergePath(g.self.leaf, nodes, secrets.publicKeys())
	if err != nil {
		return nil, err
	}
	leaf, err := g.cfg.newLeafNode(ctx, s, now, LeafNode{
		EncryptionKey: leafKey.PublicKey(),
		Source:        LeafNodeCommit,
		ParentHash:    parentHash,
	}, g.public.place(g.self.leaf))
	if err != nil {
		return nil, err
	}
	if err := leaf.supportsGroup(a.extensions); err != nil {
		return nil, err
	}
	a.edit.setLeaf(g.self.leaf, leaf)
	return &ownPath{leaf: leaf, leafKey: &nodeKey{PrivateKey: leafKey}, secrets: secrets}, nil
}

// advance completes the public state of a new epoch with the commit that begins it
// and derives its secrets (RFC 9420, Sections 8 and 8.2). It returns the
// joiner_secret too, which the caller deletes.
func (next *publicState) advance(old *publicState, initSecret, commitSecret, psk []byte, ac *authenticatedContent) (*epochSecrets, []byte, error) {
	s := next.suite
	confirmed, err := confirmedTranscriptHash(s, old.interim, ac)
	if err != nil {
		return nil, nil, err
	}
	next.context.ConfirmedTranscriptHash = confirmed
	if next.contextBytes, err = marshalled(&next.context); err != nil {
		return nil, nil, err
	}
	joiner, err := newJoinerSecret(s, initSecret, commitSecret, next.contextBytes)
	if err != nil {
		return nil, nil, err
	}
	secrets, err := newEpochSecrets(s, joiner, psk, next.contextBytes)
	return secrets, joiner, err
}
