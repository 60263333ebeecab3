package mls

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/mlsuite/mlsuite/internal/parallel"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// past reads the window of past epochs.
func (l *stateLoader) past(g *Group) error {
	for _, r := range l.records[recordPast] {
		saved, err := wire.ParseNew(r.Value, "past epoch", (*savedPast).unmarshal)
		if err != nil {
			return err
		}
		c, now := saved.context, l.epoch.context
		if c.Epoch != binary.BigEndian.Uint64(r.Key[1:]) || c.Epoch >= now.Epoch ||
			c.CipherSuite != now.CipherSuite || !bytes.Equal(c.GroupID, now.GroupID) {
			return badState("past epoch is not one of the group")
		}
		if nh := l.suite.Info().KDF.Nh; len(saved.senderData) != nh {
			return badState("sender_data_secret does not have %d bytes", nh)
		}
		t, err := l.pastTree(saved)
		if err != nil {
			return err
		}
		public, err := newPublicState(publicParts{suite: l.suite, partial: l.partial(), numbers: l.numbers.Complete(), context: *c, tree: t}, nil)
		if err != nil {
			return err
		}
		g.inbox.past = append(g.inbox.past, &pastEpoch{
			public:     public,
			senderData: saved.senderData,
			ratchets:   restoredSecretTree(l.suite, t.Width),
		})
	}
	return nil
}

// resumptions reads the resumption PSKs of past epochs.
func (l *stateLoader) resumptions(g *Group) error {
	nh := l.suite.Info().KDF.Nh
	for _, r := range l.records[recordResumption] {
		saved, err := wire.ParseNew(r.Value, "resumption PSK", (*savedResumption).unmarshal)
		if err != nil {
			return err
		}
		if saved.epoch >= l.epoch.context.Epoch || len(saved.psk) != nh {
			return badState("resumption PSK is not of a past epoch, or does not have %d bytes", nh)
		}
		g.inbox.resumptions = append(g.inbox.resumptions, resumption{saved.epoch, saved.psk})
		l.places = append(l.places, resumptionSlot{saved.epoch, binary.BigEndian.Uint32(r.Key[1:])})
	}
	slices.SortFunc(g.inbox.resumptions, func(a, b resumption) int { return cmp.Compare(a.epoch, b.epoch) })
	slices.SortFunc(l.places, func(a, b resumptionSlot) int { return cmp.Compare(a.epoch, b.epoch) })
	for i := 1; i < len(g.inbox.resumptions); i++ {
		if g.inbox.resumptions[i-1].epoch == g.inbox.resumptions[i].epoch {
			return badState("resumption PSK is there twice")
		}
	}
	return nil
}

// proposals reads the proposals that wait for a commit.
func (l *stateLoader) proposals(g *Group, signers []suite.Signer) error {
	all, err := l.savedProposals(g.public)
	if err != nil {
		return err
	}
	for _, p := range all {
		own, err := l.ownUpdate(g, p, signers)
		if err != nil {
			return err
		}
		err = g.inbox.keep(p.CommittedProposal, own, anyProposals)
		if own != nil {
			own.key.Abandon()
		}
		if err != nil {
			return err
		}
	}
	return g.inbox.cache.holds(all)
}

// savedProposals reads the proposals of an epoch, and checks all but their lifetimes as
// when they arrived.
func (l *stateLoader) savedProposals(p *publicState) ([]*savedProposal, error) {
	anyTime := lifetimeCheck{scope: lifetimeAny}
	records := l.records[recordProposal]
	all := make([]*savedProposal, len(records))
	err := parallel.For(len(all), func(i int) (err error) {
		if all[i], err = parseRecord(l, records[i].Value, "proposal", (*savedProposal).unmarshal); err != nil {
			return err
		}
		if binary.BigEndian.Uint32(records[i].Key[1:]) != uint32(i) || len(all[i].Ref) != l.suite.Info().Hash.Size {
			return badState("proposal is not the next one, or without a reference")
		}
		all[i].checked = true
		if all[i].size, err = p.sizeOf(&all[i].CommittedProposal); err != nil {
			return err
		}
		if all[i].Author, err = p.proposer(all[i].Sender, all[i].Proposal); err != nil {
			return err
		}
		if err := p.checkProposal(&all[i].CommittedProposal, listRules{lifetime: anyTime, anyType: true}); err != nil {
			return err
		}
		return nil
	})
	return all, err
}

// holds returns an error unless the cache holds each of the proposals.
func (c *proposalCache) holds(all []*savedProposal) error {
	if len(c.proposals) != len(all) {
		return badState("two proposals have the same reference")
	}
	return nil
}

// ownUpdate returns what is kept of an own Update, or nil for another proposal.
func (l *stateLoader) ownUpdate(g *Group, p *savedProposal, signers []suite.Signer) (*ownUpdate, error) {
	update, ok := p.Proposal.(message.Update)
	if own := ok && p.Sender == g.sender(); own != (p.updateKey != nil) {
		return nil, badState("own Update has no private key, or another proposal has one")
	}
	if p.updateKey == nil {
		return nil, nil
	}
	defer clear(p.updateKey.key)
	cfg, err := g.cfg.ofLeaf(update.LeafNode, signers)
	if err != nil {
		return nil, fmt.Errorf("%w, in an own Update", err)
	}
	key, err := l.openKey(p.updateKey, update.LeafNode.EncryptionKey, nil)
	if err != nil {
		return nil, err
	}
	return &ownUpdate{key, cfg}, nil
}

// secrets reads the secret trees.
func (l *stateLoader) secrets(g *Group) error {
	trees := map[uint64]*secrettree.Tree{l.epoch.context.Epoch: g.inbox.ratchets}
	for _, p := range g.inbox.past {
		trees[p.public.context.Epoch] = p.ratchets
	}
	untouched := g.inbox.ratchets.Untouched() != nil
	for _, kind := range []recordKind{recordSecret, recordRatchet, recordMessageKey} {
		for _, r := range l.records[kind] {
			epoch, name := secrettree.SecretNameOf(r.Key)
			t := trees[epoch]
			if t == nil {
				return badState("secret is of epoch %d, which is not kept", epoch)
			}
			own := epoch == l.epoch.context.Epoch && message.LeafIndex(name.Index) == g.leaf
			if kind == recordRatchet && own == (name.Ratchet == secrettree.BothRatchets) {
				return badState("own ratchets are saved together, or others one by one")
			}
			if err := t.Restore(name, r.Value); err != nil {
				return badState("%w", err)
			}
		}
	}
	if (g.inbox.ratchets.Untouched() != nil) != untouched {
		return badState("secret of the root is not with the epoch")
	}
	for epoch, t := range trees {
		gone := ratchettree.NoLeaf
		if epoch != l.epoch.context.Epoch {
			gone = g.leaf
		}
		if err := t.Check(gone); err != nil {
			return badState("%w", err)
		}
	}
	return nil
}

// beginning checks where the own ratchets begin: at zeros if the state has them, and else
// behind what it reserves, which is something.
func (l *stateLoader) beginning(g *Group) error {
	opened, begins := g.inbox.ratchets.Ratchets[g.leaf] != nil, l.epoch.begins
	for _, generation := range begins {
		if opened != (generation == 0) || generation > sendBlock {
			return badState("own ratchets cannot begin at generation %d", generation)
		}
	}
	return nil
}

// restoredSecretTree returns a tree for saved secrets, without any yet.
func restoredSecretTree(s suite.Suite, leaves uint32) *secrettree.Tree {
	t := &secrettree.Tree{
		Suite:    s,
		Leaves:   leaves,
		Nodes:    make(map[ratchettree.NodeIndex][]byte),
		Ratchets: make(map[message.LeafIndex]*secrettree.LeafRatchets),
	}
	t.Saved()
	return t
}
