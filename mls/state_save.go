package mls

import (
	"slices"
	"sync"

	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
)

// saving is what a group knows of its stored state. All epochs of a group share it, and
// all branches of a public group: they have one stored state.
//
// Whether a Delta is stored is known only once its owner says so. Until then the stored
// state may be any that was stored before or that a Delta since leads to. So a Delta has
// every record that a Delta since the last stored one had: it leads from each of these
// states to the same one.
type saving struct {
	mu sync.Mutex

	made   uint64 // the number of the Delta that was made last
	stored uint64 // that of the newest one that is stored
	whole  uint64 // until this one or a newer one is stored, nothing is known to be stored

	noted    *savedState // what the last Delta leads to; nil if there was none
	spare    *savedState // one that nobody needs, or nil
	manifest *manifest   // of noted
	touched  touches     // what changed after the stored Delta
	forgot   bool        // past epochs or proposals are gone that noted has

	outlived []outlived
	over     bool // the group has no further epoch

	sending
}

// outlived is a private key that the group has no more, and that stays in its provider,
// since the stored state may refer to it until the Delta of a number or a newer one is stored.
type outlived struct {
	key    *ratchettree.PrivateKey
	number uint64
}

func newSaving(epoch uint64) *saving {
	return &saving{whole: 1, manifest: newManifest(), sending: sending{epoch: epoch}}
}

// restoredSaving returns the saving of a group whose stored state is known.
func restoredSaving(state *savedState, m *manifest) *saving {
	s := newSaving(state.public.context.Epoch)
	s.whole, s.noted, s.manifest = 0, state, m
	s.bound = true
	return s
}

// savedState is the content of a saved state, as far as a Delta depends on it.
type savedState struct {
	public      *publicState
	trees       []epochTree // of the epoch and of past ones, by epoch
	resumptions resumptionSlots
	proposals   int
	opened      bool // the own ratchets are in the state
	untouched   bool // no leaf of the secret tree was used
	exporter    bool // there is an exporter tree
	width       savedWidth
	groupInfo   *servedInfo // of a public group
}

type epochTree struct {
	epoch uint64
	*ratchettree.Tree
}

// resumptionSlot says where the resumption PSK of an epoch is in the state. A new one takes
// the place of one that is gone.
type resumptionSlot struct {
	epoch uint64
	slot  uint32
}

// resumptionSlots are in the order of their epochs.
type resumptionSlots []resumptionSlot

// tree returns the tree of an epoch, or nil.
func (s *savedState) tree(epoch uint64) *ratchettree.Tree {
	for _, t := range s.trees {
		if t.epoch == epoch {
			return t.Tree
		}
	}
	return nil
}

// another returns a savedState to be filled: the one before the last, if there is one.
func (s *saving) another() *savedState {
	now := s.spare
	if s.spare = nil; now == nil {
		now = new(savedState)
	}
	return now
}

// forget drops what s refers to, and keeps its room.
func (s *savedState) forget() {
	clear(s.trees)
	*s = savedState{trees: s.trees[:0], resumptions: s.resumptions[:0]}
}

// become makes s what the saved state of g holds. places is where resumption PSKs were in the
// state before. The caller holds the inbox.
func (s *savedState) become(g *Group, places resumptionSlots) {
	b := &g.inbox
	*s = savedState{public: g.public, trees: slices.Grow(s.trees[:0], len(b.past)+1), resumptions: slices.Grow(s.resumptions[:0], len(b.resumptions))}
	s.inbox(g)
	for _, p := range b.past {
		s.addTree(p.public)
	}
	s.addTree(g.public)
	s.placeResumptions(b.resumptions, places)
}

// inbox notes what changes within an epoch.
func (s *savedState) inbox(g *Group) {
	b := &g.inbox
	s.proposals = len(g.savedProposals())
	s.opened, s.untouched = b.ratchets.Ratchets[g.leaf] != nil, b.ratchets.Untouched() != nil
	s.exporter = b.exporter != nil
}

// placeResumptions gives each resumption PSK a place: its own in the state before, or that
// of one that is gone, or a free one.
func (s *savedState) placeResumptions(all []resumption, before resumptionSlots) {
	for i := range all {
		s.resumptions = append(s.resumptions, resumptionSlot{epoch: all[i].epoch})
	}
	free, old := s.resumptions.lacks(before), before
	for i := range s.resumptions {
		r := &s.resumptions[i]
		for len(old) > 0 && old[0].epoch < r.epoch {
			old = old[1:]
		}
		switch {
		case len(old) > 0 && old[0].epoch == r.epoch:
			r.slot = old[0].slot
		case len(free) > 0:
			r.slot, free = free[0].slot, free[1:]
		default:
			for r.slot = uint32(i); before.uses(r.slot) || s.resumptions[:i].uses(r.slot); {
				r.slot++
			}
		}
	}
}

// lacks returns those of others whose epochs are not in r.
func (r resumptionSlots) lacks(others resumptionSlots) resumptionSlots {
	first, last := 0, 0 // the usual ones follow each other
	for i := range others {
		for len(r) > 0 && r[0].epoch < others[i].epoch {
			r = r[1:]
		}
		if len(r) > 0 && r[0].epoch == others[i].epoch {
			continue
		}
		if last == 0 {
			first = i
		} else if last != i {
			return append(slices.Clone(others[first:last]), r.lacks(others[i:])...)
		}
		last = i + 1
	}
	return others[first:last]
}

// uses reports whether a resumption PSK is in a slot.
func (r resumptionSlots) uses(slot uint32) bool {
	return slices.ContainsFunc(r, func(at resumptionSlot) bool { return at.slot == slot })
}

// newPublicSavedState returns what the saved state of a public group holds.
func newPublicSavedState(g *PublicGroup) *savedState {
	s := &savedState{public: g.public, proposals: len(g.cache.proposals), groupInfo: g.groupInfo}
	s.addTree(g.public)
	return s
}

func (s *savedState) addTree(p *publicState) {
	s.trees = append(s.trees, epochTree{p.context.Epoch, p.tree})
	s.width = max(s.width, savedWidth(p.tree.Width))
}

// Delta returns what the stored state lacks, whatever its epoch, and the whole state if
// nothing is stored: see "Saving" above. In a group of n members it holds O(log n) records
// for each epoch since, and O(1) for each message, apart from the first message of a
// sender, which takes O(log n).
//
// Errors:
//
//   - [ErrRetired].
//   - the suite's own: a private key cannot be saved.
func (g *Group) Delta() (*Delta, error) { return g.delta(false) }

// Save is Delta for a store that has lost the state, or that has no records to replace,
// such as a file: its Delta replaces whatever is stored by the whole state. It is O(n).
//
// Errors:
//
//   - those of [Group.Delta].
func (g *Group) Save() (*Delta, error) { return g.delta(true) }

func (g *Group) delta(whole bool) (*Delta, error) {
	if err := g.begin(); err != nil {
		return nil, err
	}
	defer g.life.done()
	b := &g.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.retired {
		return nil, ErrRetired
	}
	b.saving.mu.Lock()
	defer b.saving.mu.Unlock()
	m := &memberRecords{g: g, saving: b.saving}
	return b.saving.delta(m, &m.work, whole)
}

// records are those of a group, as they are now.
type records interface {
	// state returns what the saved state holds. The state before may be nil.
	state(before *savedState) *savedState

	// changes tells n of the records that may differ between two states.
	changes(n *noter, before, now *savedState)

	// noted says that a noter knows of all changes up to now.
	noted()

	// put begins a record in s, if there is one with this ID.
	put(s *saver, id *recordID)
}

// deltaWork is what it takes to make a Delta, in one piece.
type deltaWork struct {
	noter
	saver
}

// delta makes the next Delta. The caller holds mu.
func (s *saving) delta(r records, work *deltaWork, whole bool) (*Delta, error) {
	s.made++
	now := r.state(s.noted)
	if whole || s.touched.len() > 256+2*int(now.public.tree.Width) { // the whole state is less
		s.whole = s.made
	}
	if s.noted != nil {
		s.touched.unsettled = s.touched.unsettled || s.touched.len() > 0
		s.touched.expect(now)
		work.noter = noter{&s.touched, s.manifest, s.made}
		r.changes(&work.noter, s.noted, now)
		s.noted.forget()
		s.spare = s.noted
	}
	s.noted, s.forgot = now, false
	r.noted()
	if s.whole == s.made { // no state before this one counts
		s.touched = touches{}
	}
	d := &Delta{saving: s, number: s.made, epoch: s.epoch, reserved: s.reserved}
	emit := &work.saver
	emit.delta, emit.manifest, emit.now = d, s.manifest, now
	if s.stored < s.whole {
		emit.dropAll()
		all := touches{unsettled: true}
		work.noter = noter{touches: &all}
		r.changes(&work.noter, &savedState{}, now)
		emit.changed(r, &all)
	} else {
		emit.changed(r, &s.touched)
	}
	if emit.err != nil {
		d.Destroy()
		return nil, emit.err
	}
	emit.seal()
	s.bound = true
	return d, nil
}

// acknowledge notes that d is stored.
func (s *saving) acknowledge(d *Delta) {
	var unneeded []outlived
	defer func() { releaseAll(unneeded) }()
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.number <= s.stored {
		return
	}
	s.stored = d.number
	later := slices.IndexFunc(s.outlived, func(o outlived) bool { return o.number > d.number })
	if later < 0 {
		later = len(s.outlived)
	}
	unneeded, s.outlived = s.outlived[:later:later], s.outlived[later:]
	s.touched.forget(d.number)
	if d.epoch == s.epoch {
		s.usable = d.reserved
	}
}

// release gives up a private key that the group has no more. If the stored state may refer
// to it in a provider, it stays there until that is over: if the process ends before, the
// group is restored from that state.
func (s *saving) release(key *ratchettree.PrivateKey) {
	if !s.keep(key) {
		key.Release()
	}
}

// keep notes that a private key has outlived its group's use, and reports whether it has to
// stay.
func (s *saving) keep(key *ratchettree.PrivateKey) bool {
	if key == nil || !key.IsStored() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.outlived = append(s.outlived, outlived{key, s.made + 1})
	}
	return !s.over
}

// end gives up all private keys: the owner deletes the stored state.
func (s *saving) end() {
	s.mu.Lock()
	unneeded := s.outlived
	s.outlived, s.over = nil, true
	s.mu.Unlock()
	releaseAll(unneeded)
}

func releaseAll(all []outlived) {
	for _, o := range all {
		o.key.Release()
	}
}

// forget notes that past epochs or proposals are gone.
func (s *saving) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgot = true
}
