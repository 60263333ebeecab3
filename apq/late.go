package apq

import (
	"context"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Start makes a PQ group for a T group that runs already (draft-ietf-mls-combiner, Section
// 3). keyPackages are PQ KeyPackages of all other members, for whom welcome, an MLSMessage,
// is; it is nil if there are none. Each of them calls [JoinPQ].
//
// The T group goes on as it is until a FULL commit binds it to the PQ group: the next
// [Group.Commit] of anybody who has joined. Members who have not joined by then cannot
// follow it. If the T group's membership changes before, that commit is refused, and the
// PQ group is to be made again. What only that commit may hold, an update of the Info and
// the pre-shared key of the PQ group, members refuse in the T group alone.
//
// cfg.T has to be the Config of the T group with what [Config.Prepare] adds to it.
//
// Errors:
//
//   - those of [mls.CreateGroup] and [mls.Group.Commit], in a [*LegError].
//   - a [*RuleError]: the suites may not stand together, the T group has an Info already,
//     or keyPackages are not those of the other members.
func Start(ctx context.Context, now time.Time, cfg Config, t *mls.Group, keyPackages []*message.KeyPackage, options CreateOptions) (_ *Group, welcome []byte, err error) {
	_, pqcfg, err := cfg.legs()
	if err != nil {
		return nil, nil, err
	}
	if err := cfg.mayStart(t); err != nil {
		return nil, nil, err
	}
	info := Info{
		TGroupID: t.GroupID(), PQGroupID: groupID(options.PQGroupID), Mode: cfg.Mode,
		TSuite: cfg.T.Suite, PQSuite: cfg.PQ.Suite, TEpoch: t.Epoch(),
	}
	if string(info.TGroupID) == string(info.PQGroupID) {
		return nil, nil, broken("5.1", 0, "groups have the same group ID")
	}
	if len(keyPackages) > 0 {
		info.PQEpoch = 1 // of the commit that adds the others
	}
	extensions, err := cfg.withInfo(options.PQExtensions, &info)
	if err != nil {
		return nil, nil, err
	}
	pq, err := mls.CreateGroup(ctx, now, pqcfg, info.PQGroupID, extensions...)
	if err != nil {
		return nil, nil, &LegError{Leg: PQ, Err: err}
	}
	defer func() {
		if err != nil {
			pq.Destroy()
		}
	}()
	if len(keyPackages) > 0 {
		var adds []message.Proposal
		for _, k := range keyPackages {
			adds = append(adds, message.Add{KeyPackage: k})
		}
		c, err := pq.Commit(ctx, now, mls.CommitOptions{ForcePath: true}, adds...)
		if err != nil {
			return nil, nil, &LegError{Leg: PQ, Err: err}
		}
		if err := cfg.agree(t, c); err != nil {
			c.Discard()
			return nil, nil, err
		}
		welcome = c.Welcome
		if pq, err = c.Adopt(); err != nil {
			return nil, nil, &LegError{Leg: PQ, Err: err}
		}
	} else if err := cfg.agree(t, pq); err != nil {
		return nil, nil, err
	}
	return newGroup(&cfg, t, pq), welcome, nil
}

// JoinPQ joins the PQ group that another member has made with [Start] for a T group in
// which this client is. own is a PQ KeyPackage of this client, made with what [Config.Prepare]
// returns, and tree the tree if the Welcome does not hold it.
//
// Errors:
//
//   - those of [mls.OwnKeyPackage.Join], in a [*LegError].
//   - a [*RuleError]: the PQ group is not for the T group, or has other members.
func JoinPQ(ctx context.Context, now time.Time, cfg Config, t *mls.Group, own *mls.OwnKeyPackage, welcome, tree []byte) (*Group, error) {
	if _, _, err := cfg.legs(); err != nil {
		return nil, err
	}
	if err := cfg.mayStart(t); err != nil {
		return nil, err
	}
	c, err := own.Join(ctx, now, welcome, mls.JoinOptions{RatchetTree: tree})
	if err != nil {
		return nil, legError(PQ, err)
	}
	if err := cfg.checkUnbound(t, c); err != nil {
		c.Discard()
		return nil, err
	}
	pq, err := c.Adopt()
	if err != nil {
		return nil, legError(PQ, err)
	}
	return newGroup(&cfg, t, pq), nil
}

// Prepare returns the configurations of the two groups with what the combiner adds to them.
// A client needs that of T for a T group that is to come under a PQ group later with
// [Start], and that of PQ for the KeyPackage of [JoinPQ].
//
// Errors:
//
//   - a [*RuleError]: the suites may not stand together.
//   - [message.ErrUnsupported]: the client does not have one of the suites.
//   - an error without a sentinel that names a field of Config.
func (c Config) Prepare() (t, pq mls.Config, err error) { return c.legs() }

// mayStart returns an error unless a T group can come under a PQ group.
func (c *Config) mayStart(t *mls.Group) error {
	info, err := InfoIn(t.GroupContext().Extensions, c.numbers())
	switch {
	case err != nil:
		return &RuleError{"5.1", T, "APQInfo does not parse", err}
	case info != nil:
		return broken("3", T, "group has an APQInfo already")
	case t.Suite().Info().ID != c.T.Suite:
		return broken("7.1", T, "group has the suite %s, and Config.T %s", t.Suite().Info().ID, c.T.Suite)
	}
	return requiresPairs(T, "group", t.GroupContext().Extensions, c.numbers())
}

// checkUnbound returns an error unless a PQ group, whose Info only it has, is for a T group.
func (c *Config) checkUnbound(t, pq view) error {
	tContext, pqContext := t.GroupContext(), pq.GroupContext()
	info, err := c.infoOf(PQ, pqContext.Extensions)
	if err == nil {
		err = c.names(info, &tContext, &pqContext, false)
	}
	if err != nil {
		return err
	}
	return c.agree(t, pq)
}
