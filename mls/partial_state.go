package mls

import (
	"bytes"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/suite"
)

// Delta is [Group.Delta]: it has a membership proof of O(log n) bytes for each epoch since, and
// O(1) records for each message, as there. Of the proposals that wait for a commit, it has this
// member's own alone: after a restart, the others are handed over with the commit
// ([PartialGroup.ProcessCommit]). What "Saving" says of sending and of [Delta.Stored] is true
// here too.
//
// Errors:
//
//   - those of [Group.Delta].
func (p *PartialGroup) Delta() (*Delta, error) { return p.member.Delta() }

// Save is [Group.Save]: the whole state, which is O(log n) and the ratchets of those who have
// sent.
//
// Errors:
//
//   - those of [Group.Delta].
func (p *PartialGroup) Save() (*Delta, error) { return p.member.Save() }

// RestorePartialGroup returns the group of a stored state of a partial member: see
// [PartialGroup.Delta]. It is O(log n) and otherwise [RestoreGroup].
//
// Errors:
//
//   - those of [RestoreGroup], also if the state is of a full member.
func RestorePartialGroup(now time.Time, cfg Config, state Snapshot, signers ...suite.Signer) (*PartialGroup, error) {
	g, err := restoreGroup(cfg.ask(suite.Receive, now), state, signers, true)
	if err != nil {
		return nil, err
	}
	return newPartialGroup(g), nil
}

// savedProposals returns the proposals that the saved state has. A partial member cannot
// tell later who sent the others. The caller holds the inbox.
func (g *Group) savedProposals() []CommittedProposal {
	all := g.inbox.cache.proposals
	if !g.public.partial {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(c CommittedProposal) bool { return c.Sender != g.sender() })
}

// partial reports whether the state is a partial member's.
func (l *stateLoader) partial() bool { return len(l.records[recordSlice]) > 0 }

// slice returns a partial member's slice of the epoch's tree.
func (l *stateLoader) slice() (*ratchettree.Tree, error) {
	value, err := l.one(recordSlice)
	if err != nil {
		return nil, err
	}
	proof, err := wire.ParseNew(value, "membership proof", (*ratchettree.MembershipProof).Unmarshal)
	if err != nil {
		return nil, err
	}
	t, err := proof.Slice(l.suite)
	if err != nil {
		return nil, err
	}
	e := l.epoch
	if proof.Leaf != e.leaf || t.Width != e.width || len(e.root.input) > 0 || !bytes.Equal(t.Hash(), e.context.TreeHash) {
		return nil, badState("membership proof is not of the member's leaf in the epoch's tree")
	}
	return t, nil
}

// pastTree returns the tree of a past epoch. Of a partial member's, only the hash is left.
func (l *stateLoader) pastTree(saved *savedPast) (*ratchettree.Tree, error) {
	if !l.partial() {
		return l.nodes.tree(saved.context.TreeHash, saved.width, saved.root.input)
	}
	t := ratchettree.OfHash(l.suite, saved.width, saved.context.TreeHash)
	if t == nil || len(saved.root.input) > 0 {
		return nil, badState("tree of a past epoch has no width or hash")
	}
	return t, nil
}
