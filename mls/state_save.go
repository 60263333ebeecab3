package mls

import (
	"maps"
	"strings"
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

	noted    *savedState       // what the last Delta leads to; nil if there was none
	manifest *manifest         // of noted
	touched  map[string]touch  // by key, the records that changed after the stored Delta
	dropped  map[string]uint64 // by prefix, the last Delta that drops all such records
	forgot   bool              // past epochs or proposals are gone that noted has

	sending
}

// touch says that a record changed: it was put, replaced or deleted.
type touch struct {
	number uint64            // of the Delta
	node   *ratchettree.Node // of the ratchet tree, with its index
	index  ratchettree.NodeIndex
}

func newSaving(epoch uint64) *saving {
	return &saving{
		whole:    1,
		manifest: newManifest(),
		touched:  make(map[string]touch),
		dropped:  make(map[string]uint64),
		sending:  sending{epoch: epoch},
	}
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
	trees       map[uint64]*ratchettree.Tree     // of the epoch and of past ones
	keys        map[ratchettree.NodeIndex]string // public keys of the private keys
	resumptions []uint64                         // epochs
	proposals   int
	opened      bool // the own ratchets are in the state
	width       savedWidth
	groupInfo   []byte // of a public group
}

// newSavedState returns what the saved state of g holds. The caller holds the inbox.
func newSavedState(g *Group) *savedState {
	s := newPublicSavedState(g.public)
	s.keys, s.proposals = g.self.publicKeys(), len(g.inbox.cache.proposals)
	s.opened = g.inbox.ratchets.Ratchets[g.leaf] != nil
	for _, p := range g.inbox.past {
		s.trees[p.public.context.Epoch] = p.public.tree
		s.width = max(s.width, savedWidth(p.public.tree.Width))
	}
	for _, r := range g.inbox.resumptions {
		s.resumptions = append(s.resumptions, r.epoch)
	}
	return s
}

// newPublicSavedState returns what every saved state of an epoch holds.
func newPublicSavedState(p *publicState) *savedState {
	return &savedState{
		public: p,
		trees:  map[uint64]*ratchettree.Tree{p.context.Epoch: p.tree},
		width:  savedWidth(p.tree.Width),
	}
}

// publicKeys returns the public keys of the member's private keys.
func (m *memberView) publicKeys() map[ratchettree.NodeIndex]string {
	keys := make(map[ratchettree.NodeIndex]string, len(m.pathKeys)+1)
	for n, key := range m.pathKeys {
		keys[n] = string(key.PublicKey())
	}
	keys[treemath.NodeOf(m.leaf)] = string(m.leafKey.PublicKey())
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

	// changes tells s of the records that may differ between two states.
	changes(s *saver, before, now *savedState)

	// noted says that s knows of all changes up to now.
	noted()

	// put puts a record into s, if there is one with this key.
	put(s *saver, key []byte)
}

// delta makes the next Delta. The caller holds mu.
func (s *saving) delta(r records, whole bool) (*Delta, error) {
	s.made++
	now := r.state(s.noted)
	if whole || len(s.touched)+len(s.dropped) > 1024+2*int(now.public.tree.Width) { // the whole state is less
		s.whole = s.made
	}
	if s.noted != nil {
		r.changes(&saver{
			touch: func(key []byte, t touch) {
				t.number = s.made
				s.touched[string(key)] = t
			},
			drop: s.drop,
		}, s.noted, now)
	}
	s.noted, s.forgot = now, false
	r.noted()
	if s.whole == s.made { // no state before this one counts
		clear(s.touched)
		clear(s.dropped)
	}
	d := &Delta{saving: s, number: s.made, epoch: s.epoch, reserved: s.reserved}
	emit := saver{delta: d, now: now}
	if s.stored < s.whole {
		d.Delete = [][]byte{{}}
		emit.touch = func(key []byte, t touch) { emit.record(r, key, t) }
		emit.drop = func([]byte) {}
		r.changes(&emit, &savedState{}, now)
	} else {
		for _, prefix := range sortedKeys(s.dropped) {
			emit.delete([]byte(prefix))
		}
		for _, key := range sortedKeys(s.touched) {
			emit.record(r, []byte(key), s.touched[key])
		}
	}
	if emit.err != nil {
		d.Destroy()
		return nil, emit.err
	}
	s.manifest.seal(d)
	s.bound = true
	return d, nil
}

// drop notes that all records are gone whose keys begin with prefix.
func (s *saving) drop(prefix []byte) {
	maps.DeleteFunc(s.touched, func(key string, _ touch) bool { return strings.HasPrefix(key, string(prefix)) })
	s.dropped[string(prefix)] = s.made
}

// acknowledge notes that d is stored.
func (s *saving) acknowledge(d *Delta) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.number <= s.stored {
		return
	}
	s.stored = d.number
	maps.DeleteFunc(s.touched, func(_ string, t touch) bool { return t.number <= d.number })
	maps.DeleteFunc(s.dropped, func(_ string, number uint64) bool { return number <= d.number })
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
