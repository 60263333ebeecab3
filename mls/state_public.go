package mls

import (
	"bytes"
	"time"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// PublicDelta is what a saved state, of whichever epoch, lacks of a public group's state.
// [PublicGroup.Delta] returns it. In a group of n members, it holds O(log n) nodes of the
// ratchet tree for each epoch since, the new proposals, and the GroupInfo if that has
// changed.
type PublicDelta struct {
	Epoch uint64
	Delta
}

// Save returns the whole state of the public group, from which [RestorePublicGroup]
// restores it. It is O(n) and holds no secrets. But whoever can change the state can make
// the group follow a commit that no member made, so a store has to authenticate it.
//
// A public group has one saved state. What Save returns replaces the state before, which
// is of this epoch or of one that led to it. What [PublicGroup.Delta] returns is applied
// to the saved state. Where a fork is followed, call Save on the branch that the store is
// to have. Candidates are not saved: a delivery service processes the commit again.
func (g *PublicGroup) Save() (Snapshot, error) {
	delta, err := g.save(true)
	if err != nil {
		return nil, err
	}
	return Snapshot{}.Apply(delta), nil
}

// Delta returns what the saved state lacks, and the whole state if nothing was saved. See
// [PublicGroup.Save].
func (g *PublicGroup) Delta() (*PublicDelta, error) {
	delta, err := g.save(false)
	if err != nil {
		return nil, err
	}
	return &PublicDelta{g.Epoch(), *delta}, nil
}

// save returns a change of the saved state, and notes that it was made.
func (g *PublicGroup) save(all bool) (*Delta, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := &saver{old: g.state, all: all || g.state == nil}
	if s.all {
		s.old = &savedState{}
	}
	s.public(g)
	if s.err != nil {
		return nil, s.err
	}
	if s.all {
		s.seal(newManifest())
	} else {
		s.seal(s.old.manifest.clone()) // the state before is that of other branches, too
	}
	g.state = s.next
	return &s.delta, nil
}

// public saves a public group. The caller holds its mutex.
func (s *saver) public(g *PublicGroup) {
	epoch, first, groupInfo := g.public.context.Epoch, s.old.proposals, s.old.groupInfo
	if !s.all && s.old.epoch == epoch {
		next := *s.old
		s.next = &next
	} else {
		s.next = newPublicSavedState(g)
		saved := g.public.saved()
		s.put(recordPublic.key(), &saved)
		s.trees()
		s.drop(recordProposal.key()) // of the epoch before, however often that was saved
		s.drop(recordGroupInfo.key())
		first, groupInfo = 0, ""
	}
	s.next.proposals, s.next.groupInfo = len(g.cache.proposals), string(g.groupInfo)
	for i, p := range g.cache.proposals[first:] {
		s.proposal(recordProposal.at(uint32(first+i)), p, nil)
	}
	if s.next.groupInfo != groupInfo { // which nothing takes away
		s.putBytes(recordGroupInfo.key(), bytes.Clone(g.groupInfo), nil)
	}
}

// newPublicSavedState returns what the saved state of g holds. The caller holds its
// mutex.
func newPublicSavedState(g *PublicGroup) *savedState {
	return &savedState{
		epoch:     g.public.context.Epoch,
		trees:     map[uint64]*tree{g.public.context.Epoch: g.public.tree},
		proposals: len(g.cache.proposals),
		width:     savedWidth(g.public.tree.width),
		groupInfo: string(g.groupInfo),
	}
}

// follow takes over the saved state of from, which is of the epoch before, unless g has a
// saved state.
func (g *PublicGroup) follow(from *PublicGroup) {
	from.mu.Lock()
	state := from.state
	from.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state == nil {
		g.state = state
	}
}

// RestorePublicGroup returns the public group that [PublicGroup.Save] saved. It is O(n).
// cfg is as for [NewPublicGroup]. It asks the policy whether the group may be read.
//
// It checks that the state is whole, that its parts fit together, and, if there is a
// GroupInfo, the GroupInfo's signature. What members signed was verified when it arrived
// and is not verified again, and the Authenticator is not asked.
//
// The error is a [*PolicyError] if the policy refuses the group. It wraps [ErrMalformed],
// [ErrInvalid], [ErrWrongGroup] or [ErrWrongEpoch] if the state is damaged.
func RestorePublicGroup(now time.Time, cfg Config, state Snapshot) (*PublicGroup, error) {
	if cfg.Suites == nil {
		return nil, errNoSuites
	}
	if err := cfg.checkTypes(); err != nil {
		return nil, err
	}
	q := cfg.ask(suite.Receive, now)
	l, err := newPublicStateLoader(state, q.suite)
	if err != nil {
		return nil, err
	}
	p, err := l.publicTree()
	if err != nil {
		return nil, err
	}
	g := &PublicGroup{publicView: publicView{p}, cfg: &cfg}
	if err := l.publicProposals(g); err != nil {
		return nil, err
	}
	if len(l.records[recordGroupInfo]) > 0 {
		if err := g.SetGroupInfo(l.records[recordGroupInfo][0].Value); err != nil {
			return nil, err
		}
	}
	g.state = newPublicSavedState(g)
	g.state.manifest = l.manifest
	if err := l.nodes.allUsed(g.state.width); err != nil {
		return nil, err
	}
	if err := q.everyMember(p); err != nil {
		return nil, err
	}
	cfg.tellEntered(p, notMember, EntryRestored, nil)
	return g, nil
}

// newPublicStateLoader is newStateLoader for the state of a public group.
func newPublicStateLoader(state Snapshot, suiteOf func(suite.ID) (suite.Suite, error)) (*stateLoader, error) {
	l, err := sortRecords(state)
	if err != nil {
		return nil, err
	}
	if err := l.only(recordManifest, recordPublic, recordTreeNode, recordWidth, recordProposal, recordGroupInfo); err != nil {
		return nil, err
	}
	if err := l.checkManifest(); err != nil {
		return nil, err
	}
	value, err := l.one(recordPublic)
	if err != nil {
		return nil, err
	}
	public, err := wire.ParseNew(value, "epoch", (*savedPublic).unmarshal)
	if err != nil {
		return nil, err
	}
	l.epoch = &savedEpoch{savedPublic: *public}
	return l, l.begin(suiteOf, nil)
}

// publicProposals reads the proposals of a public group.
func (l *stateLoader) publicProposals(g *PublicGroup) error {
	all, err := l.savedProposals(g.public)
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.updateKey != nil {
			return badState("a public group has no private keys")
		}
		if err := g.cache.keep(p.CommittedProposal, anyProposals); err != nil {
			return err
		}
	}
	return g.cache.holds(all)
}
