package mls

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// Clients, groups and checks that most tests of the package stand on. insider_test.go has
// members who break the rules, and world_test.go the clients and groups of tests from
// outside the package.

// For the tests from outside the package.
var (
	ExternalPSK   = externalPSK
	ResumptionPSK = resumptionPSK
	Adopted       = adopted

	OwnKeyPackageFrom = ownKeyPackageFrom
	PrivateKeysOf     = privateKeysOf
)

var insiderTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// client returns the Config of a new client.
func client(t testing.TB, id suite.ID, name string, adjust ...func(*Config)) Config {
	t.Helper()
	cfg := Config{Suites: mlstest.AllSuites(), Suite: id, Credential: message.BasicCredential([]byte(name)), NoGREASE: true}
	var err error
	cfg.Signer, err = mlstest.Suite(t, id).GenerateSigner()
	require.NoError(t, err)
	for _, f := range adjust {
		f(&cfg)
	}
	return cfg
}

// ownKeyPackage returns a key package of a new client.
func ownKeyPackage(t testing.TB, id suite.ID, name string, adjust ...func(*Config)) *OwnKeyPackage {
	t.Helper()
	k, err := NewKeyPackage(t.Context(), insiderTime, client(t, id, name, adjust...), KeyPackageOptions{})
	require.NoError(t, err)
	return k
}

func externalPSK(id string) message.PreSharedKey {
	return message.PreSharedKey{PSK: message.PreSharedKeyID{ID: []byte(id)}}
}

func resumptionPSK(groupID []byte, epoch uint64) message.PreSharedKey {
	return message.PreSharedKey{PSK: message.PreSharedKeyID{
		Usage: message.ResumptionPSKApplication, GroupID: groupID, Epoch: epoch,
	}}
}

func publicHandshake(cfg *Config)  { cfg.PublicHandshake = true }
func privateHandshake(cfg *Config) { cfg.PublicHandshake = false }

// clique makes a group of n members, who are added by one commit without a path,
// and returns the Group of each by its leaf index.
func clique(t testing.TB, id suite.ID, n int, adjust ...func(*Config)) []*Group {
	t.Helper()
	g, err := CreateGroup(t.Context(), insiderTime, client(t, id, "member 0", adjust...), nil)
	require.NoError(t, err)
	return gather(t, g, n, adjust...)
}

// gather lets the only member of a group add others until there are n.
func gather(t testing.TB, g *Group, n int, adjust ...func(*Config)) []*Group {
	t.Helper()
	var adds []message.Proposal
	var joiners []*OwnKeyPackage
	for i := 1; i < n; i++ {
		k := ownKeyPackage(t, g.cfg.Suite, fmt.Sprintf("member %d", i), adjust...)
		joiners, adds = append(joiners, k), append(adds, message.Add{KeyPackage: k.KeyPackage})
	}
	c, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, adds...)
	require.NoError(t, err)
	g, err = c.Adopt()
	require.NoError(t, err)
	groups := []*Group{g}
	for _, k := range joiners {
		g, err := adopted(k.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{}))
		require.NoError(t, err)
		groups = append(groups, g)
	}
	return groups
}

// admit lets the first of the members add k, and returns the groups of all, that of k
// last.
func admit(t testing.TB, groups []*Group, k *OwnKeyPackage) []*Group {
	t.Helper()
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: k.KeyPackage})
	require.NoError(t, err)
	follow(t, groups, 0, c)
	joined, err := adopted(k.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{}))
	require.NoError(t, err)
	return append(groups, joined)
}

// adopted is for a join that the client takes as it comes.
func adopted(c *Candidate, err error) (*Group, error) {
	if err != nil {
		return nil, err
	}
	return c.Adopt()
}

// follow lets everybody adopt a commit of the member at leaf by, and checks that
// they agree.
func follow(t testing.TB, groups []*Group, by int, c *Candidate) {
	t.Helper()
	message := c.Message
	want, err := c.EpochAuthenticator()
	require.NoError(t, err)
	for i, g := range groups {
		if g == nil {
			continue
		}
		next := c
		if i != by {
			r, err := g.Process(t.Context(), insiderTime, message)
			require.NoError(t, err)
			next = r.Commit
		}
		groups[i], err = next.Adopt()
		if next.Removed() {
			require.ErrorIs(t, err, ErrRemoved)
			continue
		}
		require.NoError(t, err)
		got, err := groups[i].EpochAuthenticator()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// populate lets members of a group commit until its tree has no blank parent.
func populate(t testing.TB, groups []*Group) {
	t.Helper()
	for i := range groups {
		c, err := groups[i].Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		follow(t, groups, i, c)
	}
}

// requireRefused checks that err is want: a sentinel, or a ValidationError of the
// same section and culprit whose rule begins with that of want.
func requireRefused(t testing.TB, want, err error) {
	t.Helper()
	w, ok := errors.AsType[*message.ValidationError](want)
	if !ok {
		require.ErrorIs(t, err, want)
		return
	}
	got, ok := errors.AsType[*message.ValidationError](err)
	require.True(t, ok, "%v, want %v", err, want)
	require.Equal(t, w.Section, got.Section, "%v, want %v", err, want)
	require.Contains(t, got.Fault, w.Fault)
	require.Equal(t, w.Leaf, got.Leaf, "%v", err)
	require.Equal(t, w.Proposal, got.Proposal, "%v", err)
}

// requireUnmoved runs what must fail with want and leave g as it was.
func requireUnmoved(t testing.TB, g *Group, want error, run func() error) {
	t.Helper()
	before := fingerprint(g)
	err := run()
	require.Error(t, err)
	requireRefused(t, want, err)
	require.Equal(t, before, fingerprint(g), "the group has changed")
}

// requireUnprocessed checks that g refuses a message, and is as it was; and so does
// a PublicGroup that has seen what g has, unless only members can tell.
func requireUnprocessed(t testing.TB, g *Group, want error, message []byte) {
	t.Helper()
	requireRefusedInPublic(t, g, want, message)
	requireUnmoved(t, g, want, func() error {
		r, err := g.Process(t.Context(), insiderTime, message)
		if err != nil {
			require.Nil(t, r)
		}
		return err
	})
}

// forMembers reports whether it takes a member's secrets to see a fault.
func forMembers(want error) bool {
	for _, sentinel := range []error{ErrDecrypt, fault.ErrPathSecret, ErrUnknownPSK, ErrUnusablePSK, ErrOwnMessage, ErrConsumed, ErrGeneration} {
		if errors.Is(want, sentinel) {
			return true
		}
	}
	v, ok := errors.AsType[*message.ValidationError](want)
	return ok && slices.ContainsFunc([]string{ // a section, and how the rule begins
		"6.1 confirmation tag does not match",
		"6.2 membership tag does not match",
		"7.4 path secret does not have",
		"7.5 path secret does not give the public key",
		"8.3 kem_output does not decapsulate with the group's external key",
		"12.1.2 private key of this member's own Update is missing",
	}, func(rule string) bool { return strings.HasPrefix(v.Section+" "+v.Fault, rule) })
}

// inPublic returns what one sees of a group who has followed it without secrets.
func inPublic(t testing.TB, g *Group) *PublicGroup {
	public := &PublicGroup{publicView: g.publicView, cfg: g.cfg, saving: newSaving(0)}
	for _, p := range g.inbox.pending() {
		require.NoError(t, public.cache.keep(p, anyProposals))
	}
	return public
}

// requireRefusedInPublic checks that somebody who follows g without secrets refuses
// a PublicMessage with the same error as g, and is as before.
func requireRefusedInPublic(t testing.TB, g *Group, want error, msg []byte) {
	t.Helper()
	m, err := message.Parse[message.Message](msg)
	if err != nil || m.PublicMessage == nil || forMembers(want) {
		return
	}
	public := inPublic(t, g)
	before := publicFingerprint(public)
	r, err := public.Process(t.Context(), insiderTime, msg)
	require.Error(t, err, "in public")
	require.Nil(t, r)
	requireRefused(t, want, err)
	require.Equal(t, before, publicFingerprint(public))
	require.Same(t, g.public, public.public)
}

// publicIn returns the PublicMessage that an MLSMessage holds.
func publicIn(t require.TestingT, msg []byte) *framing.PublicMessage {
	m, err := message.Parse[message.Message](msg)
	require.NoError(t, err)
	require.NotNil(t, m.PublicMessage)
	public, err := framing.ParsePublic(m.PublicMessage, message.CodePoints{})
	require.NoError(t, err)
	return public
}

// privateIn returns the PrivateMessage that an MLSMessage holds.
func privateIn(t require.TestingT, msg []byte) *framing.PrivateMessage {
	m, err := message.Parse[message.Message](msg)
	require.NoError(t, err)
	require.NotNil(t, m.PrivateMessage)
	private, err := framing.ParsePrivate(m.PrivateMessage)
	require.NoError(t, err)
	return private
}

// member returns the view that the member at a leaf of a simulation has.
func member(t testing.TB, sim *Simulation, leaf message.LeafIndex) *Group {
	t.Helper()
	g, err := sim.Member(leaf)
	require.NoError(t, err)
	return g
}
