package mls

import (
	"math"
	"slices"

	"github.com/mlsuite/mlsuite/internal/wire"
)

// saving is what an inbox knows of its group's saved state.
//
// Any saved state can be restored, and a restored group would send with the keys and
// nonces of the ratchets in it. So a saved state holds the own ratchets as they are some
// generations ahead, and until it is saved again, the group sends with no generation that
// the saved state has.
type saving struct {
	state *savedState // nil if nothing was saved

	// bound says that a saved state leads to this epoch: the group sends only with
	// reserved generations.
	bound bool

	// own has, by ratchetKind, the generations of the own ratchets from which the saved
	// state would send.
	own [2]uint64

	// idle says that the group was restored and that the ratchet has sent nothing since.
	// A save then reserves no further generations: a client that restarts often would
	// otherwise get ahead of what others accept.
	idle [2]bool

	// forgot says that past epochs or proposals are gone that the saved state may hold.
	forgot bool
}

// savedState is the content of a saved state, as far as a delta depends on it.
type savedState struct {
	epoch       uint64
	trees       map[uint64]*tree     // of the epoch and of past ones
	keys        map[NodeIndex]string // public keys of the private keys
	resumptions []uint64             // epochs
	proposals   int
	width       savedWidth
	groupInfo   string // of a public group
	manifest    *manifest
}

// newSavedState returns what the saved state of g holds. The caller holds the inbox.
func newSavedState(g *Group) *savedState {
	s := &savedState{
		epoch:     g.public.context.Epoch,
		trees:     map[uint64]*tree{g.public.context.Epoch: g.public.tree},
		keys:      g.self.publicKeys(),
		proposals: len(g.inbox.cache.proposals),
		width:     savedWidth(g.public.tree.width),
	}
	for _, p := range g.inbox.past {
		s.trees[p.public.context.Epoch] = p.public.tree
		s.width = max(s.width, savedWidth(p.public.tree.width))
	}
	for _, r := range g.inbox.resumptions {
		s.resumptions = append(s.resumptions, r.epoch)
	}
	return s
}

// publicKeys returns the public keys of the member's private keys.
func (m *memberView) publicKeys() map[NodeIndex]string {
	keys := make(map[NodeIndex]string, len(m.pathKeys)+1)
	for n, key := range m.pathKeys {
		keys[n] = string(key.PublicKey())
	}
	keys[m.leaf.Node()] = string(m.leafKey.PublicKey())
	return keys
}

// follow takes over the saved state of old, which is of the epoch before.
func (s *saving) follow(old *saving) {
	*s = saving{state: old.state, bound: old.bound || s.bound}
	old.state = nil
}

// maySend returns ErrUnsaved unless the group can now send a message of the given format
// and type.
func (g *Group) maySend(format WireFormat, t ContentType) error {
	if format == WireFormatPublicMessage {
		return nil
	}
	g.inbox.mu.Lock()
	defer g.inbox.mu.Unlock()
	return g.inbox.maySend(g.leaf, t)
}

// maySend returns ErrUnsaved unless the group may use the next generation of the own
// ratchet. The caller holds mu.
func (b *inbox) maySend(leaf LeafIndex, t ContentType) error {
	if b.retired {
		return ErrRetired
	}
	if !b.saving.bound {
		return nil
	}
	var next uint64
	if r := b.ratchets.ratchets[leaf]; r != nil {
		next = r.of(t).next
	}
	kind := ratchetKindOf(t)
	b.saving.idle[kind] = false
	if next >= b.saving.own[kind] && next <= math.MaxUint32 {
		return ErrUnsaved
	}
	return nil
}

// sendBlock is the number of generations of an own ratchet that a saved state reserves. A
// group that is restored from it starts behind them, and others have to step over the
// unused ones: far fewer than the 1,000 that most accept at once.
const sendBlock = 64

// reserve returns the end of the generations of an own ratchet that a save reserves. next
// is the ratchet's next generation.
func (s *saving) reserve(kind ratchetKind, next uint64) uint64 {
	end := max(s.own[kind], next)
	if !s.idle[kind] && end-next < sendBlock/2 {
		end = next + sendBlock
	}
	return min(end, math.MaxUint32+1)
}

// Save returns the whole state of the group, with its secrets, from which [RestoreGroup]
// restores it. It is O(n).
//
// A group has one saved state. What Save returns replaces the state before. What
// [Group.EpochDelta] and [Group.MessageDelta] return is applied to it. Store each of them
// before the next message goes out. If a delta could not be stored, call Save.
//
// A saved state reserves generations of the own message ratchets, and a group that is
// restored from it starts behind them. A group that was saved sends only with reserved
// generations. In a new epoch, and when the reserved generations run out, it answers
// [ErrUnsaved] until it is saved again. So a group that is restored from the latest state
// repeats no key and nonce, however the process ended. It does open messages again that
// were opened since. A group that is restored from an earlier state may repeat what was
// sent after the next state was stored; ruling that out is the caller's part.
//
// A restored group has no generations reserved. For each of its two ratchets, it answers
// ErrUnsaved to the first message that it is to send, and a save after that answer
// reserves some. A save before it reserves none, even if its delta is empty: a client
// that restarts often and sends seldom would otherwise use up generations that others
// have to step over.
//
// The error is [ErrRetired] if the Group is, or says that a private key cannot be saved.
func (g *Group) Save() (Snapshot, error) {
	delta, err := g.save(wholeState)
	if err != nil {
		return nil, err
	}
	return Snapshot{}.Apply(delta), nil
}

// EpochDelta returns what the saved state lacks, whatever its epoch, and the whole state
// if nothing was saved. See [Group.Save], whose errors it returns.
func (g *Group) EpochDelta() (*EpochDelta, error) {
	delta, err := g.save(sinceAnyEpoch)
	if err != nil {
		return nil, err
	}
	return &EpochDelta{g.Epoch(), *delta}, nil
}

// MessageDelta returns what a saved state of this epoch lacks. The error is [ErrUnsaved]
// if the saved state is of an earlier epoch or nothing was saved, or one of [Group.Save].
func (g *Group) MessageDelta() (*MessageDelta, error) {
	delta, err := g.save(sinceThisEpoch)
	if err != nil {
		return nil, err
	}
	return &MessageDelta{g.Epoch(), *delta}, nil
}

// saveScope says what is saved.
type saveScope int

const (
	wholeState     saveScope = iota
	sinceAnyEpoch            // what the saved state lacks
	sinceThisEpoch           // the same, if the saved state is of the group's epoch
)

// save returns a change of the saved state, and notes that it was made.
func (g *Group) save(scope saveScope) (*Delta, error) {
	done, err := g.alive()
	if err != nil {
		return nil, err
	}
	defer done()
	b := &g.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.retired {
		return nil, ErrRetired
	}
	s := &saver{old: b.saving.state}
	if scope == sinceThisEpoch && (s.old == nil || s.old.epoch != g.Epoch()) {
		return nil, ErrUnsaved
	}
	if scope == wholeState || s.old == nil {
		s.old, s.all = &savedState{}, true
	}
	own, err := s.group(g)
	if err != nil {
		s.delta.Destroy()
		return nil, err
	}
	if s.all {
		s.seal(newManifest())
	} else {
		s.seal(s.old.manifest)
	}
	b.saving = saving{state: s.next, bound: true, own: own, idle: b.saving.idle}
	b.ratchets.unsaved = make(map[secretName]bool)
	for _, p := range b.past {
		p.ratchets.unsaved = make(map[secretName]bool)
	}
	return &s.delta, nil
}

// saver collects a delta.
type saver struct {
	delta Delta
	old   *savedState // empty if all has to be saved
	all   bool
	next  *savedState
	err   error
}

// put saves x under key.
func (s *saver) put(key []byte, x interface{ marshal(w *wire.Writer) }) {
	value, err := wire.Marshal(x.marshal)
	s.putBytes(key, value, err)
}

func (s *saver) putBytes(key, value []byte, err error) {
	if err != nil {
		s.fail(err)
		return
	}
	s.delta.Put = append(s.delta.Put, Record{key, value})
}

// drop deletes the records whose keys begin with prefix.
func (s *saver) drop(prefix []byte) {
	if !s.all {
		s.delta.Delete = append(s.delta.Delete, prefix)
	}
}

func (s *saver) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// group saves a group, and returns the generations up to which it may then send. The
// caller holds the inbox.
func (s *saver) group(g *Group) ([2]uint64, error) {
	b, epoch := &g.inbox, g.public.context.Epoch
	firstProposal := s.old.proposals
	if !s.all && s.old.epoch == epoch && !b.saving.forgot {
		next := *s.old
		s.next = &next
	} else {
		s.next = newSavedState(g)
		s.epoch(g.public, g.self.leaf, g.secrets)
		s.trees()
		s.keys(g.self, saveKey)
		s.pastEpochs(b)
		if firstProposal > 0 {
			firstProposal = 0
			s.drop(recordProposal.key())
		}
	}
	s.next.proposals = len(b.cache.proposals)
	for i := firstProposal; i < len(b.cache.proposals); i++ {
		s.proposal(recordProposal.at(uint32(i)), b.cache.proposals[i], b.updates[string(b.cache.proposals[i].Ref)].key)
	}
	own := s.ownRatchets(epoch, b, g.leaf) // which changes the secret tree, if they are the first
	s.secrets(epoch, b.ratchets, g.leaf)
	for _, p := range b.past {
		s.secrets(p.public.context.Epoch, p.ratchets, noLeaf)
	}
	return own, s.err
}

// epoch saves what does not grow with the group.
func (s *saver) epoch(p *publicState, leaf LeafIndex, secrets *epochSecrets) {
	s.put(recordEpoch.key(), &savedEpoch{p.saved(), leaf, secrets})
}

// keys saves the member's private keys, each in the form that save returns.
func (s *saver) keys(self *memberView, save func(*privateKey) (*savedKey, error)) {
	for _, n := range sortedKeys(s.next.keys) {
		if s.old.keys[n] == s.next.keys[n] {
			continue
		}
		key := self.leafKey
		if n != self.leaf.Node() {
			key = self.pathKeys[n]
		}
		saved, err := save(key)
		if err != nil {
			s.fail(err)
			return
		}
		s.put(recordNodeKey.at(uint32(n)), saved)
		clear(saved.key)
	}
	for _, n := range sortedKeys(s.old.keys) {
		if _, ok := s.next.keys[n]; !ok {
			s.drop(recordNodeKey.at(uint32(n)))
		}
	}
}

// pastEpochs saves the past epochs that are new in the window, and drops those that have
// left it.
func (s *saver) pastEpochs(b *inbox) {
	for _, p := range b.past {
		epoch := p.public.context.Epoch
		if _, saved := s.old.trees[epoch]; saved && epoch != s.old.epoch {
			continue
		}
		s.put(recordPast.of(epoch), &savedPast{p.public.context, p.public.tree.width, p.senderData})
	}
	for _, epoch := range sortedKeys(s.old.trees) {
		if _, kept := s.next.trees[epoch]; kept {
			continue
		}
		for _, kind := range []recordKind{recordPast, recordSecret, recordRatchet, recordMessageKey} {
			s.drop(kind.of(epoch))
		}
	}
	for _, r := range b.resumptions {
		if !slices.Contains(s.old.resumptions, r.epoch) {
			s.putBytes(recordResumption.of(r.epoch), slices.Clone(r.psk), nil)
		}
	}
	for _, epoch := range s.old.resumptions {
		if !slices.Contains(s.next.resumptions, epoch) {
			s.drop(recordResumption.of(epoch))
		}
	}
}

// proposal saves a proposal, with the private key of an own Update.
func (s *saver) proposal(key []byte, c CommittedProposal, updateKey *privateKey) {
	saved := &savedProposal{CommittedProposal: c}
	if updateKey != nil {
		var err error
		if saved.updateKey, err = saveKey(updateKey); err != nil {
			s.fail(err)
			return
		}
		defer clear(saved.updateKey.key)
	}
	s.put(key, saved)
}

// secrets saves what is new in an epoch's secret tree, except the ratchets of one leaf.
func (s *saver) secrets(epoch uint64, t *secretTree, except LeafIndex) {
	names := t.names
	if _, saved := s.old.trees[epoch]; saved && t.unsaved != nil {
		names = t.changed
	}
	for _, name := range names(except) {
		value, err := t.value(name)
		if value == nil && err == nil {
			s.drop(name.key(epoch))
			continue
		}
		s.putBytes(name.key(epoch), value, err)
	}
}

// ownRatchets saves the own ratchets at the end of the generations that they reserve,
// unless the saved state has them so, and returns those ends.
func (s *saver) ownRatchets(epoch uint64, b *inbox, leaf LeafIndex) [2]uint64 {
	own := b.saving.own
	if err := b.ratchets.open(leaf); err != nil {
		s.fail(err)
		return own
	}
	_, saved := s.old.trees[epoch]
	for _, kind := range ratchetKinds() {
		r := b.ratchets.ratchets[leaf].kind(kind)
		end := b.saving.reserve(kind, r.next)
		if saved && end == own[kind] {
			continue
		}
		own[kind] = end
		ahead, err := r.ahead(b.ratchets.suite, end)
		if err != nil {
			s.fail(err)
			return own
		}
		s.put(secretName{kind: secretOfRatchet, index: uint32(leaf), ratchet: kind}.key(epoch), ahead)
		clear(ahead.secret)
	}
	return own
}
