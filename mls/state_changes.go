package mls

import (
	"encoding/binary"
	"slices"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// memberRecords are those of a member's group. The caller holds its inbox.
type memberRecords struct {
	g      *Group
	saving *saving
	moved  [2]bool // by secrettree.RatchetKind: the end of what is reserved
}

func (m *memberRecords) state(before *savedState) *savedState {
	b := &m.g.inbox
	for _, kind := range secrettree.RatchetKinds() {
		m.moved[kind] = m.saving.reserve(kind, b.ratchets.NextGeneration(m.g.leaf, kind))
	}
	if before == nil || before.public != m.g.public || m.saving.forgot {
		return newSavedState(m.g)
	}
	now := *before
	now.proposals, now.opened = len(b.cache.proposals), b.ratchets.Ratchets[m.g.leaf] != nil
	return &now
}

func (m *memberRecords) changes(n *noter, before, now *savedState) {
	b, epoch, firstProposal := &m.g.inbox, now.public.context.Epoch, before.proposals
	if before.public != now.public || m.saving.forgot {
		n.touched.expect(12 + 4*int(now.public.tree.RootIndex().Level()))
		n.touch(recordEpoch.key())
		n.trees(before, now)
		for _, key := range now.keys {
			if !before.has(key) {
				n.touch(recordNodeKey.at(uint32(key.node)))
			}
		}
		for _, key := range before.keys {
			if !now.has(key) {
				n.touch(recordNodeKey.at(uint32(key.node)))
			}
		}
		m.pastEpochs(n, before, now)
		if firstProposal > 0 {
			firstProposal = 0
			n.drop(recordProposal.key())
		}
	}
	for i := firstProposal; i < now.proposals; i++ {
		n.touch(recordProposal.at(uint32(i)))
	}
	saved := before.tree(epoch) != nil
	if before.opened != now.opened || !now.opened && (!saved || m.moved != [2]bool{}) {
		n.touch(recordBeginning.key())
	}
	for _, kind := range secrettree.RatchetKinds() {
		if now.opened && (!saved || !before.opened || m.moved[kind]) {
			n.touchSecret(secrettree.SecretName{Kind: secrettree.SecretOfRatchet, Index: uint32(m.g.leaf), Ratchet: kind}, epoch)
		}
	}
	n.secrets(before, epoch, b.ratchets, m.g.leaf)
	for _, p := range b.past {
		n.secrets(before, p.public.context.Epoch, p.ratchets, ratchettree.NoLeaf)
	}
}

// secrets tells of the secrets of an epoch, except those of one leaf's ratchets: of those
// that changed if the state before has the epoch, else of all.
func (n *noter) secrets(before *savedState, epoch uint64, t *secrettree.Tree, except message.LeafIndex) {
	if t.Unsaved != nil && before.tree(epoch) != nil {
		for name := range t.Changed(except) {
			n.touchSecret(name, epoch)
		}
		return
	}
	for name := range t.Names(except) {
		n.touchSecret(name, epoch)
	}
}

// pastEpochs tells of the past epochs that are new in the window, and of those that have
// left it.
func (m *memberRecords) pastEpochs(n *noter, before, now *savedState) {
	b := &m.g.inbox
	for _, p := range b.past {
		epoch := p.public.context.Epoch
		if before.tree(epoch) == nil || epoch == before.public.context.Epoch {
			n.touch(recordPast.of(epoch))
		}
	}
	for _, t := range before.trees {
		if now.tree(t.epoch) != nil {
			continue
		}
		if t.epoch != before.public.context.Epoch { // else it was not yet a past one
			n.touch(recordPast.of(t.epoch))
		}
		for _, kind := range [...]recordKind{recordSecret, recordRatchet, recordMessageKey} {
			n.drop(kind.of(t.epoch))
		}
	}
	for _, epoch := range now.resumptions {
		if !slices.Contains(before.resumptions, epoch) {
			n.touch(recordResumption.of(epoch))
		}
	}
	for _, epoch := range before.resumptions {
		if !slices.Contains(now.resumptions, epoch) {
			n.touch(recordResumption.of(epoch))
		}
	}
}

func (m *memberRecords) noted() {
	b := &m.g.inbox
	b.ratchets.Saved()
	for _, p := range b.past {
		p.ratchets.Saved()
	}
}

func (m *memberRecords) put(s *saver, key []byte) {
	g, b := m.g, &m.g.inbox
	switch recordKind(key[0]) {
	case recordEpoch:
		(&savedEpoch{g.public.saved(), g.leaf, g.secrets}).marshal(s.begin(key))
	case recordNodeKey:
		if private := g.self.key(ratchettree.NodeIndex(binary.BigEndian.Uint32(key[1:]))); private != nil {
			s.privateKey(key, private)
		}
	case recordPast:
		if p := b.pastEpoch(binary.BigEndian.Uint64(key[1:])); p != nil {
			(&savedPast{&p.public.context, p.public.tree.Width, p.senderData}).marshal(s.begin(key))
		}
	case recordResumption:
		for _, r := range b.resumptions {
			if r.epoch == binary.BigEndian.Uint64(key[1:]) {
				s.begin(key).Raw(r.psk)
			}
		}
	case recordProposal:
		if i := int(binary.BigEndian.Uint32(key[1:])); i < len(b.cache.proposals) {
			s.proposal(key, b.cache.proposals[i], b.updates[string(b.cache.proposals[i].Ref)].key)
		}
	case recordBeginning:
		if b.ratchets.Ratchets[g.leaf] == nil {
			(*savedBeginning)(&m.saving.reserved).marshal(s.begin(key))
		}
	case recordSecret, recordRatchet, recordMessageKey:
		m.putSecret(s, key)
	}
}

// putSecret puts a secret of a secret tree. The own ratchets are put as they will be
// behind what the state reserves.
func (m *memberRecords) putSecret(s *saver, key []byte) {
	epoch, name, err := secrettree.SecretNameOf(key)
	if err != nil {
		s.fail(err)
		return
	}
	t := m.g.inbox.ratchets
	if epoch != m.g.public.context.Epoch {
		p := m.g.inbox.pastEpoch(epoch)
		if p == nil {
			return
		}
		t = p.ratchets
	} else if name.Kind == secrettree.SecretOfRatchet && message.LeafIndex(name.Index) == m.g.leaf {
		ahead, err := t.Ratchets[m.g.leaf].Kind(name.Ratchet).Ahead(t.Suite, m.saving.reserved[name.Ratchet])
		if err != nil {
			s.fail(err)
			return
		}
		ahead.Marshal(s.begin(key))
		clear(ahead.Secret)
		return
	}
	t.Write(name, func() *wire.Writer { return s.begin(key) })
}

// key returns the private key of a node, or nil.
func (m *memberView) key(n ratchettree.NodeIndex) *ratchettree.PrivateKey {
	if n == treemath.NodeOf(m.leaf) {
		return m.leafKey
	}
	return m.pathKeys[n]
}
