package mls

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// processCommit makes a candidate of another member's commit, whose signature has been
// verified (RFC 9420, Section 12.4.2). It does not track the candidate.
func (g *Group) processCommit(ctx context.Context, now time.Time, ac *framing.AuthenticatedContent, beside handedOver) (_ *Candidate, err error) {
	defer g.public.tree.ForgetRefused(&err)
	list, err := beside.resolve(ac, g.public.numbers, g.inbox.proposal, func(m *message.Message, wanted func([]byte) bool) (CommittedProposal, error) {
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
		begun, cfg, err = g.openEpoch(ctx, g.cfg.ask(suite.Receive, now).with(beside.psks), a, next, ac, nil)
	}
	if err != nil {
		return nil, err
	}
	return newCandidate(&Candidate{
		transition: newTransition(g.public, begun.public, a, ac.Content.AuthenticatedData),
		cfg:        cfg,
		from:       g,
		removed:    removed,
	}, begun), nil
}

// receiveCommit checks a commit of a list of proposals as far as that takes no secrets,
// and applies it to the public state. The commit's signature has been verified. The parts
// of the resulting state have a provisional context. self is the leaf of this client, or
// ratchettree.NoLeaf.
func (p *publicState) receiveCommit(ctx context.Context, cfg *Config, now time.Time, ac *framing.AuthenticatedContent, self message.LeafIndex, list []CommittedProposal) (*applied, *provisional, error) {
	if err := cfg.allowCommit(p, now, ac, list); err != nil {
		return nil, nil, err
	}
	a, next, err := p.follow(cfg, now, ac, self, list)
	if err != nil || cfg.Authenticator == nil {
		return a, next, err
	}
	leaf := int64(self)
	if self == ratchettree.NoLeaf {
		leaf = notMember
	}
	return a, next, cfg.ask(suite.Receive, now).authenticate(ctx, p, leaf, changedSenders(p.judged(a.changes.list()), p.extensions, a.extensions))
}

// follow applies the proposals and the path of a received commit. A client that the
// commit removes need not handle its custom proposals.
func (p *publicState) follow(cfg *Config, now time.Time, ac *framing.AuthenticatedContent, self message.LeafIndex, list []CommittedProposal) (*applied, *provisional, error) {
	sender, path := ac.Content.Sender, ac.Content.Commit.Path
	rules := cfg.receiving(now)
	rules.committer, rules.path, rules.anyType = sender, path != nil, takesOut(list, self)
	a, err := p.apply(list, rules)
	if err != nil {
		return nil, nil, err
	}
	if path == nil && a.needsPath {
		return nil, nil, fault.Violation("12.4", "commit lacks the required path").AtLeaf(a.committer)
	}
	if path != nil {
		if sender.Type == message.SenderNewMemberCommit {
			for _, c := range list {
				if r, ok := c.Proposal.(message.Remove); ok {
					if err := p.checkResync(cfg, r.Removed, path.LeafNode); err != nil {
						return nil, nil, err
					}
				}
			}
			a.committer = a.edit.ClaimLeaf()
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
func (p *publicState) mergePath(a *applied, committer message.LeafIndex, path *ratchettree.UpdatePath) error {
	room := a.edit.Scratch()
	err := p.checkPathLeaf(a, committer, a.edit.Leaf(committer), path, room)
	room.Reset() // for the edit, which hashes in it
	if err != nil {
		return err
	}
	nodes := a.edit.FilteredDirectPath(committer)
	keys, err := ratchettree.PathKeys(p.suite, path, len(nodes))
	if err != nil {
		return atLeaf(err, committer)
	}
	parentHash, err := a.edit.MergePath(committer, nodes, keys)
	if err != nil {
		return atLeaf(err, committer)
	}
	if subtle.ConstantTimeCompare(parentHash, path.LeafNode.ParentHash) != 1 {
		return fault.Violation("7.9", "parent_hash of the committer's leaf is not that of its path").AtLeaf(committer)
	}
	a.edit.SetLeaf(committer, path.LeafNode, path.Encoded)
	return nil
}

// checkPathLeaf validates the leaf of a received path, which comes in place of old or, for a
// joiner, of nil (RFC 9420, Sections 7.3 and 12.4.2). It writes over room, unless that is nil.
func (p *publicState) checkPathLeaf(a *applied, committer message.LeafIndex, old ratchettree.Leaf, path *ratchettree.UpdatePath, room *wire.Writer) error {
	if old != nil && keepsKey(old, path.LeafNode.EncryptionKey) {
		return fault.Violation("12.4.2", "encryption_key of the committer's leaf is not new").AtLeaf(committer)
	}
	place := p.place(committer)
	place.Room, place.Encoded = room, path.Encoded
	if old != nil {
		place.KnownKey = old.SignatureKey()
	}
	if err := check.LeafNode(path.LeafNode, p.suite, codepoint.LeafNodeCommit, place); err != nil {
		return atLeaf(err, committer)
	}
	return atLeaf(ratchettree.SupportsGroup(path.LeafNode, &a.extensions.Needs), committer)
}

// openEpoch derives the secrets of the epoch that a received commit begins, and checks
// the confirmation tag. It also returns this member's configuration in that epoch. open,
// unless nil, opens the path in place of [ratchettree.OpenPath].
func (g *Group) openEpoch(ctx context.Context, q questions, a *applied, next *provisional, ac *framing.AuthenticatedContent, open pathOpener) (begun epoch, _ *Config, err error) {
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
				return begun, nil, fault.Violation("12.1.2", "private key of this member's own Update is missing").AtLeaf(u.leaf)
			}
			defer own.key.Release()
			leafKey, cfg = own.key, own.cfg
		}
	}
	begun.self = g.self.next(next.tree, leafKey, nil)
	var commitSecret []byte
	if path := ac.Content.Commit.Path; path != nil {
		provisional, err := message.Marshal(&next.context)
		if err != nil {
			return begun, nil, err
		}
		if open == nil {
			open = func(groupContext []byte, lookup func(ratchettree.NodeIndex) suite.PrivateKey) (*ratchettree.PathSecrets, error) {
				return ratchettree.OpenPath(next.tree, path, a.committer, g.self.leaf, groupContext, a.added, lookup)
			}
		}
		secrets, err := open(provisional, begun.self.privateKey)
		if f, ok := errors.AsType[*ratchettree.SealedFault](err); ok {
			return begun, nil, &PathSecretError{Committer: a.committer, Node: uint32(f.Node), Err: f.Err}
		}
		if err != nil {
			return begun, nil, err
		}
		defer secrets.Destroy()
		commitSecret = secrets.CommitSecret
		begun.self.learn(secrets)
	} else {
		commitSecret = make([]byte, s.Info().KDF.Nh)
	}
	initSecret := g.secrets.Init
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
	public, secrets, joiner, err := g.public.advance(next, &epochInput{initSecret, commitSecret, psk, cfg.SafeExporter}, ac, false)
	if err != nil {
		if v, ok := errors.AsType[*message.ValidationError](err); ok && a.externalInit != nil {
			v.Err = fault.OtherDerivation(s) // the group's external key is derived as well
		}
		return begun, nil, atLeaf(err, a.committer)
	}
	clear(joiner)
	begun.public, begun.secrets = public, secrets
	return begun, cfg, nil
}

// pathOpener opens the one path secret of a commit that is for this member, and derives
// those above it.
type pathOpener func(groupContext []byte, lookup func(ratchettree.NodeIndex) suite.PrivateKey) (*ratchettree.PathSecrets, error)

// handedOver is what a caller hands over with a message.
type handedOver struct {
	proposals [][]byte // each an MLSMessage
	psks      []ApplicationPSK
}

// resolve returns the proposals of a commit. It looks references up with find, and then
// among the proposals that were handed over. open verifies and checks one of those if
// wanted accepts its reference, and refuses it with framing.ErrUnwanted if not. If a
// proposal is found nowhere, the error is a [*MissingProposalsError].
func (h handedOver) resolve(ac *framing.AuthenticatedContent, numbers message.CodePoints, find func(ref []byte) (CommittedProposal, bool),
	open func(m *message.Message, wanted func(ref []byte) bool) (CommittedProposal, error)) ([]CommittedProposal, error) {
	list := make([]CommittedProposal, len(ac.Content.Commit.Proposals))
	var missing map[string][]int // indices by reference
	for i, p := range ac.Content.Commit.Proposals {
		if p.Proposal != nil {
			list[i] = CommittedProposal{Author: ac.Author, Proposal: p.Proposal, Sender: ac.Content.Sender}
			if err := list[i].readExtensions(numbers); err != nil {
				return nil, atProposal(err, i)
			}
			continue
		}
		var ok bool
		if list[i], ok = find(p.Ref); !ok {
			if missing == nil {
				missing = make(map[string][]int)
			}
			missing[string(p.Ref)] = append(missing[string(p.Ref)], i)
		}
	}
	if missing == nil {
		return list, nil
	}
	wanted := func(ref []byte) bool { return missing[string(ref)] != nil }
	var refused error
	for _, msg := range h.proposals {
		if len(missing) == 0 {
			break
		}
		m, err := message.Parse[message.Message](msg)
		var c CommittedProposal
		if err == nil && m.ContentType() != message.ContentProposal {
			err = fmt.Errorf("%w: %s handed over with a commit is not a proposal", message.ErrUnsupported, m.WireFormat())
		}
		if err == nil {
			c, err = open(m, wanted)
		}
		if err != nil {
			if refused == nil && err != framing.ErrUnwanted {
				refused = err
			}
			continue
		}
		for _, i := range missing[string(c.Ref)] {
			list[i] = c
		}
		delete(missing, string(c.Ref))
	}
	if len(missing) == 0 {
		return list, nil
	}
	absent := &MissingProposalsError{Committer: ac.Content.Sender, Err: refused}
	for i, p := range ac.Content.Commit.Proposals {
		if at := missing[string(p.Ref)]; len(at) > 0 && at[0] == i {
			absent.Refs = append(absent.Refs, bytes.Clone(p.Ref))
		}
	}
	return nil, absent
}

// openProposal verifies and checks a proposal of this epoch that is handed over with a
// commit. It leaves the group unchanged.
func (g *Group) openProposal(ctx context.Context, now time.Time, m *message.Message, wanted func(ref []byte) bool) (CommittedProposal, error) {
	ac, err := g.openHandedOver(m, wanted)
	if err != nil {
		return CommittedProposal{}, err
	}
	if err := g.checkStrict(ac); err != nil {
		return CommittedProposal{}, err
	}
	return g.public.receiveProposal(ctx, g.cfg, now, int64(g.leaf), ac)
}

func (g *Group) openHandedOver(m *message.Message, wanted func(ref []byte) bool) (*framing.AuthenticatedContent, error) {
	f := g.public.framing(g.secrets)
	f.Wanted = wanted
	f.Vouched = g.public.partial
	if m.PublicMessage != nil {
		public, err := framing.ParsePublic(m.PublicMessage, f.Numbers)
		if err != nil {
			return nil, err
		}
		return f.UnprotectPublic(public)
	}
	private, err := framing.ParsePrivate(m.PrivateMessage)
	if err != nil {
		return nil, err
	}
	ratchets, err := g.inbox.live()
	if err != nil {
		return nil, err
	}
	ac, key, err := f.UnprotectPrivate(ratchets.Finder(g.inbox.mu, g.cfg.Limits.ratchet()), private)
	if err != nil {
		return nil, err
	}
	key.Discard()
	return ac, nil
}
