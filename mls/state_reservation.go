package mls

import (
	"math"

	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// sending says what a group may send. Any stored state can be restored, and a restored
// group would send with the keys and nonces of the ratchets in it. So a state holds the
// own ratchets as they are some generations ahead, and the group sends with no generation
// that a state has which may be restored.
type sending struct {
	// bound says that there is, or may be, a state that leads to this epoch: the group
	// sends only with generations that a stored state reserves.
	bound bool

	epoch uint64

	// By secrettree.RatchetKind:
	reserved [2]uint64 // the generation at which the last Delta has the own ratchet
	usable   [2]uint64 // that at which the newest stored Delta of the epoch has it
	sent     [2]uint64 // the number of messages since the group was made, joined or restored
}

// bind notes that something else than a Delta was saved that leads to this epoch.
func (s *saving) bind(saved bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bound = s.bound || saved
}

// begin moves on to the next epoch, in which no state reserves anything.
func (s *saving) begin(epoch uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch, s.reserved, s.usable = epoch, [2]uint64{}, [2]uint64{}
}

// sendBlock bounds the generations of an own ratchet that a state reserves. A group that
// is restored from it starts behind them, and others have to step over the unused ones:
// far fewer than the 1,000 that most accept at once.
const sendBlock = 64

// reserve reserves generations of an own ratchet, unless enough are left before the last
// end, and reports whether the end has moved. It reserves as many as were sent, at least
// one and at most a block, so what a restart wastes is no more than what was used, or one.
func (s *sending) reserve(kind secrettree.RatchetKind, next uint64) (moved bool) {
	block, end := min(max(1, s.sent[kind]), sendBlock), s.reserved[kind]
	if end > next && end-next > block/2 {
		return false
	}
	s.reserved[kind] = min(next+block, math.MaxUint32+1)
	return s.reserved[kind] != end
}

// maySend returns ErrUnsaved unless the group can now send a message of the given format
// and type.
func (g *Group) maySend(format message.WireFormat, t message.ContentType) error {
	if format == message.WireFormatPublicMessage {
		return nil
	}
	g.inbox.mu.Lock()
	defer g.inbox.mu.Unlock()
	return g.inbox.maySend(g.leaf, t)
}

// maySend returns ErrUnsaved unless the group may use the next generation of the own
// ratchet. The caller holds mu.
func (b *inbox) maySend(leaf message.LeafIndex, t message.ContentType) error {
	if b.retired {
		return ErrRetired
	}
	b.saving.mu.Lock()
	defer b.saving.mu.Unlock()
	s := &b.saving.sending
	if !s.bound {
		return nil
	}
	var next uint64
	if r := b.ratchets.Ratchets[leaf]; r != nil {
		next = r.Of(t).Next
	}
	if next >= s.usable[secrettree.RatchetKindOf(t)] && next <= math.MaxUint32 {
		return ErrUnsaved
	}
	return nil
}

// sentOne notes that a generation of an own ratchet was used.
func (s *saving) sentOne(t message.ContentType) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent[secrettree.RatchetKindOf(t)]++
}
