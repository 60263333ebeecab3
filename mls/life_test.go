package mls

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// interrupt is an application that does something else when a group first asks it.
type interrupt struct {
	suite.Signer
	do *func()
}

func (i interrupt) now() {
	if do := *i.do; do != nil {
		*i.do = nil
		do()
	}
}

func (i interrupt) Sign(ctx context.Context, message []byte) ([]byte, error) {
	i.now()
	return i.Signer.Sign(ctx, message)
}

func (i interrupt) Authenticate(_ context.Context, _ time.Time, _ event.Occasion, changes []event.Change) ([]error, error) {
	i.now()
	return make([]error, len(changes)), nil
}

func (interrupt) SameClient(a, b message.Credential) bool { return true }

func (i interrupt) ExternalPSK(context.Context, []byte) ([]byte, error) {
	i.now()
	return make([]byte, 32), nil
}

func (i interrupt) Group([]byte) *Group { return nil }

// While a group asks the application, that can adopt a candidate, use the group of the
// next epoch and even destroy it, and ask the old one, on the same goroutine. The call
// in progress keeps the secrets that it began with, and they are gone when it is done.
func TestGroupLocksNothingWhileItAsks(t *testing.T) {
	ctx := t.Context()
	for _, destroy := range []bool{false, true} {
		for name, call := range map[string]struct {
			call func(g *Group, other []*Group) error
			want error
		}{
			"signer of a message": {func(g *Group, _ []*Group) error { _, err := g.Encrypt(ctx, insiderTime, nil, nil); return err }, ErrRetired},
			"signer of a proposal": {func(g *Group, _ []*Group) error {
				_, err := g.Propose(ctx, insiderTime, message.Remove{Removed: 1}, nil)
				return err
			}, ErrRetired},
			"signer of an Update": {func(g *Group, _ []*Group) error {
				_, err := g.ProposeUpdate(ctx, insiderTime, LeafOptions{}, nil)
				return err
			}, ErrRetired},
			"signer of a commit":    {func(g *Group, _ []*Group) error { _, err := g.Commit(ctx, insiderTime, CommitOptions{}); return err }, ErrRetired},
			"signer of a GroupInfo": {func(g *Group, _ []*Group) error { _, err := g.GroupInfo(ctx, insiderTime, true); return err }, nil},
			"store": {func(g *Group, _ []*Group) error {
				_, err := g.Commit(ctx, insiderTime, CommitOptions{}, externalPSK("x"))
				return err
			}, ErrRetired},
			"Authenticator": {func(g *Group, others []*Group) error {
				k := ownKeyPackage(t, 0x0001, "joiner")
				c, err := others[1].Commit(ctx, insiderTime, CommitOptions{ForcePath: true}, message.Add{KeyPackage: k.KeyPackage})
				require.NoError(t, err)
				_, err = g.Process(ctx, insiderTime, c.Message)
				return err
			}, ErrRetired},
		} {
			t.Run(name, func(t *testing.T) {
				groups := clique(t, 0x0001, 3)
				populate(t, groups)
				g := groups[0]
				var do func()
				i := interrupt{g.cfg.Signer, &do}
				g.cfg.Signer, g.cfg.Authenticator, g.cfg.PSKs = i, i, i
				r, err := groups[1].Commit(ctx, insiderTime, CommitOptions{})
				require.NoError(t, err)
				received, err := g.Process(ctx, insiderTime, r.Message)
				require.NoError(t, err)
				secrets := secretsOfEpoch(t, g)
				var next *Group
				do = func() {
					next, err = received.Commit.Adopt()
					require.NoError(t, err)
					_, err = g.EpochAuthenticator()
					require.ErrorIs(t, err, ErrRetired)
					_, err = next.Encrypt(ctx, insiderTime, []byte("hello"), nil)
					require.NoError(t, err)
					if destroy {
						next.Destroy()
						_, err = next.EpochAuthenticator()
						require.ErrorIs(t, err, ErrRetired)
					}
					require.Len(t, reachable(secrets, map[string]any{"old": g, "next": next}), len(secrets), "they are in use")
				}
				require.ErrorIs(t, call.call(g, groups), call.want)
				require.Nil(t, do)
				if !destroy {
					for name, secret := range secrets {
						if name == "leaf key" || pathKeyOf(t, next, secret) {
							delete(secrets, name)
						}
					}
				}
				require.NotEmpty(t, secrets)
				require.Empty(t, reachable(secrets, map[string]any{"old": g, "next": next}))
			})
		}
	}
}

// pathKeyOf reports whether a group has a private key, by its bytes.
func pathKeyOf(t testing.TB, g *Group, secret []byte) bool {
	for _, key := range g.self.pathKeys {
		if bytes.Equal(privateBytes(t, key), secret) {
			return true
		}
	}
	return false
}

// What is made or arrives while its epoch ends is refused, and leaves no key behind.
func TestNothingComesIntoARetiredEpoch(t *testing.T) {
	ctx := t.Context()
	process := func(g *Group, message []byte) error {
		_, err := g.Process(ctx, insiderTime, message)
		return err
	}
	for name, c := range map[string]struct {
		makesKeys bool
		call      func(t *testing.T, g, other *Group) error
	}{
		"commit": {true, func(_ *testing.T, g, _ *Group) error {
			_, err := g.Commit(ctx, insiderTime, CommitOptions{})
			return err
		}},
		"update": {true, func(_ *testing.T, g, _ *Group) error {
			_, err := g.ProposeUpdate(ctx, insiderTime, LeafOptions{}, nil)
			return err
		}},
		"commit of another": {true, func(t *testing.T, g, other *Group) error {
			c, err := other.Commit(ctx, insiderTime, CommitOptions{ForcePath: true}, message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "joiner").KeyPackage})
			require.NoError(t, err)
			return process(g, c.Message)
		}},
		"proposal from outside": {false, func(t *testing.T, g, other *Group) error {
			outside := ExternalProposer{Suite: other.public.suite, GroupID: other.public.context.GroupID, Epoch: other.Epoch()}
			message, err := outside.ProposeJoin(ctx, ownKeyPackage(t, 0x0001, "joiner"))
			require.NoError(t, err)
			return process(g, message)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			groups := clique(t, 0x0001, 3, publicHandshake)
			g := groups[0]
			made := counted(g)
			var do func()
			i := interrupt{g.cfg.Signer, &do}
			g.cfg.Signer, g.cfg.Authenticator = i, i
			do = func() { g.Destroy() }
			require.ErrorIs(t, c.call(t, g, groups[1]), ErrRetired)
			require.Nil(t, do)
			require.Equal(t, c.makesKeys, made.made.Load() > 0)
			require.Equal(t, made.made.Load(), made.destroyed.Load(), "keys")
			require.Empty(t, g.inbox.pending())
		})
	}
}

// Two groups that inject each other's resumption PSKs, while both are retired.
func TestGroupsAskEachOther(t *testing.T) {
	var groups [2]*Group
	var candidates [2]*Candidate
	for i := range groups {
		groups[i] = clique(t, 0x0001, 2)[0]
		var err error
		candidates[i], err = groups[i].Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
	}
	arrived, release := make(chan struct{}), make(chan struct{})
	var jobs []func() error
	for i, g := range groups {
		other := groups[1-i]
		g.cfg.PSKs = meeting{other, arrived, release}
		jobs = append(jobs, func() error {
			_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, resumptionPSK(other.GroupID(), other.Epoch()))
			return err
		})
	}
	jobs = append(jobs, func() error {
		<-arrived
		<-arrived
		for _, c := range candidates {
			_, err := c.Adopt()
			require.NoError(t, err)
		}
		close(release)
		return ErrRetired
	})
	for _, err := range together(t, jobs) {
		require.ErrorIs(t, err, ErrRetired)
	}
}

// meeting is a store that tells when it is asked, and waits to answer.
type meeting struct {
	group            *Group
	arrived, release chan struct{}
}

func (meeting) ExternalPSK(context.Context, []byte) ([]byte, error) { return nil, ErrUnknownPSK }

func (m meeting) Group([]byte) *Group {
	m.arrived <- struct{}{}
	<-m.release
	return m.group
}

// The inbox of an epoch that is over takes nothing and gives nothing, whoever comes
// between its end and the look at it.
func TestRetiredInboxIsShut(t *testing.T) {
	g := clique(t, 0x0001, 2)[0]
	g.Destroy()
	p := CommittedProposal{Proposal: message.Remove{Removed: 1}, Sender: message.Sender{Type: message.SenderMember, Leaf: 1}, Ref: []byte{1}}
	require.ErrorIs(t, g.inbox.keep(p, nil, anyProposals), ErrRetired)
	require.ErrorIs(t, g.inbox.takes(&p, anyProposals), ErrRetired)
	require.ErrorIs(t, g.inbox.admit(&Received{Proposal: &p}, nil, anyProposals), ErrRetired)
	_, err := g.inbox.live()
	require.ErrorIs(t, err, ErrRetired)
	require.Empty(t, g.inbox.pending())
}

// Where another goroutine retires the group in the middle of a call, the call finds the
// secrets gone, and refuses.
func TestGroupRetiredInTheMiddleOfACall(t *testing.T) {
	s := mlstest.Suite(t, 0x0001)
	_, err := externalKey(s, &schedule.EpochSecrets{})
	require.ErrorIs(t, err, ErrRetired)

	g := clique(t, 0x0001, 2)
	sealed, err := g[1].Encrypt(t.Context(), insiderTime, []byte("hello"), nil)
	require.NoError(t, err)
	m, err := message.Parse[message.Message](sealed)
	require.NoError(t, err)
	private, err := framing.ParsePrivate(m.PrivateMessage)
	require.NoError(t, err)
	g[0].inbox.retired = true
	_, _, err = g[0].unprotectPrivate(private)
	require.Equal(t, ErrRetired, err)
}
