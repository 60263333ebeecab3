package apq

import (
	"context"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// ExternalJoinOptions says what the commits of [ExternalJoin] hold. The zero value is for a
// client that joins for the first time, by GroupInfos that hold the trees.
type ExternalJoinOptions struct {
	TTree, PQTree []byte

	// Resync takes an earlier leaf of this client out of each group that has one, or the
	// client would be there twice. It is the way out after [ErrLegLost], and after this
	// client has lost its state, of one group or of both.
	Resync bool

	AuthenticatedData []byte // of the T group's commit
}

// ExternalJoin makes a FULL commit by which this client joins a combined group, from a pair
// of GroupInfos as [Group.GroupInfo] returns it (draft-ietf-mls-combiner, Section 3.2.2).
// The candidate's Message is a pair of PublicMessages for the group's members.
//
// Errors:
//
//   - those of [mls.ExternalJoin], in a [*LegError].
//   - [message.ErrMalformed], [message.ErrUnsupported]: groupInfo is no pair of GroupInfos.
//   - a [*RuleError]: the two groups do not belong together, or the client is in one of
//     them already.
func ExternalJoin(ctx context.Context, now time.Time, cfg Config, groupInfo []byte, options ExternalJoinOptions) (_ *Candidate, err error) {
	tcfg, pqcfg, err := cfg.legs()
	if err != nil {
		return nil, err
	}
	pair, tInfo, pqInfo, err := openPair(groupInfo, cfg.numbers())
	if err != nil {
		return nil, err
	}
	t, err := readOutside(ctx, now, T, &tcfg, tInfo, pair.T, options.TTree, options.Resync)
	if err != nil {
		return nil, err
	}
	pq, err := readOutside(ctx, now, PQ, &pqcfg, pqInfo, pair.PQ, options.PQTree, options.Resync)
	if err != nil {
		return nil, err
	}
	old, err := cfg.infosOf(t.context, pq.context, false)
	if err != nil {
		return nil, err
	}
	next := *old
	next.TEpoch, next.PQEpoch = t.context.Epoch+1, pq.context.Epoch+1
	updates, err := cfg.updates(old, &next)
	if err != nil {
		return nil, err
	}
	c := &Candidate{cfg: &cfg}
	defer func() {
		if err != nil {
			c.Discard()
		}
	}()
	leg := mls.ExternalJoinOptions{RatchetTree: options.PQTree, Remove: pq.own, AppData: updates}
	if c.pq, err = mls.ExternalJoin(ctx, now, pqcfg, pair.PQ, leg); err != nil {
		return nil, legError(PQ, err)
	}
	s, err := tcfg.Suites.Suite(tcfg.Suite)
	if err != nil {
		return nil, err
	}
	psk, err := cfg.exportPSK(c.pq, s)
	if err != nil {
		return nil, err
	}
	defer psk.destroy()
	leg = mls.ExternalJoinOptions{
		RatchetTree: options.TTree, Remove: t.own, AppData: updates, AuthenticatedData: options.AuthenticatedData,
		PSKs: []message.PreSharedKeyID{cfg.named(psk)}, ApplicationPSKs: cfg.handed(psk),
	}
	if c.t, err = mls.ExternalJoin(ctx, now, tcfg, pair.T, leg); err != nil {
		return nil, legError(T, err)
	}
	if err = c.checkFull(old, psk); err != nil {
		return nil, err
	}
	if err = c.pack(); err != nil {
		return nil, err
	}
	return c, nil
}

// outside is what a client that joins sees of a group.
type outside struct {
	context message.GroupContext
	own     *message.LeafIndex // an earlier leaf of the client to take out, or nil
}

// readOutside reads a GroupInfo, which m is parsed. With resync, it looks for a leaf with the
// client's credential.
func readOutside(ctx context.Context, now time.Time, leg Leg, cfg *mls.Config, m *message.Message, groupInfo, tree []byte, resync bool) (*outside, error) {
	if m.GroupInfo == nil {
		return nil, unsupportedMessage(m)
	}
	o := &outside{context: m.GroupInfo.GroupContext}
	if !resync {
		return o, nil
	}
	seen, err := mls.NewPublicGroup(ctx, now, *cfg, groupInfo, tree)
	if err != nil {
		return nil, legError(leg, err)
	}
	matched, _ := seen.MatchClients(cfg.Authenticator, []message.Credential{cfg.Credential})
	for leaf := range matched {
		o.own = &leaf
	}
	return o, nil
}
