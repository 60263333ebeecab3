package mls

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// byName takes basic credentials for one client that begin with the same name, as in
// "Alice/2026", and counts what it is asked.
type byName struct{ asked int }

func (*byName) Authenticate(_ context.Context, _ time.Time, _ event.Occasion, changes []event.Change) ([]error, error) {
	return make([]error, len(changes)), nil
}

func (b *byName) SameClient(old, next message.Credential) bool {
	b.asked++
	o, _, _ := bytes.Cut(old.Content, []byte("/"))
	n, _, _ := bytes.Cut(next.Content, []byte("/"))
	return bytes.Equal(o, n)
}

func credentials(names ...string) []message.Credential {
	all := make([]message.Credential, len(names))
	for i, name := range names {
		all[i] = message.BasicCredential([]byte(name))
	}
	return all
}

func TestMatchClients(t *testing.T) {
	g := clique(t, 0x0001, 4)[1]
	for _, c := range []struct {
		name    string
		a       Authenticator
		given   []string
		matched map[message.LeafIndex]int
		others  []int
	}{
		{"identical", nil, []string{"member 3", "member 0", "member 2", "member 1"}, map[message.LeafIndex]int{0: 1, 1: 3, 2: 2, 3: 0}, nil},
		{"nobody says that they are the same", nil, []string{"member 0/new"}, map[message.LeafIndex]int{}, []int{0}},
		{"the application says it", &byName{}, []string{"member 0/new", "member 2/new"}, map[message.LeafIndex]int{0: 0, 2: 1}, nil},
		{"each once", &byName{}, []string{"member 1/new", "member 1/newer", "stranger"}, map[message.LeafIndex]int{1: 0}, []int{1, 2}},
		{"identical ones first", &byName{}, []string{"member 1/new", "member 1"}, map[message.LeafIndex]int{1: 1}, []int{0}},
		{"none", &byName{}, nil, map[message.LeafIndex]int{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			matched, others := g.MatchClients(c.a, credentials(c.given...))
			require.Equal(t, c.matched, matched)
			require.Equal(t, c.others, others)
		})
	}
	another := message.BasicCredential([]byte("member 0"))
	another.Type = 0xF000
	_, others := g.MatchClients(nil, []message.Credential{another})
	require.Equal(t, []int{0}, others, "of another type")
}

// In the order of the tree, with the creator first, as in a follow-up group.
func TestMatchClientsIsLinear(t *testing.T) {
	const size = 40
	var names []string
	for i := range size {
		names = append(names, fmt.Sprintf("member %d/new", i))
	}
	order := append([]string{names[7]}, append(names[:7:7], names[8:]...)...)
	a := &byName{}
	matched, others := clique(t, 0x0001, size)[0].MatchClients(a, credentials(order...))
	require.Len(t, matched, size)
	require.Empty(t, others)
	require.Less(t, a.asked, 3*size)
}

// Of identical credentials nothing is asked, in whatever order.
func TestMatchClientsAsksNothingOfIdentical(t *testing.T) {
	const size = 40
	g := clique(t, 0x0001, size)[0]
	var names []string
	for i := range size {
		names = append(names, fmt.Sprintf("member %d", size-1-i))
	}
	a := &byName{}
	matched, others := g.MatchClients(a, credentials(names...))
	require.Len(t, matched, size)
	require.Empty(t, others)
	require.Equal(t, -1, g.stranger(a, credentials(names...)))
	require.Zero(t, a.asked)

	names[3], names[7] = "member 4/new", "member 5/new"
	matched, others = g.MatchClients(a, credentials(names...))
	require.Len(t, matched, size-2)
	require.Equal(t, []int{3, 7}, others, "members 4 and 5 have identical ones")
	require.LessOrEqual(t, a.asked, 2*2, "two members and two credentials are left")
}

func TestStranger(t *testing.T) {
	const size = 40
	g := clique(t, 0x0001, size)[0]
	for _, c := range []struct {
		name  string
		a     Authenticator
		given []string
		want  int
	}{
		{"none", nil, nil, -1},
		{"identical", nil, []string{"member 3", "member 0"}, -1},
		{"nobody says that they are the same", nil, []string{"member 3", "member 0/new"}, 1},
		{"the application says it", &byName{}, []string{"member 3", "member 0/new"}, -1},
		{"two of one client", &byName{}, []string{"member 3/new", "member 3", "member 3/newer"}, -1},
		{"the first", &byName{}, []string{"member 3/new", "stranger", "another"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, g.stranger(c.a, credentials(c.given...)))
		})
	}
	var names []string
	for i := range size {
		names = append(names, fmt.Sprintf("member %d/new", i))
	}
	a := &byName{}
	require.Equal(t, -1, g.stranger(a, credentials(names...)))
	require.Equal(t, size, a.asked, "in the order of the members")
}

func TestReInitOfGroup(t *testing.T) {
	require.Nil(t, oldGroup(t, false).ReInit())
	old := oldGroup(t, true)
	want := message.ReInit{GroupID: []byte("next"), Version: codepoint.VersionMLS10, CipherSuite: 0x0001}
	require.Equal(t, want.GroupID, old.ReInit().GroupID)
	require.Equal(t, want.CipherSuite, old.ReInit().CipherSuite)
	state, err := storeAll(old)
	require.NoError(t, err)
	again, err := RestoreGroup(insiderTime, *old.cfg, state)
	require.NoError(t, err)
	require.Equal(t, old.ReInit(), again.ReInit())
}

func TestDestroyedGroupIsRetired(t *testing.T) {
	g := oldGroup(t, false)
	c, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	secret := g.secrets.Resumption
	for range 2 {
		g.Destroy()
		_, err = g.Encrypt(t.Context(), insiderTime, nil, nil)
		require.ErrorIs(t, err, ErrRetired)
	}
	_, err = c.Adopt()
	require.ErrorIs(t, err, ErrRetired)
	_, err = c.EpochAuthenticator()
	require.ErrorIs(t, err, ErrRetired)
	require.Equal(t, make([]byte, len(secret)), secret)
}

func TestKeyPackageCheck(t *testing.T) {
	cfg := client(t, 0x0001, "client")
	check := func(change func(*message.KeyPackage, *time.Time)) error {
		kp, now := *ownKeyPackage(t, 0x0001, "client").KeyPackage, insiderTime
		change(&kp, &now)
		return checkKeyPackage(t, &kp, now, cfg, nil)
	}
	require.NoError(t, check(func(*message.KeyPackage, *time.Time) {}))
	require.ErrorIs(t, check(func(k *message.KeyPackage, _ *time.Time) { k.Signature = nil }), message.ErrInvalid)
	requireRefused(t, fault.Violation("7.3", "current time is outside the lifetime"),
		check(func(_ *message.KeyPackage, now *time.Time) { *now = now.Add(defaultLifetime + time.Second) }))
	unknown := check(func(k *message.KeyPackage, _ *time.Time) { k.CipherSuite = 0x00FF })
	require.ErrorIs(t, unknown, message.ErrUnsupported)
	require.ErrorIs(t, unknown, registry.ErrUnknown)
	var refused *suite.PolicyError
	kp := ownKeyPackage(t, 0x0001, "client")
	cfg.Policy = verdicts{judge: func(what string, _ suite.Use) error {
		if what == "credential basic" {
			return errVerdict
		}
		return nil
	}}
	require.ErrorAs(t, checkKeyPackage(t, kp.KeyPackage, insiderTime, cfg, nil), &refused)
	require.Equal(t, kp.Ref, refused.KeyPackage)
	_, err := CheckKeyPackages(t.Context(), insiderTime, Config{}, nil, kp.KeyPackage)
	require.ErrorIs(t, err, errNoSuites)

	// Of several, the Authenticator is asked once about those that pass.
	var asked []event.Change
	cfg.Policy, cfg.Authenticator = nil, judge{refused: "mallory", asked: &asked}
	mallory := ownKeyPackage(t, 0x0001, "mallory").KeyPackage
	refusals, err := CheckKeyPackages(t.Context(), insiderTime, cfg, nil, nil, kp.KeyPackage, mallory)
	require.NoError(t, err)
	require.ErrorIs(t, refusals[0], message.ErrMalformed)
	require.NoError(t, refusals[1])
	require.ErrorIs(t, refusals[2], message.ErrInvalid)
	require.Len(t, asked, 2)

	// A group that goes on has no group to follow it.
	goesOn := oldGroup(t, false)
	want := fault.Violation("11.2", "no ReInit has ended the group")
	_, err = CheckKeyPackages(t.Context(), insiderTime, cfg, goesOn, kp.KeyPackage)
	requireRefused(t, want, err)
	_, err = NewKeyPackage(t.Context(), insiderTime, client(t, 0x0001, "client"), KeyPackageOptions{Follows: goesOn})
	requireRefused(t, want, err)
}

// checkKeyPackage is CheckKeyPackages for one.
func checkKeyPackage(t testing.TB, kp *message.KeyPackage, now time.Time, cfg Config, old *Group) error {
	refusals, err := CheckKeyPackages(t.Context(), now, cfg, old, kp)
	require.NoError(t, err)
	return refusals[0]
}
