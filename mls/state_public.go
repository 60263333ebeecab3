package mls

import (
	"time"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// Delta returns what the stored state lacks, whatever its epoch, and the whole state if
// nothing is stored: see "Saving" above. In a group of n members it holds O(log n) nodes
// of the ratchet tree for each epoch since, the new proposals, and the GroupInfo if that
// has changed. It holds no secrets. But whoever can change the state can make the group
// follow a commit that no member made, so a store has to authenticate it.
//
// A public group has one stored state. Where a fork is followed, a Delta of any branch
// turns what is stored into the state of that branch. Candidates are not saved: a
// delivery service processes the commit again.
//
// The error says that a record does not encode, which takes one of 2^30 bytes or more.
func (g *PublicGroup) Delta() (*Delta, error) { return g.delta(false) }

// Save is Delta for a store that has lost the state, or that has no records to replace,
// such as a file: its Delta replaces whatever is stored by the whole state. It is O(n). The
// error is that of [PublicGroup.Delta].
func (g *PublicGroup) Save() (*Delta, error) { return g.delta(true) }

func (g *PublicGroup) delta(whole bool) (*Delta, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.saving.mu.Lock()
	defer g.saving.mu.Unlock()
	return g.saving.delta(publicRecords{g}, new(deltaWork), whole)
}

// publicRecords are those of a public group. The caller holds its mutex.
type publicRecords struct{ *PublicGroup }

func (g publicRecords) state(*savedState) *savedState { return newPublicSavedState(g.PublicGroup) }

func (g publicRecords) changes(n *noter, before, now *savedState) {
	firstProposal := before.proposals
	if before.public != now.public {
		n.touch(recordPublic.id(0))
		n.trees(before, now)
		if firstProposal > 0 {
			firstProposal = 0
			n.drop(recordProposal.id(0))
		}
	}
	for i := firstProposal; i < now.proposals; i++ {
		n.touch(recordProposal.id(uint32(i)))
	}
	if !before.groupInfo.equal(now.groupInfo) {
		n.touch(recordGroupInfo.id(0))
	}
}

func (publicRecords) noted() {}

func (g publicRecords) put(s *saver, id *recordID) {
	switch id.kind() {
	case recordPublic:
		saved := g.public.saved()
		s.write(*id, saved.marshal)
	case recordProposal:
		if i := int(id.Index); i < len(g.cache.proposals) {
			s.proposal(*id, g.cache.proposals[i], nil)
		}
	case recordGroupInfo:
		if g.groupInfo != nil {
			s.write(*id, func(w *wire.Writer) { g.groupInfo.marshal(w, g.public.tree) })
		}
	}
}

// RestorePublicGroup returns the public group of a stored state: see [PublicGroup.Delta].
// It is O(n). cfg is as for [NewPublicGroup]. RestorePublicGroup asks the policy whether
// the group may be read.
//
// It checks that the state is whole, that its parts fit together, and, if there is a
// GroupInfo, the GroupInfo's signature. What members signed was verified when it arrived
// and is not verified again, and the Authenticator is not asked.
//
// Errors:
//
//   - [*suite.PolicyError]: the policy refuses the group.
//   - [message.ErrUnsupported]: the client does not have the suite, or the state is
//     damaged.
//   - [message.ErrMalformed], [message.ErrInvalid], [ErrWrongGroup], [ErrFutureEpoch],
//     [ErrPastEpoch]: the state is damaged.
func RestorePublicGroup(now time.Time, cfg Config, state Snapshot) (*PublicGroup, error) {
	if cfg.Suites == nil {
		return nil, errNoSuites
	}
	if err := cfg.checkTypes(); err != nil {
		return nil, err
	}
	q := cfg.ask(suite.Receive, now)
	l, err := newPublicStateLoader(state, cfg.CodePoints, q.suite)
	if err != nil {
		return nil, err
	}
	p, err := l.publicTree()
	if err != nil {
		return nil, err
	}
	g := &PublicGroup{publicView: viewOf(p), cfg: &cfg}
	if err := l.publicProposals(g); err != nil {
		return nil, err
	}
	if len(l.records[recordGroupInfo]) > 0 {
		if err := g.SetGroupInfo(l.records[recordGroupInfo][0].Value); err != nil {
			return nil, err
		}
	}
	restored := publicRecords{g}.state(nil)
	g.saving = restoredSaving(restored, l.manifest)
	if err := l.nodes.allUsed(restored.width); err != nil {
		return nil, err
	}
	if err := q.everyMember(p); err != nil {
		return nil, err
	}
	cfg.tellEntered(p, notMember, event.EntryRestored, nil)
	return g, nil
}

// newPublicStateLoader is newStateLoader for the state of a public group.
func newPublicStateLoader(state Snapshot, numbers message.CodePoints, suiteOf func(suite.ID) (suite.Suite, error)) (*stateLoader, error) {
	l, err := sortRecords(state, numbers)
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
	public, err := parseRecord(l, value, "epoch", (*savedPublic).unmarshal)
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
			return badState("proposal of a public group has a private key")
		}
		if err := g.cache.keep(p.CommittedProposal, anyProposals); err != nil {
			return err
		}
	}
	return g.cache.holds(all)
}
