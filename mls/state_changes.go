package mls

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// saver collects the records of a Delta.
type saver struct {
	touch func(key []byte, t touch) // is told of a record that may have changed
	drop  func(prefix []byte)       // is told of records that are gone together

	delta *Delta
	now   *savedState
	err   error
}

// put puts x into the Delta.
func (s *saver) put(key []byte, marshal func(w *wire.Writer)) {
	value, err := wire.Marshal(marshal)
	s.putBytes(key, value, err)
}

func (s *saver) putBytes(key, value []byte, err error) {
	if err != nil {
		s.fail(err)
		return
	}
	s.delta.Put = append(s.delta.Put, Record{key, value})
}

func (s *saver) delete(prefix []byte) { s.delta.Delete = append(s.delta.Delete, prefix) }

func (s *saver) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// record puts the record with a key into the Delta as it is now, or deletes it.
func (s *saver) record(r records, key []byte, t touch) {
	before := len(s.delta.Put)
	switch recordKind(key[0]) {
	case recordTreeNode:
		if t.node != nil {
			s.treeNode(key, t)
		}
	case recordWidth:
		s.put(key, s.now.width.marshal)
	default:
		r.put(s, key)
	}
	if s.err == nil && len(s.delta.Put) == before {
		s.delete(key)
	}
}

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

func (m *memberRecords) changes(s *saver, before, now *savedState) {
	b, epoch, firstProposal := &m.g.inbox, now.public.context.Epoch, before.proposals
	if before.public != now.public || m.saving.forgot {
		s.touch(recordEpoch.key(), touch{})
		s.trees(before, now)
		for n := range now.keys {
			if before.keys[n] != now.keys[n] {
				s.touch(recordNodeKey.at(uint32(n)), touch{})
			}
		}
		for n := range before.keys {
			if _, kept := now.keys[n]; !kept {
				s.touch(recordNodeKey.at(uint32(n)), touch{})
			}
		}
		m.pastEpochs(s, before, now)
		if firstProposal > 0 {
			firstProposal = 0
			s.drop(recordProposal.key())
		}
	}
	for i := firstProposal; i < now.proposals; i++ {
		s.touch(recordProposal.at(uint32(i)), touch{})
	}
	_, saved := before.trees[epoch]
	if before.opened != now.opened || !now.opened && (!saved || m.moved != [2]bool{}) {
		s.touch(recordBeginning.key(), touch{})
	}
	for _, kind := range secrettree.RatchetKinds() {
		if now.opened && (!saved || !before.opened || m.moved[kind]) {
			s.touch(secrettree.SecretName{Kind: secrettree.SecretOfRatchet, Index: uint32(m.g.leaf), Ratchet: kind}.Key(epoch), touch{})
		}
	}
	secrets := func(epoch uint64, t *secrettree.Tree, except message.LeafIndex) {
		names := t.Names
		if _, saved := before.trees[epoch]; saved && t.Unsaved != nil {
			names = t.Changed
		}
		for _, name := range names(except) {
			s.touch(name.Key(epoch), touch{})
		}
	}
	secrets(epoch, b.ratchets, m.g.leaf)
	for _, p := range b.past {
		secrets(p.public.context.Epoch, p.ratchets, ratchettree.NoLeaf)
	}
}

// pastEpochs tells of the past epochs that are new in the window, and of those that have
// left it.
func (m *memberRecords) pastEpochs(s *saver, before, now *savedState) {
	b := &m.g.inbox
	for _, p := range b.past {
		epoch := p.public.context.Epoch
		if _, saved := before.trees[epoch]; !saved || epoch == before.public.context.Epoch {
			s.touch(recordPast.of(epoch), touch{})
		}
	}
	for epoch := range before.trees {
		if _, kept := now.trees[epoch]; kept {
			continue
		}
		for _, kind := range []recordKind{recordPast, recordSecret, recordRatchet, recordMessageKey} {
			s.drop(kind.of(epoch))
		}
	}
	for _, epoch := range now.resumptions {
		if !slices.Contains(before.resumptions, epoch) {
			s.touch(recordResumption.of(epoch), touch{})
		}
	}
	for _, epoch := range before.resumptions {
		if !slices.Contains(now.resumptions, epoch) {
			s.touch(recordResumption.of(epoch), touch{})
		}
	}
}

func (m *memberRecords) noted() {
	b := &m.g.inbox
	b.ratchets.Unsaved = make(map[secrettree.SecretName]bool)
	for _, p := range b.past {
		p.ratchets.Unsaved = make(map[secrettree.SecretName]bool)
	}
}

func (m *memberRecords) put(s *saver, key []byte) {
	g, b := m.g, &m.g.inbox
	switch recordKind(key[0]) {
	case recordEpoch:
		s.put(key, (&savedEpoch{g.public.saved(), g.leaf, g.secrets}).marshal)
	case recordNodeKey:
		n := ratchettree.NodeIndex(binary.BigEndian.Uint32(key[1:]))
		if private := g.self.key(n); private != nil {
			s.putKey(key, func() (*savedKey, error) { return saveKey(private) })
		}
	case recordPast:
		if p := b.pastEpoch(binary.BigEndian.Uint64(key[1:])); p != nil {
			s.put(key, (&savedPast{p.public.context, p.public.tree.Width, p.senderData}).marshal)
		}
	case recordResumption:
		for _, r := range b.resumptions {
			if r.epoch == binary.BigEndian.Uint64(key[1:]) {
				s.putBytes(key, bytes.Clone(r.psk), nil)
			}
		}
	case recordProposal:
		if i := int(binary.BigEndian.Uint32(key[1:])); i < len(b.cache.proposals) {
			s.proposal(key, b.cache.proposals[i], b.updates[string(b.cache.proposals[i].Ref)].key)
		}
	case recordBeginning:
		if b.ratchets.Ratchets[g.leaf] == nil {
			s.put(key, (*savedBeginning)(&m.saving.reserved).marshal)
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
		s.put(key, ahead.Marshal)
		clear(ahead.Secret)
		return
	}
	if value, err := t.Value(name); value != nil || err != nil {
		s.putBytes(key, value, err)
	}
}

// key returns the private key of a node, or nil.
func (m *memberView) key(n ratchettree.NodeIndex) *ratchettree.PrivateKey {
	if n == treemath.NodeOf(m.leaf) {
		return m.leafKey
	}
	return m.pathKeys[n]
}

// putKey puts a private key in the form that save returns.
func (s *saver) putKey(key []byte, save func() (*savedKey, error)) {
	saved, err := save()
	if err != nil {
		s.fail(err)
		return
	}
	s.put(key, saved.marshal)
	clear(saved.key)
}

// proposal puts a proposal, with the private key of an own Update.
func (s *saver) proposal(key []byte, c CommittedProposal, updateKey *ratchettree.PrivateKey) {
	saved := &savedProposal{CommittedProposal: c}
	if updateKey != nil {
		var err error
		if saved.updateKey, err = saveKey(updateKey); err != nil {
			s.fail(err)
			return
		}
		defer clear(saved.updateKey.key)
	}
	s.put(key, saved.marshal)
}
