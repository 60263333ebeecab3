package mls

import (
	"bytes"
	"slices"
	"sync"

	"github.com/mlsuite/mlsuite/internal/treemath"
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
	manifest *manifest   // of noted
	touched  touches     // the records that changed after the stored Delta
	dropped  touches     // the prefixes by which Deltas since then dropped records
	forgot   bool        // past epochs or proposals are gone that noted has

	sending
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
	trees       []savedTree    // of the epoch and of past ones, by epoch
	keys        []savedPrivate // the private keys
	resumptions []uint64       // epochs
	proposals   int
	opened      bool // the own ratchets are in the state
	width       savedWidth
	groupInfo   *servedInfo // of a public group
}

type savedTree struct {
	epoch uint64
	*ratchettree.Tree
}

// savedPrivate is a private key, by its node and public key.
type savedPrivate struct {
	node   ratchettree.NodeIndex
	public []byte
}

// tree returns the tree of an epoch, or nil.
func (s *savedState) tree(epoch uint64) *ratchettree.Tree {
	for _, t := range s.trees {
		if t.epoch == epoch {
			return t.Tree
		}
	}
	return nil
}

// has reports whether the state has a private key.
func (s *savedState) has(key savedPrivate) bool {
	return slices.ContainsFunc(s.keys, func(k savedPrivate) bool {
		return k.node == key.node && bytes.Equal(k.public, key.public)
	})
}

// newSavedState returns what the saved state of g holds. The caller holds the inbox.
func newSavedState(g *Group) *savedState {
	b := &g.inbox
	s := &savedState{
		public:      g.public,
		trees:       make([]savedTree, 0, len(b.past)+1),
		keys:        g.self.publicKeys(),
		resumptions: make([]uint64, len(b.resumptions)),
		proposals:   len(b.cache.proposals),
		opened:      b.ratchets.Ratchets[g.leaf] != nil,
	}
	for _, p := range b.past {
		s.addTree(p.public)
	}
	s.addTree(g.public)
	for i, r := range b.resumptions {
		s.resumptions[i] = r.epoch
	}
	return s
}

// newPublicSavedState returns what the saved state of a public group holds.
func newPublicSavedState(g *PublicGroup) *savedState {
	s := &savedState{public: g.public, proposals: len(g.cache.proposals), groupInfo: g.groupInfo}
	s.addTree(g.public)
	return s
}

func (s *savedState) addTree(p *publicState) {
	s.trees = append(s.trees, savedTree{p.context.Epoch, p.tree})
	s.width = max(s.width, savedWidth(p.tree.Width))
}

// publicKeys returns the member's private keys.
func (m *memberView) publicKeys() []savedPrivate {
	keys := make([]savedPrivate, 0, len(m.pathKeys)+1)
	keys = append(keys, savedPrivate{treemath.NodeOf(m.leaf), m.leafKey.PublicKey()})
	for n, key := range m.pathKeys {
		keys = append(keys, savedPrivate{n, key.PublicKey()})
	}
	return keys
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
	b.saving.mu.Lock()
	defer b.saving.mu.Unlock()
	return b.saving.delta(&memberRecords{g: g, saving: b.saving}, whole)
}

// records are those of a group, as they are now.
type records interface {
	// state returns what the saved state holds. The state before may be nil.
	state(before *savedState) *savedState

	// changes tells n of the records that may differ between two states.
	changes(n *noter, before, now *savedState)

	// noted says that a noter knows of all changes up to now.
	noted()

	// put puts a record into s, if there is one with this key.
	put(s *saver, key []byte)
}

// delta makes the next Delta. The caller holds mu.
func (s *saving) delta(r records, whole bool) (*Delta, error) {
	s.made++
	now := r.state(s.noted)
	if whole || len(s.touched.all)+len(s.dropped.all) > 1024+2*int(now.public.tree.Width) { // the whole state is less
		s.whole = s.made
	}
	if s.noted != nil {
		r.changes(&noter{touched: &s.touched, dropped: &s.dropped, manifest: s.manifest, number: s.made}, s.noted, now)
	}
	s.noted, s.forgot = now, false
	r.noted()
	if s.whole == s.made { // no state before this one counts
		s.touched, s.dropped = touches{}, touches{}
	}
	d := &Delta{saving: s, number: s.made, epoch: s.epoch, reserved: s.reserved}
	emit := &saver{delta: d, manifest: s.manifest, now: now}
	if s.stored < s.whole {
		emit.delete([]byte{})
		var all touches
		r.changes(&noter{touched: &all}, &savedState{}, now)
		emit.changed(r, &touches{}, &all)
	} else {
		emit.changed(r, &s.dropped, &s.touched)
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
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.number <= s.stored {
		return
	}
	s.stored = d.number
	s.touched.forget(d.number)
	s.dropped.forget(d.number)
	if d.epoch == s.epoch {
		s.usable = d.reserved
	}
}

// forget notes that past epochs or proposals are gone.
func (s *saving) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgot = true
}
