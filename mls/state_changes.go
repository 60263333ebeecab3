package mls

import (
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// memberRecords are those of a member's group. The caller holds its inbox.
type memberRecords struct {
	g      *Group
	saving *saving
	moved  [2]bool // by secrettree.RatchetKind: the end of what is reserved
	work   deltaWork
}

func (m *memberRecords) state(before *savedState) *savedState {
	b := &m.g.inbox
	for _, kind := range secrettree.RatchetKinds() {
		m.moved[kind] = m.saving.reserve(kind, b.ratchets.NextGeneration(m.g.leaf, kind))
	}
	now := m.saving.another()
	switch {
	case before == nil:
		now.become(m.g, nil)
	case before.public != m.g.public || m.saving.forgot:
		now.become(m.g, before.resumptions)
	default:
		now.public, now.width = before.public, before.width
		now.trees, now.resumptions = append(now.trees[:0], before.trees...), append(now.resumptions[:0], before.resumptions...)
		now.inbox(m.g)
	}
	return now
}

func (m *memberRecords) changes(n *noter, before, now *savedState) {
	b, epoch, firstProposal := &m.g.inbox, now.public.context.Epoch, before.proposals
	begun := before.public != now.public
	saved, moved := before.tree(epoch) != nil, m.moved != [2]bool{}
	if begun || before.opened != now.opened || before.untouched != now.untouched || moved && !now.opened {
		n.touch(recordEpoch.id(0))
	}
	if begun || m.saving.forgot {
		if m.g.public.partial {
			n.touch(recordSlice.id(0))
		} else {
			n.trees(before, now)
		}
		m.pastEpochs(n, before, now)
		if firstProposal > 0 {
			firstProposal = 0
			n.drop(recordProposal.id(0))
		}
	}
	n.exporter(b.exporter, before, begun)
	for i := firstProposal; i < now.proposals; i++ {
		n.touch(recordProposal.id(uint32(i)))
	}
	for _, kind := range secrettree.RatchetKinds() {
		if now.opened && (!saved || !before.opened || m.moved[kind]) {
			n.touchSecret(secrettree.NameOfRatchet(m.g.leaf, kind), epoch)
		}
	}
	if !now.untouched {
		n.secrets(before, epoch, b.ratchets, m.g.leaf)
	}
	for _, p := range b.past {
		n.secrets(before, p.public.context.Epoch, p.ratchets, ratchettree.NoLeaf)
	}
}

// secrets tells of the secrets of an epoch, except those of one leaf's ratchets: of those
// that changed if the state before has the epoch, else of all.
func (n *noter) secrets(before *savedState, epoch uint64, t *secrettree.Tree, except message.LeafIndex) {
	if t.WasSaved() && before.tree(epoch) != nil {
		noPages := before.untouched && epoch == before.public.context.Epoch
		for name := range t.Changed(except) {
			n.touchSecret(name, epoch)
			n.records[len(n.records)-1].fresh = noPages && name.Kind == secrettree.SecretOfNode
		}
		return
	}
	n.unsettled = true
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
		current := before.public != nil && epoch == before.public.context.Epoch
		if before.tree(epoch) == nil || current {
			n.touch(recordPast.ofEpoch(epoch))
		}
		if current && p.ratchets.Untouched() != nil { // which the record of the epoch had
			n.touchSecret(p.ratchets.NameOfPage(treemath.Root(p.ratchets.Leaves)), epoch)
		}
	}
	for _, t := range before.trees {
		if now.tree(t.epoch) == nil {
			n.drop(recordPast.ofEpoch(t.epoch))
		}
	}
	for _, r := range before.resumptions.lacks(now.resumptions) {
		n.touch(recordResumption.id(r.slot))
	}
	for _, r := range now.resumptions.lacks(before.resumptions) {
		if !now.resumptions.uses(r.slot) {
			n.touch(recordResumption.id(r.slot))
		}
	}
}

func (m *memberRecords) noted() {
	b := &m.g.inbox
	b.ratchets.Saved()
	if b.exporter != nil {
		b.exporter.Saved()
	}
	for _, p := range b.past {
		p.ratchets.Saved()
	}
}

func (m *memberRecords) put(s *saver, id *recordID) {
	b := &m.g.inbox
	switch id.kind() {
	case recordEpoch:
		m.putEpoch(s)
	case recordPast:
		if p := b.pastEpoch(id.epoch); p != nil {
			public := p.public.saved()
			saved := &savedPast{public.context, public.width, public.root, p.senderData}
			saved.marshal(s.begin(*id, saved.size(p.public)))
		}
	case recordSlice:
		proof := m.g.public.tree.Proof(m.g.leaf)
		s.write(*id, proof.Marshal)
	case recordResumption:
		for i, at := range s.now.resumptions { // one for each of the inbox
			if at.slot == id.Index {
				r := &b.resumptions[i]
				(&savedResumption{r.epoch, r.psk}).marshal(s.begin(*id, 8+len(r.psk)))
			}
		}
	case recordProposal:
		if kept := m.g.savedProposals(); int(id.Index) < len(kept) {
			s.proposal(*id, kept[id.Index], b.updates[string(kept[id.Index].Ref)].key)
		}
	case recordSecret, recordRatchet, recordMessageKey:
		m.putSecret(s, id)
	case recordExporter:
		if b.exporter != nil {
			b.exporter.Write(id.Index, func(size int) *wire.Writer { return s.begin(*id, size) })
		}
	}
}

// putEpoch puts the record of the epoch, with the secret of the secret tree's root if it is
// there, and with what is reserved if the own ratchets are not.
func (m *memberRecords) putEpoch(s *saver) {
	g, ratchets := m.g, m.g.inbox.ratchets
	s.secrets = *g.secrets
	s.secrets.Encryption = ratchets.Untouched()
	e := savedEpoch{savedPublic: g.public.saved(), leaf: g.leaf, secrets: &s.secrets}
	if ratchets.Ratchets[g.leaf] == nil {
		e.begins = m.saving.reserved
	}
	s.epoch(&e, g.public, g.self, nil)
	s.secrets = schedule.EpochSecrets{}
}

// epoch begins the record of an epoch with the private keys of the member, except those
// that held says another state has.
func (s *saver) epoch(e *savedEpoch, p *publicState, self *memberView, held func(*ratchettree.PrivateKey) bool) {
	e.keys = s.keys[:0]
	s.privateKey(e, treemath.NodeOf(self.leaf), self.leafKey, held)
	for step := range p.tree.Above(self.leaf) {
		if key := self.pathKeys[step.Index]; key != nil {
			s.privateKey(e, step.Index, key, held)
		}
	}
	if s.err == nil {
		e.marshal(s.begin(recordEpoch.id(0), e.size(p)))
	}
	e.destroyKeys()
	clear(s.keys[:])
}

func (s *saver) privateKey(e *savedEpoch, n ratchettree.NodeIndex, private *ratchettree.PrivateKey, held func(*ratchettree.PrivateKey) bool) {
	key := savedNodeKey{n, savedKey{form: keyHeld}}
	if held == nil || !held(private) {
		var err error
		if key.savedKey, err = saveKey(private); err != nil {
			s.fail(err)
			return
		}
	}
	e.keys = append(e.keys, key)
}

// putSecret puts a secret of a secret tree. The own ratchets are put as they will be
// behind what the state reserves.
func (m *memberRecords) putSecret(s *saver, id *recordID) {
	t, name := m.g.inbox.ratchets, id.SecretName
	if id.epoch != m.g.public.context.Epoch {
		p := m.g.inbox.pastEpoch(id.epoch)
		if p == nil {
			return
		}
		t = p.ratchets
	}
	if id.kind() == recordRatchet && name.Ratchet != secrettree.BothRatchets {
		own := t.Ratchets[message.LeafIndex(name.Index)]
		if own == nil || id.epoch != m.g.public.context.Epoch {
			return
		}
		ahead, err := own.Kind(name.Ratchet).Ahead(t.Suite, m.saving.reserved[name.Ratchet])
		if err != nil {
			s.fail(err)
			return
		}
		ahead.Marshal(s.begin(*id, ahead.Size()))
		clear(ahead.Secret)
		return
	}
	t.Write(name, func(size int) *wire.Writer { return s.begin(*id, size) })
}
