package apq

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// End makes a commit that ends both groups, by the same ReInit in each: the way out of the
// combiner, to one group that follows the T group ([mls.Group.Reinitialize]), of any suite.
// What that group needs of the PQ group, the resumption PSK of the T group has: the
// secrets of its last epoch depend on those of the last FULL commit.
//
// Members take the pair or refuse both: who ends the groups has signed it in each, and each
// group's policy is asked about the move. So nobody leads the members out of the combiner by
// forging the signatures of the T suite alone, where those of the PQ suite hold, and a policy
// that forbids a downgrade forbids it from the PQ suite, too. The extensions are those of the
// group that follows: [Config.WithoutInfo] takes the combiner's part out of the T group's.
//
// What waits is not committed. Adopting the candidate returns a Group whose groups have
// ended. Destroy it when this member has entered the next group.
//
// Errors:
//
//   - those of [mls.Group.Commit], in a [*LegError], such as a [*suite.PolicyError].
//   - [mls.ErrRetired].
//   - a [*RuleError]: the T group is not bound to the PQ group yet.
func (g *Group) End(ctx context.Context, now time.Time, reInit message.ReInit) (_ *Candidate, err error) {
	if err := g.alive(); err != nil {
		return nil, err
	}
	c := &Candidate{cfg: g.cfg, from: g, info: g.Info()}
	if c.info == nil {
		return nil, errUnbound
	}
	if err := g.cfg.mayFollow(now, reInit.CipherSuite); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.Discard()
		}
	}()
	options := mls.CommitOptions{WithoutPending: true}
	if c.pq, err = g.pq.Commit(ctx, now, options, reInit); err != nil {
		return nil, &LegError{Leg: PQ, Err: err}
	}
	if c.t, err = g.t.Commit(ctx, now, options, reInit); err != nil {
		return nil, &LegError{Leg: T, Err: err}
	}
	if err := c.checkEnd(); err != nil {
		return nil, err
	}
	return g.finish(c)
}

// WithoutInfo returns the extensions of a GroupContext without what [Create] and
// [Config.Extensions] add to it, for a group that follows a T group and is no half of a pair.
// An empty dictionary goes, and required_capabilities no longer name what only it needs.
//
// The error wraps [message.ErrMalformed] if one of those in x does not parse.
func (c Config) WithoutInfo(x message.Extensions) (message.Extensions, error) {
	numbers := c.numbers()
	dictionary, err := read[message.AppDataDictionary](x, numbers.AppDataDictionary)
	if err != nil {
		return nil, err
	}
	formats, err := read[message.WireFormats](x, numbers.RequiredWireFormats)
	if err != nil {
		return nil, err
	}
	required, err := read[message.RequiredCapabilities](x, message.ExtensionRequiredCapabilities)
	if err != nil {
		return nil, err
	}
	dictionary = slices.DeleteFunc(slices.Clone(dictionary), func(e message.ComponentData) bool { return e.ID == numbers.APQInfo })
	formats = slices.DeleteFunc(slices.Clone(formats), func(f message.WireFormat) bool { return f == numbers.APQMessagePair })
	gone := []message.ExtensionType{}
	if len(formats) == 0 {
		gone = append(gone, numbers.RequiredWireFormats)
	}
	if len(dictionary) == 0 {
		gone = append(gone, numbers.AppDataDictionary)
		required.Proposals = slices.DeleteFunc(slices.Clone(required.Proposals), func(t message.ProposalType) bool { return t == numbers.AppDataUpdate })
	}
	required.Extensions = slices.DeleteFunc(slices.Clone(required.Extensions), func(t message.ExtensionType) bool { return slices.Contains(gone, t) })
	if len(required.Extensions)+len(required.Proposals)+len(required.Credentials) == 0 {
		gone = append(gone, message.ExtensionRequiredCapabilities)
	}
	plain := slices.DeleteFunc(slices.Clone(x), func(e message.Extension) bool { return slices.Contains(gone, e.Type) })
	for t, content := range map[message.ExtensionType]message.Structure{
		numbers.AppDataDictionary: &dictionary, numbers.RequiredWireFormats: &formats, message.ExtensionRequiredCapabilities: &required,
	} {
		if _, has := plain.Find(t); has {
			if plain, err = with(plain, t, content); err != nil {
				return nil, err
			}
		}
	}
	return plain, nil
}

// mayFollow asks the policies about the suite of the group that follows, which is no half of a
// pair. Each group's own question is about the pair if the suite is one of its two.
func (c *Config) mayFollow(now time.Time, id suite.ID) error {
	for _, leg := range []Leg{T, PQ} {
		cfg := c.of(leg)
		s, err := cfg.Suites.Suite(id)
		if err != nil {
			return &LegError{Leg: leg, Err: fmt.Errorf("%w: %w", message.ErrUnsupported, err)}
		}
		q := suite.Question{Use: suite.Start, Time: now, Subject: suite.Describe(s)}
		if err := q.Ask(cfg.Policy); err != nil {
			return &LegError{Leg: leg, Err: &suite.PolicyError{
				Subject: fmt.Sprintf("suite %s of the group that follows", id), Use: q.Use, Leaf: -1, Proposal: -1, Err: err,
			}}
		}
	}
	return nil
}

// reInitIn returns the ReInit of a commit, or nil.
func reInitIn(c *mls.Candidate) *message.ReInit {
	for _, p := range c.Proposals() {
		if r, ok := p.Proposal.(message.ReInit); ok {
			return &r
		}
	}
	return nil
}

// ends reports whether a commit in both groups ends one of them.
func (c *Candidate) ends() bool { return reInitIn(c.t) != nil || reInitIn(c.pq) != nil }

// checkEnd returns an error unless a commit ends both groups for the same next one, and
// leaves their members as they are.
func (c *Candidate) checkEnd() error {
	if err := sameReInit(reInitIn(c.t), reInitIn(c.pq)); err != nil {
		return err
	}
	return c.cfg.agree(c.t, c.pq)
}

// sameReInit returns an error unless the two groups have ended for the same next one.
func sameReInit(t, pq *message.ReInit) error {
	switch {
	case t == nil:
		return broken("7.1", T, "group does not end by the ReInit of the other one")
	case pq == nil:
		return broken("7.1", PQ, "group does not end by the ReInit of the other one")
	}
	a, err := message.Marshal(&message.TypedProposal{Proposal: *t})
	if err != nil {
		return err
	}
	b, err := message.Marshal(&message.TypedProposal{Proposal: *pq})
	if err != nil {
		return err
	}
	if !bytes.Equal(a, b) {
		return broken("7.1", 0, "ReInits of the two groups differ")
	}
	return nil
}

// checkEnded returns an error unless the states of two groups that have ended belong
// together. Info has the epoch of the PQ group before its end.
func (g *Group) checkEnded() error {
	if err := sameReInit(g.t.ReInit(), g.pq.ReInit()); err != nil {
		return err
	}
	before := g.pq.GroupContext()
	before.Epoch--
	_, err := g.cfg.infosOf(g.t.GroupContext(), before, false)
	return err
}
