package mls

import (
	"math"

	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// sending says what a group may send. The latest stored state can be restored at any
// time, and a restored group must send with no key and nonce with which the group sent.
// So each state of an epoch says, for both own ratchets, where a restored group begins:
//
//   - Until the group sends in the epoch, the secrets of these ratchets follow from that of
//     a node. The state has where they begin as numbers, in savedBeginning: to reserve
//     generations takes no derivation. A group that is restored from it derives them
//     there, because what was reserved may have been sent.
//   - From then on, the state has the ratchets themselves, as they will be there. So
//     nothing in it leads to the key of a message that was sent.
//
// The group sends only with generations before usable, where the newest Delta of the epoch
// begins that is known to be stored. Another that may be stored is newer, and begins
// nowhere earlier: in an epoch, reserved never falls. In a new epoch and in a restored
// group, nothing is usable until a Delta is stored.
type sending struct {
	// bound says that there is, or may be, a state that leads to this epoch: the group
	// sends only with generations that a stored state reserves.
	bound bool

	epoch uint64

	// By secrettree.RatchetKind:
	reserved [2]uint64 // the generation at which a group begins that is restored from what the last Delta leads to
	usable   [2]uint64 // that of the newest stored Delta of the epoch
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

// The generations of an own ratchet that a state reserves are at most sendBlock. A group
// that is restored from it starts behind them, and others have to step over the unused
// ones: far fewer than the 1,000 that most accept at once. In an epoch that has used
// fewer than the first block of a ratchet, they are at most that: to reserve one takes a
// derivation, and few epochs have many handshakes.
const (
	sendBlock             = 64
	firstHandshakeBlock   = 4
	firstApplicationBlock = 16
)

// reserve reserves generations of an own ratchet, unless enough are left before the last
// end, and reports whether the end has moved. It reserves as many as were sent, at least
// one and at most a block, so what a restart wastes is no more than what was used, or one.
func (s *sending) reserve(kind secrettree.RatchetKind, next uint64) (moved bool) {
	first := [...]uint64{secrettree.HandshakeRatchet: firstHandshakeBlock, secrettree.ApplicationRatchet: firstApplicationBlock}[kind]
	block, end := min(max(1, s.sent[kind]), max(first, next), sendBlock), s.reserved[kind]
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
	kind := secrettree.RatchetKindOf(t)
	if next := b.ratchets.NextGeneration(leaf, kind); next >= s.usable[kind] && next <= math.MaxUint32 {
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
