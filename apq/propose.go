package apq

import (
	"context"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// UpdateOptions says what [Group.ProposeUpdate] proposes. The zero value is for new keys in
// the T group.
type UpdateOptions struct {
	Full          bool            // new keys in both groups, and so a FULL commit
	TLeaf, PQLeaf mls.LeafOptions // PQLeaf counts only if Full

	AuthenticatedData []byte // of the T group's proposal
}

// ProposeUpdate returns a proposal by which another member replaces this member's keys: an
// MLSMessage of the T group, or a pair if the commit is to be FULL.
//
// Errors:
//
//   - those of [mls.Group.ProposeUpdate], in a [*LegError].
//   - [mls.ErrRetired].
func (g *Group) ProposeUpdate(ctx context.Context, now time.Time, options UpdateOptions) ([]byte, error) {
	if err := g.alive(); err != nil {
		return nil, err
	}
	t := func() ([]byte, error) {
		return g.t.ProposeUpdate(ctx, now, options.TLeaf, options.AuthenticatedData)
	}
	if !options.Full {
		b, err := t()
		if err != nil {
			return nil, &LegError{Leg: T, Err: err}
		}
		return b, nil
	}
	return g.proposePair(t, func() ([]byte, error) { return g.pq.ProposeUpdate(ctx, now, options.PQLeaf, nil) })
}

// ProposeAdd returns a pair of proposals to add a client to both groups.
//
// Errors:
//
//   - those of [mls.Group.Propose], in a [*LegError].
//   - [mls.ErrRetired].
func (g *Group) ProposeAdd(ctx context.Context, now time.Time, k KeyPackages) ([]byte, error) {
	return g.propose(ctx, now, message.Add{KeyPackage: k.T}, message.Add{KeyPackage: k.PQ})
}

// ProposeRemove returns a pair of proposals to remove the member at a leaf of the T group
// from both groups.
//
// Errors:
//
//   - those of [mls.Group.Propose], in a [*LegError].
//   - [mls.ErrRetired].
//   - a [*RuleError]: there is no such member.
func (g *Group) ProposeRemove(ctx context.Context, now time.Time, leaf message.LeafIndex) ([]byte, error) {
	t, pq, err := g.removes(leaf)
	if err != nil {
		return nil, err
	}
	return g.propose(ctx, now, t[0], pq[0])
}

func (g *Group) propose(ctx context.Context, now time.Time, t, pq message.Proposal) ([]byte, error) {
	if err := g.alive(); err != nil {
		return nil, err
	}
	return g.proposePair(
		func() ([]byte, error) { return g.t.Propose(ctx, now, t, nil) },
		func() ([]byte, error) { return g.pq.Propose(ctx, now, pq, nil) })
}

// proposePair makes a pair of proposals. If the second fails, the first one waits alone and
// is left out of commits.
func (g *Group) proposePair(t, pq func() ([]byte, error)) ([]byte, error) {
	var pair MessagePair
	var err error
	if pair.PQ, err = pq(); err != nil {
		return nil, &LegError{Leg: PQ, Err: err}
	}
	if pair.T, err = t(); err != nil {
		g.forgetAlone(PQ)
		return nil, &LegError{Leg: T, Err: err}
	}
	return pair.Marshal(g.cfg.numbers())
}
