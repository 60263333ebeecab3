package apq

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// Config is what a client brings to combined groups.
type Config struct {
	// T and PQ are the client's configurations in the two groups, each with a suite, a
	// signer and a credential of its own. They have the same CodePoints. The combiner adds
	// to them what it needs: its component, its wire format and the exporter tree. Their
	// policies are asked about the pair ([suite.PairInfo]) where a group by itself would
	// ask about its suite.
	T, PQ mls.Config

	Mode Mode

	// SameMember reports whether a member of the T group and one of the PQ group are one
	// member of the combined group. Nil stands for credentials that are identical. Where
	// the two groups have credentials of different kinds or keys, such as certificates, it
	// compares the identities. It must give all members the same answer. Two members of one
	// group never are the same as one member of the other group, or a Remove may reach
	// different ones: credentials of two devices of one user have to differ in what
	// SameMember compares.
	SameMember func(t, pq message.Credential) bool
}

// legs returns the configurations with what the combiner adds to them.
func (c *Config) legs() (t, pq mls.Config, err error) {
	if c.T.CodePoints.Complete() != c.PQ.CodePoints.Complete() {
		return t, pq, errors.New("apq: Config.T and Config.PQ have different CodePoints")
	}
	pair, err := c.pair()
	if err != nil {
		return t, pq, err
	}
	if err := CheckSuites(c.Mode, pair.T, pair.PQ); err != nil {
		return t, pq, err
	}
	if t, err = c.leg(c.T, pair); err != nil {
		return t, pq, &LegError{Leg: T, Err: err}
	}
	if pq, err = c.leg(c.PQ, pair); err != nil {
		return t, pq, &LegError{Leg: PQ, Err: err}
	}
	pq.SafeExporter = true
	return t, pq, nil
}

// pair returns what a policy sees of the groups.
func (c *Config) pair() (suite.PairInfo, error) {
	p := suite.PairInfo{Mode: uint8(c.Mode)}
	for i, info := range []*suite.Info{&p.T, &p.PQ} {
		leg := T + Leg(i)
		cfg := c.of(leg)
		if cfg.Suites == nil {
			return p, fmt.Errorf("apq: Config.%s.Suites is missing", leg)
		}
		s, err := cfg.Suites.Suite(cfg.Suite)
		if err != nil {
			return p, fmt.Errorf("apq: %s: %w: %w", leg, message.ErrUnsupported, err)
		}
		*info = suite.Describe(s)
	}
	return p, nil
}

// of returns the configuration of a leg.
func (c *Config) of(leg Leg) *mls.Config {
	if leg == T {
		return &c.T
	}
	return &c.PQ
}

// numbers returns the code points of the combined group.
func (c *Config) numbers() message.CodePoints { return c.T.CodePoints.Complete() }

// same reports whether two members are the same.
func (c *Config) same(t, pq message.Credential) bool {
	if c.SameMember == nil {
		return t.Type == pq.Type && string(t.Content) == string(pq.Content)
	}
	return c.SameMember(t, pq)
}

// matcher is [Config].SameMember as [mls.Group.MatchClients] takes it: of a member of the
// T group and of a credential in the PQ group.
type matcher struct{ cfg *Config }

func (m matcher) SameClient(t, pq message.Credential) bool { return m.cfg.same(t, pq) }

func (m matcher) Authenticate(context.Context, time.Time, event.Occasion, []event.Change) ([]error, error) {
	return nil, errors.New("apq: a matcher judges no credentials")
}

// Extensions returns the extensions of a GroupContext with what a T group needs that is to
// come under a PQ group later: required_wire_formats, required_capabilities and an empty
// dictionary. For a group that runs without it, a GroupContextExtensions brings them.
//
// The error wraps [message.ErrMalformed] if one of those in x does not parse.
func (c Config) Extensions(x message.Extensions) (message.Extensions, error) {
	return c.withInfo(x, nil)
}
