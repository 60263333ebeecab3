package apq

import (
	"context"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// KeyPackages are the KeyPackages of a client that joins both groups.
type KeyPackages struct{ T, PQ *message.KeyPackage }

// ParseKeyPackages reads a pair of KeyPackages.
func ParseKeyPackages(b []byte, numbers message.CodePoints) (KeyPackages, error) {
	_, t, pq, err := openPair(b, numbers)
	if err != nil {
		return KeyPackages{}, err
	}
	if t.KeyPackage == nil || pq.KeyPackage == nil {
		return KeyPackages{}, unsupportedMessage(t)
	}
	return KeyPackages{t.KeyPackage, pq.KeyPackage}, nil
}

// CommitOptions says what [Group.Commit] makes. The zero value is for a commit that renews
// this member's keys in the T group and commits the proposals that wait, or for a FULL
// commit where one is due (see [Group.FullDue]).
type CommitOptions struct {
	Full bool // makes the commit FULL

	Add    []KeyPackages
	Remove []message.LeafIndex // of the T group; the leaves in the PQ group are theirs

	// Proposals are sent by value in the T group, beside what Add and Remove ask for.
	Proposals []message.Proposal

	TLeaf, PQLeaf mls.LeafOptions // PQLeaf needs a FULL commit, and makes it one

	AuthenticatedData []byte // of the T group's commit

	// JoinerData is data for the components of those whom the commit adds, in the T group's
	// Welcome.
	JoinerData message.AppDataDictionary

	// WithoutPending leaves out the proposals that arrived in this epoch, and WithoutTree
	// the ratchet trees out of the Welcomes.
	WithoutPending, WithoutTree bool
}

// full reports whether the options alone ask for a FULL commit.
func (o *CommitOptions) full() bool {
	return o.Full || len(o.Add) > 0 || len(o.Remove) > 0 || o.PQLeaf.Credential != nil || o.PQLeaf.Signer != nil || o.PQLeaf.Extensions != nil
}

// Commit makes a commit (draft-ietf-mls-combiner, Section 3.1). It is FULL where the options
// say so, where they add or remove members, and where [Group.FullDue]. A FULL commit
// replaces the keys of this member's path in both groups.
//
// Proposals that wait are committed as by [mls.Group.Commit], but for those that may not
// happen in one group alone: an Add or a Remove that only one of the groups has, or that one
// of them leaves out; an Update that would give a member two identities; a ReInit,
// and what would change the Info.
//
// Errors:
//
//   - those of [mls.Group.Commit], in a [*LegError].
//   - [mls.ErrRetired].
//   - a [*RuleError]: the groups would no longer have the same members, or a proposal may
//     not be sent.
func (g *Group) Commit(ctx context.Context, now time.Time, options CommitOptions) (*Candidate, error) {
	if err := g.alive(); err != nil {
		return nil, err
	}
	if options.full() || g.FullDue() {
		return g.commitFull(ctx, now, &options)
	}
	leg := mls.CommitOptions{
		Leaf: options.TLeaf, AuthenticatedData: options.AuthenticatedData, WithoutTree: options.WithoutTree,
		WithoutPending: options.WithoutPending, Cover: g.sieve().covers, JoinerData: options.JoinerData,
	}
	t, err := g.t.Commit(ctx, now, leg, options.Proposals...)
	if err != nil {
		return nil, &LegError{Leg: T, Err: err}
	}
	c := &Candidate{cfg: g.cfg, from: g, t: t, info: g.Info()}
	if err := g.checkPartial(c); err != nil {
		c.Discard()
		return nil, err
	}
	return g.finish(c)
}

func (g *Group) commitFull(ctx context.Context, now time.Time, options *CommitOptions) (*Candidate, error) {
	plan, err := g.plan(options)
	if err != nil {
		return nil, err
	}
	for s := g.sieve(); ; {
		c, err := g.tryFull(ctx, now, options, plan, s)
		if c != nil || err != nil {
			return c, err
		}
	}
}

// tryFull makes a FULL commit of proposals that s lets through. It returns nil if the groups
// select different ones of them, which s no longer lets through then.
func (g *Group) tryFull(ctx context.Context, now time.Time, options *CommitOptions, plan *fullPlan, s *sieved) (_ *Candidate, err error) {
	c := &Candidate{cfg: g.cfg, from: g, info: &plan.info}
	defer func() {
		if err != nil {
			c.Discard()
		}
	}()
	leg := mls.CommitOptions{Leaf: options.PQLeaf, ForcePath: true, WithoutPending: options.WithoutPending, Cover: s.covers, WithoutTree: options.WithoutTree}
	if c.pq, err = g.pq.Commit(ctx, now, leg, plan.pq...); err != nil {
		return nil, &LegError{Leg: PQ, Err: err}
	}
	psk, err := g.cfg.exportPSK(c.pq, g.t.Suite())
	if err != nil {
		return nil, err
	}
	defer psk.destroy()
	leg.Leaf, leg.AuthenticatedData, leg.JoinerData = options.TLeaf, options.AuthenticatedData, options.JoinerData
	if c.t, err = g.cfg.commitWithPSK(ctx, now, g.t, leg, psk, plan.t); err != nil {
		return nil, &LegError{Leg: T, Err: err}
	}
	if s.narrow(c) {
		c.Discard()
		return nil, nil
	}
	if err := g.checkFull(c, psk); err != nil {
		return nil, err
	}
	return g.finish(c)
}

// finish packs a commit of this member and tracks it. If that fails, it discards c.
func (g *Group) finish(c *Candidate) (*Candidate, error) {
	if err := c.pack(); err != nil {
		c.Discard()
		return nil, err
	}
	return g.track(c)
}

// pack sets the messages of a candidate from those of its legs, which have none if another
// member made the commit.
func (c *Candidate) pack() (err error) {
	if c.pq == nil {
		c.Message = c.t.Message
		return nil
	}
	numbers := c.cfg.numbers()
	if c.t.Message != nil || c.pq.Message != nil {
		if c.Message, err = (&MessagePair{T: c.t.Message, PQ: c.pq.Message}).Marshal(numbers); err != nil {
			return err
		}
	}
	if c.t.Welcome != nil && c.pq.Welcome != nil {
		c.Welcome, err = (&MessagePair{T: c.t.Welcome, PQ: c.pq.Welcome}).Marshal(numbers)
	}
	return err
}

// fullPlan is what a FULL commit is to do.
type fullPlan struct {
	info  Info
	t, pq []message.Proposal // by value
}

// plan returns what a FULL commit does.
func (g *Group) plan(options *CommitOptions) (*fullPlan, error) {
	p := &fullPlan{}
	p.info = Info{
		TGroupID: g.t.GroupID(), PQGroupID: g.pq.GroupID(), Mode: g.cfg.Mode, TSuite: g.cfg.T.Suite, PQSuite: g.cfg.PQ.Suite,
		TEpoch: g.t.Epoch() + 1, PQEpoch: g.pq.Epoch() + 1,
	}
	for _, k := range options.Add {
		p.t = append(p.t, message.Add{KeyPackage: k.T})
		p.pq = append(p.pq, message.Add{KeyPackage: k.PQ})
	}
	t, pq, err := g.removes(options.Remove...)
	if err != nil {
		return nil, err
	}
	p.t, p.pq = append(p.t, t...), append(p.pq, pq...)
	p.t = slices.Concat(p.t, options.Proposals)
	updates, err := g.cfg.updates(g.Info(), &p.info)
	if err != nil {
		return nil, err
	}
	p.t, p.pq = append(p.t, updates...), append(p.pq, updates...)
	return p, nil
}

// removes returns the proposals that remove the members at leaves of the T group from both.
func (g *Group) removes(leaves ...message.LeafIndex) (t, pq []message.Proposal, err error) {
	if len(leaves) == 0 {
		return nil, nil, nil // Pairs looks at all members
	}
	pairs, err := g.Pairs()
	if err != nil {
		return nil, nil, err
	}
	for _, leaf := range leaves {
		other, ok := pairs[leaf]
		if !ok {
			return nil, nil, broken("3.3", T, "leaf %d to remove is not a member", leaf)
		}
		t, pq = append(t, message.Remove{Removed: leaf}), append(pq, message.Remove{Removed: other})
	}
	return t, pq, nil
}

// updates returns the proposals by which a FULL commit changes old, which may be nil, to
// next (draft-ietf-mls-combiner, Section 5.1.1).
func (c *Config) updates(old, next *Info) ([]message.Proposal, error) {
	list := []Update{{Type: NewTEpoch, Epoch: next.TEpoch}, {Type: NewPQEpoch, Epoch: next.PQEpoch}}
	if old.first() {
		list = []Update{{Type: FullUpdate, Info: *next}}
	}
	var all []message.Proposal
	for i := range list {
		data, err := list[i].Marshal()
		if err != nil {
			return nil, err
		}
		all = append(all, message.AppDataUpdate{
			ProposalType: c.numbers().AppDataUpdate, Component: c.numbers().APQInfo, Update: data,
		})
	}
	return all, nil
}

// first reports whether the FULL commit after i is the first one, which has a full update:
// i is that of a group that was just created, or nil.
func (i *Info) first() bool { return i == nil || i.TEpoch == 0 && i.PQEpoch == 0 }
