package apq

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"
	"weak"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Group is one member's state of a combined group between two commits: a T group and a PQ
// group.
//
// As with [mls.Group], a commit leaves the Group as it is and makes a [Candidate]. Adopting
// the candidate returns the next Group and retires this one.
//
// The Group owns the two groups. A caller may ask them and encrypt with T, and adopts,
// commits and destroys only through the Group. A Group is safe for concurrent use. It must
// not be copied.
type Group struct {
	cfg   *Config
	t, pq *mls.Group

	mu         sync.Mutex
	retired    bool
	candidates []weak.Pointer[Candidate] // FULL ones, whose PQ legs outlive a PARTIAL commit
	half       *halfDone
}

// halfDone is the PQ leg of a FULL commit whose T leg could not be processed yet. The leg
// opens only once if it is a PrivateMessage, and its secret is exported only once.
type halfDone struct {
	message   []byte
	candidate *mls.Candidate
	psk       *combinedPSK // nil if the commit removes this member
}

func (h *halfDone) discard() {
	if h != nil {
		h.candidate.Discard()
		h.psk.destroy()
	}
}

// CreateOptions says what groups [Create] makes.
type CreateOptions struct {
	TGroupID, PQGroupID []byte // random ones if they are nil; they differ

	// TExtensions and PQExtensions are the extensions of the GroupContexts, to which Create
	// adds the Info, required_wire_formats and required_capabilities.
	TExtensions, PQExtensions message.Extensions
}

// Create makes a combined group with one member. Its first commit is FULL, as is each that
// adds members.
//
// Errors:
//
//   - those of [mls.CreateGroup].
//   - a [*RuleError]: the suites may not stand together, or the group IDs are equal.
func Create(ctx context.Context, now time.Time, cfg Config, options CreateOptions) (*Group, error) {
	tcfg, pqcfg, err := cfg.legs()
	if err != nil {
		return nil, err
	}
	info := Info{
		TGroupID: groupID(options.TGroupID), PQGroupID: groupID(options.PQGroupID),
		Mode: cfg.Mode, TSuite: cfg.T.Suite, PQSuite: cfg.PQ.Suite,
	}
	if bytes.Equal(info.TGroupID, info.PQGroupID) {
		return nil, broken("5.1", 0, "groups have the same group ID")
	}
	tx, err := cfg.withInfo(options.TExtensions, &info)
	if err != nil {
		return nil, err
	}
	pqx, err := cfg.withInfo(options.PQExtensions, &info)
	if err != nil {
		return nil, err
	}
	pq, err := mls.CreateGroup(ctx, now, pqcfg, info.PQGroupID, pqx...)
	if err != nil {
		return nil, &LegError{Leg: PQ, Err: err}
	}
	t, err := mls.CreateGroup(ctx, now, tcfg, info.TGroupID, tx...)
	if err != nil {
		pq.Destroy()
		return nil, &LegError{Leg: T, Err: err}
	}
	return newGroup(&cfg, t, pq), nil
}

func newGroup(cfg *Config, t, pq *mls.Group) *Group { return &Group{cfg: cfg, t: t, pq: pq} }

// T returns the traditional group. Encrypt application messages with it.
func (g *Group) T() *mls.Group { return g.t }

// PQ returns the post-quantum group.
func (g *Group) PQ() *mls.Group { return g.pq }

// Info returns the Info of the group, or nil if the T group has none yet because no FULL
// commit has bound it to the PQ group (see [Start]).
func (g *Group) Info() *Info {
	info, err := InfoIn(g.t.GroupContext().Extensions, g.cfg.numbers())
	if err != nil {
		return nil // every way into a Group has parsed it
	}
	return info
}

// Pairs returns the leaf in the PQ group of each member of the T group.
func (g *Group) Pairs() (map[message.LeafIndex]message.LeafIndex, error) {
	return g.cfg.paired(g.t, g.pq)
}

// FullDue reports whether the next commit of this member is FULL, whatever it holds:
// because this member has not made one yet, because proposals wait that change the
// membership or the PQ group, or because the T group is not bound to the PQ group yet.
func (g *Group) FullDue() bool {
	return g.Info() == nil || g.fresh() || len(g.pq.Proposals()) > 0 || len(g.sieve().pairs) > 0
}

// fresh reports whether this member's leaf in the PQ group is still that of its key
// package: it has committed nothing yet, and nobody has committed an Update of its.
func (g *Group) fresh() bool {
	const fromKeyPackage = 1
	return g.pq.Leaf(g.pq.OwnLeaf()).Source == fromKeyPackage
}

// Encrypt returns an application message, which travels in the T group
// (draft-ietf-mls-combiner, Section 3.4).
//
// Errors:
//
//   - those of [mls.Group.Encrypt].
func (g *Group) Encrypt(ctx context.Context, now time.Time, data, authenticatedData []byte) ([]byte, error) {
	return g.t.Encrypt(ctx, now, data, authenticatedData)
}

// GroupInfo returns a pair of GroupInfos, by which a client can join from outside with
// [ExternalJoin].
//
// Errors:
//
//   - those of [mls.Group.GroupInfo], in a [*LegError].
//   - a [*RuleError]: the T group is not bound to the PQ group yet.
func (g *Group) GroupInfo(ctx context.Context, now time.Time, withTree bool) ([]byte, error) {
	if g.Info() == nil {
		return nil, errUnbound
	}
	t, err := g.t.GroupInfo(ctx, now, withTree)
	if err != nil {
		return nil, &LegError{Leg: T, Err: err}
	}
	pq, err := g.pq.GroupInfo(ctx, now, withTree)
	if err != nil {
		return nil, &LegError{Leg: PQ, Err: err}
	}
	return (&MessagePair{T: t, PQ: pq}).Marshal(g.cfg.numbers())
}

var errUnbound = broken("3", T, "no FULL commit has bound the group to the PQ group yet")

// Destroy deletes the secrets of both groups and of all candidates.
func (g *Group) Destroy() {
	if g.end() {
		g.retire(nil)
		g.t.Destroy()
		g.pq.Destroy()
	}
}

// end ends the Group, and reports whether it had not ended before. No lock is held after
// it, because the caller's observer may ask the Group.
func (g *Group) end() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.retired
	g.retired = true
	return !was
}

// resume takes end back: the candidate cannot be adopted.
func (g *Group) resume() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.retired = false
}

// retire discards what a Group that has ended holds, but for the candidate that won, which
// may be nil. It reaches the PQ legs of the others, which the end of the T group does not.
func (g *Group) retire(won *Candidate) {
	g.mu.Lock()
	candidates, half := g.candidates, g.half
	g.candidates, g.half = nil, nil
	g.mu.Unlock()
	for _, p := range candidates {
		if c := p.Value(); c != nil && c != won {
			c.Discard()
		}
	}
	half.discard()
}

// track notes a candidate, which ends with the Group. It discards the candidate if the
// Group has ended.
func (g *Group) track(c *Candidate) (*Candidate, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.retired {
		c.Discard()
		return nil, mls.ErrRetired
	}
	if c.pq != nil {
		g.candidates = append(g.candidates, weak.Make(c))
	}
	return c, nil
}

// alive returns [mls.ErrRetired] if the Group has ended.
func (g *Group) alive() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.retired {
		return mls.ErrRetired
	}
	return nil
}

// Candidate is a combined group's state that a client may move to: that after a valid
// commit, or the first one after a join.
type Candidate struct {
	// Message is the commit, for the group's members: a pair of a FULL commit, and the T
	// group's MLSMessage of a PARTIAL one. It is nil if another member made the commit.
	Message []byte

	// Welcome is a pair of Welcomes for all joiners, or nil.
	Welcome []byte

	cfg   *Config
	from  *Group // nil if this member joins
	t, pq *mls.Candidate
	info  *Info
}

// Full reports whether the commit is FULL.
func (c *Candidate) Full() bool { return c.pq != nil }

// T returns the candidate of the T group, for questions about it: who commits, what
// changes, who the members are.
func (c *Candidate) T() *mls.Candidate { return c.t }

// PQ returns the candidate of the PQ group, or nil if the commit is PARTIAL.
func (c *Candidate) PQ() *mls.Candidate { return c.pq }

// Info returns the Info after the commit.
func (c *Candidate) Info() *Info { return c.info }

// Removed reports whether the commit removes this member.
func (c *Candidate) Removed() bool { return c.t.Removed() }

// Adopt moves both groups, or the T group if the commit is PARTIAL, to the epochs that the
// commit begins, and returns the Group of them. Either both groups move or neither does.
//
// Errors:
//
//   - [mls.ErrRemoved]: the commit removes this member, and the secrets of both groups are
//     deleted now.
//   - [mls.ErrRetired]: the candidate was adopted or discarded, or its Group is retired.
//   - [mls.ErrKeyPackageUsed]: another join has used up the key packages.
//   - a [*LegError]: somebody else has adopted or destroyed one of the groups meanwhile.
func (c *Candidate) Adopt() (*Group, error) {
	if c.from == nil {
		return c.adopt()
	}
	if !c.from.end() {
		return nil, mls.ErrRetired
	}
	g, err := c.adopt()
	if err != nil && !errors.Is(err, mls.ErrRemoved) && !errors.Is(err, ErrLegLost) {
		c.from.resume()
		return nil, err
	}
	c.from.retire(c)
	return g, err
}

// adopt is Adopt without the Group that the candidate comes from.
func (c *Candidate) adopt() (*Group, error) {
	for _, leg := range []*mls.Candidate{c.pq, c.t} {
		if err := adoptable(leg); err != nil {
			return nil, err
		}
	}
	pq, err := c.adoptPQ()
	if err != nil && !errors.Is(err, mls.ErrRemoved) {
		return nil, &LegError{Leg: PQ, Err: err}
	}
	t, err := c.t.Adopt()
	switch {
	case errors.Is(err, mls.ErrRemoved):
		if pq != nil { // the T group was on its own
			pq.Destroy()
		}
		return nil, err
	case err != nil:
		return nil, &LegError{Leg: T, Err: err, Lost: true}
	}
	return newGroup(c.cfg, t, pq), nil
}

// adoptPQ returns the PQ group after the commit.
func (c *Candidate) adoptPQ() (*mls.Group, error) {
	if c.pq == nil {
		return c.from.pq, nil
	}
	return c.pq.Adopt()
}

// adoptable returns an error if a candidate, which may be nil, cannot be adopted any more.
func adoptable(c *mls.Candidate) error {
	if c == nil {
		return nil
	}
	secret, err := c.EpochAuthenticator()
	clear(secret)
	if errors.Is(err, mls.ErrRemoved) {
		return nil
	}
	return err
}

// Discard deletes the secrets of a candidate that its owner will not adopt.
func (c *Candidate) Discard() {
	if c.t != nil { // or the making of c has failed
		c.t.Discard()
	}
	if c.pq != nil {
		c.pq.Discard()
	}
}
