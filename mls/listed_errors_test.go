package mls

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

var (
	errPen     = errors.New("the signer's own")
	errService = errors.New("the authentication service's own")
	errStore   = errors.New("the store's own")
)

// brokenSigner signs nothing.
type brokenSigner struct{ suite.Signer }

func (brokenSigner) Sign(context.Context, []byte) ([]byte, error) { return nil, errPen }

// keyring answers for external PSKs with an error, and for resumption PSKs with a group.
type keyring struct{ group *Group }

func (keyring) ExternalPSK(context.Context, []byte) ([]byte, error) { return nil, errStore }
func (k keyring) Group([]byte) *Group                               { return k.group }

// unpermitted is a suite in an environment that makes no key.
type unpermitted struct{ suite.Suite }

func (unpermitted) GenerateKey() (suite.PrivateKey, error) {
	return nil, &suite.EnvironmentError{Algorithm: "X25519", Cause: errors.New("refused here")}
}

// What a client brings fails calls with its own error, which stays visible: that of the
// Signer, of the Authenticator, of the PSKStore, and of an environment; and a Config that
// lacks something says what.
func TestErrorsThatCallsDoNotList(t *testing.T) {
	ctx := t.Context()
	groups := clique(t, 0x0001, 3)
	g, other := groups[0], groups[1]
	info, err := other.GroupInfo(ctx, insiderTime, true)
	require.NoError(t, err)
	joiner := client(t, 0x0001, "joiner")
	own := ownKeyPackage(t, 0x0001, "added")
	add := message.Add{KeyPackage: own.KeyPackage}
	c, err := other.Commit(ctx, insiderTime, CommitOptions{}, add)
	require.NoError(t, err)
	retired := clique(t, 0x0001, 2)[0]
	retired.Destroy()

	// with returns cfg with a change; in runs a call while the group has it.
	with := func(cfg Config, change func(*Config)) Config {
		change(&cfg)
		return cfg
	}
	in := func(g *Group, change func(*Config), call func() error) error {
		was := g.cfg
		changed := with(*was, change)
		g.cfg = &changed
		defer func() { g.cfg = was }()
		return call()
	}
	dumb := func(cfg *Config) { cfg.Signer = brokenSigner{cfg.Signer} }
	mute := func(cfg *Config) { cfg.Authenticator = &clerk{fails: errService} }
	locked := func(cfg *Config) { cfg.PSKs = keyring{} }
	left := func(cfg *Config) { cfg.PSKs = keyring{retired} }
	strict := func(cfg *Config) {
		cfg.Suites = mlstest.Around(cfg.Suites, func(s suite.Suite) suite.Suite { return unpermitted{s} })
	}
	old := resumptionPSK(retired.GroupID(), 1)
	commit := func(change func(*Config), proposals ...message.Proposal) error {
		return in(g, change, func() error {
			_, err := g.Commit(ctx, insiderTime, CommitOptions{}, proposals...)
			return err
		})
	}
	create := func(change func(*Config), x ...message.Extension) error {
		_, err := CreateGroup(ctx, insiderTime, with(joiner, change), nil, x...)
		return err
	}
	keyPackage := func(change func(*Config)) error {
		_, err := NewKeyPackage(ctx, insiderTime, with(joiner, change), KeyPackageOptions{})
		return err
	}
	enter := func(change func(*Config), psks ...message.PreSharedKeyID) error {
		_, err := ExternalJoin(ctx, insiderTime, with(joiner, change), info, ExternalJoinOptions{PSKs: psks})
		return err
	}
	follow := func(change func(*Config)) error {
		_, err := NewPublicGroup(ctx, insiderTime, with(joiner, change), info, nil)
		return err
	}

	for name, c := range map[string]struct {
		want error
		got  error
	}{
		"signer, Encrypt": {errPen, in(g, dumb, func() error { return encrypts(t, g) })},
		"signer, Propose": {errPen, in(g, dumb, func() error {
			_, err := g.Propose(ctx, insiderTime, message.Remove{Removed: 2}, nil)
			return err
		})},
		"signer, GroupInfo": {errPen, in(g, dumb, func() error {
			_, err := g.GroupInfo(ctx, insiderTime, true)
			return err
		})},
		"signer, Commit":        {errPen, commit(dumb)},
		"signer, CreateGroup":   {errPen, create(dumb)},
		"signer, NewKeyPackage": {errPen, keyPackage(dumb)},
		"signer, ExternalJoin":  {errPen, enter(dumb)},

		"no verdict, Commit":         {errService, commit(mute, add)},
		"no verdict, CreateGroup":    {errService, create(mute, sendersExtension(t, "gate"))},
		"no verdict, ExternalJoin":   {errService, enter(mute)},
		"no verdict, NewPublicGroup": {errService, follow(mute)},
		"no verdict, Process": {errService, in(g, mute, func() error {
			_, err := g.Process(ctx, insiderTime, c.Message)
			return err
		})},
		"no verdict, Join": {errService, func() error {
			mute(&own.cfg)
			defer func() { own.cfg.Authenticator = nil }()
			_, err := own.Join(ctx, insiderTime, c.Welcome, JoinOptions{})
			return err
		}()},

		"store, Commit":       {errStore, commit(locked, externalPSK("x"))},
		"store, ExternalJoin": {errStore, enter(locked, externalPSK("x").PSK)},

		"retired group, Commit":       {ErrRetired, commit(left, old)},
		"retired group, ExternalJoin": {ErrRetired, enter(left, old.PSK)},

		"environment, CreateGroup":   {suite.ErrEnvironment, create(strict)},
		"environment, NewKeyPackage": {suite.ErrEnvironment, keyPackage(strict)},
		"environment, ExternalJoin":  {suite.ErrEnvironment, enter(strict)},

		"nil, CheckKeyPackages": {message.ErrMalformed, checkKeyPackage(t, nil, insiderTime, joiner, nil)},
	} {
		require.ErrorIs(t, c.got, c.want, name)
	}

	for field, change := range map[string]func(*Config){
		"Suites":     func(cfg *Config) { cfg.Suites = nil },
		"Signer":     func(cfg *Config) { cfg.Signer = nil },
		"Credential": func(cfg *Config) { cfg.Credential = message.Credential{} },
	} {
		for name, err := range map[string]error{"CreateGroup": create(change), "NewKeyPackage": keyPackage(change), "ExternalJoin": enter(change)} {
			require.EqualError(t, err, "mls: Config."+field+" is missing", name)
		}
	}
	missing := func(cfg *Config) { cfg.Suites = nil }
	require.EqualError(t, follow(missing), "mls: Config.Suites is missing")
	_, err = CheckKeyPackages(t.Context(), insiderTime, with(joiner, missing), nil, own.KeyPackage)
	require.EqualError(t, err, "mls: Config.Suites is missing")

	_, err = adopted(own.Join(ctx, insiderTime, c.Welcome, JoinOptions{}))
	require.NoError(t, err, "nothing of this has used the key package up")
	require.NoError(t, encrypts(t, g), "nor changed the group")
}

// A received commit and a Welcome need the resumption PSK of a group that this client has
// left: they say so, and not that it is unknown.
func TestRetiredGroupOfAStoreIsNamed(t *testing.T) {
	other := clique(t, 0x0001, 3)
	theirs := func(cfg *Config) { cfg.PSKs = keyring{other[0]} }
	groups := clique(t, 0x0001, 2, theirs)
	k := ownKeyPackage(t, 0x0001, "added", theirs)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: k.KeyPackage}, resumptionPSK(other[0].GroupID(), other[0].Epoch()))
	require.NoError(t, err)
	other[0].Destroy()
	_, err = groups[1].Process(t.Context(), insiderTime, c.Message)
	require.ErrorIs(t, err, ErrRetired)
	require.NotErrorIs(t, err, ErrUnknownPSK)
	_, err = k.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{})
	require.ErrorIs(t, err, ErrRetired)
}
