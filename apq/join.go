package apq

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// OwnKeyPackage is a pair of KeyPackages with their private parts, by which a client joins
// a combined group. T and PQ are saved by themselves.
type OwnKeyPackage struct {
	T, PQ *mls.OwnKeyPackage

	// Message is the pair of KeyPackages, for others: see [ParseKeyPackages].
	Message []byte

	cfg   *Config
	suite suite.Suite // of T
	psks  *welcomePSKs

	joining sync.Mutex
}

// NewKeyPackage makes a pair of KeyPackages (draft-ietf-mls-combiner, Section 3.2).
//
// Errors:
//
//   - those of [mls.NewKeyPackage], in a [*LegError].
//   - a [*RuleError]: the suites may not stand together.
func NewKeyPackage(ctx context.Context, now time.Time, cfg Config, options mls.KeyPackageOptions) (*OwnKeyPackage, error) {
	tcfg, pqcfg, err := cfg.legs()
	if err != nil {
		return nil, err
	}
	psks := cfg.welcomePSKs(&tcfg)
	t, err := mls.NewKeyPackage(ctx, now, tcfg, options)
	if err != nil {
		return nil, &LegError{Leg: T, Err: err}
	}
	pq, err := mls.NewKeyPackage(ctx, now, pqcfg, options)
	if err != nil {
		t.Destroy()
		return nil, &LegError{Leg: PQ, Err: err}
	}
	return newOwnKeyPackage(&cfg, psks, t, pq)
}

// RestoreKeyPackage returns the pair of which T and PQ were saved.
//
// Errors:
//
//   - those of [mls.RestoreKeyPackage], in a [*LegError].
func RestoreKeyPackage(now time.Time, cfg Config, tState, pqState mls.Snapshot) (*OwnKeyPackage, error) {
	tcfg, pqcfg, err := cfg.legs()
	if err != nil {
		return nil, err
	}
	psks := cfg.welcomePSKs(&tcfg)
	t, err := mls.RestoreKeyPackage(now, tcfg, tState)
	if err != nil {
		return nil, &LegError{Leg: T, Err: err}
	}
	pq, err := mls.RestoreKeyPackage(now, pqcfg, pqState)
	if err != nil {
		return nil, &LegError{Leg: PQ, Err: err}
	}
	return newOwnKeyPackage(&cfg, psks, t, pq)
}

// welcomePSKs gives a T group's configuration the store of a client that joins.
func (c *Config) welcomePSKs(t *mls.Config) *welcomePSKs {
	s := &welcomePSKs{PSKStore: t.PSKs, component: c.numbers().APQInfo}
	t.PSKs = s
	return s
}

func newOwnKeyPackage(cfg *Config, psks *welcomePSKs, t, pq *mls.OwnKeyPackage) (*OwnKeyPackage, error) {
	var pair MessagePair
	var err error
	if pair.T, err = message.Marshal(&message.Message{KeyPackage: t.KeyPackage}); err != nil {
		return nil, err
	}
	if pair.PQ, err = message.Marshal(&message.Message{KeyPackage: pq.KeyPackage}); err != nil {
		return nil, err
	}
	k := &OwnKeyPackage{T: t, PQ: pq, cfg: cfg, psks: psks}
	if k.suite, err = cfg.T.Suites.Suite(cfg.T.Suite); err != nil {
		return nil, err
	}
	k.Message, err = pair.Marshal(cfg.numbers())
	return k, err
}

// Destroy deletes the private parts.
func (k *OwnKeyPackage) Destroy() {
	k.T.Destroy()
	k.PQ.Destroy()
}

// JoinOptions says what [OwnKeyPackage.Join] does. The zero value is for Welcomes that hold
// the trees.
type JoinOptions struct{ TTree, PQTree []byte }

// Join opens a pair of Welcomes and returns the candidate for the group to which they admit
// the client (draft-ietf-mls-combiner, Section 3.2.1). It joins the PQ group, exports its
// pre-shared key, and joins the T group with it. The first commit of the joiner is FULL,
// and it should be made soon.
//
// Errors:
//
//   - those of [mls.OwnKeyPackage.Join], in a [*LegError].
//   - [message.ErrMalformed], [message.ErrUnsupported]: the message is no pair of Welcomes.
//   - a [*RuleError]: the two groups do not belong together, or do not have the same
//     members; or the T group was not made with the pre-shared key of the PQ group.
func (k *OwnKeyPackage) Join(ctx context.Context, now time.Time, welcome []byte, options JoinOptions) (_ *Candidate, err error) {
	pair, err := ParseMessagePair(welcome, k.cfg.numbers())
	if err != nil {
		return nil, err
	}
	k.joining.Lock()
	defer k.joining.Unlock()
	c := &Candidate{cfg: k.cfg}
	defer func() {
		if err != nil {
			c.Discard()
		}
	}()
	if c.pq, err = k.PQ.Join(ctx, now, pair.PQ, mls.JoinOptions{RatchetTree: options.PQTree}); err != nil {
		return nil, legError(PQ, err)
	}
	psk, err := k.cfg.exportPSK(c.pq, k.suite)
	if err != nil {
		return nil, err
	}
	defer psk.destroy()
	used, err := k.psks.during(psk, func() (err error) {
		c.t, err = k.T.Join(ctx, now, pair.T, mls.JoinOptions{RatchetTree: options.TTree})
		return err
	})
	switch {
	case errors.Is(err, mls.ErrUnknownPSK):
		return nil, &RuleError{"5.2", T, "Welcome needs another pre-shared key than that of the PQ group", err}
	case err != nil:
		return nil, legError(T, err)
	case !used:
		return nil, broken("5.2", T, "Welcome does without the pre-shared key of the PQ group")
	}
	if err = c.checkJoin(); err != nil {
		return nil, err
	}
	return c, nil
}

// checkJoin checks the two groups of a candidate without the commits that lead to them, and
// sets c's Info.
func (c *Candidate) checkJoin() (err error) {
	if c.info, err = c.cfg.infosOf(c.t.GroupContext(), c.pq.GroupContext(), true); err != nil {
		return err
	}
	return c.cfg.agree(c.t, c.pq)
}
