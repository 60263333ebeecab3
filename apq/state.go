package apq

import (
	"errors"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/suite"
)

// Delta is what a store lacks of both groups. A store applies both parts in one
// transaction, each to the state of its group, or a restart may find one group without the
// other. The rules of package mls hold: save before anything leaves, a Welcome among it.
type Delta struct{ T, PQ *mls.Delta }

// Stored says that both parts are stored.
func (d *Delta) Stored() {
	d.T.Stored()
	d.PQ.Stored()
}

// Destroy overwrites the values of both parts.
func (d *Delta) Destroy() {
	d.T.Destroy()
	d.PQ.Destroy()
}

// Delta returns what the stored states of the two groups lack. After a PARTIAL commit, the
// part of the PQ group has nothing but a few bytes.
//
// Errors:
//
//   - [mls.ErrRetired].
//   - those of [mls.Group.Delta], in a [*LegError].
func (g *Group) Delta() (*Delta, error) { return g.delta((*mls.Group).Delta) }

// Save is Delta for a store that has lost the states. It is O(n).
func (g *Group) Save() (*Delta, error) { return g.delta((*mls.Group).Save) }

func (g *Group) delta(of func(*mls.Group) (*mls.Delta, error)) (*Delta, error) {
	if err := g.alive(); err != nil {
		return nil, err
	}
	pq, err := of(g.pq)
	if err != nil {
		return nil, &LegError{Leg: PQ, Err: err}
	}
	t, err := of(g.t)
	if err != nil {
		pq.Destroy()
		return nil, &LegError{Leg: T, Err: err}
	}
	return &Delta{T: t, PQ: pq}, nil
}

// Restore returns the Group of the stored states of both groups. Signers are as with
// [mls.RestoreGroup].
//
// Errors:
//
//   - those of [mls.RestoreGroup], in a [*LegError], which wraps [ErrLegLost].
//   - a [*LegError] that wraps [ErrLegLost]: the states do not belong together, because
//     one of them is older than the other.
func Restore(now time.Time, cfg Config, tState, pqState mls.Snapshot, signers ...suite.Signer) (*Group, error) {
	tcfg, pqcfg, err := cfg.legs()
	if err != nil {
		return nil, err
	}
	pq, err := mls.RestoreGroup(now, pqcfg, pqState, signers...)
	if err != nil {
		return nil, &LegError{Leg: PQ, Err: err, Lost: lostState(err)}
	}
	t, err := mls.RestoreGroup(now, tcfg, tState, signers...)
	if err != nil {
		return nil, &LegError{Leg: T, Err: err, Lost: lostState(err)}
	}
	return Combine(cfg, t, pq)
}

// Combine returns the Group of two groups that a caller has restored with the configurations
// of [Config.Prepare]. The Group owns them from then on.
//
// Errors:
//
//   - a [*LegError] that wraps [ErrLegLost]: they do not belong together, because one of
//     them is older than the other.
//   - a [*RuleError]: the suites may not stand together.
func Combine(cfg Config, t, pq *mls.Group) (*Group, error) {
	if _, _, err := cfg.legs(); err != nil {
		return nil, err
	}
	g := newGroup(&cfg, t, pq)
	if err := g.checkRestored(); err != nil {
		return nil, err
	}
	return g, nil
}

// lostState reports whether an error says that the state itself is of no use: not that a
// policy refuses it, for example.
func lostState(err error) bool {
	_, refused := errors.AsType[*suite.PolicyError](err)
	return !refused
}

// checkRestored returns an error unless the states of two groups belong together.
func (g *Group) checkRestored() error {
	var err error
	switch {
	case g.Info() == nil:
		err = g.cfg.checkUnbound(g.t, g.pq)
	case g.t.ReInit() != nil || g.pq.ReInit() != nil:
		err = g.checkEnded()
	default:
		_, err = g.cfg.infosOf(g.t.GroupContext(), g.pq.GroupContext(), false)
	}
	if broken, ok := errors.AsType[*RuleError](err); ok {
		leg := broken.Leg
		if leg == 0 {
			leg = g.older()
		}
		return &LegError{Leg: leg, Err: err, Lost: true}
	}
	return err
}

// older returns the leg whose Info is older than the other's.
func (g *Group) older() Leg {
	t, pq := g.Info(), g.pqInfo()
	if pq != nil && t != nil && t.PQEpoch > pq.PQEpoch {
		return PQ
	}
	return T
}

func (g *Group) pqInfo() *Info {
	info, _ := InfoIn(g.pq.GroupContext().Extensions, g.cfg.numbers())
	return info
}

// CandidateState is a saved [Candidate] of a commit. PQ is nil if the commit is PARTIAL.
type CandidateState struct{ T, PQ mls.Snapshot }

// Save returns the candidate as [Group.RestoreCandidate] takes it.
//
// Errors:
//
//   - those of [mls.Candidate.Save], in a [*LegError].
func (c *Candidate) Save() (s CandidateState, err error) {
	if s.T, err = c.t.Save(); err != nil {
		return CandidateState{}, &LegError{Leg: T, Err: err}
	}
	if c.pq == nil {
		return s, nil
	}
	if s.PQ, err = c.pq.Save(); err != nil {
		s.T.Destroy()
		return CandidateState{}, &LegError{Leg: PQ, Err: err}
	}
	return s, nil
}

// RestoreCandidate returns a candidate of the Group that [Candidate.Save] saved, with its
// messages.
//
// Errors:
//
//   - those of [mls.Group.RestoreCandidate], in a [*LegError].
//   - [mls.ErrRetired].
//   - [message.ErrMalformed], a [*RuleError]: the states are of different candidates.
func (g *Group) RestoreCandidate(now time.Time, s CandidateState, signers ...suite.Signer) (*Candidate, error) {
	c := &Candidate{cfg: g.cfg, from: g, info: g.Info()}
	var err error
	if c.t, err = g.t.RestoreCandidate(now, s.T, signers...); err != nil {
		return nil, &LegError{Leg: T, Err: err}
	}
	if s.PQ == nil {
		return g.finish(c)
	}
	if c.pq, err = g.pq.RestoreCandidate(now, s.PQ, signers...); err != nil {
		c.Discard()
		return nil, &LegError{Leg: PQ, Err: err}
	}
	if c.ends() {
		err = c.checkEnd()
	} else {
		err = c.checkJoin()
	}
	if err != nil {
		c.Discard()
		return nil, err
	}
	return g.finish(c)
}

// RestoreCandidate returns a saved candidate of a client that joins from outside, with its
// Message.
//
// Errors:
//
//   - those of [mls.RestoreCandidate], in a [*LegError].
//   - [message.ErrMalformed], a [*RuleError]: the states are of different candidates.
func RestoreCandidate(now time.Time, cfg Config, s CandidateState) (*Candidate, error) {
	tcfg, pqcfg, err := cfg.legs()
	if err != nil {
		return nil, err
	}
	c := &Candidate{cfg: &cfg}
	if c.t, err = mls.RestoreCandidate(now, tcfg, s.T); err != nil {
		return nil, &LegError{Leg: T, Err: err}
	}
	if c.pq, err = mls.RestoreCandidate(now, pqcfg, s.PQ); err != nil {
		c.Discard()
		return nil, &LegError{Leg: PQ, Err: err}
	}
	if err = c.checkJoin(); err == nil {
		err = c.pack()
	}
	if err != nil {
		c.Discard()
		return nil, err
	}
	return c, nil
}
